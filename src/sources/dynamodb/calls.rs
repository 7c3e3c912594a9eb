//! The calls that read: Scan, Query and GetItem. Each gives the body of the reply as the service
//! sent it.
//!
//! Does not own asking again (`connection`) nor what the body says (`decode`).

use std::collections::HashMap;
use std::sync::Once;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use bytes::Bytes;
use serde_json::{Value, json};

use super::attribute::{Item, item_json};
use super::fault::{Fault, Private};
use super::raw_reply::{Body, RawReply};
use super::request::Request;

/// Where a page begins, and how many items may be read for it.
#[derive(Debug, Default)]
pub(super) struct From {
    pub start_key: Option<Item>,
    pub limit: Option<i32>,
}

impl From {
    fn private(&self) -> Private {
        if self.start_key.is_some() { Private::Position } else { Private::Nothing }
    }
}

/// A page of a segment, `(index, total)`, of a Scan.
pub(super) async fn scan(
    client: &Client,
    request: &Request,
    (segment, total_segments): (i32, i32),
    from: From,
) -> Result<Body, Fault> {
    let raw = RawReply::default();
    let private = from.private();
    let sent = client
        .scan()
        .table_name(&request.table)
        .segment(segment)
        .total_segments(total_segments)
        .consistent_read(request.consistent_read)
        .set_filter_expression(request.filter.clone())
        .set_projection_expression(request.projection.clone())
        .set_expression_attribute_names(some_unless_empty(&request.names))
        .set_expression_attribute_values(some_unless_empty(&request.values))
        .set_exclusive_start_key(from.start_key)
        .set_limit(from.limit)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .customize()
        .interceptor(raw.interceptor(|| Output::erase(ScanOutput::builder().build())))
        .send()
        .await
        .map_err(|error| Fault::of(error, private))?;
    body_or(&raw, || {
        let units = sent.consumed_capacity().and_then(|consumed| consumed.capacity_units());
        let counts = (sent.count(), sent.scanned_count());
        page_json(sent.items(), counts, sent.last_evaluated_key(), units)
    })
}

/// A page of a Query.
pub(super) async fn query(client: &Client, request: &Request, from: From) -> Result<Body, Fault> {
    let raw = RawReply::default();
    let private = from.private();
    let sent = client
        .query()
        .table_name(&request.table)
        .set_index_name(request.index.clone())
        .consistent_read(request.consistent_read)
        .set_key_condition_expression(request.key_condition.clone())
        .set_filter_expression(request.filter.clone())
        .set_projection_expression(request.projection.clone())
        .set_expression_attribute_names(some_unless_empty(&request.names))
        .set_expression_attribute_values(some_unless_empty(&request.values))
        .set_exclusive_start_key(from.start_key)
        .set_limit(from.limit)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .customize()
        .interceptor(raw.interceptor(|| Output::erase(QueryOutput::builder().build())))
        .send()
        .await
        .map_err(|error| Fault::of(error, private))?;
    body_or(&raw, || {
        let units = sent.consumed_capacity().and_then(|consumed| consumed.capacity_units());
        let counts = (sent.count(), sent.scanned_count());
        page_json(sent.items(), counts, sent.last_evaluated_key(), units)
    })
}

/// The item with `key`, strongly consistent.
pub(super) async fn get_item(client: &Client, table: &str, key: Item) -> Result<Body, Fault> {
    let raw = RawReply::default();
    let sent = client
        .get_item()
        .table_name(table)
        .set_key(Some(key))
        .consistent_read(true)
        .customize()
        .interceptor(raw.interceptor(|| Output::erase(GetItemOutput::builder().build())))
        .send()
        .await
        .map_err(|error| Fault::of(error, Private::Items))?;
    body_or(&raw, || match sent.item() {
        Some(item) => json!({ "Item": item_json(item) }),
        None => json!({}),
    })
}

/// The body as it came; made again from what the SDK decoded, should it have decoded it.
fn body_or(raw: &RawReply, decoded: impl FnOnce() -> Value) -> Result<Body, Fault> {
    static WARNING: Once = Once::new();
    let body = raw.body().map_err(|_| Fault::of_reply("the reply's checksum is wrong"))?;
    Ok(body.unwrap_or_else(|| {
        WARNING.call_once(|| {
            tracing::warn!("this SDK decodes replies itself: reading goes on, many times slower");
        });
        Body { bytes: Bytes::from(decoded().to_string()), verified: false }
    }))
}

/// The body of a page of items.
fn page_json(
    items: &[Item],
    (count, scanned_count): (i32, i32),
    last_evaluated_key: Option<&Item>,
    capacity_units: Option<f64>,
) -> Value {
    let mut page = json!({
        "Items": items.iter().map(item_json).collect::<Vec<_>>(),
        "Count": count,
        "ScannedCount": scanned_count,
    });
    if let (Some(key), Value::Object(members)) = (last_evaluated_key, &mut page) {
        members.insert("LastEvaluatedKey".to_owned(), item_json(key));
    }
    if let (Some(units), Value::Object(members)) = (capacity_units, &mut page) {
        members.insert("ConsumedCapacity".to_owned(), json!({ "CapacityUnits": units }));
    }
    page
}

/// The service refuses an empty map.
fn some_unless_empty<V: Clone>(map: &HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then(|| map.clone())
}

#[cfg(test)]
mod tests;
