//! What makes two runs the same run: the key by which a repeated run is recognised.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use jiff::civil::Date;

use crate::error::Result;
use crate::fx::Rates;
use crate::model::SourceSummary;
use crate::plan::{
    DaySelection, FormulaGuard, MongodbCollection, ParquetCompression, Plan, SinkSpec, SourceSpec,
};
use crate::publish::idempotency_key;
use crate::transform::{PrivacyInForce, instants_of_days, period_micros, tzdb_version};

/// Version of the program, as records name it.
pub(super) const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Form of staged files: what was staged in another one is redone.
const STAGED_FORM: &str = "2";

/// The key of what `plan` would publish from these sources. Two runs with one key publish the
/// same rows. It holds what `as_of` changes, not the clock itself: see [`as_of_effect`]. Of rates
/// it holds those that orders of the days could get, so that a file that has grown by a day asks
/// for no new run of the days before.
pub(super) fn run_key(
    plan: &Plan,
    rates: Option<&Rates>,
    privacy: &PrivacyInForce,
    sources: &[SourceSummary],
) -> Result<String> {
    let mut parts = what_judges(plan);
    let fx_table = rates.map_or_else(|| "none".to_owned(), |rates| rates_that_matter(plan, rates));
    parts.extend([("fx_table", fx_table), ("as_of_effect", as_of_effect(plan)?)]);
    parts.extend(keys_and_marks(plan, privacy));
    parts.extend(sources.iter().map(|s| ("source", format!("{}:{}", s.kind, s.fingerprint))));
    parts.extend(plan.sinks.iter().map(|sink| ("sink", sink_text(sink))));
    Ok(idempotency_key(&parts))
}

/// What the clock changes of the rows, for each period after which they come of age: `none` when
/// no row of the plan's days can be of age, `all` when every one must be, else the clock itself.
fn as_of_effect(plan: &Plan) -> Result<String> {
    let Plan { contract, as_of, .. } = plan;
    let periods = contract.privacy_periods();
    let Some(privacy) = contract.privacy.as_ref().filter(|_| !periods.is_empty()) else {
        return Ok("none".to_owned());
    };
    let DaySelection::Range { first, last } = plan.days else { return Ok(as_of.to_string()) };
    let day = &contract.business_date;
    if privacy.clock != day.field {
        return Ok(as_of.to_string());
    }
    let (from, to) = instants_of_days(day, first, last)?;
    let effect = |days: u32| {
        let limit = as_of.as_microsecond().saturating_sub(period_micros(days));
        if limit < from.as_microsecond() {
            "none".to_owned()
        } else if to.as_microsecond() <= limit.saturating_add(1) {
            "all".to_owned()
        } else {
            as_of.to_string()
        }
    };
    let effects = periods.into_iter().map(|days| format!("{days} days: {}", effect(days)));
    Ok(effects.collect::<Vec<_>>().join(", "))
}

/// The key that takes pseudonyms, and a digest of the subjects that are left out.
fn keys_and_marks(plan: &Plan, privacy: &PrivacyInForce) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if plan.contract.takes_pseudonyms() {
        let key = privacy.keys.as_ref().and_then(|keys| keys.ids().next().map(str::to_owned));
        parts.extend(key.map(|key| ("privacy_key", key)));
    }
    let marks = privacy.suppressed.iter();
    let marks: BTreeSet<_> =
        marks.map(|m| format!("{}:{}:{}", m.field, m.key_id, m.mark)).collect();
    parts.extend(marks.into_iter().map(|mark| ("suppressed", mark)));
    parts
}

/// Digest of the rates that can reach a row of the plan's days.
fn rates_that_matter(plan: &Plan, rates: &Rates) -> String {
    let DaySelection::Range { first, last } = plan.days else {
        return rates.table.digest(Date::MIN, Date::MAX);
    };
    let reach = Span::new().try_days(plan.contract.exchange.max_staleness_days);
    let oldest = reach.and_then(|reach| first.checked_sub(reach)).unwrap_or(Date::MIN);
    rates.table.digest(oldest, last)
}

/// The key of the staging folder of the run with `key`: what is staged names the rate file.
pub(super) fn staging_key(key: &str, rates: Option<&Rates>) -> String {
    let mut parts = vec![("run", key.to_owned()), ("staged_form", STAGED_FORM.to_owned())];
    parts.extend(rates.map(|rates| ("rate_file", rates.sha256.clone())));
    idempotency_key(&parts)
}

/// The key by which an interrupted reading of live sources is found again. What else has changed
/// since, the sources find out when they are resumed.
pub(super) fn reading_key(
    plan: &Plan,
    rates: Option<&Rates>,
    privacy: &PrivacyInForce,
) -> Result<String> {
    let mut parts = what_judges(plan);
    if plan.contract.privacy.is_some() {
        parts.push(("as_of_effect", as_of_effect(plan)?));
    }
    parts.extend(keys_and_marks(plan, privacy));
    parts.push(("target", plan.target.clone()));
    parts.push(("staged_form", STAGED_FORM.to_owned()));
    parts.extend(rates.map(|rates| ("rate_file", rates.sha256.clone())));
    parts.extend(plan.sources.iter().map(|source| ("source", source_text(source))));
    Ok(idempotency_key(&parts))
}

/// What decides what becomes of a row.
fn what_judges(plan: &Plan) -> Vec<(&'static str, String)> {
    vec![
        ("dataset", plan.contract.label()),
        ("days", days_text(plan.days)),
        ("contract_sha256", plan.contract.sha256.clone()),
        ("code_version", CODE_VERSION.to_owned()),
        ("tzdb", tzdb_version().to_owned()),
    ]
}

fn source_text(source: &SourceSpec) -> String {
    match source {
        SourceSpec::DynamodbExport { url } | SourceSpec::Mongodump { url, .. } => url.clone(),
        SourceSpec::Dynamodb(table) => format!("dynamodb {}", table.table),
        SourceSpec::Mongodb(MongodbCollection { database, collection, .. }) => {
            format!("mongodb {database}.{collection}")
        }
    }
}

/// The settings of a run that shape its files, for its record.
pub(super) fn settings(plan: &Plan) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::from([
        ("days".to_owned(), days_text(plan.days)),
        ("latest".to_owned(), plan.latest.to_string()),
        ("reject_max_millionths".to_owned(), plan.reject_budget.max_millionths.to_string()),
    ]);
    if let Some(rows) = plan.reject_budget.max_rows {
        settings.insert("reject_max_rows".to_owned(), rows.to_string());
    }
    for (index, sink) in plan.sinks.iter().enumerate() {
        settings.insert(format!("sink_{index}"), sink_text(sink));
    }
    settings
}

pub(super) fn days_text(days: DaySelection) -> String {
    match days {
        DaySelection::Found => "found".to_owned(),
        DaySelection::Range { first, last } => format!("{first}..{last}"),
    }
}

pub(super) fn sink_text(sink: &SinkSpec) -> String {
    match sink {
        SinkSpec::Parquet { compression, target_bytes, row_group_bytes } => {
            let compression = match compression {
                ParquetCompression::Zstd => "zstd",
                ParquetCompression::Snappy => "snappy",
            };
            format!(
                "parquet compression={compression} target_bytes={target_bytes} row_group_bytes={row_group_bytes}"
            )
        }
        SinkSpec::Csv { target_bytes, formula_guard } => {
            let guard = match formula_guard {
                FormulaGuard::Off => "off",
                FormulaGuard::Prefix => "prefix",
            };
            format!("csv target_bytes={target_bytes} formula_guard={guard}")
        }
    }
}
