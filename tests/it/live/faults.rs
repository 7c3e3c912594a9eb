//! Faults between the program and the services: in every case the bytes are those of an
//! undisturbed run, and no page is taken twice.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::harness::{Shop, mongodb_uri, sha256s};
use crate::proxy::chance;
use crate::proxy::http::{self, Fault as HttpFault, HttpProxy, Request};
use crate::proxy::mongodb::{self as wire, Command, Fault as WireFault, MongoProxy};
use crate::services;

/// Small pages, so that there are some dozens of them.
const TABLE: &str = "segments = 4\npage_items = 40\npatience = \"60s\"";
const COLLECTION: &str = "ranges = 4\nbatch_documents = 40\npatience = \"60s\"";

/// Runs over the table through a proxy that does `decide`. The scan requests that were answered
/// well must all be different ones.
fn table_through(shop: &mut Shop, name: &str, decide: fn(&Request) -> HttpFault) {
    let expected = shop.undisturbed(&shop.table_source(TABLE));
    let proxy = HttpProxy::start(&services::dynamodb_url(), decide);
    shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
    shop.project.job(name, &shop.table_source(TABLE), &format!("out/{name}"), "");
    let outcome = shop.project.run(name);
    assert_eq!(outcome["ledger"]["read"], shop.items.len(), "{name}");
    assert_eq!(sha256s(&outcome), expected, "{name}");
    shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", services::dynamodb_url());
    let refused = proxy.exchanges().iter().filter(|exchange| exchange.status != Some(200)).count();
    assert!(refused > 3, "{name}: only {refused} faults were met");
}

#[test]
fn a_table_is_read_through_throttling_and_faults_of_the_service() {
    let mut shop = Shop::new(1_000);
    table_through(&mut shop, "throttled", |request| {
        let scan = request.operation == "Scan";
        match request.index {
            index if scan && chance(1, index, 30) => match index % 3 {
                0 => http::throttled(),
                1 => http::request_limit_exceeded(),
                _ => http::throttling(),
            },
            index if scan && chance(2, index, 5) => http::internal_error(),
            _ => HttpFault::Pass,
        }
    });
    shop.delete();
}

#[test]
fn a_page_that_was_taken_is_not_asked_for_again() {
    let shop = Shop::new(600);
    // Nothing is lost on the way here, so that each good answer was taken.
    let proxy = HttpProxy::start(&services::dynamodb_url(), |request| {
        match request.operation == "Scan" && chance(3, request.index, 30) {
            true => http::throttled(),
            false => HttpFault::Pass,
        }
    });
    let source = format!("{}\nendpoint_url = \"{}\"", shop.table_source(TABLE), proxy.url());
    // A checkpoint after each page: the stream is let go and begun again every time.
    shop.project.job("paced", &source, "out/paced", "[run]\ncheckpoint = \"1B\"");
    let outcome = shop.project.run("paced");
    assert_eq!(outcome["ledger"]["read"], shop.items.len());
    let asked: Vec<String> = proxy
        .answered("Scan")
        .iter()
        .map(|body| format!("{} {}", body["Segment"], body["ExclusiveStartKey"]))
        .collect();
    let different: HashSet<_> = asked.iter().collect();
    assert!(asked.len() > 15, "{}", asked.len());
    assert_eq!(different.len(), asked.len(), "a page was asked for again");
    shop.delete();
}

#[test]
fn a_table_is_read_through_cut_lost_and_damaged_replies() {
    let mut shop = Shop::new(400);
    table_through(&mut shop, "cut", |request| match request.index % 5 {
        _ if request.operation != "Scan" => HttpFault::Pass,
        0 => HttpFault::Cut,
        1 => HttpFault::LoseReply,
        2 => HttpFault::Truncate { after_bytes: request.index * 97 },
        3 if request.index % 2 == 1 => HttpFault::Corrupt { byte: request.index * 131 },
        _ => HttpFault::Pass,
    });
    shop.delete();
}

#[test]
fn a_connection_reset_at_any_page_number_changes_nothing() {
    let mut shop = Shop::new(320);
    let expected = shop.undisturbed(&shop.table_source(TABLE));
    let mut page = 0;
    loop {
        let scans = AtomicUsize::new(0);
        let proxy = HttpProxy::start(&services::dynamodb_url(), move |request| {
            let is_scan = request.operation == "Scan";
            match is_scan && scans.fetch_add(1, Ordering::SeqCst) == page {
                true => HttpFault::Cut,
                false => HttpFault::Pass,
            }
        });
        shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
        let name = format!("reset-{page}");
        shop.project.job(&name, &shop.table_source(TABLE), &format!("out/{name}"), "");
        assert_eq!(sha256s(&shop.project.run(&name)), expected, "{name}");
        let scans = proxy.exchanges().iter().filter(|e| e.request.operation == "Scan").count();
        if scans <= page {
            break;
        }
        page += 1;
    }
    assert!(page >= 8, "each of {page} pages met a reset");
    shop.delete();
}

#[test]
fn throttling_that_does_not_end_is_left_with_a_checkpoint_and_the_way_to_go_on() {
    let mut shop = Shop::new(1_000);
    let source = shop.table_source(&TABLE.replace("60s", "1s"));
    let expected = shop.undisturbed(&source);
    let scans = AtomicUsize::new(0);
    let proxy = HttpProxy::start(&services::dynamodb_url(), move |request| {
        match request.operation == "Scan" && scans.fetch_add(1, Ordering::SeqCst) >= 12 {
            true => http::throttled(),
            false => HttpFault::Pass,
        }
    });
    shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
    shop.project.job("starved", &source, "out/starved", "");
    let arguments = super::harness::Project::run_arguments("starved");
    let output = shop.project.output(&arguments);
    let said = super::harness::stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("resume: ") && said.contains("run starved --json"), "{said}");
    assert!(said.contains("ThroughputExceeded") || said.contains("throttl"), "{said}");
    let first: HashSet<String> = asked(&proxy);

    let proxy = HttpProxy::start(&services::dynamodb_url(), |_| HttpFault::Pass);
    shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
    let outcome = shop.project.run("starved");
    assert_eq!(outcome["resumed_splits"], 4);
    assert_eq!(outcome["ledger"]["read"], shop.items.len());
    assert_eq!(sha256s(&outcome), expected);
    let again: Vec<_> = asked(&proxy).intersection(&first).cloned().collect();
    assert!(first.len() >= 12 && again.len() <= 4, "taken before, asked again: {again:?}");
    shop.delete();
}

#[test]
fn credentials_that_expire_every_five_seconds_are_renewed() {
    let mut shop = Shop::new(800);
    let source = shop.table_source("segments = 2\npage_items = 40\npatience = \"60s\"");
    let expected = shop.undisturbed(&source);
    let renewals = shop.project.path("renewals");
    let script = format!(
        "#!/bin/sh\necho renewed >> '{}'\nexpires=$(date -u -d '+5 seconds' +%Y-%m-%dT%H:%M:%SZ)\n\
         echo \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"key\\\",\\\"SecretAccessKey\\\":\\\"secret\\\",\\\"SessionToken\\\":\\\"token\\\",\\\"Expiration\\\":\\\"$expires\\\"}}\"\n",
        renewals.display()
    );
    let process = shop.project.path("credentials.sh");
    fs::write(&process, script).unwrap();
    let config = shop.project.path("aws-config");
    let profile = format!("[default]\ncredential_process = sh {}\n", process.display());
    fs::write(&config, profile).unwrap();
    shop.project.set("AWS_CONFIG_FILE", config.to_str().unwrap());
    shop.project.unset("AWS_ACCESS_KEY_ID");
    shop.project.unset("AWS_SECRET_ACCESS_KEY");
    // Slow enough for the credentials to expire on the way; now and then the service says so first.
    let proxy = HttpProxy::start(&services::dynamodb_url(), |request| match request.index % 8 {
        _ if request.operation != "Scan" => HttpFault::Pass,
        5 => http::expired_token(),
        _ => HttpFault::Delay(Duration::from_millis(700)),
    });
    shop.project.set("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
    shop.project.job("expiring", &source, "out/expiring", "");
    let outcome = shop.project.run("expiring");
    assert_eq!(sha256s(&outcome), expected);
    let renewed = fs::read_to_string(renewals).unwrap().lines().count();
    assert!(renewed >= 3, "renewed {renewed} times");
    shop.delete();
}

/// The scan requests that were answered well.
fn asked(proxy: &HttpProxy) -> HashSet<String> {
    let answered = proxy.answered("Scan");
    answered.iter().map(|b| format!("{} {}", b["Segment"], b["ExclusiveStartKey"])).collect()
}

/// Runs over the collection through a proxy that does `decide`.
fn collection_through(
    shop: &mut Shop,
    name: &str,
    decide: impl Fn(&Command) -> WireFault + Send + Sync + 'static,
) {
    let expected = shop.undisturbed(&shop.collection_source(COLLECTION));
    let proxy = MongoProxy::start(&services::mongodb_address(), decide);
    shop.project.set("MONGODB_URI", mongodb_uri(&proxy.address()));
    shop.project.job(name, &shop.collection_source(COLLECTION), &format!("out/{name}"), "");
    let outcome = shop.project.run(name);
    assert_eq!(outcome["ledger"]["read"], shop.items.len(), "{name}");
    assert_eq!(sha256s(&outcome), expected, "{name}");
    shop.project.set("MONGODB_URI", mongodb_uri(&services::mongodb_address()));
}

#[test]
fn a_collection_is_read_though_its_cursors_are_killed() {
    let mut shop = Shop::new(1_000);
    collection_through(&mut shop, "killed-cursors", |command| {
        match (command.name.as_str(), command.nth % 3) {
            ("getMore", 1) => wire::CURSOR_NOT_FOUND,
            ("getMore", 2) if command.nth % 2 == 0 => wire::PRIMARY_STEPPED_DOWN,
            _ => WireFault::Pass,
        }
    });
    shop.delete();
}

#[test]
fn a_collection_is_read_through_cut_and_lost_replies() {
    let mut shop = Shop::new(1_000);
    collection_through(&mut shop, "cut-replies", |command| {
        match (command.name.as_str(), command.nth % 7) {
            ("getMore", 1) => WireFault::Cut,
            ("getMore", 3) => WireFault::LoseReply,
            ("getMore", 5) => WireFault::Truncate { after_bytes: 500 + command.nth },
            _ => WireFault::Pass,
        }
    });
    shop.delete();
}
