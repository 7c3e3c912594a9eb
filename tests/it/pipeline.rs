//! Whole runs: from files of a source to a published day, and what must never happen on the way.

mod account;
mod cases;
mod changes;
mod erasure;
pub mod harness;
mod interrupted;
mod markers;
pub mod people;
mod privacy;
mod published;
mod rates;
mod refused;
mod replay;
mod retention;
mod reworked;
mod zones;
