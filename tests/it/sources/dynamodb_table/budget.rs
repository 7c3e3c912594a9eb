//! The read-capacity budget: how fast a table is read, and how large its pages are.

use std::time::Instant;

use consign::plan::{DynamodbTable, ReadCapacity};
use consign::sources::Source;

use super::*;
use crate::proxy::http::{Fault, HttpProxy};

#[tokio::test]
async fn the_budget_is_held_by_all_segments_together() {
    // 300 items of 8 KB: 300 units.
    let table = orders(300, 8_000).await;
    let proxy = HttpProxy::start(&dynamodb_url(), |_| Fault::Pass);
    let spec = DynamodbTable {
        segments: Some(3),
        capacity: ReadCapacity::UnitsPerSecond(100),
        ..spec(&table.name)
    };
    let source = open_at(&proxy.url(), &spec, None).await.unwrap();
    let plan = source.plan().await.unwrap();
    let began = Instant::now();
    let segments = plan.splits.iter().map(|split| pages_after(&source, split, None));
    let pages = futures::future::try_join_all(segments).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(sorted(pages.iter().flat_map(|pages| ids(pages)).collect()), ids_to(300));
    // A second's worth is there at the start, and the last pages need not be waited for.
    assert!((1.0..8.0).contains(&seconds), "{seconds} s");

    let scans = proxy.answered("Scan");
    let limits: Vec<_> = scans.iter().map(|scan| scan["Limit"].as_u64().unwrap()).collect();
    // A unit an item and 100 units a second, shared by those that are reading.
    assert!(limits.iter().all(|limit| (33..=100).contains(limit)), "{limits:?}");
    assert!(limits.contains(&33) && limits.contains(&50), "{limits:?}");
    assert!(scans.iter().all(|scan| scan["ReturnConsumedCapacity"] == "TOTAL"));
    assert!(scans.len() > 3, "a megabyte at a time would be three pages");
    table.delete().await;
}

#[tokio::test]
async fn without_a_budget_pages_are_as_large_as_they_come() {
    let table = orders(10, 10).await;
    let proxy = HttpProxy::start(&dynamodb_url(), |_| Fault::Pass);
    let source = open_at(&proxy.url(), &spec(&table.name), None).await.unwrap();
    all_ids(&source).await;
    assert!(proxy.answered("Scan").iter().all(|scan| scan.get("Limit").is_none()));
    table.delete().await;
}

#[tokio::test]
async fn the_smallest_budget_reads_an_item_at_a_time() {
    let table = orders(4, 10).await;
    let spec = DynamodbTable { capacity: ReadCapacity::UnitsPerSecond(1), ..spec(&table.name) };
    assert_eq!(all_ids(&open(&spec).await).await, ids_to(4));
    table.delete().await;
}
