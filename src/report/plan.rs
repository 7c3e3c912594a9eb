//! What a run would do, as `consign plan` tells it.

use jiff::civil::Date;
use serde::Serialize;

use super::table::{Table, count, size};
use crate::model::SourceSummary;

/// A plan whose sources have been opened and cut.
#[derive(Debug, Clone, Serialize)]
pub struct PlanSummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// Name of the job.
    pub job: String,
    /// `dataset@major`.
    pub dataset: String,
    /// The run's clock, RFC 3339.
    pub as_of: String,
    /// Days to publish: `2026-08-01..2026-08-02`, or `found`.
    pub days: String,
    /// The slice that sources may apply themselves, when the job has one.
    pub slice: Option<SliceSummary>,
    /// The sources, in the job's order.
    pub sources: Vec<PlannedSource>,
    /// The exchange rates, when the contract converts amounts.
    pub fx: Option<PlannedRates>,
    /// Root URL of the dataset.
    pub target: String,
    /// Files to write for each day, with their settings.
    pub sinks: Vec<String>,
    /// Worker threads.
    pub threads: usize,
    /// Memory budget, bytes.
    pub memory_bytes: u64,
}

/// A rate file that has been read.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRates {
    /// Where it lies.
    pub place: String,
    /// SHA-256 (hex) of its bytes.
    pub sha256: String,
    /// Number of its quotes.
    pub quotes: usize,
    /// First day that has a quote.
    pub first_day: Option<Date>,
    /// Last day that has a quote.
    pub last_day: Option<Date>,
    /// Currencies that have rates.
    pub currencies: Vec<String>,
    /// Age in days up to which a rate counts.
    pub max_staleness_days: u32,
}

/// A half-open window of time.
#[derive(Debug, Clone, Serialize)]
pub struct SliceSummary {
    /// Field that tells whether a row is in it.
    pub field: String,
    /// First instant in it, RFC 3339.
    pub from: String,
    /// First instant behind it.
    pub to: String,
}

/// A source, and the work it was cut into.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedSource {
    /// What the source promises about itself.
    #[serde(flatten)]
    pub summary: SourceSummary,
    /// Names of its splits.
    pub splits: Vec<String>,
    /// Size as stored, an estimate for what is read live.
    pub bytes: u64,
}

/// The plan as text, ending in a newline.
#[must_use]
pub fn render(plan: &PlanSummary) -> String {
    let mut table = Table::new("ll");
    table.row(["dataset", &plan.dataset]);
    table.row(["as of", &plan.as_of]);
    table.row(["days", &plan.days]);
    if let Some(slice) = &plan.slice {
        table.row(["slice", &format!("{} in [{}, {})", slice.field, slice.from, slice.to)]);
    }
    for source in &plan.sources {
        let PlannedSource { summary, splits, bytes } = source;
        table.row(["source", &format!("{} ({})", summary.location, summary.kind)]);
        let rows = summary.expected_rows.map(|rows| format!(", {} rows", count(rows)));
        let splits = match splits.as_slice() {
            [only] => format!("1 split, {only}"),
            several => format!("{} splits", several.len()),
        };
        table.row(["", &format!("{splits}, {}{}", size(*bytes), rows.unwrap_or_default())]);
        table.row(["", &format!("consistency: {}", summary.consistency)]);
        if let Some(pushed_down) = &summary.pushed_down {
            table.row(["", &format!("pushed down: {pushed_down}")]);
        }
        if let Some(unverified) = &summary.unverified {
            table.row(["", &format!("not verified: {unverified}")]);
        }
    }
    if let Some(fx) = &plan.fx {
        table.row(["rates", &fx.place]);
        let quotes = count(u64::try_from(fx.quotes).unwrap_or(u64::MAX));
        let days = match (fx.first_day, fx.last_day) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        table.row(["", &format!("{quotes} quotes of {} currencies{days}", fx.currencies.len())]);
        let age = fx.max_staleness_days;
        table.row(["", &format!("at most {age} days old; sha256 {}", fx.sha256)]);
    }
    table.row(["target", &plan.target]);
    for sink in &plan.sinks {
        table.row(["file", sink]);
    }
    table.row(["workers", &format!("{} threads, {}", plan.threads, size(plan.memory_bytes))]);
    format!("{}: what a run would do\n{table}", plan.job)
}
