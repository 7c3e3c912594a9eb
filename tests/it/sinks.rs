//! Files as they are written, read back, damaged and refused, with readers of other people's
//! making where there are any.

use std::sync::Arc;

use bytes::Bytes;
use consign::catalog::Contract;
use consign::model::DataFile;
use consign::plan::{FormulaGuard, ParquetCompression, SinkSpec};
use consign::sinks::{DayWriter, Destination, FileMetadata, WrittenFile};
use consign::storage::below;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

mod csv;
mod damage;
mod day_writer;
mod orders;
mod parquet;
mod quarantine;
mod stores;

const RUN: &str = "0198f5e2-0000-7000-8000-000000000001";

/// A store with a dataset in it, and the runtime that moves its bytes.
struct Place {
    runtime: Runtime,
    destination: Destination,
}

impl Place {
    fn new() -> Self {
        Self::on(Arc::new(InMemory::new()))
    }

    fn on(store: Arc<dyn ObjectStore>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let destination = Destination {
            store,
            root: Path::from("lake/orders"),
            runtime: runtime.handle().clone(),
        };
        Self { runtime, destination }
    }

    fn read(&self, path: &str) -> Bytes {
        let object = below(&self.destination.root, path);
        let store = &self.destination.store;
        self.runtime.block_on(async { store.get(&object).await.unwrap().bytes().await.unwrap() })
    }

    fn replace(&self, path: &str, bytes: impl Into<Bytes>) {
        let object = below(&self.destination.root, path);
        let bytes: Bytes = bytes.into();
        self.runtime.block_on(self.destination.store.put(&object, bytes.into())).unwrap();
    }

    fn writer(&self, sink: &SinkSpec, contract: &Arc<Contract>) -> DayWriter {
        let metadata = FileMetadata::new(contract, "2026a", None);
        let day = "2026-08-01".parse().unwrap();
        DayWriter::new(sink, contract, &metadata, &self.destination, RUN, day).unwrap()
    }

    /// Writes `batches` as the files of one day.
    fn write(
        &self,
        sink: &SinkSpec,
        batches: &[arrow::record_batch::RecordBatch],
    ) -> Vec<WrittenFile> {
        let mut writer = self.writer(sink, &orders::contract());
        for rows in batches {
            writer.write(rows).unwrap();
        }
        writer.close().unwrap()
    }

    /// Writes `rows` as the only file of a day.
    fn write_one(&self, sink: &SinkSpec, rows: &arrow::record_batch::RecordBatch) -> WrittenFile {
        let mut files = self.write(sink, std::slice::from_ref(rows));
        assert_eq!(files.len(), 1);
        files.remove(0)
    }

    /// The file as the store has it now, whatever its writer said.
    fn as_it_lies(&self, file: &DataFile) -> DataFile {
        use sha2::{Digest, Sha256};
        let bytes = self.read(&file.path);
        let sha256 = hex::encode(Sha256::digest(&bytes));
        DataFile { bytes: bytes.len() as u64, sha256, ..file.clone() }
    }
}

fn parquet_sink(target_bytes: u64, row_group_bytes: u64) -> SinkSpec {
    SinkSpec::Parquet { compression: ParquetCompression::Zstd, target_bytes, row_group_bytes }
}

fn csv_sink(target_bytes: u64, formula_guard: FormulaGuard) -> SinkSpec {
    SinkSpec::Csv { target_bytes, formula_guard }
}

/// Parquet and CSV, in one file each.
fn both() -> [SinkSpec; 2] {
    [parquet_sink(1 << 30, 1 << 30), csv_sink(1 << 30, FormulaGuard::Off)]
}
