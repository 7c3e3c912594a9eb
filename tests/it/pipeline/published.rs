//! What a run publishes: days, versions, the same bytes whatever the machine does.

use std::fs;
use std::sync::Arc;

use consign::catalog::Catalog;
use consign::plan::{DaySelection, Plan};
use consign::report::Outcome;
use consign::telemetry::Progress;
use proptest::prelude::*;

use super::harness::{Place, contract, day, dry_run, fingerprints, order, run, write_export};

fn orders(ids: std::ops::Range<u32>, changes: &[(&str, &str)]) -> Vec<String> {
    ids.map(|id| order(&format!("ord_{id:06}"), changes)).collect()
}

const SECOND_DAY: &[(&str, &str)] = &[
    ("created_at", r#"{"S":"2026-08-02T12:00:00Z"}"#),
    ("updated_at", r#"{"S":"2026-08-02T13:00:00Z"}"#),
];

#[test]
fn a_rerun_publishes_nothing_new_and_other_input_replaces_its_day_in_one_act() {
    let place = Place::new();
    let plan = place.plan(&contract("exported_orders"));
    write_export(&place.path("export"), &[orders(0..30, &[]), orders(30..40, SECOND_DAY)]);

    let first = run(&plan).unwrap();
    assert_eq!((first.outcome, first.commit), (Outcome::Published, Some(1)));
    assert_eq!(first.ledger.run.written, 40);
    let files = place.files("target");

    let again = run(&plan).unwrap();
    assert_eq!((again.outcome, &again.run_id), (Outcome::AlreadyPublished, &first.run_id));
    assert_eq!(place.files("target"), files, "nothing was added");

    fs::remove_dir_all(place.path("export")).unwrap();
    write_export(&place.path("export"), &[orders(0..5, &[])]);
    let other = run(&plan).unwrap();
    assert_eq!((other.outcome, other.commit), (Outcome::Published, Some(2)));
    let old: Vec<_> =
        first.files.iter().filter(|f| place.path("target").join(&f.path).exists()).collect();
    assert_eq!(old.len(), first.files.len(), "old versions stay until cleanup");
    let latest = fs::read(place.path("target/latest/dt=2026-08-01/part-00000.csv")).unwrap();
    assert_eq!(String::from_utf8(latest).unwrap().lines().count(), 6);

    // The first input again: its record is no longer in force, so it is published anew.
    fs::remove_dir_all(place.path("export")).unwrap();
    write_export(&place.path("export"), &[orders(0..30, &[]), orders(30..40, SECOND_DAY)]);
    let third = run(&plan).unwrap();
    assert_eq!((third.outcome, third.commit), (Outcome::Published, Some(3)));
    assert_eq!(fingerprints(&third), fingerprints(&first));
}

#[test]
fn a_day_without_rows_is_published_empty_with_the_same_schema() {
    let place = Place::new();
    let contract = contract("exported_orders");
    let plan = place.plan(&contract);
    write_export(&place.path("export"), &[orders(0..3, &[]), vec![]]);
    let summary = run(&plan).unwrap();
    assert_eq!(summary.days, ["2026-08-01", "2026-08-02"]);
    let empty: Vec<_> = summary.files.iter().filter(|f| f.dt == Some(day(2))).collect();
    assert_eq!(empty.len(), 2);
    for file in empty {
        assert_eq!(file.rows, 0);
        let found = verify(&plan);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn rows_of_other_days_are_excluded_by_the_window_and_counted() {
    let place = Place::new();
    let mut plan = place.plan(&contract("exported_orders"));
    plan.days = DaySelection::Range { first: day(2), last: day(2) };
    write_export(&place.path("export"), &[orders(0..30, &[]), orders(30..40, SECOND_DAY)]);
    let summary = run(&plan).unwrap();
    assert_eq!(summary.ledger.run.excluded_by_rule["outside_window"], 30);
    assert_eq!(summary.ledger.run.written, 10);

    // The other day comes in a commit of its own and leaves this one alone.
    plan.days = DaySelection::Range { first: day(1), last: day(1) };
    assert_eq!(run(&plan).unwrap().ledger.run.written, 30);
    assert_eq!(verify(&plan), Vec::<String>::new());
    for (day, rows) in [("01", 31), ("02", 11)] {
        let path = place.path(&format!("target/latest/dt=2026-08-{day}/part-00000.csv"));
        assert_eq!(fs::read_to_string(path).unwrap().lines().count(), rows);
    }
}

#[test]
fn found_days_are_all_days_of_the_source() {
    let place = Place::new();
    let mut plan = place.plan(&contract("exported_orders"));
    plan.days = DaySelection::Found;
    write_export(&place.path("export"), &[orders(0..3, &[]), orders(3..5, SECOND_DAY)]);
    let summary = run(&plan).unwrap();
    assert_eq!(summary.days, ["2026-08-01", "2026-08-02"]);
    assert_eq!(summary.ledger.run.written, 5);
}

#[test]
fn a_dry_run_tells_everything_and_touches_nothing() {
    let place = Place::new();
    let plan = place.plan(&contract("exported_orders"));
    let refused = orders(30..40, &[("status", r#"{"S":"lost"}"#)]);
    write_export(&place.path("export"), &[orders(0..30, &[]), refused]);
    let tried = dry_run(&plan).unwrap();
    assert_eq!((tried.outcome, tried.commit), (Outcome::DryRun, None));
    assert!(!place.path("target").exists());
    assert_eq!(place.files("staging"), Vec::<String>::new());
    let published = run(&plan).unwrap();
    assert_eq!(tried.ledger, published.ledger);
    assert_eq!(tried.reasons, published.reasons);
    assert_eq!(tried.refusal, None);
}

#[test]
fn bytes_do_not_depend_on_threads_memory_or_how_the_source_is_cut() {
    let contract = contract("exported_orders");
    let mut rows = orders(0..3000, &[]);
    rows.extend(orders(2500..4000, SECOND_DAY));
    let mut seen = None;
    for (threads, memory_bytes, lines_a_file) in
        // The second one is a single file of several pages. The last one has so many runs that they
        // are merged in several passes.
        [
            (1, 64 << 20, 4500),
            (4, 64 << 20, 4500),
            (2, 512 << 20, 700),
            (4, 64 << 20, 97),
            (3, 64 << 20, 15),
        ]
    {
        let place = Place::new();
        let files: Vec<Vec<String>> = rows.chunks(lines_a_file).map(<[String]>::to_vec).collect();
        write_export(&place.path("export"), &files);
        let plan = Plan { threads, memory_bytes, ..place.plan(&contract) };
        let summary = run(&plan).unwrap();
        assert_eq!(summary.ledger.run.deduplicated, 500);
        let files = fingerprints(&summary);
        assert_eq!(seen.get_or_insert_with(|| files.clone()), &files);
    }
}

/// With a small budget the file is too large to be inflated at once.
#[test]
fn bytes_do_not_depend_on_how_a_file_is_inflated() {
    let contract = contract("exported_orders");
    let text = format!(r#"{{"S":"{}"}}"#, "x".repeat(3_000));
    let rows = orders(0..4000, &[("not_of_the_contract", &text)]);
    assert!(rows.iter().map(String::len).sum::<usize>() > 8 << 20);
    let [at_once, step_by_step] = [512 << 20, 64 << 20].map(|memory_bytes| {
        let place = Place::new();
        write_export(&place.path("export"), std::slice::from_ref(&rows));
        let plan = Plan { threads: 2, memory_bytes, ..place.plan(&contract) };
        let summary = run(&plan).unwrap();
        assert_eq!(summary.ledger.run.written, 4000);
        fingerprints(&summary)
    });
    assert_eq!(at_once, step_by_step);
}

#[test]
fn verify_finds_a_flipped_byte_and_a_missing_file() {
    let place = Place::new();
    let plan = place.plan(&contract("exported_orders"));
    write_export(&place.path("export"), &[orders(0..30, &[])]);
    let summary = run(&plan).unwrap();
    assert_eq!(verify(&plan), Vec::<String>::new());
    for file in &summary.files {
        let path = place.path("target").join(&file.path);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(&path, bad).unwrap();
        let problems = verify(&plan);
        assert!(problems.iter().any(|p| p.contains(&file.path)), "{problems:?}");
        fs::remove_file(&path).unwrap();
        assert!(verify(&plan).iter().any(|p| p.contains(&file.path)));
        fs::write(&path, good).unwrap();
    }
    assert_eq!(verify(&plan), Vec::<String>::new());
}

fn verify(plan: &Plan) -> Vec<String> {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    assert!(Catalog::open(&schemas).is_ok());
    let progress = Arc::new(Progress::default());
    consign::pipeline::verify(&plan.target, &plan.aws, &schemas, &progress).unwrap().problems
}

/// What can become of a generated row.
#[derive(Debug, Clone)]
struct Row {
    id: u8,
    minute: u8,
    change: u8,
}

fn line(row: &Row) -> String {
    let updated = format!(r#"{{"S":"2026-08-02T20:{:02}:00Z"}}"#, row.minute);
    let change: (&str, &str) = match row.change {
        0 => ("status", r#"{"S":"lost"}"#),
        1 => ("total_amount", r#"{"N":"0.10"}"#),
        2 => ("created_at", r#"{"S":"2026-07-01T00:00:00Z"}"#),
        3 => ("created_at", r#"{"S":"2026-08-02T12:00:00Z"}"#),
        4 => ("created_at", r#"{"S":"some day"}"#),
        5 => ("customer_id", ""),
        _ => ("is_gift", r#"{"BOOL":true}"#),
    };
    order(&format!("ord_{:04}", row.id), &[("updated_at", &updated), change])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever rows come, in whatever order and files: every row ends in exactly one place, and
    /// each key is decided by its newest copy.
    #[test]
    fn every_row_ends_in_exactly_one_place(
        rows in prop::collection::vec((0..40u8, 0..60u8, 0..9u8), 0..120),
        cut in 1..50usize,
    ) {
        let rows: Vec<Row> =
            rows.into_iter().map(|(id, minute, change)| Row { id, minute, change }).collect();
        let place = Place::new();
        let files: Vec<Vec<String>> =
            rows.chunks(cut).map(|rows| rows.iter().map(line).collect()).collect();
        write_export(&place.path("export"), &files);
        let summary = run(&place.plan(&contract("exported_orders"))).unwrap();

        let mut newest = std::collections::BTreeMap::new();
        for row in &rows {
            let kept = newest.entry(row.id).or_insert(row);
            if row.minute >= kept.minute {
                *kept = row;
            }
        }
        let count = |changes: &[u8]| {
            newest.values().filter(|row| changes.contains(&row.change)).count() as u64
        };
        let run = &summary.ledger.run;
        prop_assert_eq!(run.read, rows.len() as u64);
        prop_assert_eq!(run.deduplicated, (rows.len() - newest.len()) as u64);
        prop_assert_eq!(run.quarantined, count(&[0, 4, 5]));
        prop_assert_eq!(run.excluded, count(&[1, 2]));
        prop_assert_eq!(run.written, count(&[3, 6, 7, 8]));
        prop_assert_eq!(summary.ledger.imbalances(), Vec::<String>::new());
        let in_quarantine: u64 = summary.quarantine_files.iter().map(|file| file.rows).sum();
        prop_assert_eq!(in_quarantine, run.quarantined);
    }
}
