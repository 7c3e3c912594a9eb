//! Holds what was read against what the server counts, bracket by bracket: each split, and all of
//! them together.
//!
//! The server is asked before and after, as the collection may change in between. The count of
//! the whole needs no filter on `_id`, so a mistake in the filters of splits would show. Does not
//! count what is read (`reply`).

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::brackets::{Bracket, Interval};
use super::collection::Reading;
use super::count::{Counts, counted};
use super::faults::Remedy;
use crate::error::{Error, ErrorKind, Result};
use crate::model::SplitId;

const COUNTING: &str = "counting the documents of a MongoDB collection";

/// What is known of a split, or of all splits, while it is read.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// What people call it.
    name: String,
    /// What was to be read when reading began or was taken up.
    interval: Interval,
    /// What the server counted then; none in a snapshot, where later is soon enough.
    before: Option<Counts>,
    read: Counts,
    /// Resume text of the last page that was handed on.
    behind: Option<String>,
    /// Whether the split is read from its start.
    from_start: bool,
}

impl Tally {
    /// Begins to count what is read of `interval`.
    ///
    /// # Errors
    /// `Transient` and `Permission` from the server.
    pub(super) async fn begin(
        reading: &Reading,
        name: &str,
        interval: &Interval,
        from_start: bool,
    ) -> Result<Self> {
        let in_snapshot = reading.snapshot.time().is_some();
        let before = if in_snapshot {
            None
        } else {
            let counts = counted(reading, interval).await;
            Some(counts.map_err(|fault| fault.into_error(COUNTING, &reading.namespace()))?)
        };
        Ok(Self {
            name: name.to_owned(),
            interval: interval.clone(),
            before,
            read: Counts::default(),
            behind: None,
            from_start,
        })
    }

    /// Takes in a page that is handed on.
    pub(super) fn add_page(&mut self, counts: &Counts, behind: Option<&String>) {
        self.add(counts);
        self.behind = behind.cloned();
    }

    fn add(&mut self, counts: &Counts) {
        for (bracket, documents) in counts {
            *self.read.entry(*bracket).or_default() += documents;
        }
    }

    /// Checks what was read to its end.
    ///
    /// # Errors
    /// `Verification` when something was left out or came twice, `Transient` and `Permission` from
    /// the server.
    pub(super) async fn check(&self, reading: &Reading) -> Result<()> {
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
            tracing::warn!(split = self.name, "the snapshot was lost, so nothing is counted again");
            return Ok(());
        };
        for bracket in Bracket::ALL {
            let of = |counts: &Counts| counts.get(&bracket).copied().unwrap_or(0);
            let (read, after) = (of(&self.read), of(&after));
            let before = self.before.as_ref().map_or(after, of);
            match verdict(before, read, after) {
                Verdict::Agree => {}
                Verdict::Changed => tracing::warn!(
                    split = self.name,
                    ids = bracket.name(),
                    counted_before = before,
                    read,
                    counted_after = after,
                    "the collection changed while it was read"
                ),
                Verdict::Differ => return Err(self.differs(reading, bracket, read, after)),
            }
        }
        Ok(())
    }

    fn differs(&self, reading: &Reading, bracket: Bracket, read: u64, counted: u64) -> Error {
        Error::new(
            ErrorKind::Verification,
            "reading a MongoDB collection: the server counts other documents than it gave",
        )
        .with("collection", reading.namespace())
        .with("split", &self.name)
        .with("ids of type", bracket.name())
        .with("counted", counted)
        .with("read", read)
        .with_help(
            "nothing was published; run again, and read a snapshot (require_snapshot) if documents \
             come and go all the time",
        )
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

/// The tallies of a collection.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Of splits that are read piece by piece.
    open: HashMap<SplitId, Tally>,
    /// Of all splits, when all are read from their starts.
    whole: Option<Whole>,
}

#[derive(Debug)]
struct Whole {
    tally: Tally,
    splits: usize,
    finished: HashSet<SplitId>,
}

impl Tallies {
    /// Begins to count what is read of so many splits together. A single one is its own whole.
    pub(super) fn begin_whole(&self, tally: Tally, splits: usize) {
        let whole = Whole { tally, splits, finished: HashSet::new() };
        self.state().whole = Some(whole);
    }

    /// Takes the tally of a split that is read on behind `behind`, if it was left there.
    pub(super) fn take(&self, split: SplitId, behind: Option<&String>) -> Option<Tally> {
        let left = self.state().open.remove(&split)?;
        (behind.is_some() && left.behind.as_ref() == behind).then_some(left)
    }

    /// Leaves the tally of a split for the reading that goes on.
    pub(super) fn leave(&self, split: SplitId, tally: &Tally) {
        self.state().open.insert(split, tally.clone());
    }

    /// Takes in a split that was read to its end. Returns the tally of all when it was the last.
    pub(super) fn finish(&self, split: SplitId, tally: &Tally) -> Option<Tally> {
        let mut state = self.state();
        state.open.remove(&split);
        let whole = state.whole.as_mut()?;
        if tally.from_start && whole.finished.insert(split) {
            whole.tally.add(&tally.read);
        }
        let is_last = whole.finished.len() == whole.splits;
        if is_last { state.whole.take().map(|whole| whole.tally) } else { None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    #[test]
    fn the_whole_is_checked_when_every_split_was_read_from_its_start() {
        let tally = |from_start, documents| Tally {
            name: "shop.orders".to_owned(),
            interval: Interval::everything(),
            before: None,
            read: Counts::from([(Bracket::Text, documents)]),
            behind: None,
            from_start,
        };
        let tallies = Tallies::default();
        assert!(tallies.finish(SplitId(9), &tally(true, 1)).is_none(), "none was begun");

        tallies.begin_whole(tally(true, 0), 2);
        assert!(tallies.finish(SplitId(3), &tally(true, 5)).is_none());
        assert!(tallies.finish(SplitId(3), &tally(true, 5)).is_none(), "read twice, counted once");
        assert!(tallies.finish(SplitId(4), &tally(false, 5)).is_none(), "not from its start");
        let whole = tallies.finish(SplitId(4), &tally(true, 7)).unwrap();
        assert_eq!(whole.read, Counts::from([(Bracket::Text, 12)]));
    }

    #[test]
    fn a_tally_is_taken_up_only_where_it_was_left() {
        let mut tally = Tally {
            name: "shop.orders".to_owned(),
            interval: Interval::everything(),
            before: None,
            read: Counts::default(),
            behind: None,
            from_start: true,
        };
        let (tallies, split) = (Tallies::default(), SplitId(1));
        let (here, there) = ("here".to_owned(), "there".to_owned());
        tally.add_page(&Counts::from([(Bracket::Text, 2)]), Some(&here));
        tallies.leave(split, &tally);
        assert!(tallies.take(split, Some(&there)).is_none());
        tallies.leave(split, &tally);
        assert_eq!(tallies.take(split, Some(&here)).unwrap().read[&Bracket::Text], 2);
        tallies.leave(split, &tally);
        assert!(tallies.take(split, None).is_none());
    }
}
