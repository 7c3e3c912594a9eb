//! Every object below a dataset, and what each is.
//!
//! What an object is follows from the records and from its path alone: its bytes are not read.
//! Does not own what is to be done with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde::Serialize;

use crate::error::Result;
use crate::storage::store_error;

use super::log::live_days;
use super::record::Committed;
use super::removal::removed_paths;

/// What an object below a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A data file of the version of a day that stands.
    LiveData,
    /// A data file of an earlier version.
    OldData,
    /// A data or quarantine file of a run that no record names: it died before its commit, lost
    /// it to another, or is still at work.
    Orphan,
    /// A file of refused rows that a record names.
    Quarantine,
    /// A file that a record has taken out of the dataset and that is still there.
    Removed,
    /// A file of the view `latest/`.
    Latest,
    /// The note on what the view holds.
    ViewNote,
    /// A commit record.
    Record,
    /// Word of a run: that it began, that it is done; and the probe of the store.
    RunWord,
    /// Nothing that the program writes.
    Unknown,
}

impl ObjectKind {
    /// The stable name, as `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiveData => "live_data",
            Self::OldData => "old_data",
            Self::Orphan => "orphan",
            Self::Quarantine => "quarantine",
            Self::Removed => "removed",
            Self::Latest => "latest",
            Self::ViewNote => "view_note",
            Self::Record => "record",
            Self::RunWord => "run_word",
            Self::Unknown => "unknown",
        }
    }
}

/// An object below a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundObject {
    /// Path below the dataset's root.
    pub path: String,
    /// Size, bytes.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified_at: Timestamp,
    /// What it is.
    pub kind: ObjectKind,
    /// Number of the record that names it.
    pub commit: Option<u64>,
    /// Day of its rows, where its path has one.
    pub dt: Option<Date>,
    /// The run whose folder it lies in.
    pub run_id: Option<String>,
}

/// What the records of a dataset say about paths below its root.
#[derive(Debug)]
pub struct Inventory<'r> {
    /// The record that names a data or quarantine file, and whether the file is of a live version.
    named: BTreeMap<&'r str, (u64, ObjectKind)>,
    removed: BTreeSet<&'r str>,
}

impl<'r> Inventory<'r> {
    /// What `records`, all of a dataset, say.
    #[must_use]
    pub fn new(records: &'r [Committed]) -> Self {
        let live = live_days(records);
        let mut named = BTreeMap::new();
        for Committed { record, .. } in records {
            for file in &record.files {
                let is_live = file.dt.is_some_and(|day| live.get(&day) == Some(&record.seq));
                let kind = if is_live { ObjectKind::LiveData } else { ObjectKind::OldData };
                named.insert(file.path.as_str(), (record.seq, kind));
            }
            for file in &record.quarantine_files {
                named.insert(file.path.as_str(), (record.seq, ObjectKind::Quarantine));
            }
        }
        Self { named, removed: removed_paths(records) }
    }

    /// What an object at `path` below the root is, and the record that names it.
    #[must_use]
    pub fn kind(&self, path: &str) -> (ObjectKind, Option<u64>) {
        let commit = self.named.get(path).map(|(seq, _)| *seq);
        let is_file = path.starts_with("_data/") || path.starts_with("_quarantine/");
        let kind = match self.named.get(path) {
            _ if self.removed.contains(path) => ObjectKind::Removed,
            Some((_, kind)) => *kind,
            None if is_file && run_of(path).is_some() => ObjectKind::Orphan,
            None if path.starts_with("latest/dt=") => ObjectKind::Latest,
            None if path == "_views/latest.json" => ObjectKind::ViewNote,
            None if is_record(path) => ObjectKind::Record,
            None if is_run_word(path) => ObjectKind::RunWord,
            None => ObjectKind::Unknown,
        };
        (kind, commit)
    }

    /// Lists every object below `root` as the store comes to it.
    ///
    /// # Errors
    /// The stream gives `Permission` and `Transient` from the store.
    pub fn list<'a>(
        &'a self,
        store: &Arc<dyn ObjectStore>,
        root: &'a Path,
    ) -> BoxStream<'a, Result<FoundObject>> {
        store
            .list(Some(root))
            .map_err(|fault| store_error("list the objects of the dataset", root, fault))
            .try_filter_map(move |object| async move { Ok(self.found(root, &object)) })
            .boxed()
    }

    fn found(&self, root: &Path, object: &ObjectMeta) -> Option<FoundObject> {
        let parts: Path = object.location.prefix_match(root)?.collect();
        let path = parts.to_string();
        let (kind, commit) = self.kind(&path);
        let nanos = object.last_modified.timestamp_nanos_opt().map(i128::from);
        Some(FoundObject {
            bytes: object.size,
            modified_at: nanos
                .and_then(|nanos| Timestamp::from_nanosecond(nanos).ok())
                .unwrap_or(Timestamp::MAX),
            kind,
            commit,
            dt: day_of(&path),
            run_id: run_of(&path).map(ToOwned::to_owned),
            path,
        })
    }
}

/// The run whose version folder `path` lies in.
fn run_of(path: &str) -> Option<&str> {
    let folder = path.split('/').find_map(|part| part.strip_prefix("v-"));
    folder.filter(|run| !run.is_empty())
}

fn day_of(path: &str) -> Option<Date> {
    path.split('/').find_map(|part| part.strip_prefix("dt="))?.parse().ok()
}

fn is_record(path: &str) -> bool {
    let number = path.strip_prefix("_log/").and_then(|name| name.strip_suffix(".json"));
    number.is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_run_word(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("_runs/") else { return false };
    rest == "_probe" || matches!(rest.split_once('/'), Some((_, "intent.json" | "done.json")))
}
