//! The refused rows of a published dataset: showing those that are still there, and accounting for
//! every row that ever was.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::plan::AwsOptions;
use crate::publish::{CommitRecord, Committed, QuarantineFile, QuarantineLog, RemovalCause};
use crate::sinks::Destination;
use crate::sinks::quarantine::{QuarantineRow, read_quarantine};

use super::commit::Target;

/// Gives every refused row of the dataset at `target` that is still there to `each` as a JSON
/// object, oldest commit first, until it answers `false`. Rows that a replay or people took out are
/// left out, and so are rows of days that another run has read since, unless `run` names the run
/// that refused them.
///
/// # Errors
/// `Usage` when there is no dataset, or no such run in it; `Verification` when a file cannot be
/// read as it was written; `Permission` and `Transient` from the store; whatever `each` gives.
pub fn quarantine(
    target: &str,
    aws: &AwsOptions,
    run: Option<&str>,
    each: &mut dyn FnMut(serde_json::Value) -> Result<bool>,
) -> Result<()> {
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let log = QuarantineLog::new(dataset.records());
    let of_run = run.map(|run| of_run(dataset.records(), run)).transpose()?;
    each_row(&log, &dataset.destination(), of_run.as_ref(), &mut |lying| {
        if lying.taken_by.is_some() || !(lying.stands || run.is_some()) {
            return Ok(true);
        }
        let row = serde_json::to_value(lying.row)
            .or_err(ErrorKind::Unexpected, "could not show a refused row")?;
        each(row)
    })
}

/// The quarantine of a dataset in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineStats {
    /// Rows that [`quarantine`] shows.
    pub rows: u64,
    /// These rows by reason code; a row with several reasons counts under each.
    pub reasons: BTreeMap<String, u64>,
    /// What became of every row that ever was in it.
    pub account: QuarantineAccount,
}

/// What became of every row that was ever refused: [`QuarantineAccount::holds`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineAccount {
    /// Rows that runs have refused.
    pub ever_quarantined: u64,
    /// Rows that left by a replay.
    pub replayed: u64,
    /// Rows that can still be replayed or discarded.
    pub still_there: u64,
    /// Rows that people gave up.
    pub discarded: u64,
    /// Rows whose time is over.
    pub expired: u64,
    /// `replayed` by what became of the rows.
    pub replayed_as: ReplayedAs,
    /// `expired` by why.
    pub expired_by: ExpiredBy,
}

/// Rows that left the quarantine by a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayedAs {
    /// Published.
    pub written: u64,
    /// Left out by a declared rule.
    pub excluded: u64,
    /// Older copies of a key.
    pub deduplicated: u64,
}

/// Rows of the quarantine whose time is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExpiredBy {
    /// Another run has read their day from the sources since.
    pub replaced: u64,
    /// They were kept for as long as they may be.
    pub retention: u64,
    /// A person they spoke of was erased.
    pub erasure: u64,
}

impl QuarantineAccount {
    /// Whether every row that was ever refused is accounted for. What left is counted by the
    /// records, what is still there in the files.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.ever_quarantined == self.replayed + self.still_there + self.discarded + self.expired
    }

    fn of_records<'r>(
        records: &'r [Committed],
        log: &QuarantineLog<'r>,
        of_run: Option<&OfRun>,
    ) -> Self {
        let mut account = Self::default();
        let first_refused = log.first_refused();
        for first in first_refused.filter(|of| of_run.is_none_or(|run| run.has_origin(of.origin))) {
            account.ever_quarantined += first.file.rows;
        }
        for Committed { record, .. } in records {
            let is_of = |run_id: &str| of_run.is_none_or(|of_run| of_run.origin == run_id);
            if let Some(replayed) = record.replayed.as_ref().filter(|r| is_of(&r.run_id)) {
                account.replayed += replayed.rows.left();
                account.replayed_as.written += replayed.rows.written;
                account.replayed_as.excluded += replayed.rows.excluded;
                account.replayed_as.deduplicated += replayed.rows.deduplicated;
            }
            if let Some(discarded) = record.discarded.as_ref().filter(|d| is_of(&d.run_id)) {
                account.discarded += discarded.rows;
            }
            let Some(removal) = &record.removal else { continue };
            for (run_id, rows) in &removal.quarantined_rows {
                let refused_by = records.iter().find(|c| c.record.run_id == *run_id);
                let origin = refused_by.map(|c| log.origin_of(&c.record));
                if origin.is_none_or(|origin| is_of(&origin.run_id)) {
                    match removal.cause {
                        RemovalCause::Retention => account.expired_by.retention += rows,
                        RemovalCause::Erasure => account.expired_by.erasure += rows,
                    }
                }
            }
        }
        account
    }
}

/// Counts the rows in the quarantine of the dataset at `target`, of one run or of all, and accounts
/// for all that ever were in it.
///
/// # Errors
/// As [`quarantine`]; `Verification` also when the account does not hold.
pub fn quarantine_stats(
    target: &str,
    aws: &AwsOptions,
    run: Option<&str>,
) -> Result<QuarantineStats> {
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let records = dataset.records();
    let log = QuarantineLog::new(records);
    let of_run = run.map(|run| of_run(records, run)).transpose()?;
    let whole = of_run.as_ref().map(OfRun::whole);
    let mut stats = QuarantineStats {
        account: QuarantineAccount::of_records(records, &log, whole.as_ref()),
        ..QuarantineStats::default()
    };
    let account = &mut stats.account;
    each_row(&log, &dataset.destination(), whole.as_ref(), &mut |lying| {
        if lying.taken_by.is_some() {
            return Ok(true);
        }
        match lying.stands {
            true => account.still_there += 1,
            false => account.expired_by.replaced += 1,
        }
        let is_shown = match &of_run {
            Some(run) => run.has(&lying.of),
            None => lying.stands,
        };
        if is_shown {
            stats.rows += 1;
            for code in lying.row.codes() {
                *stats.reasons.entry(code.to_owned()).or_default() += 1;
            }
        }
        Ok(true)
    })?;
    let ExpiredBy { replaced, retention, erasure } = account.expired_by;
    account.expired = replaced + retention + erasure;
    if account.holds() {
        return Ok(stats);
    }
    Err(Error::new(ErrorKind::Verification, "the account of the quarantine does not hold")
        .with("target", target)
        .with("account", format!("{account:?}"))
        .with_help("`consign verify` says which record or file is not as it was written"))
}

/// Name of the job whose run `run_id` is, when the dataset at `target` has such a run.
///
/// # Errors
/// `Usage` when there is no dataset; `Verification`, `Permission` and `Transient` from its log.
pub fn job_of_run(target: &str, aws: &AwsOptions, run_id: &str) -> Result<Option<String>> {
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let found = dataset.records().iter().find(|committed| committed.record.run_id == run_id);
    Ok(found.map(|committed| committed.record.job.clone()))
}

/// A run as people name it where they speak of its quarantine.
pub(super) struct OfRun {
    /// The run that first refused the rows.
    pub(super) origin: String,
    /// The replay that is meant, when it is not the run itself.
    replay: Option<String>,
}

impl OfRun {
    /// The run with all its replays.
    fn whole(&self) -> Self {
        Self { origin: self.origin.clone(), replay: None }
    }

    fn has_origin(&self, origin: &CommitRecord) -> bool {
        origin.run_id == self.origin
    }

    fn has(&self, of: &QuarantineFile<'_>) -> bool {
        self.has_origin(of.origin) && self.replay.as_ref().is_none_or(|id| *id == of.record.run_id)
    }
}

/// The run that `run_id` names: a run with all its replays, or one replay.
///
/// # Errors
/// `Usage` when there is no such run.
pub(super) fn of_run(records: &[Committed], run_id: &str) -> Result<OfRun> {
    let found = records.iter().find(|committed| committed.record.run_id == run_id);
    let found = found.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the dataset has no such run")
            .with("run", run_id)
            .with_help("`consign quarantine show --json` and the records in _log/ name the runs")
    })?;
    Ok(match &found.record.replayed {
        None => OfRun { origin: run_id.to_owned(), replay: None },
        Some(replayed) => {
            OfRun { origin: replayed.run_id.clone(), replay: Some(run_id.to_owned()) }
        }
    })
}

/// A row as it lies in the quarantine.
pub(super) struct Lying<'r> {
    pub(super) row: QuarantineRow,
    pub(super) of: QuarantineFile<'r>,
    /// Place in the file.
    pub(super) place: u64,
    /// The record that took it out.
    pub(super) taken_by: Option<&'r CommitRecord>,
    /// Whether no other run has read its day since.
    pub(super) stands: bool,
}

/// Gives every row that was ever written to the quarantine to `each`, oldest commit first, until it
/// answers `false`.
///
/// # Errors
/// As [`read_quarantine`].
pub(super) fn each_row<'r>(
    log: &QuarantineLog<'r>,
    destination: &Destination,
    of_run: Option<&OfRun>,
    each: &mut dyn FnMut(Lying<'r>) -> Result<bool>,
) -> Result<()> {
    let mut go_on = true;
    for of in log.files().filter(|of| of_run.is_none_or(|run| run.has(of))) {
        if !go_on {
            break;
        }
        let mut place = 0;
        read_quarantine(destination, of.file, &mut |row| {
            let taken_by = log.taken_by(of.file, place);
            let stands = log.stands(of.origin, row.dt);
            go_on = each(Lying { row, of, place, taken_by, stands })?;
            place += 1;
            Ok(go_on)
        })?;
    }
    Ok(())
}
