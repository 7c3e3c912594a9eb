//! Single items, keys, and writing a table.

use consign::sources::dynamodb::{KeyAttribute, Written, batch_write, get_item, key_schema};

use super::*;
use crate::services::dynamodb::PK_SK;

#[tokio::test]
async fn an_item_is_found_by_its_key_or_is_not_there() {
    let table = orders(3, 10).await;
    let connection = connection(&dynamodb_url(), Duration::from_secs(5)).await;
    let key = |id: &str| item(&json!({ "order_id": { "S": id } }));
    let found = get_item(&connection, &table.name, key("ord_00001")).await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&found).unwrap(), order(1, 10));
    assert_eq!(get_item(&connection, &table.name, key("secret")).await.unwrap(), None);

    let wrong = item(&json!({ "id": { "S": "secret" } }));
    let error = get_item(&connection, &table.name, wrong).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    assert!(error.help().unwrap().contains("key of the table"), "{error:?}");
    table.delete().await;
}

#[tokio::test]
async fn the_key_of_a_table_is_told_with_its_types() {
    let table = Table::create(PK_SK, &[]).await;
    let connection = connection(&dynamodb_url(), Duration::from_secs(5)).await;
    let attribute =
        |name: &str| KeyAttribute { name: name.to_owned(), attribute_type: "S".to_owned() };
    let key = key_schema(&connection, &table.name).await.unwrap();
    assert_eq!(key, [attribute("pk"), attribute("sk")]);
    table.delete().await;
}

#[tokio::test]
async fn a_table_is_filled_a_batch_at_a_time() {
    let table = Table::create(ORDER_ID, &[]).await;
    let connection = connection(&dynamodb_url(), Duration::from_secs(5)).await;
    let items = (0..60).map(|number| item(&order(number, 10))).collect();
    let written = batch_write(&connection, &table.name, items).await.unwrap();
    assert_eq!(written, Written { items: 60, retried_batches: 0 });
    assert_eq!(all_ids(&open(&spec(&table.name)).await).await, ids_to(60));
    assert_eq!(batch_write(&connection, &table.name, vec![]).await.unwrap(), Written::default());
    table.delete().await;
}
