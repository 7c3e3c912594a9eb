//! What a Scan and a Query give.

use std::path::Path;

use arrow::array::Array;
use consign::decode::Decoder;
use consign::error::ErrorKind;
use consign::model::{Batch, Part, SCAN_WINDOW};
use consign::plan::{DynamodbQuery, DynamodbTable};
use consign::sources::Source;
use serde_json::json;

use super::*;
use crate::services::dynamodb::PK_SK;

#[tokio::test]
async fn any_number_of_segments_gives_each_item_once() {
    let table = orders(300, 10).await;
    for segments in 1..=5 {
        let spec = DynamodbTable { segments: Some(segments), ..spec(&table.name) };
        let (plan, pages) = read_all(&open(&spec).await).await.unwrap();
        assert_eq!(plan.splits.len(), segments as usize);
        assert_eq!(plan.splits[0].name, format!("{} segment 1 of {segments}", table.name));
        assert_eq!(plan.splits[0].part, Part::Segment { index: 0, total: segments });
        let found = sorted(pages.iter().flat_map(|pages| ids(pages)).collect());
        assert_eq!(found, ids_to(300), "{segments} segments");
    }
    table.delete().await;
}

#[tokio::test]
async fn a_plan_says_what_is_read_and_how() {
    let table = orders(60, 20_000).await;
    let plan = open(&spec(&table.name)).await.plan().await.unwrap();
    assert_eq!(plan.summary.kind, "dynamodb");
    assert_eq!(plan.summary.location, format!("dynamodb://{}", table.name));
    assert_eq!(plan.summary.consistency, SCAN_WINDOW);
    assert_eq!(plan.summary.fingerprint.len(), 64);
    assert_eq!(plan.summary.pushed_down, None);
    assert_eq!(plan.splits.len(), 1, "a small table is one segment");
    assert!(plan.splits[0].bytes > 1_000_000 && plan.splits[0].is_live());
    table.delete().await;
}

#[tokio::test]
async fn only_what_the_contract_reads_is_fetched_reserved_words_or_not() {
    let table = orders(3, 10).await;
    let (_, pages) = read_all(&open(&spec(&table.name)).await).await.unwrap();
    let mut expected = order(1, 10);
    expected.as_object_mut().unwrap().remove("not_of_the_contract");
    assert!(items_of(&pages[0][0]).contains(&expected));

    let whole = DynamodbTable { whole_items: true, ..spec(&table.name) };
    let (_, pages) = read_all(&open(&whole).await).await.unwrap();
    assert!(items_of(&pages[0][0]).contains(&order(1, 10)));
    table.delete().await;
}

#[tokio::test]
async fn the_items_of_an_export_are_decoded_as_its_lines_are() {
    let table = Table::create(PK_SK, &[]).await;
    let sample = "samples/orders-export/AWSDynamoDB/01785722400000-5a3c1e7d";
    let loaded = table.load_export(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).await;
    let segments = DynamodbTable { segments: Some(3), ..spec(&table.name) };
    let (_, pages) = read_all(&open(&segments).await).await.unwrap();
    let contract = contract();
    let mut decoder = Decoder::new(&contract, RawFormat::DynamodbItem);
    let batches: Vec<_> = pages.iter().flatten().map(|page| decoder.decode(page)).collect();
    assert_eq!(batches.iter().map(Batch::num_rows).sum::<usize>(), loaded.len());
    let reasons = batches.iter().flat_map(|batch| &batch.reasons);
    let of_rows: Vec<_> = reasons.filter(|reason| reason.reason.field.is_none()).collect();
    assert!(of_rows.is_empty(), "no row is malformed: {of_rows:?}");
    let without_id =
        batches.iter().map(|batch| batch.columns.column_by_name("order_id").unwrap().null_count());
    assert!(without_id.sum::<usize>() < 20);
    table.delete().await;
}

#[tokio::test]
async fn the_key_is_fetched_even_when_the_contract_does_not_read_it() {
    let key: Key = &[("pk", ScalarAttributeType::N)];
    let table = Table::create(key, &[]).await;
    table.put(&[item(&json!({ "pk": { "N": "7" }, "status": { "S": "paid" } }))]).await;
    let (_, pages) = read_all(&open(&spec(&table.name)).await).await.unwrap();
    let expected = json!({ "pk": { "N": "7" }, "status": { "S": "paid" } });
    assert_eq!(items_of(&pages[0][0]), [expected]);
    table.delete().await;
}

#[tokio::test]
async fn pages_without_items_go_on() {
    let table = orders(60, 100_000).await; // six pages of a megabyte
    let filtered = DynamodbTable {
        filter: Some("order_id = :id".to_owned()),
        values: [(":id".to_owned(), r#"{"S":"ord_00041"}"#.to_owned())].into(),
        ..spec(&table.name)
    };
    let (_, pages) = read_all(&open(&filtered).await).await.unwrap();
    assert!(pages[0].len() >= 6, "{} pages", pages[0].len());
    assert!(pages[0].iter().filter(|page| items_of(page).is_empty()).count() >= 5);
    let (last, others) = pages[0].split_last().unwrap();
    assert!(others.iter().all(|page| page.resume.is_some()), "each moves the position");
    assert_eq!(last.resume, None);
    assert_eq!(ids(&pages[0]), ["ord_00041"]);
    table.delete().await;
}

#[tokio::test]
async fn an_index_is_queried() {
    let table = orders(90, 50_000).await;
    let spec = DynamodbTable {
        query: Some(DynamodbQuery {
            index: Some("by_status".to_owned()),
            key_condition: "#s = :paid".to_owned(),
        }),
        names: [("#s".to_owned(), "status".to_owned())].into(),
        values: [(":paid".to_owned(), r#"{"S":"paid"}"#.to_owned())].into(),
        ..spec(&table.name)
    };
    let source = open(&spec).await;
    let (plan, pages) = read_all(&source).await.unwrap();
    assert_eq!(plan.splits.len(), 1);
    assert_eq!(plan.splits[0].part, Part::Query);
    assert_eq!(plan.summary.location, format!("dynamodb://{}/index/by_status", table.name));
    assert!(pages[0].len() > 1, "{} pages", pages[0].len());
    let paid: Vec<_> = ids_to(90).into_iter().step_by(3).collect();
    assert_eq!(sorted(ids(&pages[0])), paid);
    table.delete().await;
}

#[tokio::test]
async fn a_strongly_consistent_scan_gives_the_same() {
    let table = orders(30, 10).await;
    let spec = DynamodbTable { consistent_read: true, ..spec(&table.name) };
    assert_eq!(all_ids(&open(&spec).await).await, ids_to(30));
    table.delete().await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let error = open(&spec("no-such-table")).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no-such-table"), "{error}");
    assert!(error.to_string().contains("us-east-1"), "{error}");
    assert!(error.help().unwrap().contains("region"));

    let table = orders(1, 10).await;
    let query =
        DynamodbQuery { index: Some("by_day".to_owned()), key_condition: "a = :a".to_owned() };
    let spec = DynamodbTable { query: Some(query), ..spec(&table.name) };
    let error = open(&spec).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.help().unwrap().contains("by_status"), "{error:?}");
    table.delete().await;
}

#[tokio::test]
async fn a_wrong_expression_is_shown() {
    let table = orders(1, 10).await;
    let spec = DynamodbTable { filter: Some("order_id == 1".to_owned()), ..spec(&table.name) };
    let error = read_all(&open(&spec).await).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("FilterExpression"), "{error}");
    table.delete().await;
}
