//! The merge gives the same rows however often a split spilled, and accounts for each.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    AsArray, BinaryArray, Date32Array, StringArray, TimestampMicrosecondArray, UInt32Array,
    UInt64Array,
};
use arrow::compute::concat_batches;
use proptest::prelude::*;

use super::*;
use crate::catalog::load_contract;
use crate::model::{Part, RawFormat, Split};
use crate::pipeline::candidates::{Candidates, RunBuilder};

fn users() -> Contract {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut contract = load_contract(&root.join("schemas/users/v1.odcs.yaml")).unwrap();
    contract.unique.clear();
    contract
}

/// Candidates with the given (day, key, ordinal), as the spill hands them to a run: before every third
/// of them stand as many as `others`, which are no candidates.
fn candidates(
    contract: &Contract,
    split: u32,
    rows: &[(i32, String, u64)],
    others: usize,
) -> Candidates {
    let columns = RunColumns::new(contract).unwrap();
    let mut among = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        among.extend(vec![None; if i % 3 == 0 { others } else { 0 }]);
        among.push(Some(row));
    }
    let key = |row: &Option<&(i32, String, u64)>| row.map_or("other", |row| &row.1).to_owned();
    let texts = || Arc::new(StringArray::from_iter_values(among.iter().map(key)));
    let instants = || {
        let values = among.iter().map(|row| row.map(|row| i64::from(row.0)));
        Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let days: Date32Array = among.iter().map(|row| row.map(|row| row.0)).collect();
    let keys = BinaryArray::from_iter_values(among.iter().map(|row| key(row).into_bytes()));
    let ordinals: UInt64Array = among.iter().map(|row| row.map(|row| row.2)).collect();
    let mut arrays: Vec<arrow::array::ArrayRef> = Vec::new();
    for field in &contract.fields {
        arrays.push(match field.data_type {
            crate::catalog::FieldType::Text => texts(),
            crate::catalog::FieldType::Date => Arc::new(days.clone()),
            _ => instants(),
        });
    }
    let splits = UInt32Array::from_value(split, among.len());
    arrays.extend([Arc::new(ordinals) as _, Arc::new(splits) as _]);
    let picked = (0u32..).zip(&among).filter_map(|(i, row)| row.map(|_| i)).collect();
    Candidates::new(columns.batch(arrays).unwrap(), days, keys, picked).unwrap()
}

fn split(id: u32) -> Split {
    Split {
        id: SplitId(id),
        source: 0,
        name: format!("split {id}"),
        part: Part::Query,
        format: RawFormat::Bson,
        bytes: 0,
        expected_rows: None,
    }
}

/// Spills the rows of two splits, `spill_rows` at a time amid `others`, and merges day 1, at most `fan_in` runs at
/// once. Gives the keys, the refused rows, and how many rows were given.
fn merged(
    rows: &[Vec<(i32, String, u64)>],
    spill_rows: usize,
    others: usize,
    fan_in: usize,
    [older, left_out, refused]: [&RowSet; 3],
) -> (Vec<String>, Vec<(u32, u64)>, u64) {
    let contract = users();
    let root = tempfile::tempdir().unwrap();
    let staging = Staging::open(root.path(), "key", "run").unwrap();
    let mut checkpoints = Vec::new();
    for (id, rows) in (0u32..).zip(rows) {
        let dir = staging.clear_split(SplitId(id)).unwrap();
        let mut runs = RunBuilder::new(RunColumns::new(&contract).unwrap());
        let mut sums = Sums::new(&contract.output_schema());
        for rows in rows.chunks(spill_rows) {
            runs.push(candidates(&contract, id, rows, others));
            runs.flush(&dir, &mut sums).unwrap();
        }
        checkpoints.push(Checkpoint {
            split: split(id),
            position: None,
            rows_read: rows.len() as u64,
            days: BTreeMap::new(),
            warnings: BTreeMap::new(),
            zones: crate::model::ZoneSpans::default(),
            runs: {
                runs.flush(&dir, &mut sums).unwrap();
                runs.runs().to_vec()
            },
            indexes: vec![],
            unique_values: vec![],
            rejects: vec![],
            sums: BTreeMap::new(),
        });
    }
    let extracted = Extracted {
        contract: &contract,
        staging: &staging,
        checkpoints: &checkpoints,
        older,
        left_out,
        refused,
        fx_table: None,
        fan_in,
    };
    let (mut emitted, mut handed_over) = (Vec::new(), Vec::new());
    let mut merge = DayMerge::open(1, extracted).unwrap();
    let mut refuse = |row: &MergedRow<'_>| {
        handed_over.push((row.split.0, row.row));
        Ok(())
    };
    while let Some(rows) = merge.next_batch(&mut refuse).unwrap() {
        emitted.push(rows);
    }
    let merged = merge.finish().unwrap();
    let left = std::fs::read_dir(staging.dir()).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("merged")).collect();
    assert_eq!(left, [] as [&str; 0], "files of a pass are left");
    let rows = concat_batches(&contract.output_schema(), &emitted).unwrap();
    let ids = rows.column_by_name("user_id").unwrap().as_string::<i32>();
    let ids = ids.iter().map(|id| id.unwrap().to_owned()).collect();
    (ids, handed_over, merged.emitted.values().sum())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_in_key_order_once_each_however_they_were_spilled(
        days in prop::collection::vec(0..3i32, 0..200),
        spill_rows in 1..60usize,
        others in 0..8usize,
        fan_in in 2..9usize,
        struck in prop::collection::vec((0..2u32, 0..100u64), 0..20),
        left_out_rows in prop::collection::vec((0..2u32, 0..100u64), 0..20),
        refused_rows in prop::collection::vec((0..2u32, 0..100u64), 0..20),
    ) {
        // Keys are scattered over both splits, so that runs interleave.
        let mut rows = vec![Vec::new(), Vec::new()];
        for (i, day) in days.iter().enumerate() {
            let key = format!("{:04}", (i * 7919) % 10_007);
            let ordinal = (i / 2) as u64;
            rows[i % 2].push((*day, key, ordinal));
        }
        let [older, left_out, refused] = [struck, left_out_rows, refused_rows].map(|rows| {
            let mut set = RowSet::default();
            rows.iter().for_each(|(split, row)| set.insert(SplitId(*split), *row));
            set
        });

        let mut expected = Vec::new();
        let mut expected_refused = 0;
        for (split, rows) in (0u32..).zip(&rows) {
            for (day, key, row) in rows {
                let is_dropped =
                    [&older, &left_out].iter().any(|set| set.contains(SplitId(split), *row));
                if *day != 1 || is_dropped {
                    continue;
                }
                if refused.contains(SplitId(split), *row) {
                    expected_refused += 1;
                } else {
                    expected.push(key.clone());
                }
            }
        }
        expected.sort();
        let struck = [&older, &left_out, &refused];
        let (ids, handed_over, emitted) = merged(&rows, spill_rows, others, fan_in, struck);
        prop_assert_eq!(&merged(&rows, 200, 0, 2, struck).1, &handed_over);
        prop_assert_eq!(emitted, ids.len() as u64);
        prop_assert_eq!(ids, expected);
        prop_assert_eq!(handed_over.len(), expected_refused);
    }
}
