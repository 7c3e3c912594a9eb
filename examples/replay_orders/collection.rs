//! The orders as a collection, in the order of `_id`: batches of documents, each rendered once.
//!
//! What is asked for begins and ends between batches, for the bounds of ranges are given out here
//! and readers go on behind a batch. Does not own messages (`message`) nor commands (`mongodb`).

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;

use bson::raw::{RawDocument, RawDocumentBuf};
use bson::spec::ElementType;
use bson::{RawBsonRef, rawdoc};
use bytes::Bytes;

use super::generator::Format;
use super::generator::mongodb::write_document;
use super::generator::value::{Fields, Value};
use super::orders::each_order;

/// Documents of a batch.
const BATCH_DOCUMENTS: usize = 1_000;

/// A collection, cut into batches.
#[derive(Debug)]
pub struct Collection {
    batches: Vec<Batch>,
    /// Batches by the `_id` of their first document.
    by_first: HashMap<Vec<u8>, usize>,
    /// Batches by the `_id` of their last document.
    by_last: HashMap<Vec<u8>, usize>,
    /// Bytes in all.
    pub bytes: u64,
}

#[derive(Debug)]
struct Batch {
    /// A BSON array of the documents.
    documents: Bytes,
    /// `{"_id": …}` of the first and the last of them.
    first: RawDocumentBuf,
    last: RawDocumentBuf,
    /// Documents by the type of their `_id`.
    counts: BTreeMap<&'static str, i64>,
}

/// The order of the `_id`s that orders have: numbers of any type, then text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

impl Collection {
    /// Draws the orders, sorts them and renders their batches.
    pub fn draw(orders: u64, seed: u64) -> io::Result<Self> {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        each_order(Format::Mongodb, orders, seed, |document| {
            let start = bytes.len();
            write_document(document, &mut bytes);
            places.push((key(document), start..bytes.len()));
        })?;
        places.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let batches = places
            .chunks(BATCH_DOCUMENTS)
            .map(|places| Batch::new(places.iter().map(|(_, place)| &bytes[place.clone()])))
            .collect::<Result<Vec<_>, _>>()
            .map_err(io::Error::other)?;
        let by = |id: fn(&Batch) -> &RawDocumentBuf| {
            batches.iter().map(|batch| id(batch).as_bytes().to_vec()).zip(0..).collect()
        };
        let (by_first, by_last) = (by(|batch| &batch.first), by(|batch| &batch.last));
        Ok(Self { by_first, by_last, bytes: bytes.len() as u64, batches })
    }

    /// The array of documents of a batch; none behind the last one.
    pub fn documents(&self, batch: usize) -> Option<Bytes> {
        self.batches.get(batch).map(|batch| batch.documents.clone())
    }

    /// The batches that a filter on `_id` selects, as a reader of ranges writes it; none when it
    /// is bounded within a batch.
    pub fn select(&self, filter: &RawDocument) -> Option<Range<usize>> {
        let mut selected = 0..self.batches.len();
        let clauses = filter.get_array("$or").ok();
        let clauses: Vec<&RawDocument> = match clauses {
            Some(clauses) => clauses.into_iter().filter_map(|c| c.ok()?.as_document()).collect(),
            None => vec![filter],
        };
        for clause in clauses {
            let Ok(bounds) = clause.get_document("_id") else { continue };
            for bound in bounds {
                let (operator, value) = bound.ok()?;
                let id = id_of(value);
                match operator.as_str() {
                    "$gt" => selected.start = self.by_last.get(id.as_bytes())? + 1,
                    "$gte" if begins_a_type(value) => {}
                    "$gte" => selected.start = *self.by_first.get(id.as_bytes())?,
                    "$lt" => selected.end = *self.by_first.get(id.as_bytes())?,
                    _ => {}
                }
            }
        }
        Some(selected)
    }

    /// Documents of the batches, by the type of their `_id`.
    pub fn counts(&self, batches: Range<usize>) -> BTreeMap<&'static str, i64> {
        let mut sums = BTreeMap::new();
        for (name, count) in
            self.batches.get(batches).unwrap_or_default().iter().flat_map(|b| &b.counts)
        {
            *sums.entry(*name).or_default() += count;
        }
        sums
    }

    /// The least `_id` of each of so many ranges.
    pub fn ranges(&self, ranges: usize) -> impl Iterator<Item = RawDocumentBuf> {
        let ranges = ranges.clamp(1, self.batches.len().max(1));
        let first = move |i| self.batches.get(i * self.batches.len() / ranges);
        (0..ranges).filter_map(first).map(|batch| batch.first.clone())
    }
}

impl Batch {
    fn new<'a>(documents: impl Iterator<Item = &'a [u8]>) -> bson::error::Result<Self> {
        let mut array = vec![0; 4];
        let mut ids = Vec::new();
        let mut counts = BTreeMap::new();
        for (i, document) in documents.enumerate() {
            array.push(ElementType::EmbeddedDocument as u8);
            array.extend_from_slice(i.to_string().as_bytes());
            array.push(0);
            array.extend_from_slice(document);
            let id = RawDocument::from_bytes(document)?.get("_id")?.unwrap_or(RawBsonRef::Null);
            *counts.entry(type_name(id)).or_default() += 1;
            ids.push(id);
        }
        array.push(0);
        let size = u32::try_from(array.len()).unwrap_or(u32::MAX).to_le_bytes();
        array[..4].copy_from_slice(&size);
        let id = |id: Option<&RawBsonRef<'_>>| id.copied().map(id_of).unwrap_or_default();
        let (first, last) = (id(ids.first()), id(ids.last()));
        Ok(Self { documents: Bytes::from(array), first, last, counts })
    }
}

fn id_of(id: RawBsonRef<'_>) -> RawDocumentBuf {
    rawdoc! { "_id": id }
}

/// Whether a bound is the least value of its type: that selects the whole type.
fn begins_a_type(value: RawBsonRef<'_>) -> bool {
    value.as_str() == Some("") || value.as_f64() == Some(f64::NEG_INFINITY)
}

/// What `$type` calls the type of an `_id`.
fn type_name(id: RawBsonRef<'_>) -> &'static str {
    match id.element_type() {
        ElementType::Int32 => "int",
        ElementType::Int64 => "long",
        ElementType::Double => "double",
        ElementType::Decimal128 => "decimal",
        ElementType::String => "string",
        _ => "null",
    }
}

#[expect(clippy::cast_possible_truncation, reason = "numbers of orders are whole and small")]
fn key(document: &Fields) -> Key {
    match document.iter().find(|(name, _)| name == "_id").map(|(_, id)| id) {
        Some(Value::Int32(number)) => Key::Number(i64::from(*number)),
        Some(Value::Int64(number)) => Key::Number(*number),
        Some(Value::Double(number)) => Key::Number(*number as i64),
        Some(Value::Number(number)) => Key::Number(number.parse().unwrap_or(i64::MAX)),
        Some(Value::Text(text)) => Key::Text(text.clone()),
        _ => Key::Number(i64::MIN),
    }
}
