//! Exchange rates that lie in S3: kept there, shown from there, and used by a run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::harness::{Project, export_of_orders, stderr};
use crate::services;
use crate::services::s3::Bucket;

#[test]
fn rates_in_a_bucket_are_kept_shown_and_used() {
    let bucket = services::block_on(Bucket::create());
    let project = Project::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = "schemas/exported_orders/v2.odcs.yaml";
    fs::copy(root.join(contract), project.path(contract)).unwrap();
    let json = |arguments: &[&str]| -> Value {
        let output = project.output(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };

    let place = format!("s3://{}/fx/rates.csv", bucket.name);
    let missing = project.output(&["fx", "show", &place]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    assert!(stderr(&missing).contains("could not open the rate file"), "{}", stderr(&missing));
    let sample = root.join("samples/fx/eurofxref-hist.csv");
    let (sample, file) = (sample.to_str().unwrap(), project.path("more.csv"));
    let first = json(&["fx", "import", sample, "--to", &place, "--json"]);
    assert_eq!(first["new"], first["read"]);
    fs::write(&file, "Date,USD\n2026-08-04,1.0830\n").unwrap();
    let second = json(&["fx", "import", file.to_str().unwrap(), "--to", &place, "--json"]);
    assert_eq!((&second["new"], &second["last_day"]), (&1.into(), &"2026-08-04".into()));
    let kept = services::block_on(bucket.get("fx/rates.csv"));
    assert!(kept.starts_with(b"date,currency,usd_rate,eur_rate\n"));
    let shown = json(&["fx", "show", &place, "--date", "2026-08-02", "--json"]);
    assert_eq!(shown["sha256"], second["sha256"]);

    let export = export_of_orders(&project.path(""), 60);
    let source = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    project.job("usd", &source, "out", &format!("[fx]\nrates = \"{place}\""));
    let job = fs::read_to_string(project.path("jobs/usd.toml")).unwrap();
    fs::write(project.path("jobs/usd.toml"), job.replace("orders@1", "orders@2")).unwrap();
    let outcome = project.run("usd");
    assert_eq!(outcome["ledger"]["written"], 60);
    assert_eq!(outcome["fx"]["sha256"], second["sha256"]);
    assert_eq!(outcome["fx"]["place"], place.as_str());
    services::block_on(bucket.delete());
}
