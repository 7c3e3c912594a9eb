//! Word of a run that writes: left before its first file, closed after its commit, so that files
//! of a run that died can be told from those of one that still works.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::storage::store_error;

use super::store::{self, Created, Patience};

/// What a run says before it writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The run; its files lie in folders called `v-<run_id>`.
    pub run_id: String,
    /// Name of its job.
    pub job: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
}

/// Creates `_runs/<run_id>/intent.json`.
///
/// # Errors
/// `Conflict` when another run has the same id, `Permission` and `Transient` from the store.
pub async fn write_intent(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    intent: &Intent,
) -> Result<()> {
    let path = root.clone().join("_runs").join(intent.run_id.as_str()).join("intent.json");
    let text = serde_json::to_vec_pretty(intent)
        .or_err(ErrorKind::Unexpected, "could not write what the run intends")?;
    let (doing, patience) = ("leave word of the run", Patience::default());
    match store::create(store, &path, &text.into(), doing, patience).await? {
        Created::Ours => Ok(()),
        Created::Theirs(_) => {
            Err(Error::new(ErrorKind::Conflict, "another run has the id of this one")
                .with("run", &intent.run_id))
        }
        Created::Unknown(doubt) => Err(doubt),
    }
}

/// Creates `_runs/<run_id>/done.json`: nothing of the run is in flight any more.
///
/// # Errors
/// `Permission` and `Transient` from the store.
pub async fn mark_done(store: &Arc<dyn ObjectStore>, root: &Path, run_id: &str) -> Result<()> {
    let path = root.clone().join("_runs").join(run_id).join("done.json");
    store
        .put(&path, "{}\n".into())
        .await
        .map_err(|e| store_error("mark the run as done", &path, e))?;
    Ok(())
}
