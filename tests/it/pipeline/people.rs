//! A private dataset of people on three days, with a word in every personal field that must be gone
//! one day, and a search for it that shares no code with the program's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use consign::catalog::{Contract, load_contract};
use consign::pipeline::{self, Options};
use consign::plan::{DaySelection, Plan};
use consign::telemetry::Progress;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::harness::{Place, day, run, write_export};

/// Stands in every personal value, and nowhere else.
pub const WORD: &str = "arkerword";

/// A time at which no run that the tests began can still be at work.
pub const LONG_AFTER: &str = "2099-01-01T00:00:00Z";

/// A person of a day of August, with a name that CSV and JSON escape.
pub fn person(number: u32, day: u8) -> String {
    line(number, &format!("2026-08-{day:02}T12:00:00Z"), "10.50")
}

/// One that is refused.
pub fn refused_person(number: u32, day: u8) -> String {
    line(number, &format!("2026-08-{day:02}T12:00:00Z"), "a lot")
}

fn line(number: u32, created_at: &str, paid: &str) -> String {
    serde_json::json!({"Item": {
        "id": {"S": format!("id{number:04}")},
        "email": {"S": email(number)},
        "member": {"S": format!("M{WORD}-{number:04}")},
        "name": {"S": format!("Ann \"M{WORD}\" {number},\nthe {number}th")},
        "address": {"M": {
            "country": {"S": "DE"},
            "street": {"S": format!("M{WORD} Street {number}, \"rear\" building, {}", "long ".repeat(20))},
        }},
        "notes": {"L": [{"S": "plain"}, {"S": format!("m{WORD} note {number}")}]},
        "paid": {"N": paid},
        "created_at": {"S": created_at},
    }})
    .to_string()
}

/// A person of which the source holds something else: `from` is in its line, and `to` stands instead.
pub fn odd_person(number: u32, day: u8, from: &str, to: &str) -> String {
    let line = person(number, day);
    assert!(line.contains(from), "{from} in {line}");
    line.replace(from, to)
}

/// The address of a person.
pub fn email(number: u32) -> String {
    format!("m{WORD}.{number:04}@example.org")
}

/// The contract, in a catalog of its own below the place.
pub fn contract(place: &Place) -> Arc<Contract> {
    let file = place.path("schemas/people/v1.odcs.yaml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(root.join("tests/data/people.odcs.yaml"), &file).unwrap();
    Arc::new(load_contract(&file).unwrap())
}

/// The contract, in the place's catalog, with some of its words replaced from now on.
pub fn mended_contract(place: &Place, changes: &[(&str, &str)]) -> Arc<Contract> {
    let file = place.path("schemas/people/v1.odcs.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    fs::write(&file, text).unwrap();
    Arc::new(load_contract(&file).unwrap())
}

/// A plan for the first three days of August at `as_of`.
pub fn plan(place: &Place, as_of: &str) -> Plan {
    let mut plan = place.plan(&contract(place));
    plan.days = DaySelection::Range { first: day(1), last: day(3) };
    plan.as_of = as_of.parse().unwrap();
    plan
}

/// Publishes three days twice, so that old versions lie about; in each of them a row is refused.
pub fn publish(place: &Place) -> Plan {
    let plan = plan(place, "2026-08-04T00:00:00Z");
    for people in [20, 22] {
        let of_day = |day: u8| {
            let first = u32::from(day) * 100;
            let mut lines: Vec<String> =
                (first..first + people).map(|number| person(number, day)).collect();
            lines.push(refused_person(first + 90, day));
            lines
        };
        let _ = fs::remove_dir_all(place.path("export"));
        write_export(&place.path("export"), &[of_day(1), of_day(2), of_day(3)]);
        run(&plan).unwrap();
    }
    plan
}

pub fn options() -> Options {
    Options { dry_run: false, fresh: false, started_at: LONG_AFTER.parse().unwrap() }
}

/// Everything that `consign verify` finds wrong.
pub fn problems(place: &Place, plan: &Plan) -> Vec<String> {
    let progress = Progress::default();
    let schemas = place.path("schemas");
    pipeline::verify(&plan.target, &plan.aws, &schemas, &progress).unwrap().problems
}

/// Files below the target and the staging folder in which `word` stands, as bytes or, in Parquet, in
/// a value as a reader gets it.
pub fn files_with(place: &Place, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["target", "staging"] {
        for name in place.files(folder) {
            let path = place.path(folder).join(&name);
            if contains(&fs::read(&path).unwrap(), word) || values_of(&path).contains(word) {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Every value of a Parquet file as text; binary ones as the text that they hold.
fn values_of(path: &PathBuf) -> String {
    if !path.to_string_lossy().ends_with(".parquet") {
        return String::new();
    }
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    for rows in reader.map(Result::unwrap) {
        // Instants hold no text, and the formatter knows no zones.
        let is_instant = |column: &&arrow::array::ArrayRef| column.data_type().is_temporal();
        for column in rows.columns().iter().filter(|column| !is_instant(column)) {
            let formatter = ArrayFormatter::try_new(column, &FormatOptions::default()).unwrap();
            for row in 0..rows.num_rows() {
                let value = formatter.value(row).to_string();
                text += &value;
                if column.data_type() == &arrow::datatypes::DataType::Binary {
                    text += &String::from_utf8_lossy(&hex::decode(value).unwrap());
                }
            }
        }
    }
    text
}

/// Every file below the target with its bytes.
pub fn snapshot(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let files = place.files("target").into_iter();
    files.map(|name| (name.clone(), fs::read(place.path("target").join(name)).unwrap())).collect()
}

/// Puts files back that were there in `before`, where `wanted` says so.
pub fn put_back(
    place: &Place,
    before: &BTreeMap<String, Vec<u8>>,
    wanted: impl Fn(&str) -> bool,
) -> usize {
    let back = before.iter().filter(|(name, _)| wanted(name.as_str()));
    back.map(|(name, bytes)| {
        let path = place.path("target").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path); // a file of latest/ may be a link
        fs::write(path, bytes).unwrap();
    })
    .count()
}
