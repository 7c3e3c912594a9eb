//! Personal data in a bucket: it goes from every object, and the proof reads them all.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::harness::{Project, stderr};
use crate::pipeline::harness::write_export;
use crate::pipeline::people::{email, person, refused_person};
use crate::services;
use crate::services::s3::Bucket;

fn printed(output: &Output, exit_code: i32) -> Value {
    assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn people_go_from_every_object_of_a_bucket() {
    let bucket = services::block_on(Bucket::create());
    let mut project = Project::new();
    fs::create_dir_all(project.path("schemas/people")).unwrap();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/people.odcs.yaml");
    fs::copy(contract, project.path("schemas/people/v1.odcs.yaml")).unwrap();
    let export = project.path("export");
    write_export(&export, &[vec![person(101, 1), person(201, 2), refused_person(202, 2)]]);
    let source = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    let target = format!("s3://{}/people", bucket.name);
    project.job("people", &source, &target, "[[sink]]\nformat = \"csv\"");
    let job = fs::read_to_string(project.path("jobs/people.toml")).unwrap();
    fs::write(project.path("jobs/people.toml"), job.replace("exported_orders@1", "people@1"))
        .unwrap();
    project.set("CONSIGN_PRIVACY_KEY_FILE", "keys.toml");
    assert!(project.output(&["privacy", "new-key", "--to", "keys.toml"]).status.success());
    assert_eq!(project.run("people")["ledger"]["written"], 2);

    let mut erase = project.command(&["erase", "people", "--subject", "email=-", "--json"]);
    let mut erasing = erase.stdin(Stdio::piped()).spawn().unwrap();
    erasing.stdin.take().unwrap().write_all(email(202).as_bytes()).unwrap();
    let receipt = printed(&erasing.wait_with_output().unwrap(), 0);
    assert_eq!((&receipt["rows"], &receipt["quarantined_rows"]), (&0.into(), &1.into()));
    assert_eq!(services::block_on(bucket.keys("people/_quarantine/")), Vec::<String>::new());

    let at_the_end = ["people", "--as-of", "2099-01-01T00:00:00Z", "--json"];
    let audit = [&["privacy", "audit"], &at_the_end[..]].concat();
    assert_eq!(printed(&project.output(&audit), 3)["overdue"], 8);
    let retention = [&["retention", "apply"], &at_the_end[..]].concat();
    let applied = printed(&project.output(&retention), 0);
    assert_eq!(
        (&applied["outcome"], &applied["proof"]["rows_checked"]),
        (&json!("applied"), &json!(2))
    );
    assert!(applied["proof"]["values"].as_u64().unwrap() >= 8, "{}", applied["proof"]);
    assert_eq!(printed(&project.output(&audit), 0)["overdue"], 0);
    assert_eq!(printed(&project.output(&retention), 0)["outcome"], "nothing_to_do");
    let verified = printed(&project.output(&["verify", "people", "--json"]), 0);
    assert_eq!((&verified["rows"], &verified["problems"]), (&json!(2), &json!([])));
    for key in services::block_on(bucket.keys("people/")) {
        let bytes = services::block_on(bucket.get(&key));
        for number in [101, 201, 202] {
            let address = email(number);
            assert!(!bytes.windows(address.len()).any(|w| w == address.as_bytes()), "{key}");
        }
    }
    // Objects that went are gone: two days in two formats, and the view of them.
    let data = services::block_on(bucket.keys("people/_data/"));
    assert_eq!(data.len(), 4, "{data:?}");
    services::block_on(bucket.delete());
}
