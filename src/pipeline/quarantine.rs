//! Showing the refused rows of a published dataset.

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::plan::AwsOptions;
use crate::publish::{in_force, quarantine_of};
use crate::sinks::quarantine::read_quarantine;

use super::commit::Target;

/// Gives every refused row of the dataset at `target` to `each` as a JSON object, oldest commit
/// first, until it answers `false`. Rows of runs that were replaced on every day they published
/// are left out, unless `run` names such a run.
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
    let records = dataset.records();
    let chosen: Vec<_> = match run {
        None => in_force(records).collect(),
        Some(run) => {
            let found = records.iter().find(|committed| committed.record.run_id == run);
            let found = found.ok_or_else(|| {
                Error::new(ErrorKind::Usage, "the dataset has no such run")
                    .with("run", run)
                    .with("target", target)
                    .with_help("`consign verify` and the records in _log/ name the runs")
            })?;
            vec![found]
        }
    };
    let destination = dataset.destination();
    let mut go_on = true;
    let files = chosen.into_iter().flat_map(|committed| quarantine_of(records, committed));
    for (_, file) in files {
        if !go_on {
            break;
        }
        read_quarantine(&destination, file, &mut |row| {
            let row = serde_json::to_value(row)
                .or_err(ErrorKind::Unexpected, "could not show a refused row")?;
            go_on = each(row)?;
            Ok(go_on)
        })?;
    }
    Ok(())
}
