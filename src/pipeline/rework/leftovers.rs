//! What lies about beside the objects of a dataset: runs that died, files they had not finished, and
//! staging folders.
//!
//! Whether a run is dead is told by the time of the call, never by `as_of`: a clock that is set
//! forward must not take a run at work for a dead one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectStoreExt;

use crate::error::Result;
use crate::publish::{FoundObject, Intent, ObjectKind, RemovedKind, RemovedObject};
use crate::sinks::Destination;
use crate::state::{files_below, io_error, stale_staging};
use crate::storage::{self, below, store_error};

use super::{Rework, removed};

/// Age at which a run that did not end counts as dead.
pub(in crate::pipeline) const DEAD_AFTER: SignedDuration = SignedDuration::from_hours(48);
/// Time without progress after which a staging folder is removed.
pub(in crate::pipeline) const STALE_AFTER: SignedDuration = SignedDuration::from_hours(6);
/// Words of runs that are read at the same time.
const READERS: usize = 16;

/// What lies about.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Leftovers {
    /// Staging folders in which nothing has moved for long.
    pub(in crate::pipeline) staging: Vec<PathBuf>,
    /// Files that were not finished, of this machine.
    pub(in crate::pipeline) unfinished: Vec<PathBuf>,
}

/// What the words of runs say: whether each is done, and when it began.
pub(in crate::pipeline) fn run_words(
    destination: &Destination,
    objects: &[FoundObject],
) -> Result<BTreeMap<String, (bool, Option<Timestamp>)>> {
    let mut runs: BTreeMap<String, (bool, Option<Timestamp>)> = BTreeMap::new();
    let words = objects.iter().filter(|object| object.kind == ObjectKind::RunWord);
    let mut intents = Vec::new();
    for word in words {
        let Some((run, name)) = word.path.strip_prefix("_runs/").and_then(|p| p.split_once('/'))
        else {
            continue;
        };
        let of_run = runs.entry(run.to_owned()).or_default();
        match name {
            "done.json" => of_run.0 = true,
            _ => intents.push((run.to_owned(), word.path.clone())),
        }
    }
    intents.retain(|(run, _)| runs.get(run).is_some_and(|(done, _)| !done));
    let read = stream::iter(intents).map(|(run, path)| async move {
        let path = below(&destination.root, &path);
        let bytes = async { destination.store.get(&path).await?.bytes().await };
        let bytes = bytes.await.map_err(|e| store_error("read the word of a run", &path, e))?;
        let intent: Option<Intent> = serde_json::from_slice(&bytes).ok();
        Ok((run, intent.and_then(|intent| intent.started_at.parse::<Timestamp>().ok())))
    });
    let begun: Vec<(String, Option<Timestamp>)> =
        destination.runtime.block_on(read.buffer_unordered(READERS).try_collect::<Vec<_>>())?;
    for (run, at) in begun {
        runs.entry(run).or_default().1 = at;
    }
    Ok(runs)
}

/// Files of runs that ended without a record, or have not ended for two days.
pub(in crate::pipeline) fn dead_orphans(
    destination: &Destination,
    objects: &[FoundObject],
    now: Timestamp,
) -> Result<Vec<RemovedObject>> {
    if !objects.iter().any(|object| object.kind == ObjectKind::Orphan) {
        return Ok(Vec::new());
    }
    let runs = run_words(destination, objects)?;
    let is_old = |at: Timestamp| now.duration_since(at) >= DEAD_AFTER;
    let is_dead = |object: &&FoundObject| {
        let word = object.run_id.as_ref().and_then(|run| runs.get(run));
        word.is_some_and(|(done, _)| *done)
            || is_old(word.and_then(|(_, begun)| *begun).unwrap_or(object.modified_at))
    };
    (objects.iter().filter(|object| object.kind == ObjectKind::Orphan))
        .filter(is_dead)
        .map(|object| Ok(removed(&object.path, RemovedKind::Orphan)))
        .collect()
}

/// What lies about and is old enough to go.
pub(in crate::pipeline) fn leftovers(rework: &Rework<'_>) -> Result<Leftovers> {
    Ok(Leftovers {
        staging: stale_staging(&rework.plan.staging, before(rework.now, STALE_AFTER), false)?,
        unfinished: old_unfinished(rework)?,
    })
}

/// The instant so long before `now`, as file systems tell it.
fn before(now: Timestamp, age: SignedDuration) -> SystemTime {
    let now = Duration::from_micros(u64::try_from(now.as_microsecond()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + now.saturating_sub(age.unsigned_abs())
}

fn old_unfinished(rework: &Rework<'_>) -> Result<Vec<PathBuf>> {
    let dead = before(rework.now, DEAD_AFTER);
    let mut files = unfinished_files(&rework.plan.target)?;
    files.retain(|file| {
        let changed = std::fs::metadata(file).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|at| at < dead)
    });
    Ok(files)
}

/// Files of a local dataset that a writer had not finished: they end in `#` and a number, and no
/// listing of the store shows them. None in S3, where `consign uploads` lists what is pending.
pub(in crate::pipeline) fn unfinished_files(target: &str) -> Result<Vec<PathBuf>> {
    if storage::is_s3(target) {
        return Ok(Vec::new());
    }
    let root = PathBuf::from(target.strip_prefix("file://").unwrap_or(target));
    let is_unfinished = |file: &PathBuf| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name.as_deref().and_then(|name| name.rsplit_once('#')).map(|(_, n)| n);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    Ok(files_below(&root)?.into_iter().filter(is_unfinished).collect())
}

impl Rework<'_> {
    /// Removes what lies about and is old enough.
    pub(super) fn remove_leftovers(&self) -> Result<()> {
        stale_staging(&self.plan.staging, before(self.now, STALE_AFTER), true)?;
        for file in old_unfinished(self)? {
            std::fs::remove_file(&file)
                .map_err(|e| io_error("remove an unfinished file", &file, e))?;
        }
        Ok(())
    }
}
