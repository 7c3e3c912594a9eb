//! What a run will do, as plain data: the outcome of resolving a job against the catalog.
//!
//! Does not own how it was resolved (`config::resolve`) nor how it is done (`pipeline`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::catalog::Contract;
use crate::model::Sensitive;

/// Everything a run needs to know before it reads a byte.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the job.
    pub job: String,
    /// The dataset version to produce.
    pub contract: Arc<Contract>,
    /// Where rows come from, in the job's order.
    pub sources: Vec<SourceSpec>,
    /// Days to publish.
    pub days: DaySelection,
    /// The slice that sources may apply themselves; the days say the same of every row that was
    /// read.
    pub slice: Option<Slice>,
    /// Place of the exchange rates, where the contract converts amounts.
    pub rates: Option<String>,
    /// The run's clock: the only "now" that can reach the output.
    pub as_of: Timestamp,
    /// Root URL of the dataset: `_log/`, `_data/`, `_quarantine/` and `latest/` lie below it.
    pub target: String,
    /// Files to write, at least one.
    pub sinks: Vec<SinkSpec>,
    /// How many rejects may be, before publishing is refused.
    pub reject_budget: RejectBudget,
    /// Whether the derived view `latest/` is written after the commit.
    pub latest: bool,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Memory budget of the whole run, bytes.
    pub memory_bytes: u64,
    /// Bytes of a live split after which its checkpoint is taken.
    pub checkpoint_bytes: u64,
    /// Local folder for staged runs and checkpoints of this job.
    pub staging: PathBuf,
    /// How AWS services are reached, where the environment does not say.
    pub aws: AwsOptions,
    /// File of the keys that take pseudonyms and suppression marks, when the environment names one.
    pub privacy_key_file: Option<PathBuf>,
}

impl Plan {
    /// Makes a snapshot the condition of reading any MongoDB collection.
    pub fn require_snapshots(&mut self) {
        for source in &mut self.sources {
            if let SourceSpec::Mongodb(collection) = source {
                collection.require_snapshot = true;
            }
        }
    }

    /// Whether a source is read while it may change, so that no two readings are the same.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.sources.iter().any(SourceSpec::is_live)
    }
}

/// A source of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A DynamoDB Export to S3.
    DynamodbExport {
        /// URL of the folder that holds `manifest-summary.json`.
        url: String,
    },
    /// A file of mongodump.
    Mongodump {
        /// URL of the `.bson` or `.bson.gz` file.
        url: String,
        /// Documents it must hold, when the job states it.
        expected_rows: Option<u64>,
        /// SHA-256 (hex) of the file as stored, when the job states it.
        expected_sha256: Option<String>,
    },
    /// A DynamoDB table, read while it is in use.
    Dynamodb(DynamodbTable),
    /// A MongoDB collection, read while it is in use.
    Mongodb(MongodbCollection),
}

impl SourceSpec {
    /// Whether the source is read while it may change.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Dynamodb(_) | Self::Mongodb(_))
    }
}

/// How long a service that throttles or fails is waited for, when nothing is said.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What to read of a DynamoDB table, and how gently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamodbTable {
    /// Name of the table.
    pub table: String,
    /// Query instead of Scan.
    pub query: Option<DynamodbQuery>,
    /// Filter expression, applied by the service after it has read (and charged for) an item.
    pub filter: Option<String>,
    /// Names that expressions use: `#status` for `status`.
    pub names: BTreeMap<String, String>,
    /// Values that expressions use: `:paid` for `{"S":"paid"}`, DynamoDB JSON.
    pub values: BTreeMap<String, String>,
    /// Segments of a Scan; by the size of the table when absent.
    pub segments: Option<u32>,
    /// Most items of a page; as many as the service puts into a megabyte when absent.
    pub page_items: Option<u32>,
    /// Whether reads are strongly consistent, at twice the price.
    pub consistent_read: bool,
    /// Whether whole items are fetched, not only the attributes that the contract reads.
    pub whole_items: bool,
    /// Read capacity that may be used.
    pub capacity: ReadCapacity,
    /// How long throttling and passing faults are waited out without any progress.
    pub patience: Duration,
    /// Endpoint instead of the region's.
    pub endpoint_url: Option<String>,
}

impl DynamodbTable {
    /// All items of a table, by Scan, with what the contract reads of them.
    #[must_use]
    pub fn named(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            query: None,
            filter: None,
            names: BTreeMap::new(),
            values: BTreeMap::new(),
            segments: None,
            page_items: None,
            consistent_read: false,
            whole_items: false,
            capacity: ReadCapacity::Unlimited,
            patience: DEFAULT_PATIENCE,
            endpoint_url: None,
        }
    }
}

/// A Query: of the table, or of one of its indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamodbQuery {
    /// Global secondary index; the table's own key when absent.
    pub index: Option<String>,
    /// Key condition expression. `:slice_from` and `:slice_to` stand for the bounds of the job's
    /// slice.
    pub key_condition: String,
}

/// How many read capacity units a second may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadCapacity {
    /// As many as the service grants.
    Unlimited,
    /// At most so many.
    UnitsPerSecond(u32),
    /// At most this share of what the table is provisioned or warm for, percent.
    Percent(u8),
}

/// What to read of a MongoDB collection, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongodbCollection {
    /// Connection string; it may hold a password.
    pub uri: Sensitive,
    /// Variable of the environment that holds it.
    pub uri_variable: String,
    /// Name of the database.
    pub database: String,
    /// Name of the collection.
    pub collection: String,
    /// Filter, a document in Extended JSON.
    pub filter: Option<String>,
    /// Whether whole documents are fetched, not only the fields that the contract reads.
    pub whole_documents: bool,
    /// Order to read in, a document in Extended JSON; then the collection is one split.
    pub sort: Option<String>,
    /// Most documents to read; then the collection is one split.
    pub limit: Option<u64>,
    /// Which members of a replica set may be read.
    pub read_preference: ReadPreference,
    /// Ranges of `_id` to read in parallel; by the size of the collection when absent.
    pub ranges: Option<u32>,
    /// Documents of a batch; as many as the server likes when absent.
    pub batch_documents: Option<u32>,
    /// Whether reading is refused when the server gives no snapshot.
    pub require_snapshot: bool,
    /// Whether a connection without TLS is allowed to a host that is not this machine.
    pub allow_plain_text: bool,
    /// How long passing faults are waited out without any progress.
    pub patience: Duration,
}

impl MongodbCollection {
    /// All documents of a collection, with what the contract reads of them. The connection string
    /// is yet to be looked up.
    #[must_use]
    pub fn named(uri_variable: &str, database: &str, collection: &str) -> Self {
        Self {
            uri: Sensitive::new(""),
            uri_variable: uri_variable.to_owned(),
            database: database.to_owned(),
            collection: collection.to_owned(),
            filter: None,
            whole_documents: false,
            sort: None,
            limit: None,
            read_preference: ReadPreference::Primary,
            ranges: None,
            batch_documents: None,
            require_snapshot: false,
            allow_plain_text: false,
            patience: DEFAULT_PATIENCE,
        }
    }
}

/// Which members of a replica set may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadPreference {
    /// The primary alone.
    Primary,
    /// The primary, a secondary when there is none.
    PrimaryPreferred,
    /// Secondaries alone.
    Secondary,
    /// A secondary, the primary when there is none.
    SecondaryPreferred,
    /// Whichever answers fastest.
    Nearest,
}

/// Rows of a half-open window of time. Bounds are whole seconds, so that every precision that a
/// source can have holds them exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Name of the contract's timestamp field.
    pub field: String,
    /// First instant in it.
    pub from: Timestamp,
    /// First instant behind it.
    pub to: Timestamp,
}

/// How AWS services are reached, where the environment does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsOptions {
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// What is particular to S3.
    pub s3: S3Options,
}

/// How S3 is reached and written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Options {
    /// Endpoint of an S3-compatible store.
    pub endpoint_url: Option<String>,
    /// Whether the bucket stands in the path instead of the host name; with an endpoint of
    /// one's own it does when nothing is said.
    pub path_style: Option<bool>,
    /// Encryption of what is written; the bucket's own when absent.
    pub encryption: Option<S3Encryption>,
}

/// Encryption that S3 applies to what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Encryption {
    /// With keys of S3 (`AES256`).
    S3Managed,
    /// With a key of the key management service (`aws:kms`).
    Kms {
        /// Id or ARN of the key; the account's default key when absent.
        key_id: Option<String>,
        /// Whether a bucket key spares calls to the key management service.
        bucket_key: bool,
    },
}

/// Days that a run publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaySelection {
    /// Every day that the source has rows for.
    Found,
    /// From `first` to `last`, both included; a day without rows is published empty.
    Range {
        /// First day.
        first: Date,
        /// Last day.
        last: Date,
    },
}

impl DaySelection {
    /// Whether rows of `day` belong to the run.
    #[must_use]
    pub fn contains(self, day: Date) -> bool {
        match self {
            Self::Found => true,
            Self::Range { first, last } => first <= day && day <= last,
        }
    }
}

/// A kind of file to write for each day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// Parquet.
    Parquet {
        /// Compression codec.
        compression: ParquetCompression,
        /// Size at which the next file is begun, bytes.
        target_bytes: u64,
        /// Size of a row group, bytes.
        row_group_bytes: u64,
    },
    /// CSV.
    Csv {
        /// Size at which the next file is begun, bytes.
        target_bytes: u64,
        /// What to do with text that a spreadsheet would run as a formula.
        formula_guard: FormulaGuard,
    },
}

/// Codec of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParquetCompression {
    /// zstd level 1: profile `lake`.
    Zstd,
    /// snappy: profile `bi`.
    Snappy,
}

/// Text cells of CSV that begin with `=`, `+`, `-`, `@`, TAB or CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormulaGuard {
    /// Written as they are.
    Off,
    /// Written with a leading apostrophe, and counted.
    Prefix,
}

/// How many rejects may be. Both bounds hold; rows that were read count as the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectBudget {
    /// Share of the rows that are in the run's window, in millionths: 1 % is 10,000.
    pub max_millionths: u32,
    /// Number of rows.
    pub max_rows: Option<u64>,
}

/// Name of the rule under which rows of other days are counted.
pub const OUTSIDE_WINDOW: &str = "outside_window";

/// Name of the rule under which deletions are counted that no newer copy of their key overtook.
pub const DELETED_IN_SOURCE: &str = "deleted_in_source";
