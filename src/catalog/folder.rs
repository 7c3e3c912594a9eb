//! The folder of contracts, `schemas/<dataset>/v<major>.odcs.yaml`.
//!
//! Owns finding contracts by label. Does not own reading one (`odcs`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contract::Contract;
use super::odcs::{did_you_mean, load_contract};
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Every contract of a project.
#[derive(Debug, Clone)]
pub struct Catalog {
    contracts: Vec<Arc<Contract>>,
}

impl Catalog {
    /// Reads every `<dataset>/v<major>.odcs.yaml` below `dir`.
    ///
    /// # Errors
    /// `Usage` when `dir` cannot be read, when a contract has mistakes, or when it does not stand
    /// where its name and version say.
    pub fn open(dir: &Path) -> Result<Self> {
        let files = contract_files(dir)
            .or_err(ErrorKind::Usage, "cannot list the contracts")
            .map_err(|e| e.with("folder", dir.display()))?;
        let mut contracts = Vec::new();
        let mut mistakes = Vec::new();
        for file in &files {
            match load_contract(file).and_then(|contract| in_its_place(contract, dir, file)) {
                Ok(contract) => contracts.push(Arc::new(contract)),
                Err(error) => mistakes.push(error),
            }
        }
        contracts.sort_by_key(|c| (c.dataset.clone(), major(c)));
        match mistakes.len() {
            0 => Ok(Self { contracts }),
            1 => Err(mistakes.remove(0)),
            _ => {
                let lines: Vec<String> = mistakes.iter().map(Error::to_string).collect();
                Err(Error::new(ErrorKind::Usage, lines.join("\n")))
            }
        }
    }

    /// The contract with the label `dataset@major`.
    ///
    /// # Errors
    /// `Usage` when there is none, with the label that was probably meant.
    pub fn resolve(&self, label: &str) -> Result<Arc<Contract>> {
        if let Some(contract) = self.contracts.iter().find(|c| c.label() == label) {
            return Ok(Arc::clone(contract));
        }
        let labels: Vec<String> = self.contracts.iter().map(|c| c.label()).collect();
        let hint = did_you_mean(label, labels.iter().map(String::as_str));
        Err(Error::new(ErrorKind::Usage, format!("there is no contract {label:?}{hint}"))
            .with_help(format!("there are: {}", labels.join(", "))))
    }

    /// Every contract, by dataset and major version.
    #[must_use]
    pub fn contracts(&self) -> &[Arc<Contract>] {
        &self.contracts
    }
}

/// Every `*.odcs.yaml` in a folder of `dir`, in order.
///
/// # Errors
/// When a folder cannot be listed.
pub fn contract_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for dataset in std::fs::read_dir(dir)? {
        let dataset = dataset?.path();
        if dataset.is_dir() {
            for file in std::fs::read_dir(dataset)? {
                files.push(file?.path());
            }
        }
    }
    files.retain(|file| file.to_string_lossy().ends_with(".odcs.yaml"));
    files.sort();
    Ok(files)
}

/// The contract, when it stands where its name and version say.
fn in_its_place(contract: Contract, dir: &Path, file: &Path) -> Result<Contract> {
    let place = dir.join(&contract.dataset).join(format!("v{}.odcs.yaml", major(&contract)));
    if place == file {
        return Ok(contract);
    }
    Err(Error::new(ErrorKind::Usage, format!("contract {} is not in its place", contract.label()))
        .with("file", file.display())
        .with_help(format!("it belongs in {}", place.display())))
}

fn major(contract: &Contract) -> u32 {
    contract.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}
