//! A quarantine file while it is written.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;

use crate::error::Result;
use crate::model::{DataFile, FileFormat};
use crate::plan::ParquetCompression;
use crate::sinks::Destination;
use crate::sinks::parquet::properties;
use crate::sinks::upload::{Upload, encoder_error};

use super::schema;

const ROW_GROUP_BYTES: u64 = 64 << 20;

/// A file that is begun with its first row.
pub(super) struct QuarantineWriter<'d> {
    destination: &'d Destination,
    path: String,
    begun: Option<ArrowWriter<Upload>>,
    rows: u64,
}

impl<'d> QuarantineWriter<'d> {
    pub(super) fn new(destination: &'d Destination, path: String) -> Self {
        Self { destination, path, begun: None, rows: 0 }
    }

    /// Adds rows with the columns of a quarantine file.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let path = &self.path;
        let writer = match &mut self.begun {
            Some(writer) => writer,
            None => {
                let properties =
                    properties(ParquetCompression::Zstd, Some(ROW_GROUP_BYTES))?.build();
                let upload = Upload::new(self.destination, path);
                let begun = ArrowWriter::try_new(upload, schema(), Some(properties));
                self.begun.insert(begun.map_err(|e| encoder_error(path, e))?)
            }
        };
        writer.write(rows).map_err(|e| encoder_error(path, e))?;
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    /// Closes the file; there is none without rows.
    pub(super) fn finish(self) -> Result<Option<DataFile>> {
        let Self { path, begun, rows, .. } = self;
        let Some(writer) = begun else { return Ok(None) };
        let uploaded = writer.into_inner().map_err(|e| encoder_error(&path, e))?.finish()?;
        Ok(Some(DataFile {
            path,
            format: FileFormat::Parquet,
            dt: None,
            bytes: uploaded.bytes,
            sha256: uploaded.sha256,
            rows,
            min_key: None,
            max_key: None,
            sums: BTreeMap::new(),
        }))
    }
}
