//! Tables on DynamoDB Local: making one, filling it with the items of an export, dropping it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::slice;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, PutRequest, ScalarAttributeType, WriteRequest,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::{dynamodb_url, unique_name};

/// What BatchWriteItem takes at a time.
const BATCH_ITEMS: usize = 25;

pub type Item = HashMap<String, AttributeValue>;

/// Attributes of a key with their types: the hash key, then perhaps the range key.
pub type Key<'a> = &'a [(&'a str, ScalarAttributeType)];

/// The key of a table with one item an order.
pub const ORDER_ID: Key = &[("order_id", ScalarAttributeType::S)];

/// The key of the tables that the generated exports of orders were taken from.
pub const PK_SK: Key = &[("pk", ScalarAttributeType::S), ("sk", ScalarAttributeType::S)];

/// A table of one test.
#[derive(Debug, Clone)]
pub struct Table {
    pub client: Client,
    pub name: String,
}

impl Table {
    /// An empty table with indexes that hold whole items, by their names.
    pub async fn create(key: Key<'_>, indexes: &[(&str, Key<'_>)]) -> Self {
        let table = Self { client: client(&dynamodb_url()), name: unique_name("orders") };
        let indexed = indexes.iter().flat_map(|(_, key)| key.iter());
        let types: HashMap<_, _> = key.iter().chain(indexed).cloned().collect();
        let mut create = table
            .client
            .create_table()
            .table_name(&table.name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(key_schema(key)));
        for (name, kind) in types {
            create = create.attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(name)
                    .attribute_type(kind)
                    .build()
                    .unwrap(),
            );
        }
        for (name, key) in indexes {
            let whole = Projection::builder().projection_type(ProjectionType::All).build();
            create = create.global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(*name)
                    .set_key_schema(Some(key_schema(key)))
                    .projection(whole)
                    .build()
                    .unwrap(),
            );
        }
        create.send().await.unwrap();
        table
    }

    /// Writes items, no two of them with the same key.
    pub async fn put(&self, items: &[Item]) {
        for batch in items.chunks(BATCH_ITEMS) {
            self.put_batch(batch).await.unwrap();
        }
    }

    /// Fills the table with the items of an export and returns those it took: it refuses what no
    /// table can hold, say a set with equal members.
    pub async fn load_export(&self, export: &Path) -> Vec<Item> {
        let mut taken = vec![];
        for batch in items_of_export(export).chunks(BATCH_ITEMS) {
            if self.put_batch(batch).await.is_ok() {
                taken.extend_from_slice(batch);
                continue;
            }
            for item in batch {
                if self.put_batch(slice::from_ref(item)).await.is_ok() {
                    taken.push(item.clone());
                }
            }
        }
        taken
    }

    async fn put_batch(&self, items: &[Item]) -> Result<(), SdkError<BatchWriteItemError>> {
        let writes: Vec<_> = items.iter().cloned().map(put_request).collect();
        let batch = self.client.batch_write_item().request_items(&self.name, writes);
        let left = batch.send().await?.unprocessed_items;
        assert!(left.is_none_or(|left| left.is_empty()), "the table left items for later");
        Ok(())
    }

    pub async fn delete(self) {
        self.client.delete_table().table_name(self.name).send().await.unwrap();
    }
}

/// A client of the server at `url`, which may be a proxy.
pub fn client(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .build();
    Client::from_conf(config)
}

/// The items of an export, by data file in the order of their names. Damaged lines are left out: no
/// table can have held them.
pub fn items_of_export(export: &Path) -> Vec<Item> {
    let mut files: Vec<_> =
        fs::read_dir(export.join("data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let lines = files.into_iter().flat_map(|file| {
        BufReader::new(MultiGzDecoder::new(File::open(file).unwrap())).split(b'\n')
    });
    lines
        .filter_map(|line| item(&serde_json::from_slice::<Value>(&line.unwrap()).ok()?["Item"]))
        .collect()
}

/// An item from DynamoDB JSON, if that is what it is.
pub fn item(json: &Value) -> Option<Item> {
    let fields = json.as_object()?.iter();
    fields.map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

fn attribute(json: &Value) -> Option<AttributeValue> {
    let (kind, value) = json.as_object()?.iter().next()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let blob = |value: &Value| BASE64.decode(value.as_str()?).ok().map(Blob::new);
    Some(match kind.as_str() {
        "S" => AttributeValue::S(text(value)?),
        "N" => AttributeValue::N(text(value)?),
        "B" => AttributeValue::B(blob(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "SS" => AttributeValue::Ss(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "NS" => AttributeValue::Ns(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "BS" => AttributeValue::Bs(value.as_array()?.iter().map(blob).collect::<Option<_>>()?),
        "L" => AttributeValue::L(value.as_array()?.iter().map(attribute).collect::<Option<_>>()?),
        "M" => AttributeValue::M(item(value)?),
        _ => return None,
    })
}

fn put_request(item: Item) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

fn key_schema(key: Key) -> Vec<KeySchemaElement> {
    key.iter()
        .zip([KeyType::Hash, KeyType::Range])
        .map(|((name, _), kind)| {
            KeySchemaElement::builder().attribute_name(*name).key_type(kind).build().unwrap()
        })
        .collect()
}

#[tokio::test]
async fn an_export_is_loaded_into_a_table_and_its_index() {
    let status: Key = &[("status", ScalarAttributeType::S), ("sk", ScalarAttributeType::S)];
    let table = Table::create(PK_SK, &[("by-status", status)]).await;
    let sample = "samples/orders-export/AWSDynamoDB/01785722400000-5a3c1e7d";
    let mut loaded = table.load_export(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).await;
    assert!(loaded.len() > 2_300, "{}", loaded.len());

    let scan = table.client.scan().table_name(&table.name).into_paginator().items().send();
    let mut scanned = scan.collect::<Result<Vec<Item>, _>>().await.unwrap();
    let key =
        |item: &Item| (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone());
    loaded.sort_by_key(key);
    scanned.sort_by_key(key);
    let keys = |items: &[Item]| items.iter().map(key).collect::<Vec<_>>();
    assert_eq!(keys(&loaded), keys(&scanned));

    let paid = table
        .client
        .query()
        .table_name(&table.name)
        .index_name("by-status")
        .key_condition_expression("#s = :s")
        .expression_attribute_names("#s", "status")
        .expression_attribute_values(":s", AttributeValue::S("paid".into()))
        .send()
        .await
        .unwrap();
    let has_status = |item: &Item| item.get("status") == Some(&AttributeValue::S("paid".into()));
    let expected = scanned.iter().filter(|item| has_status(item)).count();
    assert_eq!(usize::try_from(paid.count).unwrap(), expected);
    table.delete().await;
}

#[tokio::test]
async fn a_table_of_orders_has_one_item_for_each_id() {
    let table = Table::create(ORDER_ID, &[]).await;
    let order = |status: &str| {
        item(&serde_json::json!({ "order_id": { "S": "ord_1" }, "status": { "S": status } }))
            .unwrap()
    };
    table.put(&[order("paid")]).await;
    table.put(&[order("shipped")]).await;
    let scan = table.client.scan().table_name(&table.name).send().await.unwrap();
    assert_eq!(scan.items(), [order("shipped")]);
    table.delete().await;
}
