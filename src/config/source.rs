//! The `[[source]]` tables of a job: what to read, and how gently.
//!
//! Does not own secrets: a connection string is named by its variable and joins in
//! [`super::resolve()`].

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::mistakes::Mistakes;
use super::section::{Section, boolean, choice, count, duration, place, text};
use crate::error::Result;
use crate::model::Sensitive;
use crate::plan::{
    DEFAULT_PATIENCE, DynamodbQuery, DynamodbTable, MongodbCollection, ReadCapacity,
    ReadPreference, SourceSpec,
};

/// Documents of a batch, when the job does not say: about a megabyte of orders. Left to itself a
/// server sends up to 16, of which each open range holds two.
pub const DEFAULT_BATCH_DOCUMENTS: u32 = 1_000;
/// Variable that holds the connection string of MongoDB, when the job names none.
pub const DEFAULT_URI_VARIABLE: &str = "MONGODB_URI";

const LABEL: &str = "[[source]]";
const EXPORT: [&str; 1] = ["url"];
const DUMP: [&str; 3] = ["url", "expected_rows", "expected_sha256"];
const TABLE: [&str; 14] = [
    "table",
    "index",
    "key_condition",
    "filter",
    "names",
    "values",
    "segments",
    "page_items",
    "consistent_read",
    "projection",
    "max_rcu",
    "read_capacity_percent",
    "patience",
    "endpoint_url",
];
const COLLECTION: [&str; 13] = [
    "uri_variable",
    "database",
    "collection",
    "filter",
    "projection",
    "sort",
    "limit",
    "read_preference",
    "ranges",
    "batch_documents",
    "require_snapshot",
    "allow_plain_text",
    "patience",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    DynamodbExport,
    Mongodump,
    Dynamodb,
    Mongodb,
}

const KINDS: [(&str, Kind); 4] = [
    ("dynamodb_export", Kind::DynamodbExport),
    ("mongodump", Kind::Mongodump),
    ("dynamodb", Kind::Dynamodb),
    ("mongodb", Kind::Mongodb),
];

const READ_PREFERENCES: [(&str, ReadPreference); 5] = [
    ("primary", ReadPreference::Primary),
    ("primaryPreferred", ReadPreference::PrimaryPreferred),
    ("secondary", ReadPreference::Secondary),
    ("secondaryPreferred", ReadPreference::SecondaryPreferred),
    ("nearest", ReadPreference::Nearest),
];

/// The sources of a job.
pub(super) fn read_sources(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<SourceSpec> {
    let mut known = vec!["kind", "uri"];
    for key in EXPORT.iter().chain(&DUMP).chain(&TABLE).chain(&COLLECTION) {
        if !known.contains(key) {
            known.push(key);
        }
    }
    let mut sources = Vec::new();
    for source in root.sections("source", LABEL, &known, mistakes) {
        let kind = source.required("kind", |value| choice(value, &KINDS), mistakes);
        let Some(kind) = kind else { continue };
        let (name, allowed): (_, &[&str]) = match kind {
            Kind::DynamodbExport => ("an export", &EXPORT),
            Kind::Mongodump => ("a mongodump", &DUMP),
            Kind::Dynamodb => ("a DynamoDB table", &TABLE),
            Kind::Mongodb => ("a MongoDB collection", &COLLECTION),
        };
        let why = "it may hold a password: put it in the environment and name its variable, \
                   `uri_variable`";
        source.refuse(&["uri"], why, mistakes);
        let foreign: Vec<&str> =
            known[2..].iter().copied().filter(|key| !allowed.contains(key)).collect();
        let why = match kind {
            Kind::DynamodbExport => {
                "an export states its counts and checksums in its manifests and is read whole"
                    .to_owned()
            }
            _ => format!("{name} has no such setting"),
        };
        source.refuse(&foreign, &why, mistakes);
        sources.extend(match kind {
            Kind::DynamodbExport => source
                .required("url", place, mistakes)
                .map(|url| SourceSpec::DynamodbExport { url: without_scheme(url) }),
            Kind::Mongodump => read_dump(&source, mistakes),
            Kind::Dynamodb => read_table(&source, mistakes).map(SourceSpec::Dynamodb),
            Kind::Mongodb => read_collection(&source, mistakes).map(SourceSpec::Mongodb),
        });
    }
    sources
}

/// `dynamodb-export+s3://bucket/…` says twice what it is.
fn without_scheme(url: String) -> String {
    url.strip_prefix("dynamodb-export+").map_or(url.clone(), str::to_owned)
}

fn read_dump(source: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<SourceSpec> {
    let url = source.required("url", place, mistakes);
    let expected_rows = source.optional("expected_rows", count, mistakes);
    let expected_sha256 = source.optional("expected_sha256", sha256, mistakes);
    Some(SourceSpec::Mongodump { url: url?, expected_rows, expected_sha256 })
}

fn read_table(source: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<DynamodbTable> {
    let table = source.required("table", text, mistakes);
    let index = source.optional("index", text, mistakes);
    let key_condition = source.optional("key_condition", text, mistakes);
    if index.is_some() && !source.mentions("key_condition") {
        let why = "an index is read by a query: `index` in [[source]] needs `key_condition` too";
        mistakes.add(source.span("index"), why);
    }
    if key_condition.is_some() {
        source.refuse(&["segments"], "a query is not cut into segments", mistakes);
    }
    let percent = source.optional("read_capacity_percent", percent, mistakes);
    let units = source.optional("max_rcu", positive, mistakes);
    if percent.is_some() && units.is_some() {
        let why = "give either `max_rcu` or `read_capacity_percent`";
        mistakes.add(source.span("max_rcu"), why);
    }
    Some(DynamodbTable {
        table: table?,
        query: key_condition.map(|key_condition| DynamodbQuery { index, key_condition }),
        filter: source.optional("filter", text, mistakes),
        names: source.optional("names", names, mistakes).unwrap_or_default(),
        values: source.optional("values", values, mistakes).unwrap_or_default(),
        segments: source.optional("segments", number_or_auto, mistakes).flatten(),
        page_items: source.optional("page_items", positive, mistakes),
        consistent_read: source.optional("consistent_read", boolean, mistakes).unwrap_or(false),
        whole_items: source.optional("projection", is_whole, mistakes).unwrap_or(false),
        capacity: match (units, percent) {
            (Some(units), _) => ReadCapacity::UnitsPerSecond(units),
            (None, Some(percent)) => ReadCapacity::Percent(percent),
            (None, None) => ReadCapacity::Unlimited,
        },
        patience: source.optional("patience", duration, mistakes).unwrap_or(DEFAULT_PATIENCE),
        endpoint_url: source.optional("endpoint_url", place, mistakes),
    })
}

fn read_collection(source: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<MongodbCollection> {
    let database = source.required("database", text, mistakes);
    let collection = source.required("collection", text, mistakes);
    let sort = source.optional("sort", document, mistakes);
    let limit = source.optional("limit", positive, mistakes).map(u64::from);
    if sort.is_some() || limit.is_some() {
        let why = "a collection that is sorted or limited is read in one piece";
        source.refuse(&["ranges"], why, mistakes);
    }
    let read_preference =
        source.optional("read_preference", |value| choice(value, &READ_PREFERENCES), mistakes);
    Some(MongodbCollection {
        uri: Sensitive::new(""),
        uri_variable: source
            .optional("uri_variable", text, mistakes)
            .unwrap_or_else(|| DEFAULT_URI_VARIABLE.to_owned()),
        database: database?,
        collection: collection?,
        filter: source.optional("filter", document, mistakes),
        whole_documents: source.optional("projection", is_whole, mistakes).unwrap_or(false),
        sort,
        limit,
        read_preference: read_preference.unwrap_or(ReadPreference::Primary),
        ranges: source.optional("ranges", number_or_auto, mistakes).flatten(),
        batch_documents: source
            .optional("batch_documents", positive, mistakes)
            .or(Some(DEFAULT_BATCH_DOCUMENTS)),
        require_snapshot: source.optional("require_snapshot", boolean, mistakes).unwrap_or(false),
        allow_plain_text: source.optional("allow_plain_text", boolean, mistakes).unwrap_or(false),
        patience: source.optional("patience", duration, mistakes).unwrap_or(DEFAULT_PATIENCE),
    })
}

fn sha256(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be a SHA-256: 64 hexadecimal digits".to_owned())
    }
}

fn positive(value: &DeValue<'_>) -> Result<u32, String> {
    match u32::try_from(count(value)?) {
        Ok(number @ 1..) => Ok(number),
        _ => Err("must be a number from 1 up".to_owned()),
    }
}

fn percent(value: &DeValue<'_>) -> Result<u8, String> {
    match u8::try_from(count(value)?) {
        Ok(percent @ 1..=100) => Ok(percent),
        _ => Err("must be a whole number from 1 to 100".to_owned()),
    }
}

/// A number of parts from 1 up, or none for `"auto"`.
fn number_or_auto(value: &DeValue<'_>) -> Result<Option<u32>, String> {
    match value {
        DeValue::String(text) if text == "auto" => Ok(None),
        DeValue::Integer(_) => match positive(value) {
            Ok(number @ 1..=100_000) => Ok(Some(number)),
            _ => Err("must be \"auto\" or a number from 1 to 100000".to_owned()),
        },
        _ => Err("must be \"auto\" or a number from 1 to 100000".to_owned()),
    }
}

fn is_whole(value: &DeValue<'_>) -> Result<bool, String> {
    choice(value, &[("contract", false), ("all", true)])
}

/// A document in Extended JSON. Whether MongoDB understands it, MongoDB says.
fn document(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(text),
        _ => Err("must be a document in JSON, for instance '{\"status\": \"paid\"}'".to_owned()),
    }
}

fn names(value: &DeValue<'_>) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "must be a table such as { \"#status\" = \"status\" }".to_owned();
    let table = value.as_table().ok_or_else(wrong)?;
    let mut names = BTreeMap::new();
    for (alias, name) in table {
        let name = name.get_ref().as_str().filter(|_| alias.get_ref().starts_with('#'));
        names.insert(alias.get_ref().to_string(), name.ok_or_else(wrong)?.to_owned());
    }
    Ok(names)
}

fn values(value: &DeValue<'_>) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "must be a table such as { \":paid\" = { S = \"paid\" } }".to_owned();
    let table = value.as_table().ok_or_else(wrong)?;
    let mut values = BTreeMap::new();
    for (alias, value) in table {
        let value = value.get_ref().as_table().filter(|_| alias.get_ref().starts_with(':'));
        let value = value.and_then(attribute_value).ok_or_else(wrong)?;
        values.insert(alias.get_ref().to_string(), value.to_string());
    }
    Ok(values)
}

/// A value as DynamoDB JSON has it: a table of one member that names its type. Numbers are
/// texts, since TOML's own have fewer digits.
fn attribute_value(table: &DeTable<'_>) -> Option<serde_json::Value> {
    let mut members = table.iter();
    let (tag, value) = members.next()?;
    if members.next().is_some() {
        return None;
    }
    let texts = |value: &DeValue<'_>| {
        let texts = value.as_array()?.iter().map(|text| text.get_ref().as_str());
        texts.collect::<Option<Vec<_>>>().map(serde_json::Value::from)
    };
    let value = value.get_ref();
    let payload = match tag.get_ref().as_ref() {
        "S" | "N" | "B" => value.as_str()?.into(),
        "BOOL" => value.as_bool()?.into(),
        "NULL" => value.as_bool().filter(|null| *null)?.into(),
        "SS" | "NS" | "BS" => texts(value)?,
        _ => return None,
    };
    Some(serde_json::json!({ tag.get_ref().as_ref(): payload }))
}
