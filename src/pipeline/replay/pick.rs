//! Which rows of the quarantine a replay or a discard speaks of.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::ReasonCode;
use crate::publish::{CommitRecord, QuarantineFile, QuarantineLog};
use crate::sinks::Destination;

use crate::pipeline::quarantine::{Lying, OfRun, each_row};

/// Rows of one quarantine file, by their places in it, ascending.
pub(in crate::pipeline) struct Picked<'r> {
    pub(in crate::pipeline) of: QuarantineFile<'r>,
    pub(in crate::pipeline) places: Vec<u64>,
}

/// Picks the rows of `of_run` that are still there and that `wants`.
///
/// # Errors
/// As [`each_row`].
pub(in crate::pipeline) fn pick<'r>(
    log: &QuarantineLog<'r>,
    destination: &Destination,
    of_run: &OfRun,
    mut wants: impl FnMut(&Lying<'r>) -> bool,
) -> Result<Vec<Picked<'r>>> {
    let mut picked: BTreeMap<(u64, &str), Picked<'r>> = BTreeMap::new();
    each_row(log, destination, Some(of_run), &mut |lying| {
        if lying.taken_by.is_none() && lying.stands && wants(&lying) {
            let of_file = Picked { of: lying.of, places: Vec::new() };
            picked
                .entry((lying.of.record.seq, &lying.of.file.path))
                .or_insert(of_file)
                .places
                .push(lying.place);
        }
        Ok(true)
    })?;
    Ok(picked.into_values().collect())
}

/// Whether a row has one of the reasons that are asked for; none asked for means every row.
pub(in crate::pipeline) fn has_one_of(lying: &Lying<'_>, reasons: &[ReasonCode]) -> bool {
    let codes = lying.row.codes();
    reasons.is_empty() || reasons.iter().any(|reason| codes.contains(reason.as_str()))
}

/// What judges rows, as records name it: equal judges say the same of a row.
#[derive(PartialEq, Eq)]
pub(in crate::pipeline) struct Judge<'a> {
    pub(in crate::pipeline) contract_sha256: &'a str,
    pub(in crate::pipeline) code_version: &'a str,
    pub(in crate::pipeline) tzdb: &'a str,
    pub(in crate::pipeline) fx_table_sha256: Option<&'a str>,
}

impl<'a> Judge<'a> {
    /// Who judged the rows of a record.
    pub(in crate::pipeline) fn of(record: &'a CommitRecord) -> Self {
        Self {
            contract_sha256: &record.contract.sha256,
            code_version: &record.code_version,
            tzdb: &record.tzdb,
            fx_table_sha256: record.fx_table_sha256.as_deref(),
        }
    }
}
