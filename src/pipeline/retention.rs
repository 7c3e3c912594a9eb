//! Retention: what is due at an instant goes from published days, from the quarantine and from
//! whatever else lies below the dataset.
//!
//! Owns what is due. Does not own how it goes (`rework`) nor what is taken from a row (`transform`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalog::{Contract, Field, FieldType, Forget, Then};
use crate::error::Result;
use crate::plan::Plan;
use crate::publish::{CommitRecord, Committed, FoundObject, ObjectKind, RemovalCause, RemovedKind};
use crate::sinks::quarantine::RefusedBytes;
use crate::telemetry::{Progress, Stage};
use crate::transform::forget;

use super::Options;
use super::privacy;
use super::rework::{
    Due, Leftovers, Proof, Rework, Task, Values, Worked, dead_orphans, each_text_of, in_a_rework,
    leftovers, old_versions,
};

/// How a retention ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionOutcome {
    /// Nothing was changed: this is what would be done.
    Planned,
    /// A commit record was created and what it names is deleted.
    Applied,
    /// An earlier retention had committed; what it left undone is done.
    Mended,
    /// Nothing was due.
    NothingToDo,
}

/// What retention would do, or did.
#[derive(Debug, Clone, Serialize)]
pub struct RetentionSummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// How it ended.
    pub outcome: RetentionOutcome,
    /// Name of the job.
    pub job: String,
    /// `dataset@major`.
    pub dataset: String,
    /// Root URL of the dataset.
    pub target: String,
    /// The instant at which it was told what is due.
    pub as_of: Timestamp,
    /// Number of the commit record, when one was created.
    pub commit: Option<u64>,
    /// Days with rows that came of age, ascending.
    pub days: Vec<DueDay>,
    /// Objects that go, by path; files of the days above among them.
    pub objects: Vec<DueObject>,
    /// Rows that leave the quarantine, by the run that refused them.
    pub quarantined_rows: BTreeMap<String, u64>,
    /// Staging folders of runs that stopped long ago.
    pub staging: Vec<String>,
    /// Files that a writer that died had not finished.
    pub unfinished: Vec<String>,
    /// The proof that what went is gone; absent when nothing was changed.
    pub proof: Option<Proof>,
}

/// A day with rows that came of age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DueDay {
    /// The day.
    pub dt: Date,
    /// The commit that it belongs to until now.
    pub commit: u64,
    /// Its rows.
    pub rows: u64,
    /// When the first of its rows came of age; absent when that is so by the present contract alone,
    /// which takes more, or takes it earlier, than the one that the day was published by.
    pub due_since: Option<Timestamp>,
    /// Rows that were changed; absent in a plan.
    pub changed_rows: Option<u64>,
}

/// An object that goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DueObject {
    /// Path below the dataset's root.
    pub path: String,
    /// What it was.
    pub why: RemovedKind,
    /// Bytes.
    pub bytes: u64,
    /// Whether an earlier retention or erasure has taken it out already, and died before it was
    /// deleted.
    pub declared_before: bool,
}

/// Tells what is due at the plan's `as_of`, and with `apply` does it. The plan's sources are not
/// read and its days do not count. Blocks; call it outside any asynchronous runtime.
///
/// # Errors
/// `Usage` when the contract is not private, there is no dataset, or a day was published by a
/// contract of another form or one that takes more of a person; `Verification` when a file does not hold what was written, or what must be gone is
/// there; `Conflict` when a day was published meanwhile; `CommitUnknown`, `Permission` and
/// `Transient` from stores and disks.
pub fn retention(
    plan: &Plan,
    apply: bool,
    progress: &Arc<Progress>,
    options: Options,
) -> Result<RetentionSummary> {
    let in_force = |records: &[Committed]| privacy::in_force(plan, records);
    in_a_rework(plan, progress, options, in_force, |rework| at(rework, apply))
}

fn at(rework: &Rework<'_>, apply: bool) -> Result<RetentionSummary> {
    rework.progress.enter(Stage::Planning);
    let plan = rework.plan;
    let records = rework.target.records();
    let objects = rework.objects(records)?;
    let task = Retention::new(&plan.contract, plan.as_of);
    let due = due(rework, records, &objects, &task)?;
    let left_over = leftovers(rework)?;
    let mut summary = summary(plan, &due, &objects, &left_over);
    let declared_before = summary.objects.iter().any(|object| object.declared_before);
    if due.is_nothing()
        && !declared_before
        && left_over.staging.is_empty()
        && left_over.unfinished.is_empty()
    {
        summary.outcome = RetentionOutcome::NothingToDo;
        return Ok(summary);
    }
    if !apply {
        return Ok(summary);
    }
    let done = rework.carry_out(&task, &due)?;
    for day in &mut summary.days {
        day.changed_rows = done.days.get(&day.dt).map(|(changed, _)| *changed);
    }
    summary.outcome = match done.commit {
        Some(_) => RetentionOutcome::Applied,
        None => RetentionOutcome::Mended,
    };
    summary.commit = done.commit;
    summary.proof = Some(done.proof);
    Ok(summary)
}

/// What is due.
fn due<'r>(
    rework: &Rework<'_>,
    records: &'r [Committed],
    objects: &[FoundObject],
    task: &Retention<'_>,
) -> Result<Due<'r>> {
    let as_of = task.as_of;
    let is_due = |expiry: Option<Timestamp>| expiry.is_some_and(|at| at <= as_of);
    // What was published by another policy says when its rows are due by that one alone.
    let is_of_other_policy =
        |record: &CommitRecord| !privacy::is_of_policy_of(task.contract, record);
    let has_more_to_lose = |rows: &RecordBatch| Ok(!task.is_done(rows)?);
    let due_by_rows =
        rework.versions_where(records, objects, is_of_other_policy, has_more_to_lose)?;
    let mut days = rework.standing_days(records)?;
    days.retain(|day| {
        is_due(day.entry.earliest_expiry) || due_by_rows.contains(&(day.record.seq, day.date))
    });
    privacy::require_no_less_taken(task.contract, days.iter().map(|day| (day.record, day.date)))?;
    let mut gone = old_versions(records, objects, |record, entry| {
        // What was published before the dataset was private says of no row when it is due.
        record.privacy.is_none()
            || is_due(entry.earliest_expiry)
            || due_by_rows.contains(&(record.seq, entry.dt))
    });
    gone.extend(dead_orphans(&rework.target.destination(), objects, rework.now)?);
    gone.sort();
    Ok(Due {
        days,
        objects: gone,
        quarantine: rework.sift(records, objects, task)?,
        suppressed: Vec::new(),
    })
}

fn summary(
    plan: &Plan,
    due: &Due<'_>,
    objects: &[FoundObject],
    left_over: &Leftovers,
) -> RetentionSummary {
    let bytes: BTreeMap<&str, u64> =
        objects.iter().map(|object| (object.path.as_str(), object.bytes)).collect();
    let object = |path: &str, why, declared_before| DueObject {
        path: path.to_owned(),
        why,
        bytes: bytes.get(path).copied().unwrap_or(0),
        declared_before,
    };
    let of_days = due.days.iter().flat_map(|day| {
        let files = day.record.files.iter().filter(|file| file.dt == Some(day.date));
        files.map(|file| object(&file.path, RemovedKind::OldVersion, false))
    });
    let declared = objects.iter().filter(|object| object.kind == ObjectKind::Removed);
    let mut going: Vec<DueObject> = of_days
        .chain(due.objects.iter().map(|gone| object(&gone.path, gone.why, false)))
        .chain(due.quarantine.iter().map(|(f, _)| object(&f.path, RemovedKind::Quarantine, false)))
        .chain(declared.map(|found| {
            let is_data = found.path.starts_with("_data/");
            let why = if is_data { RemovedKind::OldVersion } else { RemovedKind::Quarantine };
            object(&found.path, why, true)
        }))
        .collect();
    going.sort();
    let shown =
        |paths: &[std::path::PathBuf]| paths.iter().map(|p| p.display().to_string()).collect();
    RetentionSummary {
        format_version: 1,
        outcome: RetentionOutcome::Planned,
        job: plan.job.clone(),
        dataset: plan.contract.label(),
        target: plan.target.clone(),
        as_of: plan.as_of,
        commit: None,
        days: (due.days.iter())
            .map(|day| DueDay {
                dt: day.date,
                commit: day.record.seq,
                rows: day.entry.rows,
                due_since: day.entry.earliest_expiry.filter(|at| *at <= plan.as_of),
                changed_rows: None,
            })
            .collect(),
        objects: going,
        quarantined_rows: due.quarantined_rows(),
        staging: shown(&left_over.staging),
        unfinished: shown(&left_over.unfinished),
        proof: None,
    }
}

/// Takes from rows what is due.
struct Retention<'a> {
    contract: &'a Contract,
    /// The contract as though every text of a row of age went whole.
    blank: Contract,
    as_of: Timestamp,
    quarantine: SignedDuration,
}

impl<'a> Retention<'a> {
    fn new(contract: &'a Contract, as_of: Timestamp) -> Self {
        let days = contract.privacy.as_ref().map_or(0, |privacy| privacy.quarantine_days);
        let mut blank = contract.clone();
        blank_fields(&mut blank.fields);
        let quarantine = SignedDuration::from_hours(i64::from(days) * 24);
        Self { contract, blank, as_of, quarantine }
    }
}

/// Lets nothing stay of a text.
fn blank_fields(fields: &mut [Field]) {
    for field in fields {
        let is_text = matches!(field.data_type, FieldType::Text);
        if let Some(Forget { then, .. }) = &mut field.privacy.after {
            match (is_text, field.required) {
                (true, _) => *then = Then::Word(String::new()),
                (false, false) => *then = Then::Null,
                (false, true) => {}
            }
        }
        if let FieldType::Struct(members) = &mut field.data_type {
            blank_fields(members);
        }
    }
}

impl Task for Retention<'_> {
    fn cause(&self) -> RemovalCause {
        RemovalCause::Retention
    }

    fn work(&self, rows: &RecordBatch) -> Result<Worked> {
        let forgotten = forget(self.contract, rows, self.as_of)?;
        Ok(Worked { rows: forgotten.rows, changed_rows: forgotten.changed_rows, gone: None })
    }

    fn keeps(&self, refused: &RefusedBytes<'_>) -> bool {
        refused.first_seen.checked_add(self.quarantine).is_ok_and(|until| until > self.as_of)
    }

    fn collect(&self, rows: &RecordBatch, values: &mut Values) -> Result<()> {
        let forgotten = forget(self.contract, rows, self.as_of)?;
        if forgotten.changed_rows > 0 {
            for (before, after) in rows.columns().iter().zip(forgotten.rows.columns()) {
                if !Arc::ptr_eq(before, after) {
                    add_what_went(before, after, values);
                }
            }
        }
        Ok(())
    }

    fn lawful(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        Ok(forget(&self.blank, rows, self.as_of)?.rows)
    }

    fn is_done(&self, rows: &RecordBatch) -> Result<bool> {
        Ok(forget(self.contract, rows, self.as_of)?.changed_rows == 0)
    }
}

/// Adds the texts of each cell that are not in it any more.
fn add_what_went(before: &ArrayRef, after: &ArrayRef, values: &mut Values) {
    for row in 0..before.len() {
        let mut stays: Vec<Vec<u8>> = Vec::new();
        each_text_of(after, row, &mut |text| stays.push(text.to_vec()));
        each_text_of(before, row, &mut |text| {
            if !stays.iter().any(|stays| stays == text) {
                values.add(text);
            }
        });
    }
}
