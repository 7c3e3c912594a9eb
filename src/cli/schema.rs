//! `consign schema`: the contracts of a project.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::surroundings::Here;
use super::{failure, output};
use crate::catalog::{Catalog, advice, contract_files, describe, describe_json, load_contract};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::report::table::Table;

const EXAMPLES: &str = "\
Examples:
  consign schema list
  consign schema show exported_orders@1
  consign schema lint                                       every contract below schemas/
  consign schema lint schemas/exported_orders/v1.odcs.yaml";

/// List, show or check the contracts below schemas/
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the dataset versions
    List {
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show one dataset version: its fields, key, limits and rules
    Show {
        /// Dataset and major version, for instance exported_orders@1
        dataset: String,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
    /// Check contracts and report every mistake with its line
    Lint {
        /// Files to check [default: every contract below schemas/]
        files: Vec<PathBuf>,
    },
}

impl Schema {
    /// Lists, shows or checks.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::List { json } => list(&Catalog::open(&here.project()?.schemas())?, json),
            Command::Show { dataset, json } => {
                let contract = Catalog::open(&here.project()?.schemas())?.resolve(&dataset)?;
                if json {
                    output::print_json(&describe_json(&contract))?;
                } else {
                    output::print(&describe(&contract))?;
                }
                Ok(())
            }
            Command::Lint { files } if files.is_empty() => {
                lint(&contracts_below(&here.project()?.schemas())?)
            }
            Command::Lint { files } => lint(&files),
        }
    }
}

fn list(catalog: &Catalog, json: bool) -> Result<()> {
    let contracts = catalog.contracts();
    if json {
        let entries: Vec<_> = contracts
            .iter()
            .map(|c| json!({"dataset": c.label(), "version": c.version, "description": c.description}))
            .collect();
        output::print_json(&entries)?;
    } else {
        let mut table = Table::new("lll");
        for contract in contracts {
            let first_line = contract.description.lines().next().unwrap_or_default();
            table.row([&contract.label(), &contract.version, first_line]);
        }
        output::print(&table.to_string())?;
    }
    Ok(())
}

/// Checks each file, tells what is wrong with each, and fails when anything was.
fn lint(files: &[PathBuf]) -> Result<()> {
    let mut wrong = 0;
    for file in files {
        match load_contract(file) {
            Ok(contract) => {
                let advice = advice(&contract).into_iter().map(|line| format!("  note: {line}\n"));
                let sound = format!("{}: {} is sound\n", file.display(), contract.label());
                output::print(&(sound + &advice.collect::<String>()))?;
            }
            Err(error) => {
                wrong += 1;
                failure::print(&error);
            }
        }
    }
    if wrong == 0 {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Usage, "there are mistakes in contracts")
            .with("contracts", format!("{wrong} of {}", files.len())))
    }
}

/// The contracts of the project.
fn contracts_below(schemas: &Path) -> Result<Vec<PathBuf>> {
    contract_files(schemas)
        .or_err(ErrorKind::Usage, "cannot list the contracts")
        .map_err(|e| e.with("folder", schemas.display()))
}
