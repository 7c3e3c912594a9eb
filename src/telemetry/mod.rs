//! What the program tells while it works: counters of a run, and the log.
//!
//! Does not own drawing them (that is `cli`).

pub mod log;
mod progress;

pub use progress::{Progress, Stage};
