//! Reads stored objects: small ones whole, large ones in order, a few megabytes at a time.
//!
//! Does not own what is in them.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::{Path, PathPart};
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::store_error;

/// Ranges that are fetched ahead of the one being used.
const FETCHES_IN_FLIGHT: usize = 2;

/// A folder of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub store: Arc<dyn ObjectStore>,
    pub prefix: Path,
}

impl Folder {
    /// The path of `below`, which may descend through folders, and climb out of this one by `..`.
    pub(super) fn path(&self, below: &str) -> Path {
        let part = |name| PathPart::parse(name).unwrap_or_else(|_| PathPart::from(name));
        below.split('/').fold(self.prefix.clone(), |path, name| match name {
            ".." => path.parts().take(path.parts().count().saturating_sub(1)).collect(),
            name => path.join(part(name)),
        })
    }

    /// The bytes of the object `below`, or none when there is none.
    ///
    /// # Errors
    /// `Permission` and `Transient` from the store.
    pub(super) async fn read(&self, below: &str) -> Result<Option<Bytes>> {
        let path = self.path(below);
        let found = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(store_error("read a source", &path, error)),
        }
    }

    /// Size and version of the object `below`, or none when there is none.
    ///
    /// # Errors
    /// `Permission` and `Transient` from the store.
    pub(super) async fn stat(&self, below: &str) -> Result<Option<(u64, Option<String>)>> {
        let path = self.path(below);
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some((meta.size, meta.e_tag))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(store_error("look for a source", &path, error)),
        }
    }

    /// The bytes of the object `below` from `start` to `end`, in order, `fetch_bytes` at a time.
    /// When `version` is given, the object must still have it.
    pub(super) fn stream(
        &self,
        below: &str,
        version: Option<String>,
        (start, end): (u64, u64),
        fetch_bytes: u64,
    ) -> BoxStream<'static, Result<Bytes>> {
        let (store, path) = (Arc::clone(&self.store), self.path(below));
        let step = fetch_bytes.max(1);
        let starts = (0..(end.saturating_sub(start)).div_ceil(step)).map(move |i| start + i * step);
        let fetch = move |from: u64| {
            let (store, path, version) = (Arc::clone(&store), path.clone(), version.clone());
            async move {
                let to = (from + step).min(end);
                let options = GetOptions::new().with_range(Some(from..to)).with_if_match(version);
                let fetched = match store.get_opts(&path, options).await {
                    Ok(found) => found.bytes().await,
                    Err(error) => Err(error),
                };
                match fetched {
                    Ok(bytes) if bytes.len() as u64 == to - from => Ok(bytes),
                    Ok(_) | Err(object_store::Error::Precondition { .. }) => Err(changed(&path)),
                    Err(error) => Err(store_error("read a source", &path, error)),
                }
            }
        };
        stream::iter(starts.map(fetch)).buffered(FETCHES_IN_FLIGHT).boxed()
    }
}

fn changed(path: &Path) -> Error {
    Error::new(ErrorKind::Verification, "reading a source: the file changed meanwhile")
        .with("file", path)
        .with_help("nothing was published; run again when the source is no longer written to")
}
