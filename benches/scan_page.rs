//! A page of a Scan through the SDK's client, from a connector that answers from memory: as the
//! program takes it, and as the SDK decodes it.

#![allow(clippy::unwrap_used, reason = "a benchmark without its input may panic")]

#[path = "../examples/generate_orders/generator/mod.rs"]
#[allow(dead_code, reason = "what writes files is the example's")]
mod generator;
#[path = "../examples/replay_orders/orders.rs"]
mod orders;
#[path = "../examples/replay_orders/table.rs"]
#[allow(dead_code, reason = "where pages follow each other is the example's")]
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::{Buf, Bytes};
use consign::catalog::{Contract, load_contract};
use consign::decode::Decoder;
use consign::model::{RawFormat, RawPage, Split};
use consign::plan::{AwsOptions, DaySelection, DynamodbTable};
use consign::sources::dynamodb::{Connection, LiveTable};
use consign::sources::{ReadContext, Source};
use consign::transform::Steps;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::{FutureExt, TryStreamExt};
use table::Table;

/// Orders that make a page and the begin of another.
const ORDERS: u64 = 3_000;

const DESCRIPTION: &str = r#"{"Table":{"TableName":"orders","TableSizeBytes":1000,"ItemCount":1}}"#;

fn scan_page(c: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap();
    let contract = Arc::new(contract);
    let service = Service::with_a_page();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let client = Client::new(&service.config());
    let (table, split) = runtime.block_on(open(&service, &contract));
    let steps = Steps::new(&contract, DaySelection::Found, None, None).unwrap();
    let mut decoder = Decoder::new(&contract, RawFormat::DynamodbItem);

    let rows = runtime.block_on(sdk_items(&client));
    let batch = decoder.decode(&runtime.block_on(raw_page(&table, &split)));
    assert_eq!((batch.num_rows(), batch.reasons.len()), (rows, 0));

    let mut group = c.benchmark_group("scan_page");
    group.throughput(Throughput::ElementsAndBytes {
        elements: rows.try_into().unwrap(),
        bytes: service.page.len().try_into().unwrap(),
    });
    group.bench_function("raw page", |b| {
        b.iter(|| runtime.block_on(raw_page(&table, &split)));
    });
    group.bench_function("raw page to typed rows", |b| {
        b.iter(|| decoder.decode(&runtime.block_on(raw_page(&table, &split))));
    });
    group.bench_function("raw page to judged rows", |b| {
        b.iter(|| steps.apply(decoder.decode(&runtime.block_on(raw_page(&table, &split)))));
    });
    group.bench_function("items of the SDK", |b| {
        b.iter(|| runtime.block_on(sdk_items(&client)));
    });
    group.finish();
}

/// The table behind `service`, and its one segment.
async fn open(service: &Service, contract: &Contract) -> (LiveTable, Split) {
    let config = service.config();
    let load = Arc::new(move || {
        let config = config.clone();
        async move { config }.boxed()
    });
    let connection = Arc::new(Connection::open(load, None, Duration::from_secs(1)).await);
    let aws = AwsOptions::default();
    let context = ReadContext { contract, slice: None, aws: &aws, threads: 1, whole_file_bytes: 0 };
    let table = LiveTable::new(connection, &DynamodbTable::named("orders"), context).unwrap();
    let split = table.plan().await.unwrap().splits.remove(0);
    (table, split)
}

/// The page as the program takes it.
async fn raw_page(table: &LiveTable, split: &Split) -> RawPage {
    table.read(split, None).try_next().await.unwrap().unwrap()
}

/// The page as the SDK decodes it: maps of attribute values. Gives their number.
async fn sdk_items(client: &Client) -> usize {
    let page = client.scan().table_name("orders").send().await.unwrap();
    page.items().len()
}

/// Answers every Scan with the same page.
#[derive(Debug, Clone)]
struct Service {
    page: Bytes,
    crc32: u32,
}

impl Service {
    fn with_a_page() -> Self {
        let table = Table::draw(ORDERS, 1).unwrap();
        let page = table.page(0).unwrap();
        let mut reply = page.front.clone().chain(page.last.bytes.clone());
        Self { page: reply.copy_to_bytes(reply.remaining()), crc32: page.last.crc32 }
    }

    fn config(&self) -> SdkConfig {
        let service = self.clone();
        let credentials = Credentials::new("bench", "bench", None, None, "bench");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(service.clone())))
            .build()
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_scan = request.headers().get("x-amz-target").is_some_and(|t| t.ends_with(".Scan"));
        let body =
            if is_scan { self.page.clone() } else { Bytes::from_static(DESCRIPTION.as_bytes()) };
        let mut reply = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
        if is_scan {
            reply.headers_mut().insert("x-amz-crc32", self.crc32.to_string());
        }
        HttpConnectorFuture::ready(Ok(reply))
    }
}

criterion_group!(benches, scan_page);
criterion_main!(benches);
