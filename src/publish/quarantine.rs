//! What the records say of the quarantine: which rows were taken out of it and how, and whether
//! those that were not still mean anything.
//!
//! Rows are never moved within a file. A record that takes rows out names them by the file they
//! lie in and their places there; rows that are refused again lie in that record's own file. Does
//! not own reading the files (`sinks`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::DataFile;

use super::record::{CommitRecord, Committed};

/// Rows of the quarantine that a record tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The run that first refused the rows, and whose days the record carries on.
    pub run_id: String,
    /// Reason codes that were asked for; empty for every row.
    pub reasons: Vec<String>,
    /// What became of the rows.
    pub rows: ReplayedRows,
    /// Where the rows lay.
    pub taken: Vec<TakenRows>,
}

/// What became of rows that were tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedRows {
    /// Rows that were taken out: the sum of the others.
    pub tried: u64,
    /// Published.
    pub written: u64,
    /// Refused again; they lie in the quarantine of the record that tried them.
    pub refused_again: u64,
    /// Left out by a declared rule.
    pub excluded: u64,
    /// Older copies of a key.
    pub deduplicated: u64,
}

impl ReplayedRows {
    /// Rows that left the quarantine for good.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.written + self.excluded + self.deduplicated
    }
}

/// Rows of the quarantine that people gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// The run that first refused the rows.
    pub run_id: String,
    /// Reason codes that were asked for; empty for every row.
    pub reasons: Vec<String>,
    /// Why, in the words of who did it.
    pub because: String,
    /// Rows that were given up.
    pub rows: u64,
    /// Where they lay.
    pub taken: Vec<TakenRows>,
}

/// Rows of one quarantine file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenRows {
    /// Path of the file below the dataset's root.
    pub path: String,
    /// Places of the rows in the file, counted from 0, as ranges whose ends are both included,
    /// ascending.
    pub rows: Vec<(u64, u64)>,
}

impl TakenRows {
    /// The rows at `places`, which ascend.
    #[must_use]
    pub fn new(path: &str, places: &[u64]) -> Self {
        let mut rows: Vec<(u64, u64)> = Vec::new();
        for place in places {
            match rows.last_mut() {
                Some((_, last)) if *last + 1 == *place => *last = *place,
                _ => rows.push((*place, *place)),
            }
        }
        Self { path: path.to_owned(), rows }
    }

    fn contains(&self, place: u64) -> bool {
        let next = self.rows.partition_point(|(_, last)| *last < place);
        self.rows.get(next).is_some_and(|(first, _)| *first <= place)
    }
}

impl CommitRecord {
    /// Whether its days are those of an earlier record with some rows more or less, so that they
    /// are still what the earlier run read.
    #[must_use]
    pub fn carries_days_on(&self) -> bool {
        self.replayed.is_some() || self.is_rework()
    }

    /// Paths of the quarantine files that it took rows out of.
    pub fn quarantine_touched(&self) -> impl Iterator<Item = &str> {
        self.taken().map(|taken| taken.path.as_str())
    }

    /// The rows that it took out of the quarantine.
    pub fn taken(&self) -> impl Iterator<Item = &TakenRows> {
        let replayed = self.replayed.iter().flat_map(|replayed| &replayed.taken);
        replayed.chain(self.discarded.iter().flat_map(|discarded| &discarded.taken))
    }

    /// Whether it reads sources, and is no work on what was published before.
    fn is_run(&self) -> bool {
        !self.carries_days_on() && self.discarded.is_none()
    }
}

/// The quarantine of a dataset by its records.
#[derive(Debug)]
pub struct QuarantineLog<'r> {
    records: &'r [Committed],
    /// For each published day the record of the run that read it from the sources.
    read_by: BTreeMap<Date, u64>,
    last_run: u64,
    /// Who took rows of a file, by its path.
    takers: BTreeMap<&'r str, Vec<(&'r CommitRecord, &'r TakenRows)>>,
    /// Files that were taken out whole.
    gone: BTreeSet<&'r str>,
    /// The record whose file another one stands for, by the path of that other one.
    instead_of: BTreeMap<&'r str, &'r str>,
    written_by: BTreeMap<&'r str, &'r CommitRecord>,
}

/// A file of the quarantine.
#[derive(Debug, Clone, Copy)]
pub struct QuarantineFile<'r> {
    /// The file.
    pub file: &'r DataFile,
    /// The record that refused its rows: also where a retention or an erasure has written anew what
    /// was left of them.
    pub record: &'r CommitRecord,
    /// The record of the run that first refused its rows.
    pub origin: &'r CommitRecord,
}

impl<'r> QuarantineLog<'r> {
    /// What `records` say.
    #[must_use]
    pub fn new(records: &'r [Committed]) -> Self {
        let mut log = Self {
            records,
            read_by: BTreeMap::new(),
            last_run: 0,
            takers: BTreeMap::new(),
            gone: BTreeSet::new(),
            instead_of: BTreeMap::new(),
            written_by: BTreeMap::new(),
        };
        for Committed { record, .. } in records {
            if record.is_run() {
                log.last_run = record.seq;
                log.read_by.extend(record.days.iter().map(|day| (day.dt, record.seq)));
            }
            for taken in record.taken() {
                log.takers.entry(&taken.path).or_default().push((record, taken));
            }
            for object in record.removals() {
                log.gone.insert(&object.path);
                if let Some(instead) = &object.instead {
                    log.instead_of.insert(instead, &object.path);
                }
            }
            for file in &record.quarantine_files {
                log.written_by.insert(&file.path, record);
            }
        }
        log
    }

    /// Every quarantine file that was not taken out, oldest first.
    pub fn files(&self) -> impl Iterator<Item = QuarantineFile<'r>> {
        self.ever().filter(|of| !self.gone.contains(of.file.path.as_str()))
    }

    /// Every quarantine file in which a run laid rows that it refused for the first time, oldest
    /// first; also those that were taken out since.
    pub fn first_refused(&self) -> impl Iterator<Item = QuarantineFile<'r>> {
        let is_first = |of: &QuarantineFile<'_>| {
            of.origin.seq == of.record.seq && !self.instead_of.contains_key(of.file.path.as_str())
        };
        self.ever().filter(is_first)
    }

    /// Every quarantine file that a record has named, oldest first.
    fn ever(&self) -> impl Iterator<Item = QuarantineFile<'r>> {
        self.records.iter().flat_map(move |Committed { record, .. }| {
            record.quarantine_files.iter().map(move |file| {
                let record = self.refused_by(file, record);
                QuarantineFile { file, record, origin: self.origin_of(record) }
            })
        })
    }

    /// The record that refused the rows of a file that `record` names.
    fn refused_by(&self, file: &'r DataFile, record: &'r CommitRecord) -> &'r CommitRecord {
        let mut path = file.path.as_str();
        // Each step leads to a file of an earlier record.
        while let Some(before) = self.instead_of.get(path) {
            path = before;
        }
        self.written_by.get(path).copied().unwrap_or(record)
    }

    /// The record of the run that `record` tried rows of again, else itself.
    #[must_use]
    pub fn origin_of(&self, record: &'r CommitRecord) -> &'r CommitRecord {
        let Some(replayed) = &record.replayed else { return record };
        let origin = self.records.iter().find(|other| other.record.run_id == replayed.run_id);
        origin.map_or(record, |origin| &origin.record)
    }

    /// The files of which a row may still be there: those of runs of which a day stands.
    pub fn files_in_force(&self) -> impl Iterator<Item = &'r DataFile> {
        self.files().filter(|of| self.stands(of.origin, None)).map(|of| of.file)
    }

    /// The record that took the row at `place` of a file out of the quarantine, if one did.
    #[must_use]
    pub fn taken_by(&self, file: &DataFile, place: u64) -> Option<&'r CommitRecord> {
        let takers = self.takers.get(file.path.as_str())?;
        takers.iter().find(|(_, taken)| taken.contains(place)).map(|(record, _)| *record)
    }

    /// Days whose rows were read by the run of `origin`, ascending.
    pub fn days_of(&self, origin: &CommitRecord) -> impl Iterator<Item = Date> {
        let seq = origin.seq;
        self.read_by.iter().filter(move |(_, run)| **run == seq).map(|(day, _)| *day)
    }

    /// Whether a refused row of the day `dt` that the run of `origin` read still means anything:
    /// no other run has read its day since. A row whose day is not known stands as long as one of
    /// the run's days does; of a run without days, until the next run.
    #[must_use]
    pub fn stands(&self, origin: &CommitRecord, dt: Option<Date>) -> bool {
        match dt {
            Some(day) if origin.days.iter().any(|entry| entry.dt == day) => {
                self.read_by.get(&day) == Some(&origin.seq)
            }
            _ if origin.days.is_empty() => self.last_run == origin.seq,
            _ => self.days_of(origin).next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::fixtures::record;

    fn committed(records: Vec<CommitRecord>) -> Vec<Committed> {
        let numbered = (1..).zip(records).map(|(seq, record)| CommitRecord { seq, ..record });
        numbered.map(|record| Committed { record, sha256: String::new() }).collect()
    }

    fn replay_of(run_id: &str, days: &[&str], taken: TakenRows) -> CommitRecord {
        let replayed = Replayed {
            run_id: run_id.to_owned(),
            reasons: vec![],
            rows: ReplayedRows::default(),
            taken: vec![taken],
        };
        CommitRecord { replayed: Some(replayed), ..record("replay", "key-r", days) }
    }

    fn day(day: &str) -> Option<Date> {
        Some(day.parse().unwrap())
    }

    #[test]
    fn places_are_kept_as_ranges() {
        let taken = TakenRows::new("file", &[0, 1, 2, 5, 7, 8]);
        assert_eq!(taken.rows, [(0, 2), (5, 5), (7, 8)]);
        let found: Vec<u64> = (0..10).filter(|place| taken.contains(*place)).collect();
        assert_eq!(found, [0, 1, 2, 5, 7, 8]);
        assert!(!TakenRows::new("file", &[]).contains(0));
    }

    #[test]
    fn rows_stand_while_their_day_is_what_their_run_read() {
        let both = ["2026-08-01", "2026-08-02"];
        let taken = TakenRows::new("q", &[3]);
        let records = committed(vec![
            record("run-1", "key-1", &both),
            replay_of("run-1", &both[..1], taken),
            record("run-2", "key-2", &both[1..]),
        ]);
        let before = QuarantineLog::new(&records[..2]);
        let origin = &records[0].record;
        assert!(before.stands(origin, day(both[0])) && before.stands(origin, day(both[1])));
        let after = QuarantineLog::new(&records);
        assert!(after.stands(origin, day(both[0])), "a replay carries the day on");
        assert!(!after.stands(origin, day(both[1])), "another run has read it since");
        assert!(after.stands(origin, None), "one of the days stands");
        assert_eq!(after.days_of(origin).collect::<Vec<_>>(), [day(both[0]).unwrap()]);

        let again = [records, committed(vec![record("run-3", "key-3", &both)])].concat();
        let again: Vec<_> = committed(again.into_iter().map(|c| c.record).collect());
        assert!(!QuarantineLog::new(&again).stands(&again[0].record, None));
    }

    #[test]
    fn rows_of_a_run_without_days_stand_until_the_next_run() {
        let records = committed(vec![record("run-1", "key-1", &[]), record("run-2", "key-2", &[])]);
        let origin = &records[0].record;
        assert!(QuarantineLog::new(&records[..1]).stands(origin, None));
        assert!(!QuarantineLog::new(&records).stands(origin, None));
    }
}
