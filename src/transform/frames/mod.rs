//! Set-wide work: which rows of a run repeat a key or a value that must be unique.
//!
//! The only place where polars is used. It sees keys, versions and positions, never money and
//! never a local time. Does not own what is done with the rows that are found.

mod bridge;

use arrow::record_batch::RecordBatch;
use polars::prelude::{Expr, LazyFrame, SortMultipleOptions, col, len, lit};
use polars_async::executor::ALLOW_RAYON_THREADS;

use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Rows that lose to another copy of their key: the copy with the greatest
/// (`version`, `split`, `row`) wins, every other one is found.
///
/// `keys` has the columns `key` (`Binary`), `version` (`Int64`), `split` (`UInt32`) and `row`
/// (`UInt64`); the answer has `split` and `row`, in that order. A row whose key or version is
/// null neither wins nor loses.
///
/// # Errors
/// `Unexpected` when the columns are not these.
pub fn older_copies(keys: &RecordBatch) -> Result<RecordBatch> {
    let in_order = ["key", "version", "split", "row"];
    let copies = bridge::lazy_frame(keys)?
        .filter(col("key").is_not_null().and(col("version").is_not_null()))
        .filter(stands_more_than_once("key")?) // few rows do, and only they are sorted
        .sort(in_order, SortMultipleOptions::default())
        .filter(col("key").eq(col("key").shift(lit(-1))));
    positions(copies)
}

/// Rows whose value stands in more than one row.
///
/// `values` has the columns `value` (`Binary`), `split` (`UInt32`) and `row` (`UInt64`); the
/// answer has `split` and `row`, in that order. Nulls share nothing.
///
/// # Errors
/// `Unexpected` when the columns are not these.
pub fn shared_values(values: &RecordBatch) -> Result<RecordBatch> {
    let shared = bridge::lazy_frame(values)?
        .filter(col("value").is_not_null())
        .filter(stands_more_than_once("value")?);
    positions(shared)
}

fn stands_more_than_once(column: &str) -> Result<Expr> {
    let rows = len().over([col(column)]);
    Ok(rows.or_err(ErrorKind::Unexpected, "could not count equal rows")?.gt(lit(1)))
}

fn positions(rows: LazyFrame) -> Result<RecordBatch> {
    let in_order = ["split", "row"];
    let query =
        rows.select([col("split"), col("row")]).sort(in_order, SortMultipleOptions::default());
    let rows = without_pool(|| query.collect())?
        .or_err(ErrorKind::Unexpected, "could not compare the rows of the run")?;
    bridge::record_batch(rows)
}

/// Does `work` on a thread of its own, which polars is told not to leave, while the caller waits.
/// Its pool has a thread for each processor and can be sized by the environment alone; so it stands
/// idle, and as many threads work in polars as call it: the run's `threads`.
fn without_pool<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let alone = || {
        ALLOW_RAYON_THREADS.set(false);
        work()
    };
    std::thread::scope(|scope| scope.spawn(alone).join())
        .map_err(|_| Error::new(ErrorKind::Unexpected, "polars gave up comparing rows"))
}

#[cfg(test)]
mod tests;
