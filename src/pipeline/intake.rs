//! Opening the sources of a plan and cutting them into the splits of one run.

use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{SourceSummary, Split, SplitId};
use crate::plan::Plan;
use crate::sources::{self, ReadContext, Source};

/// The sources of a run, open and checked.
pub(super) struct Intake {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) summaries: Vec<SourceSummary>,
    /// All splits, numbered through in source order.
    pub(super) splits: Vec<Split>,
}

/// Opens every source, checks what it says about itself and numbers its splits.
///
/// # Errors
/// `Verification` when a source's manifests, checksums or files disagree, `Usage` when there is
/// no such source, `Permission` and `Transient` from the store.
pub(super) fn open(plan: &Plan, runtime: &Handle) -> Result<Intake> {
    let mut intake = Intake { sources: Vec::new(), summaries: Vec::new(), splits: Vec::new() };
    for (index, spec) in plan.sources.iter().enumerate() {
        let source = runtime.block_on(sources::open(spec, ReadContext::of(plan)))?;
        let planned = runtime.block_on(source.plan())?;
        for split in planned.splits {
            let id = u32::try_from(intake.splits.len()).map_err(|e| {
                Error::new(ErrorKind::Usage, "the sources have too many files for one run")
                    .with_help("split the job by days")
                    .with_source(e)
            })?;
            intake.splits.push(Split { id: SplitId(id), source: index, ..split });
        }
        intake.summaries.push(planned.summary);
        intake.sources.push(source);
    }
    Ok(intake)
}
