//! The orders that are replayed: those that `generate_orders --clean` writes.

use std::io;
use std::path::PathBuf;

use super::generator::value::Fields;
use super::generator::{Dataset, Format, Options, Revisions, each_row};

/// Draws `orders` orders as `format` has them.
pub fn each_order(
    format: Format,
    orders: u64,
    seed: u64,
    mut take: impl FnMut(&Fields),
) -> io::Result<()> {
    let options = Options {
        dataset: Dataset::Orders,
        format,
        out: PathBuf::new(),
        rows: orders,
        first_row: 0,
        files: 0,
        gzip: false,
        seed,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    };
    each_row(&options, |row| {
        take(&row.fields);
        Ok(())
    })
}
