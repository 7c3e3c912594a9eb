//! Lists: elements of one type, in source order, or sorted when the contract says they are a set.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanBuilder, ListArray, UInt32Array, make_comparator};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::FieldRef;

use crate::catalog::Field;
use crate::catalog::schema::arrow_field;
use crate::decode::columns::cells::Nulls;
use crate::decode::columns::{Context, FieldColumn, Misfit, TYPE_MISMATCH};
use crate::decode::direct::{Place, Unusual};
use crate::decode::value::{Kind, Slot, Value};
use crate::model::{RawFormat, Reason, ReasonCode, RowReason};

#[derive(Debug)]
pub(super) struct ListColumn {
    path: Arc<str>,
    field: FieldRef,
    element: Box<FieldColumn>,
    /// Where each list ends among the elements.
    ends: Vec<i32>,
    elements: i32,
    nulls: Nulls,
    /// For a set: the row of each list and the type its elements came in.
    set: Option<Vec<(u32, &'static str)>>,
}

impl ListColumn {
    pub fn new(path: &Arc<str>, element: &Field, set: bool, format: RawFormat) -> Self {
        Self {
            path: Arc::clone(path),
            field: Arc::new(arrow_field(element, true)),
            element: Box::new(FieldColumn::new(element, format)),
            ends: Vec::new(),
            elements: 0,
            nulls: Nulls::default(),
            set: set.then(Vec::new),
        }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let Kind::List(mut items) = value.kind() else { return Err(TYPE_MISMATCH) };
        // Some list of the row is too long: is it this one?
        if cx.walk.facts.array_too_long {
            let max = usize::try_from(cx.walk.max_array_items).unwrap_or(usize::MAX);
            if items.count(&mut cx.walk) > max {
                return Err(ReasonCode::ArrayTooLong.into());
            }
        }
        while let Some(item) = items.next(&mut cx.walk) {
            self.element.append(Slot::Value(item), cx);
            self.elements += 1;
        }
        self.end(true, (cx.row, value.ty.found()));
        Ok(())
    }

    /// Appends the list of which `inside` is the inside, read for the first time.
    pub fn read<'a, P: Place<'a>>(
        &mut self,
        inside: &mut P,
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        let before = self.elements;
        while inside.take_element()? {
            let met = inside.take_opening(self.element.expected());
            self.element.read(inside, met, level, cx)?;
            self.elements += 1;
        }
        if (self.elements - before).unsigned_abs() > cx.walk.max_array_items {
            return Err(Unusual);
        }
        cx.walk.reach(level);
        self.end(true, (cx.row, P::LIST.found()));
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.end(false, (0, ""));
    }

    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.nulls.truncate(len);
        if let Some(origins) = &mut self.set {
            origins.truncate(len);
        }
        self.elements = self.ends.last().copied().unwrap_or(0);
        self.element.truncate(self.elements.unsigned_abs() as usize);
    }

    fn end(&mut self, valid: bool, origin: (u32, &'static str)) {
        if !valid {
            self.nulls.push(self.ends.len());
        }
        self.ends.push(self.elements);
        if let Some(origins) = &mut self.set {
            origins.push(origin);
        }
    }

    pub fn finish(&mut self, reasons: &mut Vec<RowReason>) -> ArrayRef {
        let elements = self.element.finish(reasons);
        let ends = std::mem::take(&mut self.ends);
        let validity = self.nulls.finish(ends.len());
        self.elements = 0;
        match self.set.as_mut().map(std::mem::take) {
            Some(origins) => self.finish_set(&elements, &ends, validity, &origins, reasons),
            None => self.array(ends, elements, validity),
        }
    }

    /// Sorts the elements of each list; a list that holds one twice becomes null.
    fn finish_set(
        &self,
        elements: &ArrayRef,
        ends: &[i32],
        validity: Option<NullBuffer>,
        origins: &[(u32, &'static str)],
        reasons: &mut Vec<RowReason>,
    ) -> ArrayRef {
        let Ok(compare) = make_comparator(elements, elements, SortOptions::default()) else {
            return self.array(ends.to_vec(), Arc::clone(elements), validity);
        };
        let mut order: Vec<u32> = Vec::with_capacity(elements.len());
        let mut sorted_ends = Vec::with_capacity(ends.len());
        let mut valid = BooleanBuilder::with_capacity(ends.len());
        let mut start = 0;
        for (i, (end, (row, found))) in ends.iter().zip(origins).enumerate() {
            let first = order.len();
            order.extend(start..end.unsigned_abs());
            start = end.unsigned_abs();
            let list = order.get_mut(first..).unwrap_or_default();
            list.sort_by(|a, b| compare(*a as usize, *b as usize));
            let twice = list.windows(2).any(|pair| match pair {
                [a, b] => {
                    elements.is_valid(*a as usize)
                        && compare(*a as usize, *b as usize) == Ordering::Equal
                }
                _ => false,
            });
            if twice {
                order.truncate(first);
                let code = ReasonCode::SetHasDuplicate;
                let reason = Reason::of_field(code, &self.path, Some(found));
                reasons.push(RowReason { row: *row, reason });
            }
            valid.append_value(!twice && validity.as_ref().is_none_or(|v| v.is_valid(i)));
            sorted_ends.push(i32::try_from(order.len()).unwrap_or(i32::MAX));
        }
        let Ok(sorted) = take(elements, &UInt32Array::from(order), None) else {
            return self.array(ends.to_vec(), Arc::clone(elements), validity);
        };
        let valid = NullBuffer::new(valid.finish().values().clone());
        self.array(sorted_ends, sorted, Some(valid))
    }

    fn array(&self, ends: Vec<i32>, elements: ArrayRef, validity: Option<NullBuffer>) -> ArrayRef {
        let offsets = std::iter::once(0).chain(ends).collect::<ScalarBuffer<i32>>();
        let field = Arc::clone(&self.field);
        Arc::new(ListArray::new(field, OffsetBuffer::new(offsets), elements, validity))
    }
}
