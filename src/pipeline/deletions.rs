//! Deletions among the copies of a key: with which version each is compared.
//!
//! A deletion and the other changes of its item bear the clock of the store, which tells surely
//! which of them came last. With copies that are no changes it is compared by that clock and
//! their version. Does not own the comparison (`transform::frames`).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Int64Type, UInt16Type, UInt32Type, UInt64Type};

use crate::error::{ErrorKind, Result, ResultExt};

use super::key_index::column;
use super::route::Verdict;

/// The changes of an item that was deleted.
#[derive(Default)]
struct Changes {
    /// Instant, split and row of the last one.
    last: Option<(i64, u32, u64)>,
    /// Greatest version of the images.
    image_version: Option<i64>,
}

/// The entries of a bucket, the version of each deletion set: above every image when it is the
/// last change of its item, below everything when it is not.
pub(super) fn with_versions(entries: &RecordBatch) -> Result<RecordBatch> {
    let keys = entries.column(column::KEY).as_binary::<i32>();
    let versions = entries.column(column::VERSION).as_primitive::<Int64Type>();
    let verdicts = entries.column(column::VERDICT).as_primitive::<UInt16Type>();
    let written_at = entries.column(column::WRITTEN_AT).as_primitive::<Int64Type>();
    let splits = entries.column(column::SPLIT).as_primitive::<UInt32Type>();
    let rows = entries.column(column::ROW).as_primitive::<UInt64Type>();
    let is_deletion = |i: &usize| Verdict::from_code(verdicts.value(*i)) == Verdict::DELETED;
    let position = |i: usize| (written_at.value(i), splits.value(i), rows.value(i));

    let all = 0..entries.num_rows();
    let deletions = all.clone().filter(is_deletion);
    let mut items: HashMap<&[u8], Changes> =
        deletions.map(|i| (keys.value(i), Changes::default())).collect();
    if items.is_empty() {
        return Ok(entries.clone());
    }
    for i in all.clone().filter(|i| written_at.is_valid(*i)) {
        let Some(item) = items.get_mut(keys.value(i)) else { continue };
        item.last = item.last.max(Some(position(i)));
        if !is_deletion(&i) {
            item.image_version = item.image_version.max(Some(versions.value(i)));
        }
    }
    let compared: Int64Array = all
        .map(|i| match items.get(keys.value(i)).filter(|_| is_deletion(&i)) {
            None => versions.value(i),
            Some(item) if item.last != Some(position(i)) => i64::MIN,
            Some(item) => {
                let above = item.image_version.map_or(i64::MIN, |image| image.saturating_add(1));
                versions.value(i).max(above)
            }
        })
        .collect();
    let mut columns = entries.columns().to_vec();
    columns[column::VERSION] = Arc::new(compared) as ArrayRef;
    RecordBatch::try_new(entries.schema(), columns)
        .or_err(ErrorKind::Unexpected, "could not compare deletions")
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Date32Array, UInt16Array, UInt32Array, UInt64Array};

    use super::*;

    /// Key, version, split, write time; a deletion has no version but its write time.
    type Row = (&'static str, Option<i64>, u32, Option<i64>);

    fn versions(rows: &[Row]) -> Vec<i64> {
        let keys = BinaryArray::from_iter_values(rows.iter().map(|row| row.0));
        let given: Int64Array = rows.iter().map(|row| row.1.or(row.3)).collect();
        let ordinals = UInt64Array::from_iter_values(0..rows.len() as u64);
        let verdict = |row: &Row| match row.1 {
            Some(_) => Verdict::Candidate,
            None => Verdict::DELETED,
        };
        let verdicts = UInt16Array::from_iter_values(rows.iter().map(|r| verdict(r).to_code()));
        let days: Date32Array = rows.iter().map(|_| None).collect();
        let written_at: Int64Array = rows.iter().map(|row| row.3).collect();
        let splits = UInt32Array::from_iter_values(rows.iter().map(|row| row.2));
        let entries = RecordBatch::try_from_iter_with_nullable([
            ("key", Arc::new(keys) as ArrayRef, true),
            ("version", Arc::new(given), true),
            ("row", Arc::new(ordinals), true),
            ("verdict", Arc::new(verdicts), true),
            ("day", Arc::new(days), true),
            ("written_at", Arc::new(written_at), true),
            ("split", Arc::new(splits), true),
        ])
        .unwrap();
        let compared = with_versions(&entries).unwrap();
        compared.column(column::VERSION).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn without_deletions_versions_stay() {
        assert_eq!(versions(&[("a", Some(5), 0, None), ("a", Some(3), 1, Some(9))]), [5, 3]);
        assert!(versions(&[]).is_empty());
    }

    #[test]
    fn the_last_deletion_stands_above_every_image_of_its_item() {
        let rows =
            [("a", Some(50), 0, Some(7)), ("a", None, 1, Some(9)), ("b", Some(80), 0, Some(8))];
        assert_eq!(versions(&rows), [50, 51, 80]);
        // A copy that is no change is compared by the clock.
        assert_eq!(versions(&[("a", Some(50), 0, None), ("a", None, 1, Some(9))]), [50, 9]);
    }

    #[test]
    fn a_deletion_that_was_overtaken_stands_below_everything() {
        let rows = [("a", None, 1, Some(6)), ("a", Some(2), 0, Some(7)), ("a", Some(4), 0, None)];
        assert_eq!(versions(&rows), [i64::MIN, 2, 4]);
        // The same deletion in two exports: one of them stands for both.
        assert_eq!(versions(&[("a", None, 0, Some(6)), ("a", None, 1, Some(6))]), [i64::MIN, 6]);
    }
}
