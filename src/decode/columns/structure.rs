//! Structs: an object's members, each in the column of its field.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::Fields;

use crate::catalog::Field;
use crate::catalog::schema::arrow_field;
use crate::decode::columns::cells::Nulls;
use crate::decode::columns::{Context, FieldColumn, Misfit, TYPE_MISMATCH};
use crate::decode::compile::PathTree;
use crate::decode::direct::{Place, Unusual};
use crate::decode::value::{Kind, Slot, Value};
use crate::model::{RawFormat, ReasonCode, RowReason};

#[derive(Debug)]
pub(super) struct StructureColumn {
    fields: Fields,
    tree: PathTree,
    columns: Vec<FieldColumn>,
    len: usize,
    nulls: Nulls,
    /// Memory of the slots, kept from one value to the next.
    spare: Vec<Slot<'static>>,
}

impl StructureColumn {
    pub fn new(fields: &[Field], format: RawFormat) -> Self {
        Self {
            fields: fields.iter().map(|field| arrow_field(field, true)).collect(),
            tree: PathTree::new(fields, format),
            columns: fields.iter().map(|field| FieldColumn::new(field, format)).collect(),
            len: 0,
            nulls: Nulls::default(),
            spare: Vec::new(),
        }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let Kind::Object(mut members) = value.kind() else { return Err(TYPE_MISMATCH) };
        let mut slots = emptied(std::mem::take(&mut self.spare));
        slots.resize(self.columns.len(), Slot::Missing);
        if self.tree.place(&mut members, &mut slots, &mut cx.walk).is_err() {
            return Err(ReasonCode::RowMalformed.into());
        }
        for (column, slot) in self.columns.iter_mut().zip(&slots) {
            column.append(*slot, cx);
        }
        self.len += 1;
        self.spare = emptied(slots);
        Ok(())
    }

    /// Appends the object of which `inside` is the inside, read for the first time.
    pub fn read<'a, P: Place<'a>>(
        &mut self,
        inside: &mut P,
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        self.tree.read(inside, &mut self.columns, level, cx)?;
        for column in self.columns.iter_mut().filter(|column| column.cells() == self.len) {
            column.append_absent()?;
        }
        cx.walk.reach(level);
        self.len += 1;
        Ok(())
    }

    pub fn truncate(&mut self, len: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(len));
        self.len = len;
        self.nulls.truncate(len);
    }

    pub fn append_null(&mut self) {
        self.columns.iter_mut().for_each(FieldColumn::append_null);
        self.nulls.push(self.len);
        self.len += 1;
    }

    pub fn finish(&mut self, reasons: &mut Vec<RowReason>) -> ArrayRef {
        let arrays = self.columns.iter_mut().map(|column| column.finish(reasons)).collect();
        let nulls = self.nulls.finish(std::mem::take(&mut self.len));
        Arc::new(StructArray::new(self.fields.clone(), arrays, nulls))
    }
}

/// The same memory, holding nothing, for slots of another lifetime. (Collecting a vector's own
/// iterator reuses its memory.)
fn emptied<'b>(mut slots: Vec<Slot<'_>>) -> Vec<Slot<'b>> {
    slots.clear();
    slots.into_iter().map(|_| Slot::Missing).collect()
}
