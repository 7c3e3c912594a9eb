use std::time::Instant;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::get_object::GetObjectError;

use super::*;
use crate::proxy::chance;
use crate::services::dynamodb::{self, Item, ORDER_ID, Table};
use crate::services::s3::{self, Bucket};
use crate::services::{dynamodb_url, s3 as s3_server};

/// A proxy in front of DynamoDB that does one thing to every request, and a table.
async fn table_behind(fault: Fault) -> (HttpProxy, Table) {
    let table = Table::create(ORDER_ID, &[]).await;
    let items: Vec<_> = ["ord_1", "ord_2", "ord_3"].map(order).into();
    table.put(&items).await;
    let proxy = HttpProxy::start(&dynamodb_url(), move |_| fault.clone());
    let client = dynamodb::client(&proxy.url());
    (proxy, Table { client, ..table })
}

fn order(id: &str) -> Item {
    Item::from([("order_id".to_owned(), AttributeValue::S(id.to_owned()))])
}

async fn scan(table: &Table) -> Result<ScanOutput, aws_sdk_dynamodb::Error> {
    Ok(table.client.scan().table_name(&table.name).limit(2).send().await?)
}

/// What the server holds, whatever the proxy does.
async fn held(table: &Table) -> usize {
    let direct = Table { client: dynamodb::client(&dynamodb_url()), name: table.name.clone() };
    direct.client.scan().table_name(&direct.name).send().await.unwrap().items().len()
}

/// A proxy in front of S3 that does one thing to every request, and a bucket with one object.
async fn bucket_behind(fault: Fault) -> (HttpProxy, Bucket) {
    let bucket = Bucket::create().await;
    bucket.put("a", "abcdef").await;
    let proxy = HttpProxy::start(&s3_server().url, move |_| fault.clone());
    let client = s3::client(&proxy.url());
    (proxy, Bucket { client, ..bucket })
}

#[tokio::test]
async fn pages_pass_and_are_written_down() {
    let (proxy, table) = table_behind(Fault::Pass).await;
    let first = scan(&table).await.unwrap();
    let next = table.client.scan().table_name(&table.name).limit(2);
    let second = next.set_exclusive_start_key(first.last_evaluated_key).send().await.unwrap();
    assert_eq!((first.count, second.count), (2, 1));
    let scans = proxy.answered("Scan");
    assert_eq!(scans.len(), 2);
    assert_eq!(scans[0].get("ExclusiveStartKey"), None);
    assert!(scans[1]["ExclusiveStartKey"]["order_id"]["S"].is_string(), "{scans:?}");
    assert_eq!(proxy.exchanges()[1].request.index, 1);
}

#[tokio::test]
async fn errors_of_dynamodb_are_read_as_such() {
    for (fault, code) in [
        (throttled(), "ProvisionedThroughputExceededException"),
        (request_limit_exceeded(), "RequestLimitExceeded"),
        (throttling(), "ThrottlingException"),
        (internal_error(), "InternalServerError"),
        (expired_token(), "ExpiredTokenException"),
    ] {
        let (proxy, table) = table_behind(fault).await;
        let error = scan(&table).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error:?}");
        assert!(proxy.answered("Scan").is_empty());
        assert!(proxy.exchanges()[0].status.is_some());
    }
}

#[tokio::test]
async fn a_cut_request_has_no_effect_and_a_lost_reply_has() {
    for (fault, expected) in [(Fault::Cut, 3), (Fault::LoseReply, 4)] {
        let (proxy, table) = table_behind(fault).await;
        let put = table.client.put_item().table_name(&table.name).set_item(Some(order("ord_4")));
        let error = put.send().await.unwrap_err();
        assert!(error.as_service_error().is_none(), "{error:?}");
        assert_eq!(proxy.exchanges()[0].status, None);
        assert_eq!(held(&table).await, expected);
    }
}

#[tokio::test]
async fn a_truncated_page_is_an_error() {
    let (proxy, table) = table_behind(Fault::Truncate { after_bytes: 10 }).await;
    let error = scan(&table).await.unwrap_err();
    assert_eq!(error.code(), None, "{error:?}");
    assert_eq!(proxy.exchanges()[0].status, Some(200));
}

#[tokio::test]
async fn a_delayed_page_comes_late() {
    let (_proxy, table) = table_behind(Fault::Delay(Duration::from_millis(300))).await;
    let begun = Instant::now();
    assert_eq!(scan(&table).await.unwrap().count, 2);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn the_same_requests_meet_the_same_faults() {
    let table = Table::create(ORDER_ID, &[]).await;
    let mut outcomes = vec![];
    for _ in 0..2 {
        let decide = |request: &Request| match chance(7, request.index, 30) {
            true => throttled(),
            false => Fault::Pass,
        };
        let proxy = HttpProxy::start(&dynamodb_url(), decide);
        let client = dynamodb::client(&proxy.url());
        for _ in 0..20 {
            let _ = client.scan().table_name(&table.name).send().await;
        }
        outcomes.push(proxy.exchanges().iter().map(|e| e.status.unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert!(outcomes[0].contains(&400) && outcomes[0].contains(&200), "{outcomes:?}");
}

#[tokio::test]
async fn signed_requests_to_s3_pass() {
    let (proxy, bucket) = bucket_behind(Fault::Pass).await;
    bucket.put("folder/å b.txt", vec![7; 3 << 20]).await;
    assert_eq!(bucket.get("folder/å b.txt").await, vec![7; 3 << 20]);
    let head = bucket.client.head_object().bucket(&bucket.name).key("a").send().await.unwrap();
    assert_eq!(head.content_length, Some(6));
    let part = bucket.client.get_object().bucket(&bucket.name).key("a").range("bytes=1-2");
    assert_eq!(part.send().await.unwrap().body.collect().await.unwrap().to_vec(), b"bc");

    let put = bucket.client.put_object().bucket(&bucket.name).key("a").if_none_match("*");
    let refused = put.body(b"new".to_vec().into()).send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 412);
    let last = proxy.exchanges().pop().unwrap();
    assert_eq!((last.request.method.as_str(), last.status), ("PUT", Some(412)));
    assert!(last.request.path.starts_with(&format!("/{}/a", bucket.name)), "{last:?}");
    bucket.delete().await;
}

#[tokio::test]
async fn errors_of_s3_are_read_as_such() {
    let (_proxy, bucket) = bucket_behind(s3_error(503, "SlowDown")).await;
    let get = bucket.client.get_object().bucket(&bucket.name).key("a").send().await;
    let error: GetObjectError = get.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("SlowDown"));
}

#[tokio::test]
async fn damaged_objects_are_noticed() {
    for fault in [Fault::Corrupt { byte: 2 }, Fault::Truncate { after_bytes: 3 }] {
        let (_proxy, bucket) = bucket_behind(fault).await;
        let get = bucket.client.get_object().bucket(&bucket.name).key("a").send().await.unwrap();
        assert_eq!(get.content_length, Some(6));
        let mut body = get.body;
        assert!(matches!(body.next().await, Some(Ok(_))), "the first bytes arrive");
        assert!(matches!(body.next().await, Some(Err(_))), "the rest does not, or is not right");
    }
}
