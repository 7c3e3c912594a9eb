//! The staging place of a run in flight: its folder, its lock and the checkpoint of each split.
//!
//! Owns what a crash leaves behind and how the next run takes it over: whole finished splits,
//! live splits up to their last checkpoint, never half files. Does not own what the staged files hold (`pipeline`).

mod checkpoint;
mod staging;
mod stale;

pub use checkpoint::{Checkpoint, DaySegment, LiveReading, StagedFile, StagedRun, Verdicts};
pub use staging::{Staging, io_error};
pub use stale::{files_below, staging_folders, stale_staging};
