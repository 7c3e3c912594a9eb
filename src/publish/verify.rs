//! Checks of what records say against each other, and of whether their files are there.
//!
//! Does not own reading the files' contents back (`sinks`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt};

use crate::error::Result;
use crate::model::Ledger;
use crate::storage::{below, store_error};

use super::log::{breach, in_force, live_days, live_files};
use super::record::{CommitRecord, Committed};
use super::removal::quarantine_in_force;

/// Files that are asked for at the same time.
const READERS: usize = 16;

/// Everything in `records` that does not agree, in words; empty when they are sound.
#[must_use]
pub fn verify_log(records: &[Committed]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut last = None;
    let mut live = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for committed in records {
        let record = &committed.record;
        let mut found: Vec<String> = breach(last, record).into_iter().collect();
        found.extend(record.ledger.imbalances());
        found.extend(wrong_rows(record));
        for day in &record.days {
            if live.insert(day.dt, record.seq) != day.replaces {
                found.push(format!("{}: does not name the commit that it replaces", day.dt));
            }
        }
        for file in record.files.iter().chain(&record.quarantine_files) {
            if let Some(owner) = owners.insert(&file.path, record.seq) {
                found.push(format!("{}: named before, by commit {owner}", file.path));
            }
        }
        problems.extend(found.into_iter().map(|text| format!("commit {}: {text}", record.seq)));
        last = Some(committed);
    }
    problems
}

/// Files of published days, and quarantine files of the records these belong to, that are absent
/// or not of the size their record says; in words.
///
/// # Errors
/// `Permission` and `Transient` from the store.
pub async fn missing_files(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    records: &[Committed],
) -> Result<Vec<String>> {
    let live = live_days(records);
    let of_days = in_force(records).flat_map(|committed| live_files(&committed.record, &live));
    let refused = quarantine_in_force(records).into_iter().map(|(_, file)| file);
    let files = of_days.chain(refused);
    let problems: Vec<_> = stream::iter(files)
        .map(|file| async move {
            let path = below(root, &file.path);
            match store.head(&path).await {
                Ok(found) if found.size == file.bytes => Ok(None),
                Ok(found) => Ok(Some(format!(
                    "{}: has {} bytes, the commit record says {}",
                    file.path, found.size, file.bytes
                ))),
                Err(StoreError::NotFound { .. }) => Ok(Some(format!("{}: is missing", file.path))),
                Err(fault) => Err(store_error("look for a published file", &path, fault)),
            }
        })
        .buffered(READERS)
        .try_collect()
        .await?;
    Ok(problems.into_iter().flatten().collect())
}

/// Rows of days, files and ledger that a record states differently in two places.
fn wrong_rows(record: &CommitRecord) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |what: String, says: u64, holds: u64, of: &str| {
        if says != holds {
            wrong.push(format!("{what}: {says} rows by the list of days, {holds} by {of}"));
        }
    };
    let days: BTreeMap<_, _> = record.days.iter().map(|day| (day.dt, day.rows)).collect();
    let formats: BTreeSet<_> = record.files.iter().map(|file| file.format).collect();
    for (day, rows) in &days {
        let key = Ledger::day_key(Some(*day));
        let written = record.ledger.by_day.get(&key).map_or(0, |tally| tally.written);
        expect(key.clone(), *rows, written, "the ledger");
        if formats.is_empty() {
            expect(key.clone(), *rows, 0, "its files");
        }
        for format in &formats {
            let files = record.files.iter().filter(|f| f.dt == Some(*day) && f.format == *format);
            let in_files = files.map(|file| file.rows).sum();
            expect(key.clone(), *rows, in_files, &format!("its {} files", format.extension()));
        }
    }
    expect("run".to_owned(), days.values().sum(), record.ledger.run.written, "the ledger");
    let refused: u64 = record.quarantine_files.iter().map(|file| file.rows).sum();
    if refused != record.ledger.run.quarantined {
        wrong.push(format!(
            "quarantine: {} rows by the ledger, {refused} by its files",
            record.ledger.run.quarantined
        ));
    }
    if days.len() != record.days.len() {
        wrong.push("a day is listed twice".to_owned());
    }
    let strays = record.files.iter().filter(|f| f.dt.is_none_or(|day| !days.contains_key(&day)));
    wrong.extend(strays.map(|file| format!("{}: is of no day of the commit", file.path)));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::fixtures::record;

    /// Records in a chain, each replacing what it touches.
    fn chain(records: Vec<CommitRecord>) -> Vec<Committed> {
        let mut chained: Vec<Committed> = Vec::new();
        for (seq, mut record) in (1..).zip(records) {
            record.seq = seq;
            record.prev_sha256 = chained.last().map(|last| last.sha256.clone());
            let live = live_days(&chained);
            record.days.iter_mut().for_each(|day| day.replaces = live.get(&day.dt).copied());
            chained.push(Committed::from_bytes(&record.to_bytes().unwrap()).unwrap());
        }
        chained
    }

    fn two() -> Vec<Committed> {
        chain(vec![
            record("run-1", "key-1", &["2026-08-01", "2026-08-02"]),
            record("run-2", "key-2", &["2026-08-02"]),
        ])
    }

    #[test]
    fn sound_records_have_no_problems() {
        assert_eq!(verify_log(&two()), Vec::<String>::new());
        assert_eq!(verify_log(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_disagreement_is_told() {
        type Change = fn(&mut CommitRecord);
        let changes: [(&str, Change); 11] = [
            ("number", |r| r.seq = 7),
            ("does not follow", |r| r.prev_sha256 = None),
            ("read 4 but written 3", |r| r.ledger.run.read = 4),
            ("3 rows by the list of days, 0 by the ledger", |r| r.ledger.by_day.clear()),
            ("by the list of days, 4 by its csv files", |r| r.files[0].rows = 4),
            ("by the list of days, 0 by its files", |r| r.files.clear()),
            ("0 rows by the ledger, 3 by its files", |r| r.quarantine_files = r.files.split_off(0)),
            ("named before, by commit 2", |r| r.files.push(r.files[0].clone())),
            ("is of no day", |r| r.files[0].dt = None),
            ("listed twice", |r| r.days.push(r.days[0].clone())),
            ("does not name the commit", |r| r.days[0].replaces = None),
        ];
        for (says, change) in changes {
            let mut records = two();
            change(&mut records[1].record);
            let problems = verify_log(&records);
            assert!(problems.iter().any(|p| p.contains(says)), "{says}: {problems:?}");
        }
    }
}
