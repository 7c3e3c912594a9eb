//! Reading a published dataset back against its own commit records.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::catalog::Catalog;
use crate::error::{Error, Result, causes};
use crate::plan::AwsOptions;
use crate::publish::{QuarantineLog, in_force, live_days, live_files, verify_log};
use crate::sinks::{compare, quarantine::read_quarantine, reread};
use crate::telemetry::{Progress, Stage};

use super::commit::Target;

/// What a dataset was found to be.
#[derive(Debug, Clone, Serialize)]
pub struct VerifySummary {
    /// Root URL of the dataset.
    pub target: String,
    /// Commit records, all of them checked.
    pub commits: u64,
    /// Days that are published.
    pub days: u64,
    /// Data and quarantine files that were read back.
    pub files: u64,
    /// Rows in the files of published days.
    pub rows: u64,
    /// Everything that does not agree, in words; empty when the dataset is sound.
    pub problems: Vec<String>,
}

/// Checks the chain of records and their ledgers, then reads back every file of each published
/// day and every quarantine file of a run whose days stand. Writes nothing.
///
/// # Errors
/// `Usage` when there is no dataset at `target` or the catalog cannot be read; `Permission` and
/// `Transient` from the store. What does not agree is not an error but a problem in the summary.
pub fn verify(
    target: &str,
    aws: &AwsOptions,
    catalog_dir: &Path,
    progress: &Progress,
) -> Result<VerifySummary> {
    let runtime = super::start_runtime()?;
    progress.enter(Stage::Verifying);
    let dataset = Target::open_existing(target, aws, runtime.handle())?;
    let catalog = Catalog::open(catalog_dir)?;
    let (records, destination) = (dataset.records(), dataset.destination());
    let live = live_days(records);
    let mut summary = VerifySummary {
        target: target.to_owned(),
        commits: records.len() as u64,
        days: live.len() as u64,
        files: 0,
        rows: 0,
        problems: verify_log(records),
    };
    for committed in in_force(records) {
        if progress.should_stop() {
            return Err(super::interrupted());
        }
        let record = &committed.record;
        let contract = match catalog.resolve(&record.contract.label) {
            Ok(contract) if record.is_of_form_of(&contract) => contract,
            Ok(_) => {
                summary.problems.push(format!(
                    "commit {}: the contract {} has other columns than the one it was published by",
                    record.seq, record.contract.label
                ));
                continue;
            }
            Err(error) => {
                summary.problems.push(format!("commit {}: {error}", record.seq));
                continue;
            }
        };
        let mut rows_by_day: BTreeMap<_, u64> = BTreeMap::new();
        for file in live_files(record, &live) {
            summary.files += 1;
            let checked = reread(&destination, file, &contract).and_then(|f| compare(file, &f));
            match checked {
                Ok(()) => *rows_by_day.entry((file.format, file.dt)).or_default() += file.rows,
                Err(error) => summary.problems.push(in_words(&error)),
            }
        }
        summary.rows += rows_of_first_format(&rows_by_day);
    }
    for file in QuarantineLog::new(records).files_in_force() {
        if progress.should_stop() {
            return Err(super::interrupted());
        }
        summary.files += 1;
        let read = read_quarantine(&destination, file, &mut |_| Ok(true));
        summary.problems.extend(read.err().as_ref().map(in_words));
    }
    Ok(summary)
}

fn rows_of_first_format<D: Ord>(rows: &BTreeMap<(crate::model::FileFormat, D), u64>) -> u64 {
    let first = rows.keys().next().map(|(format, _)| *format);
    rows.iter().filter(|((format, _), _)| Some(*format) == first).map(|(_, rows)| rows).sum()
}

fn in_words(error: &Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
