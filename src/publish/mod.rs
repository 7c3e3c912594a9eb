//! Publishing: the log of commit records, the one act that adds to it, and views made from it.
//!
//! Owns the protocol and the form of the record. Does not own the files that records name
//! (`sinks`) nor the decision to publish or to remove (`pipeline`). No record is ever deleted, and a
//! data file only after a record has taken it out.

#[cfg(test)]
mod fixtures;
mod intent;
mod inventory;
mod key;
mod latest;
mod log;
mod probe;
mod quarantine;
mod record;
mod removal;
mod store;
mod verify;

pub use intent::{Intent, mark_done, write_intent};
pub use inventory::{FoundObject, Inventory, ObjectKind};
pub use key::idempotency_key;
pub use latest::refresh_latest;
pub use log::{Appended, Log, find_published, in_force, live_days, live_files, published_by};
pub use probe::require_create_if_absent;
pub use quarantine::{Discarded, QuarantineFile, QuarantineLog, Replayed, ReplayedRows, TakenRows};
pub use record::{CommitRecord, Committed, ContractIdentity, DayEntry};
pub use removal::{
    Removal, RemovalCause, RemovedKind, RemovedObject, delete_objects, removed_paths,
};
pub use store::Patience;
pub use verify::{missing_files, verify_log};
