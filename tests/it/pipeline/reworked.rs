//! What the records of carried days tell of rates and zones, and reworks of days that were published
//! by other versions of the contract.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::error::{Error, ErrorKind};
use consign::pipeline::{self, ErasureOutcome, RetentionOutcome};
use consign::plan::{DaySelection, Plan};
use consign::publish::CommitRecord;
use consign::telemetry::Progress;
use jiff::civil::date;
use sha2::{Digest, Sha256};

use super::erasure::{erase, keyed};
use super::harness::{Place, day, order, run, write_export, write_keys};
use super::people::{
    WORD, contract, email, files_with, mended_contract, options, person, plan, problems, publish,
    snapshot,
};
use super::replay::{records, replay};
use super::retention::retention;

const FIRST_RATES: &str = "Date,USD,JPY\n2026-10-30,1.0801,N/A\n";
const SECOND_RATES: &str = "Date,USD,JPY\n2026-11-02,1.0900,165\n2026-10-30,1.0801,162.34\n";

/// An order of a day of November, at noon in its zone.
fn order_of(number: u32, day: u8, zone: &str, currency: &str) -> String {
    let at = format!(r#"{{"S":"2026-11-0{day}T12:00:00"}}"#);
    let text = |text: &str| format!(r#"{{"S":"{text}"}}"#);
    let changes = [
        ("created_at", &*at),
        ("updated_at", r#"{"S":"2026-11-03T00:00:00Z"}"#),
        ("time_zone", &text(zone)),
        ("currency", &text(currency)),
        ("customer_id", &text(&format!("cust_{number}"))),
        ("gift_message", r#"{"S":"for you"}"#),
    ];
    order(&format!("ord_{number}"), &changes)
}

/// A place with orders of two days from Vancouver, where another time zone database has other
/// clocks from the first of November on, and from Berlin; and a plan for both days.
fn orders() -> (Place, Plan) {
    orders_by("v3")
}

fn orders_by(version: &str) -> (Place, Plan) {
    let place = Place::new();
    let lines = [
        order_of(5001, 1, "America/Vancouver", "EUR"),
        order_of(5002, 1, "Europe/Berlin", "EUR"),
        order_of(5003, 1, "Europe/Berlin", "USD"),
        order_of(5004, 1, "Europe/Berlin", "JPY"),
        order_of(5005, 2, "America/Vancouver", "USD"),
        order_of(5006, 2, "Europe/Berlin", "EUR"),
        order_of(5007, 2, "Europe/Berlin", "EUR"),
    ];
    write_export(&place.path("export"), &[lines.to_vec()]);
    let key = format!("[[key]]\nid = \"k\"\nsecret = \"{}=\"\n", "E".repeat(43));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(format!("schemas/exported_orders/{version}.odcs.yaml"));
    let contract = load_contract(&file).unwrap();
    let plan = Plan {
        rates: Some(place.url("rates.csv")),
        privacy_key_file: Some(write_keys(&place, &key)),
        as_of: "2026-11-04T00:00:00Z".parse().unwrap(),
        ..plan_of_days(&place.plan(&Arc::new(contract)), 1, 2)
    };
    (place, plan)
}

fn plan_of_days(plan: &Plan, first: i8, last: i8) -> Plan {
    let days = DaySelection::Range { first: date(2026, 11, first), last: date(2026, 11, last) };
    Plan { days, ..plan.clone() }
}

fn run_with(place: &Place, plan: &Plan, rates: &str) -> CommitRecord {
    fs::write(place.path("rates.csv"), rates).unwrap();
    run(plan).unwrap();
    last_record(place)
}

fn last_record(place: &Place) -> CommitRecord {
    records(place).pop().unwrap().record
}

fn sha256(rates: &str) -> String {
    hex::encode(Sha256::digest(rates))
}

/// What the record of one run over both days with the second rates tells.
fn straight() -> CommitRecord {
    let (place, plan) = orders();
    run_with(&place, &plan, SECOND_RATES)
}

#[test]
fn a_retention_tells_of_its_days_what_a_run_of_them_would() {
    let (place, plan) = orders();
    let first = run_with(&place, &plan_of_days(&plan, 1, 1), FIRST_RATES);
    assert_eq!(first.reasons["fx_rate_missing"], 1);
    run_with(&place, &plan_of_days(&plan, 2, 2), SECOND_RATES);

    let late = Plan { as_of: "2026-12-05T00:00:00Z".parse().unwrap(), ..plan };
    let applied = retention(&late, true);
    assert_eq!((applied.outcome, applied.days.len()), (RetentionOutcome::Applied, 2));
    let told = last_record(&place);
    let fx = told.fx.unwrap();
    assert_eq!(
        (fx.place.as_str(), fx.sha256.as_str()),
        (&*place.url("rates.csv"), &*sha256(SECOND_RATES))
    );
    assert_eq!(fx.other_sha256, [sha256(FIRST_RATES)]);
    assert_eq!(told.fx_table_sha256, None, "it is not one table");
    let by_currency = |currency: &str| {
        let used = fx.by_currency[currency];
        let dates = (used.oldest_rate.to_string(), used.newest_rate.to_string());
        (used.rows, dates.0, dates.1, used.greatest_age_days)
    };
    assert_eq!(by_currency("EUR"), (4, "2026-10-30".to_owned(), "2026-11-02".to_owned(), 2));
    assert_eq!(by_currency("USD"), (2, "2026-11-01".to_owned(), "2026-11-02".to_owned(), 0));
    assert_eq!(fx.by_currency.len(), 2, "the yen was never published");

    let straight = straight();
    assert_eq!(straight.zone_differences.len(), 1);
    assert_eq!(told.zone_differences, straight.zone_differences);
    assert_eq!(straight.fx.unwrap().by_currency["EUR"], fx.by_currency["EUR"]);
}

#[test]
fn an_erasure_tells_of_the_rows_that_stay() {
    let (place, plan) = orders();
    let first = run_with(&place, &plan_of_days(&plan, 1, 1), FIRST_RATES);
    let second = run_with(&place, &plan_of_days(&plan, 2, 2), SECOND_RATES);
    assert_eq!((first.zone_differences.len(), second.zone_differences.len()), (1, 1));

    // The only order from Vancouver of the first day.
    let receipt = erase(&plan, "customer_id", "cust_5001").unwrap();
    assert_eq!((receipt.rows, receipt.days.as_slice()), (1, &[date(2026, 11, 1)][..]));
    let told = last_record(&place);
    let (fx, before) = (told.fx.unwrap(), first.fx.unwrap());
    assert_eq!((&fx.sha256, &fx.place, fx.other_sha256.len()), (&before.sha256, &before.place, 0));
    assert_eq!(told.fx_table_sha256, first.fx_table_sha256);
    assert_eq!((fx.by_currency["EUR"].rows, before.by_currency["EUR"].rows), (1, 2));
    assert_eq!(fx.by_currency["USD"], before.by_currency["USD"]);
    assert_eq!(told.zone_differences, [], "no row of Vancouver is left on the day");

    // Of the second day an order from Berlin goes: that of Vancouver is told as before.
    assert_eq!(erase(&plan, "customer_id", "cust_5006").unwrap().rows, 1);
    let told = last_record(&place);
    assert_eq!(told.zone_differences, second.zone_differences);
    assert_eq!(told.fx.unwrap().by_currency["EUR"].rows, 1);
}

#[test]
fn a_replay_tells_of_the_rows_it_carries_on() {
    let (place, plan) = orders();
    let first = run_with(&place, &plan, FIRST_RATES);
    assert_eq!(first.ledger.run.quarantined, 1);
    fs::write(place.path("rates.csv"), SECOND_RATES).unwrap();
    assert_eq!(replay(&plan, &first.run_id, &[]).rows.written, 1);

    let (told, straight) = (last_record(&place), straight());
    assert_eq!(told.days.len(), 1);
    let (fx, of_straight) = (told.fx.unwrap(), straight.fx.unwrap());
    assert_eq!(fx.sha256, sha256(SECOND_RATES));
    assert_eq!(fx.other_sha256, [sha256(FIRST_RATES)]);
    assert_eq!(fx.by_currency["JPY"], of_straight.by_currency["JPY"]);
    assert_eq!(fx.by_currency["EUR"].rows, 2);
    assert_eq!(told.zone_differences.len(), 1);
    assert_eq!(told.zone_differences[0].zone, "America/Vancouver");
    assert_eq!(told.zone_differences[0].to, "2026-11-01T19:00:01Z", "of its day alone");

    // A rework of what was carried on knows both files.
    erase(&plan, "customer_id", "cust_5004").unwrap();
    let fx = last_record(&place).fx.unwrap();
    assert_eq!((fx.sha256, fx.other_sha256), (sha256(SECOND_RATES), vec![sha256(FIRST_RATES)]));
    assert!(!fx.by_currency.contains_key("JPY"));
}

#[test]
fn what_rows_do_not_tell_is_told_by_the_record_before() {
    // Version 2 keeps no word of how a time was told.
    let (place, plan) = orders_by("v2");
    let first = run_with(&place, &plan, FIRST_RATES);
    assert_eq!(first.zone_differences.len(), 1);
    fs::write(place.path("rates.csv"), SECOND_RATES).unwrap();
    assert_eq!(replay(&plan, &first.run_id, &[]).rows.written, 1);
    assert_eq!(last_record(&place).zone_differences, first.zone_differences);
}

const ID: &str = "      - name: id\n        logicalType: string\n";

fn with_ids_of(characters: u32) -> String {
    format!("{ID}        logicalTypeOptions: {{maxLength: {characters}}}\n")
}

/// The contract that takes longer ids, in the place's catalog from now on.
fn mended(place: &Place) -> Arc<Contract> {
    contract(place);
    let changes = [(ID, &*with_ids_of(7)), ("version: 1.0.0", "version: 1.1.0")];
    mended_contract(place, &changes)
}

/// People of three days by a contract that refuses long ids; one of the second day has one. A mended
/// contract brings it back. The plan has the mended contract.
fn carried_on(place: &Place) -> Plan {
    let first = plan(place, "2026-08-04T00:00:00Z");
    let strict = mended_contract(place, &[(ID, &with_ids_of(6))]);
    let long = person(250, 2).replace("id0250", "id0250x");
    let lines = vec![person(101, 1), person(102, 1), person(201, 2), long, person(301, 3)];
    write_export(&place.path("export"), &[lines]);
    let refused = run(&Plan { contract: strict, ..first.clone() }).unwrap();
    assert_eq!(refused.ledger.run.quarantined, 1);

    let mended = Plan { contract: mended(place), ..first };
    assert_eq!(replay(&mended, &refused.run_id, &[]).rows.written, 1);
    mended
}

#[test]
fn days_of_an_earlier_version_of_the_contract_are_reworked_with_the_others() {
    let place = Place::new();
    let plan = carried_on(&place);
    let versions: Vec<_> = records(&place).into_iter().map(|c| c.record.contract.version).collect();
    assert_eq!(versions, ["1.0.0", "1.1.0"]);

    let with_key = Plan { privacy_key_file: keyed(&place).privacy_key_file, ..plan.clone() };
    let receipt = erase(&with_key, "email", &email(101)).unwrap();
    assert_eq!((receipt.outcome, receipt.rows), (ErasureOutcome::Erased, 1));
    assert_eq!(receipt.days, [day(1)], "of the earlier version");
    assert_eq!(erase(&with_key, "email", &email(250)).unwrap().days, [day(2)], "of the later");
    assert_eq!(files_with(&place, &email(101)), Vec::<String>::new());
    assert_eq!(files_with(&place, &email(250)), Vec::<String>::new());

    let late = Plan { as_of: "2026-12-01T00:00:00Z".parse().unwrap(), ..with_key };
    let applied = retention(&late, true);
    let changed: Vec<_> = applied.days.iter().map(|day| day.changed_rows).collect();
    assert_eq!((applied.outcome, changed), (RetentionOutcome::Applied, vec![Some(1); 3]));
    assert!(applied.proof.unwrap().searched.is_clean());
    assert_eq!(files_with(&place, WORD), Vec::<String>::new());
    mended(&place);
    assert_eq!(problems(&place, &late), [] as [&str; 0], "both versions have the same columns");
    assert_eq!(retention(&late, true).outcome, RetentionOutcome::NothingToDo);
}

fn refused_retention(plan: &Plan) -> Error {
    let progress = Arc::new(Progress::default());
    let error = pipeline::retention(plan, true, &progress, options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    error
}

const EMAIL_POLICY: &str = "value: {afterDays: 90, then: {generalise: domain}}";

#[test]
fn days_of_a_contract_with_other_columns_are_not_verified_by_it() {
    let place = Place::new();
    publish(&place);
    let plan = keyed(&place);
    mended_contract(&place, &[("decimal(10,2)", "decimal(12,2)")]);
    let found = problems(&place, &plan);
    let other = "the contract people@1 has other columns than the one it was published by";
    assert!(!found.is_empty());
    assert!(found.iter().all(|problem| problem.ends_with(other)), "{found:?}");
}

#[test]
fn a_contract_that_takes_less_reworks_no_day() {
    let place = Place::new();
    publish(&place);
    let weaker = [(EMAIL_POLICY, "value: {afterDays: 365, then: {generalise: domain}}")];
    let weaker = mended_contract(&place, &weaker);
    let plan = Plan { contract: weaker, ..keyed(&place) };
    let late = Plan { as_of: "2026-12-01T00:00:00Z".parse().unwrap(), ..plan.clone() };
    let before = snapshot(&place);
    let told = refused_retention(&late).to_string();
    assert!(told.contains("takes less") && told.contains("field: email"), "{told}");
    let refused = erase(&plan, "email", &email(101)).unwrap_err();
    assert!(refused.to_string().contains("takes less"), "{refused}");
    assert_eq!(snapshot(&place), before, "nothing is changed");
    // Days that are not written anew hold nothing up.
    assert_eq!(erase(&plan, "email", &email(999)).unwrap().rows, 0);
}

#[test]
fn a_contract_that_takes_more_finds_what_is_due_by_it_in_every_version() {
    let place = Place::new();
    publish(&place);
    let soon = plan(&place, "2026-09-02T00:00:00Z");
    let stronger = [(EMAIL_POLICY, "value: {afterDays: 30, then: {generalise: domain}}")];
    let plan = Plan { contract: mended_contract(&place, &stronger), ..soon };
    // Thirty days are over for the first two days of August.
    let applied = retention(&plan, true);
    let due: Vec<_> = applied.days.iter().map(|day| (day.dt, day.due_since)).collect();
    assert_eq!(due, [(day(1), None), (day(2), None)]);
    assert!(applied.proof.unwrap().searched.is_clean());
    for number in [101, 119, 221] {
        assert_eq!(files_with(&place, &email(number)), Vec::<String>::new(), "{number}");
    }
    assert!(!files_with(&place, &email(301)).is_empty());
    assert_eq!(problems(&place, &plan), [] as [&str; 0], "both versions have the same columns");
    assert_eq!(retention(&plan, true).outcome, RetentionOutcome::NothingToDo);
}

#[test]
fn a_day_without_the_pseudonyms_of_the_contract_is_published_again() {
    let place = Place::new();
    publish(&place);
    let member = "value: {afterDays: 90, then: null}";
    let changes =
        [(member, "value: {atOnce: pseudonym, domain: member, afterDays: 90, then: null}")];
    let contract = mended_contract(&place, &changes);
    let as_of = "2026-12-01T00:00:00Z".parse().unwrap();
    let late = Plan { contract, as_of, ..keyed(&place) };
    let error = refused_retention(&late);
    assert!(error.to_string().contains("without a pseudonym"), "{error}");
    assert!(error.help().unwrap().contains("publish the day again"));
    run(&late).unwrap();
    assert!(retention(&late, true).proof.unwrap().searched.is_clean());
}

#[test]
fn a_person_is_found_in_the_form_that_an_earlier_version_let_stand() {
    let place = Place::new();
    let first = plan(&place, "2026-08-04T00:00:00Z");
    let format = "        logicalTypeOptions:\n          format: email\n";
    let then_null = [(EMAIL_POLICY, "value: {afterDays: 90, then: null}")];
    let strict = mended_contract(&place, &then_null);
    let loose = mended_contract(&place, &[(format, "")]);
    let typed = email(101).replace("example", "EXAMPLE");
    let lines = vec![person(101, 1).replace(&email(101), &typed), person(102, 1)];
    write_export(&place.path("export"), &[lines]);
    run(&Plan { contract: loose, ..first }).unwrap();
    assert!(!files_with(&place, &typed).is_empty());
    let plan = Plan { contract: strict, ..keyed(&place) };
    let receipt = erase(&plan, "email", &email(101)).unwrap();
    assert_eq!(receipt.rows, 1);
    assert!(receipt.proof.searched.is_clean(), "{:?}", receipt.proof.searched);
    assert_eq!(files_with(&place, &typed), Vec::<String>::new());
}
