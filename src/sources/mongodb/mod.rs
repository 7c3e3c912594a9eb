//! Rows of MongoDB collections.

mod collection;
mod dump;
mod hop;
mod sidecar;

pub use collection::{LiveCollection, open_collection};
pub use dump::{Mongodump, Stated};
