//! Refused rows as a stranger meets them: counted, replayed, explained, given up.

use std::fs;
use std::path::Path;

use super::{consign, consign_in, json, project_with_job, refused, stdout};

/// A project with the orders of the samples in dollars, a second job, and rates of its own.
fn project(rates: &str) -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let job = fs::read_to_string(root.join("jobs/orders-usd.toml")).unwrap();
    let job = job
        .replace("url = \"samples", &format!("url = \"{}/samples", root.display()))
        .replace("samples/fx/eurofxref-hist.csv", "rates.csv")
        .replace("max_percent = 15", "max_percent = 60");
    let folder = project_with_job(&job);
    fs::write(folder.path().join("jobs/other.toml"), job.replace("out/", "elsewhere/")).unwrap();
    fs::create_dir(folder.path().join("schemas/exported_orders")).unwrap();
    let contract = "schemas/exported_orders/v2.odcs.yaml";
    fs::copy(root.join(contract), folder.path().join(contract)).unwrap();
    fs::write(folder.path().join("rates.csv"), rates).unwrap();
    folder
}

#[test]
fn help_of_each_part_is_for_a_stranger() {
    for part in ["replay", "discard", "stats", "show"] {
        let help = consign(&["quarantine", part, "--help"]);
        insta::assert_snapshot!(format!("help-quarantine-{part}"), stdout(&help));
    }
}

#[test]
fn refused_rows_are_replayed_explained_and_given_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rates = fs::read_to_string(root.join("samples/fx/eurofxref-hist.csv")).unwrap();
    let folder = project("Date,USD\n2026-07-31,1.0801\n");
    let consign = |arguments: &[&str]| consign_in(folder.path(), arguments);
    let run = json(&consign(&["run", "orders", "--json"]));
    let run_id = run["run_id"].as_str().unwrap();
    let missing = run["reasons"]["fx_rate_missing"].as_u64().unwrap();
    assert!(missing > 0);
    let stats = || json(&consign(&["quarantine", "stats", "orders", "--json"]))["account"].clone();
    let ever = stats()["ever_quarantined"].as_u64().unwrap();
    assert_eq!(run["ledger"]["quarantined"], ever);

    let show = ["quarantine", "show", "orders", "--reason", "fx_rate_missing", "--json"];
    let shown = stdout(&consign(&show));
    let row: serde_json::Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    let place = format!("{}:{}", row["split_id"], row["row"]);
    let said = stdout(&consign(&["explain", run_id, &place]));
    assert!(said.contains("still in the quarantine") && said.contains("fx_rate_missing"), "{said}");
    assert!(said.contains("exported_orders@2 (2.0.0, sha256 "), "{said}");
    assert!(
        said.contains("the same contract now") && said.contains("it would be refused"),
        "{said}"
    );

    fs::write(folder.path().join("rates.csv"), rates).unwrap();
    let said = stdout(&consign(&["explain", run_id, &place]));
    assert!(said.contains("on its own it would be accepted"), "{said}");
    let replay = ["quarantine", "replay", run_id, "--reason", "fx_rate_missing"];
    let dry_run = stdout(&consign(&[&replay[..], &["--dry-run"]].concat()));
    assert!(dry_run.contains("dry run, nothing was published"), "{dry_run}");
    // The job is found by the run.
    let replayed = json(&consign(&[&replay[..], &["--json"]].concat()));
    assert_eq!(replayed["job"], "orders");
    let rows = &replayed["runs"][0]["rows"];
    assert_eq!(rows["tried"], missing);
    let written = rows["written"].as_u64().unwrap();
    assert!(written > 0);
    let left = rows["refused_again"].as_u64().unwrap();
    assert_eq!(written + left, missing);
    let again = stdout(&consign(&replay));
    assert!(again.contains("nothing to do: no row to try"), "{again}");
    assert_eq!(stats()["replayed"], written);
    assert_eq!(stats()["still_there"], ever - written);

    let refused_discard = refused(&consign(&["quarantine", "discard", run_id]), 2);
    assert!(refused_discard.contains("--because"), "{refused_discard}");
    let give_up =
        ["quarantine", "discard", run_id, "--because", "the samples are dirty on purpose"];
    let said = stdout(&consign(&give_up));
    assert!(said.contains("rows discarded as commit 3: the samples are dirty"), "{said}");
    assert_eq!(stats()["discarded"], ever - written);
    let text = stdout(&consign(&["quarantine", "stats", "orders"]));
    assert!(text.starts_with("0 rows in quarantine\n"), "{text}");
    assert!(consign(&["verify", "orders"]).status.success());

    let unclear = refused(&consign(&["quarantine", "replay"]), 2);
    assert!(unclear.contains("give --job, one of orders, other"), "{unclear}");
}
