//! The command: parse, call, say what went wrong once, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use consign::cli::{Cli, failure};

/// Gives memory back to the system soon after it was let go, so that what a stage needed at its
/// height is not still held in the next one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "main reads the clock and hands it down")]
    let now = jiff::Timestamp::now();
    match Cli::parse().execute(now) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failure::print(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}
