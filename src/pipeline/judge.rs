//! How a contract judges one row: the same decoder, steps and order of verdicts as a run.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::catalog::Contract;
use crate::decode::Decoder;
use crate::error::{Error, ErrorKind, Result};
use crate::fx::Rates;
use crate::model::{Ledger, PageContent, RawFormat, RawPage, Reason, SplitId};
use crate::plan::DaySelection;
use crate::transform::Steps;

use super::route::{ExclusionNames, Verdict, route};

/// What a contract says of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// `dataset@major`.
    pub dataset: String,
    /// Semantic version of the contract.
    pub contract_version: String,
    /// `publish`, `quarantine` or `exclude`.
    pub verdict: &'static str,
    /// Rule that leaves the row out, when one does.
    pub excluded_by: Option<String>,
    /// Every reason against the row.
    pub reasons: Vec<JudgedReason>,
    /// Rules of severity `warn` that the row breaks.
    pub warnings: Vec<String>,
    /// Business date, when it could be told.
    pub day: Option<String>,
}

/// A reason against a row, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedReason {
    /// Stable code.
    pub code: &'static str,
    /// What the code means.
    pub meaning: &'static str,
    /// Field, by its path in the output.
    pub field: Option<String>,
    /// Rule of the contract.
    pub rule: Option<String>,
    /// Type that was found, by the source's own name.
    pub found: Option<&'static str>,
}

impl From<&Reason> for JudgedReason {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code.as_str(),
            meaning: reason.code.explanation(),
            field: reason.field.as_deref().map(str::to_owned),
            rule: reason.rule.as_deref().map(str::to_owned),
            found: reason.found,
        }
    }
}

/// Judges one row on its own: neither copies of its key nor rules over several rows are looked
/// at, and every day is asked for. `rates` are needed when the contract converts amounts.
///
/// # Errors
/// `Usage` when the contract names a zone, a field or a pattern that cannot be used, or when it
/// converts amounts and there are no rates.
pub fn judge(
    contract: &Arc<Contract>,
    rates: Option<&Arc<Rates>>,
    format: RawFormat,
    row: &Bytes,
) -> Result<Judgement> {
    let end = u32::try_from(row.len()).map_err(|e| {
        Error::new(ErrorKind::Usage, "the row is larger than any service holds").with_source(e)
    })?;
    let content = PageContent::Embedded { format, bytes: row.clone(), ranges: vec![(0, end)] };
    let page = RawPage { split: SplitId(0), first_row: 0, offset_bytes: 0, content, resume: None };
    let batch = Decoder::new(contract, format).decode(&page);
    let names = ExclusionNames::new(contract);
    let steps = Steps::new(contract, DaySelection::Found, rates, None)?;
    let routed = route(steps.apply(batch), contract, &names)?;
    let (verdict, excluded_by) = match routed.verdicts.first() {
        Some(Verdict::Candidate) => ("publish", None),
        Some(Verdict::Excluded(rule)) => ("exclude", Some(names.name(*rule).to_owned())),
        Some(Verdict::Quarantined) | None => ("quarantine", None),
    };
    Ok(Judgement {
        dataset: contract.label(),
        contract_version: contract.version.clone(),
        verdict,
        excluded_by,
        reasons: routed.batch.reasons.iter().map(|found| (&found.reason).into()).collect(),
        warnings: routed.batch.warnings.iter().map(|(rule, _)| rule.clone()).collect(),
        day: routed.day(0).map(|day| Ledger::day_key_of(Some(day))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load_contract;

    fn judged(item: &str) -> Judgement {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let contract = load_contract(&root.join("schemas/users/v1.odcs.yaml")).unwrap();
        let row = Bytes::copy_from_slice(item.as_bytes());
        judge(&Arc::new(contract), None, RawFormat::DynamodbItem, &row).unwrap()
    }

    #[test]
    fn a_row_is_judged_reason_by_reason() {
        let sound = judged(
            r#"{"user_id":{"S":"5a3c1e7d-0000-4000-8000-000000000001"},
               "email":{"S":"ana@shop.example.com"},"name":{"S":"Ana"},
               "created_at":{"S":"2026-08-01T10:00:00Z"},"updated_at":{"S":"2026-08-01T10:00:00Z"}}"#,
        );
        assert_eq!((sound.verdict, &*sound.reasons), ("publish", &[][..]), "{sound:?}");
        assert_eq!(sound.day.as_deref(), Some("2026-08-01"));

        let broken = judged(r#"{"user_id":{"N":"5"}}"#);
        assert_eq!(broken.verdict, "quarantine");
        assert!(broken.reasons.len() > 2, "{broken:?}");
        assert!(broken.reasons.iter().all(|reason| !reason.meaning.is_empty()));
    }
}
