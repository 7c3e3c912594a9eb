//! Where each row of a batch goes: on as a candidate, to the quarantine, or out by a rule.
//!
//! Owns the order of precedence: an exclusion is judged before reasons, reasons before the rest.
//! A deletion is an exclusion as long as its key can be read. Does not own the verdicts (`decode`, `transform`), and does not yet compare copies of a key.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, ERASED, Reason, ReasonCode, RowReason};
use crate::plan::{DELETED_IN_SOURCE, OUTSIDE_WINDOW};
use crate::state::Verdicts;

/// What was decided about a row on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be published.
    Candidate,
    /// It has reasons against it: a range of the batch's reasons.
    Quarantined,
    /// A rule leaves it out: an index into [`ExclusionNames`].
    Excluded(u16),
}

impl Verdict {
    /// The row tells that its item was deleted.
    pub(super) const DELETED: Self = Self::Excluded(1);

    /// The verdict as staged in the key index.
    pub(super) fn to_code(self) -> u16 {
        match self {
            Self::Candidate => 0,
            Self::Quarantined => 1,
            Self::Excluded(rule) => 2 + rule,
        }
    }

    /// The verdict staged as `code`.
    pub(super) fn from_code(code: u16) -> Self {
        match code {
            0 => Self::Candidate,
            1 => Self::Quarantined,
            rule => Self::Excluded(rule - 2),
        }
    }
}

/// Names of everything that can exclude a row: the window, deletions ([`Verdict::DELETED`]), then
/// the contract's rules, then the erasure of subjects.
#[derive(Debug, Clone)]
pub(super) struct ExclusionNames(Vec<Arc<str>>);

impl ExclusionNames {
    /// The names for a contract.
    pub(super) fn new(contract: &Contract) -> Self {
        let rules = contract.rules.iter().map(|rule| &rule.name);
        let unique = contract.unique.iter().map(|rule| &rule.name);
        let own = [OUTSIDE_WINDOW, DELETED_IN_SOURCE].map(Arc::from);
        // Behind the others, whose numbers stand in what interrupted runs have staged.
        let erased = Arc::from(ERASED);
        Self(own.into_iter().chain(rules.chain(unique).cloned()).chain([erased]).collect())
    }

    /// The name at an index of [`Verdict::Excluded`].
    pub(super) fn name(&self, index: u16) -> &str {
        self.0.get(usize::from(index)).map_or("unknown", |name| name)
    }

    fn index(&self, name: &str) -> Result<u16> {
        let found = self.0.iter().position(|n| &**n == name).and_then(|i| u16::try_from(i).ok());
        found.ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "a row was excluded by a rule that is not declared")
                .with("rule", name)
        })
    }
}

impl Verdicts {
    /// Counts a row.
    pub(super) fn count(&mut self, verdict: Verdict, names: &ExclusionNames) {
        match verdict {
            Verdict::Candidate => self.candidates += 1,
            Verdict::Quarantined => self.quarantined += 1,
            Verdict::Excluded(rule) => {
                *self.excluded.entry(names.name(rule).to_owned()).or_default() += 1;
            }
        }
    }
}

/// A batch with a verdict for each row.
pub(super) struct Routed {
    /// The batch; rows without a readable day that nothing else refuses now have a reason.
    pub(super) batch: Batch,
    /// One verdict a row.
    pub(super) verdicts: Vec<Verdict>,
    /// Range of `batch.reasons` of each quarantined row.
    pub(super) reasons: Vec<Range<usize>>,
}

impl Routed {
    /// Rows with a verdict, as indices to take.
    pub(super) fn rows_with(&self, verdict: Verdict) -> UInt32Array {
        let rows = (0u32..).zip(&self.verdicts);
        rows.filter(|(_, v)| **v == verdict).map(|(row, _)| row).collect()
    }

    /// Rows with reasons against them.
    pub(super) fn quarantined(&self) -> u64 {
        self.verdicts.iter().filter(|v| **v == Verdict::Quarantined).count() as u64
    }

    /// The day of a row, days since 1970-01-01.
    pub(super) fn day(&self, row: usize) -> Option<i32> {
        let days = self.batch.business_dates.as_ref()?;
        days.is_valid(row).then(|| days.value(row))
    }
}

/// Gives each row its verdict.
pub(super) fn route(
    mut batch: Batch,
    contract: &Contract,
    names: &ExclusionNames,
) -> Result<Routed> {
    refuse_rows_without_day(&mut batch, contract);
    let key: Vec<&ArrayRef> =
        contract.key.iter().filter_map(|name| batch.columns.column_by_name(name)).collect();
    let rows = batch.num_rows();
    let mut verdicts = Vec::with_capacity(rows);
    let mut reasons = Vec::with_capacity(rows);
    let (mut next_reason, mut next_exclusion) = (0, 0);
    for row in 0..rows {
        let start = next_reason;
        while batch.reasons.get(next_reason).is_some_and(|r| r.row as usize == row) {
            next_reason += 1;
        }
        reasons.push(start..next_reason);
        let exclusion = batch.exclusions.get(next_exclusion).filter(|e| e.row as usize == row);
        verdicts.push(if let Some(exclusion) = exclusion {
            next_exclusion += 1;
            match Verdict::Excluded(names.index(&exclusion.rule)?) {
                // Which row it deletes cannot be told, and that must be seen.
                Verdict::DELETED if key.iter().any(|part| part.is_null(row)) => {
                    Verdict::Quarantined
                }
                verdict => verdict,
            }
        } else if next_reason > start {
            Verdict::Quarantined
        } else {
            Verdict::Candidate
        });
    }
    if next_reason != batch.reasons.len() || next_exclusion != batch.exclusions.len() {
        return Err(Error::new(ErrorKind::Unexpected, "verdicts of a batch are out of order"));
    }
    Ok(Routed { batch, verdicts, reasons })
}

/// A row without a day cannot be published in any. A contract requires the field the day comes
/// from, so the row has a reason already; this holds whatever the steps do.
fn refuse_rows_without_day(batch: &mut Batch, contract: &Contract) {
    let path = contract.field(&contract.business_date.field).map(|f| Arc::clone(&f.path));
    let (Some(days), Some(path)) = (&batch.business_dates, path) else { return };
    let mut found = Vec::new();
    let mut reasons = batch.reasons.iter().map(|r| r.row).peekable();
    for row in (0u32..).take(days.len()) {
        while reasons.peek().is_some_and(|r| *r < row) {
            reasons.next();
        }
        if days.is_null(row as usize) && reasons.peek() != Some(&row) {
            let reason = Reason::of_field(ReasonCode::RequiredNull, &path, None);
            found.push(RowReason { row, reason });
        }
    }
    batch.add_reasons(found);
}
