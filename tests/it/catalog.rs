//! Contracts from the outside: what is wrong with one is told with its line, what it fixes stays.

mod amounts;
mod mistakes;
mod privacy;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Fields};
use consign::catalog::{
    Catalog, Contract, advice, describe, describe_json, document, load_contract, parse_contract,
};
use consign::error::ErrorKind;

/// A sound contract that has one of everything.
const SOUND: &str = include_str!("../data/sound.odcs.yaml");

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn contract(dataset: &str) -> Contract {
    load_contract(&schemas().join(dataset).join("v1.odcs.yaml")).unwrap()
}

/// What `told` says of each change, `from` replaced by `to`, is what is expected.
fn assert_told(cases: &[(&str, &str, &[&str])], told: impl Fn(&str, &str) -> Vec<String>) {
    let mut wrong = String::new();
    for (from, to, expected) in cases {
        let told = told(from, to);
        if told != *expected {
            wrong += &format!("{from:?} to {to:?}\n  expected {expected:#?}\n  told {told:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_data_catalog_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("DATA_CATALOG.md");
    let existing = fs::read_to_string(path).unwrap();
    let catalog = Catalog::open(&schemas()).unwrap();
    assert!(
        document::is_current(&existing, catalog.contracts()).unwrap(),
        "run `consign catalog build`"
    );
}

#[test]
fn contracts_are_described() {
    insta::assert_snapshot!("describe_exported_orders", describe(&contract("exported_orders")));
    insta::assert_snapshot!("describe_users", describe(&contract("users")));
    let in_dollars = load_contract(&schemas().join("exported_orders/v2.odcs.yaml")).unwrap();
    insta::assert_snapshot!("describe_exported_orders_2", describe(&in_dollars));
    insta::assert_snapshot!("describe_everything", describe(&parse_contract(SOUND, "c").unwrap()));
}

#[test]
fn rules_that_do_not_say_what_null_means_are_noted() {
    let advice_to = |from: &str, to: &str| {
        assert_eq!(SOUND.matches(from).count(), 1, "{from:?} must stand once");
        advice(&parse_contract(&SOUND.replace(from, to), "c").unwrap())
    };
    let reference = "rule `one_reference`: a field of it can be NULL, and such rows stay; say so \
                     with `whenNull: keep`, or say `whenNull: act`";
    let heavy = "rule `heavy`: the expression can be NULL, and such rows stay; say so with \
                 `whenNull: keep`, or say `whenNull: act`";
    assert_eq!(advice_to("name: parcels\n    log", "name: parcels\n    log"), [reference]);
    assert_eq!(advice_to("\n          whenNull: act", ""), [heavy, reference]);
    assert_eq!(advice_to("[reference]}", "[reference], whenNull: keep}"), [""; 0]);
    let never = "rule `heavy`: `whenNull` is never asked, the expression cannot be NULL";
    assert_eq!(advice_to("weight > 60.5", "length(parcel_id) > 60"), [never, reference]);
    let never = "rule `one_reference`: `whenNull` is never asked, a field of it cannot be NULL";
    assert_eq!(advice_to("[reference]}", "[parcel_id], whenNull: act}"), [never]);
}

#[test]
fn contracts_are_described_as_json() {
    let json = describe_json(&parse_contract(SOUND, "c").unwrap());
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn a_contract_fixes_the_arrow_schema() {
    for dataset in ["exported_orders", "users"] {
        let contract = contract(dataset);
        let mut text = format!("fingerprint {}\n", contract.schema_fingerprint());
        tell_fields(contract.output_schema().fields(), 0, &mut text);
        text += "decoded\n";
        tell_fields(contract.decoded_schema().fields(), 0, &mut text);
        insta::assert_snapshot!(format!("arrow_{dataset}"), text);
    }
}

fn tell_fields(fields: &Fields, depth: usize, text: &mut String) {
    for field in fields {
        let need = if field.is_nullable() { "" } else { " not null" };
        let (kind, inner) = match field.data_type() {
            DataType::List(element) => ("List".to_owned(), Fields::from(vec![element.clone()])),
            DataType::Struct(members) => ("Struct".to_owned(), members.clone()),
            plain => (format!("{plain:?}"), Fields::empty()),
        };
        writeln!(text, "{:width$}{}: {kind}{need}", "", field.name(), width = 2 * depth).unwrap();
        tell_fields(&inner, depth + 1, text);
    }
}

#[test]
fn bounds_stay_exact() {
    let changed = SOUND
        .replace("decimal(9,3)", "decimal(38,3)")
        .replace("maximum: \"70\"", "maximum: 90071992547409930000000000000000.001");
    let contract = parse_contract(&changed, "c").unwrap();
    let checks = &contract.field("weight").unwrap().checks;
    assert_eq!(checks.minimum, Some((1, 3)));
    assert_eq!(checks.maximum, Some((90_071_992_547_409_930_000_000_000_000_000_001, 3)));
}

#[test]
fn a_pattern_matches_the_whole_text() {
    let contract = parse_contract(&SOUND.replace("p[0-9]+", "p1|p2"), "c").unwrap();
    let pattern = contract.field("parcel_id").unwrap().checks.pattern.as_ref().unwrap();
    for (text, fits) in
        [("p1", true), ("p2", true), ("p11", false), ("pp2", false), ("p1\n", false)]
    {
        assert_eq!(pattern.is_match(text), fits, "{text:?}");
    }
}

#[test]
fn sources_are_found_by_their_paths() {
    let contract = parse_contract(SOUND, "c").unwrap();
    let address = contract.field("address").unwrap();
    assert_eq!(address.source.dynamodb, ["address"]);
    assert_eq!(address.source.mongodb, ["to", "address"]);
    assert_eq!(contract.field("parcel_id").unwrap().source.dynamodb, ["pk"]);
    assert!(contract.field("absent").unwrap().source.mongodb.is_empty());
}

#[test]
fn every_contract_below_the_folder_is_opened() {
    let catalog = Catalog::open(&schemas()).unwrap();
    let labels: Vec<String> = catalog.contracts().iter().map(|c| c.label()).collect();
    assert_eq!(labels, ["exported_orders@1", "exported_orders@2", "exported_orders@3", "users@1"]);
    assert_eq!(catalog.resolve("users@1").unwrap().dataset, "users");

    let error = catalog.resolve("exported_order@1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(
        error.to_string(),
        "there is no contract \"exported_order@1\" (did you mean \"exported_orders@1\"?)"
    );
    assert_eq!(
        error.help(),
        Some("there are: exported_orders@1, exported_orders@2, exported_orders@3, users@1")
    );
    let error = catalog.resolve("exported_orders").unwrap_err();
    assert!(error.to_string().contains("(did you mean \"exported_orders@1\"?)"), "{error}");
}

#[test]
fn versions_are_ordered_by_number_and_stand_in_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join("parcels").join(name);
    fs::create_dir(dir.path().join("parcels")).unwrap();
    fs::write(place("notes.md"), "not a contract").unwrap();
    for major in [10, 2, 1] {
        let text = SOUND.replace("version: 1.2.0", &format!("version: {major}.2.0"));
        fs::write(place(&format!("v{major}.odcs.yaml")), text).unwrap();
    }
    let catalog = Catalog::open(dir.path()).unwrap();
    let labels: Vec<String> = catalog.contracts().iter().map(|c| c.label()).collect();
    assert_eq!(labels, ["parcels@1", "parcels@2", "parcels@10"]);

    fs::rename(place("v2.odcs.yaml"), place("v3.odcs.yaml")).unwrap();
    let error = Catalog::open(dir.path()).unwrap_err();
    assert!(error.to_string().starts_with("contract parcels@2 is not in its place"), "{error}");
    assert!(error.help().unwrap().ends_with("parcels/v2.odcs.yaml"));

    fs::write(place("v1.odcs.yaml"), "kind: Contract").unwrap();
    let both = Catalog::open(dir.path()).unwrap_err().to_string();
    assert!(both.contains("v1.odcs.yaml:1: the contract has no `id`"), "{both}");
    assert!(both.contains("parcels@2 is not in its place"), "{both}");
}

#[test]
fn a_folder_or_file_that_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    assert_eq!(Catalog::open(&missing).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(load_contract(&missing).unwrap_err().kind(), ErrorKind::Usage);
    assert!(Catalog::open(dir.path()).unwrap().contracts().is_empty());
}
