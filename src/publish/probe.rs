//! Whether a store keeps the one promise that publishing rests on.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{below, store_error};

/// Puts one object twice with "create if absent"; the second must be refused. Some stores take
/// the condition and ignore it, and two runs would both believe that they published.
///
/// # Errors
/// `Usage` when the store does not enforce it, `Permission` and `Transient` from the store.
pub async fn require_create_if_absent(store: &Arc<dyn ObjectStore>, root: &Path) -> Result<()> {
    let path = below(root, "_runs/_probe");
    let create = || PutOptions::from(PutMode::Create);
    for _ in 0..2 {
        match store.put_opts(&path, "probe\n".into(), create()).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => return Ok(()),
            Err(e) => return Err(store_error("write to the target", &path, e)),
        }
    }
    Err(Error::new(ErrorKind::Usage, "the store overwrites what should only be created if absent")
        .with("object", path)
        .with_help("publish to a store that enforces conditional writes"))
}
