//! Which rates the published rows of a run were converted by: what its record says of it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The rate file of a run, and what was used of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatesUsed {
    /// Where the file lies.
    pub place: String,
    /// SHA-256 (hex) of its bytes.
    pub sha256: String,
    /// SHA-256 (hex) of other files, by which rows were converted that stood published before,
    /// ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sha256: Vec<String>,
    /// Age in days up to which a rate counted, the greatest where files differ in it.
    pub max_staleness_days: u32,
    /// Published rows by the currency they were converted from.
    pub by_currency: BTreeMap<String, CurrencyUse>,
}

/// What was converted from one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyUse {
    /// Rows.
    pub rows: u64,
    /// Day of the oldest rate.
    pub oldest_rate: Date,
    /// Day of the newest rate.
    pub newest_rate: Date,
    /// Age in days of the rate that was oldest beside the day of its row.
    pub greatest_age_days: u32,
}

impl RatesUsed {
    /// Adds the files by which other rows were converted.
    pub fn add_files_of(&mut self, before: &Self) {
        self.other_sha256.push(before.sha256.clone());
        self.other_sha256.extend_from_slice(&before.other_sha256);
        self.other_sha256.retain(|sha256| *sha256 != self.sha256);
        self.other_sha256.sort();
        self.other_sha256.dedup();
        self.max_staleness_days = self.max_staleness_days.max(before.max_staleness_days);
    }
}

impl CurrencyUse {
    /// Rows of one day, converted by the rate of `rate_day`.
    #[must_use]
    pub fn rows(rows: u64, rate_day: Date, age_days: u32) -> Self {
        Self { rows, oldest_rate: rate_day, newest_rate: rate_day, greatest_age_days: age_days }
    }

    /// Adds other rows of the currency.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.oldest_rate = self.oldest_rate.min(other.oldest_rate);
        self.newest_rate = self.newest_rate.max(other.newest_rate);
        self.greatest_age_days = self.greatest_age_days.max(other.greatest_age_days);
    }
}
