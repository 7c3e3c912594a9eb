//! Files of the dataset: written in key order, closed with what is in them, and read back by a
//! second reader that shares nothing with the writer.
//!
//! Owns the formats, the names of files and when a new one begins. Does not own which rows go in
//! (`pipeline`) nor which files count (`publish`).

mod csv;
mod day_writer;
mod encodings;
mod json;
mod object;
mod parquet;
mod plain;
pub mod quarantine;
mod reread;
mod upload;

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use tokio::runtime::Handle;

use crate::model::DataFile;

pub use self::parquet::FileMetadata;
pub use day_writer::DayWriter;
pub(crate) use object::StoredObject;
pub use reread::{Reread, any_rows, compare, filtered_rows, read_rows, reread};
pub(crate) use upload::UPLOAD_BYTES;

/// Where files go, and the runtime that moves their bytes. Writers block; use them outside any
/// asynchronous task.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// Root of the dataset.
    pub root: Path,
    /// Runs the store's requests.
    pub runtime: Handle,
}

/// A file as its writer closed it.
#[derive(Debug, Clone)]
pub struct WrittenFile {
    /// The file.
    pub file: DataFile,
    /// Filtered counts that a reader must come to as well.
    pub probes: Vec<Probe>,
    /// Text cells that got an apostrophe, see [`crate::plan::FormulaGuard`].
    pub guarded_cells: u64,
}

/// A filtered count: the rows of a file whose `column` is at least a threshold. Readers prune by
/// statistics, so a count that is right over all rows proves nothing about a filtered one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Name of a top-level decimal column.
    pub column: String,
    /// The threshold, in units of the column's scale.
    pub at_least: i128,
    /// Rows that reach it.
    pub rows: u64,
}
