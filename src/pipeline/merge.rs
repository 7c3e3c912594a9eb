//! The second half of a run: each day's sorted runs become one stream of rows in key order.
//!
//! Owns the accounting of the merge: every staged candidate is given, dropped as an older copy, or
//! left out or refused by a rule over several rows. Does not own what is done with the stream.

mod chunk;
mod passes;
mod runs;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{SplitId, Sums};
use crate::state::{Checkpoint, Staging};
use crate::transform::output_rows;

use super::candidates::RunColumns;
use super::row_set::{RowSet, SplitRows};

use chunk::Chunk;
use runs::{DayRun, SortedRows};

pub(super) use runs::MergedRow;

/// What a day's merge did.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    /// Rows given, by split.
    pub(super) emitted: BTreeMap<SplitId, u64>,
    /// Sums over the rows that were not.
    pub(super) struck_sums: Sums,
}

/// What the merges of all days draw on.
#[derive(Clone, Copy)]
pub(super) struct Extracted<'a> {
    pub(super) contract: &'a Contract,
    pub(super) staging: &'a Staging,
    pub(super) checkpoints: &'a [Checkpoint],
    /// Older copies of a key.
    pub(super) older: &'a RowSet,
    /// Candidates that a rule over several rows leaves out.
    pub(super) left_out: &'a RowSet,
    /// Candidates that a rule over several rows refuses.
    pub(super) refused: &'a RowSet,
    /// SHA-256 of the rate file that amounts were converted by.
    pub(super) fx_table: Option<&'a str>,
    /// Runs that a day may read side by side.
    pub(super) fan_in: usize,
}

/// The merge of one day: its rows in key order, a batch at a time.
pub(super) struct DayMerge<'a> {
    rows: SortedRows,
    chunk: Chunk,
    output: SchemaRef,
    /// Ascending by number.
    splits: Vec<OfSplit<'a>>,
    /// Runs that were made to be merged here.
    passing: Vec<DayRun>,
    struck_sums: Sums,
}

/// What is known of the rows of a split, and how many were given.
struct OfSplit<'a> {
    id: SplitId,
    older: SplitRows<'a>,
    left_out: SplitRows<'a>,
    refused: SplitRows<'a>,
    emitted: u64,
}

impl<'a> DayMerge<'a> {
    /// Opens the runs of `day`. When there are more than may be read side by side, some are merged
    /// first.
    ///
    /// # Errors
    /// From the staging place.
    pub(super) fn open(day: i32, extracted: Extracted<'a>) -> Result<Self> {
        let Extracted { contract, staging, checkpoints, older, left_out, refused, .. } = extracted;
        let columns = RunColumns::new(contract)?;
        let runs = runs_of_day(day, extracted);
        let runs = passes::at_most(extracted.fan_in, day, runs, &columns, staging)?;
        let rows = SortedRows::open(&runs, &columns)?;
        let splits = checkpoints.iter().map(|checkpoint| {
            let id = checkpoint.split.id;
            let [older, left_out, refused] = [older, left_out, refused].map(|set| set.of_split(id));
            OfSplit { id, older, left_out, refused, emitted: 0 }
        });
        let mut splits: Vec<_> = splits.collect();
        splits.sort_by_key(|split| split.id);
        Ok(Self {
            chunk: Chunk::new(columns.output(), rows.runs()),
            rows,
            output: contract.output_schema(),
            splits,
            passing: runs.into_iter().filter(|run| run.is_passing).collect(),
            struck_sums: Sums::new(&contract.output_schema()),
        })
    }

    /// The next output rows; none when there are no more. Rows that a rule over several rows refuses
    /// go to `refuse`.
    ///
    /// # Errors
    /// From the staging place, and whatever `refuse` gives.
    pub(super) fn next_batch(
        &mut self,
        mut refuse: impl FnMut(&MergedRow<'_>) -> Result<()>,
    ) -> Result<Option<RecordBatch>> {
        while !self.chunk.is_full()
            && let Some(row) = self.rows.next()?
        {
            let split = of_split(&mut self.splits, row.split)?;
            if split.older.contains(row.row) || split.left_out.contains(row.row) {
                self.struck_sums.add_row(row.rows, row.index);
            } else if split.refused.contains(row.row) {
                self.struck_sums.add_row(row.rows, row.index);
                refuse(&row)?;
            } else {
                split.emitted += 1;
                self.chunk.push(&row);
            }
        }
        if self.chunk.is_empty() {
            return Ok(None);
        }
        output_rows(&self.chunk.take()?, &self.output).map(Some)
    }

    /// How the rows were accounted for, once all of them are given.
    ///
    /// # Errors
    /// From the staging place, which is left as it was found.
    pub(super) fn finish(self) -> Result<Merged> {
        drop(self.rows);
        self.passing.iter().try_for_each(DayRun::remove)?;
        let given = self.splits.iter().filter(|split| split.emitted > 0);
        let emitted = given.map(|split| (split.id, split.emitted)).collect();
        Ok(Merged { emitted, struck_sums: self.struck_sums })
    }
}

fn of_split<'s, 'a>(splits: &'s mut [OfSplit<'a>], id: SplitId) -> Result<&'s mut OfSplit<'a>> {
    let index = splits.binary_search_by_key(&id, |split| split.id).map_err(|_| {
        Error::new(ErrorKind::Unexpected, "a staged row names no split").with("split", id.0)
    })?;
    Ok(&mut splits[index])
}

fn runs_of_day(day: i32, extracted: Extracted<'_>) -> Vec<DayRun> {
    let mut found = Vec::new();
    for checkpoint in extracted.checkpoints {
        let dir = extracted.staging.split_dir(checkpoint.split.id);
        for run in &checkpoint.runs {
            found.extend(run.days.iter().filter(|segment| segment.day == day).map(|segment| {
                let (dir, file) = (dir.clone(), run.file.clone());
                DayRun { dir, file, segment: *segment, is_passing: false }
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests;
