//! Writing the merged days: every sink's files, and the rows that rules over several rows refuse.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::civil::Date;
use rayon::prelude::*;

use crate::catalog::Severity;
use crate::error::{Error, ErrorKind, Result};
use crate::fx::CurrencyUse;
use crate::model::{Ledger, Reason, ReasonCode, SplitId, date_of_days};
use crate::plan::Plan;
use crate::publish::DayEntry;
use crate::sinks::quarantine::{RejectBuilder, RejectedRow};
use crate::sinks::{DayWriter, Destination, FileMetadata, WrittenFile};
use crate::state::{StagedFile, Staging};
use crate::telemetry::Progress;
use crate::transform::tzdb_version;

use super::budget;
use super::candidates::RunColumns;
use super::gate::Closing;
use super::merge::{DayMerge, Extracted, Merged, MergedRow};
use super::privacy::{DayPrivacy, DayTally};
use super::queue;
use super::rates::Conversions;
use super::set_wide::NotUnique;
use super::staged::StagedWriter;

/// Refused rows of a day that are held in memory, bytes.
const REJECT_BYTES: usize = 8 << 20;

/// A day's files, all of them re-read, and how its rows were accounted for.
pub(super) struct WrittenDay {
    pub(super) day: i32,
    pub(super) files: Vec<WrittenFile>,
    pub(super) merged: Merged,
    /// Rows refused while the day was merged, in the staging folder.
    pub(super) refused: Option<StagedFile>,
    /// Rows by the currency they were converted from.
    pub(super) converted: BTreeMap<String, CurrencyUse>,
    /// Ages of the rows, where the dataset is private.
    pub(super) privacy: Option<DayPrivacy>,
}

impl WrittenDay {
    /// The day as a record has it, with `rows`.
    pub(super) fn entry(&self, date: Date, rows: u64) -> DayEntry {
        let privacy = self.privacy.as_ref();
        DayEntry {
            earliest_expiry: privacy.and_then(|privacy| privacy.earliest_expiry),
            anonymised_rows: privacy.map(|privacy| privacy.anonymised_rows),
            ..DayEntry::new(date, rows)
        }
    }
}

/// What the days are written by.
pub(super) struct Writing<'a> {
    pub(super) plan: &'a Plan,
    pub(super) extracted: Extracted<'a>,
    pub(super) not_unique: &'a [NotUnique],
    pub(super) destination: &'a Destination,
    pub(super) run_id: &'a str,
    pub(super) progress: &'a Progress,
}

impl Writing<'_> {
    /// Writes the files of every day in `days` below the run's own prefix, and lets the gate re-open
    /// those of each day as soon as they are complete. As many days as the budget allows are worked
    /// on side by side, and so are the sinks of one day and the columns of a sink; none of it changes
    /// a byte.
    ///
    /// # Errors
    /// `Interrupted` when the run was asked to stop, `Verification` when a file does not hold what
    /// was written to it; else from the staging place and the store.
    pub(super) fn days(&self, days: &[i32]) -> Result<Vec<WrittenDay>> {
        let extracted = self.extracted;
        let Plan { contract, memory_bytes, threads, sinks, .. } = self.plan;
        let metadata = FileMetadata::new(contract, tzdb_version(), extracted.fx_table);
        let closing = Closing::new(days.len(), contract, self.destination, self.progress);
        let at_once = budget::days_at_once(*memory_bytes, *threads, sinks);
        queue::each(days, at_once, |day| self.day(*day, &metadata, &closing))
    }

    fn day(&self, day: i32, metadata: &FileMetadata, closing: &Closing<'_>) -> Result<WrittenDay> {
        let Self { plan, extracted, destination, run_id, progress, .. } = *self;
        let date = date_of_days(day)
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "a day is beyond the calendar"))?;
        let mut writers = (plan.sinks.iter())
            .map(|sink| DayWriter::new(sink, &plan.contract, metadata, destination, run_id, date))
            .collect::<Result<Vec<_>>>()?;
        let mut conversions = Conversions::new(&plan.contract);
        let mut privacy = DayTally::new(&plan.contract, plan.as_of)?;
        let mut refused = RefusedOfDay::new(plan, extracted.staging, self.not_unique, day)?;
        let mut merge = DayMerge::open(day, extracted)?;
        let mut next = merge.next_batch(|row| refused.push(extracted, row))?;
        while let Some(rows) = next {
            if progress.should_stop() {
                return Err(super::interrupted());
            }
            let (written, following) = rayon::join(
                || writers.par_iter_mut().try_for_each(|writer| writer.write(&rows)),
                || merge.next_batch(|row| refused.push(extracted, row)),
            );
            written?;
            next = following?;
            conversions.count(day, &rows);
            privacy.as_mut().map_or(Ok(()), |privacy| privacy.count(&rows))?;
            progress.rows_written.fetch_add(rows.num_rows() as u64, Ordering::Relaxed);
        }
        let (merged, refused) = (merge.finish()?, refused.finish()?);
        Ok(WrittenDay {
            day,
            files: closing.close(writers)?,
            merged,
            refused,
            converted: conversions.finish(),
            privacy: privacy.map(DayTally::finish),
        })
    }
}

/// Rows of one day that rules over several rows refuse, on their way to a staged file.
struct RefusedOfDay<'a> {
    staging: &'a Staging,
    not_unique: &'a [NotUnique],
    day: i32,
    columns: RunColumns,
    rows: RejectBuilder,
    file: Option<StagedWriter>,
}

impl<'a> RefusedOfDay<'a> {
    fn new(
        plan: &'a Plan,
        staging: &'a Staging,
        not_unique: &'a [NotUnique],
        day: i32,
    ) -> Result<Self> {
        Ok(Self {
            staging,
            not_unique,
            day,
            columns: RunColumns::new(&plan.contract)?,
            rows: RejectBuilder::new(&plan.contract),
            file: None,
        })
    }

    fn push(&mut self, extracted: Extracted<'_>, refused: &MergedRow<'_>) -> Result<()> {
        let checkpoint = extracted.checkpoints.iter().find(|c| c.split.id == refused.split);
        let (Some(checkpoint), Some((raw, offset_bytes))) =
            (checkpoint, self.columns.raw(refused.rows, refused.index))
        else {
            return Err(Error::new(ErrorKind::Unexpected, "a refused row lost its source bytes"));
        };
        let reasons = self.reasons(refused.split, refused.row);
        self.rows.append(&RejectedRow {
            split: &checkpoint.split,
            row: refused.row,
            offset_bytes,
            key: self.columns.key().text(refused.rows, refused.index).as_deref(),
            dt: date_of_days(self.day),
            reasons: &reasons.iter().collect::<Vec<_>>(),
            raw,
            raw_format: checkpoint.split.format,
        });
        if self.rows.bytes() > REJECT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn reasons(&self, split: SplitId, row: u64) -> Vec<Reason> {
        (self.not_unique.iter())
            .filter(|found| found.rule.severity == Severity::Reject)
            .filter(|found| found.struck.rows.contains(split, row))
            .map(|found| Reason::of_rule(ReasonCode::NotUnique, &found.rule.name))
            .collect()
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.rows() == 0 {
            return Ok(());
        }
        let rows = self.rows.finish()?;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(StagedWriter::create(
                self.staging.dir(),
                format!("refused-{}.arrow", Ledger::day_key_of(Some(self.day))),
                &rows.schema(),
            )?),
        };
        file.write(&rows)
    }

    fn finish(mut self) -> Result<Option<StagedFile>> {
        self.flush()?;
        self.file.map(StagedWriter::finish).transpose()
    }
}
