//! Reasons as a step finds them, and the way from a cell inside lists and structs to its row.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ListArray, StructArray};
use arrow::datatypes::ArrowNativeType;

use crate::model::{Batch, Reason, ReasonCode, RowReason};

/// Reasons of one step.
#[derive(Default)]
pub(super) struct Findings(Vec<RowReason>);

impl Findings {
    /// Whether no row was refused.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses `row` for its `field`. Elements of one list that fail alike are one reason.
    pub(super) fn add(&mut self, row: u32, code: ReasonCode, field: &Arc<str>) {
        self.add_reason(row, Reason::of_field(code, field, None));
    }

    /// Refuses `row` for `reason`.
    pub(super) fn add_reason(&mut self, row: u32, reason: Reason) {
        let found = RowReason { row, reason };
        if self.0.last() != Some(&found) {
            self.0.push(found);
        }
    }

    /// The batch with these reasons.
    pub(super) fn give_to(self, mut batch: Batch) -> Batch {
        batch.add_reasons(self.0);
        batch
    }
}

/// Reasons of `reasons`, which are ordered by row, that stand against `row`.
pub(super) fn reasons_of(reasons: &[RowReason], row: u32) -> &[RowReason] {
    let start = reasons.partition_point(|r| r.row < row);
    let end = start + reasons[start..].partition_point(|r| r.row == row);
    &reasons[start..end]
}

/// Which row of the batch each place of an array belongs to.
pub(super) enum Rows {
    /// A column of the batch: place and row are one.
    Same,
    /// Cells inside a list or a struct; [`NO_ROW`] where nothing refers to the place.
    Of(Vec<u32>),
}

const NO_ROW: u32 = u32::MAX;

impl Rows {
    /// The row of a place.
    pub(super) fn row(&self, place: usize) -> Option<u32> {
        match self {
            Self::Same => u32::try_from(place).ok(),
            Self::Of(rows) => rows.get(place).copied().filter(|row| *row != NO_ROW),
        }
    }

    /// The rows of the fields of structs that stand in these rows.
    pub(super) fn of_fields(&self, structs: &StructArray) -> Self {
        match self {
            Self::Same if structs.null_count() == 0 => Self::Same,
            _ => Self::Of((0..structs.len()).map(|place| self.valid_row(structs, place)).collect()),
        }
    }

    /// The rows of the elements of lists that stand in these rows.
    pub(super) fn of_elements(&self, lists: &ListArray) -> Self {
        let mut rows = vec![NO_ROW; lists.values().len()];
        for (place, range) in elements(lists).enumerate() {
            rows[range].fill(self.valid_row(lists, place));
        }
        Self::Of(rows)
    }

    fn valid_row(&self, array: &dyn Array, place: usize) -> u32 {
        if array.is_valid(place) { self.row(place).unwrap_or(NO_ROW) } else { NO_ROW }
    }
}

/// Places of the elements of each list, nulls included.
pub(super) fn elements(lists: &ListArray) -> impl Iterator<Item = Range<usize>> {
    (0..lists.len()).map(|place| elements_of(lists, place))
}

/// Places of the elements of the list at `place`.
pub(super) fn elements_of(lists: &ListArray, place: usize) -> Range<usize> {
    let offsets = lists.value_offsets();
    offsets[place].as_usize()..offsets[place + 1].as_usize()
}
