//! Jobs that are sliced by days: what is pushed down, that nothing is lost or doubled at a border,
//! and that a slice read again replaces itself.

use serde_json::Value;

use super::harness::{Project, Shop, sha256s};

const SLICE: &str = "[slice]\nfield = \"created_at\"\nlag = \"2h\"\ndays = 1";

fn planned(project: &Project, job: &str, as_of: &str) -> Value {
    let output = project.output(&["plan", job, "--json", "--as-of", as_of]);
    assert!(output.status.success(), "{}", super::harness::stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn run_at(project: &Project, job: &str, as_of: &str) -> Value {
    let output = project.output(&["run", job, "--json", "--as-of", as_of]);
    assert!(output.status.success(), "{}", super::harness::stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn slices_of_days_hold_each_row_once_and_replace_themselves() {
    let shop = Shop::new(400);
    for (name, source) in
        [("table", shop.table_source("")), ("collection", shop.collection_source(""))]
    {
        let target = format!("out/{name}");
        shop.project.job(name, &source, &target, SLICE);
        let plan = planned(&shop.project, name, "2026-08-02T06:00:00Z");
        assert_eq!(plan["days"], "2026-08-01..2026-08-01");
        assert_eq!(plan["slice"]["from"], "2026-08-01T04:00:00Z");
        assert_eq!(plan["slice"]["to"], "2026-08-02T04:00:00Z");
        let pushed_down = plan["sources"][0]["pushed_down"].as_str().unwrap();
        assert!(pushed_down.contains("created_at"), "{pushed_down}");
        assert_eq!(plan["sources"][0]["consistency"], "scan-window");

        // A minute before the day has been over for two hours, the day before is the newest.
        assert_eq!(
            planned(&shop.project, name, "2026-08-02T05:59:00Z")["days"],
            "2026-07-31..2026-07-31"
        );

        let first = run_at(&shop.project, name, "2026-08-02T06:00:00Z");
        let second = run_at(&shop.project, name, "2026-08-03T06:00:00Z");
        let written = |outcome: &Value| outcome["ledger"]["written"].as_u64().unwrap();
        assert_eq!(
            written(&first) + written(&second),
            shop.items.len() as u64,
            "{name}: two days hold each row once"
        );
        let consistency = first["sources"][0]["consistency"].as_str().unwrap();
        assert!(consistency.starts_with("scan-window [20"), "{consistency}");

        let again = run_at(&shop.project, name, "2026-08-03T06:00:00Z");
        assert_eq!(again["outcome"], "published", "a live source is read anew");
        assert_ne!(again["run_id"], second["run_id"]);
        assert_eq!(sha256s(&again), sha256s(&second));
        let verified = shop.project.output(&["verify", &target, "--json"]);
        let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!(verified["rows"], shop.items.len(), "{name}: the slice replaced itself");
    }
    shop.delete();
}
