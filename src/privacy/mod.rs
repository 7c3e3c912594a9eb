//! Pseudonyms and suppression marks: keyed hashes of values that tell a person, and the keys.
//!
//! Pure: the text of a key file comes in, hashes go out. Does not own which fields are personal
//! (`catalog`), the columns that hold pseudonyms (`transform`) nor where a key file lies
//! (`config`).

mod key_file;
mod keys;

pub use key_file::new_key_file;
pub use keys::{KeyRing, KeyedHash, MIN_SECRET_BYTES};
