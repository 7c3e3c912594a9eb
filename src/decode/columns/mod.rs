//! One column builder per contract type: from a value's bytes straight into Arrow.
//!
//! Owns what fits a type and what does not. A column gains exactly one cell for each slot it is
//! given, whatever the slot holds. Does not own finding the value in its row (`compile`).

mod binary;
mod boolean;
pub(super) mod cells;
mod date;
mod decimal;
mod integer;
mod list;
mod structure;
mod text;
mod timestamp;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int16Array};

use crate::catalog::{Field, FieldType};
use crate::model::{FoundType, RawFormat, Reason, ReasonCode, RowReason};

use super::direct::{Expected, Place, Unusual};
use super::key::Met;
use super::number::{Decimal128, Exact, integer_of_double};
use super::piece::Piece;
use super::value::{Kind, Slot, Value};
use super::walk::Walk;

/// Why a value does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Misfit {
    code: ReasonCode,
    raw_millis: Option<i64>,
}

impl From<ReasonCode> for Misfit {
    fn from(code: ReasonCode) -> Self {
        Self { code, raw_millis: None }
    }
}

const TYPE_MISMATCH: Misfit = Misfit { code: ReasonCode::TypeMismatch, raw_millis: None };

/// What the columns share while a page is decoded.
#[derive(Debug)]
pub(super) struct Context {
    /// Row that is decoded.
    pub row: u32,
    /// Reasons found so far.
    pub reasons: Vec<RowReason>,
    pub walk: Walk,
    /// For values that must be rewritten on their way.
    scratch: Vec<u8>,
}

impl Context {
    pub fn new(walk: Walk) -> Self {
        Self { row: 0, reasons: Vec::new(), walk, scratch: Vec::new() }
    }

    /// Adds a reason for the row. The same one for many elements of a list is told once.
    pub fn refuse(&mut self, reason: Reason) {
        let same = |told: &Reason| {
            (told.code, &told.field, told.found) == (reason.code, &reason.field, reason.found)
        };
        let mut of_row = self.reasons.iter().rev().take_while(|told| told.row == self.row);
        if !of_row.any(|told| same(&told.reason)) {
            self.reasons.push(RowReason { row: self.row, reason });
        }
    }

    fn refuse_field(&mut self, misfit: Misfit, path: &Arc<str>, found: Option<FoundType>) {
        let reason = Reason::of_field(misfit.code, path, found);
        self.refuse(Reason { raw_millis: misfit.raw_millis, ..reason });
    }
}

/// The column of a contract field.
#[derive(Debug)]
pub(super) struct FieldColumn {
    path: Arc<str>,
    required: bool,
    expected: Expected,
    column: Column,
    /// Cells since the last time it was finished.
    cells: usize,
}

impl FieldColumn {
    pub fn new(field: &Field, format: RawFormat) -> Self {
        let column = match &field.data_type {
            FieldType::Text => Column::Text(text::TextColumn::new(field.coerce)),
            FieldType::Integer => Column::Integer(integer::IntegerColumn::new(field.coerce)),
            FieldType::Decimal { precision, scale } => {
                Column::Decimal(decimal::DecimalColumn::new(*precision, *scale, field.coerce))
            }
            FieldType::Boolean => Column::Boolean(boolean::BooleanColumn::new(field.coerce)),
            FieldType::Date => Column::Date(date::DateColumn::new()),
            FieldType::Timestamp(form) => {
                Column::Timestamp(Box::new(timestamp::TimestampColumn::new(form.clone())))
            }
            FieldType::Binary => Column::Binary(binary::BinaryColumn::new()),
            FieldType::List { element, set } => {
                Column::List(list::ListColumn::new(&field.path, element, *set, format))
            }
            FieldType::Struct(fields) => {
                Column::Structure(structure::StructureColumn::new(fields, format))
            }
        };
        let (path, required) = (Arc::clone(&field.path), field.required);
        Self { path, required, expected: Expected::of(&field.data_type), column, cells: 0 }
    }

    /// Appends what a row holds: its value, or null with the reason.
    pub fn append(&mut self, slot: Slot<'_>, cx: &mut Context) {
        let (misfit, found) = match slot {
            Slot::Value(value) if value.is_null() => {
                (self.required.then_some(ReasonCode::RequiredNull.into()), Some("null"))
            }
            Slot::Value(value) => match self.column.append(value, cx) {
                Ok(()) => {
                    self.cells += 1;
                    return;
                }
                Err(misfit) => (Some(misfit), Some(value.ty.found())),
            },
            Slot::NoObject(ty) => (Some(TYPE_MISMATCH), Some(ty.found())),
            Slot::Missing => {
                (self.required.then_some(ReasonCode::RequiredMissing.into()), Some("missing"))
            }
            Slot::Duplicate => (Some(ReasonCode::DuplicateField.into()), None),
        };
        if let Some(misfit) = misfit {
            cx.refuse_field(misfit, &self.path, found);
        }
        self.append_null();
    }

    /// Appends the value that `place` stands before, of which so much was `met`, at that depth of the
    /// row.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every value of every row comes here")]
    pub fn read<'a, P: Place<'a>>(
        &mut self,
        place: &mut P,
        met: Met,
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        if matches!(self.expected, Expected::Text | Expected::Number)
            && let Some(piece) = place.take_piece(met, self.expected)
        {
            self.cells += 1;
            return self.column.read_piece(piece, cx);
        }
        if P::HAS_SCALARS && self.read_scalar(place)? {
            return Ok(());
        }
        self.read_other(place, met, level, cx)
    }

    /// Appends the value that `place` stands before, which is not spelled as most are.
    #[inline(never)]
    fn read_other<'a, P: Place<'a>>(
        &mut self,
        place: &mut P,
        met: Met,
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        if matches!(self.expected, Expected::Object | Expected::List)
            && let Some(mut inside) = place.open(met, self.expected)?
        {
            self.cells += 1;
            self.column.read_inside(&mut inside, level + 1, cx)?;
            return place.close(inside);
        }
        if !P::HAS_SCALARS && self.read_scalar(place)? {
            return Ok(());
        }
        if place.take_null() {
            return self.append_absent();
        }
        let value = place.take_value(met, self.expected, &mut cx.walk)?;
        if value.is_null() {
            return self.append_absent();
        }
        // The walk counts the depth of what it takes from the first level on.
        if level > 1 && value.has_levels() {
            return Err(Unusual);
        }
        self.column.append(value, cx).map_err(|_| Unusual)?;
        self.cells += 1;
        Ok(())
    }

    /// Appends the value of fixed size that `place` stands before, if it is one of the column's type.
    #[inline]
    fn read_scalar<'a, P: Place<'a>>(&mut self, place: &mut P) -> Result<bool, Unusual> {
        let taken = match &mut self.column {
            Column::Boolean(column) => place.take_boolean().map(|boolean| column.read(boolean)),
            Column::Integer(column) => place.take_integer().map(|n| column.read_integer(n)),
            Column::Decimal(column) => place.take_decimal128().map(|bits| column.read_bits(bits)),
            Column::Timestamp(column) => place.take_millis().map(|n| column.read_millis(n)),
            _ => return Ok(false),
        };
        self.cells += usize::from(taken.is_some());
        taken.transpose().map(|taken| taken.is_some())
    }

    /// What its values are expected to be.
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// Appends null where nothing was found.
    pub fn append_absent(&mut self) -> Result<(), Unusual> {
        if self.required {
            return Err(Unusual);
        }
        self.append_null();
        Ok(())
    }

    /// Cells since the column was last finished.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Forgets all cells but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        // Even at that length it may hold a part of the next cell.
        self.cells = len;
        match &mut self.column {
            Column::Text(column) => column.truncate(len),
            Column::Integer(column) => column.truncate(len),
            Column::Decimal(column) => column.truncate(len),
            Column::Boolean(column) => column.truncate(len),
            Column::Date(column) => column.truncate(len),
            Column::Timestamp(column) => column.truncate(len),
            Column::Binary(column) => column.truncate(len),
            Column::List(column) => column.truncate(len),
            Column::Structure(column) => column.truncate(len),
        }
    }

    pub fn append_null(&mut self) {
        self.cells += 1;
        match &mut self.column {
            Column::Text(column) => column.append_null(),
            Column::Integer(column) => column.append_null(),
            Column::Decimal(column) => column.append_null(),
            Column::Boolean(column) => column.append_null(),
            Column::Date(column) => column.append_null(),
            Column::Timestamp(column) => column.append_null(),
            Column::Binary(column) => column.append_null(),
            Column::List(column) => column.append_null(),
            Column::Structure(column) => column.append_null(),
        }
    }

    /// The cells since the last time. What can only be judged now is refused now.
    pub fn finish(&mut self, reasons: &mut Vec<RowReason>) -> ArrayRef {
        self.cells = 0;
        match &mut self.column {
            Column::Text(column) => column.finish(),
            Column::Integer(column) => column.finish(),
            Column::Decimal(column) => column.finish(),
            Column::Boolean(column) => column.finish(),
            Column::Date(column) => column.finish(),
            Column::Timestamp(column) => column.finish(),
            Column::Binary(column) => column.finish(),
            Column::List(column) => column.finish(reasons),
            Column::Structure(column) => column.finish(reasons),
        }
    }

    /// The offsets of the timestamps that were finished last; none for other types.
    pub fn take_offsets(&mut self) -> Option<Int16Array> {
        match &mut self.column {
            Column::Timestamp(column) => column.take_offsets(),
            _ => None,
        }
    }
}

// With a tag of its own, not one that is hidden in a field, it is told apart in one step.
#[repr(u8)]
#[derive(Debug)]
enum Column {
    Text(text::TextColumn),
    Integer(integer::IntegerColumn),
    Decimal(decimal::DecimalColumn),
    Boolean(boolean::BooleanColumn),
    Date(date::DateColumn),
    Timestamp(Box<timestamp::TimestampColumn>),
    Binary(binary::BinaryColumn),
    List(list::ListColumn),
    Structure(structure::StructureColumn),
}

impl Column {
    /// Appends a text or number.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every value of every row comes here")]
    fn read_piece(&mut self, piece: Piece<'_>, cx: &Context) -> Result<(), Unusual> {
        match self {
            Self::Text(column) => column.read(piece, cx),
            Self::Timestamp(column) => column.read(piece.bytes()),
            Self::Date(column) => column.read(piece.bytes()),
            Self::Decimal(column) => column.read(piece),
            Self::Integer(column) => column.read(piece),
            _ => Err(Unusual),
        }
    }

    /// Appends the list or object of which `inside` is the inside.
    fn read_inside<'a, P: Place<'a>>(
        &mut self,
        inside: &mut P,
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        match self {
            Self::List(column) => column.read(inside, level, cx),
            Self::Structure(column) => column.read(inside, level, cx),
            _ => Err(Unusual),
        }
    }

    /// Appends one cell, or none and says why.
    fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        match self {
            Self::Text(column) => column.append(value, cx),
            Self::Integer(column) => column.append(value, cx),
            Self::Decimal(column) => column.append(value, cx),
            Self::Boolean(column) => column.append(value, cx),
            Self::Date(column) => column.append(value, cx),
            Self::Timestamp(column) => column.append(value, cx),
            Self::Binary(column) => column.append(value, cx),
            Self::List(column) => column.append(value, cx),
            Self::Structure(column) => column.append(value, cx),
        }
    }
}

/// The number that a value stands for, exactly. Text is one only with `coerce`, a boolean never.
fn exact(value: Value<'_>, coerce: bool, cx: &mut Context) -> Result<Exact, Misfit> {
    match value.kind() {
        Kind::Integer(integer) => Ok(integer.into()),
        Kind::Double(bits) => Ok(integer_of_double(bits)?.into()),
        Kind::Decimal128(bits) => match Decimal128::from_bits(bits) {
            Some(decimal) => Ok(decimal.exact()),
            None => Err(ReasonCode::DecimalNotFinite.into()),
        },
        Kind::Number(text) => {
            Exact::parse(text.decode(&mut cx.scratch)).ok_or(ReasonCode::NumberMalformed.into())
        }
        Kind::Text(text) if coerce => {
            Exact::parse(text.decode(&mut cx.scratch)).ok_or(ReasonCode::NumberMalformed.into())
        }
        _ => Err(TYPE_MISMATCH),
    }
}
