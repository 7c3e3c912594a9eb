//! Parquet files, by the `parquet` crate.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use crate::catalog::Contract;
use crate::error::{ErrorKind, Result, ResultExt};
use crate::plan::ParquetCompression;

use super::encodings::encoded;
use super::upload::{Upload, Uploaded, encoder_error};

/// Higher levels cost more time than they save bytes on orders.
const ZSTD_LEVEL: i32 = 1;

/// What every file says about itself. Holds nothing that differs between two equal runs.
#[derive(Debug, Clone)]
pub struct FileMetadata(Vec<(&'static str, String)>);

impl FileMetadata {
    /// The metadata of files of `contract`, whose times were told by `tzdb_version` and whose
    /// amounts by the exchange-rate table with the given hash.
    #[must_use]
    pub fn new(contract: &Contract, tzdb_version: &str, fx_table_sha256: Option<&str>) -> Self {
        Self(vec![
            ("consign.contract", contract.label()),
            ("consign.contract_version", contract.version.clone()),
            ("consign.contract_sha256", contract.sha256.clone()),
            ("consign.schema_fingerprint", contract.schema_fingerprint()),
            ("consign.tzdb", tzdb_version.to_owned()),
            ("consign.fx_table", fx_table_sha256.unwrap_or("none").to_owned()),
        ])
    }

    fn key_values(&self) -> Vec<KeyValue> {
        self.0.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect()
    }
}

/// A Parquet file that is being written. The columns of a row group are encoded side by side by the
/// worker threads that have nothing else to do; where a row group ends depends on the rows alone.
pub(super) struct ParquetEncoder {
    path: String,
    schema: SchemaRef,
    file: SerializedFileWriter<Upload>,
    row_groups: ArrowRowGroupWriterFactory,
    open: Option<RowGroup>,
}

/// A row group that is being encoded: a writer for each leaf of the schema, in its order.
struct RowGroup {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl ParquetEncoder {
    pub fn new(
        upload: Upload,
        path: &str,
        contract: &Contract,
        schema: &SchemaRef,
        metadata: &FileMetadata,
        compression: ParquetCompression,
        row_group_bytes: u64,
    ) -> Result<Self> {
        let properties = properties(compression, Some(row_group_bytes))?
            .set_key_value_metadata(Some(metadata.key_values()));
        let properties = encoded(properties, contract, schema, compression)?;
        let (file, row_groups) =
            ArrowWriter::try_new(upload, schema.clone(), Some(properties.build()))
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|e| encoder_error(path, e))?;
        Ok(Self { path: path.to_owned(), schema: schema.clone(), file, row_groups, open: None })
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.encode(rows).map_err(|e| encoder_error(&self.path, e))
    }

    /// Bytes written, those of the open row group as they will be encoded included.
    pub fn size_bytes(&self) -> u64 {
        let open_bytes = self.open.as_ref().map_or(0, RowGroup::size_bytes);
        (self.file.bytes_written() + open_bytes) as u64
    }

    pub fn close(mut self) -> Result<Uploaded> {
        let upload = self.end_row_group().and_then(|()| self.file.into_inner());
        upload.map_err(|e| encoder_error(&self.path, e))?.finish()
    }

    /// Encodes rows into the open row group, and those that it has no room for into the next one.
    fn encode(&mut self, rows: &RecordBatch) -> parquet::errors::Result<()> {
        let properties = Arc::clone(self.file.properties());
        let max_rows = properties.max_row_group_row_count().unwrap_or(usize::MAX);
        let max_bytes = properties.max_row_group_bytes().unwrap_or(usize::MAX);
        let mut rows = rows.clone();
        while rows.num_rows() > 0 {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => RowGroup {
                    columns: self
                        .row_groups
                        .create_column_writers(self.file.flushed_row_groups().len())?,
                    rows: 0,
                },
            };
            let room = open.room(max_rows, max_bytes).min(rows.num_rows());
            open.encode(&self.schema, &rows.slice(0, room))?;
            rows = rows.slice(room, rows.num_rows() - room);
            let is_full = room == 0 || open.rows >= max_rows || open.size_bytes() >= max_bytes;
            self.open = Some(open);
            if is_full {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn end_row_group(&mut self) -> parquet::errors::Result<()> {
        let Some(RowGroup { columns, .. }) = self.open.take() else { return Ok(()) };
        let chunks: Vec<_> =
            columns.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        let mut row_group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close().map(drop)
    }
}

impl RowGroup {
    /// Rows that may be added, taking them to be as large as those before.
    fn room(&self, max_rows: usize, max_bytes: usize) -> usize {
        let size_bytes = self.size_bytes();
        let by_bytes = match size_bytes.checked_div(self.rows) {
            Some(row_bytes @ 1..) => max_bytes.saturating_sub(size_bytes) / row_bytes,
            _ => usize::MAX,
        };
        by_bytes.min(max_rows - self.rows)
    }

    fn encode(&mut self, schema: &SchemaRef, rows: &RecordBatch) -> parquet::errors::Result<()> {
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in schema.fields().iter().zip(rows.columns()) {
            leaves.extend(compute_leaves(field, column)?);
        }
        self.rows += rows.num_rows();
        (self.columns.par_iter_mut().zip_eq(leaves))
            .try_for_each(|(column, leaf)| column.write(&leaf))
    }

    /// Bytes as they will be encoded.
    fn size_bytes(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }
}

/// Properties of every Parquet file of the program.
pub(super) fn properties(
    compression: ParquetCompression,
    row_group_bytes: Option<u64>,
) -> Result<parquet::file::properties::WriterPropertiesBuilder> {
    let compression = match compression {
        ParquetCompression::Zstd => Compression::ZSTD(
            ZstdLevel::try_new(ZSTD_LEVEL).or_err(ErrorKind::Unexpected, "could not set zstd")?,
        ),
        ParquetCompression::Snappy => Compression::SNAPPY,
    };
    let row_group_bytes = row_group_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    Ok(WriterProperties::builder()
        .set_created_by(concat!("consign version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        .set_max_row_group_bytes(row_group_bytes)
        .set_statistics_enabled(EnabledStatistics::Page))
}

#[cfg(test)]
mod tests;
