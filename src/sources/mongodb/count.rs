//! Holds what was read of a split against what the server counts, bracket by bracket.
//!
//! The server is asked before and after, as the collection may change in between. Does not count
//! what is read (`reply`).

use std::collections::BTreeMap;

use bson::raw::RawDocumentBuf;
use bson::{RawBsonRef, rawdoc};

use super::brackets::{Bracket, Interval};
use super::collection::Reading;
use super::faults::{Fault, Remedy, patiently};
use crate::error::{Error, ErrorKind, Result};

const COUNTING: &str = "counting the documents of a MongoDB collection";

/// Documents by the bracket of their `_id`; none is zero.
pub(super) type Counts = BTreeMap<Bracket, u64>;

/// What is known of a split that is being read.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// What was to be read when reading began or was taken up.
    pub interval: Interval,
    /// What the server counted then; none in a snapshot, where later is soon enough.
    pub before: Option<Counts>,
    pub read: Counts,
    /// Resume text of the last page that was handed on.
    pub behind: Option<String>,
}

impl Tally {
    /// Begins to count what is read of `interval`.
    ///
    /// # Errors
    /// `Transient` and `Permission` from the server.
    pub(super) async fn begin(reading: &Reading, interval: Interval) -> Result<Self> {
        let in_snapshot = reading.snapshot.time().is_some();
        let before = if in_snapshot {
            None
        } else {
            let counts = counted(reading, &interval).await;
            Some(counts.map_err(|fault| fault.into_error(COUNTING, &reading.namespace()))?)
        };
        Ok(Self { interval, before, read: Counts::default(), behind: None })
    }

    /// Takes in a page that is handed on.
    pub(super) fn add(&mut self, counts: &Counts, behind: Option<&String>) {
        for (bracket, documents) in counts {
            *self.read.entry(*bracket).or_default() += documents;
        }
        self.behind = behind.cloned();
    }

    /// Checks a split that was read to its end.
    ///
    /// # Errors
    /// `Verification` when something was left out or came twice, `Transient` and `Permission` from
    /// the server.
    pub(super) async fn check(&self, reading: &Reading, split: &str) -> Result<()> {
        let counts = match counted(reading, &self.interval).await {
            Err(fault) if fault.remedy == Remedy::ReadAnew => {
                reading.snapshot.lose(fault, &reading.namespace())?;
                None
            }
            counts => {
                Some(counts.map_err(|fault| fault.into_error(COUNTING, &reading.namespace()))?)
            }
        };
        let comparable = self.before.is_some() || reading.snapshot.time().is_some();
        let Some(after) = counts.filter(|_| comparable) else {
            tracing::warn!(split, "the snapshot was lost, so what was read is not counted again");
            return Ok(());
        };
        for bracket in Bracket::ALL {
            let of = |counts: &Counts| counts.get(&bracket).copied().unwrap_or(0);
            let (read, after) = (of(&self.read), of(&after));
            let before = self.before.as_ref().map_or(after, of);
            match verdict(before, read, after) {
                Verdict::Agree => {}
                Verdict::Changed => tracing::warn!(
                    split,
                    ids = bracket.name(),
                    counted_before = before,
                    read,
                    counted_after = after,
                    "the collection changed while it was read"
                ),
                Verdict::Differ => return Err(differ(reading, split, bracket, read, after)),
            }
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Agree,
    /// The collection was written to, so the counts say nothing.
    Changed,
    /// The collection seems to have stood still, and yet.
    Differ,
}

fn verdict(before: u64, read: u64, after: u64) -> Verdict {
    if before == after {
        if read == after { Verdict::Agree } else { Verdict::Differ }
    } else {
        Verdict::Changed
    }
}

fn differ(reading: &Reading, split: &str, bracket: Bracket, read: u64, counted: u64) -> Error {
    Error::new(
        ErrorKind::Verification,
        "reading a MongoDB collection: the server counts other documents than it gave",
    )
    .with("collection", reading.namespace())
    .with("split", split)
    .with("ids of type", bracket.name())
    .with("counted", counted)
    .with("read", read)
    .with_help(
        "nothing was published; run again, and read a snapshot (require_snapshot) if documents come \
         and go all the time",
    )
}

/// What the server counts in the interval. It is asked in one go where it can group by type, else
/// for each bracket.
///
/// # Errors
/// What the server has against it.
async fn counted(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    match by_type(reading, interval).await {
        Err(fault) if fault.remedy == Remedy::None => by_bracket(reading, interval).await,
        counts => counts,
    }
}

async fn by_type(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    let group = rawdoc! { "$group": { "_id": { "$type": "$_id" }, "documents": { "$sum": 1 } } };
    let filter = interval.filter(reading.with_rare());
    let mut counts = Counts::new();
    for group in aggregate(reading, filter, group).await? {
        let name = group.get_str("_id").unwrap_or_default();
        let unknown = || Fault::nonsense("the server counts by types that do not exist");
        let bracket = Bracket::of_type_name(name).ok_or_else(unknown)?;
        *counts.entry(bracket).or_default() += documents(&group);
    }
    Ok(counts)
}

async fn by_bracket(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    let mut counts = Counts::new();
    for (bracket, clause) in interval.clauses(reading.with_rare()) {
        let group = rawdoc! { "$group": { "_id": 0, "documents": { "$sum": 1 } } };
        for group in aggregate(reading, Some(clause), group).await? {
            *counts.entry(bracket).or_default() += documents(&group);
        }
    }
    counts.retain(|_, documents| *documents > 0);
    Ok(counts)
}

async fn aggregate(
    reading: &Reading,
    filter: Option<RawDocumentBuf>,
    group: RawDocumentBuf,
) -> Result<Vec<RawDocumentBuf>, Fault> {
    let select = reading.query.select(filter);
    let stages = select.map(|filter| rawdoc! { "$match": filter }).into_iter().chain([group]);
    let mut options = RawDocumentBuf::new();
    if let Some(hint) = reading.query.hint() {
        options.append(bson::cstr!("hint"), hint);
    }
    if let Some(read_concern) = reading.read_concern() {
        options.append(bson::cstr!("readConcern"), read_concern);
    }
    let stages: Vec<_> = stages.collect();
    let ask = || reading.connection.aggregate(stages.clone(), options.clone());
    patiently(reading.patience, ask).await
}

fn documents(group: &RawDocumentBuf) -> u64 {
    let count = match group.get("documents") {
        Ok(Some(RawBsonRef::Int32(count))) => u64::try_from(count).ok(),
        Ok(Some(RawBsonRef::Int64(count))) => u64::try_from(count).ok(),
        _ => None,
    };
    count.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_differ_are_an_error_only_when_nothing_changed() {
        assert_eq!(verdict(5, 5, 5), Verdict::Agree);
        assert_eq!(verdict(5, 4, 5), Verdict::Differ);
        assert_eq!(verdict(5, 6, 5), Verdict::Differ);
        assert_eq!(verdict(5, 5, 6), Verdict::Changed);
        assert_eq!(verdict(5, 9, 6), Verdict::Changed);
    }
}
