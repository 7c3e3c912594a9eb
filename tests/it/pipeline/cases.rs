//! Golden cases: each folder of `tests/cases/` holds source rows as text, a contract when it is
//! not the project's, and the rows, rejects and ledger they must become.
//!
//! `<dataset>.jsonl` has a line of a DynamoDB export each, `<dataset>.extjson` a document of a
//! mongodump each, as extended JSON, `rates.csv` the exchange rates, `keys.toml` the keys of
//! pseudonyms, `as_of` the run's clock. A contract is the case's own,
//! one of `tests/data`, or the project's.
//!
//! A case of several steps has a `steps.toml` instead of rows and a clock: see `cases/steps.rs`.

mod steps;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consign::catalog::load_contract;
use consign::plan::{AwsOptions, DaySelection, Plan, SourceSpec};
use consign::publish::CommitRecord;

use super::harness::{Place, contract, run, write_export, write_keys};
use super::replay::records;

#[test]
fn every_case_becomes_the_rows_rejects_and_ledger_it_states() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 15, "the case folders are gone");
    for case in cases {
        let outcome = match steps::of(&case) {
            Some(steps) => steps.outcome(&case),
            None => outcome_of(&case),
        };
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("expected", outcome));
    }
}

fn outcome_of(case: &Path) -> String {
    let place = Place::new();
    let mut dataset = None;
    let mut sources = Vec::new();
    for (extension, write) in [
        ("jsonl", write_items as fn(&Place, &str) -> SourceSpec),
        ("extjson", write_documents as fn(&Place, &str) -> SourceSpec),
    ] {
        for entry in fs::read_dir(case).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                sources.push(write(&place, &fs::read_to_string(&path).unwrap()));
                dataset = Some(path.file_stem().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut plan = plan_of(case, &place, &dataset.unwrap());
    plan.sources = sources;
    if let Ok(as_of) = fs::read_to_string(case.join("as_of")) {
        plan.as_of = as_of.trim().parse().unwrap();
    }
    run(&plan).unwrap();
    shown(&place, &records(&place)[0].record)
}

/// A plan for rows of `dataset`, with the contract, the rates and the keys of the case.
fn plan_of(case: &Path, place: &Place, dataset: &str) -> Plan {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let own = [case.join("contract.odcs.yaml"), data.join(format!("{dataset}.odcs.yaml"))];
    let contract = match own.iter().find(|file| file.exists()) {
        Some(file) => Arc::new(load_contract(file).unwrap()),
        None => contract(dataset),
    };
    let mut plan = place.plan(&contract);
    let rates = case.join("rates.csv");
    plan.rates = rates.exists().then(|| rates.to_str().unwrap().to_owned());
    let keys = case.join("keys.toml");
    if keys.exists() {
        plan.privacy_key_file = Some(write_keys(place, &fs::read_to_string(keys).unwrap()));
    }
    if contract.dataset != "exported_orders" {
        plan.days = DaySelection::Found;
    }
    plan
}

/// What a record published, what is in quarantine, and what the record tells.
fn shown(place: &Place, record: &CommitRecord) -> String {
    let rejects = rejects(&place.url("target"));
    format!("{}\n{rejects}\n{}", rows(place, record), ledger(record))
}

fn write_items(place: &Place, text: &str) -> SourceSpec {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    write_export(&place.path("export"), &[lines]);
    SourceSpec::DynamodbExport { url: place.url("export") }
}

fn write_documents(place: &Place, text: &str) -> SourceSpec {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let bson::Bson::Document(document) = bson::Bson::try_from(json).unwrap() else {
            panic!("not a document: {line}")
        };
        bytes.extend(document.to_vec().unwrap());
    }
    fs::write(place.path("dump.bson"), bytes).unwrap();
    fs::write(place.path("dump.metadata.json"), r#"{"indexes":[],"collectionName":"dump"}"#)
        .unwrap();
    SourceSpec::Mongodump {
        url: place.url("dump.bson"),
        expected_rows: Some(text.lines().count() as u64),
        expected_sha256: None,
    }
}

fn rows(place: &Place, record: &CommitRecord) -> String {
    let mut text = String::from("# rows\n");
    for file in record.files.iter().filter(|file| file.path.ends_with(".csv")) {
        let csv = fs::read_to_string(place.path("target").join(&file.path)).unwrap();
        text.push_str(&format!("## dt={}\n{}", file.dt.unwrap(), csv.replace("\r\n", "\n")));
    }
    text
}

fn rejects(target: &str) -> String {
    let mut text = String::from("# rejects\n");
    consign::pipeline::quarantine(target, &AwsOptions::default(), None, &mut |row| {
        let word = |name: &str| match &row[name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!(
            "{} row {} key {} dt {}\n",
            word("split"),
            row["row"],
            word("key"),
            word("dt")
        ));
        for reason in row["reasons"].as_array().unwrap() {
            text.push_str(&format!("    {reason}\n"));
        }
        Ok(true)
    })
    .unwrap();
    text
}

fn ledger(record: &CommitRecord) -> String {
    let run = &record.ledger.run;
    let mut text = format!(
        "# ledger\nread {} = written {} + quarantined {} + excluded {} + deduplicated {}\n",
        run.read, run.written, run.quarantined, run.excluded, run.deduplicated
    );
    for (day, tally) in &record.ledger.by_day {
        text.push_str(&format!("day {day}: read {} written {}\n", tally.read, tally.written));
    }
    for (rule, rows) in &run.excluded_by_rule {
        text.push_str(&format!("excluded by {rule}: {rows}\n"));
    }
    for (rule, rows) in &record.warnings {
        text.push_str(&format!("warned by {rule}: {rows}\n"));
    }
    for (currency, used) in record.fx.iter().flat_map(|fx| &fx.by_currency) {
        text.push_str(&format!(
            "converted from {currency}: {} by rates of {} to {}, at most {} days old\n",
            used.rows, used.oldest_rate, used.newest_rate, used.greatest_age_days
        ));
    }
    for sha256 in record.fx.iter().flat_map(|fx| &fx.other_sha256) {
        text.push_str(&format!("others of its rows by the rates of {sha256}\n"));
    }
    if let Some(privacy) = &record.privacy {
        let expiry = privacy.earliest_expiry.map_or("never".to_owned(), |at| at.to_string());
        text.push_str(&format!(
            "of age at {}: {}, the next at {expiry}\n",
            privacy.as_of, privacy.anonymised_rows
        ));
        for (day, found) in privacy.k.iter().flat_map(|k| &k.found) {
            text.push_str(&format!("k of {day}: {found}\n"));
        }
    }
    for found in &record.zone_differences {
        let there = found.other_offset.as_deref().unwrap_or("unknown");
        text.push_str(&format!(
            "zone {} is {} here and {there} in {} from {} to {}\n",
            found.zone, found.offset, found.other_tzdb, found.from, found.to
        ));
    }
    text
}
