//! The decoders on generated orders, with the released contract, beside copying the same bytes.

#![allow(clippy::unwrap_used, reason = "a benchmark without its input may panic")]

mod support;

use consign::decode::Decoder;
use consign::model::RawFormat;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of a page, as the file sources cut them.
const PAGE_BYTES: usize = 4 << 20;

fn decode(c: &mut Criterion) {
    let contract = support::contract();
    for format in [RawFormat::DynamodbJson, RawFormat::Bson] {
        let rows = support::orders(format);
        let pages = support::pages(format, &rows, PAGE_BYTES);
        let mut group = c.benchmark_group(format.as_str());
        group.throughput(Throughput::ElementsAndBytes {
            elements: support::ORDERS,
            bytes: rows.len() as u64,
        });
        let mut decoder = Decoder::new(&contract, format);
        group.bench_function("decode", |b| {
            b.iter(|| pages.iter().map(|page| decoder.decode(page).num_rows()).sum::<usize>());
        });
        let mut copy = vec![0; rows.len()];
        group.bench_function("copy", |b| b.iter(|| copy.copy_from_slice(&rows)));
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
