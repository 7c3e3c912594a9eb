//! A DynamoDB table read while it is in use, against DynamoDB Local: what is read, where reading
//! goes on, what is refused, and faults between the program and the service.

mod budget;
mod faults;
mod items;
mod resume;
mod scan;
mod slices;

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::ScalarAttributeType;
use consign::catalog::{Contract, load_contract};
use consign::error::Result;
use consign::model::{PageContent, Position, RawFormat, RawPage, Split};
use consign::plan::{AwsOptions, DynamodbTable, Slice};
use consign::sources::dynamodb::{Connection, Item, LiveTable, parse_item};
use consign::sources::{ReadContext, Source, SourcePlan};
use consign::storage::aws::LoadConfig;
use futures::{FutureExt, TryStreamExt};
use serde_json::{Value, json};

use crate::services::dynamodb::{Key, ORDER_ID, Table};
use crate::services::dynamodb_url;

/// The key of an index of orders by status and time.
const BY_STATUS: Key =
    &[("status", ScalarAttributeType::S), ("created_at", ScalarAttributeType::S)];

fn contract() -> Contract {
    let path = "schemas/exported_orders/v1.odcs.yaml";
    load_contract(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A job that reads all of `table`.
fn spec(table: &str) -> DynamodbTable {
    DynamodbTable { patience: Duration::from_secs(30), ..DynamodbTable::named(table) }
}

async fn connection(url: &str, patience: Duration) -> Arc<Connection> {
    let load: LoadConfig = Arc::new(|| {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        async move { config }.boxed()
    });
    Arc::new(Connection::open(load, Some(url.to_owned()), patience).await)
}

/// Opens `spec` at `url`, which may be a proxy.
async fn open_at(url: &str, spec: &DynamodbTable, slice: Option<&Slice>) -> Result<LiveTable> {
    let (contract, aws) = (contract(), AwsOptions::default());
    let context =
        ReadContext { contract: &contract, slice, aws: &aws, threads: 2, whole_file_bytes: 0 };
    LiveTable::new(connection(url, spec.patience).await, spec, context)
}

async fn open(spec: &DynamodbTable) -> LiveTable {
    open_at(&dynamodb_url(), spec, None).await.unwrap()
}

/// An order with a text of `bytes` bytes.
fn order(number: usize, bytes: usize) -> Value {
    json!({
        "order_id": { "S": format!("ord_{number:05}") },
        "status": { "S": if number.is_multiple_of(3) { "paid" } else { "open" } },
        "created_at": { "S": format!("2026-08-{:02}T12:00:00Z", number % 28 + 1) },
        "items": { "L": [{ "M": { "quantity": { "N": "1" } } }] },
        "gift_message": { "S": "x".repeat(bytes) },
        "not_of_the_contract": { "N": "1.1" },
    })
}

fn item(json: &Value) -> Item {
    parse_item(&json.to_string()).unwrap()
}

/// A table of `count` orders of about `bytes` bytes each.
async fn orders(count: usize, bytes: usize) -> Table {
    let table = Table::create(ORDER_ID, &[("by_status", BY_STATUS)]).await;
    let items: Vec<_> = (0..count).map(|number| item(&order(number, bytes))).collect();
    table.put(&items).await;
    table
}

/// The items of a page.
fn items_of(page: &RawPage) -> Vec<Value> {
    let PageContent::Embedded { format, bytes, ranges } = &page.content else {
        panic!("not a reply: {page:?}")
    };
    assert_eq!(*format, RawFormat::DynamodbItem);
    let item = |(start, end): &(u32, u32)| bytes.slice(*start as usize..*end as usize);
    ranges.iter().map(|range| serde_json::from_slice(&item(range)).unwrap()).collect()
}

fn id(item: &Value) -> String {
    item["order_id"]["S"].as_str().unwrap().to_owned()
}

/// The ids in pages that follow each other; their row numbers must do so too.
fn ids(pages: &[RawPage]) -> Vec<String> {
    let mut next = pages.first().map_or(0, |page| page.first_row);
    let mut ids = vec![];
    for page in pages {
        assert_eq!(page.first_row, next, "rows are numbered through");
        let items = items_of(page);
        next += items.len() as u64;
        ids.extend(items.iter().map(id));
    }
    ids
}

fn ids_to(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("ord_{number:05}")).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

async fn pages_after(
    source: &LiveTable,
    split: &Split,
    after: Option<&Position>,
) -> Result<Vec<RawPage>> {
    source.read(split, after).try_collect().await
}

/// Plans and reads everything, one split after the other.
async fn read_all(source: &LiveTable) -> Result<(SourcePlan, Vec<Vec<RawPage>>)> {
    let plan = source.plan().await?;
    let mut pages = vec![];
    for split in &plan.splits {
        pages.push(pages_after(source, split, None).await?);
    }
    Ok((plan, pages))
}

/// All ids that a source gives, sorted.
async fn all_ids(source: &LiveTable) -> Vec<String> {
    let (_, pages) = read_all(source).await.unwrap();
    sorted(pages.iter().flat_map(|pages| ids(pages)).collect())
}
