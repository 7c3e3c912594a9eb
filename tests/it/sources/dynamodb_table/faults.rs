//! Faults between the program and the service: the same items come, each page is taken once.

use std::collections::HashSet;
use std::mem::discriminant;
use std::sync::atomic::{AtomicBool, Ordering};

use consign::error::ErrorKind;
use consign::plan::DynamodbTable;
use consign::sources::Source;
use consign::sources::dynamodb::{Written, batch_write};
use futures::StreamExt;

use super::*;
use crate::proxy::chance;
use crate::proxy::http::{
    Exchange, Fault, HttpProxy, Request, expired_token, internal_error, request_limit_exceeded,
    throttled, throttling,
};

/// What happens to a request, told by its number.
fn storm(request: &Request) -> Fault {
    let index = request.index;
    if request.operation != "Scan" {
        return Fault::Pass;
    }
    match index {
        _ if chance(1, index, 30) => match index % 3 {
            0 => throttled(),
            1 => throttling(),
            _ => request_limit_exceeded(),
        },
        _ if chance(2, index, 5) => internal_error(),
        _ if chance(3, index, 5) => Fault::Truncate { after_bytes: 20_000 },
        _ if chance(4, index, 5) => Fault::Cut,
        _ if chance(5, index, 5) => Fault::LoseReply,
        _ if chance(6, index, 5) => Fault::Corrupt { byte: 5_000 },
        _ => Fault::Pass,
    }
}

/// Segment and start key of the Scans that were answered well.
fn taken(exchanges: &[Exchange], decide: impl Fn(&Request) -> Fault) -> Vec<String> {
    let well = |exchange: &&Exchange| {
        exchange.request.operation == "Scan" && matches!(decide(&exchange.request), Fault::Pass)
    };
    let page = |exchange: &Exchange| {
        let body: Value = serde_json::from_slice(&exchange.request.body).unwrap();
        format!("{} {}", body["Segment"], body["ExclusiveStartKey"])
    };
    exchanges.iter().filter(well).map(page).collect()
}

#[tokio::test]
async fn the_same_items_come_through_a_storm_and_no_page_is_taken_twice() {
    let table = orders(800, 50_000).await;
    let proxy = HttpProxy::start(&dynamodb_url(), storm);
    // Without patience that outlasts any row of bad luck, this would fail now and then.
    let patience = Duration::from_secs(300);
    let spec = DynamodbTable { segments: Some(4), patience, ..spec(&table.name) };
    let source = open_at(&proxy.url(), &spec, None).await.unwrap();
    let plan = source.plan().await.unwrap();
    let segments = plan.splits.iter().map(|split| pages_after(&source, split, None));
    let pages = futures::future::try_join_all(segments).await.unwrap();
    let found = sorted(pages.iter().flat_map(|pages| ids(pages)).collect());
    assert_eq!(found, ids_to(800));

    let exchanges = proxy.exchanges();
    let pages_taken = taken(&exchanges, storm);
    assert_eq!(pages_taken.len(), pages.iter().map(Vec::len).sum::<usize>());
    assert_eq!(pages_taken.iter().collect::<HashSet<_>>().len(), pages_taken.len());
    let faults = exchanges.iter().filter(|e| !matches!(storm(&e.request), Fault::Pass)).count();
    assert!(faults > 20, "{faults} faults of {} requests", exchanges.len());
    let kinds: HashSet<_> = exchanges.iter().map(|e| discriminant(&storm(&e.request))).collect();
    assert_eq!(kinds.len(), 6, "every kind of fault, and none");
    table.delete().await;
}

#[tokio::test]
async fn a_service_that_throttles_for_good_ends_the_run_which_is_then_taken_up() {
    let table = orders(60, 100_000).await;
    let blocked = Arc::new(AtomicBool::new(false));
    let is_blocked = Arc::clone(&blocked);
    let proxy = HttpProxy::start(&dynamodb_url(), move |_| {
        if is_blocked.load(Ordering::Relaxed) { throttled() } else { Fault::Pass }
    });
    let spec = DynamodbTable { patience: Duration::from_millis(300), ..spec(&table.name) };
    let source = open_at(&proxy.url(), &spec, None).await.unwrap();
    let plan = source.plan().await.unwrap();
    let mut pages = source.read(&plan.splits[0], None);
    let first = [pages.next().await.unwrap().unwrap(), pages.next().await.unwrap().unwrap()];
    blocked.store(true, Ordering::Relaxed);
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("segment 1 of 1"), "{error}");
    assert!(pages.next().await.is_none(), "an error ends the stream");

    blocked.store(false, Ordering::Relaxed);
    let source = open_at(&proxy.url(), &spec, None).await.unwrap();
    let plan = source.resume(plan).await.unwrap();
    let rows = ids(&first).len() as u64;
    let after = Position { rows, after: first[1].resume.clone().unwrap() };
    let rest = pages_after(&source, &plan.splits[0], Some(&after)).await.unwrap();
    assert_eq!(sorted([ids(&first), ids(&rest)].concat()), ids_to(60));
    let taken = proxy.answered("Scan");
    assert_eq!(taken.len(), first.len() + rest.len(), "no page was asked for twice");
    table.delete().await;
}

#[tokio::test]
async fn credentials_that_expire_are_read_again() {
    let table = orders(60, 100_000).await;
    let proxy = HttpProxy::start(&dynamodb_url(), |request| match request.index {
        2 | 5 => expired_token(),
        _ => Fault::Pass,
    });
    let source = open_at(&proxy.url(), &spec(&table.name), None).await.unwrap();
    assert_eq!(all_ids(&source).await, ids_to(60));

    let proxy = HttpProxy::start(&dynamodb_url(), |_| expired_token());
    let source = open_at(&proxy.url(), &spec(&table.name), None).await.unwrap();
    let error = source.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert_eq!(proxy.exchanges().len(), 2, "asked once more with the credentials read again");
    table.delete().await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_passing_fault() {
    let spec = DynamodbTable { patience: Duration::from_millis(100), ..spec("orders") };
    let source = open_at("http://127.0.0.1:1", &spec, None).await.unwrap();
    let error = source.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error:?}");
}

#[tokio::test]
async fn writing_goes_on_through_throttling() {
    let table = Table::create(ORDER_ID, &[]).await;
    let proxy = HttpProxy::start(&dynamodb_url(), |request| match request.index % 3 {
        0 => throttled(),
        1 => internal_error(),
        _ => Fault::Pass,
    });
    let connection = connection(&proxy.url(), Duration::from_secs(10)).await;
    let items = (0..60).map(|number| item(&order(number, 10))).collect();
    let written = batch_write(&connection, &table.name, items).await.unwrap();
    assert_eq!(written, Written { items: 60, retried_batches: 0 });
    assert_eq!(all_ids(&open(&spec(&table.name)).await).await, ids_to(60));
    table.delete().await;
}

#[tokio::test]
async fn what_a_batch_leaves_is_written_later() {
    let table = Table::create(ORDER_ID, &[]).await;
    let name = table.name.clone();
    // The first batch leaves all of its items.
    let proxy = HttpProxy::start(&dynamodb_url(), move |request| {
        if request.index > 0 {
            return Fault::Pass;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let left = json!({ "UnprocessedItems": { &name: body["RequestItems"][&name] } });
        Fault::Answer {
            status: 200,
            content_type: "application/x-amz-json-1.0",
            body: left.to_string(),
        }
    });
    let connection = connection(&proxy.url(), Duration::from_secs(10)).await;
    let items = (0..30).map(|number| item(&order(number, 10))).collect();
    let written = batch_write(&connection, &table.name, items).await.unwrap();
    assert_eq!(written, Written { items: 30, retried_batches: 1 });
    assert_eq!(all_ids(&open(&spec(&table.name)).await).await, ids_to(30));
    table.delete().await;
}
