//! Serves made-up orders as a DynamoDB table and as a MongoDB collection, from memory.
//!
//! `cargo run --release --example replay_orders -- --orders 1000000`
//!
//! For measuring the program: every reply is rendered before the first request, so that serving
//! costs next to nothing. Prints where the two are, for `eval`, and serves until it is killed.
//! Both are called `orders`, the database `shop`, and they hold the orders that `generate_orders
//! --clean` writes with the same seed. They are not servers to test against: they know what
//! `consign` asks and nothing else.

mod collection;
mod dynamodb;
#[path = "../generate_orders/generator/mod.rs"]
#[allow(dead_code, reason = "what writes files is the other example's")]
mod generator;
mod message;
mod mongodb;
mod orders;
mod serve;
mod table;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::net::TcpListener;

use collection::Collection;
use serve::serve;
use table::Table;

/// Serves made-up orders as a DynamoDB table and as a MongoDB collection, from memory.
#[derive(Parser)]
struct Args {
    /// Orders of each
    #[arg(long, default_value_t = 1_000)]
    orders: u64,
    /// Equal seeds give equal orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

// One thread: the other cores are for who is measured.
#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program of its own")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: replaying orders: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> io::Result<()> {
    let table = Arc::new(Table::draw(args.orders, args.seed)?);
    let collection = Arc::new(Collection::draw(args.orders, args.seed)?);
    let tables = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let collections = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    print_addresses(&tables, &collections)?;
    serve(table, tables, collection, collections).await
}

fn print_addresses(tables: &TcpListener, collections: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "export AWS_ENDPOINT_URL_DYNAMODB=http://{}", tables.local_addr()?)?;
    writeln!(out, "export MONGODB_URI=mongodb://{}", collections.local_addr()?)?;
    out.flush()
}
