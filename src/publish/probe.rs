//! Whether a store keeps the one promise that publishing rests on.

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, PutMode, PutOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{below, store_error};

use super::store::Patience;

/// How long a store is asked.
const PATIENCE: Patience =
    Patience { tries: 4, first_pause: Duration::from_millis(100), call: Duration::from_secs(60) };

/// Creates one object twice; the second time must be refused. Some stores take the condition and
/// ignore it, and two runs would both believe that they published. The object stays: a later
/// probe is one call. A reply that is lost costs another one and proves nothing.
///
/// # Errors
/// `Usage` when the store does not enforce it, `Permission` and `Transient` from the store.
pub async fn require_create_if_absent(store: &Arc<dyn ObjectStore>, root: &Path) -> Result<()> {
    let path = below(root, "_runs/_probe");
    let (mut created, mut faults) = (0, 0);
    while created < 2 {
        PATIENCE.wait_before(faults).await;
        let create = PutOptions::from(PutMode::Create);
        match PATIENCE.limit(store.put_opts(&path, "probe\n".into(), create)).await {
            Ok(_) => created += 1,
            Err(StoreError::AlreadyExists { .. }) => return Ok(()),
            Err(StoreError::NotSupported { .. } | StoreError::NotImplemented { .. }) => break,
            Err(fault) => {
                let error = store_error("write to the target", &path, fault);
                faults += 1;
                if error.kind() != ErrorKind::Transient || faults == PATIENCE.tries {
                    return Err(error);
                }
            }
        }
    }
    let message = "concurrent publishing is refused: the store does not keep to create-if-absent, \
                   and two runs could each believe that they published";
    Err(Error::new(ErrorKind::Usage, message)
        .with("object", path)
        .with_help("publish to a store that enforces If-None-Match on PutObject, as S3 does"))
}
