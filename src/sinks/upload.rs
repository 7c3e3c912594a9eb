//! Bytes on their way to the store: hashed as they pass, sent in parts, held in bounded memory.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error as StoreError, Extensions, MultipartUpload, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutResult,
};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::error::{Error, ErrorKind, Result, causes};
use crate::storage::{CreateOnly, below, store_error};

use super::Destination;

/// Size of the first parts, and of what is sent in one request when there is only one.
const PART_BYTES: usize = 8 << 20;
/// Parts after which they grow by that size: S3 takes 10,000 of them, 429 GiB in all.
const PARTS_OF_A_SIZE: usize = 1_000;
/// Bytes under way at a time, besides the part that is being filled.
const BYTES_IN_FLIGHT: usize = 16 << 20;
/// Bytes that a file may hold on its way to the store: those, and the part that is being filled.
pub(crate) const UPLOAD_BYTES: usize = PART_BYTES + BYTES_IN_FLIGHT;
/// How often an object is completed when the store leaves open whether it was.
const TRIES: u32 = 4;
/// Pause before the second try; it doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An object that is being written.
pub(super) struct Upload {
    destination: Destination,
    path: Path,
    part: Vec<u8>,
    parts: Option<Box<dyn MultipartUpload>>,
    begun_parts: usize,
    in_flight: JoinSet<object_store::Result<()>>,
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
            begun_parts: 0,
            in_flight: JoinSet::new(),
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
            while !self.in_flight.is_empty() {
                self.await_part()?;
            }
        }
        let sha256 = hex::encode(std::mem::take(&mut self.hash).finalize());
        self.conclude(&sha256)?;
        self.parts = None;
        Ok(Uploaded { bytes: self.bytes, sha256 })
    }

    /// Begins to send the part, once there is room for it among those in flight.
    fn send_part(&mut self) -> Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        if self.parts.is_none() {
            let mut extensions = Extensions::new();
            extensions.insert(CreateOnly);
            let options = PutMultipartOptions { extensions, ..PutMultipartOptions::default() };
            let begin = self.destination.store.put_multipart_opts(&self.path, options);
            let begun = self.destination.runtime.block_on(begin);
            self.parts = Some(begun.map_err(|e| self.error(e))?);
        }
        while self.in_flight.len() >= (BYTES_IN_FLIGHT / part_bytes(self.begun_parts)).max(1) {
            self.await_part()?;
        }
        let part = std::mem::take(&mut self.part);
        if let Some(parts) = &mut self.parts {
            self.in_flight.spawn_on(parts.put_part(part.into()), &self.destination.runtime);
            self.begun_parts += 1;
        }
        Ok(())
    }

    /// Waits until one of the parts in flight has arrived.
    fn await_part(&mut self) -> Result<()> {
        match self.destination.runtime.block_on(self.in_flight.join_next()) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.error(error)),
            Some(Err(error)) => Err(Error::new(ErrorKind::Unexpected, "could not send a part")
                .with("object", &self.path)
                .with_source(error)),
        }
    }

    /// Completes the object. A lost reply proves nothing: what lies there is compared with what
    /// was sent, and the call is made again when that is something else or nothing.
    fn conclude(&mut self, sha256: &str) -> Result<()> {
        let runtime = self.destination.runtime.clone();
        let only_part = Bytes::from(std::mem::take(&mut self.part));
        let (mut tried, mut pause) = (1, FIRST_PAUSE);
        loop {
            let Err(fault) = runtime.block_on(self.complete(&only_part)) else { return Ok(()) };
            let is_clear = !matches!(fault, StoreError::Generic { .. });
            if is_clear && tried == 1 {
                return Err(self.error(fault));
            }
            if runtime.block_on(self.is_stored(sha256)) {
                return Ok(());
            }
            if is_clear || tried == TRIES {
                return Err(self.error(fault));
            }
            tracing::debug!(path = %self.path, tried, "the store left open whether it has the file");
            runtime.block_on(async { tokio::time::sleep(pause).await });
            (tried, pause) = (tried + 1, pause * 2);
        }
    }

    async fn complete(&mut self, only_part: &Bytes) -> object_store::Result<PutResult> {
        match &mut self.parts {
            Some(parts) => parts.complete().await,
            None => {
                let (part, create) = (only_part.clone(), PutOptions::from(PutMode::Create));
                self.destination.store.put_opts(&self.path, part.into(), create).await
            }
        }
    }

    /// Whether the store has the very bytes that were sent.
    async fn is_stored(&self, sha256: &str) -> bool {
        let read = async {
            let found = self.destination.store.get(&self.path).await?;
            if found.meta.size != self.bytes {
                return Ok(false);
            }
            let hash = |mut hash: Sha256, chunk: Bytes| async move {
                hash.update(&chunk);
                Ok(hash)
            };
            let hash = found.into_stream().try_fold(Sha256::new(), hash).await?;
            Ok::<_, StoreError>(hex::encode(hash.finalize()) == sha256)
        };
        read.await.unwrap_or(false)
    }

    fn error(&self, error: StoreError) -> Error {
        match error {
            StoreError::AlreadyExists { .. } => {
                Error::new(ErrorKind::Conflict, "a file of this run exists already")
                    .with("object", &self.path)
                    .with_source(error)
            }
            error => store_error("write", &self.path, error),
        }
    }
}

/// Size of the part that follows `begun_parts` others.
fn part_bytes(begun_parts: usize) -> usize {
    PART_BYTES * (1 + begun_parts / PARTS_OF_A_SIZE)
}

impl io::Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part_bytes = part_bytes(self.begun_parts);
        let taken = bytes.len().min(part_bytes - self.part.len());
        let (bytes, _) = bytes.split_at(taken);
        if self.part.is_empty() {
            self.part.reserve_exact(part_bytes);
        }
        self.hash.update(bytes);
        self.bytes += taken as u64;
        self.part.extend_from_slice(bytes);
        if self.part.len() == part_bytes {
            self.send_part().map_err(io::Error::other)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // parts go when they are full
    }
}

/// An upload that is dropped before it is finished leaves no pending parts behind.
impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let in_flight = &mut self.in_flight;
        self.destination.runtime.block_on(async {
            in_flight.shutdown().await;
            // What could not be aborted is in the list of pending uploads.
            let _ = parts.abort().await;
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_any_file_and_each_stays_small() {
        let total: usize = (0..10_000).map(part_bytes).sum();
        assert!(total > 429 << 30, "{total}");
        assert_eq!(
            (part_bytes(0), part_bytes(999), part_bytes(1_000)),
            (8 << 20, 8 << 20, 16 << 20)
        );
    }
}
