//! Tests of reading job files.

use super::*;
use crate::plan::{ReadCapacity, ReadPreference};

const FULL: &str = r#"
[job]
name = "orders"
dataset = "exported_orders@1"
description = "Orders of a day."

[days]
first = "2026-08-01"
last = 2026-08-02

[[source]]
kind = "dynamodb_export"
url = "samples/export"

[[source]]
kind = "mongodump"
url = "samples/orders.bson"
expected_rows = 12
expected_sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"

[fx]
rates = "fx/rates.csv"

[target]
url = "out/exported_orders"
latest = false

[[sink]]
format = "parquet"
profile = "bi"
target_size = "128MiB"
row_group_size = 1000000

[[sink]]
format = "csv"
formula_guard = "prefix"

[reject]
max_percent = 0.1
max_rows = 50

[run]
threads = 2
memory = "1GB"
"#;

fn mistakes(text: &str) -> String {
    Job::parse("jobs/x.toml", "x", text).unwrap_err().to_string()
}

#[test]
fn a_full_job_is_read_as_written() {
    let job = Job::parse("jobs/x.toml", "x", FULL).unwrap();
    let day = |d| jiff::civil::date(2026, 8, d);
    assert_eq!(
        job,
        Job {
            name: "orders".to_owned(),
            description: Some("Orders of a day.".to_owned()),
            dataset: "exported_orders@1".to_owned(),
            days: Some(DaySelection::Range { first: day(1), last: day(2) }),
            slice: None,
            sources: vec![
                SourceSpec::DynamodbExport { url: "samples/export".to_owned() },
                SourceSpec::Mongodump {
                    url: "samples/orders.bson".to_owned(),
                    expected_rows: Some(12),
                    expected_sha256: Some(
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                            .to_owned()
                    ),
                },
            ],
            rates: Some("fx/rates.csv".to_owned()),
            target: "out/exported_orders".to_owned(),
            latest: false,
            sinks: vec![
                SinkSpec::Parquet {
                    compression: ParquetCompression::Snappy,
                    target_bytes: 128 << 20,
                    row_group_bytes: 1_000_000,
                },
                SinkSpec::Csv {
                    target_bytes: DEFAULT_TARGET_BYTES,
                    formula_guard: FormulaGuard::Prefix,
                },
            ],
            reject_budget: RejectBudget { max_millionths: 1_000, max_rows: Some(50) },
            threads: Some(2),
            memory_bytes: 1_000_000_000,
            checkpoint_bytes: DEFAULT_CHECKPOINT_BYTES,
            aws: AwsOptions::default(),
        }
    );
}

#[test]
fn a_short_job_has_the_defaults() {
    let text = r#"
        job.dataset = "users@1"
        source = [{ kind = "mongodump", url = "u.bson" }]
        target.url = "out/users"
        sink = [{ format = "parquet" }]
    "#;
    let job = Job::parse("jobs/users-daily.toml", "users-daily", text).unwrap();
    assert_eq!(job.name, "users-daily");
    assert_eq!(job.days, None);
    assert!(job.latest);
    assert_eq!(job.reject_budget, RejectBudget { max_millionths: 10_000, max_rows: None });
    assert_eq!(job.memory_bytes, 512_000_000);
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = r#"[job]
dataset = "exported_orders"

[days]
fist = "2026-08-01"
last = "2026-08-32"

[[source]]
kind = "dynamodb_export"
url = "s3://me:hunter2@bucket/export"
expected_rows = 5

[target]
url = "out"
latest = "yes"

[[sink]]
format = "parquet"
formula_guard = "off"

[[sink]]
format = "parquet"

[rejects]
max_percent = 1.0
"#;
    let told = mistakes(text);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn broken_syntax_is_told_with_its_line() {
    insta::assert_snapshot!(mistakes("[job]\ndataset = exported_orders@1\n[days\n"));
}

#[test]
fn an_empty_file_names_all_it_lacks() {
    insta::assert_snapshot!(mistakes(""));
}

#[test]
fn days_are_a_range_or_found() {
    let days = |text: &str| {
        let told = mistakes(&FULL.replace("first = \"2026-08-01\"\nlast = 2026-08-02", text));
        told.lines().nth(1).unwrap().rsplit(": ").next().unwrap().to_owned()
    };
    assert_eq!(
        days("first = 2026-08-02\nlast = 2026-08-01"),
        "`last` in [days] lies before `first`, 2026-08-02"
    );
    assert_eq!(days("last = 2026-08-01"), "[days] needs `first` too");
    assert_eq!(days("found = false"), "[days] needs `first` and `last`, or `found = true`");
    assert_eq!(
        days("found = true\nlast = 2026-08-01"),
        "[days] is either `found = true` or `first` and `last`"
    );
    assert_eq!(
        days("first = 2026-08-01T10:00:00Z\nlast = 2026-08-02"),
        "`2026-08-01T10:00:00Z` is not a day; write for instance 2026-08-01"
    );
}

const LIVE: &str = r##"
job.dataset = "exported_orders@1"
target.url = "s3://bi/orders"
sink = [{ format = "parquet" }]

[slice]
field = "created_at"
zone = "America/New_York"
lag = "2h"
days = 3

[[source]]
kind = "dynamodb"
table = "orders"
index = "by_status"
key_condition = "#s = :paid AND created_at BETWEEN :slice_from AND :slice_to"
filter = "total_amount > :least"
names = { "#s" = "status" }
values = { ":paid" = { S = "paid" }, ":least" = { N = "0.10" } }
max_rcu = 500
patience = "90s"

[[source]]
kind = "mongodb"
uri_variable = "SHOP_URI"
database = "shop"
collection = "orders"
filter = '{"status": "paid"}'
projection = "all"
read_preference = "secondaryPreferred"
ranges = 8
batch_documents = 100
require_snapshot = true

[run]
checkpoint = "1MB"

[aws]
region = "eu-west-1"

[s3]
endpoint_url = "http://127.0.0.1:7070"
encryption = "aws:kms"
kms_key_id = "alias/bi"
"##;

#[test]
fn live_sources_are_read_as_written() {
    let job = Job::parse("jobs/live.toml", "live", LIVE).unwrap();
    let [SourceSpec::Dynamodb(table), SourceSpec::Mongodb(collection)] = &job.sources[..] else {
        panic!("{:?}", job.sources)
    };
    let query = table.query.as_ref().unwrap();
    assert_eq!(query.index.as_deref(), Some("by_status"));
    assert_eq!(table.names["#s"], "status");
    assert_eq!(table.values[":least"], r#"{"N":"0.10"}"#);
    assert_eq!(table.capacity, ReadCapacity::UnitsPerSecond(500));
    assert_eq!(table.patience, Duration::from_secs(90));
    assert_eq!((table.segments, table.whole_items, table.consistent_read), (None, false, false));
    assert_eq!(collection.uri_variable, "SHOP_URI");
    assert_eq!((collection.ranges, collection.batch_documents), (Some(8), Some(100)));
    assert!(collection.whole_documents && collection.require_snapshot);
    assert_eq!(collection.read_preference, ReadPreference::SecondaryPreferred);
    let plain = LIVE.replace("batch_documents = 100\n", "");
    let job_of_defaults = Job::parse("jobs/live.toml", "live", &plain).unwrap();
    let SourceSpec::Mongodb(plain) = &job_of_defaults.sources[1] else { panic!() };
    assert_eq!(plain.batch_documents, Some(1_000));
    let slice = job.slice.unwrap();
    assert_eq!((slice.lag, slice.days), (Duration::from_secs(7_200), 3));
    assert_eq!(job.checkpoint_bytes, 1_000_000);
    assert_eq!(job.aws.region.as_deref(), Some("eu-west-1"));
    let key_id = Some("alias/bi".to_owned());
    assert_eq!(job.aws.s3.encryption, Some(S3Encryption::Kms { key_id, bucket_key: true }));
}

#[test]
fn mistakes_of_live_sources_are_told_at_once() {
    insta::assert_snapshot!(mistakes(
        r##"
job.dataset = "exported_orders@1"
target.url = "out"
sink = [{ format = "parquet" }]

[slice]
lag = "soon"
days = 0

[[source]]
kind = "dynamodb"
table = "orders"
index = "by_status"
values = { ":paid" = "paid" }
segments = "many"
max_rcu = 0
read_capacity_percent = 50
url = "orders"

[[source]]
kind = "mongodb"
uri = "mongodb://me:hunter2@host/shop"
database = "shop"
filter = "status = paid"
limit = 5
ranges = 3
read_preference = "closest"

[[source]]
kind = "postgres"

[s3]
kms_key_id = "alias/bi"
"##
    ));
}
