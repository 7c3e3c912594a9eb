//! Giving up refused rows: a record that says which and why, and nothing else.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::model::ReasonCode;
use crate::plan::AwsOptions;
use crate::publish::{
    Appended, CommitRecord, Discarded, QuarantineLog, TakenRows, idempotency_key,
};
use crate::transform::tzdb_version;

use super::commit::Target;
use super::identity::CODE_VERSION;
use super::quarantine::of_run;
use super::replay::pick::{has_one_of, pick};

/// Longest explanation, bytes: it stands in a record for good.
const MAX_BECAUSE_BYTES: usize = 1000;

/// Which rows are given up, and why.
#[derive(Debug, Clone)]
pub struct DiscardRequest {
    /// The run that refused them, or a replay that refused them again.
    pub run: String,
    /// Rows with one of these reasons; all rows of the run when empty.
    pub reasons: Vec<ReasonCode>,
    /// Why, in the words of who does it; it stands in the commit record.
    pub because: String,
}

/// What was given up.
#[derive(Debug, Clone, Serialize)]
pub struct DiscardSummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// Root URL of the dataset.
    pub target: String,
    /// The run that first refused the rows.
    pub run_id: String,
    /// Number of the commit record; absent when there was no row to give up.
    pub commit: Option<u64>,
    /// Rows that were given up.
    pub rows: u64,
    /// Why.
    pub because: String,
}

/// Takes rows out of the quarantine of the dataset at `target` for good, by one commit record
/// without days. Their bytes stay in the quarantine file until it is swept. `at` is the time of the
/// call.
///
/// # Errors
/// `Usage` when there is no dataset, no such run in it or no reason is given; `Conflict` when rows
/// of the same file were taken meanwhile; `Verification`, `CommitUnknown`, `Permission` and
/// `Transient` from the store.
pub fn discard(
    target: &str,
    aws: &AwsOptions,
    request: &DiscardRequest,
    at: Timestamp,
) -> Result<DiscardSummary> {
    let because = request.because.trim();
    if because.is_empty() || because.len() > MAX_BECAUSE_BYTES {
        return Err(Error::new(ErrorKind::Usage, "rows are not given up without a reason")
            .with_help(format!("say why in at most {MAX_BECAUSE_BYTES} bytes; it is recorded")));
    }
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let records = dataset.records();
    let of_run = of_run(records, &request.run)?;
    let log = QuarantineLog::new(records);
    let picked =
        pick(&log, &dataset.destination(), &of_run, |lying| has_one_of(lying, &request.reasons))?;
    let mut summary = DiscardSummary {
        format_version: 1,
        target: target.to_owned(),
        run_id: of_run.origin,
        commit: None,
        rows: picked.iter().map(|of_file| of_file.places.len() as u64).sum(),
        because: because.to_owned(),
    };
    let Some(first) = picked.first() else { return Ok(summary) };
    dataset.require_commits()?;
    let taken = picked.iter().map(|of_file| TakenRows::new(&of_file.of.file.path, &of_file.places));
    let discarded = Discarded {
        run_id: summary.run_id.clone(),
        reasons: request.reasons.iter().map(ToString::to_string).collect(),
        because: because.to_owned(),
        rows: summary.rows,
        taken: taken.collect(),
    };
    let record = record(first.of.origin, discarded, at);
    let (Appended::Committed(committed) | Appended::AlreadyPublished(committed)) =
        dataset.append(record)?;
    summary.commit = Some(committed.record.seq);
    Ok(summary)
}

/// A record that publishes nothing: of the job and contract that refused the rows.
fn record(origin: &CommitRecord, discarded: Discarded, at: Timestamp) -> CommitRecord {
    let key = idempotency_key(&[
        ("discard", discarded.run_id.clone()),
        ("taken", format!("{:?}", discarded.taken)),
    ]);
    CommitRecord {
        run_id: super::run_id(at),
        job: origin.job.clone(),
        dataset: origin.dataset.clone(),
        contract: origin.contract.clone(),
        schema_fingerprint: origin.schema_fingerprint.clone(),
        code_version: CODE_VERSION.to_owned(),
        idempotency_key: key,
        as_of: at.to_string(),
        committed_at: at.to_string(),
        tzdb: tzdb_version().to_owned(),
        discarded: Some(discarded),
        ..CommitRecord::empty()
    }
}
