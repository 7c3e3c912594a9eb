//! Decisions over all rows of a run: older copies of a key, values that must be unique.
//!
//! Owns going through the staged indexes bucket by bucket. Does not own the comparison itself
//! (`transform::frames`) nor what is done with the rows (`merge`, `refused`).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Date32Type, UInt16Type, UInt32Type, UInt64Type};
use rayon::prelude::*;

use crate::catalog::{Severity, UniqueRule};
use crate::error::{ErrorKind, Result, ResultExt};
use crate::model::SplitId;
use crate::state::{Checkpoint, Staging, Verdicts};
use crate::transform::frames;

use super::deletions;
use super::key_index::{self, BUCKETS, column};
use super::route::{ExclusionNames, Verdict};
use super::row_set::RowSet;

/// Rows that were struck, and how each counted until then.
#[derive(Debug, Clone, Default)]
pub(super) struct Struck {
    /// The rows.
    pub(super) rows: RowSet,
    /// By split and day (days since 1970-01-01).
    pub(super) tallies: BTreeMap<(SplitId, Option<i32>), Verdicts>,
}

/// Strikes every row of which a newer copy was read: the newest by the contract's version field
/// decides, before it is judged; of equal versions the one read last. Deletions take part with
/// the versions that `deletions` gives them.
pub(super) fn older_copies(
    staging: &Staging,
    checkpoints: &[Checkpoint],
    names: &ExclusionNames,
) -> Result<Struck> {
    let keys = [column::KEY, column::VERSION, column::SPLIT, column::ROW];
    per_bucket(
        |index| key_index::bucket(staging, checkpoints, |c| &c.indexes, index),
        |rows| frames::older_copies(&project(&deletions::with_versions(rows)?, &keys)?),
        &BTreeSet::new(),
        &RowSet::default(),
        names,
    )
}

/// Finds, for each unique rule in the contract's order, the candidates that share a value with
/// another one. A row is tallied under the first rule that takes it away: rules that leave out
/// come before those that refuse. A rule that warns tallies the rows that stay. Rows of the splits
/// in `standing` are compared, and stay whatever is found.
pub(super) fn not_unique(
    staging: &Staging,
    checkpoints: &[Checkpoint],
    rules: &[UniqueRule],
    older: &RowSet,
    standing: &BTreeSet<SplitId>,
    names: &ExclusionNames,
) -> Result<Vec<NotUnique>> {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|rule| match rules[*rule].severity {
        Severity::Exclude => 0,
        Severity::Reject => 1,
        Severity::Warn => 2,
    });
    let mut taken = RowSet::default();
    let mut found = Vec::with_capacity(rules.len());
    for index in order {
        let rule = &rules[index];
        let entries = |bucket| {
            let entries =
                key_index::bucket(staging, checkpoints, move |c| unique_files(c, index), bucket);
            entries.map(|rows| without(&rows?, older))
        };
        let shared = |rows: &RecordBatch| frames::shared_values(&values(rows)?);
        let struck = per_bucket(entries, shared, standing, &taken, names)?;
        if rule.severity != Severity::Warn {
            taken.union(&struck.rows);
        }
        found.push((index, NotUnique { rule: rule.clone(), struck }));
    }
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

/// Rows that share a value which a rule wants unique.
pub(super) struct NotUnique {
    pub(super) rule: UniqueRule,
    pub(super) struck: Struck,
}

impl NotUnique {
    /// The rows of all rules of one severity.
    pub(super) fn rows(all: &[Self], severity: Severity) -> RowSet {
        let mut rows = RowSet::default();
        let of_severity = all.iter().filter(|found| found.rule.severity == severity);
        of_severity.for_each(|found| rows.union(&found.struck.rows));
        rows
    }
}

fn unique_files(checkpoint: &Checkpoint, rule: usize) -> &[crate::state::StagedFile] {
    checkpoint.unique_values.get(rule).map_or(&[], Vec::as_slice)
}

/// The rows that `strike` finds among the entries of each bucket whose key stands more than once.
/// Those of splits in `standing` stay; those in `already_counted` are not tallied.
fn per_bucket<I: Iterator<Item = Result<RecordBatch>>>(
    read: impl Fn(usize) -> I + Sync,
    strike: impl Fn(&RecordBatch) -> Result<RecordBatch> + Sync,
    standing: &BTreeSet<SplitId>,
    already_counted: &RowSet,
    names: &ExclusionNames,
) -> Result<Struck> {
    let of_bucket = |index| {
        let entries = repeated(|| read(index))?;
        if entries.num_rows() == 0 {
            return Ok(Struck::default());
        }
        let mut struck = struck_rows(&entries, &strike(&entries)?);
        struck.retain(|row| !standing.contains(&row.split));
        Ok(Struck::of_bucket(&struck, already_counted, names))
    };
    let struck = (0..BUCKETS).into_par_iter().map(of_bucket);
    struck.try_reduce(Struck::default, |left, right| Ok(left.and(right)))
}

/// The entries whose key may stand in another one too. Most keys stand once, and to compare keys
/// takes many times the memory and the time of their hashes; so the bucket is read for its hashes,
/// and again for the entries of those that were found twice.
fn repeated<I: Iterator<Item = Result<RecordBatch>>>(read: impl Fn() -> I) -> Result<RecordBatch> {
    let mut hashes = Vec::new();
    for entries in read() {
        hashes.extend(key_hashes(&entries?));
    }
    hashes.sort_unstable();
    let repeated: HashSet<u64> =
        (hashes.windows(2)).filter_map(|pair| (pair[0] == pair[1]).then_some(pair[0])).collect();
    drop(hashes);
    let with_repeated = |entries: Result<RecordBatch>| {
        let entries = entries?;
        let keep = key_hashes(&entries).map(|hash| Some(repeated.contains(&hash))).collect();
        filter_record_batch(&entries, &keep).or_err(ErrorKind::Unexpected, READING)
    };
    let entries = match repeated.is_empty() {
        true => Vec::new(),
        false => read().map(with_repeated).collect::<Result<Vec<_>>>()?,
    };
    concat_batches(&key_index::bucket_schema(), &entries).or_err(ErrorKind::Unexpected, READING)
}

fn key_hashes(entries: &RecordBatch) -> impl Iterator<Item = u64> {
    let keys = entries.column(column::KEY).as_binary::<i32>();
    (0..keys.len()).map(|i| key_index::hash(keys.value(i)))
}

const READING: &str = "could not read a key index";

/// A struck row with what was said of it before.
struct StruckRow {
    split: SplitId,
    row: u64,
    day: Option<i32>,
    verdict: Verdict,
}

fn struck_rows(entries: &RecordBatch, struck: &RecordBatch) -> Vec<StruckRow> {
    let mut set = RowSet::default();
    set.insert_all(struck);
    let splits = entries.column(column::SPLIT).as_primitive::<UInt32Type>();
    let rows = entries.column(column::ROW).as_primitive::<UInt64Type>();
    let days = entries.column(column::DAY).as_primitive::<Date32Type>();
    let verdicts = entries.column(column::VERDICT).as_primitive::<UInt16Type>();
    (0..entries.num_rows())
        .map(|i| StruckRow {
            split: SplitId(splits.value(i)),
            row: rows.value(i),
            day: days.is_valid(i).then(|| days.value(i)),
            verdict: Verdict::from_code(verdicts.value(i)),
        })
        .filter(|entry| set.contains(entry.split, entry.row))
        .collect()
}

impl Struck {
    /// Rows that were tallied.
    pub(super) fn tallied(&self) -> u64 {
        self.tallies.values().map(Verdicts::rows).sum()
    }

    fn of_bucket(
        struck_rows: &[StruckRow],
        already_counted: &RowSet,
        names: &ExclusionNames,
    ) -> Self {
        let mut struck = Self::default();
        for entry in struck_rows {
            struck.rows.insert(entry.split, entry.row);
            if !already_counted.contains(entry.split, entry.row) {
                let tally = struck.tallies.entry((entry.split, entry.day)).or_default();
                tally.count(entry.verdict, names);
            }
        }
        struck
    }

    /// These rows and others.
    fn and(mut self, others: Self) -> Self {
        self.rows.union(&others.rows);
        for (of, tally) in others.tallies {
            self.tallies.entry(of).or_default().add(&tally);
        }
        self
    }
}

/// Entries of a unique rule's index: what the index calls a key is the value.
fn values(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = [("value", column::KEY), ("split", column::SPLIT), ("row", column::ROW)];
    let columns = columns.map(|(name, index)| (name, ArrayRef::clone(rows.column(index))));
    RecordBatch::try_from_iter(columns).or_err(ErrorKind::Unexpected, READING)
}

fn project(rows: &RecordBatch, columns: &[usize]) -> Result<RecordBatch> {
    rows.project(columns).or_err(ErrorKind::Unexpected, READING)
}

fn without(rows: &RecordBatch, struck: &RowSet) -> Result<RecordBatch> {
    let splits = rows.column(column::SPLIT).as_primitive::<UInt32Type>();
    let ordinals = rows.column(column::ROW).as_primitive::<UInt64Type>();
    let keep = (splits.values().iter().zip(ordinals.values()))
        .map(|(split, row)| Some(!struck.contains(SplitId(*split), *row)))
        .collect();
    filter_record_batch(rows, &keep).or_err(ErrorKind::Unexpected, READING)
}
