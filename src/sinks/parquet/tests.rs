//! That columns encoded side by side are, byte for byte, the file of the crate's own writer.

use std::path::Path;

use arrow::array::{
    ArrayRef, Decimal128Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

use super::*;
use crate::catalog::load_contract;
use crate::sinks::Destination;

const PATH: &str = "part-00000.parquet";

/// Rows whose sizes differ much: texts of nought to some thousand bytes, lists, nulls.
fn rows(count: usize) -> RecordBatch {
    let sizes = (0..count).map(|n| n * 7_919 % 97 * if n % 211 == 0 { 300 } else { 1 });
    let texts = sizes.enumerate().map(|(n, size)| {
        (n % 13 != 5).then(|| (0..size).map(|i| ["a", "b", "c", "d", "e"][n * i % 5]).collect())
    });
    let texts: StringArray = texts.collect::<Vec<Option<String>>>().into();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for n in 0..count {
        (0..n % 4).for_each(|i| lists.values().append_value(format!("{}", n * i)));
        lists.append(n % 11 != 3);
    }
    let amounts = (0..count as i128).map(|n| (n % 7 != 2).then_some(n * 104_729 % 999_983));
    let columns: [(&str, ArrayRef); 3] = [
        ("text", Arc::new(texts)),
        ("list", Arc::new(lists.finish())),
        ("amount", Arc::new(amounts.collect::<Decimal128Array>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// How a file of the contract is written, and its metadata.
fn written_by(contract: &Contract, schema: &SchemaRef, row_group_bytes: u64) -> WriterProperties {
    let metadata = FileMetadata::new(contract, "2026a", None);
    let zstd = ParquetCompression::Zstd;
    let properties = properties(zstd, Some(row_group_bytes))
        .unwrap()
        .set_key_value_metadata(Some(metadata.key_values()));
    encoded(properties, contract, schema, zstd).unwrap().build()
}

#[test]
fn columns_side_by_side_give_the_bytes_of_one_thread() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap();
    let all = rows(5_000);
    let granules: Vec<RecordBatch> = (0..all.num_rows())
        .step_by(1_024)
        .map(|first| all.slice(first, 1_024.min(all.num_rows() - first)))
        .collect();
    let mut splits_a_granule = false;
    for row_group_bytes in [500, 3_000, 9_000, 20_000, 40_000, 1 << 30] {
        let properties = written_by(&contract, &all.schema(), row_group_bytes);
        let mut writer = ArrowWriter::try_new(vec![], all.schema(), Some(properties)).unwrap();
        let mut size = |rows| {
            writer.write(rows).unwrap();
            (writer.bytes_written() + writer.in_progress_size()) as u64
        };
        let sizes: Vec<u64> = granules.iter().map(&mut size).collect();
        let metadata = writer.finish().unwrap();
        let (last, full) = metadata.row_groups().split_last().unwrap();
        splits_a_granule |= full.iter().any(|group| group.num_rows() % 1_024 != 0);
        assert!(row_group_bytes < 1 << 30 || last.num_rows() == 5_000);
        let expected = writer.inner();
        for threads in [1, 2, 7] {
            let workers = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let written = workers.install(|| encode(&contract, &granules, row_group_bytes));
            assert!(written.0 == *expected, "{row_group_bytes} bytes, {threads} threads");
            assert_eq!(written.1, sizes, "{row_group_bytes} bytes, {threads} threads");
        }
    }
    assert!(splits_a_granule, "row groups that end with a granule prove little");
}

/// The file as it lies in the store, and the sizes it had after each granule.
fn encode(
    contract: &Contract,
    granules: &[RecordBatch],
    row_group_bytes: u64,
) -> (Vec<u8>, Vec<u64>) {
    let runtime = Runtime::new().unwrap();
    let destination = Destination {
        store: Arc::new(InMemory::new()),
        root: "orders".into(),
        runtime: runtime.handle().clone(),
    };
    let mut encoder = ParquetEncoder::new(
        Upload::new(&destination, PATH),
        PATH,
        contract,
        &granules[0].schema(),
        &FileMetadata::new(contract, "2026a", None),
        ParquetCompression::Zstd,
        row_group_bytes,
    )
    .unwrap();
    let mut size = |rows| {
        encoder.write(rows).unwrap();
        encoder.size_bytes()
    };
    let sizes = granules.iter().map(&mut size).collect();
    let uploaded = encoder.close().unwrap();
    let object = crate::storage::below(&destination.root, PATH);
    let stored = destination.store.get(&object);
    let bytes = runtime.block_on(async { stored.await.unwrap().bytes().await.unwrap() });
    assert_eq!(bytes.len() as u64, uploaded.bytes);
    (bytes.to_vec(), sizes)
}
