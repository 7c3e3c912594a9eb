use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, UInt32Array, UInt64Array};
use arrow::datatypes::{UInt32Type, UInt64Type};
use proptest::prelude::*;

use super::*;

type Copy = (Option<Vec<u8>>, Option<i64>, u32, u64);

fn keys_batch(copies: &[Copy]) -> RecordBatch {
    let keys: BinaryArray = copies.iter().map(|c| c.0.as_deref()).collect();
    let versions: Int64Array = copies.iter().map(|c| c.1).collect();
    let splits: UInt32Array = copies.iter().map(|c| Some(c.2)).collect();
    let rows: UInt64Array = copies.iter().map(|c| Some(c.3)).collect();
    RecordBatch::try_from_iter([
        ("key", Arc::new(keys) as ArrayRef),
        ("version", Arc::new(versions)),
        ("split", Arc::new(splits)),
        ("row", Arc::new(rows)),
    ])
    .unwrap()
}

fn values_batch(values: &[(Option<Vec<u8>>, u64)]) -> RecordBatch {
    let texts: BinaryArray = values.iter().map(|v| v.0.as_deref()).collect();
    let splits: UInt32Array = values.iter().map(|_| Some(3)).collect();
    let rows: UInt64Array = values.iter().map(|v| Some(v.1)).collect();
    RecordBatch::try_from_iter([
        ("value", Arc::new(texts) as ArrayRef),
        ("split", Arc::new(splits)),
        ("row", Arc::new(rows)),
    ])
    .unwrap()
}

fn positions_of(found: &RecordBatch) -> Vec<(u32, u64)> {
    let splits = found.column_by_name("split").unwrap().as_primitive::<UInt32Type>();
    let rows = found.column_by_name("row").unwrap().as_primitive::<UInt64Type>();
    splits.values().iter().copied().zip(rows.values().iter().copied()).collect()
}

fn key(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

#[test]
fn the_newest_copy_wins_and_ties_go_to_the_later_position() {
    let found = older_copies(&keys_batch(&[
        (key("a"), Some(5), 0, 0),
        (key("a"), Some(7), 0, 1),
        (key("a"), Some(6), 1, 0),
        (key("b"), Some(1), 0, 2),
        (key("b"), Some(1), 1, 1),
        (key("c"), Some(-9), 1, 2),
    ]))
    .unwrap();
    assert_eq!(positions_of(&found), [(0, 0), (0, 2), (1, 0)]);
}

#[test]
fn rows_without_key_or_version_stand_alone() {
    let found = older_copies(&keys_batch(&[
        (None, Some(1), 0, 0),
        (None, Some(2), 0, 1),
        (key("a"), None, 0, 2),
        (key("a"), Some(1), 0, 3),
        (key(""), Some(1), 0, 4),
    ]))
    .unwrap();
    assert_eq!(positions_of(&found), []);
}

#[test]
fn nothing_is_found_in_no_rows() {
    let found = older_copies(&keys_batch(&[])).unwrap();
    assert_eq!(found.num_rows(), 0);
    assert_eq!(found.num_columns(), 2);
    assert_eq!(positions_of(&shared_values(&values_batch(&[])).unwrap()), []);
}

#[test]
fn every_row_of_a_shared_value_is_found_and_nulls_share_nothing() {
    let found = shared_values(&values_batch(&[
        (key("x"), 0),
        (None, 1),
        (key("y"), 2),
        (key("x"), 3),
        (None, 4),
        (key("x"), 5),
    ]))
    .unwrap();
    assert_eq!(positions_of(&found), [(3, 0), (3, 3), (3, 5)]);
}

#[test]
fn columns_of_other_names_are_an_error() {
    let error = older_copies(&values_batch(&[(key("x"), 0)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

proptest! {
    #[test]
    fn older_copies_agree_with_a_hash_map(
        rows in prop::collection::vec(
            (prop::option::weighted(0.9, prop::collection::vec(0u8..3, 0..3)),
             prop::option::weighted(0.9, -2i64..3), 0u32..3),
            0..60)
    ) {
        let copies: Vec<Copy> =
            (0u64..).zip(rows).map(|(row, (key, version, split))| (key, version, split, row)).collect();
        let mut newest: HashMap<&[u8], (i64, u32, u64)> = HashMap::new();
        for (key, version, split, row) in &copies {
            if let (Some(key), Some(version)) = (key, version) {
                let rank = (*version, *split, *row);
                let best = newest.entry(key).or_insert(rank);
                *best = rank.max(*best);
            }
        }
        let mut expected: Vec<(u32, u64)> = copies
            .iter()
            .filter_map(|(key, version, split, row)| {
                let rank = ((*version)?, *split, *row);
                (newest[key.as_deref()?] != rank).then_some((*split, *row))
            })
            .collect();
        expected.sort_unstable();
        prop_assert_eq!(positions_of(&older_copies(&keys_batch(&copies)).unwrap()), expected);
    }
}

#[test]
fn polars_works_on_the_thread_that_asks_alone() {
    let threads = || polars_core::runtime::RAYON.current_num_threads();
    assert_eq!(without_pool(threads).unwrap(), 1);
    let machine = std::thread::available_parallelism().unwrap().get();
    assert_eq!(threads(), machine, "elsewhere it has its pool");
    let names = || polars_core::runtime::RAYON.install(|| std::thread::current().id());
    let (asking, working) = without_pool(|| (std::thread::current().id(), names())).unwrap();
    assert_eq!(asking, working);
}
