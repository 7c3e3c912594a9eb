//! What a plan would do: its sources opened and cut, no row read.

use crate::error::Result;
use crate::plan::Plan;
use crate::report::plan::{PlanSummary, PlannedSource, SliceSummary};

use super::identity::{days_text, sink_text};
use super::{intake, rates};

/// Opens the sources of `plan` and tells what a run would do.
///
/// # Errors
/// As the start of a run: `Usage` when there is no such source, `Verification` when what it says
/// about itself does not agree, `Permission` and `Transient` from the store or service.
pub fn plan(plan: &Plan) -> Result<PlanSummary> {
    let runtime = super::start_runtime()?;
    let rates = rates::of_plan(plan, runtime.handle())?;
    let intake = intake::open(plan, runtime.handle(), None, plan.as_of)?;
    let sources = intake.summaries.into_iter().enumerate().map(|(index, summary)| {
        let splits: Vec<_> = intake.splits.iter().filter(|split| split.source == index).collect();
        PlannedSource {
            summary,
            bytes: splits.iter().map(|split| split.bytes).sum(),
            splits: splits.into_iter().map(|split| split.name.clone()).collect(),
        }
    });
    Ok(PlanSummary {
        format_version: 1,
        job: plan.job.clone(),
        dataset: plan.contract.label(),
        as_of: plan.as_of.to_string(),
        days: days_text(plan.days),
        slice: plan.slice.as_ref().map(|slice| SliceSummary {
            field: slice.field.clone(),
            from: slice.from.to_string(),
            to: slice.to.to_string(),
        }),
        sources: sources.collect(),
        fx: rates.map(|rates| rates::planned(plan, &rates)),
        target: plan.target.clone(),
        sinks: plan.sinks.iter().map(sink_text).collect(),
        threads: plan.threads,
        memory_bytes: plan.memory_bytes,
    })
}
