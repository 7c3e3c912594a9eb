//! The end of a run: its record, the one commit, the views, and what the run has to say.
//!
//! Does not own the protocol (`publish`), only what this program puts into it.

use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Ledger, SourceSummary, date_of_days};
use crate::plan::{AwsOptions, Plan};
use crate::publish::{
    Appended, CommitRecord, ContractIdentity, Intent, Log, find_published, mark_done,
    refresh_latest, require_create_if_absent, write_intent,
};
use crate::report::{Outcome, RunSummary};
use crate::sinks::Destination;
use crate::storage::{self, Location};
use crate::transform::tzdb_version;

use super::identity::{CODE_VERSION, settings};
use super::{Draft, Running};

pub(super) use crate::publish::Committed;

/// A dataset and its records, as they stood when it was opened.
pub(super) struct Target {
    location: Location,
    log: Log,
    records: Vec<Committed>,
    runtime: Handle,
}

/// A record that stands, and the views that show it.
pub(super) struct Publication {
    pub(super) committed: Committed,
    /// Whether another run had published the same before this one could.
    pub(super) by_another_run: bool,
    pub(super) latest: Vec<String>,
}

impl Target {
    /// Opens the dataset at `url`, which need not exist yet, and reads its log.
    pub(super) fn open(url: &str, aws: &AwsOptions, runtime: &Handle) -> Result<Self> {
        Self::at(runtime.block_on(storage::open_or_create(url, aws))?, runtime)
    }

    /// Opens a dataset that must exist, and reads its log.
    pub(super) fn open_existing(url: &str, aws: &AwsOptions, runtime: &Handle) -> Result<Self> {
        Self::at(runtime.block_on(storage::open_existing(url, aws))?, runtime)
    }

    /// The dataset that `plan` publishes to. A dry run does not make it, and looks at it only for
    /// what it says of persons.
    pub(super) fn of_run(plan: &Plan, dry_run: bool, runtime: &Handle) -> Result<Option<Self>> {
        if !dry_run {
            return Self::open(&plan.target, &plan.aws, runtime).map(Some);
        }
        if plan.contract.privacy.is_none() {
            return Ok(None);
        }
        match runtime.block_on(storage::open_existing(&plan.target, &plan.aws)) {
            Ok(location) => Self::at(location, runtime).map(Some),
            Err(error) if error.kind() == ErrorKind::Usage => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn at(location: Location, runtime: &Handle) -> Result<Self> {
        let log = Log::new(location.store.clone(), location.prefix.clone());
        let records = runtime.block_on(log.read_all())?;
        Ok(Self { location, log, records, runtime: runtime.clone() })
    }

    /// Its records, in order.
    pub(super) fn records(&self) -> &[Committed] {
        &self.records
    }

    /// The live record of the same slice of the same input, if there is one.
    pub(super) fn published(&self, key: &str) -> Option<Committed> {
        find_published(&self.records, key).cloned()
    }

    /// Where the run's files go.
    pub(super) fn destination(&self) -> Destination {
        Destination {
            store: self.location.store.clone(),
            root: self.location.prefix.clone(),
            runtime: self.runtime.clone(),
        }
    }

    /// Makes sure that the store can be written to and can commit, before hours of work.
    pub(super) fn require_commits(&self) -> Result<()> {
        let Location { store, prefix, .. } = &self.location;
        self.runtime.block_on(require_create_if_absent(store, prefix))
    }

    /// Leaves word that the run has begun to write.
    pub(super) fn announce(&self, run: &Running<'_>) -> Result<()> {
        self.announce_as(&Intent {
            run_id: run.run_id.clone(),
            job: run.plan.job.clone(),
            started_at: run.options.started_at.to_string(),
        })
    }

    /// Leaves word of one that has begun to write.
    pub(super) fn announce_as(&self, intent: &Intent) -> Result<()> {
        let Location { store, prefix, .. } = &self.location;
        self.runtime.block_on(write_intent(store, prefix, intent))
    }

    /// Creates the record, unless another of its key stands or its days were published since the
    /// dataset was opened: the one act that publishes.
    pub(super) fn append(&self, record: CommitRecord) -> Result<Appended> {
        let base = self.records.last().map(|committed| committed.record.seq);
        self.runtime.block_on(self.log.append(record, base))
    }

    /// The records as they are now.
    pub(super) fn read_again(&self) -> Result<Vec<Committed>> {
        self.runtime.block_on(self.log.read_all())
    }

    /// Leaves word that nothing of a run is in flight any more.
    pub(super) fn conclude(&self, run_id: &str) -> Result<()> {
        let Location { store, prefix, .. } = &self.location;
        self.runtime.block_on(mark_done(store, prefix, run_id))
    }

    /// Creates the record, then the views.
    pub(super) fn commit(&self, run: &Running<'_>, record: CommitRecord) -> Result<Publication> {
        let (committed, by_another_run) = match self.append(record)? {
            Appended::Committed(committed) => (committed, false),
            Appended::AlreadyPublished(committed) => (committed, true),
        };
        let Location { store, prefix, .. } = &self.location;
        let seq = committed.record.seq;
        let refreshed = if run.plan.latest {
            self.runtime.block_on(self.log.read_all()).and_then(|records| self.refresh(&records))
        } else {
            Ok(Vec::new())
        };
        let latest = refreshed.map_err(|e| after_the_commit(seq, e))?;
        (self.runtime.block_on(mark_done(store, prefix, &run.run_id)))
            .map_err(|e| after_the_commit(seq, e))?;
        Ok(Publication { committed, by_another_run, latest })
    }

    /// A record that stood already, with its views made sure of.
    pub(super) fn republish(&self, committed: Committed, latest: bool) -> Result<Publication> {
        let latest = if latest { self.refresh(&self.records)? } else { Vec::new() };
        Ok(Publication { committed, by_another_run: true, latest })
    }

    /// Brings `latest/` up to `records`.
    pub(super) fn refresh(&self, records: &[Committed]) -> Result<Vec<String>> {
        let Location { store, prefix, .. } = &self.location;
        self.runtime.block_on(refresh_latest(store, prefix, records))
    }
}

/// A failure that takes nothing back.
fn after_the_commit(seq: u64, cause: Error) -> Error {
    Error::new(cause.kind(), "the days are published, but what follows the commit failed")
        .with("commit", seq)
        .with_help("run the same command again: it publishes nothing new and repairs latest/")
        .with_source(cause)
}

/// The record of a run that the gate has passed.
pub(super) fn record(
    run: &Running<'_>,
    sources: &[SourceSummary],
    key: &str,
    draft: &Draft,
    committed_at: Timestamp,
) -> CommitRecord {
    let Plan { contract, .. } = run.plan;
    let days = draft.days.iter().filter_map(|written| {
        let rows = draft.ledger.by_day.get(&Ledger::day_key_of(Some(written.day)));
        let rows = rows.map_or(0, |tally| tally.written);
        Some(written.entry(date_of_days(written.day)?, rows))
    });
    let files = draft.days.iter().flat_map(|day| &day.files);
    CommitRecord {
        run_id: run.run_id.clone(),
        job: run.plan.job.clone(),
        dataset: contract.dataset.clone(),
        contract: ContractIdentity::of(contract),
        schema_fingerprint: contract.schema_fingerprint(),
        code_version: CODE_VERSION.to_owned(),
        idempotency_key: key.to_owned(),
        as_of: run.plan.as_of.to_string(),
        committed_at: committed_at.to_string(),
        tzdb: tzdb_version().to_owned(),
        zone_differences: draft.zone_differences.clone(),
        fx_table_sha256: draft.fx.as_ref().map(|fx| fx.sha256.clone()),
        fx: draft.fx.clone(),
        privacy: draft.privacy.clone(),
        sources: sources.to_vec(),
        days: days.collect(),
        files: files.clone().map(|written| written.file.clone()).collect(),
        quarantine_files: draft.quarantine_files.clone(),
        ledger: draft.ledger.clone(),
        reasons: draft.reasons.clone(),
        warnings: draft.warnings.clone(),
        guarded_csv_cells: files.map(|written| written.guarded_cells).sum(),
        settings: settings(run.plan),
        ..CommitRecord::empty()
    }
}

/// What a run says of a record that stands.
pub(super) fn summary(
    run: &Running<'_>,
    outcome: Outcome,
    publication: Publication,
    resumed_splits: u64,
) -> RunSummary {
    let record = publication.committed.record;
    RunSummary {
        format_version: 1,
        outcome,
        job: record.job,
        dataset: record.contract.label,
        contract_version: record.contract.version,
        run_id: record.run_id,
        commit: Some(record.seq),
        target: run.plan.target.clone(),
        as_of: record.as_of,
        days: record.days.iter().map(|day| day.dt.to_string()).collect(),
        sources: record.sources,
        refusal: None,
        ledger: record.ledger,
        reasons: record.reasons,
        warnings: record.warnings,
        fx: record.fx,
        privacy: record.privacy,
        zone_differences: record.zone_differences,
        files: record.files,
        quarantine_files: record.quarantine_files,
        latest: publication.latest,
        resumed_splits,
        elapsed_ms: run.elapsed_ms(),
        stage_ms: run.progress.stage_ms(),
        reread_thread_ms: run.progress.reread_thread_ms(),
    }
}
