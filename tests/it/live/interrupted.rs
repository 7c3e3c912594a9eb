//! Live readings that are killed: what was taken up to the last checkpoint is kept, and the end is
//! the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bson::raw::RawBson;
use bson::spec::BinarySubtype;
use bson::{Binary, RawDocumentBuf, rawdoc};
use serde_json::Value;

use super::harness::{Project, Shop, mongodb_uri, sha256s};
use crate::proxy::http::{Fault as HttpFault, HttpProxy};
use crate::proxy::mongodb::{Fault as WireFault, MongoProxy};
use crate::services::{self, block_on, mongodb::Database};

const EVERY_PAGE: &str = "[run]\ncheckpoint = \"1B\"";

/// Lets `arguments` run until `reached` says that the page to be killed at is on its way, and
/// kills it there. Gives the summary when the command ends before.
fn run_and_kill(project: &Project, job: &str, reached: &dyn Fn() -> bool) -> Option<Value> {
    let mut child = project.command(&Project::run_arguments(job)).spawn().unwrap();
    loop {
        if reached() {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", super::harness::stderr(&output));
            return Some(serde_json::from_slice(&output.stdout).unwrap());
        }
        std::thread::yield_now();
    }
}

/// A page that the command waits for until it is killed.
const NEVER: Duration = Duration::from_secs(3_600);

#[test]
fn a_run_over_a_table_killed_at_every_page_gives_the_bytes_of_an_undisturbed_one() {
    let mut shop = Shop::new(120);
    let source = shop.table_source("segments = 2\npage_items = 10");
    let expected = shop.undisturbed(&source);
    shop.project.job("killed", &source, "out/killed", EVERY_PAGE);
    let mut kills = 0;
    let outcome = loop {
        // Each run gets two pages further, then the next one never comes.
        let scans = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&scans);
        let proxy = HttpProxy::start(&services::dynamodb_url(), move |request| {
            match request.operation == "Scan" && counted.fetch_add(1, Ordering::SeqCst) >= 3 {
                true => HttpFault::Delay(NEVER),
                false => HttpFault::Pass,
            }
        });
        shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
        let reached = || scans.load(Ordering::SeqCst) > 3;
        if let Some(outcome) = run_and_kill(&shop.project, "killed", &reached) {
            break outcome;
        }
        kills += 1;
        assert!(kills < 100, "no progress is kept");
    };
    assert!(kills >= 3, "{kills}");
    assert_eq!(outcome["ledger"]["read"], shop.items.len(), "no row is read into it twice");
    assert_eq!(sha256s(&outcome), expected);
    shop.delete();
}

/// Documents with an `_id` of every type that one can have, several of each.
fn documents() -> Vec<RawDocumentBuf> {
    let mut ids: Vec<RawBson> = vec![RawBson::Null, RawBson::MinKey, RawBson::MaxKey];
    for n in 1..=7_i32 {
        ids.extend([
            RawBson::Int32(n * 1_000),
            RawBson::Int64(i64::from(n) * 1_000 + 1),
            RawBson::Double(f64::from(n) * 1_000.0 + 2.5),
            RawBson::Decimal128(format!("{}.25", n * 1_000 + 3).parse().unwrap()),
            RawBson::String(format!("ord_{n}")),
            RawBson::Document(rawdoc! { "shop": n, "order": "a" }),
            RawBson::ObjectId(bson::oid::ObjectId::from_bytes([u8::try_from(n).unwrap(); 12])),
            RawBson::DateTime(bson::DateTime::from_millis(i64::from(n) * 1_000)),
            RawBson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes: vec![u8::try_from(n).unwrap(); 4],
            }),
        ]);
    }
    ids.extend([RawBson::Boolean(false), RawBson::Boolean(true)]);
    ids.into_iter().map(|id| rawdoc! { "_id": id, "status": "paid" }).collect()
}

#[test]
fn a_collection_with_ids_of_nine_types_killed_at_every_document_gives_each_once() {
    let mut project = Project::new();
    let documents = documents();
    let database = block_on(async {
        let database = Database::new();
        database.insert("orders", &documents).await;
        database
    });
    let source = format!(
        "kind = \"mongodb\"\ndatabase = \"{}\"\ncollection = \"orders\"\nranges = 2\n\
         batch_documents = 1",
        database.name
    );
    let more = format!("{EVERY_PAGE}\n");
    project.job("killed", &source, "out", &more);
    // The documents are no orders: all of them are refused, and the quarantine tells which.
    let job = std::fs::read_to_string(project.path("jobs/killed.toml")).unwrap();
    std::fs::write(project.path("jobs/killed.toml"), job.replace("= 50", "= 100")).unwrap();
    // One proxy for all runs, so that the server is the same; each run gets six replies.
    let replies = Arc::new(AtomicUsize::new(0));
    let allowed = Arc::new(AtomicUsize::new(0));
    let (counted, limit) = (Arc::clone(&replies), Arc::clone(&allowed));
    let proxy = MongoProxy::start(&services::mongodb_address(), move |command| {
        let reads = command.name == "getMore"
            || (command.name == "find" && command.body.get("limit").unwrap().is_none());
        match reads && counted.fetch_add(1, Ordering::SeqCst) >= limit.load(Ordering::SeqCst) {
            true => WireFault::Delay(NEVER),
            false => WireFault::Pass,
        }
    });
    project.set("MONGODB_URI", mongodb_uri(&proxy.address()));
    let mut kills = 0;
    let outcome = loop {
        let last = replies.load(Ordering::SeqCst) + 6;
        allowed.store(last, Ordering::SeqCst);
        let reached = || replies.load(Ordering::SeqCst) > last;
        if let Some(outcome) = run_and_kill(&project, "killed", &reached) {
            break outcome;
        }
        kills += 1;
        assert!(kills < 200, "no progress is kept");
    };
    assert!(kills >= 5, "{kills}");
    assert_eq!(outcome["ledger"]["read"], documents.len(), "{kills} kills: {outcome:#}");
    assert_eq!(outcome["ledger"]["quarantined"], documents.len());

    let shown = project.output(&["quarantine", "show", "out", "--json"]);
    let mut found: Vec<String> = String::from_utf8(shown.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["raw_sha256"].to_string())
        .collect();
    assert_eq!(found.len(), documents.len());
    found.sort();
    found.dedup();
    assert_eq!(found.len(), documents.len(), "each document once");
    block_on(database.delete());
}
