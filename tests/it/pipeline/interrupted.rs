//! Runs that are stopped: what is finished is kept, and the end is the same.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use consign::error::ErrorKind;
use consign::telemetry::Progress;

use super::harness::{Place, contract, fingerprints, order, run, run_with, write_export};

fn files(count: u32, rows: u32) -> Vec<Vec<String>> {
    (0..count)
        .map(|file| (0..rows).map(|row| order(&format!("ord_{file:03}{row:06}"), &[])).collect())
        .collect()
}

#[test]
fn a_run_asked_to_stop_keeps_finished_splits_and_publishes_nothing() {
    let place = Place::new();
    let contract = contract("exported_orders");
    write_export(&place.path("export"), &files(12, 400));
    let mut plan = place.plan(&contract);
    plan.threads = 1;
    let progress = Arc::new(Progress::default());
    let watched = Arc::clone(&progress);
    let stopper = std::thread::spawn(move || {
        while watched.splits_done.load(Ordering::Relaxed) < 2 {
            std::thread::yield_now();
        }
        watched.stop.store(true, Ordering::Relaxed);
    });
    let error = run_with(&plan, &progress, false).unwrap_err();
    stopper.join().unwrap();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(place.files("target").iter().all(|file| !file.starts_with("_log/0")));

    let resumed = run(&plan).unwrap();
    assert!(resumed.resumed_splits >= 2, "{}", resumed.resumed_splits);
    assert_eq!(place.files("staging"), Vec::<String>::new(), "nothing is left behind");
    let undisturbed = Place::new();
    write_export(&undisturbed.path("export"), &files(12, 400));
    let mut plan = undisturbed.plan(&contract);
    plan.threads = 1;
    assert_eq!(fingerprints(&resumed), fingerprints(&run(&plan).unwrap()));
}

const JOB: &str = r#"
[job]
dataset = "exported_orders@1"

[days]
first = "2026-08-01"
last = "2026-08-02"

[[source]]
kind = "dynamodb_export"
url = "export"

[target]
url = "out"

[[sink]]
format = "parquet"
profile = "lake"

[[sink]]
format = "csv"
"#;

/// A project of its own, so that the command finds its job and its contracts there.
fn project(place: &Place) {
    fs::create_dir_all(place.path("jobs")).unwrap();
    fs::write(place.path("jobs/killed.toml"), JOB).unwrap();
    let contracts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    fs::create_dir_all(place.path("schemas/exported_orders")).unwrap();
    fs::copy(
        contracts.join("exported_orders/v1.odcs.yaml"),
        place.path("schemas/exported_orders/v1.odcs.yaml"),
    )
    .unwrap();
}

fn command(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
    command
        .args(["run", "killed", "--json", "--as-of", "2026-08-03T02:00:00Z", "--threads", "1"])
        .current_dir(place.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn checkpoints(place: &Place) -> usize {
    let is_checkpoint = |file: &&String| {
        file.rsplit('/').next().is_some_and(|f| f.starts_with("split-") && f.ends_with(".json"))
    };
    place.files(".consign").iter().filter(is_checkpoint).count()
}

#[test]
fn a_run_killed_in_the_middle_and_run_again_gives_the_bytes_of_an_undisturbed_one() {
    let (killed, undisturbed) = (Place::new(), Place::new());
    let mut outcomes = Vec::new();
    for place in [&killed, &undisturbed] {
        project(place);
        write_export(&place.path("export"), &files(24, 500));
    }

    let mut child = command(&killed).spawn().unwrap();
    let patience = Instant::now();
    while checkpoints(&killed) < 2 {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        assert!(patience.elapsed() < Duration::from_secs(120), "no split was ever finished");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let finished = checkpoints(&killed);
    assert!((2..24).contains(&finished), "killed in the middle, not at an end: {finished}");
    assert!(killed.files("out").iter().all(|file| !file.starts_with("_log/0")));

    for place in [&killed, &undisturbed] {
        let output = command(place).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        outcomes.push(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap());
    }
    let (resumed, whole) = (&outcomes[0], &outcomes[1]);
    assert!(resumed["resumed_splits"].as_u64().unwrap() >= 2);
    assert_eq!(whole["resumed_splits"], 0);
    assert_eq!(resumed["ledger"], whole["ledger"]);
    let sha256s = |outcome: &serde_json::Value| -> Vec<serde_json::Value> {
        outcome["files"].as_array().unwrap().iter().map(|file| file["sha256"].clone()).collect()
    };
    assert_eq!(sha256s(resumed), sha256s(whole));
    assert_eq!(sha256s(whole).len(), 4);
}
