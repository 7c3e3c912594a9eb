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
use crate::storage::{below, store_error};

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

    /// Paths of the objects that it takes out.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removals().map(|object| object.path.as_str())
    }

    /// The objects that it takes out.
    pub(super) fn removals(&self) -> impl Iterator<Item = &RemovedObject> {
        self.removal.iter().flat_map(|removal| &removal.objects)
    }
}

/// Paths that a record of `records` has taken out of the dataset.
#[must_use]
pub fn removed_paths(records: &[Committed]) -> BTreeSet<&str> {
    records.iter().flat_map(|committed| committed.record.removed()).collect()
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
