//! What of a slice the service applies itself, and that no row is lost by it.

use aws_sdk_dynamodb::types::ScalarAttributeType;
use consign::error::ErrorKind;
use consign::plan::{DynamodbQuery, DynamodbTable};
use serde_json::json;

use super::*;

/// The second of August 2026, of the field that the contract calls `updated_at`: text, or a number
/// of seconds.
fn second_of_august(field: &str) -> Slice {
    Slice {
        field: field.to_owned(),
        from: "2026-08-02T00:00:00Z".parse().unwrap(),
        to: "2026-08-03T00:00:00Z".parse().unwrap(),
    }
}

async fn sliced(spec: &DynamodbTable, field: &str) -> (Option<String>, Vec<String>) {
    let slice = second_of_august(field);
    let source = open_at(&dynamodb_url(), spec, Some(&slice)).await.unwrap();
    let (plan, _) = read_all(&source).await.unwrap();
    (plan.summary.pushed_down, all_ids(&source).await)
}

#[tokio::test]
async fn a_scan_leaves_out_numbers_outside_the_slice_and_nothing_else() {
    let table = Table::create(ORDER_ID, &[]).await;
    let day = |day: i64| 1_785_542_400 + (day - 1) * 86_400; // of August 2026
    for (id, updated_at) in [
        ("before", json!({ "N": (day(2) - 1).to_string() })),
        ("first", json!({ "N": day(2).to_string() })),
        ("fraction", json!({ "N": format!("{}.999999", day(3) - 1) })),
        ("behind", json!({ "N": day(3).to_string() })),
        ("text", json!({ "S": "2020-01-01T00:00:00Z" })),
        ("null", json!({ "NULL": true })),
        ("map", json!({ "M": {} })),
    ] {
        let order = json!({ "order_id": { "S": id }, "updated_at": updated_at });
        table.put(&[item(&order)]).await;
    }
    table.put(&[item(&json!({ "order_id": { "S": "missing" } }))]).await;

    let (words, ids) = sliced(&spec(&table.name), "updated_at").await;
    assert_eq!(ids, ["first", "fraction", "map", "missing", "null", "text"]);
    assert!(words.unwrap().contains("filter on updated_at"));

    let filtered = DynamodbTable {
        filter: Some("order_id = :a OR order_id = :b".to_owned()),
        values: [
            (":a".to_owned(), r#"{"S":"first"}"#.to_owned()),
            (":b".to_owned(), r#"{"S":"before"}"#.to_owned()),
        ]
        .into(),
        ..spec(&table.name)
    };
    assert_eq!(sliced(&filtered, "updated_at").await.1, ["first"]);
    let (words, ids) = sliced(&spec(&table.name), "created_at").await;
    assert_eq!(ids.len(), 8);
    assert!(words.unwrap().starts_with("nothing: created_at is text"));
    table.delete().await;
}

#[tokio::test]
async fn a_key_condition_is_given_the_bounds_as_the_index_holds_them() {
    let by_update = |kind| [("status", ScalarAttributeType::S), ("updated_at", kind)];
    for (kind, stored) in [
        (
            ScalarAttributeType::S,
            [
                "2026-08-01T23:59:59.999Z",
                "2026-08-02T00:00:00.000Z",
                "2026-08-02T00:00:00+00:00",
                "2026-08-02T23:59:59Z",
                "2026-08-03T00:00:00Z",
            ],
        ),
        (
            ScalarAttributeType::N,
            ["1785628799", "1785628800", "1785628800.5", "1785715199", "1785715201"],
        ),
    ] {
        let table = Table::create(ORDER_ID, &[("by_update", &by_update(kind.clone()))]).await;
        for (number, updated_at) in stored.iter().enumerate() {
            let updated_at = json!({ kind.as_str(): updated_at });
            let order = json!({
                "order_id": { "S": number.to_string() },
                "status": { "S": "paid" },
                "updated_at": updated_at,
            });
            table.put(&[item(&order)]).await;
        }
        let spec = DynamodbTable {
            query: Some(DynamodbQuery {
                index: Some("by_update".to_owned()),
                key_condition: "#s = :paid AND updated_at BETWEEN :slice_from AND :slice_to"
                    .to_owned(),
            }),
            names: [("#s".to_owned(), "status".to_owned())].into(),
            values: [(":paid".to_owned(), r#"{"S":"paid"}"#.to_owned())].into(),
            ..spec(&table.name)
        };
        let (words, ids) = sliced(&spec, "updated_at").await;
        assert_eq!(ids, ["1", "2", "3"], "{kind:?}");
        assert_eq!(words.as_deref(), Some("key condition on index by_update"));
        table.delete().await;
    }
}

#[tokio::test]
async fn a_key_condition_that_speaks_of_a_slice_needs_one() {
    let query = DynamodbQuery { index: None, key_condition: "a > :slice_from".to_owned() };
    let spec = DynamodbTable { query: Some(query), ..spec("orders") };
    let error = open_at(&dynamodb_url(), &spec, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}
