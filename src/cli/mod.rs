//! The command line: one file per command, and the only module that prints.
//!
//! Standard output is data only; progress, messages and the log go to standard error. Does not
//! own what a command does: that is the library's, called from here.

mod catalog;
mod completions;
mod erase;
mod explain;
pub mod failure;
mod fx;
mod get;
mod job_args;
mod job_of_run;
mod live_place;
mod load;
mod output;
mod plan;
mod privacy;
mod privacy_audit;
mod progress;
mod quarantine;
mod reasons;
mod retention;
mod run;
mod schema;
mod signals;
mod surroundings;
mod target;
mod uploads;
mod verify;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::error::Result;
use surroundings::Here;

const EXAMPLES: &str = "\
Examples:
  consign run orders-daily                      export the days the job names, and publish them
  consign run orders-daily --date 2026-08-01    one day only
  consign run orders-daily --dry-run            everything but publishing
  consign plan orders-table                     what a run would read, without reading it
  consign verify orders-daily                   re-read what is published and compare
  consign quarantine stats orders-daily         why rows were refused
  consign quarantine replay --job orders-usd    try refused rows again, once rates have come
  consign fx show orders-usd --date 2026-08-01  the exchange rates that orders of a day get
  consign schema show exported_orders@1         the contract of a dataset

Exit codes: 0 published or nothing to do, 1 unexpected, 2 usage, job, contract or catalog,
3 quality gate refused, 4 permission, 5 passing fault (run again), 6 conflict, 7 verification,
8 commit outcome unknown, 130 and 143 stopped by SIGINT and SIGTERM (run again).

Environment: CONSIGN_PROJECT, CONSIGN_STATE_DIR (runs in flight, else .consign/ in the project),
CONSIGN_PRIVACY_KEY_FILE (keys of pseudonyms), CONSIGN_LOG (log filter, for instance
consign=debug), NO_COLOR.";

/// Export orders into validated Parquet and CSV, with every row accounted for.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
struct Globals {
    /// Folder with `jobs/` and `schemas/` in it [default: the nearest one from here up]
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Log more; twice for all
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Show errors only: no progress, no log
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Form of the log on standard error: for people, or one JSON object a line
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::Plan),
    Get(get::Get),
    Load(load::Load),
    Verify(verify::Verify),
    Quarantine(quarantine::Quarantine),
    Explain(explain::Explain),
    Uploads(uploads::Uploads),
    Retention(retention::Retention),
    Erase(erase::Erase),
    Fx(fx::Fx),
    Privacy(privacy::Privacy),
    Catalog(catalog::CatalogCommand),
    Schema(schema::Schema),
    Reasons(reasons::Reasons),
    Completions(completions::Completions),
}

impl Cli {
    /// Does what was asked. `now` is the time of the call.
    ///
    /// # Errors
    /// Whatever the command fails with; its kind fixes the exit code.
    pub fn execute(self, now: Timestamp) -> Result<()> {
        let here = Here::new(&self.globals, now)?;
        match self.command {
            Command::Run(command) => command.execute(&here),
            Command::Plan(command) => command.execute(&here),
            Command::Get(command) => command.execute(&here),
            Command::Load(command) => command.execute(&here),
            Command::Verify(command) => command.execute(&here),
            Command::Quarantine(command) => command.execute(&here),
            Command::Explain(command) => command.execute(&here),
            Command::Uploads(command) => command.execute(&here),
            Command::Retention(command) => command.execute(&here),
            Command::Erase(command) => command.execute(&here),
            Command::Fx(command) => command.execute(&here),
            Command::Privacy(command) => command.execute(&here),
            Command::Catalog(command) => command.execute(&here),
            Command::Schema(command) => command.execute(&here),
            Command::Reasons(command) => command.execute(),
            Command::Completions(command) => command.execute(),
        }
    }
}
