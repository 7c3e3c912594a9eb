//! Writes an Arrow table of orders as Parquet or CSV files by the program's own writers, for the
//! comparison with those of others: `write_orders zstd|snappy|csv --out FOLDER ORDERS.arrow`.
//!
//! The table is in memory before the clock starts. A writer does what it does in a run: it checks
//! that keys ascend, adds up sums, hashes what it writes, and begins a file for each day.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Date32Type, SchemaRef};
use arrow::ipc::reader::FileReader;
use clap::{Parser, ValueEnum};
use consign::catalog::{Contract, load_contract};
use consign::config::job::{DEFAULT_ROW_GROUP_BYTES, DEFAULT_TARGET_BYTES};
use consign::plan::{FormulaGuard, ParquetCompression, SinkSpec};
use consign::sinks::{DayWriter, Destination, FileMetadata};
use consign::transform::tzdb_version;
use jiff::Span;
use jiff::civil::Date;
use object_store::local::LocalFileSystem;

/// Columns of the CSV: those that all writers can hold.
const FLAT: [&str; 8] = [
    "order_id",
    "customer_id",
    "order_date",
    "status",
    "currency",
    "total_amount",
    "customer_email",
    "created_at",
];

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Write an Arrow table of orders by the program's own writers, and say what it took.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to write.
    kind: Kind,
    /// Folder to write below.
    #[arg(long)]
    out: PathBuf,
    /// Threads that encode; there is only ever one.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Runs; a process makes one.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Arrow file of published orders, by day and key.
    table: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Parquet, zstd 1.
    Zstd,
    /// Parquet, snappy.
    Snappy,
    /// CSV of the flat columns.
    Csv,
}

impl Kind {
    /// The sink with the settings of a job that names none.
    fn sink(self) -> SinkSpec {
        let parquet = |compression| SinkSpec::Parquet {
            compression,
            target_bytes: DEFAULT_TARGET_BYTES,
            row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
        };
        match self {
            Self::Zstd => parquet(ParquetCompression::Zstd),
            Self::Snappy => parquet(ParquetCompression::Snappy),
            Self::Csv => SinkSpec::Csv {
                target_bytes: DEFAULT_TARGET_BYTES,
                formula_guard: FormulaGuard::Off,
            },
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program of its own")]
fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let contract = Arc::new(contract(arguments.kind)?);
    let days = table(&arguments.table, &contract.output_schema())?;
    fs::create_dir_all(&arguments.out)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let destination = Destination {
        store: Arc::new(LocalFileSystem::new_with_prefix(&arguments.out)?),
        root: "".into(),
        runtime: runtime.handle().clone(),
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let (begun, before) = (Instant::now(), cpu_time()?);
    one_thread.install(|| write(arguments.kind, &contract, &days, &destination))?;
    let (wall, cpu) = (begun.elapsed(), cpu_time()? - before);
    let measured = serde_json::json!({
        "wall_seconds": wall.as_secs_f64(),
        "cpu_seconds": cpu.as_secs_f64(),
        "peak_rss_bytes": peak_bytes()?,
    });
    println!("{}", serde_json::json!({ "ledger": null, "measured": [measured] }));
    Ok(())
}

/// The released contract, of which a CSV holds the flat columns.
fn contract(kind: Kind) -> Result<Contract, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut contract = load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml"))?;
    if kind == Kind::Csv {
        contract.fields.retain(|field| FLAT.contains(&field.name.as_str()));
    }
    Ok(contract)
}

/// The rows of each day, in the order of the table, with the columns of `schema`.
fn table(path: &Path, schema: &SchemaRef) -> Result<BTreeMap<Date, Vec<RecordBatch>>, Failure> {
    let mut days: BTreeMap<Date, Vec<RecordBatch>> = BTreeMap::new();
    for rows in FileReader::try_new(File::open(path)?, None)? {
        let rows = rows?;
        let columns = schema.fields().iter().map(|field| {
            let column = rows.column_by_name(field.name()).ok_or("a column is not there")?;
            Ok(cast(column, field.data_type())?)
        });
        let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
        let rows = RecordBatch::try_new(Arc::clone(schema), columns)?;
        let dates = rows.column_by_name("order_date").ok_or("orders have no day")?;
        let mut start = 0;
        for day in dates.as_primitive::<Date32Type>().values().chunk_by(|a, b| a == b) {
            let date = Date::constant(1970, 1, 1).checked_add(Span::new().try_days(day[0])?)?;
            days.entry(date).or_default().push(rows.slice(start, day.len()));
            start += day.len();
        }
    }
    Ok(days)
}

fn write(
    kind: Kind,
    contract: &Arc<Contract>,
    days: &BTreeMap<Date, Vec<RecordBatch>>,
    destination: &Destination,
) -> Result<(), Failure> {
    let metadata = FileMetadata::new(contract, tzdb_version(), None);
    for (day, batches) in days {
        let mut writer =
            DayWriter::new(&kind.sink(), contract, &metadata, destination, "bench", *day)?;
        for rows in batches {
            writer.write(rows)?;
        }
        writer.close()?;
    }
    Ok(())
}

/// What all threads of the process have used, as the kernel counts it.
fn cpu_time() -> Result<Duration, Failure> {
    let mut nanos = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let told = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += told.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn peak_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no peak is told")?;
    Ok(kib.parse::<u64>()? * 1024)
}
