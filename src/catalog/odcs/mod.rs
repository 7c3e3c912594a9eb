//! Contracts as files: the Open Data Contract Standard 3.2, read strictly.
//!
//! Owns the file format and what a sound contract is. Every mistake is reported, not only the
//! first. Does not own what the contract is used for.

mod checks;
mod derived;
mod field;
mod lint;
mod mistakes;
mod money;
mod privacy;
mod rules;
mod section;
#[cfg(test)]
mod tests;
mod timestamp;
mod yaml;

use std::path::Path;

use sha2::{Digest, Sha256};

use self::field::Place;
use self::lint::Lines;
use self::mistakes::Mistakes;
use self::section::Section;
use super::contract::{BusinessDate, Contract, Limits};
use crate::error::{Error, ErrorKind, Result, ResultExt};

pub(in crate::catalog) use self::mistakes::did_you_mean;

/// Reads the contract in `file`.
///
/// # Errors
/// `Usage` when the file cannot be read, or with every mistake in it, each with its line.
pub fn load_contract(file: &Path) -> Result<Contract> {
    let text = std::fs::read_to_string(file)
        .or_err(ErrorKind::Usage, "cannot read the contract")
        .map_err(|e| e.with("file", file.display()))?;
    parse_contract(&text, &file.display().to_string())
}

/// Reads the contract that `text` holds; `file` is what people call it.
///
/// # Errors
/// `Usage` with every mistake, each with its line.
pub fn parse_contract(text: &str, file: &str) -> Result<Contract> {
    let mistakes = Mistakes::new(file);
    let contract = match yaml::parse(text) {
        Ok(root) => read_contract(&root, text, &mistakes),
        Err((line, what)) => {
            mistakes.add(line, what);
            None
        }
    };
    match contract {
        Some(contract) if mistakes.is_empty() => Ok(contract),
        _ if mistakes.is_empty() => {
            Err(Error::new(ErrorKind::Unexpected, "cannot read the contract").with("file", file))
        }
        _ => Err(mistakes.into_error()),
    }
}

/// The contract, when there is a dataset at all; complete only when nothing is wrong.
fn read_contract(root: &yaml::Node, text: &str, mistakes: &Mistakes<'_>) -> Option<Contract> {
    let root = Section::new(root, "the contract", mistakes)?;
    root.word("apiVersion", &[("v3.2.0", ())]).or_else(|| missing(&root, "apiVersion"));
    root.word("kind", &[("DataContract", ())]).or_else(|| missing(&root, "kind"));
    let id = root.required_text("id").map(|(id, _)| id.to_owned());
    let version = root.required_text("version").and_then(|(version, line)| {
        let sound = is_semantic_version(version);
        if !sound {
            mistakes.add(line, format!("`version` must be like 1.0.0, not {version:?}"));
        }
        sound.then(|| version.to_owned())
    });
    let contract_name = root.text("name");
    let description = root.section("description").map(|d| {
        let purpose = d.prose("purpose");
        d.finish(&["usage", "limitations", "authoritativeDefinitions", "customProperties"]);
        purpose
    });
    let datasets = root.list("schema");
    if datasets.len() != 1 {
        let message = format!("`schema` must hold one dataset, it holds {}", datasets.len());
        root.mistake("schema", message);
    }
    let dataset = datasets.first().and_then(|node| Section::new(node, "the dataset", mistakes));
    root.finish(&[
        "status",
        "tenant",
        "tags",
        "servers",
        "dataProduct",
        "domain",
        "context",
        "support",
        "price",
        "team",
        "roles",
        "slaDefaultElement",
        "slaProperties",
        "authoritativeDefinitions",
        "customProperties",
        "contractCreatedTs",
    ]);

    let dataset = dataset?;
    let name = dataset.required_text("name");
    if let (Some((name, _)), Some((contract_name, line))) = (name, contract_name)
        && name != contract_name
    {
        let message = format!("the contract is called {contract_name:?}, its dataset {name:?}");
        mistakes.add(line, message);
    }
    if let Some((name, line)) = name {
        field::check_name(name, line, mistakes);
    }
    dataset.word("logicalType", &[("object", ())]);

    let mut lines = Lines::default();
    let custom = dataset.custom_properties();
    let version_field = custom.required_text("versionField").map(|(field, line)| {
        lines.version_field = Some(line);
        field.to_owned()
    });
    let business_date = read_business_date(&custom, &mut lines);
    let exchange = custom.section("exchange").map(money::read_exchange).unwrap_or_default();
    let privacy = custom.section("privacy").map(|s| privacy::read_dataset(s, &mut lines));
    let limits = custom.section("limits").map(|s| read_limits(s)).unwrap_or_default();
    custom.finish(&[]);

    let properties = dataset.list("properties");
    if properties.is_empty() {
        dataset.mistake("properties", "the dataset has no fields: `properties` is empty");
    }
    let mut key = Vec::new();
    let mut fields = Vec::new();
    for node in properties {
        if let Some((field, key_position)) = field::read(node, &Place::Top, &mut lines, mistakes) {
            key.extend(key_position.map(|position| (position, field.name.clone())));
            fields.push(field);
        }
    }
    // Types are checked only against whole fields: what follows from a gap is no mistake.
    let are_whole = fields.len() == properties.len();
    let (rules, unique) = rules::read(&dataset, are_whole.then_some(&fields), &mut lines);
    lines.dataset = dataset.line;
    dataset.finish(&[
        "id",
        "physicalName",
        "physicalType",
        "businessName",
        "description",
        "deprecated",
        "synonyms",
        "authoritativeDefinitions",
        "tags",
        "dataGranularityDescription",
        "context",
    ]);

    // What is missing was noted, so that a contract with gaps is looked through and not used.
    let no_date = BusinessDate { field: String::new(), zone: String::new() };
    let mut contract = Contract {
        id: id.unwrap_or_default(),
        dataset: name.map(|(name, _)| name.to_owned()).unwrap_or_default(),
        version: version.unwrap_or_default(),
        description: description.unwrap_or_default(),
        sha256: hex::encode(Sha256::digest(text)),
        fields,
        key: lint::key_in_order(key, &lines, mistakes),
        version_field: version_field.unwrap_or_default(),
        business_date: business_date.unwrap_or(no_date),
        exchange,
        privacy,
        limits,
        rules,
        unique,
    };
    privacy::fill_in(&mut contract);
    lint::check(&contract, &lines, mistakes);
    Some(contract)
}

fn missing(section: &Section<'_, '_>, key: &'static str) -> Option<()> {
    if !section.has(key) {
        section.mistake(key, format!("{} has no `{key}`", section.what));
    }
    None
}

fn is_semantic_version(version: &str) -> bool {
    let parts: Vec<_> = version.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|p| p.parse::<u32>().is_ok_and(|number| number.to_string() == *p))
}

fn read_business_date(custom: &Section<'_, '_>, lines: &mut Lines) -> Option<BusinessDate> {
    if !custom.has("businessDate") {
        custom.mistake("businessDate", format!("{} has no `businessDate`", custom.what));
    }
    let section = custom.section("businessDate")?;
    let field = section.required_text("field").map(|(field, line)| {
        lines.business_date = Some(line);
        field.to_owned()
    });
    let zone = section.required_text("zone").map(|(zone, line)| {
        field::check_zone(zone, line, section.mistakes);
        zone.to_owned()
    });
    section.finish(&[]);
    Some(BusinessDate { field: field?, zone: zone.unwrap_or_default() })
}

fn read_limits(section: Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        max_row_bytes: section.count("maxRowBytes").unwrap_or(default.max_row_bytes),
        max_depth: section.count("maxDepth").unwrap_or(default.max_depth),
        max_fields: section.count("maxFields").unwrap_or(default.max_fields),
        max_array_items: section.count("maxArrayItems").unwrap_or(default.max_array_items),
        max_text_bytes: section.count("maxTextBytes").unwrap_or(default.max_text_bytes),
    };
    let is_zero = [
        ("maxRowBytes", limits.max_row_bytes == 0),
        ("maxDepth", limits.max_depth == 0),
        ("maxFields", limits.max_fields == 0),
        ("maxArrayItems", limits.max_array_items == 0),
        ("maxTextBytes", limits.max_text_bytes == 0),
    ];
    for (name, _) in is_zero.into_iter().filter(|(_, zero)| *zero) {
        section.mistake(name, format!("`{name}` of 0 would refuse every row"));
    }
    section.finish(&[]);
    limits
}
