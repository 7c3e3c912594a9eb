//! Opens the place a URL names as an object store.
//!
//! Does not own what is kept there.
