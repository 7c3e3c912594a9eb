use std::fs;
use std::io::Read;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{
    Intercept, disable_interceptor, dyn_dispatch_hint,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use flate2::read::MultiGzDecoder;
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use super::super::attribute::parse_item;
use super::super::canned::{Canned, Service, ok, refused};
use super::super::raw_reply::TakeBody;
use super::*;
use crate::catalog::load_contract;
use crate::decode::{Decoder, dynamodb_reply, verified_dynamodb_reply};
use crate::error::ErrorKind;
use crate::model::{Batch, PageContent, RawFormat, RawPage, ReasonCode, SplitId};

/// As no serialiser would write it.
const PAGE: &str = r#"{ "Items":[ {"b":{"N":"1.50"},"a":{"S":"é"}} , {"a" : {"BOOL":true}}],"Count":2 ,"ScannedCount":4,
    "LastEvaluatedKey":{"a":{"S":"é"}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":2.5}}"#;

fn request() -> Request {
    Request { table: "orders".to_owned(), ..Request::default() }
}

async fn scan_page(reply: Canned) -> Result<Body, Fault> {
    scan(&Service::new([reply]).client(), &request(), (0, 1), From::default()).await
}

async fn fault_of(reply: Canned, start_key: Option<Item>) -> Fault {
    let from = From { start_key, limit: None };
    scan(&Service::new([reply]).client(), &request(), (0, 1), from).await.unwrap_err()
}

/// Fails when an SDK no longer hands over the body: reading would go on, many times slower.
#[tokio::test]
async fn the_body_is_taken_as_it_came() {
    assert_eq!(scan_page(ok(PAGE)).await.unwrap().bytes, PAGE);
    let client = Service::new([ok(PAGE)]).client();
    let request = Request { key_condition: Some("a = :a".to_owned()), ..request() };
    assert_eq!(query(&client, &request, From::default()).await.unwrap().bytes, PAGE);
    let item = r#"{ "Item":{"a":{"S":"x"}} }"#;
    let client = Service::new([ok(item)]).client();
    assert_eq!(get_item(&client, "orders", Item::new()).await.unwrap().bytes, item);
}

#[tokio::test]
async fn a_page_that_the_sdk_decoded_says_the_same() {
    let client = Service::new([ok(PAGE)]).client();
    let sent = client.scan().table_name("orders").send().await.unwrap();
    let units = sent.consumed_capacity().and_then(|consumed| consumed.capacity_units());
    let counts = (sent.count(), sent.scanned_count());
    let page = page_json(sent.items(), counts, sent.last_evaluated_key(), units).to_string();
    let (made, came) =
        (dynamodb_reply(page.as_bytes()).unwrap(), dynamodb_reply(PAGE.as_bytes()).unwrap());
    assert_eq!(made.items.len(), came.items.len());
    assert_eq!(
        (made.last_evaluated_key, made.scanned_count, made.consumed_milli_units),
        (came.last_evaluated_key, came.scanned_count, came.consumed_milli_units)
    );
    let items = |page: &str| serde_json::from_str::<Value>(page).unwrap()["Items"].clone();
    assert_eq!(items(&page), items(PAGE));
}

/// As a later SDK may be: it takes no notice of the interceptor that keeps the body.
#[derive(Debug)]
struct Deaf;

#[dyn_dispatch_hint]
impl Intercept for Deaf {
    fn name(&self) -> &'static str {
        "Deaf"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(disable_interceptor::<TakeBody>("a test"));
        Ok(())
    }
}

#[tokio::test]
async fn with_an_sdk_that_keeps_the_body_to_itself_no_row_is_lost_and_parquet_is_the_same() {
    let page = page_of_the_samples();
    let came = scan_page(ok(&page)).await.unwrap().bytes;
    let deaf = Service::new([ok(&page)]).client().config().to_builder().interceptor(Deaf).build();
    let made = scan(&Client::from_conf(deaf), &request(), (0, 1), From::default()).await.unwrap();
    assert!(!made.verified, "what was made again has no checksum");
    let made = made.bytes;
    assert_eq!(came, page);
    assert_ne!(made, page, "the SDK was to decode this page");

    let (came, made) = (decoded(came), decoded(made));
    assert!(came.num_rows() > 500, "{} rows", came.num_rows());
    assert_eq!(made.reasons, came.reasons);
    assert_eq!(parquet_of(&made.columns), parquet_of(&came.columns));
}

/// The sample orders as the service sends items: whole, and no attribute twice.
fn page_of_the_samples() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exports = root.join("samples/orders-export/AWSDynamoDB");
    let export = fs::read_dir(exports).unwrap().next().unwrap().unwrap().path();
    let mut lines = String::new();
    for file in fs::read_dir(export.join("data")).unwrap() {
        let file = fs::File::open(file.unwrap().path()).unwrap();
        MultiGzDecoder::new(file).read_to_string(&mut lines).unwrap();
    }
    let items: Vec<_> = lines
        .lines()
        .filter_map(|line| line.strip_prefix(r#"{"Item":"#)?.strip_suffix('}'))
        .filter(|item| parse_item(item).is_ok() && item.matches(r#""status":"#).count() < 2)
        .collect();
    let count = items.len();
    format!(r#"{{"Items":[{}],"Count":{count},"ScannedCount":{count}}}"#, items.join(","))
}

fn decoded(bytes: Bytes) -> Batch {
    let ranges = dynamodb_reply(&bytes).unwrap().items;
    decoded_rows(bytes, ranges)
}

fn decoded_rows(bytes: Bytes, ranges: Vec<(u32, u32)>) -> Batch {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap();
    let format = RawFormat::DynamodbItem;
    let content = PageContent::Embedded { format, ranges, bytes };
    let page = RawPage { split: SplitId(0), first_row: 0, offset_bytes: 0, content, resume: None };
    Decoder::new(&contract, format).decode(&page)
}

fn parquet_of(columns: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), columns.schema(), None).unwrap();
    writer.write(columns).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn a_wrong_checksum_is_a_passing_fault() {
    let with = |crc32| Canned::Reply { status: 200, body: PAGE.to_owned(), crc32: Some(crc32) };
    let right = crc32fast::hash(PAGE.as_bytes());
    assert!(scan_page(with(right)).await.unwrap().verified);
    assert!(!scan_page(ok(PAGE)).await.unwrap().verified);
    assert!(matches!(scan_page(with(right ^ 1)).await, Err(Fault::Passing(_))));
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    for reply in [
        Canned::Broken,
        refused(400, "ProvisionedThroughputExceededException", ""),
        refused(400, "ThrottlingException", ""),
        refused(400, "RequestLimitExceeded", ""),
        refused(500, "InternalServerError", ""),
        Canned::Reply { status: 503, body: "<html>".to_owned(), crc32: None },
        Canned::Reply { status: 400, body: "{\"__ty".to_owned(), crc32: None },
    ] {
        let fault = fault_of(reply.clone(), None).await;
        assert!(matches!(fault, Fault::Passing(_)), "{reply:?}: {fault:?}");
    }
}

#[tokio::test]
async fn what_will_not_pass_is_told_apart() {
    for (code, kind) in [
        ("ResourceNotFoundException", ErrorKind::Usage),
        ("ValidationException", ErrorKind::Usage),
        ("AccessDeniedException", ErrorKind::Permission),
        ("SomethingNewException", ErrorKind::Unexpected),
    ] {
        match fault_of(refused(400, code, "why"), None).await {
            Fault::Fatal(error) => assert_eq!(error.kind(), kind, "{error:?}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    for code in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let fault = fault_of(refused(400, code, ""), None).await;
        assert!(matches!(fault, Fault::Credentials(_)), "{code}: {fault:?}");
    }
}

#[tokio::test]
async fn the_service_does_not_get_to_quote_a_key() {
    let key = parse_item(r#"{"a":{"S":"secret"}}"#).unwrap();
    let shown = async |message: &str, key: Option<Item>| match fault_of(
        refused(400, "ValidationException", message),
        key,
    )
    .await
    {
        Fault::Fatal(error) => format!("{error:?}"),
        other => panic!("{other:?}"),
    };
    let quoting = "The provided starting key is outside: secret";
    assert!(!shown(quoting, Some(key.clone())).await.contains("secret"));
    let expression = "Invalid FilterExpression: Syntax error; token: \\\"==\\\"";
    assert!(shown(expression, Some(key)).await.contains("Syntax error"));
    assert!(shown("No such index: by_day", None).await.contains("by_day"));
}

#[tokio::test]
async fn an_item_that_was_sent_and_is_not_json_is_a_refused_row_among_the_others() {
    let page = page_of_the_samples();
    let name = page.match_indices(r#""order_id":"#).nth(7).unwrap();
    let colon = name.0 + name.1.len() - 1;
    let mut body = page.clone();
    body.replace_range(colon..=colon, ";");
    let crc32 = Some(crc32fast::hash(body.as_bytes()));
    let sent = scan_page(Canned::Reply { status: 200, body, crc32 }).await.unwrap();
    assert!(dynamodb_reply(&sent.bytes).is_err(), "without a checksum it may be damage");

    let ranges = verified_dynamodb_reply(&sent.bytes).unwrap().items;
    let (found, good) = (decoded_rows(sent.bytes, ranges), decoded(Bytes::from(page)));
    assert_eq!(found.num_rows(), good.num_rows());
    let of = |batch: &Batch, row: u32| {
        let reasons = batch.reasons.iter().filter(|reason| reason.row == row);
        reasons.map(|reason| reason.reason.code).collect::<Vec<_>>()
    };
    for row in 0..u32::try_from(good.num_rows()).unwrap() {
        let wanted = if row == 7 { vec![ReasonCode::RowMalformed] } else { of(&good, row) };
        assert_eq!(of(&found, row), wanted, "row {row}");
    }
}
