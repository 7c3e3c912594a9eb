//! Going on after a page, and plans that cannot be taken up again.

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType};
use consign::error::ErrorKind;
use consign::plan::{DynamodbQuery, DynamodbTable};
use consign::sources::Source;

use super::*;

/// Reading that stops after each page and goes on gives what reading at one go gives.
async fn goes_on_after_every_page(source: &LiveTable) {
    let (plan, pages) = read_all(source).await.unwrap();
    for (split, pages) in plan.splits.iter().zip(&pages) {
        let whole = ids(pages);
        for page in &pages[..pages.len() - 1] {
            let rows = page.first_row + items_of(page).len() as u64;
            let after = Position { rows, after: page.resume.clone().unwrap() };
            let rest = pages_after(source, split, Some(&after)).await.unwrap();
            assert_eq!(rest[0].first_row, rows);
            assert_eq!(ids(&rest), whole[usize::try_from(rows).unwrap()..]);
        }
    }
}

#[tokio::test]
async fn a_segment_goes_on_after_any_page() {
    let table = orders(60, 100_000).await;
    let spec = DynamodbTable { segments: Some(2), ..spec(&table.name) };
    goes_on_after_every_page(&open(&spec).await).await;
    table.delete().await;
}

#[tokio::test]
async fn a_query_of_an_index_goes_on_among_equal_index_keys() {
    let table = Table::create(ORDER_ID, &[("by_status", BY_STATUS)]).await;
    for number in 0..40 {
        let mut order = order(number, 100_000);
        order["status"] = json!({ "S": "paid" });
        order["created_at"] = json!({ "S": "2026-08-01T12:00:00Z" });
        table.put(&[item(&order)]).await;
    }
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
    assert_eq!(all_ids(&source).await, ids_to(40));
    goes_on_after_every_page(&source).await;
    table.delete().await;
}

#[tokio::test]
async fn keys_of_every_type_go_on_without_loss() {
    let text = "x".repeat(200_000);
    for (kind, keys) in [
        (
            ScalarAttributeType::N,
            [r#""N":"1234567890.1234567890123456789""#, r#""N":"-1E-100""#, r#""N":"0""#],
        ),
        (ScalarAttributeType::B, [r#""B":"AAECAw==""#, r#""B":"/w==""#, r#""B":"fn5+""#]),
        (ScalarAttributeType::S, [r#""S":"\"\\\n\u0001""#, r#""S":"é🎁""#, r#""S":" ""#]),
    ] {
        let key: &[(&str, ScalarAttributeType)] =
            &[("order_id", ScalarAttributeType::S), ("k", kind)];
        let table = Table::create(key, &[]).await;
        for (number, value) in (0..12).map(|number| (number, keys[number % 3])) {
            let json = format!(
                r#"{{"order_id":{{"S":"o{}"}},"k":{{{value}}},"gift_message":{{"S":"{text}"}}}}"#,
                number / 3
            );
            table.put(&[parse_item(&json).unwrap()]).await;
        }
        goes_on_after_every_page(&open(&spec(&table.name)).await).await;
        table.delete().await;
    }
}

#[tokio::test]
async fn a_plan_is_taken_up_with_its_segments() {
    let table = orders(30, 10).await;
    let four = DynamodbTable { segments: Some(4), ..spec(&table.name) };
    let interrupted = open(&four).await.plan().await.unwrap();
    for segments in [Some(4), None] {
        let spec = DynamodbTable { segments, ..spec(&table.name) };
        let resumed = open(&spec).await.resume(interrupted.clone()).await.unwrap();
        assert_eq!(resumed, interrupted);
    }
    table.delete().await;
}

#[tokio::test]
async fn a_plan_that_no_longer_fits_is_refused() {
    let table = orders(30, 10).await;
    let four = DynamodbTable { segments: Some(4), ..spec(&table.name) };
    let interrupted = open(&four).await.plan().await.unwrap();
    let refused = async |spec: &DynamodbTable, why: &str| {
        let error = open(spec).await.resume(interrupted.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.help().unwrap().contains("--fresh"));
    };
    let five = DynamodbTable { segments: Some(5), ..spec(&table.name) };
    refused(&five, "4 segments").await;
    let query = DynamodbQuery { index: None, key_condition: "order_id = :id".to_owned() };
    let values = [(":id".to_owned(), r#"{"S":"x"}"#.to_owned())].into();
    refused(&DynamodbTable { query: Some(query), values, ..spec(&table.name) }, "Query").await;
    refused(&DynamodbTable { whole_items: true, ..spec(&table.name) }, "another part").await;

    make_anew(&table).await;
    refused(&spec(&table.name), "another").await;
    table.delete().await;
}

/// Drops the table and makes another one under its name.
async fn make_anew(table: &Table) {
    table.client.delete_table().table_name(&table.name).send().await.unwrap();
    let described = AttributeDefinition::builder()
        .attribute_name("order_id")
        .attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("order_id").key_type(KeyType::Hash);
    table
        .client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(described.build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
}
