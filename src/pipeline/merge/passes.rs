//! As many runs as may be read side by side: when a day has more, some are merged into longer ones
//! first.
//!
//! Nothing is decided here: all rows stay, with all that is known of them. What comes out of the
//! last merge is the same whatever the passes before it were, since keys and the order of the source
//! leave nothing open.

use crate::error::Result;
use crate::pipeline::candidates::{RunColumns, RunWriter};
use crate::state::Staging;

use super::chunk::Chunk;
use super::runs::{DayRun, SortedRows};

/// Merges runs of `day` until there are at most `fan_in`, which is at least two: the ones that were
/// merged least often first, and no more of them than it takes.
///
/// # Errors
/// From the staging place.
pub(super) fn at_most(
    fan_in: usize,
    day: i32,
    mut runs: Vec<DayRun>,
    columns: &RunColumns,
    staging: &Staging,
) -> Result<Vec<DayRun>> {
    let mut pass = 0;
    while runs.len() > fan_in {
        let rest = runs.split_off(fan_in.min(runs.len() - fan_in + 1));
        let name = format!("merged-{day}-{pass:03}.arrow");
        let merged = merge(day, &runs, name, columns, staging)?;
        runs.iter().filter(|run| run.is_passing).try_for_each(DayRun::remove)?;
        runs = rest;
        runs.extend(merged);
        pass += 1;
    }
    Ok(runs)
}

fn merge(
    day: i32,
    runs: &[DayRun],
    name: String,
    columns: &RunColumns,
    staging: &Staging,
) -> Result<Option<DayRun>> {
    let mut rows = SortedRows::open(runs, columns)?;
    let mut chunk = Chunk::new(columns.all(), rows.runs());
    let mut run = RunWriter::create(staging.dir(), name, columns)?;
    loop {
        let row = rows.next()?;
        row.iter().for_each(|row| chunk.push(row));
        if chunk.is_full() || (row.is_none() && !chunk.is_empty()) {
            run.write(day, &chunk.take()?)?;
        }
        if row.is_none() {
            break;
        }
    }
    let run = run.finish_passing()?;
    let dir = staging.dir().to_owned();
    let passing = |segment| DayRun { dir, file: run.file, segment, is_passing: true };
    Ok(run.days.first().copied().map(passing))
}
