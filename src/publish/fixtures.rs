//! Records for the tests of this room.

use std::collections::BTreeMap;

use super::{CommitRecord, ContractIdentity, DayEntry};
use crate::model::{DataFile, FileFormat, Ledger, SplitId, SplitTally, Tally};

/// A sound record of a run that published three rows on each of `days`.
pub(super) fn record(run_id: &str, key: &str, days: &[&str]) -> CommitRecord {
    let rows = 3;
    let tally = |rows| Tally { read: rows, written: rows, ..Tally::default() };
    let run = tally(rows * days.len() as u64);
    CommitRecord {
        run_id: run_id.to_owned(),
        job: "orders-daily".to_owned(),
        dataset: "exported_orders".to_owned(),
        contract: ContractIdentity {
            id: "exported_orders".to_owned(),
            label: "exported_orders@1".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: "c0".repeat(32),
        },
        schema_fingerprint: "5c".repeat(32),
        code_version: "0.1.0".to_owned(),
        idempotency_key: key.to_owned(),
        as_of: "2026-08-03T00:00:00Z".to_owned(),
        committed_at: "2026-08-03T00:00:09Z".to_owned(),
        tzdb: "2026a".to_owned(),
        days: days.iter().map(|day| DayEntry::new(day.parse().unwrap(), rows)).collect(),
        files: days
            .iter()
            .map(|day| DataFile {
                path: format!("_data/dt={day}/v-{run_id}/part-00000.csv"),
                format: FileFormat::Csv,
                dt: Some(day.parse().unwrap()),
                bytes: 10,
                sha256: "f1".repeat(32),
                rows,
                min_key: None,
                max_key: None,
                sums: BTreeMap::new(),
            })
            .collect(),
        ledger: Ledger {
            by_split: vec![SplitTally {
                split: SplitId(0),
                name: "a.bson".to_owned(),
                tally: run.clone(),
            }],
            by_day: days.iter().map(|day| ((*day).to_owned(), tally(rows))).collect(),
            run,
        },
        ..CommitRecord::empty()
    }
}
