//! Replaying the quarantine: refused rows are judged again by the present contract, and their days
//! are published anew with the rows that are accepted now.
//!
//! Owns the order of things. A replay is a run over what one run has left: the rows it refused and
//! the days it published. Does not own which rows are meant (`pick`), how they are judged (`again`)
//! nor how days are carried on (`standing`).

mod again;
pub(super) mod pick;
mod standing;
mod summary;

pub use summary::{LeftAlone, ReplayOutcome, ReplayRequest, ReplaySummary, RunReplay};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Ledger, ReasonCode, SourceSummary, SplitId, days_of_date};
use crate::plan::{DaySelection, Plan};
use crate::publish::{
    CommitRecord, Committed, QuarantineLog, Replayed, ReplayedRows, TakenRows, idempotency_key,
};
use crate::sinks::quarantine::Seen;
use crate::state::{Checkpoint, Staging};
use crate::telemetry::{Progress, Stage};
use crate::transform::{PublishedZones, tzdb_version};

use super::commit::{self, Target};
use super::extract::{Extraction, spill_bytes};
use super::identity::CODE_VERSION;
use super::privacy::refuse_to_bring_back;
use super::quarantine::{OfRun, of_run};
use super::route::ExclusionNames;
use super::settle::Standing;
use super::spill::SpillRules;
use super::{Decided, Options, Running, rates, zones};
use again::{Again, try_again};
use pick::{Judge, Picked, has_one_of, pick};
use standing::{StandingDays, carry_on};

/// Least bytes that a split of refused rows may hold in memory.
const MIN_SPILL_BYTES: usize = 1 << 20;

/// Tries refused rows again by the contract, rates and target of `plan`; its sources are not read
/// and its days do not count. Each run that refused rows is replayed on its own, as a commit of its
/// own. Blocks; call it outside any asynchronous runtime.
///
/// # Errors
/// `Usage` when there is no dataset or no such run in it, `Interrupted` when `progress.stop` was
/// set, `Verification` when anything does not agree, `Conflict` when one of the days or the same
/// rows were worked on meanwhile, `CommitUnknown`, `Permission` and `Transient` from the store.
pub fn replay(
    plan: &Plan,
    request: &ReplayRequest,
    progress: &Arc<Progress>,
    options: Options,
) -> Result<ReplaySummary> {
    let plan = Plan { days: DaySelection::Found, ..plan.clone() };
    let runs = runs_to_replay(&plan, request)?;
    let replay = |of_run: &OfRun| {
        super::in_a_run(&plan, progress, options, |run, target| {
            run.replay(target, of_run, &request.reasons)
        })
    };
    Ok(ReplaySummary {
        format_version: 1,
        runs: runs.iter().map(replay).collect::<Result<_>>()?,
        job: plan.job.clone(),
        dataset: plan.contract.label(),
        contract_version: plan.contract.version.clone(),
        target: plan.target.clone(),
    })
}

/// The run that is asked for, or every run whose quarantine has a file.
fn runs_to_replay(plan: &Plan, request: &ReplayRequest) -> Result<Vec<OfRun>> {
    let runtime = super::start_runtime()?;
    let target = Target::open_existing(&plan.target, &plan.aws, runtime.handle())?;
    let records = target.records();
    if let Some(run) = &request.run {
        return Ok(vec![of_run(records, run)?]);
    }
    let log = QuarantineLog::new(records);
    let origins: BTreeSet<u64> = log.files().map(|of| of.origin.seq).collect();
    let of_origin = records.iter().filter(|c| origins.contains(&c.record.seq));
    of_origin.map(|committed| of_run(records, &committed.record.run_id)).collect()
}

impl Running<'_> {
    fn replay(
        &self,
        target: Option<&Target>,
        of_run: &OfRun,
        reasons: &[ReasonCode],
    ) -> Result<RunReplay> {
        self.progress.enter(Stage::Planning);
        let opened; // a dry run has no target of its own
        let target = match target {
            Some(target) => target,
            None => {
                let Plan { target, aws, .. } = self.plan;
                opened = Target::open_existing(target, aws, self.runtime)?;
                &opened
            }
        };
        let log = QuarantineLog::new(target.records());
        let (picked, tried_already) = self.pick(target, &log, of_run, reasons)?;
        if picked.is_empty() {
            let left_alone = LeftAlone { tried_already, ..LeftAlone::default() };
            return Ok(RunReplay::nothing_to_do(&of_run.origin, left_alone));
        }
        if !self.options.dry_run {
            target.require_commits()?;
        }
        let staging = Staging::open_apart(&self.plan.staging, &self.run_id)?;
        let replay = Replay { run: self, target, staging: &staging, of_run, reasons };
        let replayed = replay.try_again(&log, &picked, tried_already);
        let removed = staging.remove();
        replayed.and_then(|replayed| removed.map(|()| replayed))
    }

    /// The rows that are asked for, and how many of them a replay has tried with this very judge.
    /// Rows that share a value which must be unique are tried along: one of them alone would seem
    /// to have it for itself.
    fn pick<'r>(
        &self,
        target: &Target,
        log: &QuarantineLog<'r>,
        of_run: &OfRun,
        reasons: &[ReasonCode],
    ) -> Result<(Vec<Picked<'r>>, u64)> {
        let contract = &self.plan.contract;
        let fx_table = self.rates.as_deref().map(|rates| rates.sha256.as_str());
        let judge = Judge {
            contract_sha256: &contract.sha256,
            code_version: CODE_VERSION,
            tzdb: tzdb_version(),
            fx_table_sha256: fx_table,
        };
        let shares = [ReasonCode::NotUnique].into_iter().filter(|_| !contract.unique.is_empty());
        let along: Vec<ReasonCode> = shares.collect();
        let (mut asked_for, mut tried_already) = (0_u64, 0_u64);
        let picked = pick(log, &target.destination(), of_run, |lying| {
            let is_asked_for = has_one_of(lying, reasons);
            let record = lying.of.record;
            if is_asked_for && record.replayed.is_some() && Judge::of(record) == judge {
                tried_already += 1;
                return !along.is_empty() && has_one_of(lying, &along);
            }
            asked_for += u64::from(is_asked_for);
            is_asked_for || (!along.is_empty() && has_one_of(lying, &along))
        })?;
        Ok((if asked_for > 0 { picked } else { Vec::new() }, tried_already))
    }
}

/// One replay at work.
struct Replay<'a> {
    run: &'a Running<'a>,
    target: &'a Target,
    staging: &'a Staging,
    of_run: &'a OfRun,
    reasons: &'a [ReasonCode],
}

impl Replay<'_> {
    fn try_again(
        &self,
        log: &QuarantineLog<'_>,
        picked: &[Picked<'_>],
        tried_already: u64,
    ) -> Result<RunReplay> {
        let Self { run, target, staging, .. } = *self;
        let plan = run.plan;
        let records = target.records();
        let origin = self.origin(records)?;
        let standing = StandingDays::new(records, log, origin, &plan.contract);
        let names = ExclusionNames::new(&plan.contract);
        let splits = origin.ledger.by_split.len().max(1);
        let limit_bytes = (spill_bytes(plan) / splits).max(MIN_SPILL_BYTES);
        let extraction = Extraction {
            plan,
            sources: &[],
            staging,
            runtime: run.runtime,
            progress: run.progress,
            rules: SpillRules::new(&plan.contract, &names, limit_bytes)?,
            steps: run.steps()?,
            resumed: AtomicU64::new(0),
        };
        run.progress.enter(Stage::Extracting);
        let mut again = try_again(&extraction, &target.destination(), picked, &standing)?;
        again.left_alone.tried_already = tried_already;
        if again.taken.is_empty() {
            return Ok(RunReplay::nothing_to_do(&self.of_run.origin, again.left_alone));
        }
        let days = again.days_with_candidates();
        refuse_to_bring_back(plan, records, days.iter().copied())?;
        let first_split = again.checkpoints.iter().map(|c| c.split.id.0 + 1).max().unwrap_or(0);
        let (judged_already, carried) = self.carry(&extraction, &standing, &days, first_split)?;
        let mut checkpoints = std::mem::take(&mut again.checkpoints);
        checkpoints.extend(carried);
        let carried_from: BTreeMap<u64, &CommitRecord> = (days.iter())
            .filter_map(|day| standing.get(*day))
            .map(|day| (day.record.seq, day.record))
            .collect();
        let days = days.into_iter().collect();
        let mut decided = run.settle(staging, checkpoints, days, &names, &judged_already)?;
        let carried_from: Vec<&CommitRecord> = carried_from.into_values().collect();
        let published = PublishedZones::new(&plan.contract)?;
        zones::add_untold(&mut decided.zone_differences, &published, carried_from.iter().copied());
        let replayed = RunReplay {
            outcome: ReplayOutcome::DryRun,
            rows: rows_of(&decided.ledger, &judged_already.splits),
            days: decided.days.iter().map(|day| Ledger::day_key_of(Some(*day))).collect(),
            reasons: decided.reasons.clone(),
            ledger: decided.ledger.clone(),
            ..RunReplay::nothing_to_do(&self.of_run.origin, again.left_alone)
        };
        if run.options.dry_run {
            return Ok(replayed);
        }
        self.publish(&decided, again, &carried_from, replayed)
    }

    /// Spills the published rows that the tried ones are compared with: those of their days, and
    /// of all days of the run where a value must be unique.
    fn carry(
        &self,
        extraction: &Extraction<'_>,
        standing: &StandingDays<'_>,
        days: &BTreeSet<i32>,
        first_split: u32,
    ) -> Result<(Standing, Vec<Checkpoint>)> {
        let compared: Vec<i32> = match self.run.plan.contract.unique.is_empty() {
            true => days.iter().copied().collect(),
            false => standing.days().collect(),
        };
        let destination = self.target.destination();
        let carried = carry_on(extraction, &destination, standing, &compared, first_split)?;
        let mut judged_already = Standing::default();
        for (day, checkpoint) in &carried {
            judged_already.splits.insert(checkpoint.split.id);
            if !days.contains(day) {
                judged_already.only_compared.insert(checkpoint.split.id);
            }
        }
        Ok((judged_already, carried.into_iter().map(|(_, checkpoint)| checkpoint).collect()))
    }

    /// Writes what was decided, and commits it.
    fn publish(
        &self,
        decided: &Decided,
        again: Again,
        carried_from: &[&CommitRecord],
        replayed: RunReplay,
    ) -> Result<RunReplay> {
        let Self { run, target, staging, .. } = *self;
        let mut draft = run.write(target, staging, decided, Seen::Before(&again.histories))?;
        draft.fx = draft.fx.map(|fx| rates::beside(fx, carried_from));
        if run.progress.should_stop() {
            return Err(super::interrupted());
        }
        run.progress.enter(Stage::Publishing);
        let key = self.key(&again.taken);
        let sources = self.sources(&again.taken, carried_from);
        let record = CommitRecord {
            replayed: Some(Replayed {
                run_id: self.of_run.origin.clone(),
                reasons: self.reasons.iter().map(ToString::to_string).collect(),
                rows: replayed.rows,
                taken: again.taken,
            }),
            ..commit::record(run, &sources, &key, &draft, run.now())
        };
        let committed = target.commit(run, record)?.committed.record;
        Ok(RunReplay {
            outcome: ReplayOutcome::Replayed,
            replay_run_id: Some(committed.run_id),
            commit: Some(committed.seq),
            ledger: committed.ledger,
            files: committed.files,
            ..replayed
        })
    }

    fn origin<'r>(&self, records: &'r [Committed]) -> Result<&'r CommitRecord> {
        let found = records.iter().find(|c| c.record.run_id == self.of_run.origin);
        found.map(|committed| &committed.record).ok_or_else(|| {
            Error::new(ErrorKind::Verification, "the run that refused the rows is not in the log")
                .with("run", &self.of_run.origin)
        })
    }

    /// Equal for two replays of the same rows by the same judge.
    fn key(&self, taken: &[TakenRows]) -> String {
        let run = self.run;
        let rates = run.rates.as_deref().map_or("none", |rates| &rates.sha256);
        idempotency_key(&[
            ("replay", self.of_run.origin.clone()),
            ("taken", fingerprint(taken)),
            ("contract_sha256", run.plan.contract.sha256.clone()),
            ("code_version", CODE_VERSION.to_owned()),
            ("tzdb", tzdb_version().to_owned()),
            ("rate_file", rates.to_owned()),
        ])
    }

    /// What the record says of where its rows came from.
    fn sources(&self, taken: &[TakenRows], carried_from: &[&CommitRecord]) -> Vec<SourceSummary> {
        let summary = |kind: &str, location: String, fingerprint: String| SourceSummary {
            kind: kind.to_owned(),
            location,
            fingerprint,
            consistency: kind.to_owned(),
            as_of: None,
            unverified: None,
            expected_rows: None,
            pushed_down: None,
        };
        let quarantine = format!("the quarantine of run {}", self.of_run.origin);
        let carried = carried_from.iter().map(|record| {
            summary("published", format!("commit {}", record.seq), record.idempotency_key.clone())
        });
        [summary("quarantine", quarantine, fingerprint(taken))].into_iter().chain(carried).collect()
    }
}

impl Again {
    /// Days on which a row may be published.
    fn days_with_candidates(&self) -> BTreeSet<i32> {
        let days = self.checkpoints.iter().flat_map(|checkpoint| &checkpoint.days);
        days.filter(|(_, verdicts)| verdicts.candidates > 0)
            .filter_map(|(day, _)| day.parse().ok())
            .map(days_of_date)
            .collect()
    }
}

/// What became of the rows that do not come from published days.
fn rows_of(ledger: &Ledger, standing: &BTreeSet<SplitId>) -> ReplayedRows {
    let tried = ledger.by_split.iter().filter(|of_split| !standing.contains(&of_split.split));
    tried.fold(ReplayedRows::default(), |mut rows, of_split| {
        rows.tried += of_split.tally.read;
        rows.written += of_split.tally.written;
        rows.refused_again += of_split.tally.quarantined;
        rows.excluded += of_split.tally.excluded;
        rows.deduplicated += of_split.tally.deduplicated;
        rows
    })
}

/// Identity of rows by where they lie.
fn fingerprint(taken: &[TakenRows]) -> String {
    let parts: Vec<_> =
        taken.iter().map(|rows| (rows.path.as_str(), format!("{:?}", rows.rows))).collect();
    idempotency_key(&parts)
}
