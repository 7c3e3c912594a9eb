//! The staging place of a run in flight: its folder, its lock and the checkpoint of each
//! finished split.
//!
//! Owns what a crash leaves behind and how the next run takes it over: whole finished splits,
//! never half files. Does not own what the staged files hold (`pipeline`).

mod checkpoint;
mod staging;

pub use checkpoint::{Checkpoint, DaySegment, StagedFile, StagedRun, Verdicts};
pub use staging::{Staging, io_error};
