//! Personal data across runs: what has gone stays gone, whatever is asked for next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consign::catalog::{Contract, load_contract, parse_contract};
use consign::error::ErrorKind;
use consign::model::SuppressionMark;
use consign::pipeline::read_key_ring;
use consign::plan::{AwsOptions, DaySelection, Plan, SourceSpec};
use consign::publish::{Appended, CommitRecord, Log};
use consign::report::{Outcome, RunSummary};
use consign::storage;

use super::harness::{Place, dry_run, run, write_export, write_keys};

const KEYS: &str =
    "[[key]]\nid = \"k1\"\nsecret = \"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\"\n";
const AS_OF: &str = "2026-08-03T02:00:00Z";

fn contract_text() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("tests/data/visitors.odcs.yaml")).unwrap()
}

fn contract_with(changes: &[(&str, &str)]) -> Arc<Contract> {
    let mut text = contract_text();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?}");
        text = text.replace(from, to);
    }
    Arc::new(parse_contract(&text, "c").unwrap())
}

fn visitor(id: &str, email: &str, created_at: &str, country: &str) -> String {
    format!(
        r#"{{"Item":{{"id":{{"S":"{id}"}},"person":{{"S":"p-{id}"}},"email":{{"S":"{email}"}},"age":{{"N":"47"}},"address":{{"M":{{"country":{{"S":"{country}"}}}}}},"created_at":{{"S":"{created_at}"}}}}}}"#
    )
}

/// A place with keys and an export of these rows.
fn place_with(lines: &[String]) -> (Place, PathBuf) {
    let place = Place::new();
    let keys = write_keys(&place, KEYS);
    write_export(&place.path("export"), &[lines.to_vec()]);
    (place, keys)
}

fn plan(place: &Place, contract: &Arc<Contract>, keys: &Path) -> Plan {
    Plan {
        days: DaySelection::Found,
        as_of: AS_OF.parse().unwrap(),
        privacy_key_file: Some(keys.to_path_buf()),
        ..place.plan(contract)
    }
}

/// A day that is half of age at [`AS_OF`].
fn half_of_age() -> Vec<String> {
    [("a", "00"), ("b", "01"), ("c", "03")]
        .map(|(id, hour)| {
            let created_at = format!("2026-05-05T{hour}:00:00Z");
            visitor(id, &format!("{id}@marker.example.com"), &created_at, "DE")
        })
        .to_vec()
}

fn csv(place: &Place, summary: &RunSummary) -> String {
    let files = summary.files.iter().filter(|file| file.path.ends_with(".csv"));
    files.map(|file| fs::read_to_string(place.path("target").join(&file.path)).unwrap()).collect()
}

fn with_log<T>(place: &Place, doing: impl AsyncFnOnce(Log) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (url, aws) = (place.url("target"), AwsOptions::default());
        let target = storage::open_existing(&url, &aws).await.unwrap();
        doing(Log::new(target.store, target.prefix)).await
    })
}

fn last_record(place: &Place) -> CommitRecord {
    with_log(place, async |log| log.read_all().await.unwrap().pop().unwrap().record)
}

/// A record that publishes nothing and marks the subject with this email.
fn suppress(place: &Place, keys: &Path, email: &str) {
    let mark = read_key_ring(keys).unwrap().marks("email").unwrap();
    let suppressed = SuppressionMark {
        field: "email".to_owned(),
        key_id: mark.key_id().to_owned(),
        mark: mark.hex(email),
    };
    let last = last_record(place);
    let record = CommitRecord {
        run_id: format!("erase-{email}"),
        idempotency_key: format!("erase-{email}"),
        days: vec![],
        files: vec![],
        quarantine_files: vec![],
        suppressed: vec![suppressed],
        ..last.clone()
    };
    let appended = with_log(place, async |log| log.append(record, Some(last.seq)).await.unwrap());
    assert!(matches!(appended, Appended::Committed(_)));
}

#[test]
fn the_record_says_what_was_done_and_when_the_next_row_comes_of_age() {
    let (place, keys) = place_with(&half_of_age());
    let contract = contract_with(&[]);
    let summary = run(&plan(&place, &contract, &keys)).unwrap();
    let record = last_record(&place);
    let privacy = record.privacy.clone().unwrap();
    assert_eq!(summary.privacy.as_ref(), Some(&privacy));
    assert_eq!((privacy.clock.as_str(), privacy.anonymised_rows), ("created_at", 2));
    assert_eq!(privacy.key_id.as_deref(), Some("k1"));
    assert_eq!(privacy.earliest_expiry.unwrap().to_string(), "2026-08-03T03:00:00Z");
    let days: Vec<_> = record.days.iter().map(|day| (day.rows, day.anonymised_rows)).collect();
    assert_eq!(days, [(3, Some(2))], "New York is a day behind");
    assert_eq!(record.days[0].earliest_expiry, privacy.earliest_expiry);
    let email = privacy.policy.iter().find(|policy| policy.field == "email").unwrap();
    assert_eq!(
        serde_json::to_string(email).unwrap(),
        r#"{"field":"email","classification":"pii","after_days":90,"then":{"generalise":"domain"}}"#
    );
    let csv = csv(&place, &summary);
    assert!(!csv.contains("a@marker") && !csv.contains("b@marker") && csv.contains("c@marker"));
}

#[test]
fn an_earlier_clock_is_refused_where_rows_were_of_age() {
    let (place, keys) = place_with(&half_of_age());
    let contract = contract_with(&[]);
    let now = plan(&place, &contract, &keys);
    run(&now).unwrap();
    let earlier = Plan { as_of: "2026-08-01T00:00:00Z".parse().unwrap(), ..now.clone() };
    for refused in [run(&earlier), dry_run(&earlier)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("bring back personal data"), "{error}");
        assert!(error.help().unwrap().contains("--as-of"));
    }
    assert_eq!(last_record(&place).seq, 1);
    let later = Plan { as_of: "2026-08-03T03:00:00Z".parse().unwrap(), ..now };
    let summary = run(&later).unwrap();
    assert_eq!(summary.privacy.unwrap().anonymised_rows, 3);
}

#[test]
fn a_weaker_contract_is_refused_and_a_stronger_one_is_not() {
    let (place, keys) = place_with(&half_of_age());
    run(&plan(&place, &contract_with(&[]), &keys)).unwrap();
    let privacy = "      - property: privacy\n        value: {subject: [email, person], quasiIdentifiers: [address.country, age], quarantineDays: 14}\n";
    let weaker: [&[(&str, &str)]; 5] = [
        &[(
            "afterDays: 90, then: {generalise: domain}",
            "afterDays: 91, then: {generalise: domain}",
        )],
        &[("afterDays: 90, then: {generalise: domain}", "afterDays: 90, then: {truncate: 9}")],
        &[("{atOnce: pseudonym, domain: person}", "{afterDays: 1, then: {truncate: 1}}")],
        &[("{truncate: 2}", "{truncate: 3}")],
        &[("{truncate: year}", "{truncate: month}")],
    ];
    for changes in weaker {
        let error = run(&plan(&place, &contract_with(changes), &keys)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{changes:?}");
        assert!(error.to_string().contains("bring back personal data"), "{error}");
        assert!(error.help().is_some());
    }
    // Without any privacy at all.
    let mut public = contract_text().replace(privacy, "");
    while let Some(at) = public.find("              - property: privacy\n") {
        let end = public[at..].match_indices('\n').nth(1).unwrap().0;
        public.replace_range(at..=at + end, "              - {property: coerce, value: false}\n");
    }
    while let Some(at) = public.find("          - property: privacy\n") {
        let end = public[at..].match_indices('\n').nth(1).unwrap().0;
        public.replace_range(at..=at + end, "          - {property: coerce, value: false}\n");
    }
    let public = Arc::new(parse_contract(&public, "c").unwrap());
    assert!(public.privacy.is_none());
    let error = run(&plan(&place, &public, &keys)).unwrap_err();
    assert!(error.to_string().contains("not private"), "{error}");

    let stronger = contract_with(&[
        ("afterDays: 90, then: {generalise: domain}", "afterDays: 30, then: drop"),
        ("{truncate: 2}", "{truncate: 1}"),
    ]);
    assert_eq!(run(&plan(&place, &stronger, &keys)).unwrap().commit, Some(2));
}

#[test]
fn rows_of_an_erased_subject_do_not_come_back() {
    let mut lines = half_of_age();
    // Refused as well: the erasure beats the reason, or its bytes would be in the quarantine.
    lines.push(
        visitor("d", "b@marker.example.com", "2026-05-05T01:00:00Z", "DE")
            .replace("\"47\"", "\"x\""),
    );
    let (place, keys) = place_with(&lines);
    let contract = contract_with(&[]);
    let plan = plan(&place, &contract, &keys);
    let first = run(&plan).unwrap();
    assert_eq!((first.ledger.run.written, first.ledger.run.quarantined), (3, 1));
    suppress(&place, &keys, "b@marker.example.com");
    let second = run(&plan).unwrap();
    assert_eq!((second.outcome, second.commit), (Outcome::Published, Some(3)));
    let tally = &second.ledger.run;
    assert_eq!((tally.written, tally.quarantined), (2, 0));
    assert_eq!(tally.excluded_by_rule["erased"], 2);
    assert_eq!(second.privacy.as_ref().unwrap().erased_rows, 2);
    assert!(!csv(&place, &second).contains("p-b"));
    assert_eq!(run(&plan).unwrap().outcome, Outcome::AlreadyPublished);
    assert_eq!(dry_run(&plan).unwrap().ledger.run.excluded_by_rule["erased"], 2);

    let lost = Plan { privacy_key_file: None, ..plan.clone() };
    let error = run(&lost).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let other = write_keys(&place, &KEYS.replace("k1", "k2"));
    let error = run(&Plan { privacy_key_file: Some(other), ..plan }).unwrap_err();
    assert!(error.to_string().contains("k1"), "names the key: {error}");
}

#[test]
fn a_run_that_began_before_an_erasure_is_refused_at_the_commit() {
    let (place, keys) = place_with(&half_of_age());
    let contract = contract_with(&[]);
    run(&plan(&place, &contract, &keys)).unwrap();
    suppress(&place, &keys, "b@marker.example.com");
    let base = Some(1);
    let mut late = last_record(&place);
    late.run_id = "late".to_owned();
    late.idempotency_key = "late".to_owned();
    late.suppressed.clear();
    let error = with_log(&place, async |log| log.append(late, base).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn a_clock_that_changes_nothing_is_the_same_run() {
    let lines = ["a", "b"]
        .map(|id| visitor(id, &format!("{id}@marker.example.com"), "2026-08-01T12:00:00Z", "DE"));
    let (place, keys) = place_with(&lines);
    let contract = contract_with(&[]);
    let day = jiff::civil::date(2026, 8, 1);
    let days = DaySelection::Range { first: day, last: day };
    let at = |as_of: &str| Plan {
        days,
        as_of: as_of.parse().unwrap(),
        ..plan(&place, &contract, &keys)
    };
    // The day begins at 04:00 UTC and ends a day later; its rows come of age from 30 October on.
    for (as_of, outcome) in [
        ("2026-08-03T00:00:00Z", Outcome::Published),
        ("2026-10-30T03:59:59.999999Z", Outcome::AlreadyPublished),
        ("2026-10-30T04:00:00Z", Outcome::Published),
        ("2026-10-31T03:59:59.999998Z", Outcome::Published),
        ("2026-10-31T03:59:59.999999Z", Outcome::Published),
        ("2027-01-01T00:00:00Z", Outcome::AlreadyPublished),
    ] {
        assert_eq!(run(&at(as_of)).unwrap().outcome, outcome, "{as_of}");
    }
    assert_eq!(run(&at("2026-08-03T00:00:00Z")).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn rows_of_age_that_can_be_told_apart_are_not_published() {
    let mut lines = half_of_age();
    lines.push(visitor("x", "x@marker.example.com", "2026-05-04T23:00:00Z", "KW"));
    // Young rows are not judged.
    lines.push(visitor("y", "y@marker.example.com", "2026-08-01T23:00:00Z", "JP"));
    let (place, keys) = place_with(&lines);
    let with_k = |k: &str| contract_with(&[("age], quar", &format!("age], k: {k}, quar"))]);
    let error = run(&plan(&place, &with_k("2"), &keys)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gate);
    let text = error.to_string();
    for part in ["day: 2026-05-04", "k: 1", "wanted: 2", "address.country, age"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("KW"), "{text}");
    assert!(place.files("target").iter().all(|file| !file.starts_with("_log/0")));

    // Told, where nothing is wanted.
    let summary = run(&plan(&place, &contract_with(&[]), &keys)).unwrap();
    let found = summary.privacy.unwrap().k.unwrap().found;
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("2026-05-04".to_owned(), 1)]);
    // Three of one country.
    lines[3] = visitor("x", "x@marker.example.com", "2026-05-04T23:00:00Z", "DE");
    write_export(&place.path("export-2"), &[lines]);
    let mut enough = plan(&place, &with_k("3"), &keys);
    enough.sources = vec![SourceSpec::DynamodbExport { url: place.url("export-2") }];
    let found = run(&enough).unwrap().privacy.unwrap().k.unwrap().found;
    assert_eq!(found["2026-05-04"], 3);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (place, keys) = place_with(&half_of_age());
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).unwrap();
    let error = run(&plan(&place, &contract_with(&[]), &keys)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.help().unwrap().contains("chmod 600"), "{error:?}");
    let none = Plan { privacy_key_file: None, ..plan(&place, &contract_with(&[]), &keys) };
    assert!(run(&none).unwrap_err().help().unwrap().contains("CONSIGN_PRIVACY_KEY_FILE"));
}

#[test]
fn the_contract_of_private_orders_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = load_contract(&root.join("schemas/exported_orders/v3.odcs.yaml")).unwrap();
    assert!(contract.privacy.is_some() && contract.takes_pseudonyms() && contract.converts());
}
