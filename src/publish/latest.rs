//! The derived view `latest/`: the newest version of each day under names that never change, for
//! readers that know paths only.
//!
//! Derived means: made from the log alone, at any time, as often as one likes. It is not what
//! publishes, and while it is refreshed a reader of two files may see two versions; each file is
//! always whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::TryStreamExt;
use jiff::civil::Date;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::DataFile;
use crate::storage::store_error;

use super::log::live_days;
use super::record::Committed;

/// What a day of the view was made from; a file that readers of Parquet and CSV skip.
const VERSION_FILE: &str = "_version.json";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    run_id: String,
    files: BTreeMap<String, String>, // SHA-256 by file name
}

/// Brings `latest/` up to the log: days that changed are copied, new files first, then files
/// that no longer belong there are removed. Gives the folders of all days, ascending.
///
/// # Errors
/// `Verification` when a file of a record is missing, `Permission` and `Transient` from the
/// store. What is published stays published; running again repairs the view.
pub async fn refresh_latest(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    records: &[Committed],
) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    for (day, seq) in live_days(records) {
        let Some(committed) = records.iter().find(|c| c.record.seq == seq) else { continue };
        let files: Vec<&DataFile> =
            committed.record.files.iter().filter(|file| file.dt == Some(day)).collect();
        refresh_day(store, root, day, &committed.record.run_id, &files).await?;
        folders.push(format!("latest/dt={day}"));
    }
    Ok(folders)
}

async fn refresh_day(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    day: Date,
    run_id: &str,
    files: &[&DataFile],
) -> Result<()> {
    let folder = root.clone().join("latest").join(format!("dt={day}"));
    let mut version = Version { run_id: run_id.to_owned(), files: BTreeMap::new() };
    for file in files {
        version.files.insert(file_name(file)?.to_owned(), file.sha256.clone());
    }
    let present = list(store, &folder).await?;
    let wanted: BTreeSet<&str> = version.files.keys().map(String::as_str).collect();
    let all_there = present.iter().map(String::as_str).filter(|n| *n != VERSION_FILE).eq(wanted);
    if all_there && read_version(store, &folder).await?.as_ref() == Some(&version) {
        return Ok(());
    }
    for file in files {
        let from = Path::from_iter(root.parts().chain(Path::from(file.path.as_str()).parts()));
        let to = folder.clone().join(file_name(file)?);
        store.copy(&from, &to).await.map_err(|e| store_error("refresh the view", &to, e))?;
    }
    for name in present.iter().filter(|name| !version.files.contains_key(*name)) {
        let stale = folder.clone().join(name.as_str());
        match store.delete(&stale).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(store_error("remove an old file of the view", &stale, e)),
        }
    }
    let path = folder.join(VERSION_FILE);
    let text = serde_json::to_vec_pretty(&version)
        .or_err(ErrorKind::Unexpected, "could not write the version of the view")?;
    store
        .put(&path, text.into())
        .await
        .map_err(|e| store_error("write the version of the view", &path, e))?;
    Ok(())
}

async fn list(store: &Arc<dyn ObjectStore>, folder: &Path) -> Result<BTreeSet<String>> {
    let found: Vec<_> = (store.list(Some(folder)))
        .try_collect()
        .await
        .map_err(|e| store_error("list the view", folder, e))?;
    Ok(found.iter().filter_map(|o| o.location.filename().map(str::to_owned)).collect())
}

/// The version that the view was made from; `None` when there is none that can be read.
async fn read_version(store: &Arc<dyn ObjectStore>, folder: &Path) -> Result<Option<Version>> {
    let path = folder.clone().join(VERSION_FILE);
    let bytes = match store.get(&path).await {
        Ok(found) => found.bytes().await,
        Err(e) => Err(e),
    };
    match bytes {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(e) => Err(store_error("read the version of the view", &path, e)),
    }
}

fn file_name(file: &DataFile) -> Result<&str> {
    file.path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Verification, "a commit record names a file without a name")
    })
}
