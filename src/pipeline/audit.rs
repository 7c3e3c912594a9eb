//! The audit: every object that can hold personal data, and until when it may.
//!
//! Reads records, names and the first instants of refused rows; changes nothing. Does not own what is
//! due (`retention`): it tells what retention should have done already.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use futures::TryStreamExt;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::catalog::Catalog;
use crate::catalog::privacy::MAX_QUARANTINE_DAYS;
use crate::error::Result;
use crate::plan::AwsOptions;
use crate::publish::{
    CommitRecord, Committed, DayEntry, FoundObject, Inventory, ObjectKind, live_days, published_by,
};
use crate::sinks::quarantine::each_refused;
use crate::state::staging_folders;

use super::commit::Target;
use super::rework::{DEAD_AFTER, STALE_AFTER, run_words, unfinished_files};
use super::uploads::pending_uploads;

/// What can hold personal data below a dataset.
#[derive(Debug, Clone, Serialize)]
pub struct AuditSummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// Root URL of the dataset.
    pub target: String,
    /// The instant at which it was told what is overdue.
    pub as_of: Timestamp,
    /// Everything that can hold personal data, by path.
    pub objects: Vec<AuditedObject>,
    /// How many of them should be gone, or hold less.
    pub overdue: u64,
}

/// What an object is that can hold personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditClass {
    /// A data file of a published day.
    LiveData,
    /// A file of the view `latest/`.
    Latest,
    /// A data file of an earlier version of a day.
    OldData,
    /// A file of refused rows.
    Quarantine,
    /// A file that a record has taken out and that is still there.
    Removed,
    /// A file of a run that no record names.
    Orphan,
    /// A file that a writer had not finished.
    Unfinished,
    /// A multipart upload that was begun and neither completed nor aborted.
    PendingUpload,
    /// A staging folder of a run in flight.
    Staging,
    /// Something that the program did not write.
    Unknown,
}

impl AuditClass {
    /// The stable name, as `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiveData => "live_data",
            Self::Latest => "latest",
            Self::OldData => "old_data",
            Self::Quarantine => "quarantine",
            Self::Removed => "removed",
            Self::Orphan => "orphan",
            Self::Unfinished => "unfinished",
            Self::PendingUpload => "pending_upload",
            Self::Staging => "staging",
            Self::Unknown => "unknown",
        }
    }
}

/// An object that can hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AuditedObject {
    /// Path below the dataset's root; of this machine for staging and unfinished files.
    pub path: String,
    /// What it is.
    pub class: AuditClass,
    /// When it must be gone, or hold less; absent when nothing in it ever comes of age, and for what
    /// should not be there at all.
    pub expires_at: Option<Timestamp>,
    /// Whether it should be gone, or hold less, by now.
    pub overdue: bool,
}

/// Lists what can hold personal data below `target`, and in the staging folders below `staging`.
/// `schemas` is the catalog that says how long refused rows may stay. Writes nothing.
///
/// # Errors
/// `Usage` when there is no dataset; `Verification` when a quarantine file is not as it was written;
/// `Permission` and `Transient` from stores and disks.
pub fn audit(
    target: &str,
    aws: &AwsOptions,
    schemas: &Path,
    staging: Option<&Path>,
    as_of: Timestamp,
    now: Timestamp,
) -> Result<AuditSummary> {
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let mut objects = stored(&dataset, runtime.handle(), schemas)?;
    for upload in pending_uploads(target, aws)?.unwrap_or_default() {
        let begun = upload.initiated_at.unwrap_or(Timestamp::MIN);
        objects.push(item(upload.key, AuditClass::PendingUpload, after(begun, DEAD_AFTER)));
    }
    for file in unfinished_files(target)? {
        let changed = std::fs::metadata(&file).and_then(|metadata| metadata.modified());
        let begun = changed.map_or(Timestamp::MIN, instant);
        let path = file.display().to_string();
        objects.push(item(path, AuditClass::Unfinished, after(begun, DEAD_AFTER)));
    }
    for (folder, changed) in staging.map(staging_folders).transpose()?.unwrap_or_default() {
        let path = folder.display().to_string();
        objects.push(item(path, AuditClass::Staging, after(instant(changed), STALE_AFTER)));
    }
    for object in &mut objects {
        // Whether a run may still be at work is told by the time of the call.
        let clock = match object.class {
            AuditClass::Orphan
            | AuditClass::Unfinished
            | AuditClass::PendingUpload
            | AuditClass::Staging => now,
            _ => as_of,
        };
        object.overdue |= object.expires_at.is_some_and(|at| at <= clock);
    }
    objects.sort();
    let overdue = objects.iter().filter(|object| object.overdue).count() as u64;
    Ok(AuditSummary { format_version: 1, target: target.to_owned(), as_of, objects, overdue })
}

/// Until when something may be there as it is.
#[derive(Clone, Copy)]
enum Until {
    Always,
    Never,
    At(Timestamp),
}

fn item(path: String, class: AuditClass, until: Until) -> AuditedObject {
    let (expires_at, overdue) = match until {
        Until::Always => (None, false),
        Until::Never => (None, true),
        Until::At(at) => (Some(at), false),
    };
    AuditedObject { path, class, expires_at, overdue }
}

fn after(at: Timestamp, age: SignedDuration) -> Until {
    Until::At(at.checked_add(age).unwrap_or(Timestamp::MAX))
}

fn instant(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::MIN)
}

/// What the store holds.
fn stored(dataset: &Target, runtime: &Handle, schemas: &Path) -> Result<Vec<AuditedObject>> {
    let records = dataset.records();
    let destination = dataset.destination();
    let inventory = Inventory::new(records);
    let found: Vec<FoundObject> =
        runtime.block_on(inventory.list(&destination.store, &destination.root).try_collect())?;
    let runs = run_words(&destination, &found)?;
    let live = live_days(records);
    // Records without days, as of a discard, say nothing of privacy.
    let newest = records.iter().rev().find(|committed| !committed.record.days.is_empty());
    let is_private = newest.is_some_and(|newest| newest.record.privacy.is_some());
    let expiry_of = |seq: Option<u64>, dt: Option<Date>| {
        let day = seq.zip(dt).and_then(|(seq, dt)| published_by(records, seq, dt));
        day.map_or(Until::Always, |(record, entry)| until(record, entry, is_private))
    };
    let mut objects = Vec::new();
    for object in &found {
        let (class, until) = match object.kind {
            ObjectKind::LiveData => (AuditClass::LiveData, expiry_of(object.commit, object.dt)),
            ObjectKind::OldData => (AuditClass::OldData, expiry_of(object.commit, object.dt)),
            ObjectKind::Latest => {
                let commit = object.dt.and_then(|day| live.get(&day).copied());
                (AuditClass::Latest, expiry_of(commit, object.dt))
            }
            ObjectKind::Removed => (AuditClass::Removed, Until::Never),
            ObjectKind::Orphan => {
                let word = object.run_id.as_ref().and_then(|run| runs.get(run));
                let until = match word {
                    Some((true, _)) => Until::Never,
                    word => {
                        let begun = word.and_then(|(_, at)| *at);
                        after(begun.unwrap_or(object.modified_at), DEAD_AFTER)
                    }
                };
                (AuditClass::Orphan, until)
            }
            ObjectKind::Unknown => (AuditClass::Unknown, Until::Always),
            ObjectKind::Quarantine
            | ObjectKind::Record
            | ObjectKind::RunWord
            | ObjectKind::ViewNote => continue,
        };
        objects.push(item(object.path.clone(), class, until));
    }
    objects.extend(quarantined(dataset, records, &found, schemas)?);
    Ok(objects)
}

/// When a version of a day must hold less. What was published before the dataset was private says of
/// no row when that is, so it is due.
fn until(record: &CommitRecord, entry: &DayEntry, is_private: bool) -> Until {
    match record.privacy {
        None if is_private => Until::Never,
        _ => entry.earliest_expiry.map_or(Until::Always, Until::At),
    }
}

/// Quarantine files, with when the first of their rows must go.
fn quarantined(
    dataset: &Target,
    records: &[Committed],
    found: &[FoundObject],
    schemas: &Path,
) -> Result<Vec<AuditedObject>> {
    let catalog = Catalog::open(schemas)?;
    let destination = dataset.destination();
    let there: BTreeSet<&str> = (found.iter())
        .filter(|object| object.kind == ObjectKind::Quarantine)
        .map(|object| object.path.as_str())
        .collect();
    let mut objects = Vec::new();
    for record in records.iter().map(|committed| &committed.record) {
        // Contracts that are not private set no time.
        let days = match catalog.resolve(&record.contract.label) {
            Ok(contract) => contract.privacy.as_ref().map(|privacy| privacy.quarantine_days),
            Err(_) => Some(MAX_QUARANTINE_DAYS),
        };
        for file in record.quarantine_files.iter().filter(|f| there.contains(f.path.as_str())) {
            let mut first_seen = Timestamp::MAX;
            each_refused(&destination, file, &mut |row| {
                first_seen = first_seen.min(row.first_seen);
            })?;
            let until = days.map_or(Until::Always, |days| {
                after(first_seen, SignedDuration::from_hours(i64::from(days) * 24))
            });
            objects.push(item(file.path.clone(), AuditClass::Quarantine, until));
        }
    }
    Ok(objects)
}
