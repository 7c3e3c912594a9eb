//! Writes made-up orders or users as a DynamoDB export or a mongodump, at any size.
//!
//! `cargo run --release --example generate_orders -- --format dynamodb --out /tmp/orders --orders 1000000`
//!
//! The same arguments give the same rows. Prints one JSON document: where the data lies, and how
//! many rows of each kind were written.

mod generator;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use generator::{Dataset, Format, Options, Revisions, generate};

/// Writes made-up orders or users, dirty on purpose, as a DynamoDB export or a mongodump.
#[derive(Parser)]
struct Args {
    /// What to write
    #[arg(long, value_enum, default_value_t = Dataset::Orders)]
    dataset: Dataset,
    /// How to write it
    #[arg(long, value_enum)]
    format: Format,
    /// Folder to write to; AWSDynamoDB/… or shop/… is made below it
    #[arg(long)]
    out: PathBuf,
    /// Orders (or users) to write; copies of an order come on top
    #[arg(long, default_value_t = 1_000)]
    orders: u64,
    /// Number of the first order; overlap two ranges to share orders between two sources
    #[arg(long, default_value_t = 0)]
    first_order: u64,
    /// Data files of a DynamoDB export
    #[arg(long, default_value_t = 4)]
    files: usize,
    /// Compress a mongodump with gzip
    #[arg(long)]
    gzip: bool,
    /// Equal seeds give equal rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of rows with something wrong in them, percent
    #[arg(long, default_value_t = 7)]
    dirty_percent: u64,
    /// First civil day of the orders, in New York
    #[arg(long, default_value = "2026-08-01")]
    first_day: jiff::civil::Date,
    /// Number of days
    #[arg(long, default_value_t = 2)]
    days: i64,
    /// Which state of each order to write
    #[arg(long, value_enum, default_value_t = Revisions::Current)]
    revisions: Revisions,
    /// Leave out everything that is refused, excluded or written twice
    #[arg(long)]
    clean: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        dataset: args.dataset,
        format: args.format,
        out: args.out,
        rows: args.orders,
        first_row: args.first_order,
        files: args.files,
        gzip: args.gzip,
        seed: args.seed,
        dirty_percent: args.dirty_percent,
        first_day: args.first_day,
        days: args.days,
        revisions: args.revisions,
        clean: args.clean,
    };
    match generate(&options) {
        Ok(summary) => {
            println!("{}", summary.to_json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: writing to {}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}
