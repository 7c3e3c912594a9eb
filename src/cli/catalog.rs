//! `consign catalog`: the tables of `DATA_CATALOG.md`, generated from the contracts.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::output;
use super::surroundings::Here;
use crate::catalog::{Catalog, Contract, document};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

const FILE: &str = "DATA_CATALOG.md";

const EXAMPLES: &str = "\
Examples:
  consign catalog build    rewrite the tables of DATA_CATALOG.md; the prose stays as it is
  consign catalog check    exit 2 when they are not what the contracts say (for CI)";

/// Build or check DATA_CATALOG.md
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CatalogCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Rewrite the tables from the contracts; the prose between them stays
    Build,
    /// Exit 2 when the tables are not what the contracts say
    Check,
}

impl CatalogCommand {
    /// Builds or checks.
    pub fn execute(self, here: &Here) -> Result<()> {
        let project = here.project()?;
        let contracts = Catalog::open(&project.schemas())?.contracts().to_vec();
        let path = project.root().join(FILE);
        match self.command {
            Command::Build => build(&path, &contracts),
            Command::Check => check(&path, &contracts),
        }
    }
}

fn build(path: &Path, contracts: &[Arc<Contract>]) -> Result<()> {
    let existing = if path.exists() { read(path)? } else { String::new() };
    let built = document::build(&existing, contracts)?;
    if built == existing {
        output::print(&format!("{FILE} is up to date\n"))?;
    } else {
        std::fs::write(path, built)
            .or_err(ErrorKind::Unexpected, "cannot write the catalog")
            .map_err(|e| e.with("file", path.display()))?;
        output::print(&format!("{FILE} is rewritten\n"))?;
    }
    Ok(())
}

fn check(path: &Path, contracts: &[Arc<Contract>]) -> Result<()> {
    if document::is_current(&read(path)?, contracts)? {
        output::print(&format!("{FILE} is up to date\n"))?;
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("{FILE} is not what the contracts say"))
        .with_help("`consign catalog build` rewrites it"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .or_err(ErrorKind::Usage, "cannot read the catalog")
        .map_err(|e| e.with("file", path.display()).with_help("`consign catalog build` writes it"))
}
