//! One published day written anew without what goes.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use jiff::civil::Date;
use rayon::prelude::*;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Ledger, Sums, ZoneSpans, days_of_date};
use crate::pipeline::gate::Closing;
use crate::pipeline::merge::Merged;
use crate::pipeline::privacy::DayTally;
use crate::pipeline::rates::Conversions;
use crate::pipeline::write::WrittenDay;
use crate::sinks::{DayWriter, Destination, FileMetadata, read_rows};
use crate::transform::{PublishedZones, tzdb_version};

use super::{Rework, StandingDay, Task};

/// What stays of a batch of rows.
pub(in crate::pipeline) struct Worked {
    /// The rows that stay, in order.
    pub(in crate::pipeline) rows: RecordBatch,
    /// Of these, rows in which something changed.
    pub(in crate::pipeline) changed_rows: u64,
    /// The rows that are gone.
    pub(in crate::pipeline) gone: Option<RecordBatch>,
}

/// A day that was written anew.
pub(in crate::pipeline) struct ReworkedDay {
    pub(in crate::pipeline) date: Date,
    /// Number of the record that it was read from.
    pub(super) commit: u64,
    pub(super) rows_before: u64,
    pub(super) changed_rows: u64,
    pub(super) gone_rows: u64,
    /// Zones by which the rows that stay were told.
    pub(super) zones: ZoneSpans,
    before: Sums,
    gone: Sums,
}

/// Streams the day through the task into the job's sinks, and lets the gate re-open its files.
pub(super) fn rework_day(
    rework: &Rework<'_>,
    destination: &Destination,
    day: &StandingDay<'_>,
    task: &dyn Task,
    closing: &Closing<'_>,
) -> Result<(ReworkedDay, WrittenDay)> {
    let plan = rework.plan;
    let contract = &plan.contract;
    let fx_table = day.record.fx_table_sha256.as_deref();
    let metadata = FileMetadata::new(contract, tzdb_version(), fx_table);
    let mut writers = (plan.sinks.iter())
        .map(|sink| {
            DayWriter::new(sink, contract, &metadata, destination, &rework.run_id, day.date)
        })
        .collect::<Result<Vec<_>>>()?;
    let schema = contract.output_schema();
    let (mut before, mut gone) = (Sums::new(&schema), Sums::new(&schema));
    let (mut changed_rows, mut gone_rows) = (0, 0);
    let mut privacy = DayTally::new(contract, rework.in_force.as_of)?;
    let mut conversions = Conversions::new(contract);
    let published_zones = PublishedZones::new(contract)?;
    let mut zones = ZoneSpans::default();
    for file in &day.files {
        read_rows(destination, file, contract, &mut |rows| {
            if rework.progress.should_stop() {
                return Err(crate::pipeline::interrupted());
            }
            before.add(&rows);
            let worked = task.work(&rows)?;
            changed_rows += worked.changed_rows;
            if let Some(rows) = &worked.gone {
                gone_rows += rows.num_rows() as u64;
                gone.add(rows);
            }
            privacy.as_mut().map_or(Ok(()), |privacy| privacy.count(&worked.rows))?;
            conversions.count(days_of_date(day.date), &worked.rows);
            zones.merge(&published_zones.of(&worked.rows));
            writers.par_iter_mut().try_for_each(|writer| writer.write(&worked.rows))
        })?;
    }
    let written = WrittenDay {
        day: days_of_date(day.date),
        files: closing.close(writers)?,
        merged: Merged { emitted: BTreeMap::new(), struck_sums: Sums::new(&schema) },
        refused: None,
        converted: conversions.finish(),
        privacy: privacy.map(DayTally::finish),
    };
    let reworked = ReworkedDay {
        date: day.date,
        commit: day.record.seq,
        rows_before: day.entry.rows,
        changed_rows,
        gone_rows,
        zones,
        before,
        gone,
    };
    Ok((reworked, written))
}

impl ReworkedDay {
    /// Rows that stay.
    pub(super) fn rows(&self) -> u64 {
        self.rows_before.saturating_sub(self.gone_rows)
    }

    /// Makes sure that the files hold the rows that stay, and, in columns that no policy touches,
    /// what stood there before less what went with whole rows.
    pub(super) fn require_agreement(
        &self,
        written: &WrittenDay,
        found: &BTreeMap<String, u64>,
        contract: &Contract,
    ) -> Result<()> {
        let rows = found.get(&Ledger::day_key(Some(self.date))).copied().unwrap_or(0);
        let mismatch =
            |message: &str| Error::new(ErrorKind::Verification, message).with("day", self.date);
        if rows != self.rows() {
            return Err(mismatch("a day written anew does not hold the rows that stay")
                .with("before", self.rows_before)
                .with("gone", self.gone_rows)
                .with("read back", rows));
        }
        let touched: BTreeSet<&str> = (contract.policies().iter())
            .filter_map(|policy| policy.field.path.split('.').next())
            .collect();
        let before = self.before.to_text();
        let formats: BTreeSet<_> = written.files.iter().map(|f| f.file.format).collect();
        for format in formats {
            let mut after = Sums::new(&contract.output_schema());
            after.add_sums(&self.gone);
            for of_format in written.files.iter().filter(|f| f.file.format == format) {
                after.add_text(&of_format.file.sums)?;
            }
            let after = after.to_text();
            let untouched = before.iter().filter(|(column, _)| !touched.contains(column.as_str()));
            if let Some((column, sum)) =
                untouched.into_iter().find(|(column, sum)| after.get(*column) != Some(sum))
            {
                return Err(mismatch("the sum of a column changed while its day was written anew")
                    .with("column", column)
                    .with("format", format.extension())
                    .with("before", sum)
                    .with("after", after.get(column).map_or("nothing", String::as_str)));
            }
        }
        Ok(())
    }
}
