//! The log of a dataset: its records in order, and the one act that adds to it.
//!
//! Creating `_log/<next number>.json` if absent is the only thing that publishes. A lost reply
//! is not a failure: after any doubtful answer the record is read back and tells whose it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::civil::Date;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::store_error;

use super::record::{CommitRecord, Committed};

/// Doubtful answers of the store for one number, before the outcome is called unknown.
const MAX_TRIES: u32 = 8;
/// First pause after a doubtful answer; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Records read at once.
const READ_AHEAD: usize = 16;

/// The log of one dataset.
#[derive(Debug, Clone)]
pub struct Log {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

/// How an attempt to publish ended.
#[derive(Debug, Clone)]
pub enum Appended {
    /// The record stands.
    Committed(Committed),
    /// Another run had published the same in the meantime; its record stands.
    AlreadyPublished(Committed),
}

impl Log {
    /// The log of the dataset at `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { store, root }
    }

    /// All records, in order; empty when nothing was ever published.
    ///
    /// # Errors
    /// `Verification` when a number is missing or the chain of hashes is broken, `Usage` when a
    /// newer program wrote a record, `Permission` and `Transient` from the store.
    pub async fn read_all(&self) -> Result<Vec<Committed>> {
        let folder = self.root.clone().join("_log");
        let listed: Vec<_> = (self.store.list(Some(&folder)))
            .try_collect()
            .await
            .map_err(|e| store_error("list the log", &folder, e))?;
        let mut seqs: Vec<u64> = listed.iter().filter_map(|o| seq_of(&o.location)).collect();
        seqs.sort_unstable();
        for (expected, found) in (1..).zip(&seqs) {
            if expected != *found {
                return Err(Error::new(ErrorKind::Verification, "a commit record is missing")
                    .with("record", self.path(expected)));
            }
        }
        let reads = seqs.into_iter().map(|seq| self.read(seq));
        let records: Vec<Option<Committed>> =
            futures::stream::iter(reads).buffered(READ_AHEAD).try_collect().await?;
        let records: Vec<Committed> = records.into_iter().flatten().collect();
        self.check_chain(&records)?;
        Ok(records)
    }

    fn check_chain(&self, records: &[Committed]) -> Result<()> {
        let mut previous: Option<&Committed> = None;
        for (seq, committed) in (1..).zip(records) {
            let record = &committed.record;
            let follows = record.prev_sha256.as_ref() == previous.map(|p| &p.sha256);
            if record.seq != seq || !follows {
                return Err(Error::new(
                    ErrorKind::Verification,
                    "a commit record does not follow the one before it: one of them was altered",
                )
                .with("record", self.path(seq)));
            }
            previous = Some(committed);
        }
        Ok(())
    }

    /// Publishes `record`; its number and its link to the record before are set here. `base` is
    /// the number of the newest record that the run knew when it decided what to publish.
    ///
    /// # Errors
    /// `Conflict` when a record after `base` publishes one of the same days from other input;
    /// `CommitUnknown` when the store does not let it be decided whether the record stands;
    /// `Permission` from the store.
    pub async fn append(&self, mut record: CommitRecord, base: Option<u64>) -> Result<Appended> {
        let mut seq = base.unwrap_or(0) + 1;
        let mut previous = match base {
            Some(base) => self.read(base).await?,
            None => None,
        };
        loop {
            // Whoever took the number first is looked at before a byte is sent.
            if let Some(other) = self.read(seq).await? {
                if let Some(outcome) = judge(&other, &record)? {
                    return Ok(outcome);
                }
                (seq, previous) = (seq + 1, Some(other));
                continue;
            }
            record.seq = seq;
            record.prev_sha256 = previous.as_ref().map(|p| p.sha256.clone());
            let standing = self.create(&record).await?;
            if let Some(outcome) = judge(&standing, &record)? {
                return Ok(outcome);
            }
            (seq, previous) = (seq + 1, Some(standing));
        }
    }

    /// Creates the record under its number if absent, and gives the record that stands there.
    async fn create(&self, record: &CommitRecord) -> Result<Committed> {
        let path = self.path(record.seq);
        let bytes = bytes::Bytes::from(record.to_bytes()?);
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        for _ in 0..MAX_TRIES {
            let create = PutOptions::from(PutMode::Create);
            match self.store.put_opts(&path, bytes.clone().into(), create).await {
                Ok(_) => return Committed::from_bytes(&bytes),
                // Refused for lack of rights, it cannot have landed.
                Err(
                    e @ (object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
                    | object_store::Error::NotImplemented { .. }
                    | object_store::Error::NotSupported { .. }),
                ) => return Err(store_error("create the commit record", &path, e)),
                // Anything else may be the lost reply to our own success.
                Err(e) => last = Some(e),
            }
            match self.read(record.seq).await {
                Ok(Some(standing)) => return Ok(standing),
                Ok(None) => {}
                Err(e) if e.kind() == ErrorKind::Transient => {}
                Err(e) => return Err(e),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        let mut error = Error::new(
            ErrorKind::CommitUnknown,
            "it could not be decided whether the commit record was created; nothing was deleted",
        )
        .with("record", &path)
        .with_help("when the store answers again, run the same command: it finds out");
        if let Some(cause) = last {
            error = error.with_source(cause);
        }
        Err(error)
    }

    async fn read(&self, seq: u64) -> Result<Option<Committed>> {
        let path = self.path(seq);
        let bytes = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(e) => Err(e),
        };
        match bytes {
            Ok(bytes) => {
                Committed::from_bytes(&bytes).map(Some).map_err(|e| e.with("record", path))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(store_error("read a commit record", &path, e)),
        }
    }

    fn path(&self, seq: u64) -> Path {
        self.root.clone().join("_log").join(format!("{seq:020}.json"))
    }
}

/// What a record that stands under a number means for the one that wanted it; `None` when the
/// two can live side by side and the next number should be tried.
fn judge(standing: &Committed, wanted: &CommitRecord) -> Result<Option<Appended>> {
    let theirs = &standing.record;
    if theirs.run_id == wanted.run_id {
        return Ok(Some(Appended::Committed(standing.clone())));
    }
    if theirs.idempotency_key == wanted.idempotency_key {
        return Ok(Some(Appended::AlreadyPublished(standing.clone())));
    }
    let shared = wanted.days.iter().find(|day| theirs.days.iter().any(|other| other.dt == day.dt));
    match shared {
        None => Ok(None),
        Some(day) => Err(Error::new(
            ErrorKind::Conflict,
            "another run published the same day from other input while this one worked; \
             nothing of this run was published",
        )
        .with("day", day.dt)
        .with("other run", &theirs.run_id)
        .with_help("look at which input is the newer one, and run again when it is this one")),
    }
}

fn seq_of(path: &Path) -> Option<u64> {
    let digits = path.filename()?.strip_suffix(".json")?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

/// Which record each published day belongs to: the newest that names it.
#[must_use]
pub fn live_days(records: &[Committed]) -> BTreeMap<Date, u64> {
    let entries =
        records.iter().flat_map(|c| c.record.days.iter().map(|day| (day.dt, c.record.seq)));
    entries.collect()
}

/// The newest record of `idempotency_key` that is still in force on every day it published.
#[must_use]
pub fn find_published<'a>(
    records: &'a [Committed],
    idempotency_key: &str,
) -> Option<&'a Committed> {
    let live = live_days(records);
    records.iter().rev().find(|committed| {
        let record = &committed.record;
        record.idempotency_key == idempotency_key
            && record.days.iter().all(|day| live.get(&day.dt) == Some(&record.seq))
    })
}
