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
mod direct;
mod dynamodb;
mod key;
mod missing;
mod number;
mod piece;
mod value;
mod walk;
mod word;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, Int64Builder, StructArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use crate::catalog::{Contract, Derived, Limits};
use crate::model::{
    Batch, PageContent, RawFormat, RawPage, RawRows, Reason, ReasonCode, RowExclusion, ZoneSpans,
};
use crate::plan::DELETED_IN_SOURCE;

pub use dynamodb::{
    BadReply, DynamodbReply, dynamodb_item_reply, dynamodb_reply, verified_dynamodb_reply,
};

use columns::{Context, FieldColumn};
use compile::PathTree;
use direct::Unusual;
use dynamodb::Change;
use missing::MissingFields;
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
    /// Whether each column is part of the key, which is all that a deletion has.
    is_key: Vec<bool>,
    missing: Option<MissingFields>,
    changes: Option<Changes>,
    context: Context,
    /// Whether ordinary rows can be read in one go.
    direct: bool,
    /// Whether the row that is read has no value for each column.
    absent: Vec<bool>,
}

impl Decoder {
    /// A decoder of `contract` for pages of `format`.
    #[must_use]
    pub fn new(contract: &Contract, format: RawFormat) -> Self {
        let read: Vec<_> = contract.fields.iter().filter(|f| f.derived.is_none()).collect();
        let wants_missing =
            contract.fields.iter().any(|f| f.derived == Some(Derived::MissingFields));
        let tree = PathTree::new(read.iter().copied(), format);
        Self {
            format,
            limits: contract.limits,
            schema: contract.decoded_schema(),
            direct: format != RawFormat::DynamodbChange && tree.is_plain(),
            absent: vec![false; read.len()],
            tree,
            columns: read.iter().map(|field| FieldColumn::new(field, format)).collect(),
            is_key: read.iter().map(|field| contract.key.contains(&field.name)).collect(),
            missing: wants_missing.then(|| {
                let optional = read.iter().enumerate().filter(|(_, field)| !field.required);
                MissingFields::new(optional.map(|(i, field)| (field.name.as_str(), i)))
            }),
            changes: (format == RawFormat::DynamodbChange).then(Changes::default),
            context: Context::new(Walk::new(&contract.limits)),
        }
    }

    /// Format of the pages it takes.
    #[must_use]
    pub fn format(&self) -> RawFormat {
        self.format
    }

    /// Decodes every row of `page`.
    pub fn decode(&mut self, page: &RawPage) -> Batch {
        let (bytes, ranges) = match &page.content {
            PageContent::Rows { bytes, .. } => {
                (bytes.clone(), self.decode_rows(bytes, ranges_of(self.format, bytes)))
            }
            PageContent::Embedded { bytes, ranges, .. } => {
                (bytes.clone(), self.decode_rows(bytes, ranges.iter().copied()))
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
        let (written_at, exclusions) = self.changes.as_mut().map(Changes::finish).unzip();
        Batch {
            split: page.split,
            first_row: page.first_row,
            columns,
            business_dates: None,
            written_at,
            raw: RawRows { format: self.format, bytes, offset_bytes: page.offset_bytes, ranges },
            reasons,
            exclusions: exclusions.unwrap_or_default(),
            warnings: Vec::new(),
            zones: ZoneSpans::default(),
        }
    }

    /// Decodes the rows at `ranges`, and gives these. Each is asked for when the one before is
    /// decoded: where a row ends is then in the processor's caches.
    fn decode_rows(
        &mut self,
        bytes: &Bytes,
        ranges: impl Iterator<Item = (u32, u32)>,
    ) -> Vec<(u32, u32)> {
        let mut slots = vec![Slot::Missing; self.columns.len()];
        let mut decoded = Vec::new();
        for (start, end) in ranges {
            self.begin_row(decoded.len());
            let row = bytes.get(start as usize..end as usize).unwrap_or_default();
            self.decode_row(row, &mut slots);
            decoded.push((start, end));
        }
        decoded
    }

    fn begin_row(&mut self, row: usize) {
        self.context.row = offset(row);
        self.context.walk.begin_row();
    }

    fn decode_row<'a>(&mut self, row: &'a [u8], slots: &mut [Slot<'a>]) {
        if u64::try_from(row.len()).unwrap_or(u64::MAX) > self.limits.max_row_bytes {
            return self.refuse_row(ReasonCode::RowTooLarge);
        }
        if self.direct && self.read_ordinary(row).is_ok() {
            return;
        }
        slots.fill(Slot::Missing);
        let Ok(change) = self.locate(row, slots) else {
            return self.refuse_row(ReasonCode::RowMalformed);
        };
        let is_deletion = change.is_some_and(|change| change.is_deletion);
        let facts = self.context.walk.facts;
        let before = self.context.reasons.len();
        for ((column, is_key), slot) in self.columns.iter_mut().zip(&self.is_key).zip(&*slots) {
            if is_deletion && !is_key {
                column.append_null();
            } else {
                column.append(*slot, &mut self.context);
            }
        }
        match &mut self.missing {
            Some(missing) if is_deletion => missing.append_null(),
            Some(missing) => {
                missing.append(|field| matches!(slots.get(field), Some(Slot::Missing)));
            }
            None => {}
        }
        if let Some(changes) = &mut self.changes {
            changes.append(self.context.row, change);
        }
        self.hold_against_limits(facts, before);
    }

    /// Reads a row that gives no reason to refuse it; leaves no trace of one that does.
    fn read_ordinary(&mut self, row: &[u8]) -> Result<(), Unusual> {
        let (before, told) = (self.context.row as usize, self.context.reasons.len());
        let result = self.read(row, before, told);
        if result.is_err() {
            self.columns.iter_mut().for_each(|column| column.truncate(before));
            self.context.reasons.truncate(told);
            self.context.walk.begin_row();
        }
        result
    }

    fn read(&mut self, row: &[u8], before: usize, told: usize) -> Result<(), Unusual> {
        let (tree, columns, cx) = (&mut self.tree, &mut self.columns, &mut self.context);
        match self.format {
            RawFormat::DynamodbJson => dynamodb::read_line(row, tree, columns, cx)?,
            RawFormat::DynamodbItem => dynamodb::read_item(row, tree, columns, cx)?,
            RawFormat::Bson => bson::read(row, tree, columns, cx)?,
            RawFormat::DynamodbChange => return Err(Unusual),
        }
        for (column, absent) in columns.iter_mut().zip(&mut self.absent) {
            *absent = column.cells() == before;
            if *absent {
                column.append_absent()?;
            }
        }
        let broken = broken_limits(&self.limits, cx.walk.facts);
        if broken.iter().any(|(broken, _)| *broken) || cx.reasons.len() > told {
            return Err(Unusual);
        }
        if let Some(missing) = &mut self.missing {
            missing.append(|field| self.absent.get(field) == Some(&true));
        }
        Ok(())
    }

    /// Finds the fields of a row, and what it tells of a change when it is one.
    fn locate<'a>(
        &mut self,
        row: &'a [u8],
        slots: &mut [Slot<'a>],
    ) -> Result<Option<Change>, Malformed> {
        let (tree, walk) = (&mut self.tree, &mut self.context.walk);
        match self.format {
            RawFormat::DynamodbJson => dynamodb::locate_line(row, tree, slots, walk),
            RawFormat::DynamodbItem => dynamodb::locate_item(row, tree, slots, walk),
            RawFormat::Bson => bson::locate(row, tree, slots, walk),
            RawFormat::DynamodbChange => {
                return dynamodb::locate_change(row, tree, slots, walk).map(Some);
            }
        }
        .map(|()| None)
    }

    /// Refuses the row for limits that it breaks, unless a field has told of it already.
    fn hold_against_limits(&mut self, facts: Facts, before: usize) {
        for (broken, code) in broken_limits(&self.limits, facts) {
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
            missing.append_null();
        }
        if let Some(changes) = &mut self.changes {
            changes.append(self.context.row, None);
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
            arrays.push(missing.finish());
        }
        StructArray::new(self.schema.fields().clone(), arrays, None).into()
    }
}

/// The limits that speak of a whole row, and whether it breaks them.
fn broken_limits(limits: &Limits, facts: Facts) -> [(bool, ReasonCode); 5] {
    let deep_enough = u32::try_from(facts.depth).is_ok_and(|depth| depth <= limits.max_depth);
    [
        (!deep_enough, ReasonCode::RowTooDeep),
        (facts.fields > limits.max_fields, ReasonCode::TooManyFields),
        (facts.array_too_long, ReasonCode::ArrayTooLong),
        (facts.text_too_long, ReasonCode::TextTooLong),
        (facts.text_not_utf8, ReasonCode::TextNotUtf8),
    ]
}

/// Start and end of each row of `bytes`, rows of `format` that follow each other.
#[must_use]
pub fn row_ranges(format: RawFormat, bytes: &[u8]) -> Vec<(u32, u32)> {
    ranges_of(format, bytes).collect()
}

fn ranges_of(format: RawFormat, bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = bytes.get(next..).filter(|rest| !rest.is_empty()) {
            let start = next;
            let (len, step) = match format {
                RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                    line_len(rest)
                }
                // Bytes that begin no document are one row to the end of the page.
                RawFormat::Bson => {
                    let len = bson::document_len(rest).unwrap_or(rest.len());
                    (len, len)
                }
            };
            next += step;
            if len > 0 {
                return Some((offset(start), offset(start + len)));
            }
        }
        None
    })
}

/// What the rows of a page tell of the changes that they are.
#[derive(Debug)]
struct Changes {
    written_at: Int64Builder,
    deletions: Vec<RowExclusion>,
    rule: Arc<str>,
}

impl Default for Changes {
    fn default() -> Self {
        let rule = Arc::from(DELETED_IN_SOURCE);
        Self { written_at: Int64Builder::new(), deletions: Vec::new(), rule }
    }
}

impl Changes {
    fn append(&mut self, row: u32, change: Option<Change>) {
        self.written_at.append_option(change.map(|change| change.written_at));
        if change.is_some_and(|change| change.is_deletion) {
            self.deletions.push(RowExclusion { row, rule: Arc::clone(&self.rule) });
        }
    }

    fn finish(&mut self) -> (Int64Array, Vec<RowExclusion>) {
        (self.written_at.finish(), std::mem::take(&mut self.deletions))
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

#[cfg(test)]
mod tests;
