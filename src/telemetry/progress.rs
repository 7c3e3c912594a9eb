//! What a run tells while it works: counters that the command line polls.
//!
//! They are updated by the pipeline and read by whoever draws; nobody waits on them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Stage a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Stage {
    /// Listing and checking the sources.
    Planning = 0,
    /// Reading, decoding, validating, sorting.
    Extracting = 1,
    /// Deciding between copies of a key.
    Deduplicating = 2,
    /// Merging days, writing files, and re-reading those that are complete.
    Writing = 3,
    /// Re-reading files when all are written, and holding the whole against the ledger.
    Verifying = 4,
    /// Committing and refreshing views.
    Publishing = 5,
}

impl Stage {
    /// What people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Extracting => "extracting",
            Self::Deduplicating => "deduplicating",
            Self::Writing => "writing",
            Self::Verifying => "verifying",
            Self::Publishing => "publishing",
        }
    }
}

/// When the stage of a run was entered, and what the ones before it took.
#[derive(Debug, Default)]
struct StageClock {
    current: Option<(Stage, Instant)>,
    spent: BTreeMap<Stage, Duration>,
}

impl StageClock {
    fn enter(&mut self, stage: Stage) {
        let now = Instant::now();
        if let Some((left, since)) = self.current.replace((stage, now)) {
            *self.spent.entry(left).or_default() += now - since;
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Counters of one run, shared between its workers and whoever shows progress.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    clock: Mutex<StageClock>,
    /// Source bytes to read in all, as stored.
    pub bytes_total: AtomicU64,
    /// Source bytes read, as stored.
    pub bytes_done: AtomicU64,
    /// Splits in all.
    pub splits_total: AtomicU64,
    /// Splits finished.
    pub splits_done: AtomicU64,
    /// Rows read.
    pub rows_read: AtomicU64,
    /// Rows refused so far.
    pub rows_rejected: AtomicU64,
    /// Rows written to files.
    pub rows_written: AtomicU64,
    /// Time that threads spent re-reading files, added up over them, microseconds.
    reread_us: AtomicU64,
    /// Set when the run should drain, checkpoint and stop.
    pub stop: AtomicBool,
}

impl Progress {
    /// Enters a stage. The time until the next one is entered is the stage's.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.clock().enter(stage);
    }

    /// Wall time spent in each stage that was entered so far, milliseconds.
    #[must_use]
    pub fn stage_ms(&self) -> BTreeMap<Stage, u64> {
        let mut clock = self.clock();
        clock.enter(self.stage());
        clock.spent.iter().map(|(stage, spent)| (*stage, milliseconds(*spent))).collect()
    }

    /// Does `reread`, and counts the time it takes on this thread.
    pub fn rereading<T>(&self, reread: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = reread();
        let spent_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.reread_us.fetch_add(spent_us, Ordering::Relaxed);
        done
    }

    /// Time that threads spent re-reading files so far, added up over them, milliseconds.
    #[must_use]
    pub fn reread_thread_ms(&self) -> u64 {
        self.reread_us.load(Ordering::Relaxed) / 1_000
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, StageClock> {
        self.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The stage the run is in.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Planning,
            1 => Stage::Extracting,
            2 => Stage::Deduplicating,
            3 => Stage::Writing,
            4 => Stage::Verifying,
            _ => Stage::Publishing,
        }
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_belongs_to_the_stage_it_was_spent_in() {
        let progress = Progress::default();
        progress.enter(Stage::Extracting);
        std::thread::sleep(Duration::from_millis(20));
        progress.enter(Stage::Writing);
        let spent = progress.stage_ms();
        assert!(spent[&Stage::Extracting] >= 20, "{spent:?}");
        assert!(spent.keys().eq(&[Stage::Extracting, Stage::Writing]), "{spent:?}");
    }
}
