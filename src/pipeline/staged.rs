//! Staged Arrow files: written whole and synced, read back batch by batch.
//!
//! Does not own what the columns mean nor which files make a split (`state::Checkpoint`).

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;

use crate::error::{Error, ErrorKind, Result};
use crate::state::{StagedFile, io_error};

/// Bytes that go to a file at once. The system clears a page before it takes a part of it, so parts
/// should be few.
const WRITE_BYTES: usize = 256 << 10;

/// A staged file that is being written.
pub(super) struct StagedWriter {
    name: String,
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
}

impl StagedWriter {
    /// Begins the file `name` in `dir`.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub(super) fn create(dir: &Path, name: String, schema: &Schema) -> Result<Self> {
        let path = dir.join(&name);
        let file = File::create(&path).map_err(|e| io_error("begin a staged file", &path, e))?;
        let writer = FileWriter::try_new(BufWriter::with_capacity(WRITE_BYTES, file), schema)
            .map_err(|e| staging_error("begin a staged file", &path, e))?;
        Ok(Self { name, path, writer })
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).map_err(|e| staging_error("write a staged file", &self.path, e))
    }

    /// Ends the file and makes it durable.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub(super) fn finish(self) -> Result<StagedFile> {
        self.end(File::sync_all)
    }

    /// Ends a file that nobody needs after a crash: the system may keep it in memory.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub(super) fn finish_passing(self) -> Result<StagedFile> {
        self.end(|_| Ok(()))
    }

    fn end(self, sync: impl FnOnce(&File) -> std::io::Result<()>) -> Result<StagedFile> {
        let Self { name, path, writer } = self;
        let buffered =
            writer.into_inner().map_err(|e| staging_error("end a staged file", &path, e))?;
        let finish = || -> std::io::Result<u64> {
            let file = buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            sync(&file)?;
            Ok(file.metadata()?.len())
        };
        let bytes = finish().map_err(|e| io_error("end a staged file", &path, e))?;
        Ok(StagedFile { name, bytes })
    }
}

/// A staged file opened for reading: an iterator of its batches, or any of them by index.
pub(super) struct StagedReader {
    path: PathBuf,
    reader: FileReader<BufReader<File>>,
}

impl StagedReader {
    /// Opens `file` in `dir`.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub(super) fn open(dir: &Path, file: &StagedFile) -> Result<Self> {
        let path = dir.join(&file.name);
        let opened = File::open(&path).map_err(|e| io_error("open a staged file", &path, e))?;
        let reader = FileReader::try_new(BufReader::new(opened), None)
            .map_err(|e| staging_error("open a staged file", &path, e))?;
        Ok(Self { path, reader })
    }

    /// The batch at `index`, from where the iterator goes on.
    ///
    /// # Errors
    /// `Transient` when the file cannot be read, `Unexpected` when it has no such batch.
    pub(super) fn batch(&mut self, index: usize) -> Result<RecordBatch> {
        self.reader
            .set_index(index)
            .map_err(|e| staging_error("read a staged file", &self.path, e))?;
        self.next().unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unexpected, "a staged file ended early")
                .with("path", self.path.display()))
        })
    }
}

impl Iterator for StagedReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|e| staging_error("read a staged file", &self.path, e)))
    }
}

/// Removes `file` from `dir`.
///
/// # Errors
/// `Permission` or `Transient` from the file system.
pub(super) fn remove(dir: &Path, file: &StagedFile) -> Result<()> {
    let path = dir.join(&file.name);
    std::fs::remove_file(&path).map_err(|e| io_error("remove a staged file", &path, e))
}

fn staging_error(doing: &str, path: &Path, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, cause) => io_error(doing, path, cause),
        other => Error::new(ErrorKind::Unexpected, format!("could not {doing}"))
            .with("path", path.display())
            .with_source(other),
    }
}
