//! The parts of a contract in words, for `describe` and `document`.
//!
//! Does not own how the words are laid out.

use jiff::Timestamp;

use super::contract::{
    Contract, Derived, EpochUnit, Field, FieldType, Format, GapFold, Limits, LocalTime, Normalize,
    Rule, Severity, TextZone, TimestampType, UniqueRule, WhenNull, WrittenOffset,
};
use super::expression::{Literal, can_be_null};
use super::money::{AmountUnit, Converted, Exchange, Money, Rounding};
use super::privacy::{FieldPrivacy, Privacy, Then};

/// A field, or a part of one, and where it stands in the sources.
pub(super) struct Part<'a> {
    pub field: &'a Field,
    /// Path in DynamoDB items and in MongoDB documents; empty when derived.
    pub source: (String, String),
}

/// Every field that has something to say of its own, parts after the whole.
pub(super) fn parts(contract: &Contract) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for field in &contract.fields {
        let source = (field.source.dynamodb.join("."), field.source.mongodb.join("."));
        add_parts(field, source, &mut parts);
    }
    parts
}

fn add_parts<'a>(field: &'a Field, source: (String, String), parts: &mut Vec<Part<'a>>) {
    let (dynamodb, mongodb) = source.clone();
    parts.push(Part { field, source });
    match &field.data_type {
        FieldType::List { element, .. } => {
            let before = parts.len();
            add_parts(element, (format!("{dynamodb}[]"), format!("{mongodb}[]")), parts);
            if needs(element).is_empty() {
                parts.remove(before);
            }
        }
        FieldType::Struct(members) => {
            for member in members {
                let below = |whole: &str, path: &[String]| format!("{whole}.{}", path.join("."));
                let source = (
                    below(&dynamodb, &member.source.dynamodb),
                    below(&mongodb, &member.source.mongodb),
                );
                add_parts(member, source, parts);
            }
        }
        _ => {}
    }
}

/// Type of a field: `decimal(18,3)`, `list of struct`.
pub(super) fn type_name(data_type: &FieldType) -> String {
    match data_type {
        FieldType::Text => "text".to_owned(),
        FieldType::Integer => "integer".to_owned(),
        FieldType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        FieldType::Boolean => "boolean".to_owned(),
        FieldType::Date => "date".to_owned(),
        FieldType::Timestamp(_) => "timestamp".to_owned(),
        FieldType::Binary => "bytes".to_owned(),
        FieldType::List { element, set } => {
            let kind = if *set { "set" } else { "list" };
            format!("{kind} of {}", type_name(&element.data_type))
        }
        FieldType::Struct(_) => "struct".to_owned(),
    }
}

/// What a value must be, after what is done to it first. Names and values in backquotes.
pub(super) fn needs(field: &Field) -> Vec<String> {
    let checks = &field.checks;
    let mut needs: Vec<String> = field.normalize.iter().map(|n| normalize(*n).to_owned()).collect();
    if field.coerce {
        needs.push(coerced(&field.data_type).to_owned());
    }
    if !checks.one_of.is_empty() {
        let values: Vec<String> = checks.one_of.iter().map(|value| code(value)).collect();
        needs.push(format!("one of {}", values.join(", ")));
    }
    needs.extend(checks.pattern.as_ref().map(|p| format!("matches {}", code(whole(p.as_str())))));
    needs.extend(range(checks.min_length, checks.max_length, "characters"));
    let number = |(unscaled, scale)| Literal::Number { unscaled, scale };
    needs.extend(range(checks.minimum.map(number), checks.maximum.map(number), ""));
    needs.extend(range(checks.min_items, checks.max_items, "elements"));
    needs.extend(checks.format.map(|format| match format {
        Format::Email => "an email address".to_owned(),
        Format::Uuid => "a UUID".to_owned(),
    }));
    if let FieldType::List { set: true, .. } = field.data_type {
        needs.push("no element twice".to_owned());
    }
    if let FieldType::Timestamp(timestamp) = &field.data_type {
        add_instant(timestamp, &mut needs);
    }
    needs.extend(field.money.as_ref().map(amount));
    needs
}

/// What an amount is, and how fine it may be.
fn amount(money: &Money) -> String {
    let currency = code(&money.currency);
    match (money.unit, money.finer) {
        (AmountUnit::Minor, _) => format!("read as whole minor units of {currency}"),
        (AmountUnit::Major, false) => format!("no finer than the minor unit of {currency}"),
        (AmountUnit::Major, true) => format!("an amount in {currency}, as fine as it is"),
    }
}

/// How amounts are converted.
pub(super) fn exchange(exchange: &Exchange) -> String {
    let rounding = match exchange.rounding {
        Rounding::HalfEven => "a half to the even neighbour",
        Rounding::HalfUp => "a half away from zero",
    };
    let age = match exchange.max_staleness_days {
        0 => "at the rate of the day itself".to_owned(),
        1 => "at the last rate on or before the day, at most 1 day old".to_owned(),
        days => format!("at the last rate on or before the day, at most {days} days old"),
    };
    format!("{age}; rounded once, {rounding}")
}

/// What is declared about personal data as a whole.
pub(super) fn privacy(privacy: &Privacy) -> String {
    let mut text = format!("periods count from {}", privacy.clock);
    if !privacy.subject.is_empty() {
        text += &format!("; a person is told by {}", privacy.subject.join(" or "));
    }
    if !privacy.quasi_identifiers.is_empty() {
        let shared = privacy.quasi_identifiers.join(", ");
        text += &match privacy.k {
            Some(k) => format!("; at least {k} rows of age share {shared}"),
            None => format!("; rows of age that share {shared} are counted"),
        };
    }
    let days = privacy.quarantine_days;
    text + &format!("; refused rows are kept for {days} {}", in_plural(days, "day"))
}

/// What becomes of a field, and when.
pub(super) fn field_privacy(privacy: &FieldPrivacy) -> Vec<String> {
    let at_once = privacy
        .at_once
        .as_ref()
        .map(|pseudonym| format!("at once a pseudonym of domain {}", code(&pseudonym.domain)));
    let after = privacy.after.as_ref().map(|forget| {
        let days = forget.after_days;
        format!("after {days} {} {}", in_plural(days, "day"), then(&forget.then))
    });
    at_once.into_iter().chain(after).collect()
}

fn then(then: &Then) -> String {
    match then {
        Then::Drop => "NULL and missing".to_owned(),
        Then::Null => "NULL".to_owned(),
        Then::FirstCharacters(1) => "its first character".to_owned(),
        Then::FirstCharacters(count) => format!("its first {count} characters"),
        Then::DownTo(unit) => format!("cut down to the {}", unit.word()),
        Then::Multiple { unscaled, scale } => {
            let number = Literal::Number { unscaled: *unscaled, scale: *scale };
            format!("the multiple of {number} below it")
        }
        Then::Word(word) => code(word),
        Then::EmailDomain => "its domain".to_owned(),
    }
}

fn in_plural(count: u32, unit: &str) -> String {
    if count == 1 { unit.to_owned() } else { format!("{unit}s") }
}

fn normalize(step: Normalize) -> &'static str {
    match step {
        Normalize::Trim => "trimmed",
        Normalize::Lowercase => "lower-cased",
        Normalize::Uppercase => "upper-cased",
        Normalize::EmptyToNull => "empty becomes NULL",
    }
}

fn coerced(data_type: &FieldType) -> &'static str {
    match data_type {
        FieldType::Text => "numbers are taken as text",
        FieldType::Boolean => "`true` and `false` as text are taken",
        _ => "text is taken as a number",
    }
}

/// The pattern as the contract has it, without the frame that makes it match the whole text.
pub(super) fn whole(pattern: &str) -> &str {
    pattern.strip_prefix("^(?:").and_then(|p| p.strip_suffix(")$")).unwrap_or(pattern)
}

/// A range in words; `unit` in the plural.
fn range<T: ToString>(least: Option<T>, greatest: Option<T>, unit: &str) -> Option<String> {
    let (least, greatest) = (least.map(|n| n.to_string()), greatest.map(|n| n.to_string()));
    let text = match (least.as_deref(), greatest.as_deref()) {
        (None, None) => return None,
        (Some("1"), None) if !unit.is_empty() => {
            format!("at least 1 {}", unit.trim_end_matches('s'))
        }
        (Some(least), None) => format!("at least {least} {unit}"),
        (None, Some(greatest)) => format!("at most {greatest} {unit}"),
        (Some(least), Some(greatest)) => format!("{least} to {greatest} {unit}"),
    };
    Some(text.trim_end().to_owned())
}

fn add_instant(timestamp: &TimestampType, needs: &mut Vec<String>) {
    needs.push(format!("{} to {}", instant(timestamp.min_micros), instant(timestamp.max_micros)));
    needs.extend(timestamp.epoch.map(|unit| {
        let unit = match unit {
            EpochUnit::Seconds => "seconds",
            EpochUnit::Milliseconds => "milliseconds",
            EpochUnit::Microseconds => "microseconds",
        };
        format!("a number counts {unit} since 1970 UTC")
    }));
    needs.push(match &timestamp.local {
        None => "a text must have an offset".to_owned(),
        Some(LocalTime { zone, gap, fold, offset }) => {
            let zone = match zone {
                TextZone::Fixed(zone) => code(zone),
                TextZone::Field { field, default: None } => format!("the zone in {}", code(field)),
                TextZone::Field { field, default: Some(zone) } => {
                    format!("the zone in {}, else {}", code(field), code(zone))
                }
            };
            let offset = match offset {
                WrittenOffset::Trust => "",
                WrittenOffset::Reject => ", an offset that is not the zone's is refused",
            };
            format!(
                "without an offset it is local to {zone}: a time that never was is {}, one that was twice is {}{offset}",
                gap_fold(*gap),
                gap_fold(*fold)
            )
        }
    });
}

fn gap_fold(policy: GapFold) -> &'static str {
    match policy {
        GapFold::Reject => "refused",
        GapFold::Earlier => "taken as the earlier instant",
        GapFold::Later => "taken as the later instant",
    }
}

/// An instant in RFC 3339.
pub(super) fn instant(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |t| t.to_string())
}

/// How a derived field is filled.
pub(super) fn derived(derived: &Derived) -> String {
    match derived {
        Derived::BusinessDate => "derived: the day of the row".to_owned(),
        Derived::OffsetMinutes { of } => format!("derived: the offset of {}", code(of)),
        Derived::TimeVerdict { of } => format!("derived: how {} became an instant", code(of)),
        Derived::TimeZone { of } => format!("derived: the zone of {}", code(of)),
        Derived::MissingFields => "derived: names of absent fields".to_owned(),
        Derived::Converted { of, part } => {
            let part = match part {
                Converted::Usd => "in dollars",
                Converted::Rate => "dollars for one unit",
                Converted::RateDate => "day of the rate",
                Converted::Source => "rate file",
            };
            format!("derived: {}, {part}", code(of))
        }
    }
}

/// What a rule does to a row, NULL included when that can be.
pub(super) fn effect(rule: &Rule, fields: &[Field]) -> String {
    let effect = match rule.severity {
        Severity::Reject => "refuses rows for which it is false",
        Severity::Exclude => "leaves out rows for which it is true",
        Severity::Warn => "counts rows for which it is false",
    };
    match rule.null_outcome() {
        WhenNull::Act => format!("{effect} or NULL"),
        WhenNull::Keep if can_be_null(&rule.expression, fields) => {
            format!("{effect}; where it is NULL they stay")
        }
        WhenNull::Keep => effect.to_owned(),
    }
}

/// What a rule does to rows that share a value, which is called `shared`, and to those without one.
pub(super) fn effect_of_unique(rule: &UniqueRule, contract: &Contract, shared: &str) -> String {
    let verb = match rule.severity {
        Severity::Reject => "refuses",
        Severity::Exclude => "leaves out",
        Severity::Warn => "counts",
    };
    match rule.null_outcome() {
        WhenNull::Act => format!("{verb} rows that share {shared}, and rows where it is NULL"),
        WhenNull::Keep if contract.can_lack_one_of(&rule.fields) => {
            format!("{verb} rows that share {shared}; where it is NULL they stay")
        }
        WhenNull::Keep => format!("{verb} rows that share {shared}"),
    }
}

/// The limits, one after the other.
pub(super) fn limits(limits: &Limits) -> String {
    format!(
        "a row of {}, {} levels of nesting, {} fields, a list of {} elements, a text of {}",
        bytes(limits.max_row_bytes),
        limits.max_depth,
        limits.max_fields,
        limits.max_array_items,
        bytes(limits.max_text_bytes.into())
    )
}

fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| number >= *size && number.is_multiple_of(*size));
    unit.map_or_else(
        || format!("{number} bytes"),
        |(size, name)| format!("{} {name}", number / size),
    )
}

/// A text as code.
pub(super) fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
