//! `consign` exports orders from DynamoDB and MongoDB into validated Parquet and CSV.
//!
//! The promise: a number in the warehouse is exactly the number in the source, every row is
//! accounted for, and a reader never sees half a day.
//!
//! ```text
//! Split ─read─▶ RawPage ─decode─▶ Batch ─steps─▶ Batch ─sort─▶ run ═merge═▶ DataFile ─commit─▶ commit record
//!       tokio   bytes+position  rayon, pure   rows+verdicts  per split    per day           one create-if-absent
//! ```
//!
//! The modules, in reading order; each may use those above it, never those below:

pub mod error;

pub mod catalog;
pub mod model;

pub mod fx;
pub mod plan;
pub mod privacy;
pub mod report;
pub mod storage;
pub mod telemetry;

pub mod config;
pub mod decode;
pub mod transform;

pub mod publish;
pub mod sinks;
pub mod sources;
pub mod state;

pub mod pipeline;

pub mod cli;
