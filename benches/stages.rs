//! The stages of a run on generated orders, each with its input as throughput, beside kernels that
//! say how fast the machine is just now: copying bytes, inflating, and a decoder written by hand.
//!
//! `scripts/bench-check` holds the ratios of the two against those of an earlier run.

#![allow(clippy::unwrap_used, reason = "a benchmark without its input may panic")]

#[allow(dead_code, reason = "documents are the bench of the decoders")]
mod limits;
mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use consign::catalog::Contract;
use consign::config::job::{DEFAULT_ROW_GROUP_BYTES, DEFAULT_TARGET_BYTES};
use consign::decode::Decoder;
use consign::model::{Batch, RawFormat, Split};
use consign::pipeline::{self, Options};
use consign::plan::{
    AwsOptions, DaySelection, FormulaGuard, ParquetCompression, Plan, RejectBudget, SinkSpec,
    SourceSpec,
};
use consign::report::RunSummary;
use consign::sinks::{DayWriter, Destination, FileMetadata};
use consign::sources::{self, ReadContext, Source};
use consign::telemetry::{Progress, Stage};
use consign::transform::{Steps, output_rows};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

const FORMAT: RawFormat = RawFormat::DynamodbJson;

/// Bytes of a page, as the file sources cut them.
const PAGE_BYTES: usize = 1 << 20;

/// Rows that a merge hands on at once.
const MERGED_ROWS: usize = 8192;

/// Data files of the export that is run from its begin to its end: as many sorted runs to merge.
const FILES: usize = 8;

const PARQUET_ZSTD: SinkSpec = SinkSpec::Parquet {
    compression: ParquetCompression::Zstd,
    target_bytes: DEFAULT_TARGET_BYTES,
    row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
};
const PARQUET_SNAPPY: SinkSpec = SinkSpec::Parquet {
    compression: ParquetCompression::Snappy,
    target_bytes: DEFAULT_TARGET_BYTES,
    row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
};
const CSV: SinkSpec =
    SinkSpec::Csv { target_bytes: DEFAULT_TARGET_BYTES, formula_guard: FormulaGuard::Off };

fn stages(c: &mut Criterion) {
    let contract = support::contract();
    let rows = support::orders(FORMAT);
    let throughput =
        Throughput::ElementsAndBytes { elements: support::ORDERS, bytes: rows.len() as u64 };
    let group = |c: &mut Criterion, name: &str, measure: &dyn Fn(&mut BenchmarkGroup<WallTime>)| {
        let mut group = c.benchmark_group(name);
        group.throughput(throughput.clone());
        measure(&mut group);
        group.finish();
    };
    group(c, "calibration", &|group| calibrate(group, &contract, &rows));
    group(c, "read", &|group| read(group, &contract));
    let mut decoder = Decoder::new(&contract, FORMAT);
    let pages = support::pages(FORMAT, &rows, PAGE_BYTES);
    let decoded: Vec<Batch> = pages.iter().map(|page| decoder.decode(page)).collect();
    let steps = Steps::new(&contract, DaySelection::Found, None, None).unwrap();
    group(c, "transform", &|group| transform(group, &steps, &decoded));
    let judged: Vec<Batch> = decoded.into_iter().map(|batch| steps.apply(batch)).collect();
    let merged = in_key_order(&contract, &judged);
    group(c, "write", &|group| write(group, &contract, &merged));
    group(c, "run", &|group| run(group, &contract));
}

/// What the machine does without the program.
fn calibrate(group: &mut BenchmarkGroup<WallTime>, contract: &Contract, rows: &[u8]) {
    let mut copy = vec![0; rows.len()];
    group.bench_function("copy", |b| b.iter(|| copy.copy_from_slice(rows)));
    let folder = tempfile::tempdir().unwrap();
    support::write_orders(folder.path(), FORMAT, 1);
    let stored = fs::read(support::data_file(folder.path())).unwrap();
    group.bench_function("inflate", |b| b.iter(|| support::inflated(&stored).len()));
    let schema = contract.decoded_schema();
    let count = usize::try_from(support::ORDERS).unwrap();
    group.bench_function("decode by hand", |b| {
        b.iter(|| {
            let mut orders = limits::Orders::with_room_for(count);
            limits::dynamodb::decode(rows, &mut orders);
            orders.finish(&schema).0.num_rows()
        });
    });
}

/// An export from its file: inflated, its checksum checked, cut into pages.
fn read(group: &mut BenchmarkGroup<WallTime>, contract: &Contract) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = support::write_orders(folder.path(), FORMAT, 1).to_str().unwrap().to_owned();
    let aws = AwsOptions::default();
    let context = ReadContext { contract, slice: None, aws: &aws, threads: 1, whole_file_bytes: 0 };
    let (source, split) = runtime.block_on(async {
        let source = sources::open(&SourceSpec::DynamodbExport { url }, context).await.unwrap();
        let split = source.plan().await.unwrap().splits.remove(0);
        (source, split)
    });
    group.bench_function("export", |b| {
        b.iter(|| runtime.block_on(pages_of(source.as_ref(), &split)));
    });
}

/// Number of the pages of a split.
async fn pages_of(source: &dyn Source, split: &Split) -> usize {
    source.read(split, None).try_fold(0, |pages, _| async move { Ok(pages + 1) }).await.unwrap()
}

/// Every step over what the steps before it left, and all of them.
fn transform(group: &mut BenchmarkGroup<WallTime>, steps: &Steps, decoded: &[Batch]) {
    let mut before = decoded.to_vec();
    for (name, step) in steps.each() {
        let apply = |batches: Vec<Batch>| batches.into_iter().map(&step).collect::<Vec<_>>();
        group.bench_function(name, |b| {
            b.iter_batched(|| before.clone(), apply, BatchSize::LargeInput);
        });
        before = apply(before);
    }
    group.bench_function("all steps", |b| {
        let apply = |batches: Vec<Batch>| {
            batches.into_iter().map(|batch| steps.apply(batch)).collect::<Vec<_>>()
        };
        b.iter_batched(|| decoded.to_vec(), apply, BatchSize::LargeInput);
    });
}

/// The rows of all batches as a merge hands them on.
fn in_key_order(contract: &Contract, judged: &[Batch]) -> Vec<RecordBatch> {
    assert!(judged.iter().all(|batch| batch.reasons.is_empty() && batch.exclusions.is_empty()));
    let columns = judged.iter().map(|batch| &batch.columns);
    let rows = concat_batches(&contract.nullable_output_schema(), columns).unwrap();
    let keys = rows.column_by_name(&contract.key[0]).unwrap();
    let order: UInt32Array = sort_to_indices(keys, None, None).unwrap();
    let rows = take_record_batch(&rows, &order).unwrap();
    let rows = output_rows(&rows, &contract.output_schema()).unwrap();
    let slice = |start| rows.slice(start, MERGED_ROWS.min(rows.num_rows() - start));
    (0..rows.num_rows()).step_by(MERGED_ROWS).map(slice).collect()
}

/// A day's files by one thread, to a store in memory.
fn write(group: &mut BenchmarkGroup<WallTime>, contract: &Arc<Contract>, rows: &[RecordBatch]) {
    let runtime = Runtime::new().unwrap();
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let metadata = FileMetadata::new(contract, "bench", None);
    let day = jiff::civil::date(2026, 8, 1);
    for (name, sink) in
        [("parquet zstd", PARQUET_ZSTD), ("parquet snappy", PARQUET_SNAPPY), ("csv", CSV)]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                let destination = Destination {
                    store: Arc::new(InMemory::new()),
                    root: "orders".into(),
                    runtime: runtime.handle().clone(),
                };
                let mut writer =
                    DayWriter::new(&sink, contract, &metadata, &destination, "bench", day).unwrap();
                one_thread.install(|| {
                    rows.iter().for_each(|rows| writer.write(rows).unwrap());
                    writer.close().unwrap().len()
                })
            });
        });
    }
}

/// A whole run by its stages, each by the program's own clock. Merging cannot be had without
/// writing: "merge into parquet" is both. Files of a day are re-read before the next day is written,
/// so that re-reading is told apart by the time that it took of the only thread.
fn run(group: &mut BenchmarkGroup<WallTime>, contract: &Arc<Contract>) {
    let folder = tempfile::tempdir().unwrap();
    let export = support::write_orders(folder.path(), FORMAT, FILES);
    group.sample_size(10);
    let spent_ms = |name: &str, run: &RunSummary| match name {
        "extract" => run.stage_ms[&Stage::Extracting],
        "verify" => run.reread_thread_ms,
        _ => {
            let both = run.stage_ms[&Stage::Writing] + run.stage_ms[&Stage::Verifying];
            both.saturating_sub(run.reread_thread_ms)
        }
    };
    for name in ["extract", "merge into parquet", "verify"] {
        group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let spent =
                    (0..runs).map(|_| spent_ms(name, &one_run(folder.path(), &export, contract)));
                Duration::from_millis(spent.sum())
            });
        });
    }
}

/// A run on one thread.
fn one_run(folder: &Path, export: &Path, contract: &Arc<Contract>) -> RunSummary {
    let place = tempfile::tempdir_in(folder).unwrap();
    let plan = Plan {
        privacy_key_file: None,
        job: "bench".to_owned(),
        contract: Arc::clone(contract),
        sources: vec![SourceSpec::DynamodbExport { url: export.to_str().unwrap().to_owned() }],
        days: DaySelection::Found,
        slice: None,
        rates: None,
        as_of: "2026-08-03T02:00:00Z".parse().unwrap(),
        target: place.path().join("target").to_str().unwrap().to_owned(),
        sinks: vec![PARQUET_ZSTD],
        reject_budget: RejectBudget { max_millionths: 0, max_rows: None },
        latest: false,
        threads: 1,
        memory_bytes: 256 << 20,
        checkpoint_bytes: 64 << 20,
        staging: place.path().join("staging"),
        aws: AwsOptions::default(),
    };
    let started_at = "2026-08-03T02:00:00Z".parse().unwrap();
    let options = Options { dry_run: false, fresh: true, started_at };
    let summary = pipeline::run(&plan, &Arc::new(Progress::default()), options).unwrap();
    assert_eq!(summary.ledger.run.written, support::ORDERS);
    summary
}

criterion_group!(benches, stages);
criterion_main!(benches);
