//! What makes two runs the same run: the key by which a repeated run is recognised.

use std::collections::BTreeMap;

use crate::model::SourceSummary;
use crate::plan::{
    DaySelection, FormulaGuard, MongodbCollection, ParquetCompression, Plan, SinkSpec, SourceSpec,
};
use crate::publish::idempotency_key;
use crate::transform::tzdb_version;

/// Version of the program, as records name it.
pub(super) const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The key of what `plan` would publish from these sources. Two runs with one key publish the
/// same bytes. It holds what `as_of` changes, not the clock itself: nothing yet.
pub(super) fn run_key(plan: &Plan, sources: &[SourceSummary]) -> String {
    let mut parts = what_judges(plan);
    parts.extend([("fx_table", "none".to_owned()), ("as_of_effect", "none".to_owned())]);
    parts.extend(sources.iter().map(|s| ("source", format!("{}:{}", s.kind, s.fingerprint))));
    parts.extend(plan.sinks.iter().map(|sink| ("sink", sink_text(sink))));
    idempotency_key(&parts)
}

/// The key by which an interrupted reading of live sources is found again. What else has changed
/// since, the sources find out when they are resumed.
pub(super) fn reading_key(plan: &Plan) -> String {
    let mut parts = what_judges(plan);
    parts.push(("target", plan.target.clone()));
    parts.extend(plan.sources.iter().map(|source| ("source", source_text(source))));
    idempotency_key(&parts)
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
