//! Work as it is cut and read: splits, positions and pages of raw bytes.
//!
//! Does not own how a source finds its splits or fills a page.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Number of a split within its run, in source order: sources as the job lists them, files as
/// the manifest or folder lists them, ranges by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SplitId(pub u32);

/// The unit of parallel reading: a file or a byte range of one, a segment of a table, a range
/// of a collection. Serialises, so that a split can be read on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Number within the run.
    pub id: SplitId,
    /// Index of the source in the plan.
    pub source: usize,
    /// What people call it: the file, and the range when it is a part.
    pub name: String,
    /// What of the source it is.
    pub part: Part,
    /// Format of its rows.
    pub format: RawFormat,
    /// Size as stored, for progress; an estimate for what is read live.
    pub bytes: u64,
    /// Rows that the source says it holds; a different count is a verification error.
    pub expected_rows: Option<u64>,
}

impl Split {
    /// The object, when the split is one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectPart> {
        match &self.part {
            Part::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether reading can go on after a page that was taken, instead of from the start.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.object().is_none()
    }
}

/// What of its source a split is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A stored object, or a range of one.
    Object(ObjectPart),
    /// One of the segments of a Scan of a DynamoDB table.
    Segment {
        /// Number of the segment, from 0.
        index: u32,
        /// Segments in all.
        total: u32,
    },
    /// All that a Query of a DynamoDB index gives.
    Query,
    /// Documents of a MongoDB collection by their `_id`, in the order in which BSON compares
    /// values of all types. Each bound is a document `{"_id": …}` in canonical Extended JSON.
    Ids {
        /// Least `_id`, included; none when the range begins at the start.
        from: Option<String>,
        /// The `_id` behind the range, not included; none when it goes on to the end.
        to: Option<String>,
    },
}

/// A stored object, or a range of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPart {
    /// Path below the source's own prefix.
    pub path: String,
    /// Whether the object is gzip-compressed.
    pub gzip: bool,
    /// Byte range of an uncompressed object; the whole object when absent.
    pub range: Option<(u64, u64)>,
    /// MD5 of the object as stored, base64, when the source states one.
    pub md5_base64: Option<String>,
}

/// Where reading stands within a live split. File splits are redone whole and have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Rows of the split that were taken before: the ordinal of the next row.
    pub rows: u64,
    /// [`RawPage::resume`] of the last page that was taken, kept verbatim.
    pub after: String,
}

/// How the bytes of a row are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawFormat {
    /// One DynamoDB JSON object a line: `{"Item":{"id":{"S":"1"}}}`.
    DynamodbJson,
    /// A DynamoDB item as a reply of the service holds it: `{"id":{"S":"1"}}`.
    DynamodbItem,
    /// One change of a DynamoDB item a line, as incremental exports hold it:
    /// `{"Metadata":{…},"Keys":{…},"OldImage":{…},"NewImage":{…}}`.
    DynamodbChange,
    /// BSON documents one after the other.
    Bson,
}

impl RawFormat {
    /// Stable name, as written in quarantine and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DynamodbJson => "dynamodb_json",
            Self::DynamodbItem => "dynamodb_item",
            Self::DynamodbChange => "dynamodb_change",
            Self::Bson => "bson",
        }
    }

    /// The format that is called `name`, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::DynamodbJson, Self::DynamodbItem, Self::DynamodbChange, Self::Bson]
            .into_iter()
            .find(|format| format.as_str() == name)
    }
}

/// Whole rows, as the file or the wire gave them, with the place they came from.
#[derive(Debug, Clone)]
pub struct RawPage {
    /// Split that was read.
    pub split: SplitId,
    /// Ordinal within the split of the page's first row.
    pub first_row: u64,
    /// Offset of the page within the (inflated) object, in bytes.
    pub offset_bytes: u64,
    /// The rows.
    pub content: PageContent,
    /// Where a live split is read on behind this page, in the source's own words; none in files,
    /// and where the source cannot go on after a page.
    pub resume: Option<String>,
}

/// What a page holds.
#[derive(Debug, Clone)]
pub enum PageContent {
    /// Whole rows of `format`. JSON lines end in `\n` (the last may lack it; empty lines are
    /// not rows), BSON documents follow each other and their size prefixes have been checked
    /// to tile the page exactly.
    Rows {
        /// Format of the rows.
        format: RawFormat,
        /// The bytes.
        bytes: Bytes,
    },
    /// Whole rows of `format` within a reply: each lies at its range, and what is between them
    /// is not rows.
    Embedded {
        /// Format of the rows.
        format: RawFormat,
        /// The reply.
        bytes: Bytes,
        /// Start and end of each row within `bytes`, ascending. BSON size prefixes have been
        /// checked to agree with them.
        ranges: Vec<(u32, u32)>,
    },
    /// One row larger than the contract's `max_row_bytes`. It was skipped over, not held.
    Oversized {
        /// Format of the row.
        format: RawFormat,
        /// Full size of the row in bytes.
        row_bytes: u64,
        /// Its first bytes, at most 64 KiB.
        head: Bytes,
    },
}

/// What a source promises about itself, gathered when it was cut into splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// `dynamodb_export`, `mongodump`, `dynamodb` or `mongodb`; of a replay `quarantine`, and
    /// `published` for days that are carried over.
    pub kind: String,
    /// Where it was read, without credentials.
    pub location: String,
    /// SHA-256 (hex) over what identifies the content: manifests with their checksums, or the
    /// dump's own bytes. Equal fingerprints mean equal rows. For a live source over what is read
    /// and when reading began: two readings are never taken for the same.
    pub fingerprint: String,
    /// `point_in_time` for a full export; `changes [t0, t1]` for an incremental one, the instants
    /// from and before which its changes were written; `unordered_dump` for a mongodump; for a
    /// live source `scan-window [t0, t1]`, the instants between which every row was read, or
    /// `snapshot [t]`.
    pub consistency: String,
    /// Instant the data stands for (RFC 3339, UTC), when the source says so.
    pub as_of: Option<String>,
    /// Why the completeness of the source could not be verified; absent when it was.
    pub unverified: Option<String>,
    /// Rows that the source as a whole says it holds.
    pub expected_rows: Option<u64>,
    /// What of the job's slice the source itself applies, in words; absent without a slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_down: Option<String>,
}

impl SourceSummary {
    /// Whether the source holds what changed, and not all that there is.
    #[must_use]
    pub fn holds_changes_only(&self) -> bool {
        self.consistency.starts_with(CHANGES)
    }

    /// Says between which instants a live source was read, unless it was read as a snapshot.
    pub fn set_scan_window(&mut self, from: Timestamp, to: Timestamp) {
        if self.consistency.starts_with(SCAN_WINDOW) {
            self.consistency = format!("{SCAN_WINDOW} [{from}, {to}]");
        }
    }
}

/// A source cut into work. Serialises: an interrupted reading of a live source is taken up with
/// the splits it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// What the source promises about itself.
    pub summary: SourceSummary,
    /// The work, in source order.
    pub splits: Vec<Split>,
}

/// [`SourceSummary::consistency`] of a source that holds what changed between two instants, before
/// it is said which.
pub const CHANGES: &str = "changes";

/// [`SourceSummary::consistency`] of a source that is read while it changes, before it is known
/// between which instants.
pub const SCAN_WINDOW: &str = "scan-window";
