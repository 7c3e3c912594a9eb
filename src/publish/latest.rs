//! `latest/`: the files of each day's newest version under names that do not change, for readers
//! that know only paths.
//!
//! The view is made from the log and may be made again at any time. Each file is whole at every
//! moment; a day of several files follows its record by a moment. What the view holds is noted
//! in `_views/latest.json` with the tag the store gave each file, so that untouched days cost
//! nothing and a file that was changed or lost is seen. Does not own which version is the
//! newest (`log`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Result, ResultExt};
use crate::model::DataFile;
use crate::storage::{below, store_error};

use super::log::{Log, live_days, live_files};
use super::record::Committed;
use super::store::get;

/// Files that are copied at the same time.
const COPIES: usize = 8;

/// What the view was found to hold when it was last made. Lost, it is made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Newest commit it was made from.
    commit: u64,
    /// By path below the dataset's root.
    files: BTreeMap<String, Copied>,
}

/// A file of the view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Copied {
    /// SHA-256 (hex) of the data file it is a copy of.
    sha256: String,
    /// Size in bytes.
    bytes: u64,
    /// The store's tag of the copy.
    e_tag: Option<String>,
}

/// Brings `latest/` up to the newest version of each day: new files first, then those that no
/// version names are removed. Gives the paths of its files below the root, ascending.
///
/// # Errors
/// `Verification` when a file that a record names is missing; `Permission` and `Transient` from
/// the store; as [`Log::read_all`] when the log had to be read again.
pub async fn refresh_latest(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    records: &[Committed],
) -> Result<Vec<String>> {
    let view = View { store, root, note_path: below(root, "_views/latest.json") };
    let log = Log::new(store.clone(), root.clone());
    let mut records = Cow::Borrowed(records);
    let mut note = view.read_note().await?;
    if note.commit > newest(&records) {
        records = Cow::Owned(log.read_all().await?);
    }
    // A run that commits meanwhile refreshes too, and may have been overtaken by us: whoever
    // wrote last looks whether what it wrote is still the newest.
    loop {
        let wanted = wanted(&records);
        let (made, changed) = view.make(&wanted, &note, newest(&records)).await?;
        if made != note {
            view.write_note(&made).await?;
        }
        let known = records.len();
        if changed {
            records = Cow::Owned(log.read_all().await?);
        }
        if records.len() == known {
            return Ok(wanted.into_keys().collect());
        }
        note = made;
    }
}

/// The files that the view should hold, by their path in it.
fn wanted(records: &[Committed]) -> BTreeMap<String, DataFile> {
    let live = live_days(records);
    let mut wanted = BTreeMap::new();
    for Committed { record, .. } in records {
        for file in live_files(record, &live) {
            let Some(day) = file.dt else { continue };
            let name = file.path.rsplit('/').next().unwrap_or_default();
            wanted.insert(format!("latest/dt={day}/{name}"), file.clone());
        }
    }
    wanted
}

fn newest(records: &[Committed]) -> u64 {
    records.last().map_or(0, |last| last.record.seq)
}

struct View<'a> {
    store: &'a Arc<dyn ObjectStore>,
    root: &'a Path,
    note_path: Path,
}

impl View<'_> {
    /// Copies what differs, removes what is not wanted; whether there was anything to do.
    async fn make(
        &self,
        wanted: &BTreeMap<String, DataFile>,
        note: &Note,
        commit: u64,
    ) -> Result<(Note, bool)> {
        let before = self.list().await?;
        let outdated: Vec<_> = wanted
            .iter()
            .filter(|(path, file)| !is_noted(note.files.get(*path), before.get(*path), file))
            .collect();
        stream::iter(&outdated)
            .map(|(path, file)| self.copy(file, path, before.get(*path)))
            .buffer_unordered(COPIES)
            .try_collect::<()>()
            .await?;
        let stale: BTreeSet<_> = before.keys().filter(|path| !wanted.contains_key(*path)).collect();
        for path in &stale {
            self.remove(path).await?;
        }
        let changed = !outdated.is_empty() || !stale.is_empty();
        let after = if changed { self.list().await? } else { before.clone() };
        let files = wanted.iter().filter_map(|(path, file)| {
            let found = after.get(path)?;
            let e_tag = found.e_tag.clone();
            Some((path.clone(), Copied { sha256: file.sha256.clone(), bytes: file.bytes, e_tag }))
        });
        Ok((Note { commit, files: files.collect() }, changed))
    }

    /// Replaces a file of the view in one act.
    async fn copy(&self, file: &DataFile, to: &str, there: Option<&ObjectMeta>) -> Result<()> {
        let source = below(self.root, &file.path);
        let copy = async {
            let found = self.store.head(&source).await?;
            // On a local disk a copy is a link to the data file, with one and the same tag. To
            // link it again would leave the link's temporary name behind.
            if there.is_some_and(|there| there.e_tag.is_some() && there.e_tag == found.e_tag) {
                return Ok(());
            }
            self.store.copy(&source, &below(self.root, to)).await
        };
        copy.await.map_err(|fault| store_error("copy a published file to latest/", &source, fault))
    }

    async fn remove(&self, path: &str) -> Result<()> {
        let path = below(self.root, path);
        match self.store.delete(&path).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(fault) => Err(store_error("remove an outdated file of latest/", &path, fault)),
        }
    }

    /// What lies below `latest/`, by path below the root.
    async fn list(&self) -> Result<BTreeMap<String, ObjectMeta>> {
        let folder = below(self.root, "latest");
        let objects: Vec<ObjectMeta> = (self.store.list(Some(&folder)).try_collect().await)
            .map_err(|fault| store_error("list the view latest/", &folder, fault))?;
        let relative = |object: ObjectMeta| {
            let parts: Vec<_> = object.location.prefix_match(self.root)?.collect();
            let path: Path = parts.into_iter().collect();
            Some((path.to_string(), object))
        };
        Ok(objects.into_iter().filter_map(relative).collect())
    }

    /// The note, empty when it is absent or in a form that is not ours.
    async fn read_note(&self) -> Result<Note> {
        match get(self.store, &self.note_path).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(StoreError::NotFound { .. }) => Ok(Note::default()),
            Err(fault) => Err(store_error("read the note on latest/", &self.note_path, fault)),
        }
    }

    async fn write_note(&self, note: &Note) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(note)
            .or_err(ErrorKind::Unexpected, "could not write the note on latest/ as json")?;
        let put = self.store.put(&self.note_path, bytes.into()).await;
        put.map(drop)
            .map_err(|fault| store_error("write the note on latest/", &self.note_path, fault))
    }
}

/// Whether the file that is there is the copy of `file` that the note tells of.
fn is_noted(note: Option<&Copied>, there: Option<&ObjectMeta>, file: &DataFile) -> bool {
    let (Some(note), Some(there)) = (note, there) else { return false };
    note.sha256 == file.sha256
        && note.bytes == file.bytes
        && there.size == file.bytes
        && there.e_tag == note.e_tag
}
