//! Generated orders in memory, and the released contract that they follow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::model::RawFormat;

use crate::sources::generator::{
    self, Dataset, Format, Options, Revisions, dynamodb::write_map, mongodb::write_document,
};

/// The contract of the orders.
pub fn contract() -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap().into()
}

/// Orders with nothing wrong in them, as the rows of a page of `format`.
pub fn clean(format: RawFormat, rows: u64) -> Vec<u8> {
    each(format, rows).concat()
}

/// The rows of [`clean`], one by one.
pub fn each(format: RawFormat, rows: u64) -> Vec<Vec<u8>> {
    let options = Options {
        dataset: Dataset::Orders,
        format: if format == RawFormat::Bson { Format::Mongodb } else { Format::Dynamodb },
        out: PathBuf::new(),
        rows,
        first_row: 0,
        files: 0,
        gzip: false,
        seed: 1,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    };
    let mut written = Vec::new();
    generator::each_row(&options, |row| {
        let mut bytes = Vec::new();
        match format {
            RawFormat::Bson => write_document(&row.fields, &mut bytes),
            RawFormat::DynamodbItem => {
                write_map(&row.fields, &mut bytes);
                bytes.push(b'\n');
            }
            _ => {
                bytes.extend_from_slice(b"{\"Item\":");
                write_map(&row.fields, &mut bytes);
                bytes.extend_from_slice(b"}\n");
            }
        }
        written.push(bytes);
        Ok(())
    })
    .unwrap();
    written
}
