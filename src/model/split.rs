//! Work as it is cut and read: splits, positions and pages of raw bytes.
//!
//! Does not own how a source finds its splits or fills a page.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Number of a split within its run, in source order: sources as the job lists them, files as
/// the manifest or folder lists them, ranges by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SplitId(pub u32);

/// The unit of parallel reading: a whole file, or a byte range of one. Serialises, so that a
/// split can be read on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Number within the run.
    pub id: SplitId,
    /// Index of the source in the plan.
    pub source: usize,
    /// What people call it: the file, and the range when it is a part.
    pub name: String,
    /// Object to read, below the source's own prefix.
    pub path: String,
    /// Format of its rows.
    pub format: RawFormat,
    /// Whether the object is gzip-compressed.
    pub gzip: bool,
    /// Byte range of an uncompressed object; the whole object when absent.
    pub range: Option<(u64, u64)>,
    /// Size of the object or range as stored, for progress.
    pub bytes: u64,
    /// Rows that the source says it holds; a different count is a verification error.
    pub expected_rows: Option<u64>,
    /// MD5 of the object as stored, base64, when the source states one.
    pub md5_base64: Option<String>,
}

/// Where reading stands within a split: rows already taken. File splits are redone whole, live
/// ones continue after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Rows of the split that were taken before.
    pub rows: u64,
}

/// How the bytes of a row are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawFormat {
    /// One DynamoDB JSON object a line: `{"Item":{"id":{"S":"1"}}}`.
    DynamodbJson,
    /// BSON documents one after the other.
    Bson,
}

impl RawFormat {
    /// Stable name, as written in quarantine and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DynamodbJson => "dynamodb_json",
            Self::Bson => "bson",
        }
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
    /// `dynamodb_export` or `mongodump`.
    pub kind: String,
    /// Where it was read, without credentials.
    pub location: String,
    /// SHA-256 (hex) over what identifies the content: manifests with their checksums, or the
    /// dump's own bytes. Equal fingerprints mean equal rows.
    pub fingerprint: String,
    /// `point_in_time` for an export; `unordered_dump` for a mongodump.
    pub consistency: String,
    /// Instant the data stands for (RFC 3339, UTC), when the source says so.
    pub as_of: Option<String>,
    /// Why the completeness of the source could not be verified; absent when it was.
    pub unverified: Option<String>,
    /// Rows that the source as a whole says it holds.
    pub expected_rows: Option<u64>,
}
