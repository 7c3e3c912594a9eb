//! One quarantine that everything takes rows out of: people, replays, periods that are over, and
//! persons that are erased. After every step each row is accounted for, and each that left is gone.

use std::sync::Arc;

use consign::catalog::Contract;
use consign::error::ErrorKind;
use consign::model::ReasonCode;
use consign::pipeline::{
    self, ExplainRequest, Options, ReplayOutcome, ReplayRequest, RetentionOutcome,
};
use consign::plan::{DaySelection, Plan};
use consign::publish::{CommitRecord, DayEntry};
use consign::report::RunSummary;
use consign::telemetry::Progress;

use super::erasure::{erase, keyed};
use super::harness::{Place, day, write_export};
use super::people::{
    WORD, email, files_with, mended_contract, odd_person, options, person, problems, refused_person,
};
use super::replay::{account, discard, records, replay, rows};
use super::retention::retention;

/// An amount that is a text, which the contract does not read until it is mended.
fn paid_in_words(number: u32, day: u8) -> String {
    odd_person(number, day, r#"{"N":"10.50"}"#, r#"{"S":"10.50"}"#)
}

/// The contract that reads an amount from a text.
fn reads_amounts(place: &Place) -> Arc<Contract> {
    let paid = "        physicalType: decimal(10,2)\n        required: true\n";
    let coerced = format!(
        "{paid}        customProperties:\n          - property: coerce\n            value: true\n"
    );
    let version = ("version: 1.0.0", "version: 1.0.1");
    mended_contract(place, &[(paid, &coerced), version])
}

/// Publishes `days` of August at an instant, which is when its refused rows are first seen.
fn publish_at(plan: &Plan, days: [i8; 2], instant: &str) -> RunSummary {
    let range = DaySelection::Range { first: day(days[0]), last: day(days[1]) };
    let at_work = Plan { days: range, ..at(plan, instant) };
    let options = Options { started_at: instant.parse().unwrap(), ..options() };
    pipeline::run(&at_work, &Arc::new(Progress::default()), options).unwrap()
}

/// The plan by another clock.
fn at(plan: &Plan, as_of: &str) -> Plan {
    Plan { as_of: as_of.parse().unwrap(), ..plan.clone() }
}

/// Rows that went by retention and by erasure; the account is that of `account`.
fn expired_by(plan: &Plan) -> [u64; 3] {
    let stats = pipeline::quarantine_stats(&plan.target, &plan.aws, None).unwrap();
    let by = stats.account.expired_by;
    [by.replaced, by.retention, by.erasure]
}

/// Keys of the rows that are shown, ascending.
fn shown(plan: &Plan, run: Option<&str>) -> Vec<String> {
    let key = |row: &serde_json::Value| row["key"].as_str().unwrap().to_owned();
    let mut keys: Vec<_> = rows(plan, run).iter().map(key).collect();
    keys.sort();
    keys
}

/// Quarantine files that hold the number of one of these members.
fn refused_files_with(place: &Place, members: &[u32]) -> Vec<String> {
    let member = |number: &u32| format!("M{WORD}-{number:04}");
    let files = members.iter().flat_map(|number| files_with(place, &member(number)));
    files.filter(|file| file.contains("_quarantine/")).collect()
}

#[test]
fn every_refused_row_is_accounted_for_whatever_takes_it() {
    let place = Place::new();
    let plan = keyed(&place);
    let no_address = |number, day| odd_person(number, day, "@example.org", " at example.org");
    let lines = vec![
        person(101, 1),
        person(201, 2),
        paid_in_words(150, 1),
        paid_in_words(250, 2),
        odd_person(151, 1, "\"name\"", "\"nome\""),
        odd_person(251, 2, "\"name\"", "\"nome\""),
        no_address(152, 1),
        no_address(252, 2),
        refused_person(153, 1),
        refused_person(253, 2),
        refused_person(254, 2),
    ];
    write_export(&place.path("export"), &[lines]);
    let first = publish_at(&plan, [1, 2], "2026-08-04T00:00:00Z").run_id;
    assert_eq!(account(&plan), [9, 0, 9, 0, 0]);

    // People give two up; a mended contract reads two more and refuses two again.
    assert_eq!(discard(&plan, &first, &[ReasonCode::EmailInvalid], "no addresses").unwrap(), 2);
    assert_eq!(account(&plan), [9, 0, 7, 2, 0]);
    let plan = Plan { contract: reads_amounts(&place), ..plan };
    let reasons = [ReasonCode::TypeMismatch, ReasonCode::RequiredMissing];
    let replayed = replay(&plan, &first, &reasons);
    assert_eq!((replayed.rows.written, replayed.rows.refused_again), (2, 2));
    let again = replayed.replay_run_id.unwrap();
    assert_eq!(account(&plan), [9, 2, 5, 2, 0]);
    assert_eq!(shown(&plan, Some(&again)), ["id0151", "id0251"]);
    assert_eq!(problems(&place, &plan), Vec::<String>::new());
    assert!(!refused_files_with(&place, &[150, 151]).is_empty(), "bytes lie until the sweep");

    // Two people are erased, each from a file of which something is left.
    assert_eq!(erase(&plan, "email", &email(153)).unwrap().quarantined_rows, 1);
    assert_eq!(account(&plan), [9, 2, 4, 2, 1]);
    assert_eq!(shown(&plan, None), ["id0151", "id0251", "id0253", "id0254"]);
    let receipt = erase(&plan, "email", &email(151)).unwrap();
    assert_eq!((receipt.rows, receipt.quarantined_rows), (0, 1));
    assert!(receipt.proof.searched.is_clean(), "{:?}", receipt.proof.searched);
    assert_eq!((account(&plan), expired_by(&plan)), ([9, 2, 3, 2, 2], [0, 0, 2]));
    assert_eq!(shown(&plan, None), ["id0251", "id0253", "id0254"]);
    // The rows that were taken are not written again.
    assert_eq!(refused_files_with(&place, &[150, 250, 151, 252, 153]), Vec::<String>::new());
    assert_eq!(refused_files_with(&place, &[251]).len(), 1);
    assert_eq!(problems(&place, &plan), Vec::<String>::new());

    // The file that stands instead is what the replay refused: by its name, and by the same judge.
    assert_eq!(shown(&plan, Some(&again)), ["id0251"]);
    let known = replay(&plan, &first, &[ReasonCode::RequiredMissing]);
    assert_eq!((known.outcome, known.left_alone.tried_already), (ReplayOutcome::NothingToDo, 1));
    let explained = pipeline::explain(&ExplainRequest {
        target: &plan.target,
        aws: &plan.aws,
        contract: &plan.contract,
        rates: None,
        run: &first,
        row: "id0253",
    });
    let refused_by = explained.unwrap().remove(0).refused_by;
    assert_eq!((refused_by.version.as_str(), refused_by.is_present), ("1.0.0", false));
    let tried = replay(&plan, &first, &[ReasonCode::NumberMalformed]);
    assert_eq!((tried.rows.tried, tried.rows.refused_again), (2, 2));
    assert!(rows(&plan, None).iter().all(|row| row["attempts"] == 2));
    assert_eq!(account(&plan), [9, 2, 3, 2, 2]);

    // Another run reads the third day later, and its refused rows are kept for longer.
    let lines = vec![
        person(301, 3),
        no_address(350, 3),
        no_address(351, 3),
        refused_person(352, 3),
        refused_person(353, 3),
    ];
    std::fs::remove_dir_all(place.path("export")).unwrap();
    write_export(&place.path("export"), &[lines]);
    let second = publish_at(&plan, [3, 3], "2026-08-10T00:00:00Z").run_id;
    assert_eq!(account(&plan), [13, 2, 7, 2, 2]);
    assert_eq!(discard(&plan, &second, &[ReasonCode::EmailInvalid], "too early").unwrap(), 2);
    let plan = at(&plan, "2026-08-20T00:00:00Z");
    let swept = retention(&plan, true);
    assert_eq!(swept.outcome, RetentionOutcome::Applied);
    assert_eq!(swept.quarantined_rows.values().sum::<u64>(), 3);
    assert!(swept.proof.unwrap().searched.is_clean());
    assert_eq!((account(&plan), expired_by(&plan)), ([13, 2, 2, 4, 5], [0, 3, 2]));
    assert_eq!(shown(&plan, None), ["id0352", "id0353"]);
    assert_eq!(refused_files_with(&place, &[251, 253, 254]), Vec::<String>::new());
    assert_eq!(problems(&place, &plan), Vec::<String>::new());
    assert_eq!(retention(&plan, true).outcome, RetentionOutcome::NothingToDo);
    assert_eq!(replay(&plan, &first, &[]).outcome, ReplayOutcome::NothingToDo);

    // A person of the second run is erased, and what is left of its file is replayed and given up.
    assert_eq!(erase(&plan, "email", &email(352)).unwrap().quarantined_rows, 1);
    assert_eq!((account(&plan), expired_by(&plan)), ([13, 2, 1, 4, 6], [0, 3, 3]));
    assert_eq!(refused_files_with(&place, &[350, 351, 352]), Vec::<String>::new());
    let tried = replay(&plan, &second, &[]);
    assert_eq!((tried.rows.tried, tried.rows.refused_again), (1, 1));
    assert_eq!(discard(&plan, &second, &[], "enough").unwrap(), 1);
    assert_eq!((account(&plan), expired_by(&plan)), ([13, 2, 0, 5, 6], [0, 3, 3]));
    // What is left of it are bytes, which go in their time like those of every refused row.
    let late = at(&plan, "2026-08-25T00:00:00Z");
    let swept = retention(&late, true);
    assert_eq!((swept.outcome, swept.quarantined_rows.len()), (RetentionOutcome::Applied, 0));
    assert!(place.files("target/_quarantine").is_empty());
    assert_eq!((account(&late), expired_by(&late)), ([13, 2, 0, 5, 6], [0, 3, 3]));
    assert_eq!(problems(&place, &late), Vec::<String>::new());
    records(&place);
}

#[test]
fn a_replay_goes_on_with_the_file_that_an_erasure_left() {
    let place = Place::new();
    let plan = keyed(&place);
    let lines = vec![
        person(101, 1),
        paid_in_words(150, 1),
        paid_in_words(151, 1),
        paid_in_words(152, 1),
        paid_in_words(153, 1),
    ];
    write_export(&place.path("export"), &[lines]);
    let first = publish_at(&plan, [1, 1], "2026-08-04T00:00:00Z").run_id;
    // Rows in front of those that stay go, so that these have other places now.
    erase(&plan, "email", &email(150)).unwrap();
    erase(&plan, "member", &format!("M{WORD}-0152")).unwrap();
    assert_eq!(account(&plan), [4, 0, 2, 0, 2]);
    let mended = Plan { contract: reads_amounts(&place), ..plan.clone() };
    let replayed = replay(&mended, &first, &[]);
    assert_eq!((replayed.rows.tried, replayed.rows.written), (2, 2));
    assert_eq!(account(&mended), [4, 2, 0, 0, 2]);
    assert_eq!(problems(&place, &mended), Vec::<String>::new());
    for (number, is_there) in [(150, false), (151, true), (152, false), (153, true)] {
        let files = files_with(&place, &email(number));
        assert_eq!(files.iter().any(|file| file.contains("latest/")), is_there, "{number}");
    }
}

/// The newest record, and what it says of a day of August.
fn newest(place: &Place, of_day: i8) -> (CommitRecord, DayEntry) {
    let record = records(place).pop().unwrap().record;
    let entry = record.days.iter().find(|entry| entry.dt == day(of_day)).unwrap().clone();
    (record, entry)
}

#[test]
fn a_day_that_lost_its_people_is_carried_on_and_stays_without_them() {
    let place = Place::new();
    let plan = keyed(&place);
    let lines = vec![
        person(101, 1),
        person(301, 3),
        paid_in_words(150, 1),
        paid_in_words(350, 3),
        refused_person(351, 3),
    ];
    write_export(&place.path("export"), &[lines]);
    let first = publish_at(&plan, [1, 3], "2026-10-28T00:00:00Z").run_id;

    // The first day comes of age on the 30th of October at noon, the third two days later.
    let noon = at(&plan, "2026-10-30T12:00:00Z");
    let reworked = retention(&noon, true);
    assert_eq!((reworked.commit, reworked.days.len()), (Some(2), 1));
    assert_eq!(account(&noon), [3, 0, 3, 0, 0], "refused rows of the reworked day still stand");
    let contract = reads_amounts(&place);
    let too_early = Plan { contract: Arc::clone(&contract), ..at(&plan, "2026-10-30T11:59:59Z") };
    let request = ReplayRequest { run: Some(first.clone()), reasons: Vec::new() };
    let refused = pipeline::replay(&too_early, &request, &Arc::new(Progress::default()), options());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage, "it would make the day young again");

    let later = Plan { contract, ..at(&plan, "2026-10-30T13:00:00Z") };
    let replayed = replay(&later, &first, &[ReasonCode::TypeMismatch]);
    assert_eq!(replayed.rows.written, 2);
    let (record, of_first) = newest(&place, 1);
    let carried: Vec<_> = record.sources.iter().map(|source| source.location.as_str()).collect();
    assert_eq!(carried[1..], ["commit 1", "commit 2"]);
    assert_eq!((of_first.replaces, of_first.rows), (Some(2), 2));
    assert_eq!((of_first.anonymised_rows, of_first.earliest_expiry), (Some(2), None));
    let (_, of_third) = newest(&place, 3);
    let noon_of_third = Some("2026-11-01T12:00:00Z".parse().unwrap());
    assert_eq!((of_third.replaces, of_third.rows), (Some(1), 2));
    assert_eq!((of_third.anonymised_rows, of_third.earliest_expiry), (Some(0), noon_of_third));
    for number in [101, 150] {
        let held = files_with(&place, &email(number));
        assert!(held.iter().all(|file| file.contains("_quarantine/")), "{held:?}");
    }
    assert_eq!(account(&later), [3, 2, 1, 0, 0]);
}

#[test]
fn a_day_that_was_carried_on_comes_of_age_and_is_replaced_by_a_run() {
    let place = Place::new();
    let plan = keyed(&place);
    let lines = |more: &[String]| {
        let mut lines = vec![person(301, 3), paid_in_words(350, 3), refused_person(351, 3)];
        lines.extend_from_slice(more);
        let _ = std::fs::remove_dir_all(place.path("export"));
        write_export(&place.path("export"), &[lines]);
    };
    lines(&[]);
    let first = publish_at(&plan, [3, 3], "2026-10-28T00:00:00Z").run_id;
    let plan = Plan { contract: reads_amounts(&place), ..at(&plan, "2026-10-30T13:00:00Z") };
    replay(&plan, &first, &[ReasonCode::TypeMismatch]);

    let late = at(&plan, "2026-11-01T12:00:00Z");
    let swept = retention(&late, true);
    let changed: Vec<_> = swept.days.iter().map(|day| (day.commit, day.changed_rows)).collect();
    assert_eq!(changed, [(2, Some(2))]);
    assert_eq!(problems(&place, &late), Vec::<String>::new());
    let held = files_with(&place, &email(350));
    assert!(held.iter().all(|file| file.contains("_quarantine/")), "{held:?}");
    assert_eq!(account(&late), [2, 1, 1, 0, 0]);

    // A run reads the day anew: what was refused before is over, and nobody is young again.
    lines(&[person(302, 3)]);
    publish_at(&late, [3, 3], "2026-11-01T13:00:00Z");
    let (_, entry) = newest(&place, 3);
    assert_eq!((entry.replaces, entry.rows, entry.anonymised_rows), (Some(3), 3, Some(3)));
    assert_eq!((account(&late), expired_by(&late)), ([3, 1, 1, 0, 1], [1, 0, 0]));
    assert_eq!(problems(&place, &late), Vec::<String>::new());
    // Rows that are over are swept as the others are.
    let end = at(&late, "2026-11-12T00:00:00Z");
    assert_eq!(retention(&end, true).quarantined_rows.get(&first), Some(&1));
    assert_eq!((account(&end), expired_by(&end)), ([3, 1, 1, 0, 1], [0, 1, 0]));
}
