//! Runs that must not publish: nothing of them may be seen, and the error says why.

use std::fs;
use std::path::Path;

use consign::error::ErrorKind;
use consign::plan::{Plan, RejectBudget, SourceSpec};

use super::harness::{Place, contract, order, run, write_export};

fn lines(count: u32, changes: &[(&str, &str)]) -> Vec<String> {
    (0..count).map(|id| order(&format!("ord_{id:06}"), changes)).collect()
}

/// Nothing that a reader of the dataset would take for published.
fn assert_nothing_published(place: &Place) {
    let files = place.files("target");
    let seen: Vec<_> =
        files.iter().filter(|f| f.starts_with("_log/0") || f.starts_with("latest/")).collect();
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn too_many_rejects_are_refused_with_their_reasons_before_a_file_is_written() {
    let place = Place::new();
    let contract = contract("exported_orders");
    let mut rows = lines(98, &[]);
    rows.push(order("ord_bad1", &[("status", r#"{"S":"lost"}"#)]));
    rows.push(order("ord_bad2", &[("status", r#"{"S":"gone"}"#), ("customer_id", "")]));
    write_export(&place.path("export"), &[rows]);
    let budget = RejectBudget { max_millionths: 10_000, max_rows: None };
    let mut plan = Plan { reject_budget: budget, ..place.plan(&contract) };
    let error = run(&plan).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gate);
    let text = error.to_string();
    assert!(text.contains("2 of 100 rows were refused"), "{text}");
    assert!(text.contains("not_in_list 2, required_missing 1"), "{text}");
    assert!(!text.contains("gone"), "no value in an error: {text}");
    assert_nothing_published(&place);
    assert!(place.files("target").iter().all(|file| !file.starts_with("_data/")));

    plan.reject_budget = RejectBudget { max_millionths: 1_000_000, max_rows: Some(1) };
    assert_eq!(run(&plan).unwrap_err().kind(), ErrorKind::Gate);
    plan.reject_budget = RejectBudget { max_millionths: 20_000, max_rows: Some(2) };
    let summary = run(&plan).unwrap();
    assert_eq!(summary.resumed_splits, 1, "what was extracted is taken over");
}

/// A way to damage an export.
type Damage = fn(&Path);

#[test]
fn a_damaged_export_publishes_nothing_and_the_file_is_named() {
    let damages: [(&str, Damage); 6] = [
        ("missing file", |dir| fs::remove_file(dir.join("data/file-0001.json.gz")).unwrap()),
        ("cut gzip", |dir| {
            let path = dir.join("data/file-0001.json.gz");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        }),
        ("trailing garbage", |dir| {
            let path = dir.join("data/file-0001.json.gz");
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend(b"garbage");
            fs::write(&path, bytes).unwrap();
        }),
        ("wrong count", |dir| {
            let path = dir.join("manifest-files.json");
            let text = fs::read_to_string(&path).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[1] = lines[1].replace(r#""itemCount":20"#, r#""itemCount":21"#);
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            fs::remove_file(dir.join("manifest-files.md5")).unwrap();
            let path = dir.join("manifest-summary.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace(r#""itemCount":40"#, r#""itemCount":41"#)).unwrap();
            fs::remove_file(dir.join("manifest-summary.md5")).unwrap();
        }),
        ("altered file", |dir| {
            let path = dir.join("data/file-0001.json.gz");
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            let lines = lines(20, &[]).join("\n") + "\n";
            std::io::Write::write_all(&mut gzip, lines.as_bytes()).unwrap();
            fs::write(&path, gzip.finish().unwrap()).unwrap();
        }),
        ("lost manifest line", |dir| {
            let path = dir.join("manifest-files.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
        }),
    ];
    for (name, damage) in damages {
        let place = Place::new();
        let rows = lines(40, &[]);
        let files: Vec<_> = rows.chunks(20).map(<[String]>::to_vec).collect();
        write_export(&place.path("export"), &files);
        damage(&place.path("export"));
        let error = run(&place.plan(&contract("exported_orders"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification, "{name}: {error:?}");
        assert!(error.help().is_some(), "{name}: {error:?}");
        let text = format!("{error:?}");
        assert!(text.contains("file-0001") || text.contains("manifest"), "{name}: {text}");
        assert_nothing_published(&place);
    }
}

#[test]
fn a_dump_cut_in_a_document_publishes_nothing() {
    let place = Place::new();
    let mut bytes = bson::doc! { "_id": "ord_0001" }.to_vec().unwrap();
    bytes.extend(&bytes.clone()[..10]);
    fs::write(place.path("orders.bson"), bytes).unwrap();
    let mut plan = place.plan(&contract("exported_orders"));
    plan.sources = vec![SourceSpec::Mongodump {
        url: place.url("orders.bson"),
        expected_rows: None,
        expected_sha256: None,
    }];
    let error = run(&plan).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification, "{error:?}");
    assert!(format!("{error:?}").contains("orders.bson"));
    assert_nothing_published(&place);
}

#[test]
fn a_source_that_is_not_there_is_a_usage_error_with_help() {
    let place = Place::new();
    let error = run(&place.plan(&contract("exported_orders"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(error.help().is_some());
}
