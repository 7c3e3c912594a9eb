//! What can be said of a log without opening a data file.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{CommitRecord, Committed};

/// Everything in the records that does not agree with itself, in words; empty when all does.
/// Numbers and the chain of hashes are checked where the log is read.
#[must_use]
pub fn verify_log(records: &[Committed]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut paths = BTreeSet::new();
    for record in records.iter().map(|committed| &committed.record) {
        let mut problem = |text: String| problems.push(format!("commit {}: {text}", record.seq));
        record.ledger.imbalances().into_iter().for_each(&mut problem);
        for file in record.files.iter().chain(&record.quarantine_files) {
            if !paths.insert(&file.path) {
                problem(format!("{} belongs to an earlier commit too", file.path));
            }
        }
        disagreements(record).into_iter().for_each(&mut problem);
    }
    problems
}

fn disagreements(record: &CommitRecord) -> Vec<String> {
    let mut wrong = Vec::new();
    let days: BTreeMap<_, _> = record.days.iter().map(|day| (day.dt, day.rows)).collect();
    let mut rows: BTreeMap<_, u64> = BTreeMap::new();
    for file in &record.files {
        match file.dt.filter(|dt| days.contains_key(dt)) {
            Some(dt) => *rows.entry((file.format, dt)).or_default() += file.rows,
            None => wrong.push(format!("{} is of no day that was published", file.path)),
        }
    }
    for ((format, day), rows) in &rows {
        if days.get(day) != Some(rows) {
            let format = format.extension();
            wrong.push(format!("{day} has {rows} rows in {format} files, not as many as stated"));
        }
    }
    let stated: u64 = days.values().sum();
    if stated != record.ledger.run.written {
        wrong.push(format!(
            "the days hold {stated} rows, the ledger says {}",
            record.ledger.run.written
        ));
    }
    let refused: u64 = record.quarantine_files.iter().map(|file| file.rows).sum();
    if refused != record.ledger.run.quarantined {
        wrong.push(format!(
            "the quarantine holds {refused} rows, the ledger says {}",
            record.ledger.run.quarantined
        ));
    }
    wrong
}
