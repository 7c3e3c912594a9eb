//! A contract as text for a terminal and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::contract::{Contract, Derived, Field, FieldType, Severity, WhenNull};
use super::money::{AmountUnit, Converted, Rounding};
use super::words::{self, Part};

/// The contract for people.
#[must_use]
pub fn describe(contract: &Contract) -> String {
    let mut text = format!("{}  {}\n", contract.label(), contract.version);
    let mut say = |line: String| {
        text += line.trim_end();
        text.push('\n');
    };
    if !contract.description.is_empty() {
        say(contract.description.clone());
    }
    let day = &contract.business_date;
    say(String::new());
    say(format!("  key             {}", contract.key.join(", ")));
    say(format!("  newest copy by  {}", contract.version_field));
    say(format!("  day             the date of {} in {}", day.field, day.zone));
    if contract.converts() {
        say(format!("  to dollars      {}", words::exchange(&contract.exchange)));
    }
    if let Some(privacy) = &contract.privacy {
        say(format!("  personal data   {}", words::privacy(privacy)));
    }
    say(format!("  refused beyond  {}", words::limits(&contract.limits)));
    say(format!("  fingerprint     {}", contract.schema_fingerprint()));

    let parts = words::parts(contract);
    let width = |column: fn(&Part<'_>) -> String| {
        parts.iter().map(|part| column(part).chars().count()).max().unwrap_or(0)
    };
    let name = |part: &Part<'_>| part.field.path.to_string();
    let type_name = |part: &Part<'_>| words::type_name(&part.field.data_type);
    let (name_width, type_width) = (width(name), width(type_name));
    say("\nfields (* required)".to_owned());
    for part in &parts {
        let required = if part.field.required { '*' } else { ' ' };
        let class = part.field.classification.as_ref().map(|c| format!("[{c}]"));
        let facts: Vec<String> = class.into_iter().chain(facts(part)).collect();
        say(format!(
            "{required} {:name_width$}  {:type_width$}  {}",
            name(part),
            type_name(part),
            facts.join("; ")
        ));
    }

    if !contract.rules.is_empty() || !contract.unique.is_empty() {
        say("\nrules".to_owned());
    }
    for rule in &contract.rules {
        say(format!("  {}: {}", rule.name, words::effect(rule, &contract.fields)));
        say(format!("      {}", rule.text));
        say(format!("      {}", rule.reason));
    }
    for rule in &contract.unique {
        let effect = words::effect_of_unique(rule, contract, &rule.fields.join(", "));
        say(format!("  {}: {effect}", rule.name));
        say(format!("      {}", rule.reason));
    }
    text
}

/// What there is to say of a field beside its name and type.
fn facts(part: &Part<'_>) -> Vec<String> {
    let field = part.field;
    let mut facts = words::needs(field);
    let (dynamodb, mongodb) = &part.source;
    let name = field.path.as_ref();
    match &field.derived {
        Some(derived) => facts.push(words::derived(derived)),
        None if dynamodb == mongodb && dynamodb == name => {}
        None => {
            let mut sources = String::from("from");
            for (source, path) in [("DynamoDB", dynamodb), ("MongoDB", mongodb)] {
                if path != name {
                    // Writing to a String cannot fail.
                    let _ = write!(sources, " {source} `{path}`");
                }
            }
            facts.push(sources);
        }
    }
    facts.extend(words::field_privacy(&field.privacy));
    facts
}

/// The contract for programs.
#[must_use]
pub fn describe_json(contract: &Contract) -> Value {
    let limits = &contract.limits;
    json!({
        "format_version": 1,
        "dataset": contract.label(),
        "id": contract.id,
        "version": contract.version,
        "sha256": contract.sha256,
        "schema_fingerprint": contract.schema_fingerprint(),
        "description": contract.description,
        "key": contract.key,
        "version_field": contract.version_field,
        "business_date": {
            "field": contract.business_date.field,
            "zone": contract.business_date.zone,
        },
        "exchange": contract.converts().then(|| json!({
            "max_staleness_days": contract.exchange.max_staleness_days,
            "rounding": match contract.exchange.rounding {
                Rounding::HalfEven => "half_even",
                Rounding::HalfUp => "half_up",
            },
        })),
        "privacy": contract.privacy.as_ref().map(|privacy| json!({
            "clock": privacy.clock,
            "subject": privacy.subject,
            "quasi_identifiers": privacy.quasi_identifiers,
            "k": privacy.k,
            "quarantine_days": privacy.quarantine_days,
        })),
        "limits": {
            "max_row_bytes": limits.max_row_bytes,
            "max_depth": limits.max_depth,
            "max_fields": limits.max_fields,
            "max_array_items": limits.max_array_items,
            "max_text_bytes": limits.max_text_bytes,
        },
        "fields": contract.fields.iter().map(field_json).collect::<Vec<_>>(),
        "rules": contract.rules.iter().map(|rule| json!({
            "name": &*rule.name,
            "severity": severity(rule.severity),
            "expression": rule.text,
            "when_null": when_null(rule.null_outcome()),
            "reason": rule.reason,
        })).collect::<Vec<_>>(),
        "unique": contract.unique.iter().map(|rule| json!({
            "name": &*rule.name,
            "severity": severity(rule.severity),
            "fields": rule.fields,
            "when_null": when_null(rule.null_outcome()),
            "reason": rule.reason,
        })).collect::<Vec<_>>(),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Reject => "reject",
        Severity::Exclude => "exclude",
        Severity::Warn => "warn",
    }
}

fn when_null(outcome: WhenNull) -> &'static str {
    match outcome {
        WhenNull::Keep => "keep",
        WhenNull::Act => "act",
    }
}

fn field_json(field: &Field) -> Value {
    let mut value = json!({
        "name": field.name,
        "path": &*field.path,
        "type": words::type_name(&field.data_type),
        "required": field.required,
        "description": field.description,
        "classification": field.classification,
        "privacy": words::field_privacy(&field.privacy),
        "checks": words::needs(field),
        "one_of": field.checks.one_of,
        "pattern": field.checks.pattern.as_ref().map(|p| words::whole(p.as_str())),
        "examples": field.examples,
        "derived": field.derived.as_ref().map(|derived| match derived {
            Derived::BusinessDate => json!("business_date"),
            Derived::OffsetMinutes { of } => json!({"offset_minutes": of}),
            Derived::TimeVerdict { of } => json!({"time_verdict": of}),
            Derived::TimeZone { of } => json!({"time_zone": of}),
            Derived::MissingFields => json!("missing_fields"),
            Derived::Converted { of, part } => {
                let part = match part {
                    Converted::Usd => "usd",
                    Converted::Rate => "fx_rate",
                    Converted::RateDate => "fx_rate_date",
                    Converted::Source => "fx_source",
                };
                json!({ part: of })
            }
        }),
        "money": field.money.as_ref().map(|money| json!({
            "currency": money.currency,
            "unit": match money.unit {
                AmountUnit::Major => "major",
                AmountUnit::Minor => "minor",
            },
            "finer": money.finer,
        })),
        "source": {
            "dynamodb": field.source.dynamodb.join("."),
            "mongodb": field.source.mongodb.join("."),
        },
    });
    match &field.data_type {
        FieldType::List { element, .. } => value["element"] = field_json(element),
        FieldType::Struct(members) => {
            value["fields"] = members.iter().map(field_json).collect();
        }
        _ => {}
    }
    value
}
