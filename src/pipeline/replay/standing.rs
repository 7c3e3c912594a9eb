//! The days that a replay adds rows to, as they stand published: read back by the second reader and
//! spilled as rows that are judged already.

use std::collections::BTreeMap;

use arrow::array::{Date32Array, RecordBatch};
use bytes::Bytes;
use rayon::prelude::*;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Batch, DataFile, Ledger, ObjectPart, Part, RawFormat, RawRows, Split, SplitId, ZoneSpans,
    days_of_date,
};
use crate::publish::{CommitRecord, Committed, QuarantineLog, live_days, published_by};
use crate::sinks::{Destination, read_rows};
use crate::state::Checkpoint;
use crate::transform::{PublishedZones, forget, output_rows};

use crate::pipeline::extract::Extraction;
use crate::pipeline::privacy::lacks_pseudonyms;
use crate::pipeline::route::{Routed, Verdict};
use crate::pipeline::spill::Spill;

/// The published days that one run read, by days since 1970-01-01.
pub(super) struct StandingDays<'r>(BTreeMap<i32, StandingDay<'r>>);

/// A published day.
pub(super) struct StandingDay<'r> {
    /// The record whose files it is.
    pub(super) record: &'r CommitRecord,
    files: Vec<&'r DataFile>,
    rows: u64,
    /// Whether its rows can stand beside rows of the present contract, and be read back.
    pub(super) can_be_carried_on: bool,
}

impl<'r> StandingDays<'r> {
    /// The days that the run of `origin` read and no other has read since.
    pub(super) fn new(
        records: &'r [Committed],
        log: &QuarantineLog<'_>,
        origin: &CommitRecord,
        contract: &Contract,
    ) -> Self {
        let live = live_days(records);
        let mut days: BTreeMap<_, _> = (log.days_of(origin))
            .filter_map(|date| {
                let seq = live.get(&date)?;
                let (record, entry) = published_by(records, *seq, date)?;
                let files = record.parquet_of(date);
                let can_be_carried_on = record.is_of_form_of(contract)
                    && record.holds_in_parquet(entry)
                    && !lacks_pseudonyms(contract, record);
                let day = StandingDay { record, files, rows: entry.rows, can_be_carried_on };
                Some((days_of_date(date), day))
            })
            .collect();
        // A value that must be unique is looked for on all days, or it is not known to be.
        if !contract.unique.is_empty() && days.values().any(|day| !day.can_be_carried_on) {
            days.values_mut().for_each(|day| day.can_be_carried_on = false);
        }
        Self(days)
    }

    /// The day, when it is one of them.
    pub(super) fn get(&self, day: i32) -> Option<&StandingDay<'r>> {
        self.0.get(&day)
    }

    /// All of them, ascending.
    pub(super) fn days(&self) -> impl Iterator<Item = i32> {
        self.0.keys().copied()
    }
}

/// Spills the rows of `days` as candidates, a split a day, numbered from `first_split` on.
///
/// # Errors
/// `Interrupted` when the run was asked to stop; `Verification` when a file is not as it was
/// written; `Permission` and `Transient` from the store and the staging place.
pub(super) fn carry_on(
    extraction: &Extraction<'_>,
    destination: &Destination,
    standing: &StandingDays<'_>,
    days: &[i32],
    first_split: u32,
) -> Result<Vec<(i32, Checkpoint)>> {
    let numbered: Vec<(u32, i32)> = (first_split..).zip(days.iter().copied()).collect();
    (numbered.into_par_iter().with_max_len(1))
        .filter_map(|(id, day)| Some((SplitId(id), day, standing.get(day)?)))
        .map(|(id, day, found)| Ok((day, carry_day_on(extraction, destination, id, day, found)?)))
        .collect()
}

fn carry_day_on(
    extraction: &Extraction<'_>,
    destination: &Destination,
    id: SplitId,
    day: i32,
    standing: &StandingDay<'_>,
) -> Result<Checkpoint> {
    let date = Ledger::day_key_of(Some(day));
    let path = standing.files.first().map(|file| file.path.clone()).unwrap_or_default();
    let split = Split {
        id,
        source: 1,
        name: format!("{date} as of commit {}", standing.record.seq),
        part: Part::Object(ObjectPart { path, gzip: false, range: None, md5_base64: None }),
        // Its rows have no source bytes, and nothing asks for them: they stay whatever is found.
        format: RawFormat::Bson,
        bytes: standing.files.iter().map(|file| file.bytes).sum(),
        expected_rows: Some(standing.rows),
    };
    let contract = extraction.rules.contract;
    let dir = extraction.staging.clear_split(id)?;
    let mut spill = Spill::new(&extraction.rules, &split, dir);
    let zones = PublishedZones::new(contract)?;
    for file in &standing.files {
        read_rows(destination, file, contract, &mut |rows| {
            if extraction.progress.should_stop() {
                return Err(crate::pipeline::interrupted());
            }
            // What has come of age since goes now, or the new record would tell too late an expiry.
            let rows = forget(contract, &rows, extraction.plan.as_of)?.rows;
            let first_row = spill.rows_read();
            spill.add(&judged_already(id, first_row, day, &rows, zones.of(&rows), contract)?)
        })?;
    }
    if spill.rows_read() == standing.rows {
        return spill.checkpoint(None);
    }
    Err(Error::new(ErrorKind::Verification, "a published day does not hold what its record says")
        .with("day", date)
        .with("commit", standing.record.seq))
}

/// Published rows as a run knows rows that nothing speaks against.
fn judged_already(
    split: SplitId,
    first_row: u64,
    day: i32,
    rows: &RecordBatch,
    zones: ZoneSpans,
    contract: &Contract,
) -> Result<Routed> {
    let count = rows.num_rows();
    let batch = Batch {
        split,
        first_row,
        columns: output_rows(rows, &contract.nullable_output_schema())?,
        business_dates: Some(Date32Array::from_value(day, count)),
        written_at: None,
        raw: RawRows {
            format: RawFormat::Bson,
            bytes: Bytes::new(),
            offset_bytes: 0,
            ranges: vec![(0, 0); count],
        },
        reasons: Vec::new(),
        exclusions: Vec::new(),
        warnings: Vec::new(),
        zones,
    };
    Ok(Routed { batch, verdicts: vec![Verdict::Candidate; count], reasons: vec![0..0; count] })
}
