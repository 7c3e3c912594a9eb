//! Retention over a dataset of people: plan, apply, what is left, and what an interruption leaves.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use consign::error::ErrorKind;
use consign::pipeline::{self, RetentionOutcome, RetentionSummary};
use consign::plan::Plan;
use consign::telemetry::Progress;

use super::harness::{Place, day, run};
use super::people::{
    WORD, contract, files_with, mended_contract, options, plan, problems, publish, put_back,
    snapshot,
};

pub fn retention(plan: &Plan, apply: bool) -> RetentionSummary {
    pipeline::retention(plan, apply, &Arc::new(Progress::default()), options()).unwrap()
}

/// What a run that died leaves: files without a record, one that was not finished, a staging folder.
fn leave_a_dead_run(place: &Place) {
    let files = [
        (
            "target/_runs/dead/intent.json",
            r#"{"run_id":"dead","job":"test","started_at":"2026-08-03T00:00:00Z"}"#.to_owned(),
        ),
        (
            "target/_data/dt=2026-08-02/v-dead/part-00000.csv",
            format!("id\r\nm{WORD}.0001@example.org\r\n"),
        ),
        (
            "target/_data/dt=2026-08-02/v-dead/part-00001.parquet#1",
            format!("PAR1 m{WORD}.0001@example.org"),
        ),
        ("staging/abandoned/lock", String::new()),
        ("staging/abandoned/rejects.arrow", format!("m{WORD}.0001@example.org")),
    ];
    for (name, text) in files {
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn what_is_due_goes_from_everywhere_and_is_proved_to_be_gone() {
    let place = Place::new();
    publish(&place);
    leave_a_dead_run(&place);
    let held = files_with(&place, WORD);
    for part in ["/v-", "latest/", ".csv", ".parquet", "_quarantine/", "v-dead", "#1", "staging/"] {
        assert!(held.iter().any(|name| name.contains(part)), "{part} in {held:#?}");
    }

    let plan = plan(&place, "2026-12-01T00:00:00Z");
    let before = snapshot(&place);
    let planned = retention(&plan, false);
    assert_eq!(planned.outcome, RetentionOutcome::Planned);
    assert_eq!(snapshot(&place), before, "a plan changes nothing");

    let applied = retention(&plan, true);
    assert_eq!((applied.outcome, applied.commit), (RetentionOutcome::Applied, Some(3)));
    assert_eq!(applied.objects, planned.objects, "the plan said what would go");
    let changed: Vec<_> = applied.days.iter().map(|day| (day.dt, day.changed_rows)).collect();
    assert_eq!(changed, [(day(1), Some(22)), (day(2), Some(22)), (day(3), Some(22))]);
    assert_eq!(applied.quarantined_rows.values().sum::<u64>(), 6);
    let proof = applied.proof.unwrap();
    assert!(proof.searched.is_clean(), "{:?}", proof.searched);
    assert_eq!(proof.rows_checked, 66);
    assert!(proof.searched.values >= 66 * 4, "{}", proof.searched.values);
    assert_eq!(files_with(&place, WORD), Vec::<String>::new());
    for file in applied.objects {
        assert!(!place.path("target").join(&file.path).exists(), "{}", file.path);
    }

    assert_eq!(problems(&place, &plan), Vec::<String>::new());
    let after = snapshot(&place);
    assert_eq!(retention(&plan, true).outcome, RetentionOutcome::NothingToDo);
    assert_eq!(snapshot(&place), after, "a second time changes nothing");
    let csv = fs::read_to_string(place.path("target/latest/dt=2026-08-01/part-00000.csv")).unwrap();
    assert_eq!(csv.lines().nth(1).unwrap().split(',').nth(1), Some("example.org"), "what may stay");
}

#[test]
fn what_is_not_due_stays() {
    let place = Place::new();
    publish(&place);
    // Ninety days after the first of August at noon, and not one second later.
    let early = plan(&place, "2026-10-30T11:59:59Z");
    let planned = retention(&early, false);
    assert!(planned.days.is_empty());
    assert_eq!(planned.quarantined_rows.values().sum::<u64>(), 6, "14 days are over");
    let on_time = retention(&plan(&place, "2026-10-30T12:00:00Z"), true);
    assert_eq!(on_time.days.iter().map(|day| day.dt).collect::<Vec<_>>(), [day(1)]);
    let proof = on_time.proof.unwrap();
    assert!(proof.searched.is_clean(), "{:?}", proof.searched);
    let held = files_with(&place, WORD);
    assert!(held.iter().all(|name| !name.contains("2026-08-01")), "{held:#?}");
    assert!(held.iter().any(|name| name.contains("latest/dt=2026-08-02")), "{held:#?}");
    assert_eq!(problems(&place, &early), Vec::<String>::new());
}

#[test]
fn an_apply_that_died_after_its_commit_is_mended_by_the_next() {
    let place = Place::new();
    publish(&place);
    let plan = plan(&place, "2026-12-01T00:00:00Z");
    let before = snapshot(&place);
    let applied = retention(&plan, true);
    let done = snapshot(&place);
    // As it lay when the record stood and nothing else was done: old files, the old view.
    let is_declared = |name: &str| applied.objects.iter().any(|object| object.path == name);
    let is_view = |name: &str| name.starts_with("latest/") || name.starts_with("_views/");
    let back = put_back(&place, &before, |name| is_declared(name) || is_view(name));
    assert!(back > 12);
    assert!(!files_with(&place, WORD).is_empty());

    let planned = retention(&plan, false);
    assert!(planned.objects.iter().all(|object| object.declared_before));
    let mended = retention(&plan, true);
    assert_eq!((mended.outcome, mended.commit), (RetentionOutcome::Mended, None));
    let proof = mended.proof.unwrap();
    assert!(proof.searched.is_clean() && proof.searched.values >= 66 * 4, "{proof:?}");
    assert_eq!(files_with(&place, WORD), Vec::<String>::new());
    let without_view = |files: &BTreeMap<String, Vec<u8>>| {
        files.keys().filter(|name| !name.starts_with("_views/")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(without_view(&snapshot(&place)), without_view(&done));
    assert_eq!(problems(&place, &plan), Vec::<String>::new());
    assert_eq!(retention(&plan, true).outcome, RetentionOutcome::NothingToDo);
}

#[test]
fn a_value_that_is_left_somewhere_fails_the_proof() {
    let place = Place::new();
    publish(&place);
    let stray = place.path("target/notes-of-somebody.txt");
    fs::write(&stray, format!("call m{WORD}.0101@example.org")).unwrap();
    let applied = retention(&plan(&place, "2026-12-01T00:00:00Z"), true);
    let hits = applied.proof.unwrap().searched.hits;
    assert!(hits.iter().all(|hit| hit.object == "notes-of-somebody.txt"), "{hits:?}");
    assert!(!hits.is_empty());
}

#[test]
fn days_of_which_too_few_rows_are_alike_are_not_published() {
    let place = Place::new();
    let young = publish(&place);
    let declared = "{subject: [email, member], quarantineDays: 14}";
    let apply = |k: u32| {
        let judged = format!(
            "{{subject: [email, member], quarantineDays: 14, quasiIdentifiers: [address.country], k: {k}}}"
        );
        contract(&place);
        let contract = mended_contract(&place, &[(declared, &judged)]);
        run(&Plan { contract: Arc::clone(&contract), ..young.clone() }).unwrap();
        let as_of = "2026-12-01T00:00:00Z".parse().unwrap();
        let plan = Plan { contract, as_of, ..young.clone() };
        let before = snapshot(&place);
        let applied = pipeline::retention(&plan, true, &Arc::new(Progress::default()), options());
        (applied, before)
    };
    let (refused, before) = apply(23);
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gate, "{error}");
    let records = |files: &BTreeMap<String, Vec<u8>>| {
        files.keys().filter(|name| name.contains("_log/")).cloned().collect::<Vec<_>>()
    };
    let after = snapshot(&place);
    assert_eq!(records(&after), records(&before), "nothing is published");
    assert!(before.keys().all(|name| after.contains_key(name)), "nothing is deleted");
    assert_eq!(apply(22).0.unwrap().outcome, RetentionOutcome::Applied);
}

#[test]
fn a_dataset_that_is_not_private_has_no_retention() {
    let place = Place::new();
    let plan = place.plan(&super::harness::contract("exported_orders"));
    let refused = pipeline::retention(&plan, true, &Arc::new(Progress::default()), options());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage);
}
