//! Parquet files, by the `parquet` crate.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

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

/// A Parquet file that is being written.
pub(super) struct ParquetEncoder {
    path: String,
    writer: ArrowWriter<Upload>,
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
        let writer = ArrowWriter::try_new(upload, schema.clone(), Some(properties.build()))
            .map_err(|e| encoder_error(path, e))?;
        Ok(Self { path: path.to_owned(), writer })
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).map_err(|e| encoder_error(&self.path, e))
    }

    /// Bytes written, those of the open row group as they will be encoded included.
    pub fn size_bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    pub fn close(self) -> Result<Uploaded> {
        let path = self.path;
        self.writer.into_inner().map_err(|e| encoder_error(&path, e))?.finish()
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
