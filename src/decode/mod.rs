//! From bytes to rows: a page of DynamoDB JSON or BSON becomes a [`Batch`] of Arrow columns.
//!
//! Compiled from the contract once. Decoding never fails: a value that does not fit its contract
//! type leaves a null cell and a reason, and every row keeps its place and its bytes. Owns what
//! fits a type; does not own reading the bytes (`sources`) nor judging values that fit
//! (`transform`). Nothing here recurses over the data or makes a float.

mod bson;
mod civil;
mod columns;
mod compile;
mod dynamodb;
mod number;
mod value;
mod walk;

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field as ArrowField, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use crate::catalog::{Contract, Derived, Limits};
use crate::model::{Batch, PageContent, RawFormat, RawPage, RawRows, Reason, ReasonCode};

pub use dynamodb::{BadReply, DynamodbReply, dynamodb_item_reply, dynamodb_reply};

use columns::{Context, FieldColumn};
use compile::PathTree;
use value::{Malformed, Slot};
use walk::{Facts, Walk};

/// Turns pages of one format into batches of one contract. Keeps nothing from page to page but
/// its memory.
#[derive(Debug)]
pub struct Decoder {
    format: RawFormat,
    limits: Limits,
    schema: SchemaRef,
    tree: PathTree,
    columns: Vec<FieldColumn>,
    missing: Option<MissingFields>,
    context: Context,
}

impl Decoder {
    /// A decoder of `contract` for pages of `format`.
    #[must_use]
    pub fn new(contract: &Contract, format: RawFormat) -> Self {
        let read: Vec<_> = contract.fields.iter().filter(|f| f.derived.is_none()).collect();
        let wants_missing =
            contract.fields.iter().any(|f| f.derived == Some(Derived::MissingFields));
        Self {
            format,
            limits: contract.limits,
            schema: contract.decoded_schema(),
            tree: PathTree::new(read.iter().copied(), format),
            columns: read.iter().map(|field| FieldColumn::new(field, format)).collect(),
            missing: wants_missing.then(|| {
                let optional = read.iter().enumerate().filter(|(_, field)| !field.required);
                MissingFields::new(optional.map(|(i, field)| (field.name.clone(), i)).collect())
            }),
            context: Context::new(Walk::new(&contract.limits)),
        }
    }

    /// Decodes every row of `page`.
    pub fn decode(&mut self, page: &RawPage) -> Batch {
        let (bytes, ranges) = match &page.content {
            PageContent::Rows { bytes, .. } => {
                let ranges = row_ranges(self.format, bytes);
                self.decode_rows(bytes, &ranges);
                (bytes.clone(), ranges)
            }
            PageContent::Embedded { bytes, ranges, .. } => {
                self.decode_rows(bytes, ranges);
                (bytes.clone(), ranges.clone())
            }
            PageContent::Oversized { head, .. } => {
                self.begin_row(0);
                self.refuse_row(ReasonCode::RowTooLarge);
                (head.clone(), vec![(0, offset(head.len()))])
            }
        };
        let columns = self.finish();
        let mut reasons = std::mem::take(&mut self.context.reasons);
        reasons.sort_by_key(|reason| reason.row);
        Batch {
            split: page.split,
            first_row: page.first_row,
            columns,
            business_dates: None,
            raw: RawRows { format: self.format, bytes, offset_bytes: page.offset_bytes, ranges },
            reasons,
            exclusions: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn decode_rows(&mut self, bytes: &Bytes, ranges: &[(u32, u32)]) {
        let mut slots = vec![Slot::Missing; self.columns.len()];
        for (row, (start, end)) in ranges.iter().enumerate() {
            self.begin_row(row);
            let row = bytes.get(*start as usize..*end as usize).unwrap_or_default();
            self.decode_row(row, &mut slots);
        }
    }

    fn begin_row(&mut self, row: usize) {
        self.context.row = offset(row);
        self.context.walk.begin_row();
    }

    fn decode_row<'a>(&mut self, row: &'a [u8], slots: &mut [Slot<'a>]) {
        if u64::try_from(row.len()).unwrap_or(u64::MAX) > self.limits.max_row_bytes {
            return self.refuse_row(ReasonCode::RowTooLarge);
        }
        slots.fill(Slot::Missing);
        let located = match self.format {
            RawFormat::DynamodbJson => {
                dynamodb::locate_line(row, &mut self.tree, slots, &mut self.context.walk)
            }
            RawFormat::DynamodbItem => {
                dynamodb::locate_item(row, &mut self.tree, slots, &mut self.context.walk)
            }
            RawFormat::Bson => bson::locate(row, &mut self.tree, slots, &mut self.context.walk),
        };
        if located == Err(Malformed) {
            return self.refuse_row(ReasonCode::RowMalformed);
        }
        let facts = self.context.walk.facts;
        let before = self.context.reasons.len();
        for (column, slot) in self.columns.iter_mut().zip(slots.iter()) {
            column.append(*slot, &mut self.context);
        }
        if let Some(missing) = &mut self.missing {
            missing.append(slots);
        }
        self.hold_against_limits(facts, before);
    }

    /// Refuses the row for limits that it breaks, unless a field has told of it already.
    fn hold_against_limits(&mut self, facts: Facts, before: usize) {
        let too_deep = u32::try_from(facts.depth).is_ok_and(|depth| depth <= self.limits.max_depth);
        for (broken, code) in [
            (!too_deep, ReasonCode::RowTooDeep),
            (facts.fields > self.limits.max_fields, ReasonCode::TooManyFields),
            (facts.array_too_long, ReasonCode::ArrayTooLong),
            (facts.text_too_long, ReasonCode::TextTooLong),
            (facts.text_not_utf8, ReasonCode::TextNotUtf8),
        ] {
            let told = self.context.reasons.iter().skip(before).any(|r| r.reason.code == code);
            if broken && !told {
                self.context.refuse(Reason::of_row(code));
            }
        }
    }

    /// Refuses the row as a whole: none of its values is trusted.
    fn refuse_row(&mut self, code: ReasonCode) {
        self.columns.iter_mut().for_each(FieldColumn::append_null);
        if let Some(missing) = &mut self.missing {
            missing.builder.append_null();
        }
        self.context.refuse(Reason::of_row(code));
    }

    /// The columns of the decoded schema.
    fn finish(&mut self) -> RecordBatch {
        let reasons = &mut self.context.reasons;
        let mut arrays: Vec<ArrayRef> =
            self.columns.iter_mut().map(|column| column.finish(reasons)).collect();
        for column in &mut self.columns {
            arrays.extend(column.take_offsets().map(|offsets| Arc::new(offsets) as ArrayRef));
        }
        if let Some(missing) = &mut self.missing {
            arrays.push(Arc::new(missing.builder.finish()));
        }
        StructArray::new(self.schema.fields().clone(), arrays, None).into()
    }
}

/// Start and end of each row of `bytes`, rows of `format` that follow each other.
#[must_use]
pub fn row_ranges(format: RawFormat, bytes: &[u8]) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let (len, step) = match format {
            RawFormat::DynamodbJson | RawFormat::DynamodbItem => line_len(rest),
            // Bytes that begin no document are one row to the end of the page.
            RawFormat::Bson => {
                let len = bson::document_len(rest).unwrap_or(rest.len());
                (len, len)
            }
        };
        if len > 0 {
            ranges.push((offset(start), offset(start + len)));
        }
        start += step;
    }
    ranges
}

/// The column with the names of the optional fields that a row does not have.
#[derive(Debug)]
struct MissingFields {
    /// Names and column indices of the optional fields, sorted.
    optional: Vec<(String, usize)>,
    builder: ListBuilder<StringBuilder>,
}

impl MissingFields {
    fn new(mut optional: Vec<(String, usize)>) -> Self {
        optional.sort();
        let element = ArrowField::new("element", DataType::Utf8, true);
        let builder = ListBuilder::new(StringBuilder::new()).with_field(element);
        Self { optional, builder }
    }

    fn append(&mut self, slots: &[Slot<'_>]) {
        for (name, index) in &self.optional {
            if matches!(slots.get(*index), Some(Slot::Missing)) {
                self.builder.values().append_value(name);
            }
        }
        self.builder.append(true);
    }
}

/// Length of the line that `bytes` begin with, without and with its line feed.
fn line_len(bytes: &[u8]) -> (usize, usize) {
    match memchr::memchr(b'\n', bytes) {
        Some(len) => (len, len + 1),
        None => (bytes.len(), bytes.len()),
    }
}

/// An offset within a page; pages are far smaller than 4 GiB.
fn offset(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
