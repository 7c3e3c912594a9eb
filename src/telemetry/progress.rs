//! What a run tells while it works: counters that the command line polls.
//!
//! They are updated by the pipeline and read by whoever draws; nobody waits on them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Stage a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Listing and checking the sources.
    Planning = 0,
    /// Reading, decoding, validating, sorting.
    Extracting = 1,
    /// Deciding between copies of a key.
    Deduplicating = 2,
    /// Merging days and writing files.
    Writing = 3,
    /// Re-reading every file.
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

/// Counters of one run, shared between its workers and whoever shows progress.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
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
    /// Set when the run should drain, checkpoint and stop.
    pub stop: AtomicBool,
}

impl Progress {
    /// Enters a stage.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
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
