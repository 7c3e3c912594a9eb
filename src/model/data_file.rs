//! A file that was written, as the writer closed it and the commit record will name it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Format of a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// CSV by RFC 4180.
    Csv,
}

impl FileFormat {
    /// Extension of the file's name, and its stable name in records.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// Stands between the parts of a key of several fields, where a key is shown as text.
pub const KEY_PART_SEPARATOR: &str = "\u{1f}";

/// One immutable file of the dataset or of its quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path below the dataset's root, `_data/dt=2026-08-01/v-<run>/part-00000.parquet`.
    pub path: String,
    /// Format of the file.
    pub format: FileFormat,
    /// Business date of its rows; absent for quarantine files.
    pub dt: Option<Date>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// Rows in it.
    pub rows: u64,
    /// Least key in it, as text; absent when it has no rows, and in quarantine files.
    pub min_key: Option<String>,
    /// Greatest key in it, as text.
    pub max_key: Option<String>,
    /// Sum of every top-level decimal column, exact, as text at the column's scale.
    pub sums: BTreeMap<String, String>,
}
