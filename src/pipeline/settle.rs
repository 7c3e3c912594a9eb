//! The decisions that need all rows, once every split is extracted: copies of a key, values that
//! must be unique, and the ledger as the files will have to confirm it.
//!
//! Does not own how rows are compared (`set_wide`) nor what the files hold (`write`, `gate`).

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Severity;
use crate::error::Result;
use crate::model::{ReasonCode, SplitId, ZoneSpans};
use crate::state::{Checkpoint, Staging};
use crate::telemetry::Stage;

use super::route::ExclusionNames;
use super::set_wide::{self, NotUnique};
use super::{Decided, Running, ledger, refused, zones};

/// Splits whose rows are published already: they are compared with those that are read, and none
/// of them is refused or left out.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) splits: BTreeSet<SplitId>,
    /// Those of days that are not published again.
    pub(super) only_compared: BTreeSet<SplitId>,
}

impl Running<'_> {
    /// Takes the decisions that need all rows, over splits that are extracted.
    pub(super) fn settle(
        &self,
        staging: &Staging,
        mut checkpoints: Vec<Checkpoint>,
        days: Vec<i32>,
        names: &ExclusionNames,
        standing: &Standing,
    ) -> Result<Decided> {
        let Self { plan, progress, .. } = *self;
        progress.enter(Stage::Deduplicating);
        let older = set_wide::older_copies(staging, &checkpoints, names)?;
        let rules = &plan.contract.unique;
        let not_unique = set_wide::not_unique(
            staging,
            &checkpoints,
            rules,
            &older.rows,
            &standing.splits,
            names,
        )?;
        checkpoints.retain(|checkpoint| !standing.only_compared.contains(&checkpoint.split.id));
        let [left_out, refused] = [Severity::Exclude, Severity::Reject]
            .map(|severity| NotUnique::rows(&not_unique, severity));
        let mut reasons = refused::reasons(refused::of_splits(staging, &checkpoints, &older.rows))?;
        let refusals = not_unique.iter().filter(|found| found.rule.severity == Severity::Reject);
        let shared = refusals.map(|found| found.struck.rows.len_without(&left_out)).sum::<u64>();
        if shared > 0 {
            *reasons.entry(ReasonCode::NotUnique.to_string()).or_default() += shared;
        }
        let mut zones = ZoneSpans::default();
        checkpoints.iter().for_each(|checkpoint| zones.merge(&checkpoint.zones));
        let expected = ledger::expected(&checkpoints, &older, &not_unique);
        Ok(Decided {
            ledger: ledger::draw_up(&checkpoints, &older, &not_unique, &expected),
            warnings: warnings(&checkpoints, &not_unique),
            zone_differences: zones::differences(&plan.contract, zones, &days),
            days,
            checkpoints,
            resumed: 0,
            older,
            not_unique,
            left_out,
            refused,
            reasons,
        })
    }
}

fn warnings(checkpoints: &[Checkpoint], not_unique: &[NotUnique]) -> BTreeMap<String, u64> {
    let of_rows = checkpoints.iter().flat_map(|checkpoint| &checkpoint.warnings);
    let of_rows = of_rows.map(|(rule, rows)| (rule.clone(), *rows));
    let that_warn = not_unique.iter().filter(|found| found.rule.severity == Severity::Warn);
    let of_sets = that_warn.map(|found| (found.rule.name.to_string(), found.struck.tallied()));
    let mut warnings = BTreeMap::new();
    for (rule, rows) in of_rows.chain(of_sets).filter(|(_, rows)| *rows > 0) {
        *warnings.entry(rule).or_default() += rows;
    }
    warnings
}
