//! Written objects as readers want them: by ranges or as a stream, a block in memory at a time.
//!
//! A reader of Parquet or CSV turns a failure of the store into an error of its own and loses
//! its kind; [`StoredObject::unreadable`] finds it again.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::model::DataFile;
use crate::storage::{below, store_error};

use super::Destination;

/// Bytes fetched at once.
const BLOCK_BYTES: u64 = 1 << 20;

/// An object of the store, opened to be read.
#[derive(Clone)]
pub(crate) struct StoredObject {
    destination: Destination,
    name: Arc<str>,
    path: Path,
    pub bytes: u64,
    failure: Arc<Mutex<Option<Error>>>,
}

impl StoredObject {
    /// Opens the object at `name` below the destination's root.
    ///
    /// # Errors
    /// `Verification` when it is missing, `Permission` and `Transient` from the store.
    pub fn open(destination: &Destination, name: &str) -> Result<Self> {
        let path = below(&destination.root, name);
        let meta = destination.runtime.block_on(destination.store.head(&path));
        let bytes = meta.map_err(|e| store_error("open", &path, e))?.size;
        let name = Arc::from(name);
        Ok(Self { destination: destination.clone(), name, path, bytes, failure: Arc::default() })
    }

    /// Its path below the destination's root.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A stream from `offset` to the end.
    pub fn reader(&self, offset: u64) -> ObjectReader {
        ObjectReader { object: self.clone(), offset, block: Bytes::new() }
    }

    /// A reader of Parquet that takes the schema from the file's own types, as readers do that
    /// know nothing of Arrow.
    ///
    /// # Errors
    /// As [`StoredObject::unreadable`].
    pub fn parquet(&self) -> Result<ParquetRecordBatchReaderBuilder<Self>> {
        // With the places of pages known, a page is one request instead of two.
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_offset_index_policy(PageIndexPolicy::Required);
        ParquetRecordBatchReaderBuilder::try_new_with_options(self.clone(), options)
            .map_err(|e| self.unreadable(e))
    }

    /// Reads every byte and gives their SHA-256 (hex). Bytes that are not those that were written
    /// are never given to a decoder.
    ///
    /// # Errors
    /// `Verification` when size or hash are not those of `file`, `Permission` and `Transient`
    /// from the store.
    pub fn require_unaltered(&self, file: &DataFile) -> Result<String> {
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < self.bytes {
            let block = self.range(offset, BLOCK_BYTES)?;
            if block.is_empty() {
                break;
            }
            hash.update(&block);
            offset += block.len() as u64;
        }
        let sha256 = hex::encode(hash.finalize());
        let what = match (self.bytes == file.bytes, sha256 == file.sha256) {
            (true, true) => return Ok(sha256),
            (false, _) => "size",
            (true, false) => "SHA-256",
        };
        Err(Error::new(ErrorKind::Verification, "a file is not the one that was written")
            .with("file", &file.path)
            .with("differs in", what))
    }

    /// What a decoder's error means: the store's failure below it, or a file that is not what it
    /// should be.
    pub fn unreadable(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        let failure = self.failure.lock().ok().and_then(|mut failure| failure.take());
        failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Verification, "a file cannot be read back")
                .with("file", self.name())
                .with_source(error)
        })
    }

    fn range(&self, offset: u64, length: u64) -> Result<Bytes> {
        let end = self.bytes.min(offset.saturating_add(length));
        if offset >= end {
            return Ok(Bytes::new());
        }
        let store = &self.destination.store;
        (self.destination.runtime)
            .block_on(store.get_range(&self.path, offset..end))
            .map_err(|e| store_error("read", &self.path, e))
    }

    /// A range for a decoder: a failure is kept for [`StoredObject::unreadable`].
    fn range_for_decoder(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        self.range(offset, length).map_err(|error| {
            let text = error.to_string();
            if let Ok(mut failure) = self.failure.lock() {
                *failure = Some(error);
            }
            io::Error::other(text)
        })
    }
}

impl Length for StoredObject {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for StoredObject {
    type T = ObjectReader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<ObjectReader> {
        Ok(self.reader(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.range_for_decoder(start, length as u64)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(ParquetError::EOF("the file ends within a page".to_owned()))
        }
    }
}

/// A stream over an object, a block in memory at a time.
pub(crate) struct ObjectReader {
    object: StoredObject,
    offset: u64,
    block: Bytes,
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            self.block = self.object.range_for_decoder(self.offset, BLOCK_BYTES)?;
            self.offset += self.block.len() as u64;
        }
        let length = out.len().min(self.block.len());
        self.block.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}
