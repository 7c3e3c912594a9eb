//! Rows of MongoDB collections.

mod dump;
mod hop;
mod sidecar;

pub use dump::{Mongodump, Stated};
