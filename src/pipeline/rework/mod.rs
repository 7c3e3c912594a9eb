//! Making what is published hold less: days, refused rows and whole objects go by one record, and
//! then it is proved that they are gone.
//!
//! Owns the order of things, which retention and erasure share: new files, the gate, the record, the
//! views, only then the deletions, last the proof. Whoever dies in between leaves a record that says
//! what goes; the next rework deletes it. Does not own what is due (`retention`, `erase`).

mod day;
mod leftovers;
mod proof;
mod record;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use rayon::prelude::*;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DataFile, FileFormat, SuppressionMark};
use crate::plan::Plan;
use crate::publish::{
    Appended, CommitRecord, Committed, DayEntry, FoundObject, Intent, Inventory, ObjectKind,
    QuarantineLog, RemovalCause, RemovedKind, RemovedObject, delete_objects, live_days,
    published_by,
};
use crate::sinks::quarantine::{RefusedBytes, Sifted, Sifting, sift_quarantine};
use crate::sinks::{Destination, any_rows};
use crate::telemetry::{Progress, Stage};
use crate::transform::PrivacyInForce;

use super::Options;
use super::budget;
use super::byte_search::Searched;
use super::commit::Target;
use super::gate::{self, Closing};
use super::privacy;
use super::queue;
use super::write::WrittenDay;

pub(super) use day::{ReworkedDay, Worked};
pub(super) use leftovers::{
    DEAD_AFTER, Leftovers, STALE_AFTER, dead_orphans, leftovers, run_words, unfinished_files,
};
pub(super) use proof::Values;
pub(super) use texts::{contains_word, each_text, each_text_of};

/// What a rework does to rows.
pub(super) trait Task: Sync {
    /// Why.
    fn cause(&self) -> RemovalCause;

    /// What stays of published rows, which are in key order.
    fn work(&self, rows: &arrow::array::RecordBatch) -> Result<Worked>;

    /// Whether a refused row stays.
    fn keeps(&self, refused: &RefusedBytes<'_>) -> bool;

    /// Collects the values that go with these rows of a file that goes.
    fn collect(&self, rows: &arrow::array::RecordBatch, values: &mut Values) -> Result<()>;

    /// What may lawfully stand in rows that are published: the rows, without what the task takes.
    fn lawful(&self, rows: &arrow::array::RecordBatch) -> Result<arrow::array::RecordBatch>;

    /// Values that must be nowhere, even where they would be lawful for all that is known: they may
    /// only be a part of a longer word.
    fn certain(&self) -> Vec<&[u8]> {
        Vec::new()
    }

    /// Whether no row that is published is left to be worked on.
    fn is_done(&self, rows: &arrow::array::RecordBatch) -> Result<bool>;
}

/// A rework under way.
pub(super) struct Rework<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
    pub(super) runtime: &'a Handle,
    pub(super) progress: &'a Progress,
    pub(super) run_id: String,
    /// The time of the call, which tells whether a run may still be at work.
    pub(super) now: Timestamp,
    pub(super) in_force: PrivacyInForce,
}

/// A published day as it stands.
#[derive(Clone)]
pub(super) struct StandingDay<'r> {
    pub(super) date: Date,
    pub(super) entry: &'r DayEntry,
    pub(super) record: &'r CommitRecord,
    /// Its Parquet files, in order.
    pub(super) files: Vec<&'r DataFile>,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Due<'r> {
    /// Days that are written anew.
    pub(super) days: Vec<StandingDay<'r>>,
    /// Files of old versions, and of runs that died.
    pub(super) objects: Vec<RemovedObject>,
    /// Quarantine files that lose rows, and what they lose.
    pub(super) quarantine: Vec<(&'r DataFile, Sifted)>,
    /// Subjects to leave out from now on.
    pub(super) suppressed: Vec<SuppressionMark>,
}

impl Due<'_> {
    /// Whether there is nothing to commit.
    pub(super) fn is_nothing(&self) -> bool {
        let Self { days, objects, quarantine, suppressed } = self;
        days.is_empty() && objects.is_empty() && quarantine.is_empty() && suppressed.is_empty()
    }

    /// Rows that leave the quarantine, by the run that refused them.
    pub(super) fn quarantined_rows(&self) -> BTreeMap<String, u64> {
        let mut rows = BTreeMap::new();
        for (run, gone) in self.quarantine.iter().flat_map(|(_, sifted)| &sifted.gone_by_run) {
            *rows.entry(run.clone()).or_default() += gone;
        }
        rows
    }
}

/// What a rework did.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Number of its record.
    pub(super) commit: Option<u64>,
    /// Rows changed and rows gone, by day.
    pub(super) days: BTreeMap<Date, (u64, u64)>,
    /// Objects that were deleted, those of earlier reworks among them.
    pub(super) deleted: u64,
    /// The search for what went.
    pub(super) proof: Proof,
}

/// The proof that nothing is left of what went.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Proof {
    /// Values that stand lawfully elsewhere too, so that finding them would prove nothing; for them
    /// the rows speak.
    pub values_elsewhere: u64,
    /// Published rows that were read and found to hold nothing that must go.
    pub rows_checked: u64,
    /// The search through every object.
    #[serde(flatten)]
    pub searched: Searched,
}

/// Does `work` as a rework of the dataset that `plan` publishes, on its worker threads. `in_force`
/// says what of privacy is in force when these records stand.
///
/// # Errors
/// `Usage` when the contract is not private or there is no dataset; whatever `in_force` and `work`
/// give.
pub(super) fn in_a_rework<T: Send>(
    plan: &Plan,
    progress: &Progress,
    options: Options,
    in_force: impl FnOnce(&[Committed]) -> Result<PrivacyInForce>,
    work: impl FnOnce(&Rework<'_>) -> Result<T> + Send,
) -> Result<T> {
    if plan.contract.privacy.is_none() {
        let message = "the contract declares no privacy, so nothing is ever due";
        return Err(Error::new(ErrorKind::Usage, message)
            .with("dataset", plan.contract.label())
            .with_help("give the contract a `privacy` property, see docs/privacy.md"));
    }
    let runtime = super::start_runtime()?;
    let workers = super::start_workers(plan.threads)?;
    let target = Target::open_existing(&plan.target, &plan.aws, runtime.handle())?;
    let rework = Rework {
        plan,
        target: &target,
        runtime: runtime.handle(),
        progress,
        run_id: super::run_id(options.started_at),
        now: options.started_at,
        in_force: in_force(target.records())?,
    };
    workers.install(|| work(&rework))
}

impl<'a> Rework<'a> {
    fn destination(&self) -> Destination {
        self.target.destination()
    }

    fn contract(&self) -> &'a Contract {
        &self.plan.contract
    }

    /// Everything below the dataset.
    pub(super) fn objects(&self, records: &[Committed]) -> Result<Vec<FoundObject>> {
        let destination = self.destination();
        let inventory = Inventory::new(records);
        self.runtime.block_on(inventory.list(&destination.store, &destination.root).try_collect())
    }

    /// The Parquet files of newest and of older versions that are there and that the present contract
    /// can read, with their records.
    pub(super) fn readable_files<'r>(
        &self,
        records: &'r [Committed],
        objects: &[FoundObject],
    ) -> Vec<(&'r CommitRecord, &'r DataFile)> {
        let is_data = |object: &&FoundObject| {
            matches!(object.kind, ObjectKind::LiveData | ObjectKind::OldData)
        };
        let there: BTreeSet<&str> =
            objects.iter().filter(is_data).map(|object| object.path.as_str()).collect();
        let fingerprint = self.contract().schema_fingerprint();
        (records.iter().map(|committed| &committed.record))
            .filter(|record| record.schema_fingerprint == fingerprint)
            .flat_map(|record| record.files.iter().map(move |file| (record, file)))
            .filter(|(_, file)| file.format == FileFormat::Parquet)
            .filter(|(_, file)| there.contains(file.path.as_str()))
            .collect()
    }

    /// The published days.
    ///
    /// # Errors
    /// `Usage` when one was published by a contract of another form, or without Parquet.
    pub(super) fn standing_days<'r>(
        &self,
        records: &'r [Committed],
    ) -> Result<Vec<StandingDay<'r>>> {
        let contract = self.contract();
        let live = live_days(records);
        let of_day = |(&date, &seq): (&Date, &u64)| {
            let (record, entry) = published_by(records, seq, date)?;
            Some(StandingDay { date, entry, record, files: record.parquet_of(date) })
        };
        let days: Vec<_> = live.iter().filter_map(of_day).collect();
        for day in &days {
            let wrong = if !day.record.is_of_form_of(contract) {
                "a day was published by a contract of another form"
            } else if !day.record.holds_in_parquet(day.entry) {
                "a day was published without Parquet, from which it could be written anew"
            } else {
                continue;
            };
            return Err(Error::new(ErrorKind::Usage, wrong)
                .with("day", day.date)
                .with("commit", day.record.seq)
                .with("published by", &day.record.contract.label)
                .with("contract", contract.label())
                .with_help(privacy::PUBLISH_AGAIN));
        }
        Ok(days)
    }

    /// The versions of days that are there, published by records that `of_record` wants, in which
    /// `holds` says it of some rows: by record and day.
    pub(super) fn versions_where(
        &self,
        records: &[Committed],
        objects: &[FoundObject],
        of_record: impl Fn(&CommitRecord) -> bool,
        holds: impl Fn(&arrow::array::RecordBatch) -> Result<bool> + Sync,
    ) -> Result<BTreeSet<(u64, Date)>> {
        let destination = self.destination();
        let mut files = self.readable_files(records, objects);
        files.retain(|(record, _)| of_record(record));
        let found = files.into_par_iter().with_max_len(1).map(|(record, file)| {
            let is_meant = any_rows(&destination, file, self.contract(), &holds)?;
            Ok(file.dt.filter(|_| is_meant).map(|day| (record.seq, day)))
        });
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// What each quarantine file that is there would lose.
    pub(super) fn sift<'r>(
        &self,
        records: &'r [Committed],
        objects: &[FoundObject],
        task: &dyn Task,
    ) -> Result<Vec<(&'r DataFile, Sifted)>> {
        let destination = self.destination();
        let log = QuarantineLog::new(records);
        let sifted =
            quarantine_files(records, objects).into_par_iter().with_max_len(1).map(|file| {
                let sifting = |row: &RefusedBytes<'_>| sifting(task, &log, file, row);
                Ok((file, sift_quarantine(&destination, file, None, &sifting)?))
            });
        let sifted: Vec<(&DataFile, Sifted)> = sifted.collect::<Result<_>>()?;
        Ok(sifted.into_iter().filter(|(_, sifted)| sifted.has_due()).collect())
    }

    /// Does what is due, and what an earlier rework left undone.
    ///
    /// # Errors
    /// `Verification` when a file does not hold what was written, or when what must be gone is still
    /// there; `Conflict` when a day was published meanwhile; `CommitUnknown`, `Permission` and
    /// `Transient` from the store.
    pub(super) fn carry_out(&self, task: &dyn Task, due: &Due<'_>) -> Result<Done> {
        let mut done = Done::default();
        if !due.is_nothing() {
            self.commit(task, due, &mut done)?;
        }
        let records = self.target.read_again()?;
        let objects = self.objects(&records)?;
        if self.plan.latest || objects.iter().any(|object| object.kind == ObjectKind::Latest) {
            self.target.refresh(&records)?;
        }
        if done.commit.is_some() {
            self.target.conclude(&self.run_id)?;
        }
        self.progress.enter(Stage::Verifying);
        let going: Vec<&FoundObject> =
            objects.iter().filter(|object| object.kind == ObjectKind::Removed).collect();
        let values = self.values_of(task, &records, &going)?;
        done.deleted = self.delete(&going)?;
        self.remove_leftovers()?;
        done.proof = self.prove(task, &records, values)?;
        Ok(done)
    }

    /// Writes what stays, lets the gate judge it and creates the record.
    fn commit(&self, task: &dyn Task, due: &Due<'_>, done: &mut Done) -> Result<()> {
        let destination = self.destination();
        self.progress.enter(Stage::Writing);
        self.target.require_commits()?;
        self.target.announce_as(&Intent {
            run_id: self.run_id.clone(),
            job: self.plan.job.clone(),
            started_at: self.now.to_string(),
        })?;
        let Plan { memory_bytes, threads, sinks, .. } = self.plan;
        let closing = Closing::new(due.days.len(), self.contract(), &destination, self.progress);
        let at_once = budget::days_at_once(*memory_bytes, *threads, sinks);
        let reworked = queue::each(&due.days, at_once, |day| {
            day::rework_day(self, &destination, day, task, &closing)
        })?;
        let (days, written): (Vec<ReworkedDay>, Vec<WrittenDay>) = reworked.into_iter().unzip();
        self.progress.enter(Stage::Writing);
        let log = QuarantineLog::new(self.target.records());
        let mut sifted: Vec<Sifted> = Vec::new();
        for (index, (file, _)) in due.quarantine.iter().enumerate() {
            let to = format!("_quarantine/v-{}/part-{index:05}.parquet", self.run_id);
            let sifting = |row: &RefusedBytes<'_>| sifting(task, &log, file, row);
            sifted.push(sift_quarantine(&destination, file, Some(&to), &sifting)?);
        }
        self.progress.enter(Stage::Verifying);
        let found = gate::rows_by_day(&written)?;
        for (day, written) in days.iter().zip(&written) {
            day.require_agreement(written, &found, self.contract())?;
        }
        let kept: Vec<DataFile> = sifted.iter().filter_map(|s| s.file.clone()).collect();
        self.progress.rereading(|| gate::reopen_quarantine(&kept, &destination))?;
        if self.progress.should_stop() {
            return Err(super::interrupted());
        }
        self.progress.enter(Stage::Publishing);
        let record = record::record(self, task.cause(), due, &days, &written, &sifted)?;
        if task.cause() == RemovalCause::Retention {
            privacy::require_k(record.privacy.as_ref())?;
        }
        let committed = match self.target.append(record)? {
            Appended::Committed(committed) | Appended::AlreadyPublished(committed) => committed,
        };
        done.commit = Some(committed.record.seq);
        done.days = days.iter().map(|day| (day.date, (day.changed_rows, day.gone_rows))).collect();
        Ok(())
    }

    /// Deletes objects that a record has taken out. Parquet goes last: who dies in between can still
    /// read from it what to look for.
    fn delete(&self, going: &[&FoundObject]) -> Result<u64> {
        let Destination { store, root, .. } = self.destination();
        let is_last = |object: &&&FoundObject| -> bool {
            object.path.starts_with("_data/") && object.path.ends_with(".parquet")
        };
        let (last, first): (Vec<&&FoundObject>, Vec<&&FoundObject>) =
            going.iter().partition(is_last);
        let mut deleted = 0;
        for objects in [first, last] {
            let paths = objects.into_iter().map(|object| object.path.clone());
            deleted += self.runtime.block_on(delete_objects(&store, &root, paths))?;
        }
        Ok(deleted)
    }
}

/// The quarantine files that are there.
fn quarantine_files<'r>(records: &'r [Committed], objects: &[FoundObject]) -> Vec<&'r DataFile> {
    let is_quarantine = |object: &&FoundObject| object.kind == ObjectKind::Quarantine;
    let there: BTreeSet<&str> =
        objects.iter().filter(is_quarantine).map(|object| object.path.as_str()).collect();
    let files = records.iter().flat_map(|committed| &committed.record.quarantine_files);
    files.filter(|file| there.contains(file.path.as_str())).collect()
}

/// What becomes of a refused row.
fn sifting(
    task: &dyn Task,
    log: &QuarantineLog<'_>,
    file: &DataFile,
    row: &RefusedBytes<'_>,
) -> Sifting {
    match (log.taken_by(file, row.place), task.keeps(row)) {
        (Some(_), keeps) => Sifting::WasTaken { is_due: !keeps },
        (None, true) => Sifting::Stays,
        (None, false) => Sifting::Goes,
    }
}

/// The objects of old versions of days that `goes` says, by the record and its entry of the day.
pub(super) fn old_versions(
    records: &[Committed],
    objects: &[FoundObject],
    goes: impl Fn(&CommitRecord, &DayEntry) -> bool,
) -> Vec<RemovedObject> {
    let of_object = |object: &&FoundObject| {
        let (Some(seq), Some(dt)) = (object.commit, object.dt) else { return false };
        published_by(records, seq, dt).is_some_and(|(record, entry)| goes(record, entry))
    };
    (objects.iter())
        .filter(|object| object.kind == ObjectKind::OldData)
        .filter(of_object)
        .map(|object| removed(&object.path, RemovedKind::OldVersion))
        .collect()
}

/// An object that goes with nothing in its place.
pub(super) fn removed(path: &str, why: RemovedKind) -> RemovedObject {
    RemovedObject { path: path.to_owned(), why, instead: None }
}
