//! The decoder on the sample orders, in both formats, with the released contract.

#![allow(clippy::unwrap_used, reason = "a benchmark without its input may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use consign::catalog::load_contract;
use consign::decode::Decoder;
use consign::model::{PageContent, RawFormat, RawPage, SplitId};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::MultiGzDecoder;

fn decode(c: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap();
    let dump = fs::read(root.join("samples/orders-dump/shop/orders.bson")).unwrap();
    let export = export_lines(&root.join("samples/orders-export/AWSDynamoDB"));
    let mut group = c.benchmark_group("decode");
    for (format, bytes) in [(RawFormat::DynamodbJson, export), (RawFormat::Bson, dump)] {
        let mut decoder = Decoder::new(&contract, format);
        group.throughput(Throughput::Bytes(u64::try_from(bytes.len()).unwrap()));
        let content = PageContent::Rows { format, bytes: Bytes::from(bytes) };
        let page =
            RawPage { split: SplitId(0), first_row: 0, offset_bytes: 0, content, resume: None };
        group.bench_function(format.as_str(), |b| b.iter(|| decoder.decode(&page)));
    }
    group.finish();
}

/// The lines of every data file of the one export below `folder`, in the order of their names.
fn export_lines(folder: &Path) -> Vec<u8> {
    let export = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let files: BTreeMap<_, _> = fs::read_dir(export.join("data"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), fs::File::open(path).unwrap()))
        .collect();
    let mut lines = Vec::new();
    for file in files.into_values() {
        MultiGzDecoder::new(file).read_to_end(&mut lines).unwrap();
    }
    lines
}

criterion_group!(benches, decode);
criterion_main!(benches);
