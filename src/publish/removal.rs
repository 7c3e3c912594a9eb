//! What a record takes out of the dataset: which objects go, why, and what stands in their place.
//!
//! A record declares first, then the objects are deleted: who dies in between leaves objects that
//! are declared and still there, and the next removal deletes them. Does not own the decision to
//! remove (`pipeline`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::DataFile;
use crate::storage::{below, store_error};

use super::log::in_force;
use super::record::{CommitRecord, Committed};

/// What a retention or an erasure took out, as its record tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Why the record was made.
    pub cause: RemovalCause,
    /// Instant at which it was told what is due.
    pub as_of: Timestamp,
    /// Objects that go, by path.
    pub objects: Vec<RemovedObject>,
    /// Rows that left the quarantine, by the run that refused them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quarantined_rows: BTreeMap<String, u64>,
    /// Rows of published days that were changed, all days together.
    #[serde(default)]
    pub changed_rows: u64,
    /// Rows of published days that are gone, all days together.
    #[serde(default)]
    pub erased_rows: u64,
}

/// Why a record takes objects out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalCause {
    /// Periods of the contract are over.
    Retention,
    /// A person is to be forgotten.
    Erasure,
}

/// An object that goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RemovedObject {
    /// Path below the dataset's root.
    pub path: String,
    /// What it was.
    pub why: RemovedKind,
    /// For a quarantine file: the file of this record that holds what is left of its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// What an object was that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedKind {
    /// A file of a version of a day that is not the newest.
    OldVersion,
    /// A file of refused rows, all or some of which go.
    Quarantine,
    /// A file of a run that died before its commit.
    Orphan,
}

impl CommitRecord {
    /// Whether the days of this record are those that they replace, reworked: rows were taken
    /// out or changed, nothing was read anew.
    #[must_use]
    pub fn is_rework(&self) -> bool {
        self.removal.is_some()
    }
}

/// Paths that a record of `records` has taken out of the dataset.
#[must_use]
pub fn removed_paths(records: &[Committed]) -> BTreeSet<&str> {
    removals(records).map(|(object, _)| object.path.as_str()).collect()
}

/// The quarantine files of records in force as they are now: those that were taken out are left
/// out, and what was written in their place stands for them. Each with the record of the run that
/// refused its rows.
#[must_use]
pub fn quarantine_in_force(records: &[Committed]) -> Vec<(&Committed, &DataFile)> {
    in_force(records).flat_map(|committed| quarantine_of(records, committed)).collect()
}

/// The quarantine files of one record, as [`quarantine_in_force`].
#[must_use]
pub fn quarantine_of<'r>(
    records: &'r [Committed],
    committed: &'r Committed,
) -> Vec<(&'r Committed, &'r DataFile)> {
    if committed.record.is_rework() {
        return Vec::new();
    }
    let gone: BTreeMap<&str, Option<&str>> = removals(records)
        .map(|(object, _)| (object.path.as_str(), object.instead.as_deref()))
        .collect();
    let written: BTreeMap<&str, &DataFile> = (records.iter())
        .flat_map(|committed| &committed.record.quarantine_files)
        .map(|file| (file.path.as_str(), file))
        .collect();
    let now = |file: &'r DataFile| {
        let mut file = file;
        // Each step leads to a file of a later record.
        while let Some(instead) = gone.get(file.path.as_str()) {
            file = written.get((*instead)?)?;
        }
        Some((committed, file))
    };
    committed.record.quarantine_files.iter().filter_map(now).collect()
}

/// Deletes objects, at most a thousand in one request where the store can; those that are gone
/// already count as deleted.
///
/// # Errors
/// `Permission` and `Transient` from the store.
pub async fn delete_objects(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    paths: impl IntoIterator<Item = String>,
) -> Result<u64> {
    let paths: Vec<_> = paths.into_iter().map(|path| Ok(below(root, &path))).collect();
    let deleted = store.delete_stream(stream::iter(paths).boxed());
    deleted
        .map(|outcome| match outcome {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(fault) => Err(store_error("delete what was taken out of the dataset", root, fault)),
        })
        .try_fold(0, |count, ()| async move { Ok(count + 1) })
        .await
}

fn removals(records: &[Committed]) -> impl Iterator<Item = (&RemovedObject, u64)> {
    records.iter().flat_map(|Committed { record, .. }| {
        let objects = record.removal.iter().flat_map(|removal| &removal.objects);
        objects.map(|object| (object, record.seq))
    })
}
