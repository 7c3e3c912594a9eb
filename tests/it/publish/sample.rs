//! Runs as the pipeline would leave them: files written under the run's own folders, and the
//! record that is to publish them.

use std::collections::BTreeMap;

use consign::model::{DataFile, FileFormat, Ledger, SplitId, SplitTally, Tally};
use consign::publish::{Appended, CommitRecord, Committed, ContractIdentity, DayEntry};
pub use consign::storage::below;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

const ROWS: u64 = 3;

/// A run that publishes `days`, each as `parts` CSV files of three rows.
pub struct Run<'a> {
    pub id: &'a str,
    pub key: &'a str,
    pub days: &'a [&'a str],
    pub parts: usize,
}

impl Run<'_> {
    /// A run with one file a day.
    pub fn new<'a>(id: &'a str, key: &'a str, days: &'a [&'a str]) -> Run<'a> {
        Run { id, key, days, parts: 1 }
    }

    /// The record, without its number.
    pub fn record(&self) -> CommitRecord {
        let rows = ROWS * self.parts as u64;
        let tally = |rows| Tally { read: rows, written: rows, ..Tally::default() };
        let run = tally(rows * self.days.len() as u64);
        let split = SplitTally { split: SplitId(0), name: "a.bson".into(), tally: run.clone() };
        let day = |day: &&str| DayEntry::new(day.parse().unwrap(), rows);
        CommitRecord {
            run_id: self.id.to_owned(),
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
            idempotency_key: self.key.to_owned(),
            as_of: "2026-08-03T00:00:00Z".to_owned(),
            committed_at: "2026-08-03T00:00:09Z".to_owned(),
            tzdb: "2026a".to_owned(),
            days: self.days.iter().map(day).collect(),
            files: self.files(),
            ledger: Ledger {
                by_split: vec![split],
                by_day: self.days.iter().map(|day| ((*day).to_owned(), tally(rows))).collect(),
                run,
            },
            ..CommitRecord::empty()
        }
    }

    fn files(&self) -> Vec<DataFile> {
        let of_day = |day: &&str| {
            let day: jiff::civil::Date = day.parse().unwrap();
            let id = self.id;
            (0..self.parts).map(move |part| {
                let path = format!("_data/dt={day}/v-{id}/part-{part:05}.csv");
                let content = content(&path);
                DataFile {
                    format: FileFormat::Csv,
                    dt: Some(day),
                    bytes: content.len() as u64,
                    sha256: hex::encode(Sha256::digest(&content)),
                    rows: ROWS,
                    min_key: None,
                    max_key: None,
                    sums: BTreeMap::new(),
                    path,
                }
            })
        };
        self.days.iter().flat_map(of_day).collect()
    }

    /// Writes the run's files.
    pub async fn write(&self, store: &dyn ObjectStore, root: &Path) {
        for file in self.files() {
            store.put(&below(root, &file.path), content(&file.path).into()).await.unwrap();
        }
    }
}

/// What the file at `path` holds: a line of its own name, so that no two files are alike.
pub fn content(path: &str) -> Vec<u8> {
    format!("{path}\n").repeat(1000).into_bytes()
}

/// The record of an append that must have committed.
pub fn committed(appended: Appended) -> Committed {
    match appended {
        Appended::Committed(committed) => committed,
        Appended::AlreadyPublished(other) => panic!("published before, by {}", other.record.run_id),
    }
}
