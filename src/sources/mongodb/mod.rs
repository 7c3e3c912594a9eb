//! Rows of MongoDB collections.

mod brackets;
mod collection;
mod connect;
mod count;
mod cursor;
mod dump;
mod faults;
mod get;
mod hop;
mod ids;
mod load;
mod query;
mod ranges;
mod reply;
mod sidecar;
mod slice;
mod snapshot;
mod tally;

pub use collection::{LiveCollection, open_collection};
pub use connect::is_on_this_machine;
pub use dump::{Mongodump, Stated};
pub use get::find_one;
pub use load::{Loaded, insert_all};
