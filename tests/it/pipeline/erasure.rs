//! Erasing one person, what later runs do, and the audit before and after retention.

use std::fs;
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::error::{ErrorKind, Result};
use consign::model::Sensitive;
use consign::pipeline::{self, AuditClass, AuditSummary, ErasureOutcome, ErasureReceipt};
use consign::plan::{DaySelection, Plan};
use consign::telemetry::Progress;
use jiff::Timestamp;

use super::harness::{Place, day, run, write_export, write_keys};
use super::people::{
    LONG_AFTER, WORD, contract, email, files_with, options, person, plan, problems, publish,
    put_back, refused_person, snapshot,
};
use super::replay::{discard, records};

/// A plan at an instant shortly after publishing, with a key.
pub fn keyed(place: &Place) -> Plan {
    let mut plan = plan(place, "2026-08-05T00:00:00Z");
    let file = place.path("keys.toml");
    if !file.exists() {
        pipeline::create_key_file(&file, "2026Q4").unwrap();
    }
    plan.privacy_key_file = Some(file);
    plan
}

pub fn erase(plan: &Plan, field: &str, value: &str) -> Result<ErasureReceipt> {
    let progress = Arc::new(Progress::default());
    pipeline::erase(plan, field, &Sensitive::new(value), &progress, options())
}

#[test]
fn a_person_goes_from_every_day_copy_and_refused_row_and_does_not_come_back() {
    let place = Place::new();
    publish(&place);
    // The person orders on two days, once so that the order is refused.
    let again = |number: u32, day: u8, paid: &str| {
        person(number, day).replace(&email(number), &email(7)).replace("10.50", paid)
    };
    let lines = vec![
        again(101, 1, "10.50"),
        person(102, 1),
        again(201, 2, "10.50"),
        person(202, 2),
        person(301, 3),
        again(302, 3, "a lot"),
        refused_person(303, 3),
    ];
    fs::remove_dir_all(place.path("export")).unwrap();
    write_export(&place.path("export"), &[lines]);
    let plan = keyed(&place);
    run(&plan).unwrap();
    assert!(files_with(&place, &email(7)).len() >= 8);

    // As it is typed: not in the normal form.
    let typed = email(7).replace("@example.org", "@EXAMPLE.org");
    let receipt = erase(&plan, "email", &format!(" {typed}\t")).unwrap();
    assert_eq!(receipt.outcome, ErasureOutcome::Erased);
    assert_eq!((receipt.rows, receipt.quarantined_rows), (2, 1));
    assert_eq!(receipt.days, [day(1), day(2)]);
    assert!(receipt.proof.searched.is_clean(), "{:?}", receipt.proof.searched);
    assert!(receipt.proof.searched.values > 4);
    assert_eq!(files_with(&place, &email(7)), Vec::<String>::new());
    let member = |number: u32| format!("{WORD}-{number:04}");
    assert_eq!(files_with(&place, &member(101)), Vec::<String>::new(), "what else was known");
    assert!(!files_with(&place, &email(102)).is_empty(), "others stay");
    assert!(!files_with(&place, &email(303)).is_empty(), "refused rows of others stay");
    let text = serde_json::to_string(&receipt).unwrap();
    assert!(!text.contains("arkerword"), "{text}");
    assert_eq!(problems(&place, &plan), Vec::<String>::new());

    // The source still has the person; a run that reads it leaves the rows out.
    let mut later = plan.clone();
    later.as_of = "2026-08-06T00:00:00Z".parse().unwrap();
    fs::remove_dir_all(place.path("export")).unwrap();
    let lines = vec![again(101, 1, "10.50"), again(103, 1, "a lot"), person(102, 1)];
    write_export(&place.path("export"), &[lines]);
    let summary = run(&later).unwrap();
    assert_eq!(summary.ledger.run.excluded_by_rule["erased"], 2);
    assert_eq!(files_with(&place, &email(7)), Vec::<String>::new());

    let before = snapshot(&place);
    let again = erase(&later, "email", &email(7)).unwrap();
    assert_eq!((again.outcome, again.commit, again.rows), (ErasureOutcome::AlreadyErased, None, 0));
    assert_eq!(snapshot(&place), before, "a second time changes nothing");
}

#[test]
fn an_erasure_that_died_after_its_commit_is_finished_by_the_next() {
    let place = Place::new();
    publish(&place);
    let plan = keyed(&place);
    let before = snapshot(&place);
    let receipt = erase(&plan, "email", &email(101)).unwrap();
    assert_eq!(receipt.rows, 1);
    let after = snapshot(&place);
    let back = put_back(&place, &before, |name| !after.contains_key(name));
    assert_eq!(back as u64, receipt.objects_deleted);
    assert!(!files_with(&place, &email(101)).is_empty());
    let mended = erase(&plan, "email", &email(101)).unwrap();
    assert_eq!((mended.commit, mended.objects_deleted), (None, receipt.objects_deleted));
    assert!(mended.proof.searched.is_clean(), "{:?}", mended.proof.searched);
    assert_eq!(files_with(&place, &email(101)), Vec::<String>::new());
}

#[test]
fn a_person_is_told_by_declared_fields_and_with_a_key() {
    let place = Place::new();
    publish(&place);
    let mut plan = keyed(&place);
    let refused = |plan: &Plan, field: &str, value: &str| {
        let error = erase(plan, field, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let told = format!("{error:?} {:?}", error.help());
        assert!(!told.contains("somebody"), "{told}");
    };
    refused(&plan, "name", "somebody@example.org");
    refused(&plan, "nothing", "somebody@example.org");
    refused(&plan, "email", "somebody is no address");
    plan.privacy_key_file = None;
    refused(&plan, "email", "somebody@example.org");
}

fn audit(place: &Place, plan: &Plan, as_of: &str) -> AuditSummary {
    let (as_of, now) = (as_of.parse().unwrap(), LONG_AFTER.parse::<Timestamp>().unwrap());
    let (schemas, staging) = (place.path("schemas"), place.path("staging"));
    pipeline::audit(&plan.target, &plan.aws, &schemas, Some(&staging), as_of, now).unwrap()
}

#[test]
fn an_audit_lists_what_is_overdue_until_retention_has_been_applied() {
    let place = Place::new();
    publish(&place);
    let soon = audit(&place, &plan(&place, "2026-08-05T00:00:00Z"), "2026-08-05T00:00:00Z");
    assert_eq!(soon.overdue, 0);
    let classes = |audit: &AuditSummary, wanted| {
        audit.objects.iter().filter(|object| object.class == wanted).count()
    };
    let number =
        [AuditClass::LiveData, AuditClass::Latest, AuditClass::OldData, AuditClass::Quarantine]
            .map(|class| classes(&soon, class));
    assert_eq!(number, [6, 6, 6, 2]);

    let late = "2026-12-01T00:00:00Z";
    let plan = plan(&place, late);
    let before = audit(&place, &plan, late);
    assert_eq!(before.overdue, 20, "{:#?}", before.objects);
    let progress = Arc::new(Progress::default());
    pipeline::retention(&plan, true, &progress, options()).unwrap();
    let after = audit(&place, &plan, late);
    assert_eq!(after.overdue, 0, "{:#?}", after.objects);
    assert_eq!(after.objects.len(), 12, "six files and six of the view");
    assert!(after.objects.iter().all(|object| object.expires_at.is_none()));
}

/// The contract of people without a word of privacy.
fn public_contract(place: &Place) -> Arc<Contract> {
    contract(place);
    let file = place.path("schemas/people/v1.odcs.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    while let Some(at) = lines.iter().position(|line| line.trim() == "- property: privacy") {
        lines.drain(at..at + 2);
        if lines[at - 1].trim() == "customProperties:" {
            lines.remove(at - 1);
        }
    }
    fs::write(&file, lines.join("\n")).unwrap();
    Arc::new(load_contract(&file).unwrap())
}

#[test]
fn what_was_published_before_there_was_privacy_is_overdue_whatever_was_recorded_last() {
    let place = Place::new();
    let soon = "2026-08-05T00:00:00Z";
    let public = public_contract(&place);
    write_export(&place.path("export"), &[vec![person(100, 1)]]);
    run(&Plan { contract: public, ..plan(&place, soon) }).unwrap();
    let plan = publish(&place);
    let overdue = audit(&place, &plan, soon);
    assert_eq!(overdue.overdue, 6, "two formats of three days: {:#?}", overdue.objects);

    let shown = overdue.objects.len();
    let run_id = records(&place).pop().unwrap().record.run_id;
    assert!(discard(&plan, &run_id, &[], "written by a test").unwrap() > 0);
    let after = audit(&place, &plan, soon);
    assert_eq!((after.overdue, after.objects.len()), (6, shown), "{:#?}", after.objects);
}

#[test]
fn a_person_is_found_by_the_pseudonym_of_a_former_key_and_stays_out() {
    let place = Place::new();
    let file = place.path("schemas/visitors/v1.odcs.yaml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(root.join("tests/data/visitors.odcs.yaml"), &file).unwrap();
    let visitor = |id: &str, person: &str, day: u8| {
        format!(
            r#"{{"Item":{{"id":{{"S":"{id}"}},"person":{{"S":"{person}"}},"address":{{"M":{{"country":{{"S":"DE"}}}}}},"created_at":{{"S":"2026-08-0{day}T18:00:00Z"}}}}}}"#
        )
    };
    let key = |id: &str, letter: &str| {
        format!("[[key]]\nid = \"{id}\"\nsecret = \"{}=\"\n", letter.repeat(43))
    };
    let lines = vec![
        visitor("a", "walter.k", 1),
        visitor("b", "somebody", 1),
        visitor("c", "walter.k", 2),
        visitor("d", "somebody", 2),
    ];
    write_export(&place.path("export"), &[lines]);
    let old_key = write_keys(&place, &key("old", "E"));
    let mut plan = place.plan(&Arc::new(load_contract(&file).unwrap()));
    plan.privacy_key_file = Some(old_key);
    plan.days = DaySelection::Range { first: day(1), last: day(1) };
    run(&plan).unwrap();
    // The second day is published with a newer key.
    write_keys(&place, &(key("new", "Q") + &key("old", "E")));
    let second_day = DaySelection::Range { first: day(2), last: day(2) };
    run(&Plan { days: second_day, ..plan.clone() }).unwrap();
    let rows = |day: &str| {
        let csv = format!("target/latest/dt=2026-08-{day}/part-00000.csv");
        let text = fs::read_to_string(place.path(&csv)).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(rows("01")[0].starts_with("a,old:") && rows("02")[0].starts_with("c,new:"));

    let receipt = erase(&plan, "person", "walter.k").unwrap();
    assert_eq!((receipt.rows, receipt.days.as_slice()), (2, &[day(1), day(2)][..]));
    assert_eq!(receipt.key_id, "new");
    assert!(receipt.proof.searched.is_clean(), "{:?}", receipt.proof.searched);
    assert_eq!((rows("01").len(), rows("02").len()), (1, 1));
    assert!(rows("01")[0].starts_with("b,") && rows("02")[0].starts_with("d,"));
    assert_eq!(problems(&place, &plan), Vec::<String>::new());

    let both = DaySelection::Range { first: day(1), last: day(2) };
    let again = run(&Plan { days: both, ..plan.clone() }).unwrap();
    assert_eq!(again.ledger.run.excluded_by_rule["erased"], 2);
    assert_eq!((rows("01").len(), rows("02").len()), (1, 1));
    // With the former key alone nobody could tell whom the mark means.
    write_keys(&place, &key("old", "E"));
    assert_eq!(run(&plan).unwrap_err().kind(), ErrorKind::Usage);
}
