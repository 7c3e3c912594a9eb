//! The input of the benchmarks: clean orders of the generator, in memory.

#[path = "../../examples/generate_orders/generator/mod.rs"]
#[allow(dead_code, reason = "the generator's other formats and options are not measured")]
mod generator;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use consign::catalog::{Contract, load_contract};
use consign::model::{PageContent, RawFormat, RawPage, SplitId};
use flate2::read::MultiGzDecoder;
use generator::{Dataset, Format, Options, Revisions, generate};

/// Orders of the input: enough to outgrow the caches, few enough to be made quickly.
pub const ORDERS: u64 = 20_000;

/// The contract of the orders.
pub fn contract() -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap().into()
}

/// Writes the orders below `folder`: as a DynamoDB export of some files, or as a mongodump, which is
/// always one. Gives where they are.
pub fn write_orders(folder: &Path, format: RawFormat, files: usize) -> PathBuf {
    let format = match format {
        RawFormat::Bson => Format::Mongodb,
        _ => Format::Dynamodb,
    };
    let options = Options {
        dataset: Dataset::Orders,
        format,
        out: folder.to_owned(),
        rows: ORDERS,
        first_row: 0,
        files,
        gzip: false,
        seed: 1,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    };
    generate(&options).unwrap().location
}

/// The orders as the lines of a DynamoDB export, or as the documents of a mongodump.
pub fn orders(format: RawFormat) -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let location = write_orders(folder.path(), format, 1);
    match format {
        RawFormat::Bson => fs::read(location).unwrap().into(),
        _ => inflated(&fs::read(data_file(folder.path())).unwrap()).into(),
    }
}

/// What all members of a gzip file inflate to.
pub fn inflated(stored: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(stored).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The one data file of an export below `folder`, compressed.
pub fn data_file(folder: &Path) -> PathBuf {
    let only = |folder: &Path| fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    only(&only(&folder.join("AWSDynamoDB")).join("data"))
}

/// The rows as pages of about `page_bytes`, as a file source cuts them.
pub fn pages(format: RawFormat, rows: &Bytes, page_bytes: usize) -> Vec<RawPage> {
    let ranges = consign::decode::row_ranges(format, rows);
    let mut pages: Vec<RawPage> = Vec::new();
    let (mut start, mut first_row) = (0, 0);
    for (row, (_, end)) in ranges.iter().enumerate() {
        let end = *end as usize + usize::from(format != RawFormat::Bson);
        if end - start < page_bytes && row + 1 < ranges.len() {
            continue;
        }
        let bytes = rows.slice(start..end);
        pages.push(RawPage {
            split: SplitId(0),
            first_row,
            offset_bytes: start as u64,
            content: PageContent::Rows { format, bytes },
            resume: None,
        });
        (start, first_row) = (end, row as u64 + 1);
    }
    pages
}
