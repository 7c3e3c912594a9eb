//! The log of commits: `_log/00000000000000000001.json` and on, without gaps, each record naming
//! the hash of the one before.
//!
//! Owns the one act that publishes and who wins it. Does not own what the records say (`record`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::model::DataFile;
use crate::storage::{below, store_error};

use super::record::{CommitRecord, Committed, DayEntry};
use super::store::{self, Created, Patience};

/// Records that are read at the same time.
const READERS: usize = 16;

/// How an append ended, when it did not fail.
#[derive(Debug, Clone)]
pub enum Appended {
    /// The record is in the log.
    Committed(Committed),
    /// A live record of the same key stands in the log; nothing was added.
    AlreadyPublished(Committed),
}

/// The log of one dataset.
#[derive(Debug, Clone)]
pub struct Log {
    store: Arc<dyn ObjectStore>,
    root: Path,
    patience: Patience,
}

impl Log {
    /// The log of the dataset at `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { store, root, patience: Patience::default() }
    }

    /// Changes how long an append goes on when the store does not give a clear answer.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Every record, in order.
    ///
    /// # Errors
    /// `Verification` when a record is missing, cannot be read or does not follow the one before;
    /// `Usage` when a newer program wrote one; `Permission` and `Transient` from the store.
    pub async fn read_all(&self) -> Result<Vec<Committed>> {
        let mut records = Vec::new();
        self.read_newer(&mut records).await?;
        Ok(records)
    }

    /// Makes `record` the next one of the log: the one act that publishes. `base` is the last
    /// record that the run knew when it began; a run that slept while another published one of
    /// its days is refused. `seq`, `prev_sha256` and what each day replaces are filled in here.
    ///
    /// # Errors
    /// `Conflict` when, after `base`, another run published a day of the record, rows were taken out
    /// of the same quarantine file, or a subject was erased;
    /// `CommitUnknown` when the store leaves open whether the record was created; `Verification`,
    /// `Usage`, `Permission` and `Transient` as [`Log::read_all`].
    pub async fn append(&self, mut record: CommitRecord, base: Option<u64>) -> Result<Appended> {
        let mut records = Vec::new();
        loop {
            self.read_newer(&mut records).await?;
            if let Some(standing) = standing(&records, base, &record)? {
                return Ok(standing);
            }
            let live = live_days(&records);
            for day in &mut record.days {
                day.replaces = live.get(&day.dt).copied();
            }
            record.seq = last_seq(&records) + 1;
            record.prev_sha256 = records.last().map(|last| last.sha256.clone());
            let path = self.path(record.seq);
            let bytes = Bytes::from(record.to_bytes()?);
            let doing = "create the commit record";
            match store::create(&self.store, &path, &bytes, doing, self.patience).await? {
                Created::Ours => return Ok(Appended::Committed(Committed::from_bytes(&bytes)?)),
                Created::Theirs(bytes) => self.push(&mut records, record.seq, &bytes)?,
                Created::Unknown(doubt) => return Err(unknown(&path, doubt)),
            }
        }
    }

    /// Reads the records that follow the last one of `records`.
    async fn read_newer(&self, records: &mut Vec<Committed>) -> Result<()> {
        let folder = below(&self.root, "_log");
        let listed = self.store.list_with_offset(Some(&folder), &self.path(last_seq(records)));
        let mut seqs: Vec<u64> = listed
            .try_filter_map(|object| async move { Ok(seq_of(&object.location)) })
            .try_collect()
            .await
            .map_err(|fault| store_error("list the commit records", &folder, fault))?;
        seqs.sort_unstable();
        let mut found = stream::iter(seqs)
            .map(|seq| async move {
                let path = self.path(seq);
                match store::get(&self.store, &path).await {
                    Ok(bytes) => Ok((seq, bytes)),
                    Err(fault) => Err(store_error("read a commit record", &path, fault)),
                }
            })
            .buffered(READERS);
        while let Some((seq, bytes)) = found.try_next().await? {
            self.push(records, seq, &bytes)?;
        }
        Ok(())
    }

    /// Adds the record stored under `seq`, when it follows the last one.
    fn push(&self, records: &mut Vec<Committed>, seq: u64, bytes: &[u8]) -> Result<()> {
        let path = self.path(seq);
        let expected = last_seq(records) + 1;
        if seq != expected {
            return Err(Error::new(ErrorKind::Verification, "a commit record is missing")
                .with("object", self.path(expected))
                .with_help("commit records are never deleted; restore it from a copy"));
        }
        let next = Committed::from_bytes(bytes).map_err(|error| error.with("object", &path))?;
        if let Some(problem) = breach(records.last(), &next.record) {
            return Err(Error::new(ErrorKind::Verification, problem).with("object", &path));
        }
        records.push(next);
        Ok(())
    }

    fn path(&self, seq: u64) -> Path {
        below(&self.root, &format!("_log/{seq:020}.json"))
    }
}

/// The record with the number `seq` and its entry of the day `dt`, when it published that day.
#[must_use]
pub fn published_by(
    records: &[Committed],
    seq: u64,
    dt: Date,
) -> Option<(&CommitRecord, &DayEntry)> {
    let at = records.binary_search_by_key(&seq, |committed| committed.record.seq).ok()?;
    let record = &records.get(at)?.record;
    record.days.iter().find(|entry| entry.dt == dt).map(|entry| (record, entry))
}

/// The commit that each published day belongs to: the newest that lists it.
#[must_use]
pub fn live_days(records: &[Committed]) -> BTreeMap<Date, u64> {
    let mut live = BTreeMap::new();
    for Committed { record, .. } in records {
        for day in &record.days {
            live.insert(day.dt, record.seq);
        }
    }
    live
}

/// The records whose rows are still published: those that a day belongs to, and those before them
/// whose days they have reworked.
pub fn in_force(records: &[Committed]) -> impl Iterator<Item = &Committed> {
    let mut seqs = BTreeSet::new();
    for (day, seq) in live_days(records) {
        let mut at = Some(seq);
        while let Some((record, entry)) = at.and_then(|seq| published_by(records, seq, day)) {
            seqs.insert(record.seq);
            at = entry.replaces.filter(|earlier| record.is_rework() && *earlier < record.seq);
        }
    }
    records.iter().filter(move |committed| seqs.contains(&committed.record.seq))
}

/// The files of `record` that are still the version of their day, by [`live_days`].
pub fn live_files<'r>(
    record: &'r CommitRecord,
    live: &BTreeMap<Date, u64>,
) -> impl Iterator<Item = &'r DataFile> {
    let is_live = |day: Date| live.get(&day) == Some(&record.seq);
    record.files.iter().filter(move |file| file.dt.is_some_and(is_live))
}

/// The newest record of `key`, when all its days still belong to it.
#[must_use]
pub fn find_published<'a>(records: &'a [Committed], key: &str) -> Option<&'a Committed> {
    let live = live_days(records);
    records.iter().rev().find(|committed| committed.record.idempotency_key == key).filter(
        |Committed { record, .. }| {
            record.days.iter().all(|day| live.get(&day.dt) == Some(&record.seq))
        },
    )
}

/// What is wrong with `record` as the one after `last`.
pub(super) fn breach(last: Option<&Committed>, record: &CommitRecord) -> Option<String> {
    let expected = last.map_or(0, |last| last.record.seq) + 1;
    if record.seq != expected {
        return Some(format!(
            "the commit record says that it is number {}, not {expected}",
            record.seq
        ));
    }
    if record.prev_sha256.as_ref() != last.map(|last| &last.sha256) {
        return Some("the commit record does not follow the one before: that one, or its hash here, was altered".to_owned());
    }
    None
}

/// What the log already decides about `record`, before an attempt to append it.
fn standing(
    records: &[Committed],
    base: Option<u64>,
    record: &CommitRecord,
) -> Result<Option<Appended>> {
    let base = base.unwrap_or(0);
    if base > last_seq(records) {
        return Err(Error::new(ErrorKind::Verification, "commit records are gone from the log")
            .with("known", base)
            .with("found", last_seq(records)));
    }
    if let Some(ours) = records.iter().find(|other| other.record.run_id == record.run_id) {
        return Ok(Some(Appended::Committed(ours.clone())));
    }
    if let Some(same) = find_published(records, &record.idempotency_key) {
        return Ok(Some(Appended::AlreadyPublished(same.clone())));
    }
    let newer = records.iter().map(|other| &other.record).filter(|other| other.seq > base);
    for other in newer {
        if !other.suppressed.is_empty() {
            let message = "a subject was erased while this run was at work";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with("run", &other.run_id)
                .with("commit", other.seq)
                .with_help("run again: the rows of the subject are left out then"));
        }
        if let Some(day) =
            record.days.iter().find(|ours| other.days.iter().any(|d| d.dt == ours.dt))
        {
            let message = "another run published one of these days while this one was at work";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with("day", day.dt)
                .with("run", &other.run_id)
                .with("commit", other.seq)
                .with_help("run again to replace it with what the source holds now"));
        }
        let touched = other.quarantine_touched().chain(other.removed());
        let touched: BTreeSet<&str> = touched.collect();
        let mut ours = record.quarantine_touched().chain(record.removed());
        if let Some(both) = ours.find(|path| touched.contains(path)) {
            let message =
                "another command took the same object, or rows of it, out of the dataset meanwhile";
            return Err(Error::new(ErrorKind::Conflict, message)
                .with("object", both)
                .with("commit", other.seq)
                .with_help("run the same command again: it finds what is left to do"));
        }
    }
    Ok(None)
}

fn unknown(path: &Path, doubt: Error) -> Error {
    let message = "could not learn whether the commit record was created; nothing was deleted";
    Error::new(ErrorKind::CommitUnknown, message)
        .with("object", path)
        .with_help("run again when the store answers: the run tells whether it was published")
        .with_source(doubt)
}

fn last_seq(records: &[Committed]) -> u64 {
    records.last().map_or(0, |last| last.record.seq)
}

/// The number in a record's name; other objects in the folder are not records.
fn seq_of(path: &Path) -> Option<u64> {
    let digits = path.filename()?.strip_suffix(".json")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
