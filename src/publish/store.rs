//! Calls to the object store: reading an object, and creating one so that in the end it is known
//! whose it is.
//!
//! Does not own paths below the root nor what is kept there.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::store_error;

/// How long to go on when the store does not give a clear answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tries, at least 1.
    pub tries: u32,
    /// Pause before the second try; it doubles before each further one, up to 10 seconds.
    pub first_pause: Duration,
    /// Time after which a call counts as lost.
    pub call: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 10, first_pause: Duration::from_millis(100), call: Duration::from_secs(60) }
    }
}

impl Patience {
    /// Waits before try `number`, counted from 0: not at all before the first.
    pub(super) async fn wait_before(self, number: u32) {
        if let Some(doublings) = number.checked_sub(1) {
            let pause = self.first_pause.saturating_mul(2_u32.saturating_pow(doublings));
            tokio::time::sleep(pause.min(Duration::from_secs(10))).await;
        }
    }

    pub(super) async fn limit<T>(
        self,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        tokio::time::timeout(self.call, call).await.unwrap_or_else(|lost| {
            Err(StoreError::Generic { store: "timeout", source: Box::new(lost) })
        })
    }
}

/// Whose an object is that was to be created.
pub(super) enum Created {
    /// It holds our bytes.
    Ours,
    /// It was there before, with these bytes.
    Theirs(Bytes),
    /// It may have been created, or may yet be.
    Unknown(Error),
}

/// Creates an object if it is absent. A failure of the store proves nothing: the reply may have
/// been lost after the object was created, or the store's client may have tried twice and met
/// its own first try. So the object is read back, and its bytes tell whose it is.
///
/// # Errors
/// `Permission` and `Usage` when the store refused before the object could have been created.
pub(super) async fn create(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    bytes: &Bytes,
    doing: &str,
    patience: Patience,
) -> Result<Created> {
    let mut doubt = None;
    for number in 0..patience.tries {
        patience.wait_before(number).await;
        let mode = PutOptions::from(PutMode::Create);
        match patience.limit(store.put_opts(path, bytes.clone().into(), mode)).await {
            Ok(_) => return Ok(Created::Ours),
            Err(fault) => {
                let error = refusal(doing, path, fault);
                if doubt.is_none() && error.kind() != ErrorKind::Transient {
                    return Err(error);
                }
                doubt = Some(error);
            }
        }
        match patience.limit(get(store, path)).await {
            Ok(found) if found == *bytes => return Ok(Created::Ours),
            Ok(found) => return Ok(Created::Theirs(found)),
            Err(StoreError::NotFound { .. }) => {}
            Err(fault) => doubt = Some(store_error(doing, path, fault)),
        }
        tracing::debug!(%path, tried = number + 1, "the store left open whether it created the object");
    }
    let untried = || Error::new(ErrorKind::Unexpected, "no try was allowed");
    Ok(Created::Unknown(doubt.unwrap_or_else(untried)))
}

/// The bytes of an object.
pub(super) async fn get(store: &Arc<dyn ObjectStore>, path: &Path) -> object_store::Result<Bytes> {
    store.get(path).await?.bytes().await
}

/// `Transient` unless the call can have had no effect, and never will.
fn refusal(doing: &str, path: &Path, fault: StoreError) -> Error {
    match fault {
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => {
            Error::new(ErrorKind::Usage, format!("could not {doing}: the store has no such call"))
                .with("object", path)
                .with_source(fault)
        }
        // Not the object that is missing: a folder or bucket, which may come back.
        StoreError::NotFound { .. } => {
            Error::new(ErrorKind::Transient, format!("could not {doing}"))
                .with("object", path)
                .with_source(fault)
        }
        fault => store_error(doing, path, fault),
    }
}
