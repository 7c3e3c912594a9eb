//! The decoders on generated orders, with the released contract, beside their limit, code written
//! by hand for these orders that fills the same columns, and beside copying the same bytes.

#![allow(clippy::unwrap_used, reason = "a benchmark without its input may panic")]

mod limits;
mod support;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use consign::decode::Decoder;
use consign::model::{PageContent, RawFormat, RawPage};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use limits::Orders;

/// Bytes of a page, as the file sources cut them.
const PAGE_BYTES: usize = 1 << 20;

/// A page and the number of its rows.
struct Page {
    page: RawPage,
    rows: usize,
}

fn decode(c: &mut Criterion) {
    let contract = support::contract();
    let schema = contract.decoded_schema();
    for format in [RawFormat::DynamodbJson, RawFormat::Bson] {
        let rows = support::orders(format);
        let mut decoder = Decoder::new(&contract, format);
        let pages: Vec<Page> = (support::pages(format, &rows, PAGE_BYTES).into_iter())
            .map(|page| Page { rows: same_columns(&mut decoder, &page, &schema), page })
            .collect();
        let mut group = c.benchmark_group(format.as_str());
        group.throughput(Throughput::ElementsAndBytes {
            elements: support::ORDERS,
            bytes: rows.len() as u64,
        });
        group.bench_function("decode", |b| {
            b.iter(|| pages.iter().map(|p| decoder.decode(&p.page).num_rows()).sum::<usize>());
        });
        group.bench_function("limit", |b| {
            let limit = |p: &Page| limit(&p.page, p.rows, &schema).0.num_rows();
            b.iter(|| pages.iter().map(limit).sum::<usize>());
        });
        let mut copy = vec![0; rows.len()];
        group.bench_function("copy", |b| b.iter(|| copy.copy_from_slice(&rows)));
        group.finish();
    }
}

/// The page by the code that is written for its orders alone.
fn limit(page: &RawPage, rows: usize, schema: &SchemaRef) -> (RecordBatch, Vec<(u32, u32)>) {
    let PageContent::Rows { format, bytes } = &page.content else { unreachable!("a page of rows") };
    let mut orders = Orders::with_room_for(rows);
    match format {
        RawFormat::Bson => limits::bson::decode(bytes, &mut orders),
        _ => limits::dynamodb::decode(bytes, &mut orders),
    }
    orders.finish(schema)
}

/// Both give the same rows of a page, and the decoder refuses none. Gives their number.
fn same_columns(decoder: &mut Decoder, page: &RawPage, schema: &SchemaRef) -> usize {
    let batch = decoder.decode(page);
    let (columns, ranges) = limit(page, batch.num_rows(), schema);
    assert_eq!(batch.reasons, [], "the orders are clean");
    assert_eq!(batch.raw.ranges, ranges);
    for (field, (ours, limit)) in
        schema.fields().iter().zip(batch.columns.columns().iter().zip(columns.columns()))
    {
        assert_eq!(ours, limit, "{}", field.name());
    }
    batch.num_rows()
}

criterion_group!(benches, decode);
criterion_main!(benches);
