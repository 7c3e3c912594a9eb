//! Drawing up the ledger: what was read and decided while extracting, against what lies in the
//! files that were re-opened.
//!
//! The two sides are counted apart on purpose; `model::Ledger` says whether they agree.

use std::collections::BTreeMap;

use crate::catalog::Severity;
use crate::model::{Ledger, SplitId, SplitTally, Tally};
use crate::state::{Checkpoint, Verdicts};

use super::set_wide::{NotUnique, Struck};

/// Rows found in files after the run: what the ledger's right-hand side is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Rows in data files by day key, from the re-opened files.
    pub(super) written_by_day: BTreeMap<String, u64>,
    /// Rows in data files by split, from the merge.
    pub(super) written_by_split: BTreeMap<SplitId, u64>,
    /// Rows in the quarantine by split and day key, from the re-opened files.
    pub(super) quarantined: BTreeMap<(SplitId, String), u64>,
}

/// The ledger of a run.
pub(super) fn draw_up(
    checkpoints: &[Checkpoint],
    older: &Struck,
    not_unique: &[NotUnique],
    found: &Found,
) -> Ledger {
    let mut ledger = Ledger::default();
    for checkpoint in checkpoints {
        let split = checkpoint.split.id;
        let mut of_split = Tally { read: checkpoint.rows_read, ..Tally::default() };
        for (day, verdicts) in &checkpoint.days {
            let mut tally = Tally { read: verdicts.rows(), ..Tally::default() };
            let struck = struck_of(older, split, day);
            tally.deduplicated = struck.rows();
            for (rule, rows) in &verdicts.excluded {
                let struck = struck.excluded.get(rule).copied().unwrap_or(0);
                tally.add_excluded(rule, rows.saturating_sub(struck));
            }
            for NotUnique { rule, struck } in of_severity(not_unique, Severity::Exclude) {
                tally.add_excluded(&rule.name, struck_of(struck, split, day).candidates);
            }
            tally.quarantined = found.quarantined.get(&(split, day.clone())).copied().unwrap_or(0);
            ledger.by_day.entry(day.clone()).or_default().add(&tally);
            of_split.add(&Tally { read: 0, ..tally });
        }
        of_split.written = found.written_by_split.get(&split).copied().unwrap_or(0);
        ledger.run.add(&Tally { written: 0, ..of_split.clone() });
        let name = checkpoint.split.name.clone();
        ledger.by_split.push(SplitTally { split, name, tally: of_split });
    }
    for (day, rows) in found.written_by_day.iter().filter(|(_, rows)| **rows > 0) {
        ledger.by_day.entry(day.clone()).or_default().written += rows;
        ledger.run.written += rows;
    }
    ledger
}

/// What the files of a run must hold, by what was decided: for a run that writes none.
pub(super) fn expected(
    checkpoints: &[Checkpoint],
    older: &Struck,
    not_unique: &[NotUnique],
) -> Found {
    let mut found = Found::default();
    for checkpoint in checkpoints {
        let split = checkpoint.split.id;
        for (day, verdicts) in &checkpoint.days {
            let older = struck_of(older, split, day);
            let of = |severity| -> u64 {
                of_severity(not_unique, severity)
                    .map(|found| struck_of(&found.struck, split, day).candidates)
                    .sum()
            };
            let (left_out, refused) = (of(Severity::Exclude), of(Severity::Reject));
            let written = verdicts.candidates.saturating_sub(older.candidates + left_out + refused);
            let quarantined = (verdicts.quarantined + refused).saturating_sub(older.quarantined);
            *found.written_by_day.entry(day.clone()).or_default() += written;
            *found.written_by_split.entry(split).or_default() += written;
            *found.quarantined.entry((split, day.clone())).or_default() += quarantined;
        }
    }
    found
}

fn of_severity(not_unique: &[NotUnique], severity: Severity) -> impl Iterator<Item = &NotUnique> {
    not_unique.iter().filter(move |found| found.rule.severity == severity)
}

fn struck_of(struck: &Struck, split: SplitId, day_key: &str) -> Verdicts {
    let mut sum = Verdicts::default();
    let of_split = struck.tallies.range((split, None)..=(split, Some(i32::MAX)));
    for (_, verdicts) in of_split.filter(|((_, day), _)| Ledger::day_key_of(*day) == day_key) {
        sum.candidates += verdicts.candidates;
        sum.quarantined += verdicts.quarantined;
        for (rule, rows) in &verdicts.excluded {
            *sum.excluded.entry(rule.clone()).or_default() += rows;
        }
    }
    sum
}
