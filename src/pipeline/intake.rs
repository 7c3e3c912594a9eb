//! Opening the sources of a plan and cutting them into the splits of one run, or taking up the
//! splits of a live reading that was interrupted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{SourcePlan, SourceSummary, Split, SplitId};
use crate::plan::Plan;
use crate::sources::{self, ReadContext, Source};
use crate::state::{LiveReading, Staging};

use super::budget;

/// How long after its last progress an interrupted reading is taken up. A reading that is older
/// would publish rows as they were then, though the run that asks means now.
const RESUME_WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// The sources of a run, open and checked.
pub(super) struct Intake {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) summaries: Vec<SourceSummary>,
    /// All splits, numbered through in source order.
    pub(super) splits: Vec<Split>,
    /// When the live sources began to be read.
    reading_since: Timestamp,
}

impl Intake {
    /// Says in the summaries of live sources how they were read, and that all rows were by now.
    pub(super) fn end_scan_window(&mut self, now: Timestamp) {
        for (source, summary) in self.sources.iter().zip(&mut self.summaries) {
            if let Some(consistency) = source.consistency() {
                summary.consistency = consistency;
            }
            summary.set_scan_window(self.reading_since, now);
        }
    }
}

/// A day made of changes alone would miss every row that did not change.
fn refuse_changes_alone(summaries: &[SourceSummary]) -> Result<()> {
    if summaries.iter().all(SourceSummary::holds_changes_only) {
        let why = "the job's sources hold what changed, and nothing that it changed from";
        return Err(Error::new(ErrorKind::Usage, why)
            .with("sources", summaries.len())
            .with_help("name the full export that the changes continue, before them in the job"));
    }
    Ok(())
}

/// Opens every source, checks what it says about itself and numbers its splits. `live` is the
/// staging folder of a run with live sources, where an interrupted reading is looked for and the
/// present one is noted.
///
/// # Errors
/// `Verification` when a source's manifests, checksums or files disagree, `Usage` when there is
/// no such source or an interrupted reading does not fit it any more, `Permission` and
/// `Transient` from the store or service.
pub(super) fn open(
    plan: &Plan,
    runtime: &Handle,
    live: Option<&Staging>,
    now: Timestamp,
) -> Result<Intake> {
    let interrupted = live.map(|staging| interrupted_reading(staging, now)).transpose()?.flatten();
    let (reading_since, mut resumed) = match interrupted {
        Some(reading) => {
            tracing::info!(since = %reading.started_at, "going on with an interrupted reading");
            (reading.started_at, reading.sources)
        }
        None => (now, BTreeMap::new()),
    };
    let mut intake =
        Intake { sources: Vec::new(), summaries: Vec::new(), splits: Vec::new(), reading_since };
    let mut reading = LiveReading { started_at: reading_since, sources: BTreeMap::new() };
    for (index, spec) in plan.sources.iter().enumerate() {
        let context = ReadContext::of(plan, budget::WHOLE_FILE_BYTES);
        let source = runtime.block_on(sources::open(spec, context))?;
        let mut planned = match resumed.remove(&index) {
            Some(interrupted) => runtime.block_on(source.resume(interrupted))?,
            None => runtime.block_on(source.plan())?,
        };
        if spec.is_live() {
            reading.sources.insert(index, planned.clone());
            planned.summary.fingerprint = stamped(&planned.summary, reading_since);
        }
        intake.add(index, source, planned)?;
    }
    refuse_changes_alone(&intake.summaries)?;
    if let Some(staging) = live {
        staging.save_reading(&reading)?;
    }
    Ok(intake)
}

impl Intake {
    fn add(&mut self, index: usize, source: Box<dyn Source>, planned: SourcePlan) -> Result<()> {
        for split in planned.splits {
            let id = u32::try_from(self.splits.len()).map_err(|e| {
                Error::new(ErrorKind::Usage, "the sources have too many files for one run")
                    .with_help("split the job by days")
                    .with_source(e)
            })?;
            self.splits.push(Split { id: SplitId(id), source: index, ..split });
        }
        self.summaries.push(planned.summary);
        self.sources.push(source);
        Ok(())
    }
}

/// The reading that an interrupted run left, when it is recent enough. An older one is forgotten.
fn interrupted_reading(staging: &Staging, now: Timestamp) -> Result<Option<LiveReading>> {
    let Some((reading, last_progress)) = staging.load_reading()? else {
        staging.clear()?;
        return Ok(None);
    };
    let is_recent = Timestamp::try_from(last_progress)
        .is_ok_and(|last| now.duration_since(last) <= RESUME_WITHIN);
    if is_recent {
        return Ok(Some(reading));
    }
    tracing::warn!(since = %reading.started_at, "an interrupted reading is too old to go on with; beginning anew");
    staging.clear()?;
    Ok(None)
}

/// The fingerprint of one reading: no two readings of a live source are the same input.
fn stamped(summary: &SourceSummary, since: Timestamp) -> String {
    let identity = format!("{}\n{since}", summary.fingerprint);
    hex::encode(Sha256::digest(identity))
}
