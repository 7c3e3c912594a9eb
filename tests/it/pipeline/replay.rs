//! The quarantine after the run: rows are tried again, given up, or overtaken by another run, and
//! each is accounted for at every step.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::error::{ErrorKind, Result};
use consign::model::{FileFormat, ReasonCode};
use consign::pipeline::{
    self, Options, QuarantineAccount, ReplayOutcome, ReplayRequest, ReplaySummary, RunReplay,
};
use consign::plan::{DaySelection, Plan};
use consign::publish::{Committed, verify_log};
use consign::report::RunSummary;
use consign::telemetry::Progress;
use serde_json::Value;

use super::harness::{self, Place, day, order, run, write_export};

const NO_YEN: &str = "Date,USD,JPY\n2026-07-31,1.0801,N/A\n";
const WITH_YEN: &str = "Date,USD,JPY\n2026-07-31,1.0801,162.34\n";

fn orders_in_dollars() -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Arc::new(load_contract(&root.join("schemas/exported_orders/v2.odcs.yaml")).unwrap())
}

/// A place with orders of the first two days of August, and a plan that converts them without a
/// rate for the yen. Of each day some orders are in yen, and one of the second has no status.
fn orders() -> (Place, Plan) {
    let place = Place::new();
    let line = |i: u32| {
        let at = format!(r#"{{"S":"2026-08-0{}T12:00:00Z"}}"#, 1 + i % 2);
        let currency = if i % 5 == 3 { r#"{"S":"JPY"}"# } else { r#"{"S":"USD"}"# };
        let status = if i == 7 { r#"{"S":"lost"}"# } else { r#"{"S":"paid"}"# };
        let changes = [("created_at", &*at), ("currency", currency), ("status", status)];
        order(&format!("ord_{i:04}"), &changes)
    };
    let lines: Vec<String> = (0..20).map(line).collect();
    let files: Vec<_> = lines.chunks(10).map(<[String]>::to_vec).collect();
    write_export(&place.path("export"), &files);
    fs::write(place.path("rates.csv"), NO_YEN).unwrap();
    let plan = Plan { rates: Some(place.url("rates.csv")), ..place.plan(&orders_in_dollars()) };
    (place, plan)
}

fn options(dry_run: bool) -> Options {
    Options { dry_run, fresh: false, started_at: "2026-08-04T02:00:00Z".parse().unwrap() }
}

fn try_again(plan: &Plan, run: Option<&str>, reasons: &[ReasonCode]) -> Result<ReplaySummary> {
    let request = ReplayRequest { run: run.map(str::to_owned), reasons: reasons.to_vec() };
    pipeline::replay(plan, &request, &Arc::new(Progress::default()), options(false))
}

/// Replays what one run refused.
fn replay(plan: &Plan, run: &str, reasons: &[ReasonCode]) -> RunReplay {
    let mut summary = try_again(plan, Some(run), reasons).unwrap();
    assert_eq!(summary.runs.len(), 1);
    summary.runs.remove(0)
}

/// Ever, replayed, still there, discarded, expired; the sum is right or there is no account.
fn account(plan: &Plan) -> [u64; 5] {
    let stats = pipeline::quarantine_stats(&plan.target, &plan.aws, None).unwrap();
    let QuarantineAccount { ever_quarantined, replayed, still_there, discarded, expired, .. } =
        stats.account;
    assert_eq!(ever_quarantined, replayed + still_there + discarded + expired);
    assert_eq!(still_there, rows(plan, None).len() as u64, "what is still there is shown");
    [ever_quarantined, replayed, still_there, discarded, expired]
}

fn rows(plan: &Plan, run: Option<&str>) -> Vec<Value> {
    let mut rows = Vec::new();
    pipeline::quarantine(&plan.target, &plan.aws, run, &mut |row| {
        rows.push(row);
        Ok(true)
    })
    .unwrap();
    rows
}

fn records(place: &Place) -> Vec<Committed> {
    let logged = place.files("target").into_iter().filter(|f| f.starts_with("_log/0"));
    let read = |file| fs::read(place.path("target").join(file)).unwrap();
    let records: Vec<_> = logged.map(|f| Committed::from_bytes(&read(f)).unwrap()).collect();
    assert_eq!(verify_log(&records), Vec::<String>::new());
    records
}

/// SHA-256 of what stands in `latest/`, by path.
fn latest(place: &Place) -> Vec<(String, Vec<u8>)> {
    let files = place.files("target/latest").into_iter();
    files.map(|f| (f.clone(), fs::read(place.path("target/latest").join(f)).unwrap())).collect()
}

/// The files of a run that had everything from the start.
fn from_the_start(rates: &str) -> (Place, RunSummary) {
    let (place, plan) = orders();
    fs::write(place.path("rates.csv"), rates).unwrap();
    let summary = run(&plan).unwrap();
    (place, summary)
}

#[test]
fn a_rate_that_arrives_brings_its_rows_to_their_days() {
    let (place, plan) = orders();
    let first = run(&plan).unwrap();
    assert_eq!((first.ledger.run.written, first.ledger.run.quarantined), (15, 5));
    assert_eq!(first.reasons["fx_rate_missing"], 4);
    assert_eq!(account(&plan), [5, 0, 5, 0, 0]);

    fs::write(place.path("rates.csv"), WITH_YEN).unwrap();
    let replayed = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((replayed.outcome, replayed.commit), (ReplayOutcome::Replayed, Some(2)));
    assert_eq!((replayed.rows.tried, replayed.rows.written), (4, 4));
    assert_eq!(replayed.days, ["2026-08-01", "2026-08-02"]);
    assert_eq!(replayed.ledger.imbalances(), Vec::<String>::new());
    assert_eq!((replayed.ledger.run.read, replayed.ledger.run.written), (19, 19));
    assert_eq!(account(&plan), [5, 4, 1, 0, 0]);

    // The days are to the byte those of a run that had the rate from the start.
    let (other, straight) = from_the_start(WITH_YEN);
    assert_eq!(latest(&place), latest(&other));
    let sha = |files: &[consign::model::DataFile]| -> Vec<String> {
        files.iter().map(|file| file.sha256.clone()).collect()
    };
    assert_eq!(sha(&replayed.files), sha(&straight.files));
    assert_eq!(replayed.files.iter().filter(|f| f.format == FileFormat::Parquet).count(), 2);

    let records = records(&place);
    let record = &records[1].record;
    let told = record.replayed.as_ref().unwrap();
    assert_eq!((&told.run_id, told.rows), (&first.run_id, replayed.rows));
    assert_eq!(told.reasons, ["fx_rate_missing"]);
    assert_eq!(record.days.iter().map(|d| d.replaces).collect::<Vec<_>>(), [Some(1), Some(1)]);

    // Again: there is nothing to do, and nothing is written.
    let again = replay(&plan, &first.run_id, &[ReasonCode::FxRateMissing]);
    assert_eq!((again.outcome, again.commit), (ReplayOutcome::NothingToDo, None));
    assert_eq!(place.files("target/_log").len(), 2 + 0, "{:?}", place.files("target/_log"));
}
