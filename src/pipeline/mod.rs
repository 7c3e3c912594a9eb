//! The run: from a plan to a published day, and the two ways to look at what was published.
//!
//! Owns the order of things and everything between a decoded batch and a commit: routing, staged
//! runs, set-wide decisions, the merge, the ledger, the gate. Does not own reading, decoding,
//! judging, file formats or the commit itself.

mod audit;
mod budget;
mod byte_search;
mod candidates;
mod commit;
mod deletions;
mod discard;
mod erase;
mod explain;
mod extract;
mod gate;
mod identity;
mod intake;
mod judge;
mod key_index;
mod keys;
mod ledger;
mod live;
mod load;
mod lookup;
mod merge;
mod plan;
mod privacy;
mod quarantine;
mod queue;
mod rate_file;
mod rates;
mod refused;
mod replay;
mod retention;
mod rework;
mod route;
mod row_set;
mod set_wide;
mod settle;
mod spill;
mod staged;
mod uploads;
mod verify;
mod write;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jiff::Timestamp;
use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fx::{Rates, RatesUsed};
use crate::model::{DataFile, Ledger, PrivacyRecord, SplitId, ZoneDifference, days_of_date};
use crate::plan::{DaySelection, Plan};
use crate::report::{Outcome, RunSummary};
use crate::sinks::quarantine::{Seen, write_quarantine};
use crate::state::{Checkpoint, Staging};
use crate::telemetry::{Progress, Stage};
use crate::transform::{PrivacyInForce, Steps};

pub use audit::{AuditClass, AuditSummary, AuditedObject, audit};
pub use byte_search::{Hit, Place, Searched};
pub use discard::{DiscardRequest, DiscardSummary, discard};
pub use erase::{ErasureOutcome, ErasureReceipt, erase};
pub use explain::{
    ExplainRequest, ExplainedReason, ExplainedRow, PresentJudgement, RefusingContract, explain,
};
pub use judge::{JudgedReason, Judgement, judge};
pub use load::{LoadSummary, load};
pub use lookup::{FoundRow, get};
pub use plan::plan;
pub use privacy::{create_key_file, read_key_ring};
pub use quarantine::{
    ExpiredBy, QuarantineAccount, QuarantineStats, ReplayedAs, job_of_run, quarantine,
    quarantine_stats,
};
pub use rate_file::{ImportSummary, import_rates};
pub use rates::read_rates;
pub use replay::{LeftAlone, ReplayOutcome, ReplayRequest, ReplaySummary, RunReplay, replay};
pub use retention::{DueDay, DueObject, RetentionOutcome, RetentionSummary, retention};
pub use rework::Proof;
pub use uploads::{PendingUpload, abort_uploads, pending_uploads};
pub use verify::{VerifySummary, verify};

use commit::{Committed, Publication, Target};
use intake::Intake;
use merge::Extracted;
use route::ExclusionNames;
use row_set::RowSet;
use set_wide::{NotUnique, Struck};
use settle::Standing;
use write::{Writing, WrittenDay};

/// How a plan is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Do everything but write to the target.
    pub dry_run: bool,
    /// Forget what an interrupted reading of live sources has kept, and begin anew.
    pub fresh: bool,
    /// Wall-clock instant at which the run began: for its id and the record's `committed_at`,
    /// never for the rows.
    pub started_at: Timestamp,
}

/// Runs a plan to its end: published, found published already, or tried without publishing.
/// Blocks; call it outside any asynchronous runtime.
///
/// # Errors
/// `Interrupted` when `progress.stop` was set: finished splits are kept for the next run.
/// `Gate` when the reject budget is exceeded, `Verification` when anything does not agree,
/// `Conflict` and `CommitUnknown` from the commit, `Permission` and `Transient` from stores and
/// disks, `Usage` when the plan names what is not there or would bring back personal data that
/// the target has no more.
pub fn run(plan: &Plan, progress: &Arc<Progress>, options: Options) -> Result<RunSummary> {
    in_a_run(plan, progress, options, |run, target| run.to_the_end(target))
}

/// Does `work` as a run of its own, on the worker threads of `plan`. Without a target nothing is
/// published.
fn in_a_run<T: Send>(
    plan: &Plan,
    progress: &Arc<Progress>,
    options: Options,
    work: impl FnOnce(&Running<'_>, Option<&Target>) -> Result<T> + Send,
) -> Result<T> {
    let runtime = start_runtime_with(plan.threads)?;
    let workers = start_workers(plan.threads)?;
    let rates = rates::of_plan(plan, runtime.handle())?;
    let target = Target::of_run(plan, options.dry_run, runtime.handle())?;
    let records = target.as_ref().map(Target::records).unwrap_or_default();
    let run = Running {
        plan,
        rates,
        privacy: privacy::in_force(plan, records)?,
        progress,
        options,
        runtime: runtime.handle(),
        started: Instant::now(),
        run_id: run_id(options.started_at),
    };
    workers.install(|| work(&run, target.as_ref()))
}

/// One execution of a plan.
struct Running<'a> {
    plan: &'a Plan,
    /// The exchange rates, where the contract converts amounts.
    rates: Option<Arc<Rates>>,
    /// Keys, and whom to leave out.
    privacy: PrivacyInForce,
    progress: &'a Progress,
    options: Options,
    runtime: &'a Handle,
    started: Instant,
    run_id: String,
}

impl Running<'_> {
    /// Without a target nothing is published.
    fn to_the_end(&self, target: Option<&Target>) -> Result<RunSummary> {
        self.progress.enter(Stage::Planning);
        let Self { plan, runtime, .. } = *self;
        let rates = self.rates.as_deref();
        let live = plan.is_live().then(|| self.live_staging()).transpose()?;
        let mut intake = intake::open(plan, runtime, live.as_ref(), self.now())?;
        let key = identity::run_key(plan, rates, &self.privacy, &intake.summaries)?;
        tracing::info!(run_id = self.run_id, splits = intake.splits.len(), "sources are checked");
        let staging = |live: Option<Staging>| match live {
            Some(staging) => Ok(staging),
            None => Staging::open(&plan.staging, &identity::staging_key(&key, rates), &self.run_id),
        };
        let records = target.map(Target::records).unwrap_or_default();
        let (true, Some(target)) = (!self.options.dry_run, target) else {
            self.refuse_to_bring_back(records)?;
            return self.try_out(&mut intake, staging(live)?, records);
        };
        if let Some(committed) = target.published(&key) {
            // The same slice of the same input stands published: only the views are made sure of.
            let publication = target.republish(committed, plan.latest)?;
            live.map(Staging::remove).transpose()?;
            return Ok(commit::summary(self, Outcome::AlreadyPublished, publication, 0));
        }
        self.refuse_to_bring_back(records)?;
        target.require_commits()?;
        let staging = staging(live)?;
        let judged = self.decide(&mut intake, &staging).and_then(|decided| {
            if let Some(why) = self.over_budget(&decided) {
                return Err(gate::refusal(&why));
            }
            privacy::refuse_to_bring_back(plan, records, decided.days.iter().copied())?;
            let seen = Seen::First(self.options.started_at);
            let draft = self.write(target, &staging, &decided, seen)?;
            Ok((decided, draft))
        });
        let (decided, draft) = match judged {
            // A live reading that is refused is not gone on with: the next run must read anew, or
            // it would pass over what was found wrong.
            Err(error)
                if plan.is_live()
                    && matches!(error.kind(), ErrorKind::Gate | ErrorKind::Verification) =>
            {
                staging.remove()?;
                return Err(error);
            }
            judged => judged?,
        };
        let publication = self.publish(target, &intake, &key, &draft)?;
        staging.remove()?;
        let outcome = match publication.by_another_run {
            true => Outcome::AlreadyPublished,
            false => Outcome::Published,
        };
        Ok(commit::summary(self, outcome, publication, decided.resumed))
    }

    /// Before hours of work, where the days are known.
    fn refuse_to_bring_back(&self, records: &[Committed]) -> Result<()> {
        match self.plan.days {
            DaySelection::Found => Ok(()),
            days @ DaySelection::Range { .. } => {
                privacy::refuse_to_bring_back(self.plan, records, days_to_publish(days, &[]))
            }
        }
    }

    /// The staging folder of a run that reads live sources: it is found again by what is read,
    /// since there is no content to know it by.
    fn live_staging(&self) -> Result<Staging> {
        let Self { plan, options, run_id, .. } = self;
        if options.dry_run {
            return Staging::open_apart(&plan.staging, run_id);
        }
        let key = identity::reading_key(plan, self.rates.as_deref(), &self.privacy)?;
        let staging = Staging::open(&plan.staging, &key, run_id)?;
        if options.fresh {
            staging.clear()?;
        }
        Ok(staging)
    }

    /// The time, as far as a run may know it: for the records of live readings and the commit,
    /// never for the rows.
    fn now(&self) -> Timestamp {
        self.options.started_at.checked_add(self.started.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// Extracts every split and takes the decisions that need all rows.
    fn decide(&self, intake: &mut Intake, staging: &Staging) -> Result<Decided> {
        let Self { plan, progress, .. } = *self;
        progress.enter(Stage::Extracting);
        let bytes = intake.splits.iter().map(|split| split.bytes).sum();
        progress.bytes_total.store(bytes, Ordering::Relaxed);
        progress.splits_total.store(intake.splits.len() as u64, Ordering::Relaxed);
        let names = ExclusionNames::new(&plan.contract);
        let (checkpoints, resumed) =
            extract::extract(plan, self.steps()?, &names, intake, staging, self.runtime, progress)?;
        intake.end_scan_window(self.now());
        let days = days_to_publish(plan.days, &checkpoints);
        let decided = self.settle(staging, checkpoints, days, &names, &Standing::default())?;
        Ok(Decided { resumed, ..decided })
    }

    /// The steps of the contract, with the rates and the privacy of this run.
    fn steps(&self) -> Result<Steps> {
        let Self { plan, rates, privacy, .. } = self;
        Steps::new(&plan.contract, plan.days, rates.as_ref(), Some(privacy))
    }

    fn over_budget(&self, decided: &Decided) -> Option<String> {
        gate::over_budget(self.plan.reject_budget, &decided.ledger.run, &decided.reasons)
    }

    /// Writes every file below the run's own prefix and lets the gate judge them: each file once it is
    /// written, the whole when all are.
    /// `seen` says whether its refused rows were refused before.
    fn write(
        &self,
        target: &Target,
        staging: &Staging,
        decided: &Decided,
        seen: Seen<'_>,
    ) -> Result<Draft> {
        let Self { plan, progress, .. } = *self;
        progress.enter(Stage::Writing);
        target.announce(self)?;
        let destination = target.destination();
        let extracted = Extracted {
            contract: &plan.contract,
            staging,
            checkpoints: &decided.checkpoints,
            older: &decided.older.rows,
            left_out: &decided.left_out,
            refused: &decided.refused,
            fx_table: self.rates.as_deref().map(|rates| rates.sha256.as_str()),
            fan_in: budget::fan_in(plan.memory_bytes, plan.threads),
        };
        let writing = Writing {
            plan,
            extracted,
            not_unique: &decided.not_unique,
            destination: &destination,
            run_id: &self.run_id,
            progress,
        };
        let days = writing.days(&decided.days)?;
        progress.enter(Stage::Writing);
        let privacy = privacy::record(&plan.contract, &self.privacy, &days, &decided.ledger);
        privacy::require_k(privacy.as_ref())?;
        let rejects = refused::of_splits(staging, &decided.checkpoints, &decided.older.rows)
            .chain(refused::of_days(staging, days.iter().filter_map(|day| day.refused.as_ref())));
        let quarantine_files = write_quarantine(&destination, &self.run_id, seen, rejects)?;

        progress.enter(Stage::Verifying);
        let quarantine =
            progress.rereading(|| gate::reopen_quarantine(&quarantine_files, &destination))?;
        let found = ledger::Found {
            written_by_day: gate::rows_by_day(&days)?,
            written_by_split: written_by_split(&days),
            quarantined: quarantine.rows,
        };
        gate::sums_agree(&plan.contract, &decided.checkpoints, &days)?;
        let ledger =
            ledger::draw_up(&decided.checkpoints, &decided.older, &decided.not_unique, &found);
        gate::balances(&ledger, &decided.ledger)?;
        Ok(Draft {
            quarantine_files,
            reasons: quarantine.reasons,
            warnings: decided.warnings.clone(),
            zone_differences: decided.zone_differences.clone(),
            ledger,
            fx: self.rates.as_deref().map(|rates| rates::used(plan, rates, &days)),
            privacy,
            days,
        })
    }

    fn publish(
        &self,
        target: &Target,
        intake: &Intake,
        key: &str,
        draft: &Draft,
    ) -> Result<Publication> {
        if self.progress.should_stop() {
            return Err(interrupted());
        }
        self.progress.enter(Stage::Publishing);
        let record = commit::record(self, &intake.summaries, key, draft, self.now());
        target.commit(self, record)
    }

    /// A dry run: everything up to the gate, nothing written to the target, nothing kept.
    fn try_out(
        &self,
        intake: &mut Intake,
        staging: Staging,
        records: &[Committed],
    ) -> Result<RunSummary> {
        let decided = self.decide(intake, &staging)?;
        staging.remove()?;
        privacy::refuse_to_bring_back(self.plan, records, decided.days.iter().copied())?;
        Ok(RunSummary {
            format_version: 1,
            outcome: Outcome::DryRun,
            job: self.plan.job.clone(),
            dataset: self.plan.contract.label(),
            contract_version: self.plan.contract.version.clone(),
            run_id: self.run_id.clone(),
            commit: None,
            target: self.plan.target.clone(),
            as_of: self.plan.as_of.to_string(),
            days: decided.days.iter().map(|day| Ledger::day_key_of(Some(*day))).collect(),
            sources: intake.summaries.clone(),
            refusal: self.over_budget(&decided),
            ledger: decided.ledger,
            reasons: decided.reasons,
            warnings: decided.warnings,
            fx: self.rates.as_deref().map(|rates| rates::used(self.plan, rates, &[])),
            privacy: None,
            zone_differences: decided.zone_differences,
            files: Vec::new(),
            quarantine_files: Vec::new(),
            latest: Vec::new(),
            resumed_splits: decided.resumed,
            elapsed_ms: self.elapsed_ms(),
            stage_ms: self.progress.stage_ms(),
            reread_thread_ms: self.progress.reread_thread_ms(),
        })
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is known of every row before a file is written.
struct Decided {
    checkpoints: Vec<Checkpoint>,
    /// Splits that an interrupted run had finished.
    resumed: u64,
    /// Days to publish, days since 1970-01-01, ascending.
    days: Vec<i32>,
    /// Zones of the data that another database has otherwise.
    zone_differences: Vec<ZoneDifference>,
    older: Struck,
    /// Rows found by each unique rule.
    not_unique: Vec<NotUnique>,
    /// Those that the rules leave out, all together, and those that they refuse.
    left_out: RowSet,
    refused: RowSet,
    /// Rows that rules warn of, by rule.
    warnings: BTreeMap<String, u64>,
    /// Reasons by code.
    reasons: BTreeMap<String, u64>,
    /// The ledger as the files will have to confirm it.
    ledger: Ledger,
}

/// What was written and found good, and is not yet committed.
struct Draft {
    days: Vec<WrittenDay>,
    quarantine_files: Vec<DataFile>,
    reasons: BTreeMap<String, u64>,
    warnings: BTreeMap<String, u64>,
    zone_differences: Vec<ZoneDifference>,
    ledger: Ledger,
    fx: Option<RatesUsed>,
    privacy: Option<PrivacyRecord>,
}

fn days_to_publish(selection: DaySelection, checkpoints: &[Checkpoint]) -> Vec<i32> {
    match selection {
        DaySelection::Range { first, last } => (days_of_date(first)..=days_of_date(last)).collect(),
        DaySelection::Found => {
            let keys: BTreeSet<&String> = checkpoints.iter().flat_map(|c| c.days.keys()).collect();
            keys.into_iter().filter_map(|key| key.parse().ok()).map(days_of_date).collect()
        }
    }
}

fn written_by_split(days: &[WrittenDay]) -> BTreeMap<SplitId, u64> {
    let mut written = BTreeMap::new();
    for (split, rows) in days.iter().flat_map(|day| &day.merged.emitted) {
        *written.entry(*split).or_default() += rows;
    }
    written
}

/// A runtime for commands that do little but wait for a store.
fn start_runtime() -> Result<Runtime> {
    start_runtime_with(2)
}

/// Asynchronous reads and uploads run here. Its threads move bytes; the work is done elsewhere.
fn start_runtime_with(threads: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .thread_name("store")
        .enable_all()
        .build()
        .or_err(ErrorKind::Unexpected, "could not start the runtime")
}

fn start_workers(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("worker-{index}"))
        .build()
        .or_err(ErrorKind::Unexpected, "could not start the worker threads")
}

/// A time-ordered random id, so that prefixes of runs list in their order.
fn run_id(at: Timestamp) -> String {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)).to_string()
}

/// The error of a run that was asked to stop.
fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped on request; nothing was published")
        .with_help("run the same command again: it goes on from what is finished")
}
