//! The orders as a table: the pages of a Scan, each rendered once.
//!
//! Does not own how they are asked for (`dynamodb`).

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::generator::Format;
use super::generator::dynamodb::write_map;
use super::generator::value::{Fields, Value};
use super::orders::each_order;

/// Bytes of a page. The service reads a megabyte of items for one, and as JSON they are larger.
const PAGE_BYTES: usize = 1_700_000;
/// Bytes of JSON for a read unit, eventually consistent: 8 KiB of items.
const UNIT_BYTES: usize = 8 * 1024 * PAGE_BYTES / 1_000_000;

/// A table, cut into pages.
#[derive(Debug)]
pub struct Table {
    pages: Vec<Page>,
    /// Partition key of the last item of each page.
    by_last_key: HashMap<String, usize>,
    /// Items in all.
    pub items: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// The reply to a Scan: what comes first, and either of two ends.
#[derive(Debug)]
pub struct Page {
    /// The items and what is said beside them.
    pub front: Bytes,
    /// The end when there are more pages: with the key to go on from.
    pub more: End,
    /// The end of a segment.
    pub last: End,
}

/// The end of a reply.
#[derive(Debug)]
pub struct End {
    /// Its bytes.
    pub bytes: Bytes,
    /// Checksum of the whole reply.
    pub crc32: u32,
}

impl Table {
    /// Draws the orders and renders their pages.
    pub fn draw(orders: u64, seed: u64) -> io::Result<Self> {
        let mut table = Self { pages: vec![], by_last_key: HashMap::new(), items: 0, bytes: 0 };
        let mut page = Items::default();
        each_order(Format::Dynamodb, orders, seed, |item| {
            page.add(item);
            if page.json.len() >= PAGE_BYTES {
                table.push(std::mem::take(&mut page));
            }
        })?;
        if page.count > 0 {
            table.push(page);
        }
        Ok(table)
    }

    fn push(&mut self, page: Items) {
        self.items += page.count;
        self.bytes += page.json.len() as u64;
        self.by_last_key.insert(page.last_key.0.clone(), self.pages.len());
        self.pages.push(page.render());
    }

    /// The pages of a segment.
    pub fn segment(&self, index: usize, total: usize) -> Range<usize> {
        let start = |index: usize| index * self.pages.len() / total.max(1);
        start(index)..start(index + 1)
    }

    /// The page behind the one whose last item has this partition key.
    pub fn behind(&self, partition_key: &str) -> Option<usize> {
        self.by_last_key.get(partition_key).map(|page| page + 1)
    }

    /// The page of this number.
    pub fn page(&self, number: usize) -> Option<&Page> {
        self.pages.get(number)
    }
}

/// The items of a page that is being filled.
#[derive(Debug, Default)]
struct Items {
    json: Vec<u8>,
    count: u64,
    /// Partition and sort key of the last one.
    last_key: (String, String),
}

impl Items {
    fn add(&mut self, item: &Fields) {
        if self.count > 0 {
            self.json.push(b',');
        }
        write_map(item, &mut self.json);
        self.count += 1;
        self.last_key = (text(item, "pk"), text(item, "sk"));
    }

    fn render(self) -> Page {
        let count = self.count;
        let units = self.json.len().div_ceil(UNIT_BYTES);
        let capacity = format!(r#"{{"CapacityUnits":{units}.0,"TableName":"orders"}}"#);
        let mut front =
            format!(r#"{{"ConsumedCapacity":{capacity},"Count":{count},"Items":["#).into_bytes();
        front.extend_from_slice(&self.json);
        front.extend_from_slice(format!(r#"],"ScannedCount":{count}"#).as_bytes());
        let (pk, sk) = self.last_key;
        let key = serde_json::json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let mut crc32 = crc32fast::Hasher::new();
        crc32.update(&front);
        let end = |bytes: String| {
            let mut crc32 = crc32.clone();
            crc32.update(bytes.as_bytes());
            End { bytes: Bytes::from(bytes), crc32: crc32.finalize() }
        };
        let more = end(format!(r#","LastEvaluatedKey":{key}}}"#));
        Page { more, last: end("}".to_owned()), front: Bytes::from(front) }
    }
}

fn text(item: &Fields, name: &str) -> String {
    match item.iter().find(|(found, _)| found == name) {
        Some((_, Value::Text(text))) => text.clone(),
        _ => String::new(),
    }
}
