//! Sets of rows, a bit a row: which rows of each split a set-wide decision has struck.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{UInt32Type, UInt64Type};

use crate::model::SplitId;

/// Rows of a run, by split and ordinal.
#[derive(Debug, Clone, Default)]
pub(super) struct RowSet(BTreeMap<u32, Vec<u64>>);

impl RowSet {
    /// Adds the rows of a batch with the columns `split` and `row`.
    pub(super) fn insert_all(&mut self, rows: &RecordBatch) {
        let splits = rows.column(0).as_primitive::<UInt32Type>().values();
        let ordinals = rows.column(1).as_primitive::<UInt64Type>().values();
        for (split, row) in splits.iter().zip(ordinals) {
            self.insert(SplitId(*split), *row);
        }
    }

    /// Adds a row.
    pub(super) fn insert(&mut self, split: SplitId, row: u64) {
        let (word, bit) = place(row);
        let words = self.0.entry(split.0).or_default();
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        words[word] |= bit;
    }

    /// Rows in the set that are not in another one.
    pub(super) fn len_without(&self, other: &Self) -> u64 {
        let of_split = |(split, words): (&u32, &Vec<u64>)| {
            let others = other.0.get(split).map_or(&[][..], Vec::as_slice).iter().copied();
            let others = others.chain(std::iter::repeat(0));
            words
                .iter()
                .zip(others)
                .map(|(word, other)| u64::from((word & !other).count_ones()))
                .sum::<u64>()
        };
        self.0.iter().map(of_split).sum()
    }

    /// Adds the rows of another set.
    pub(super) fn union(&mut self, other: &Self) {
        for (split, other) in &other.0 {
            let words = self.0.entry(*split).or_default();
            words.resize(words.len().max(other.len()), 0);
            words.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
        }
    }

    /// Whether the row is in the set.
    pub(super) fn contains(&self, split: SplitId, row: u64) -> bool {
        self.of_split(split).contains(row)
    }

    /// The rows of one split, for many look-ups.
    pub(super) fn of_split(&self, split: SplitId) -> SplitRows<'_> {
        SplitRows(self.0.get(&split.0).map_or(&[], Vec::as_slice))
    }
}

/// The rows of one split.
#[derive(Debug, Clone, Copy)]
pub(super) struct SplitRows<'a>(&'a [u64]);

impl SplitRows<'_> {
    /// Whether the row is in the set.
    pub(super) fn contains(self, row: u64) -> bool {
        let (word, bit) = place(row);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

/// Word and bit of a row. A row beyond what this machine can address was never read.
fn place(row: u64) -> (usize, u64) {
    (usize::try_from(row / 64).unwrap_or(usize::MAX), 1 << (row % 64))
}
