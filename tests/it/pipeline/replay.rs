//! The quarantine after the run: rows are tried again, given up, or overtaken by another run, and
//! each is accounted for at every step.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use consign::catalog::{Contract, load_contract};
use consign::error::{ErrorKind, Result};
use consign::model::{DataFile, FileFormat, ReasonCode};
use consign::pipeline::{
    self, DiscardRequest, ExplainRequest, ExplainedRow, LeftAlone, Options, QuarantineAccount,
    ReplayOutcome, ReplayRequest, ReplaySummary, RunReplay,
};
use consign::plan::{DaySelection, Plan, SourceSpec};
use consign::publish::{Committed, verify_log};
use consign::telemetry::Progress;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::harness::{Place, day, order, run, write_changes, write_export};

const NO_YEN: &str = "Date,USD,JPY\n2026-07-31,1.0801,N/A\n";
const WITH_YEN: &str = "Date,USD,JPY\n2026-07-31,1.0801,162.34\n";
const WITH_YEN_LATER: &str = "Date,USD,JPY\n2026-08-03,1.0803,162.4\n2026-07-31,1.0801,162.34\n";

/// A contract of the project, with some of its words replaced.
fn contract(dataset: &str, changes: &[(&str, &str)]) -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(root.join(format!("schemas/{dataset}.odcs.yaml"))).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contract.odcs.yaml");
    fs::write(&path, text).unwrap();
    Arc::new(load_contract(&path).unwrap())
}

/// The orders in dollars, where lost orders are known and small ones left out.
fn newer_contract() -> Arc<Contract> {
    let changes = [
        ("version: 2.0.0", "version: 2.1.0"),
        ("          - value: returned\n", "          - value: lost\n          - value: returned\n"),
        ("total_amount < 1.00", "total_amount < 19.00"),
    ];
    contract("exported_orders/v2", &changes)
}

/// A place with twenty orders of the first two days of August, and a plan that converts them without
/// a rate for the yen. Four are in yen, and two have a status that the contract does not know: one
/// of 18.00 and one of 20.00.
fn orders() -> (Place, Plan) {
    let place = Place::new();
    write_orders(&place, "20.00");
    fs::write(place.path("rates.csv"), NO_YEN).unwrap();
    let contract = contract("exported_orders/v2", &[]);
    let plan = Plan { rates: Some(place.url("rates.csv")), ..place.plan(&contract) };
    (place, plan)
}

/// Writes the export, where the last order has this total.
fn write_orders(place: &Place, last_total: &str) {
    let line = |i: u32| {
        let at = format!(r#"{{"S":"2026-08-0{}T12:00:00Z"}}"#, 1 + i % 2);
        let currency = if i % 5 == 3 { r#"{"S":"JPY"}"# } else { r#"{"S":"USD"}"# };
        let status = if [7, 12].contains(&i) { r#"{"S":"lost"}"# } else { r#"{"S":"paid"}"# };
        let total = match i {
            7 => "18.00",
            19 => last_total,
            _ => "20.00",
        };
        let total = format!(r#"{{"N":"{total}"}}"#);
        let changes = [
            ("created_at", &*at),
            ("updated_at", &*at),
            ("currency", currency),
            ("status", status),
            ("total_amount", &*total),
            ("customer_email", r#"{"S":"ana@secret.example"}"#),
        ];
        order(&format!("ord_{i:04}"), &changes)
    };
    let lines: Vec<String> = (0..20).map(line).collect();
    let files: Vec<_> = lines.chunks(10).map(<[String]>::to_vec).collect();
    write_export(&place.path("export"), &files);
}

fn options(dry_run: bool) -> Options {
    Options { dry_run, fresh: false, started_at: "2026-08-04T02:00:00Z".parse().unwrap() }
}

fn try_again(plan: &Plan, run: Option<&str>, reasons: &[ReasonCode]) -> Result<ReplaySummary> {
    let request = ReplayRequest { run: run.map(str::to_owned), reasons: reasons.to_vec() };
    pipeline::replay(plan, &request, &Arc::new(Progress::default()), options(false))
}

/// Replays what one run refused.
pub fn replay(plan: &Plan, run: &str, reasons: &[ReasonCode]) -> RunReplay {
    let mut summary = try_again(plan, Some(run), reasons).unwrap();
    assert_eq!(summary.runs.len(), 1);
    summary.runs.remove(0)
}

/// Ever, replayed, still there, discarded, expired; the sum is right or there is no account.
pub fn account(plan: &Plan) -> [u64; 5] {
    let stats = pipeline::quarantine_stats(&plan.target, &plan.aws, None).unwrap();
    let QuarantineAccount { ever_quarantined, replayed, still_there, discarded, expired, .. } =
        stats.account;
    assert_eq!(ever_quarantined, replayed + still_there + discarded + expired);
    assert_eq!(still_there, rows(plan, None).len() as u64, "what is still there is shown");
    [ever_quarantined, replayed, still_there, discarded, expired]
}

pub fn rows(plan: &Plan, run: Option<&str>) -> Vec<Value> {
    let mut rows = Vec::new();
    pipeline::quarantine(&plan.target, &plan.aws, run, &mut |row| {
        rows.push(row);
        Ok(true)
    })
    .unwrap();
    rows
}

pub fn records(place: &Place) -> Vec<Committed> {
    let logged = place.files("target").into_iter().filter(|f| f.starts_with("_log/0"));
    let read = |file| fs::read(place.path("target").join(file)).unwrap();
    let records: Vec<_> = logged.map(|f| Committed::from_bytes(&read(f)).unwrap()).collect();
    assert_eq!(verify_log(&records), Vec::<String>::new());
    records
}

/// SHA-256 of what stands in `latest/`, by path.
fn latest(place: &Place) -> Vec<(String, String)> {
    let hash = |f: &String| {
        hex::encode(Sha256::digest(fs::read(place.path("target/latest").join(f)).unwrap()))
    };
    place.files("target/latest").into_iter().map(|f| (f.clone(), hash(&f))).collect()
}

/// What stands of the first day.
fn first_day(place: &Place) -> Vec<(String, String)> {
    let files = latest(place).into_iter().filter(|(path, _)| path.contains("2026-08-01"));
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 2, "Parquet and CSV");
    files
}

fn sha256(files: &[DataFile]) -> Vec<&str> {
    files.iter().map(|file| file.sha256.as_str()).collect()
}

pub fn discard(plan: &Plan, run: &str, reasons: &[ReasonCode], because: &str) -> Result<u64> {
    let request = DiscardRequest {
        run: run.to_owned(),
        reasons: reasons.to_vec(),
        because: because.to_owned(),
    };
    let at = "2026-08-05T02:00:00Z".parse().unwrap();
    pipeline::discard(&plan.target, &plan.aws, &request, at).map(|summary| summary.rows)
}

#[test]
fn a_rate_that_arrives_brings_its_rows_to_their_days() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    assert_eq!((first.ledger.run.written, first.ledger.run.quarantined), (14, 6));
    assert_eq!(first.reasons["fx_rate_missing"], 4);
    assert_eq!(account(&plan), [6, 0, 6, 0, 0]);

    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let replayed = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((replayed.outcome, replayed.commit), (ReplayOutcome::Replayed, Some(2)));
    assert_eq!((replayed.rows.tried, replayed.rows.written), (4, 4));
    assert_eq!(replayed.days, ["2026-08-01", "2026-08-02"]);
    assert_eq!(replayed.ledger.imbalances(), Vec::<String>::new());
    assert_eq!((replayed.ledger.run.read, replayed.ledger.run.written), (18, 18));
    assert_eq!(account(&plan), [6, 4, 2, 0, 0]);

    // The days are to the byte those of a run that had the rate from the start.
    let (other, plan_of_other) = orders();
    fs::write(other.path("rates.csv"), WITH_YEN).unwrap();
    let straight = run(&plan_of_other).unwrap();
    assert_eq!(latest(&place), latest(&other));
    assert_eq!(sha256(&replayed.files), sha256(&straight.files));
    assert_eq!(replayed.files.iter().filter(|f| f.format == FileFormat::Parquet).count(), 2);

    let told = records(&place).remove(1).record;
    assert_eq!(told.days.iter().map(|d| d.replaces).collect::<Vec<_>>(), [Some(1), Some(1)]);
    let told = told.replayed.unwrap();
    assert_eq!((&told.run_id, told.rows), (&first.run_id, replayed.rows));
    assert_eq!(told.reasons, ["fx_rate_missing"]);

    // Again: there is nothing to do, and nothing is written.
    let again = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((again.outcome, again.commit), (ReplayOutcome::NothingToDo, None));
    assert_eq!(records(&place).len(), 2);

    // The whole dataset is as its records say, by the second reader.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let verified = pipeline::verify(&plan.target, &plan.aws, &root, &Progress::default()).unwrap();
    assert_eq!((verified.problems, verified.rows), (vec![], 18));
    // Two days in two formats, and the quarantine of the first run, of which rows are left.
    assert_eq!(verified.files, 5);
}

#[test]
fn a_newer_contract_accepts_one_row_and_leaves_another_out() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    let plan = Plan { contract: newer_contract(), ..plan };
    let replayed = replay(&plan, &first.run_id, &[ReasonCode::NotInList]);
    let rows = replayed.rows;
    assert_eq!((rows.tried, rows.written, rows.excluded, rows.refused_again), (2, 1, 1, 0));
    assert_eq!(replayed.ledger.run.excluded_by_rule["minimum_order_amount"], 1);
    assert_eq!(replayed.days, ["2026-08-01"], "the day of the row that is left out stays");
    assert_eq!(account(&plan), [6, 2, 4, 0, 0]);

    let (other, straight) = orders();
    run(&Plan { contract: newer_contract(), ..straight }).unwrap();
    assert_eq!(first_day(&place), first_day(&other));
}

#[test]
fn rows_that_are_refused_again_count_their_attempts_and_nothing_is_published() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    let before = (latest(&place), rows(&plan, None));
    let tried = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((tried.rows.tried, tried.rows.refused_again), (4, 4));
    assert_eq!((tried.commit, tried.days.len()), (Some(2), 0));
    assert_eq!(latest(&place), before.0);
    assert_eq!(account(&plan), [6, 0, 6, 0, 0]);

    let of_place = |row: &Value| (row["split_id"].as_u64(), row["row"].as_u64());
    let mut after = rows(&plan, None);
    after.sort_by_key(of_place);
    let again = |row: &Value| row["reasons"][0]["code"] == "fx_rate_missing";
    for (old, new) in before.1.iter().zip(&after) {
        assert_eq!(new["attempts"], if again(old) { 2 } else { 1 });
        for same in
            ["split", "split_id", "row", "offset_bytes", "key", "dt", "first_seen", "reasons"]
        {
            assert_eq!(old[same], new[same], "{same}");
        }
        for same in ["raw_base64", "raw_format", "raw_sha256"] {
            assert_eq!(old[same], new[same], "{same}");
        }
    }
    // The same judge says the same again: it is not asked.
    let known = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((known.outcome, known.left_alone.tried_already), (ReplayOutcome::NothingToDo, 4));

    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let all = replay(&plan, &first.run_id, &[]);
    assert_eq!((all.rows.tried, all.rows.written, all.rows.refused_again), (6, 4, 2));
    assert_eq!(all.reasons["not_in_list"], 2);
    assert_eq!(account(&plan), [6, 4, 2, 0, 0]);
    fs::write(place.path("rates.csv"), WITH_YEN_LATER).unwrap();
    let more = replay(&plan, &first.run_id, &[]);
    assert_eq!((more.rows.tried, more.rows.refused_again), (2, 2));
    let attempts: Vec<_> = rows(&plan, None).iter().map(|row| row["attempts"].clone()).collect();
    assert_eq!(attempts, [3, 3]);
    assert_eq!(account(&plan), [6, 4, 2, 0, 0]);
    records(&place);
}

#[test]
fn rows_of_a_day_that_another_run_has_read_since_are_over() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    // The second day is read anew, with another total of an order.
    write_orders(&place, "21.00");
    let second_day = DaySelection::Range { first: day(2), last: day(2) };
    let second = run(&Plan { days: second_day, ..plan.clone() }).unwrap();
    let [on_first, on_second] = [3, 3];
    assert_eq!(second.ledger.run.quarantined, on_second);
    assert_eq!(account(&plan), [6 + on_second, 0, on_first + on_second, 0, on_second]);
    assert_eq!(rows(&plan, Some(&first.run_id)).len(), 6, "a run that is named shows all");

    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let replayed = replay(&plan, &first.run_id, &[]);
    assert_eq!((replayed.rows.tried, replayed.days), (3, vec!["2026-08-01".to_owned()]));
    assert_eq!(account(&plan)[1..], [2, 4, 0, on_second]);

    // Without a run, each run that refused rows is replayed on its own.
    let mut all = try_again(&plan, None, &[ReasonCode::FxRateMissing]).unwrap().runs;
    let of_second = all.pop().unwrap();
    assert_eq!(all.pop().unwrap().outcome, ReplayOutcome::NothingToDo);
    assert_eq!((of_second.run_id, of_second.rows.written), (second.run_id, 2));
    assert_eq!(account(&plan)[1..], [4, 2, 0, on_second]);
    let (other, straight) = orders();
    write_orders(&other, "21.00");
    fs::write(other.path("rates.csv"), WITH_YEN).unwrap();
    run(&straight).unwrap();
    assert_eq!(latest(&place), latest(&other), "the newer total stands");
    records(&place);

    // A run over everything ends all that is left.
    run(&plan).unwrap();
    assert_eq!(account(&plan)[1..4], [4, 2, 0]);
}

#[test]
fn rows_are_given_up_with_a_reason_only() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    let refused = discard(&plan, &first.run_id, &[], "  ").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    let because = "lost orders are of no use";
    assert_eq!(discard(&plan, &first.run_id, &[ReasonCode::NotInList], because).unwrap(), 2);
    assert_eq!(account(&plan), [6, 0, 4, 2, 0]);
    assert_eq!(discard(&plan, &first.run_id, &[ReasonCode::NotInList], because).unwrap(), 0);

    let records_of_place = records(&place);
    let record = &records_of_place[1].record;
    let told = record.discarded.as_ref().unwrap();
    assert_eq!((told.because.as_str(), told.rows), (because, 2));
    assert_eq!((record.days.len(), &record.job), (0, &first.job));

    // What was given up is not tried again, whatever the contract says now.
    let newer = Plan { contract: newer_contract(), ..plan.clone() };
    assert_eq!(replay(&newer, &first.run_id, &[]).rows.tried, 4);
    assert_eq!(run(&plan).unwrap().commit, Some(1), "the run stands as it was");
    assert_eq!(account(&plan), [6, 0, 4, 2, 0]);
    assert_eq!(discard(&plan, &first.run_id, &[], "enough").unwrap(), 4, "those refused again");
    assert_eq!(account(&plan), [6, 0, 0, 6, 0]);
    records(&place);
}

#[test]
fn what_is_only_tried_or_is_stopped_publishes_nothing() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let before = place.files("target");
    let request = ReplayRequest { run: Some(first.run_id.clone()), reasons: vec![] };
    let progress = Arc::new(Progress::default());
    let tried = pipeline::replay(&plan, &request, &progress, options(true)).unwrap();
    let tried = &tried.runs[0];
    assert_eq!((tried.outcome, tried.commit), (ReplayOutcome::DryRun, None));
    assert_eq!((tried.rows.written, tried.rows.refused_again, tried.days.len()), (4, 2, 2));
    assert_eq!(place.files("target"), before);

    progress.stop.store(true, Ordering::SeqCst);
    let stopped = pipeline::replay(&plan, &request, &progress, options(false)).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Interrupted);
    assert_eq!(records(&place).len(), 1);
    assert_eq!(account(&plan), [6, 0, 6, 0, 0]);
    assert_eq!(replay(&plan, &first.run_id, &[]).rows, tried.rows);
    assert_eq!(account(&plan), [6, 4, 2, 0, 0]);

    let unknown = try_again(&plan, Some("no-such-run"), &[]).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Usage);
}

#[test]
fn rows_that_could_make_a_wrong_day_are_left_where_they_are() {
    let (place, plan) = orders();
    let late = r#"{"S":"2150-01-01T00:00:00Z"}"#;
    let old = order("ord_late", &[("updated_at", late)]);
    let lost = order("ord_lost", &[("status", r#"{"S":"lost"}"#), ("currency", r#"{"S":"USD"}"#)]);
    write_export(&place.path("export"), &[vec![old, lost]]);
    let first = run(&plan).unwrap();
    assert_eq!(first.ledger.run.quarantined, 2);
    let later = (
        "2100-01-01T00:00:00Z\"\n        examples: [\"2026-08-01T14:05:00Z\"]",
        "2200-01-01T00:00:00Z\"\n        examples: [\"2026-08-01T14:05:00Z\"]",
    );

    // Its version could not be read: nobody knows whether a newer copy was left out or deleted.
    let readable = Plan { contract: contract("exported_orders/v2", &[later]), ..plan.clone() };
    let left = replay(&readable, &first.run_id, &[ReasonCode::TimestampOutOfRange]);
    let not_compared = LeftAlone { not_compared: 1, ..LeftAlone::default() };
    assert_eq!((left.outcome, left.left_alone), (ReplayOutcome::NothingToDo, not_compared));

    // A day is of one schema.
    let field = (
        "      - name: is_gift\n",
        "      - name: note\n        logicalType: string\n        \
        description: A note.\n        examples: [none]\n      - name: is_gift\n",
    );
    let status =
        ("          - value: returned\n", "          - value: lost\n          - value: returned\n");
    let wider = contract("exported_orders/v2", &[field, status]);
    let left =
        replay(&Plan { contract: wider, ..plan.clone() }, &first.run_id, &[ReasonCode::NotInList]);
    let other_form = LeftAlone { day_of_other_form: 1, ..LeftAlone::default() };
    assert_eq!((left.outcome, left.left_alone), (ReplayOutcome::NothingToDo, other_form));
    assert_eq!(account(&plan), [2, 0, 2, 0, 0]);
    assert_eq!(records(&place).len(), 1);
}

/// A user as a line of an export; a name that is a number is none that the contract knows.
fn user(id: u32, email: &str, day: u32, has_name: bool) -> String {
    let name = if has_name { r#"{"S":"Ana"}"# } else { r#"{"N":"7"}"# };
    format!(
        r#"{{"Item":{{"user_id":{{"S":"5a3c1e7d-0000-4000-8000-{id:012}"}},"email":{{"S":"{email}"}},"name":{name},"created_at":{{"S":"2026-08-0{day}T10:00:00Z"}},"updated_at":{{"S":"2026-08-0{day}T10:00:00Z"}}}}}}"#
    )
}

#[test]
fn values_that_must_be_unique_are_looked_for_on_all_days_and_take_nothing_away() {
    let place = Place::new();
    let lines = vec![
        user(1, "ana@shop.example", 1, true),
        user(2, "ana@shop.example", 2, false),
        user(3, "ben@shop.example", 2, true),
        user(4, "ben@shop.example", 1, true),
        user(5, "ben@shop.example", 1, false),
        user(6, "eva@shop.example", 3, false),
        user(7, "kim@shop.example", 3, true),
    ];
    write_export(&place.path("export"), &[lines]);
    let plan = Plan { days: DaySelection::Found, ..place.plan(&contract("users/v1", &[])) };
    let first = run(&plan).unwrap();
    assert_eq!((first.reasons["type_mismatch"], first.reasons["not_unique"]), (3, 2));

    let name = "          - property: normalize\n            value: [trim, emptyToNull]\n";
    let coerced = format!("{name}          - property: coerce\n            value: true\n");
    let plan = Plan { contract: contract("users/v1", &[(name, &coerced)]), ..plan };
    let replayed = replay(&plan, &first.run_id, &[ReasonCode::TypeMismatch]);
    // The two that shared a value were tried along, and all that share one are refused again.
    assert_eq!((replayed.rows.tried, replayed.rows.written), (5, 1));
    assert_eq!(replayed.reasons["not_unique"], 4);
    let csv = place.files("target/latest").into_iter().filter(|path| path.ends_with(".csv"));
    let lines = |path| fs::read_to_string(place.path("target/latest").join(path)).unwrap();
    let live: usize = csv.map(|path| lines(path).lines().count() - 1).sum();
    assert_eq!(live, 3, "the first Ana stays, and Eva has come to Kim");
    assert_eq!(account(&plan), [5, 1, 4, 0, 0]);
    records(&place);
}

fn explain(plan: &Plan, run: &str, row: &str) -> Result<Vec<ExplainedRow>> {
    pipeline::explain(&ExplainRequest {
        target: &plan.target,
        aws: &plan.aws,
        contract: &plan.contract,
        rates: plan.rates.as_deref(),
        run,
        row,
    })
}

#[test]
fn a_refused_row_is_explained_without_its_values() {
    let (place, plan) = orders();
    let odd = order(
        "ord_0100",
        &[
            ("customer_email", r#"{"S":"ana.at.secret"}"#),
            ("tax_amount", r#"{"N":"31.5"}"#),
            (
                "items",
                r#"{"L":[{"M":{"product_id":{"S":"prod_1"},"quantity":{"N":"0"}}},{"M":{"product_id":{"S":"Secret 1"},"quantity":{"N":"2"}}}]}"#,
            ),
        ],
    );
    write_export(&place.path("export"), &[vec![odd]]);
    let first = run(&plan).unwrap();
    let by_key = explain(&plan, &first.run_id, "ord_0100").unwrap().remove(0);
    let by_place = explain(&plan, &first.run_id, "0:0").unwrap().remove(0);
    assert_eq!(serde_json::to_value(&by_key).unwrap(), serde_json::to_value(&by_place).unwrap());
    assert_eq!((by_key.state, by_key.attempts), ("still_there", 1));
    assert_eq!(by_key.refused_by.sha256, plan.contract.sha256);
    let of = |code: &str| by_key.reasons.iter().find(|reason| reason.code == code).unwrap();
    assert_eq!(of("email_invalid").shapes, ["S, 13 characters: letters, `.`"]);
    assert_eq!(of("below_minimum").shapes, ["N, 1 digits, 0 after the point"]);
    assert_eq!(of("pattern_mismatch").shapes[0], "S, 6 characters: letters, digits, `_`");
    let tax = of("rule_failed");
    assert_eq!(tax.expression.as_deref(), Some("tax_amount <= total_amount"));
    let now = by_key.now.as_ref().unwrap();
    assert_eq!((now.judgement.verdict, now.explained.len()), ("quarantine", by_key.reasons.len()));
    let told = serde_json::to_string(&by_key).unwrap();
    for value in ["ana", "ecret", "31.5", "prod_1", "cust_abc"] {
        assert!(!told.contains(value), "{value}: {told}");
    }
    assert_eq!(explain(&plan, &first.run_id, "ord_9999").unwrap_err().kind(), ErrorKind::Usage);

    // What becomes of it is told as well.
    discard(&plan, &first.run_id, &[], "of no use").unwrap();
    let gone = explain(&plan, &first.run_id, "ord_0100").unwrap().remove(0);
    assert_eq!((gone.state, gone.taken_by_commit), ("discarded", Some(2)));
}

/// The bytes of an order as a document of a dump, in yen.
fn document(id: &str, status: &str) -> Vec<u8> {
    let amount: bson::Decimal128 = "20.00".parse().unwrap();
    let at = bson::DateTime::parse_rfc3339_str("2026-08-01T12:00:00Z").unwrap();
    let document = bson::doc! {
        "_id": id,
        "customer_id": "cust_abc",
        "status": status,
        "currency": "JPY",
        "total_amount": amount,
        "items": [{"product_id": "prod_1", "quantity": 2, "unit_price": amount}],
        "created_at": at,
        "updated_at": at,
    };
    document.to_vec().unwrap()
}

#[test]
fn documents_and_changes_are_replayed_as_items_are() {
    let (place, mut plan) = orders();
    let yen = ("currency", r#"{"S":"JPY"}"#);
    write_export(&place.path("export"), &[vec![order("ord_item", &[yen]), order("ord_old1", &[])]]);
    let item = order("ord_new1", &[yen]);
    let image = item.strip_prefix(r#"{"Item":"#).and_then(|line| line.strip_suffix('}')).unwrap();
    let change = format!(
        r#"{{"Metadata":{{"WriteTimestampMicros":{{"N":"1785722500000000"}}}},"Keys":{{"order_id":{{"S":"ord_new1"}}}},"NewImage":{image}}}"#
    );
    let between = ["2026-08-03T02:00:00Z", "2026-08-03T03:00:00Z"];
    write_changes(&place.path("changes"), between, "NEW_IMAGE", &[change]);
    let dump = [document("ord_doc1", "paid"), document("ord_doc2", "lost")].concat();
    fs::write(place.path("dump.bson"), dump).unwrap();
    fs::write(place.path("dump.metadata.json"), r#"{"indexes":[],"collectionName":"dump"}"#)
        .unwrap();
    plan.sources.push(SourceSpec::DynamodbExport { url: place.url("changes") });
    plan.sources.push(SourceSpec::Mongodump {
        url: place.url("dump.bson"),
        expected_rows: Some(2),
        expected_sha256: None,
    });
    // No rate of the euro either: the old order is refused with the others.
    fs::write(place.path("rates.csv"), "Date,USD\n2026-06-01,1.0801\n").unwrap();
    let first = run(&plan).unwrap();
    assert_eq!((first.ledger.run.written, first.ledger.run.quarantined), (0, 5));
    let doc = explain(&plan, &first.run_id, "ord_doc1").unwrap().remove(0);
    assert_eq!(doc.raw_format, "bson");
    assert_eq!(doc.reasons[0].shapes, ["decimal, 2 digits, 2 after the point"]);
    let changed = explain(&plan, &first.run_id, "ord_new1").unwrap().remove(0);
    assert_eq!(changed.reasons[0].shapes, ["N, 2 digits, 2 after the point"]);

    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let replayed = replay(&plan, &first.run_id, &[]);
    assert_eq!((replayed.rows.written, replayed.rows.refused_again), (4, 1));
    assert_eq!(account(&plan), [5, 4, 1, 0, 0]);
    let before = first_day(&place);
    // A run over the same sources says the same: every row was converted by one rate file.
    let again = run(&plan).unwrap();
    assert_eq!((again.commit, first_day(&place)), (Some(3), before));
    assert_eq!(account(&plan), [6, 4, 1, 0, 1]);
    records(&place);
}

#[test]
fn a_row_of_which_the_first_bytes_are_kept_stays_refused() {
    let (place, plan) = orders();
    let message = format!(r#"{{"S":"{}"}}"#, "x".repeat(400));
    let long = order("ord_long", &[("gift_message", &message), ("currency", r#"{"S":"USD"}"#)]);
    write_export(&place.path("export"), &[vec![long]]);
    let small = [("maxRowBytes: 16777216", "maxRowBytes: 600")];
    let strict = Plan { contract: contract("exported_orders/v2", &small), ..plan.clone() };
    let first = run(&strict).unwrap();
    assert_eq!(first.reasons["row_too_large"], 1);
    let explained = explain(&plan, &first.run_id, "0:0").unwrap().remove(0);
    assert!(explained.now.is_none() && !explained.refused_by.is_present);
    let tried = replay(&plan, &first.run_id, &[]);
    assert_eq!((tried.rows.tried, tried.rows.refused_again), (1, 1));
    assert_eq!(tried.reasons["row_too_large"], 1);
    assert_eq!(rows(&plan, None)[0]["attempts"], 2);
}
