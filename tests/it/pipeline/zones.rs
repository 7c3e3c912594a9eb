//! Readers whose time zone database is older than the program's are warned of what they will see.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::plan::{DaySelection, Plan};
use consign::report::{RunSummary, text};
use jiff::civil::date;

use super::harness::{Place, dry_run, run, write_export};

/// Calls with a zone each, held against it; days are those of UTC.
fn calls(business_zone: &str) -> Arc<Contract> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/time_offsets/contract.odcs.yaml");
    let mut contract = load_contract(&file).unwrap();
    contract.business_date.zone = business_zone.to_owned();
    Arc::new(contract)
}

/// A place with two calls from Vancouver, on either side of the night when clocks were to go back
/// and by newer law do not, one from Berlin, and one of another day.
fn with_calls(place: &Place) {
    let call = |id: &str, at: &str, zone: &str| {
        format!(r#"{{"Item":{{"id":{{"S":"{id}"}},"at":{{"S":"{at}"}},"zone":{{"S":"{zone}"}}}}}}"#)
    };
    let lines = [
        call("c1", "2026-11-01T08:59:59Z", "America/Vancouver"),
        call("c2", "2026-11-01T12:00", "America/Vancouver"),
        call("c3", "2026-11-01T12:00+01:00", "Europe/Berlin"),
        call("c4", "2026-11-03T12:00-07:00", "America/Vancouver"),
    ];
    write_export(&place.path("export"), &[lines.to_vec()]);
}

fn plan_for(place: &Place, contract: &Arc<Contract>, day: i8) -> Plan {
    let day = date(2026, 11, day);
    Plan { days: DaySelection::Range { first: day, last: day }, ..place.plan(contract) }
}

fn told(summary: &RunSummary) -> Vec<String> {
    let differences = summary.zone_differences.iter();
    differences.map(|d| format!("{} {} to {} x{}", d.zone, d.from, d.to, d.stretches)).collect()
}

#[test]
fn a_zone_of_rows_is_told_with_its_instants_in_the_summary_and_in_the_record() {
    let place = Place::new();
    with_calls(&place);
    let plan = plan_for(&place, &calls("UTC"), 1);
    let expected = ["America/Vancouver 2026-11-01T09:00:00Z to 2026-11-01T19:00:01Z x1"];
    assert_eq!(told(&dry_run(&plan).unwrap()), expected);
    let summary = run(&plan).unwrap();
    assert_eq!(told(&summary), expected);
    assert_eq!(summary.ledger.run.written, 3);

    let record = place.path("target/_log/00000000000000000001.json");
    let record: serde_json::Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(
        record["zone_differences"],
        serde_json::json!([{
            "zone": "America/Vancouver",
            "other_tzdb": "2025b",
            "from": "2026-11-01T09:00:00Z",
            "to": "2026-11-01T19:00:01Z",
            "stretches": 1,
            "offset": "-07",
            "other_offset": "-08",
        }])
    );
    let text = text::render(&summary);
    assert!(text.contains("warning: readers with an older time zone database"), "{text}");
    assert!(text.contains("America/Vancouver"), "{text}");

    // Published already: the record is what is told.
    assert_eq!(told(&run(&plan).unwrap()), expected);
}

#[test]
fn rows_of_other_days_are_not_in_the_datas_range() {
    let place = Place::new();
    with_calls(&place);
    let summary = run(&plan_for(&place, &calls("UTC"), 2)).unwrap();
    assert_eq!(told(&summary), [""; 0]);
    assert!(!text::render(&summary).contains("time zone database"));
}

#[test]
fn the_zone_of_the_days_is_asked_about_over_the_days_published() {
    let place = Place::new();
    with_calls(&place);
    let vancouver = calls("America/Vancouver");
    let after = run(&plan_for(&place, &vancouver, 2)).unwrap();
    assert_eq!(told(&after), ["America/Vancouver 2026-11-02T07:00:00Z to 2026-11-03T07:00:00Z x1"]);
    let october = date(2026, 10, 31);
    let plan = Plan {
        days: DaySelection::Range { first: october, last: october },
        ..place.plan(&vancouver)
    };
    assert_eq!(told(&run(&plan).unwrap()), [""; 0]);
}
