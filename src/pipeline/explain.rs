//! Why a row was refused: which rule of which contract version, by the type and shape of its
//! values, and what the present version would say. Never a value.

mod shape;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::fx::Rates;
use crate::model::{KEY_PART_SEPARATOR, RawFormat, ReasonCode, SplitId};
use crate::plan::AwsOptions;
use crate::publish::{CommitRecord, QuarantineLog};

use super::commit::Target;
use super::judge::{JudgedReason, Judgement, judge};
use super::quarantine::{Lying, each_row, of_run};

/// What is said of a refused row.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedRow {
    /// The run that first refused it.
    pub run_id: String,
    /// Split it came from, as people call it.
    pub split: String,
    /// Number of the split within the run.
    pub split_id: SplitId,
    /// Ordinal within the split.
    pub row: u64,
    /// Business date, when it could be told.
    pub dt: Option<String>,
    /// When it was first refused, RFC 3339 UTC.
    pub first_seen: String,
    /// How often it was tried.
    pub attempts: i32,
    /// `still_there`, `replayed`, `discarded`, or `replaced` when another run has read its day since.
    pub state: &'static str,
    /// Number of the commit that took it out of the quarantine.
    pub taken_by_commit: Option<u64>,
    /// The contract that refused it last.
    pub refused_by: RefusingContract,
    /// Format of its source bytes.
    pub raw_format: String,
    /// Their number.
    pub raw_bytes: u64,
    /// Every reason it was refused for.
    pub reasons: Vec<ExplainedReason>,
    /// What the present contract says of it; absent when its bytes may not be whole.
    pub now: Option<PresentJudgement>,
}

/// A contract that refused a row.
#[derive(Debug, Clone, Serialize)]
pub struct RefusingContract {
    /// `dataset@major`.
    pub dataset: String,
    /// Semantic version.
    pub version: String,
    /// SHA-256 (hex) of the contract file.
    pub sha256: String,
    /// Whether it is the present one, to the byte.
    pub is_present: bool,
}

/// A reason, with what the row holds there.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedReason {
    /// Stable code.
    pub code: String,
    /// What the code means.
    pub meaning: String,
    /// Field, by its path in the output.
    pub field: Option<String>,
    /// Rule of the contract.
    pub rule: Option<String>,
    /// Its expression, or the fields that it wants unique, when the contract that refused the row
    /// is the present one.
    pub expression: Option<String>,
    /// Type that was found, by the source's own name.
    pub found: Option<String>,
    /// Type and shape of the values in the source row, each once.
    pub shapes: Vec<String>,
}

/// What the present contract says of a row on its own: neither copies of its key nor rules over
/// several rows are looked at.
#[derive(Debug, Clone, Serialize)]
pub struct PresentJudgement {
    /// SHA-256 (hex) of the contract file.
    pub contract_sha256: String,
    /// The verdict.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// The reasons, with what the row holds there.
    pub explained: Vec<ExplainedReason>,
}

/// Where the row lies, what judges it now, and where the dataset and its rates are.
#[derive(Debug, Clone)]
pub struct ExplainRequest<'a> {
    /// Root URL of the dataset.
    pub target: &'a str,
    /// How its store is reached.
    pub aws: &'a AwsOptions,
    /// The present contract.
    pub contract: &'a Arc<Contract>,
    /// Place of the exchange rates, where the contract converts amounts.
    pub rates: Option<&'a str>,
    /// The run that refused the row.
    pub run: &'a str,
    /// The row: `SPLIT:ROW`, or its key.
    pub row: &'a str,
}

/// Explains every refused row of a run that the request means.
///
/// # Errors
/// `Usage` when there is no dataset, no such run or no such row, or rates are needed and there are
/// none; `Verification`, `Permission` and `Transient` from the store.
pub fn explain(request: &ExplainRequest<'_>) -> Result<Vec<ExplainedRow>> {
    let ExplainRequest { contract, .. } = *request;
    let runtime = super::start_runtime()?;
    let dataset = Target::open_existing(request.target, request.aws, runtime.handle())?;
    let of_run = of_run(dataset.records(), request.run)?;
    let log = QuarantineLog::new(dataset.records());
    // A row that was refused again lies in several files; the newest tells.
    let mut newest = BTreeMap::new();
    each_row(&log, &dataset.destination(), Some(&of_run), &mut |lying| {
        if is_meant(&lying, request.row) {
            newest.insert((lying.row.split_id, lying.row.row), lying);
        }
        Ok(true)
    })?;
    if newest.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the run refused no such row")
            .with("run", request.run)
            .with_help(
                "name it by SPLIT:ROW or by its key, as `consign quarantine show --run ID` tells",
            ));
    }
    let rates = super::rates::of_contract(contract, request.rates, request.aws, runtime.handle())?;
    newest.into_values().map(|lying| explained(&lying, contract, rates.as_ref())).collect()
}

/// Whether `typed` means the row: `SPLIT:ROW`, the split by number or name, or its key.
fn is_meant(lying: &Lying<'_>, typed: &str) -> bool {
    let row = &lying.row;
    let by_place = typed.rsplit_once(':').is_some_and(|(split, ordinal)| {
        ordinal.parse() == Ok(row.row)
            && (split == row.split || split.parse() == Ok(row.split_id.0))
    });
    by_place || row.key.as_ref().is_some_and(|key| key.replace(KEY_PART_SEPARATOR, ",") == typed)
}

fn explained(
    lying: &Lying<'_>,
    contract: &Arc<Contract>,
    rates: Option<&Arc<Rates>>,
) -> Result<ExplainedRow> {
    let Lying { row, of, .. } = lying;
    let raw = Bytes::from(row.raw()?);
    let refusing = &of.record.contract;
    let is_present = refusing.sha256 == contract.sha256;
    let format = RawFormat::parse(&row.raw_format);
    let shapes = |field: Option<&str>| match (field, format) {
        (Some(path), Some(format)) => shape::shapes(&raw, format, contract, path),
        _ => Vec::new(),
    };
    let reasons = row.reasons.iter().map(|reason| ExplainedReason {
        meaning: ReasonCode::parse(&reason.code).map_or("", ReasonCode::explanation).to_owned(),
        expression: reason
            .rule
            .as_deref()
            .filter(|_| is_present)
            .and_then(|rule| expression(contract, rule)),
        shapes: shapes(reason.field.as_deref()),
        code: reason.code.clone(),
        field: reason.field.clone(),
        rule: reason.rule.clone(),
        found: reason.found.clone(),
    });
    let is_whole = !row.codes().contains(ReasonCode::RowTooLarge.as_str());
    let now = match format.filter(|_| is_whole) {
        None => None,
        Some(format) => {
            let judgement = judge(contract, rates, format, &raw)?;
            let explain = |reason: &JudgedReason| ExplainedReason {
                code: reason.code.to_owned(),
                meaning: reason.meaning.to_owned(),
                expression: reason.rule.as_deref().and_then(|rule| expression(contract, rule)),
                shapes: shapes(reason.field.as_deref()),
                field: reason.field.clone(),
                rule: reason.rule.clone(),
                found: reason.found.map(str::to_owned),
            };
            let explained = judgement.reasons.iter().map(explain).collect();
            Some(PresentJudgement {
                contract_sha256: contract.sha256.clone(),
                judgement,
                explained,
            })
        }
    };
    Ok(ExplainedRow {
        run_id: of.origin.run_id.clone(),
        split: row.split.clone(),
        split_id: row.split_id,
        row: row.row,
        dt: row.dt.map(|day| day.to_string()),
        first_seen: row.first_seen.clone(),
        attempts: row.attempts,
        state: state(lying),
        taken_by_commit: lying.taken_by.map(|record| record.seq),
        refused_by: RefusingContract {
            dataset: refusing.label.clone(),
            version: refusing.version.clone(),
            sha256: refusing.sha256.clone(),
            is_present,
        },
        raw_format: row.raw_format.clone(),
        raw_bytes: raw.len() as u64,
        reasons: reasons.collect(),
        now,
    })
}

fn state(lying: &Lying<'_>) -> &'static str {
    let is_replay = |record: &&CommitRecord| record.replayed.is_some();
    match lying.taken_by {
        Some(record) if is_replay(&record) => "replayed",
        Some(_) => "discarded",
        None if lying.stands => "still_there",
        None => "replaced",
    }
}

/// The expression of a rule of one row, or the fields that a rule over all rows wants unique.
fn expression(contract: &Contract, rule: &str) -> Option<String> {
    let of_row = contract.rules.iter().find(|known| &*known.name == rule);
    let of_set = contract.unique.iter().find(|known| &*known.name == rule);
    of_row
        .map(|rule| rule.text.clone())
        .or_else(|| of_set.map(|rule| format!("unique: {}", rule.fields.join(", "))))
}
