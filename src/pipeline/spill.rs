//! Everything a split leaves behind: sorted runs, key indexes, refused rows, counts and sums.
//!
//! Bounded by bytes: whatever grows past its share of the memory goes to a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{Array, BinaryArray, Int64Array};

use crate::catalog::Contract;
use crate::error::Result;
use crate::model::{Ledger, Position, RowReason, Split, Sums, ZoneSpans, date_of_days};
use crate::sinks::quarantine::{RejectBuilder, RejectedRow};
use crate::state::{Checkpoint, StagedFile, Verdicts};

use super::candidates::{RunBuilder, RunColumns};
use super::key_index::{Entry, KeyIndexBuilder};
use super::keys::{KeyEncoder, versions};
use super::route::{ExclusionNames, Routed, Verdict};
use super::staged::StagedWriter;

/// What every split of a run is spilled by.
pub(super) struct SpillRules<'a> {
    pub(super) contract: &'a Contract,
    pub(super) names: &'a ExclusionNames,
    pub(super) columns: RunColumns,
    pub(super) unique: Vec<KeyEncoder>,
    /// Bytes that one split may hold in memory.
    pub(super) limit_bytes: usize,
}

impl<'a> SpillRules<'a> {
    pub(super) fn new(
        contract: &'a Contract,
        names: &'a ExclusionNames,
        limit_bytes: usize,
    ) -> Result<Self> {
        let unique = contract.unique.iter().map(|rule| KeyEncoder::new(contract, &rule.fields));
        Ok(Self {
            contract,
            names,
            columns: RunColumns::new(contract)?,
            unique: unique.collect::<Result<_>>()?,
            limit_bytes,
        })
    }
}

/// The spill of one split. What is in files is complete up to the last checkpoint; rows that came
/// after it are read again when the run is interrupted, and their files are written anew.
pub(super) struct Spill<'a> {
    rules: &'a SpillRules<'a>,
    split: Split,
    dir: PathBuf,
    rows_read: u64,
    days: BTreeMap<Option<i32>, Verdicts>,
    /// Verdicts of the part that an interrupted run had read.
    resumed_days: BTreeMap<String, Verdicts>,
    warnings: BTreeMap<String, u64>,
    zones: ZoneSpans,
    /// Over the candidates that are in files.
    sums: Sums,
    runs: RunBuilder,
    index: KeyIndexBuilder,
    unique: Vec<KeyIndexBuilder>,
    rejects: RejectBuilder,
    reject_files: Vec<StagedFile>,
}

impl<'a> Spill<'a> {
    /// An empty spill of `split` into `dir`.
    pub(super) fn new(rules: &'a SpillRules<'a>, split: &Split, dir: PathBuf) -> Self {
        let unique = (0..rules.unique.len()).map(|i| KeyIndexBuilder::new(format!("unique-{i}")));
        Self {
            rules,
            split: split.clone(),
            dir,
            rows_read: 0,
            days: BTreeMap::new(),
            resumed_days: BTreeMap::new(),
            warnings: BTreeMap::new(),
            zones: ZoneSpans::default(),
            sums: Sums::new(&rules.contract.output_schema()),
            runs: RunBuilder::new(rules.columns.clone()),
            index: KeyIndexBuilder::new("keys".to_owned()),
            unique: unique.collect(),
            rejects: RejectBuilder::new(rules.contract),
            reject_files: Vec::new(),
        }
    }

    /// The spill that a checkpoint tells of, to go on with.
    ///
    /// # Errors
    /// `Verification` when its sums cannot be read.
    pub(super) fn resume(
        rules: &'a SpillRules<'a>,
        checkpoint: Checkpoint,
        dir: PathBuf,
    ) -> Result<Self> {
        let mut spill = Self::new(rules, &checkpoint.split, dir);
        spill.rows_read = checkpoint.rows_read;
        spill.resumed_days = checkpoint.days;
        spill.warnings = checkpoint.warnings;
        spill.zones = checkpoint.zones;
        spill.sums.add_text(&checkpoint.sums)?;
        spill.runs.resume(checkpoint.runs);
        spill.index.resume(checkpoint.indexes);
        for (index, files) in spill.unique.iter_mut().zip(checkpoint.unique_values) {
            index.resume(files);
        }
        spill.reject_files = checkpoint.rejects;
        Ok(spill)
    }

    /// Rows of the split so far: the ordinal of the next one.
    pub(super) fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Adds a batch of the split; batches come in source order.
    pub(super) fn add(&mut self, routed: &Routed) -> Result<()> {
        self.rows_read += routed.batch.num_rows() as u64;
        for (rule, rows) in &routed.batch.warnings {
            *self.warnings.entry(rule.clone()).or_default() += rows;
        }
        self.zones.merge(&routed.batch.zones);
        let columns = &routed.batch.columns;
        let keys = self.rules.columns.key().encode(columns)?;
        let versions = versions(columns, &self.rules.contract.version_field)?;
        for row in 0..routed.verdicts.len() {
            let day = routed.day(row);
            let verdict = routed.verdicts[row];
            self.days.entry(day).or_default().count(verdict, self.rules.names);
            if verdict == Verdict::Quarantined {
                self.add_reject(routed, row);
            }
        }
        self.runs.push(self.rules.columns.of_routed(routed, self.split.id, &keys)?);
        add_entries(&mut self.index, routed, &keys, Some(&versions));
        for (index, encoder) in self.unique.iter_mut().zip(&self.rules.unique) {
            add_entries(index, routed, &encoder.encode(columns)?, None);
        }
        self.flush(self.rules.limit_bytes)
    }

    fn add_reject(&mut self, routed: &Routed, row: usize) {
        let batch = &routed.batch;
        let reasons =
            batch.reasons[routed.reasons[row].clone()].iter().map(|r: &RowReason| &r.reason);
        self.rejects.append(&RejectedRow {
            split: &self.split,
            row: batch.first_row + row as u64,
            offset_bytes: batch.raw.row_offset_bytes(row),
            key: self.rules.columns.key().text(&batch.columns, row).as_deref(),
            dt: routed.day(row).and_then(date_of_days),
            reasons: &reasons.collect::<Vec<_>>(),
            raw: &batch.raw.row(row),
            raw_format: batch.raw.format,
        });
    }

    /// Moves whatever has grown past its share to files.
    fn flush(&mut self, limit_bytes: usize) -> Result<()> {
        if self.runs.bytes() > limit_bytes.min(self.runs.run_bytes()) {
            self.runs.flush(&self.dir, &mut self.sums)?;
        }
        let indexes = std::iter::once(&mut self.index).chain(&mut self.unique);
        for index in indexes.filter(|index| index.bytes() > limit_bytes / 4) {
            index.flush(&self.dir)?;
        }
        if self.rejects.bytes() > limit_bytes / 4 {
            self.flush_rejects()?;
        }
        Ok(())
    }

    fn flush_rejects(&mut self) -> Result<()> {
        if self.rejects.rows() == 0 {
            return Ok(());
        }
        let rows = self.rejects.finish()?;
        let name = format!("rejects-{:03}.arrow", self.reject_files.len());
        let mut file = StagedWriter::create(&self.dir, name, &rows.schema())?;
        file.write(&rows)?;
        self.reject_files.push(file.finish()?);
        Ok(())
    }

    /// What is known of the split: everything is on disk when this returns. `position` is where
    /// it is read on, none when it is finished.
    pub(super) fn checkpoint(&mut self, position: Option<Position>) -> Result<Checkpoint> {
        self.flush(0)?;
        let mut days = self.resumed_days.clone();
        for (day, verdicts) in &self.days {
            // Days beyond the calendar share a key.
            days.entry(Ledger::day_key_of(*day)).or_default().add(verdicts);
        }
        Ok(Checkpoint {
            split: self.split.clone(),
            position,
            rows_read: self.rows_read,
            days,
            warnings: self.warnings.clone(),
            zones: self.zones.clone(),
            runs: self.runs.runs().to_vec(),
            indexes: self.index.files().to_vec(),
            unique_values: self.unique.iter().map(|index| index.files().to_vec()).collect(),
            rejects: self.reject_files.clone(),
            sums: self.sums.to_text(),
        })
    }
}

/// Adds the rows whose key (and version, when copies are compared) could be read. A deletion has
/// the version of the instant it was written. Without versions only candidates count: unique
/// values bind the rows that may be published.
fn add_entries(
    index: &mut KeyIndexBuilder,
    routed: &Routed,
    keys: &BinaryArray,
    versions: Option<&Int64Array>,
) {
    for row in 0..routed.verdicts.len() {
        let verdict = routed.verdicts[row];
        let written_at = routed.batch.written_at.as_ref();
        let written_at = written_at.filter(|at| at.is_valid(row)).map(|at| at.value(row));
        let version = match versions {
            Some(_) if verdict == Verdict::DELETED => written_at,
            Some(versions) => versions.is_valid(row).then(|| versions.value(row)),
            None => (verdict == Verdict::Candidate).then_some(0),
        };
        let Some(version) = version.filter(|_| keys.is_valid(row)) else { continue };
        index.push(&Entry {
            key: keys.value(row),
            version,
            row: routed.batch.first_row + row as u64,
            verdict,
            day: routed.day(row),
            written_at,
        });
    }
}
