//! What became of every row: the counts that must balance before anything is published.
//!
//! Owns the arithmetic. Does not own where the counts come from, which is the point: `read`
//! comes from the decoder, `written` and `quarantined` from re-opened files.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{SplitId, date_of_days};

/// Rows by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows read from the source.
    pub read: u64,
    /// Rows in published files.
    pub written: u64,
    /// Rows refused, with reasons, in the quarantine.
    pub quarantined: u64,
    /// Rows left out by a declared rule, all rules together.
    pub excluded: u64,
    /// Older copies of a key.
    pub deduplicated: u64,
    /// `excluded` by the name of the rule.
    #[serde(default)]
    pub excluded_by_rule: BTreeMap<String, u64>,
}

impl Tally {
    /// Whether every row that was read ended in exactly one place, and the rules add up.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read == self.written + self.quarantined + self.excluded + self.deduplicated
            && self.excluded == self.excluded_by_rule.values().sum::<u64>()
    }

    /// Counts `rows` left out by `rule`.
    pub fn add_excluded(&mut self, rule: &str, rows: u64) {
        if rows > 0 {
            self.excluded += rows;
            *self.excluded_by_rule.entry(rule.to_owned()).or_default() += rows;
        }
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.quarantined += other.quarantined;
        self.excluded += other.excluded;
        self.deduplicated += other.deduplicated;
        for (rule, rows) in &other.excluded_by_rule {
            *self.excluded_by_rule.entry(rule.clone()).or_default() += rows;
        }
    }
}

/// The tally of one split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitTally {
    /// The split.
    pub split: SplitId,
    /// What people call it.
    pub name: String,
    /// What became of its rows.
    #[serde(flatten)]
    pub tally: Tally,
}

/// The ledger of a run: as a whole, by split and by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The run as a whole.
    #[serde(flatten)]
    pub run: Tally,
    /// By split, in split order.
    pub by_split: Vec<SplitTally>,
    /// By business date; rows whose day could not be told stand under `unknown`.
    pub by_day: BTreeMap<String, Tally>,
}

impl Ledger {
    /// Name under which rows without a readable business date are counted.
    pub const UNKNOWN_DAY: &'static str = "unknown";

    /// Key of `by_day`.
    #[must_use]
    pub fn day_key(day: Option<Date>) -> String {
        day.map_or_else(|| Self::UNKNOWN_DAY.to_owned(), |d| d.to_string())
    }

    /// Key of `by_day` for a day as Arrow counts it.
    #[must_use]
    pub fn day_key_of(days: Option<i32>) -> String {
        Self::day_key(days.and_then(date_of_days))
    }

    /// Every line that does not hold, in words; empty when the ledger balances.
    #[must_use]
    pub fn imbalances(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut line = |name: &str, tally: &Tally| {
            if !tally.balances() {
                wrong.push(format!(
                    "{name}: read {} but written {} + quarantined {} + excluded {} + deduplicated {} = {}",
                    tally.read,
                    tally.written,
                    tally.quarantined,
                    tally.excluded,
                    tally.deduplicated,
                    tally.written + tally.quarantined + tally.excluded + tally.deduplicated,
                ));
            }
        };
        line("run", &self.run);
        for split in &self.by_split {
            line(&split.name, &split.tally);
        }
        for (day, tally) in &self.by_day {
            line(day, tally);
        }
        let mut splits = Tally::default();
        self.by_split.iter().for_each(|s| splits.add(&s.tally));
        if splits != self.run {
            wrong.push("the splits do not add up to the run".to_owned());
        }
        let mut days = Tally::default();
        self.by_day.values().for_each(|t| days.add(t));
        if days != self.run {
            wrong.push("the days do not add up to the run".to_owned());
        }
        wrong
    }
}
