//! Bytes on their way to the store: hashed as they pass, sent in parts, held in bounded memory.

use std::io;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutMode, PutOptions};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result, causes};
use crate::storage::{below, store_error};

use super::Destination;

/// Size of a part, and of what is sent in one request when there is only one.
const PART_BYTES: usize = 8 << 20;

/// An object that is being written.
pub(super) struct Upload {
    destination: Destination,
    path: Path,
    part: Vec<u8>,
    parts: Option<Box<dyn MultipartUpload>>,
    hash: Sha256,
    bytes: u64,
}

/// What was written.
pub(super) struct Uploaded {
    pub bytes: u64,
    pub sha256: String,
}

impl Upload {
    /// Begins the object at `path` below the destination's root.
    pub fn new(destination: &Destination, path: &str) -> Self {
        Self {
            destination: destination.clone(),
            path: below(&destination.root, path),
            part: Vec::new(),
            parts: None,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Sends what is left and completes the object.
    ///
    /// # Errors
    /// `Conflict` when the object exists already, `Permission` and `Transient` from the store.
    pub fn finish(mut self) -> Result<Uploaded> {
        if self.parts.is_some() {
            self.send_part()?;
        }
        let runtime = self.destination.runtime.clone();
        let sent = match &mut self.parts {
            Some(parts) => runtime.block_on(parts.complete()).map(drop),
            None => {
                let part = std::mem::take(&mut self.part);
                let create = PutOptions::from(PutMode::Create);
                runtime
                    .block_on(self.destination.store.put_opts(&self.path, part.into(), create))
                    .map(drop)
            }
        };
        sent.map_err(|e| self.error(e))?;
        let sha256 = hex::encode(std::mem::take(&mut self.hash).finalize());
        self.parts = None;
        Ok(Uploaded { bytes: self.bytes, sha256 })
    }

    fn send_part(&mut self) -> Result<()> {
        let runtime = self.destination.runtime.clone();
        let part = std::mem::take(&mut self.part);
        if part.is_empty() {
            return Ok(());
        }
        if self.parts.is_none() {
            let begun = runtime.block_on(self.destination.store.put_multipart(&self.path));
            self.parts = Some(begun.map_err(|e| self.error(e))?);
        }
        if let Some(parts) = &mut self.parts {
            let sending = parts.put_part(part.into());
            runtime.block_on(sending).map_err(|e| self.error(e))?;
        }
        Ok(())
    }

    fn error(&self, error: object_store::Error) -> Error {
        match error {
            object_store::Error::AlreadyExists { .. } => {
                Error::new(ErrorKind::Conflict, "a file of this run exists already")
                    .with("object", &self.path)
                    .with_source(error)
            }
            error => store_error("write", &self.path, error),
        }
    }
}

impl io::Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.send_part().map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // parts go when they are full
    }
}

/// An upload that is dropped before it is finished leaves no pending parts behind.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            // What could not be aborted is removed by the store's own clean-up of old uploads.
            let _ = self.destination.runtime.block_on(parts.abort());
        }
    }
}

/// Finds our own error again below an encoder's, so that its kind is not lost.
pub(super) fn encoder_error<E>(path: &str, error: E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    let own_kind = |cause: &(dyn std::error::Error + 'static)| {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
        let own = match wrapped {
            Some(wrapped) => wrapped.downcast_ref::<Error>(),
            None => cause.downcast_ref::<Error>(),
        };
        own.map(Error::kind)
    };
    let kind = own_kind(&error).or_else(|| causes(&error).find_map(own_kind));
    let (kind, doing) = match kind {
        Some(kind) => (kind, "could not write a file"),
        None => (ErrorKind::Unexpected, "could not encode rows"),
    };
    Error::new(kind, doing).with("file", path).with_source(error)
}
