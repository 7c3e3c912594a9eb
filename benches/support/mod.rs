//! The input of the benchmarks: clean orders of the generator, in memory.

#[path = "../../examples/generate_orders/generator/mod.rs"]
#[allow(dead_code, reason = "the generator's other formats and options are not measured")]
mod generator;

use std::fs;
use std::io::Read;
use std::path::Path;
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

/// The orders as the lines of a DynamoDB export, or as the documents of a mongodump.
pub fn orders(format: RawFormat) -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let format = match format {
        RawFormat::Bson => Format::Mongodb,
        _ => Format::Dynamodb,
    };
    generate(&Options {
        dataset: Dataset::Orders,
        format,
        out: folder.path().to_owned(),
        rows: ORDERS,
        first_row: 0,
        files: 1,
        gzip: false,
        seed: 1,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    })
    .unwrap();
    match format {
        Format::Mongodb => fs::read(folder.path().join("shop/orders.bson")).unwrap().into(),
        Format::Dynamodb => {
            let mut lines = Vec::new();
            MultiGzDecoder::new(fs::File::open(data_file(folder.path())).unwrap())
                .read_to_end(&mut lines)
                .unwrap();
            lines.into()
        }
    }
}

/// The one data file of an export below `folder`, compressed.
pub fn data_file(folder: &Path) -> std::path::PathBuf {
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
