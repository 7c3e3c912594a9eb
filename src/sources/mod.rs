//! Where rows come from: each source cuts its work into splits and streams raw pages.
//!
//! Owns the [`Source`] trait and its implementations. Does not own decoding: no SDK or file
//! format type leaves this folder, only bytes with their positions.

mod file_rows;
mod gzip;
mod object;
mod pages;
mod rows;

pub mod dynamodb;
pub mod mongodb;

pub use file_rows::{FileRows, file_rows};

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::catalog::Contract;
use crate::error::Result;
pub use crate::model::SourcePlan;
use crate::model::{Position, RawPage, Split};
use crate::plan::{AwsOptions, Plan, Slice, SourceSpec};
use crate::storage::open_existing;
use dynamodb::DynamodbExport;
use mongodb::{Mongodump, Stated};

/// A place rows can be read from, in parallel and again.
pub trait Source: Send + Sync {
    /// Checks what the source says about itself and cuts it into splits. Ids count from 0 and
    /// `source` is 0; the pipeline renumbers them within the run.
    ///
    /// # Errors
    /// `Verification` when manifests, checksums or files disagree, `Usage` when the place holds
    /// no such source, `Permission` and `Transient` from the store.
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>>;

    /// Takes up an interrupted reading again: gives its splits, so that each goes on where it
    /// stood. File sources plan again: files that are still the same give the same splits.
    ///
    /// # Errors
    /// `Usage` when the job or the place has changed so that the splits no longer fit, and as
    /// [`Source::plan`].
    fn resume(&self, _interrupted: SourcePlan) -> BoxFuture<'_, Result<SourcePlan>> {
        self.plan()
    }

    /// Streams the pages of a split, in order, whole rows only. A live split goes on after the
    /// position; file splits start over and ignore it.
    ///
    /// # Errors
    /// The stream ends with the first error: `Verification` for a cut or altered file or a
    /// wrong count, `Permission` and `Transient` from the store or service. Passing faults of a
    /// service are retried before they are an error.
    fn read(&self, split: &Split, after: Option<&Position>) -> BoxStream<'static, Result<RawPage>>;

    /// How the source turned out to be read, which is what
    /// [`consistency`](crate::model::SourceSummary::consistency) should say once all is read; none
    /// when it was read as planned. A snapshot may be lost on the way.
    fn consistency(&self) -> Option<String> {
        None
    }
}

/// What a source needs to know of the run that reads it.
#[derive(Debug, Clone, Copy)]
pub struct ReadContext<'a> {
    /// Contract that the rows will be judged by: which fields are read, how large a row may be.
    pub contract: &'a Contract,
    /// Slice that the source may apply itself.
    pub slice: Option<&'a Slice>,
    /// How AWS services are reached.
    pub aws: &'a AwsOptions,
    /// Workers that will read.
    pub threads: usize,
    /// Bytes that a gzip file may take, stored and inflated together, to be inflated at once
    /// instead of step by step; 0 when none may.
    pub whole_file_bytes: u64,
}

impl<'a> ReadContext<'a> {
    /// The context of a plan, with [`Self::whole_file_bytes`].
    #[must_use]
    pub fn of(plan: &'a Plan, whole_file_bytes: u64) -> Self {
        Self {
            contract: &plan.contract,
            slice: plan.slice.as_ref(),
            aws: &plan.aws,
            threads: plan.threads,
            whole_file_bytes,
        }
    }
}

/// Opens the source that a plan names.
///
/// # Errors
/// `Usage` when there is no such place. What it holds is looked at by [`Source::plan`].
pub async fn open(spec: &SourceSpec, context: ReadContext<'_>) -> Result<Box<dyn Source>> {
    let options = ReadOptions {
        whole_file_bytes: context.whole_file_bytes,
        ..ReadOptions::new(context.contract.limits.max_row_bytes)
    };
    match spec {
        SourceSpec::DynamodbExport { url } => {
            let folder = open_existing(url, context.aws).await?;
            Ok(Box::new(DynamodbExport::new(folder, Some(context.contract), options)))
        }
        SourceSpec::Dynamodb(table) => Ok(Box::new(dynamodb::open_table(table, context).await?)),
        SourceSpec::Mongodb(collection) => {
            Ok(Box::new(mongodb::open_collection(collection, context).await?))
        }
        SourceSpec::Mongodump { url, expected_rows, expected_sha256 } => {
            let (folder, file) = url.rsplit_once('/').unwrap_or((".", url));
            let stated = Stated { rows: *expected_rows, sha256: expected_sha256.clone() };
            let folder = if folder.is_empty() { "/" } else { folder };
            Ok(Box::new(Mongodump::new(
                open_existing(folder, context.aws).await?,
                file,
                stated,
                options,
            )))
        }
    }
}

/// Sizes in which a source is cut and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// Size at which a page of rows is handed on.
    pub page_bytes: usize,
    /// Stored bytes that are fetched at a time; two such pieces are held for each split.
    pub fetch_bytes: u64,
    /// Size at which a dump is cut into another split.
    pub split_bytes: u64,
    /// Size from which a row is skipped over instead of held: the contract's limit.
    pub max_row_bytes: u64,
    /// Bytes that a gzip file may take to be inflated at once: [`ReadContext::whole_file_bytes`].
    pub whole_file_bytes: u64,
}

impl ReadOptions {
    /// The usual sizes, for rows of at most `max_row_bytes`. No file is inflated at once.
    #[must_use]
    pub fn new(max_row_bytes: u64) -> Self {
        Self {
            page_bytes: 1024 * 1024,
            fetch_bytes: 4 * 1024 * 1024,
            split_bytes: 64 * 1024 * 1024,
            max_row_bytes,
            whole_file_bytes: 0,
        }
    }
}
