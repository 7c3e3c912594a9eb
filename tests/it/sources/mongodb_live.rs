//! MongoDB collections that are read while they are in use, on the stand-in for a real server: what
//! is read, in which ranges, and going on after every page.

mod faults;
mod snapshots;

use std::path::Path;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::raw::RawBson;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Decimal128, RawDocumentBuf, Timestamp, rawdoc};
use consign::catalog::{Contract, load_contract};
use consign::error::{ErrorKind, Result};
use consign::model::{PageContent, Part, Position, RawPage, SCAN_WINDOW, Sensitive, Split};
use consign::plan::{AwsOptions, MongodbCollection, Slice};
use consign::sources::mongodb::{self, LiveCollection, Loaded};
use consign::sources::{ReadContext, Source, SourcePlan};
use futures::{StreamExt, TryStreamExt, stream};

use crate::services::mongodb::Database;
use crate::services::mongodb_address;

fn contract() -> Contract {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    load_contract(&root.join("schemas/exported_orders/v1.odcs.yaml")).unwrap()
}

/// The collection `orders`, reached at `address`.
fn spec_at(database: &Database, address: &str) -> MongodbCollection {
    MongodbCollection {
        uri: Sensitive::new(format!("mongodb://{address}/?directConnection=true")),
        whole_documents: true,
        patience: Duration::from_secs(20),
        ..MongodbCollection::named("MONGODB_URI", &database.name, "orders")
    }
}

fn spec(database: &Database) -> MongodbCollection {
    spec_at(database, &mongodb_address())
}

async fn open_with(
    spec: &MongodbCollection,
    contract: &Contract,
    slice: Option<&Slice>,
) -> Result<LiveCollection> {
    let aws = AwsOptions::default();
    mongodb::open_collection(
        spec,
        ReadContext { contract, slice, aws: &aws, threads: 2, whole_file_bytes: 0 },
    )
    .await
}

async fn open(spec: &MongodbCollection) -> LiveCollection {
    open_with(spec, &contract(), None).await.unwrap()
}

/// The documents of a page, which lie in the reply.
fn documents(page: &RawPage) -> Vec<RawDocumentBuf> {
    let PageContent::Embedded { bytes, ranges, .. } = &page.content else {
        panic!("{:?}", page.content)
    };
    let at = |&(start, end): &(u32, u32)| bytes[start as usize..end as usize].to_vec();
    ranges.iter().map(|range| RawDocumentBuf::from_bytes(at(range)).unwrap()).collect()
}

/// Reads splits one after the other, each at one go.
async fn read(source: &LiveCollection, plan: &SourcePlan) -> Result<Vec<RawDocumentBuf>> {
    let mut all = vec![];
    for split in &plan.splits {
        let mut rows = 0;
        let mut pages = source.read(split, None);
        while let Some(page) = pages.try_next().await? {
            assert_eq!((page.split, page.first_row, page.offset_bytes), (split.id, rows, 0));
            let page = documents(&page);
            rows += page.len() as u64;
            all.extend(page);
        }
    }
    Ok(all)
}

/// Reads a split and lets go of the stream after every page.
async fn read_by_page(source: &LiveCollection, split: &Split) -> Vec<RawDocumentBuf> {
    let mut all = vec![];
    let mut position: Option<Position> = None;
    while let Some(page) = source.read(split, position.as_ref()).next().await {
        let page = page.unwrap();
        assert_eq!(page.first_row, all.len() as u64);
        all.extend(documents(&page));
        position = Some(Position { rows: all.len() as u64, after: page.resume.unwrap() });
    }
    all
}

/// Plans and reads all.
async fn plan_and_read(spec: &MongodbCollection) -> Vec<RawDocumentBuf> {
    let source = open(spec).await;
    let plan = source.plan().await.unwrap();
    read(&source, &plan).await.unwrap()
}

/// A collection of these documents.
async fn collection(documents: &[RawDocumentBuf]) -> Database {
    let database = Database::new();
    database.insert("orders", documents).await;
    database
}

fn numbered(documents: i32) -> Vec<RawDocumentBuf> {
    (0..documents).map(|i| rawdoc! { "_id": i, "total": i % 10 }).collect()
}

/// Documents with ids of nine types and of all four kinds of numbers, in the order of the server.
fn nine_types() -> Vec<RawDocumentBuf> {
    let decimal: Decimal128 = "2.50".parse().unwrap();
    let binary = |bytes: &[u8]| Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() };
    let ids: Vec<RawBson> = vec![
        RawBson::Null,
        (-7).into(),
        0.into(),
        1.5.into(),
        decimal.into(),
        (1_i64 << 40).into(),
        "".into(),
        "48213".into(),
        "ord_a".into(),
        rawdoc! { "store": 1, "number": 1 }.into(),
        rawdoc! { "store": 1, "number": 2 }.into(),
        rawdoc! { "store": 2 }.into(),
        binary(b"").into(),
        binary(b"b").into(),
        binary(b"aa").into(),
        ObjectId::from_bytes([1; 12]).into(),
        ObjectId::from_bytes([9; 12]).into(),
        false.into(),
        true.into(),
        DateTime::from_millis(-5).into(),
        DateTime::from_millis(1_795_511_598_000).into(),
        Timestamp { time: 1, increment: 1 }.into(),
        Timestamp { time: 1, increment: 2 }.into(),
    ];
    ids.into_iter().map(|id| rawdoc! { "_id": id, "status": "paid" }).collect()
}

#[tokio::test]
async fn ids_of_nine_types_are_read_once_each_when_reading_breaks_off_after_every_page() {
    let database = collection(&nine_types()).await;
    for ranges in [1, 2, 5, 9] {
        let spec =
            MongodbCollection { ranges: Some(ranges), batch_documents: Some(1), ..spec(&database) };
        let source = open(&spec).await;
        let plan = source.plan().await.unwrap();
        let mut all = vec![];
        for split in &plan.splits {
            all.extend(read_by_page(&source, split).await);
        }
        assert_eq!(all, nine_types(), "{:?}", plan.splits);
        assert_eq!(read(&source, &plan).await.unwrap(), nine_types());
    }
    database.delete().await;
}

#[tokio::test]
async fn a_collection_is_cut_by_a_sample_where_the_server_has_no_buckets() {
    // Of more than 32 documents the stand-in often fails to take a sample.
    let database = collection(&numbered(30)).await;
    let source = open(&MongodbCollection { ranges: Some(4), ..spec(&database) }).await;
    let plan = source.plan().await.unwrap();
    let names: Vec<_> = plan.splits.iter().map(|split| split.name.clone()).collect();
    let name = |i| format!("{}.orders {i}/4 ($sample)", database.name);
    assert_eq!(names, [name(1), name(2), name(3), name(4)]);
    let Part::Ids { from: None, to: Some(first) } = &plan.splits[0].part else { panic!() };
    let Part::Ids { from: Some(second), .. } = &plan.splits[1].part else { panic!() };
    assert_eq!(first, second);

    let address = mongodb_address();
    assert_eq!(plan.summary.kind, "mongodb");
    assert_eq!(plan.summary.location, format!("mongodb:{address}/{}.orders", database.name));
    assert_eq!(plan.summary.consistency, SCAN_WINDOW);
    assert_eq!(plan.summary.expected_rows, None);
    assert_eq!(read(&source, &plan).await.unwrap(), numbered(30));
    database.delete().await;
}

#[tokio::test]
async fn a_dump_that_was_loaded_is_read_back() {
    let database = Database::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dump = root.join("samples/orders-dump/shop/orders.bson");
    let mut loaded = database.load_dump("orders", &dump).await;
    let mut found = plan_and_read(&spec(&database)).await;
    let bytes = |document: &RawDocumentBuf| document.as_bytes().to_vec();
    loaded.sort_by_key(bytes);
    found.sort_by_key(bytes);
    assert!(loaded == found, "{} of {}", found.len(), loaded.len());
    database.delete().await;
}

#[tokio::test]
async fn filter_sort_and_limit_are_the_servers_to_apply() {
    let database = collection(&numbered(100)).await;
    let filtered = MongodbCollection {
        filter: Some(r#"{"total": {"$gte": 8}}"#.to_owned()),
        ranges: Some(3),
        batch_documents: Some(3),
        ..spec(&database)
    };
    let expected: Vec<_> =
        numbered(100).into_iter().filter(|d| d.get_i32("total").unwrap() >= 8).collect();
    assert_eq!(plan_and_read(&filtered).await, expected);

    let sort = Some(r#"{"total": -1, "_id": -1}"#.to_owned());
    let sorted = MongodbCollection { sort, ranges: Some(3), ..filtered.clone() };
    let source = open(&sorted).await;
    let plan = source.plan().await.unwrap();
    assert_eq!(plan.splits[0].part, Part::Ids { from: None, to: None });
    let mut pages = source.read(&plan.splits[0], None);
    assert_eq!(pages.try_next().await.unwrap().unwrap().resume, None);
    let mut descending = expected;
    descending.sort_by_key(|d| {
        std::cmp::Reverse((d.get_i32("total").unwrap(), d.get_i32("_id").unwrap()))
    });
    assert_eq!(read(&source, &plan).await.unwrap(), descending);

    let limited = MongodbCollection { limit: Some(7), ..sorted };
    assert_eq!(plan_and_read(&limited).await, descending[..7]);
    database.delete().await;
}

#[tokio::test]
async fn only_what_the_contract_reads_is_fetched_unless_the_job_wants_all() {
    let whole = rawdoc! {
        "_id": "ord_a", "status": "paid", "secret": 1, "shipping": { "address": "x", "note": 2 }
    };
    let database = collection(std::slice::from_ref(&whole)).await;
    assert_eq!(plan_and_read(&spec(&database)).await, [whole]);
    let projected = MongodbCollection { whole_documents: false, ..spec(&database) };
    let found = plan_and_read(&projected).await;
    let expected = rawdoc! {
        "_id": "ord_a", "status": "paid", "shipping": { "address": "x", "note": 2 }
    };
    // The stand-in gives fields in the order of the projection.
    let fields = |document: &RawDocumentBuf| {
        let fields = bson::Document::try_from(document).unwrap().into_iter();
        fields.collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!((found.len(), fields(&found[0])), (1, fields(&expected)));
    database.delete().await;
}

#[tokio::test]
async fn a_slice_leaves_out_only_what_can_be_compared() {
    let at = |second| DateTime::from_millis(second * 1_000);
    let path = contract().field("created_at").unwrap().source.mongodb.join(".");
    let day = 1_785_542_400; // 2026-08-01
    let document = |id: &str, value: RawBson| {
        let name: bson::raw::CString = path.clone().try_into().unwrap();
        let mut document = rawdoc! { "_id": id };
        document.append(name, value);
        document
    };
    let documents = [
        document("a within", at(day).into()),
        document("b within", at(day + 86_399).into()),
        document("before", at(day - 1).into()),
        document("behind", at(day + 86_400).into()),
        document("c text", "2026-07-01".into()),
        document("d null", RawBson::Null),
        rawdoc! { "_id": "e none" },
        document("f beyond the contract", at(1 << 40).into()),
    ];
    let database = collection(&documents).await;
    let slice = Slice {
        field: "created_at".to_owned(),
        from: jiff::Timestamp::from_second(day).unwrap(),
        to: jiff::Timestamp::from_second(day + 86_400).unwrap(),
    };
    let source = open_with(&spec(&database), &contract(), Some(&slice)).await.unwrap();
    let plan = source.plan().await.unwrap();
    let words = plan.summary.pushed_down.clone().unwrap();
    assert!(words.contains(&path) && words.contains("BSON dates"), "{words}");
    let found = read(&source, &plan).await.unwrap();
    let ids: Vec<_> = found.iter().map(|d| d.get_str("_id").unwrap()).collect();
    assert_eq!(
        ids,
        ["a within", "b within", "c text", "d null", "e none", "f beyond the contract"]
    );
    database.delete().await;
}

#[tokio::test]
async fn a_document_larger_than_the_contract_allows_is_not_handed_on_whole() {
    let documents = [
        rawdoc! { "_id": 1 },
        rawdoc! { "_id": 2, "text": "x".repeat(200_000) },
        rawdoc! { "_id": 3 },
    ];
    let database = collection(&documents).await;
    let mut contract = contract();
    contract.limits.max_row_bytes = 1_000;
    let source = open_with(&spec(&database), &contract, None).await.unwrap();
    let plan = source.plan().await.unwrap();
    let pages: Vec<_> = source.read(&plan.splits[0], None).try_collect().await.unwrap();
    let rows: Vec<_> = pages.iter().map(|page| page.first_row).collect();
    assert_eq!(rows, [0, 1, 2]);
    assert!(matches!(&pages[1].content, PageContent::Oversized { .. }));

    let after = Position { rows: 2, after: pages[1].resume.clone().unwrap() };
    let rest: Vec<_> =
        source.read(&plan.splits[0], Some(&after)).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(rest.iter().flat_map(documents_of).collect::<Vec<_>>(), documents[2..]);
    database.delete().await;
}

fn documents_of(page: &RawPage) -> Vec<RawDocumentBuf> {
    documents(page)
}

#[tokio::test]
async fn an_interrupted_reading_is_taken_up_when_the_job_is_the_same() {
    let database = collection(&numbered(50)).await;
    let spec = MongodbCollection { ranges: Some(3), ..spec(&database) };
    let plan = open(&spec).await.plan().await.unwrap();
    let stored = serde_json::to_string(&plan).unwrap();
    let saved = || serde_json::from_str::<SourcePlan>(&stored).unwrap();
    assert_eq!(open(&spec).await.resume(saved()).await.unwrap(), plan);

    let batches = MongodbCollection { batch_documents: Some(3), ..spec.clone() };
    assert_eq!(open(&batches).await.resume(saved()).await.unwrap(), plan);
    for changed in [
        MongodbCollection { ranges: Some(2), ..spec.clone() },
        MongodbCollection { collection: "users".to_owned(), ..spec.clone() },
        MongodbCollection { filter: Some(r#"{"a": 1}"#.to_owned()), ..spec.clone() },
        MongodbCollection { whole_documents: false, ..spec.clone() },
    ] {
        let error = open(&changed).await.resume(saved()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        assert!(error.help().is_some());
    }
    database.delete().await;
}

#[tokio::test]
async fn a_collection_that_is_not_there_is_not_an_empty_one() {
    let database = collection(&numbered(1)).await;
    let spec = MongodbCollection { collection: "order".to_owned(), ..spec(&database) };
    let error = open(&spec).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("there is no such collection"), "{error}");
    database.delete().await;
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_not_spoken_to_without() {
    let uri = format!(
        "mongodb://me:hunter2@{}/?tls=true&serverSelectionTimeoutMS=300&directConnection=true",
        mongodb_address()
    );
    let database = Database::new();
    let patience = Duration::from_millis(500);
    let spec = MongodbCollection { uri: Sensitive::new(uri), patience, ..spec(&database) };
    let error = open(&spec).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    let shown = format!("{error:?} {:?}", error.help());
    assert!(shown.contains("does it speak TLS") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn documents_are_loaded_and_fetched() {
    let database = collection(&numbered(3)).await;
    let spec = spec(&database);
    let documents = numbered(2_500);
    let load = || stream::iter(documents.clone()).map(Ok);
    let loaded = mongodb::insert_all(&spec, load()).await.unwrap();
    assert_eq!(loaded, Loaded { inserted: 2_497, refused: 3 });
    let again = mongodb::insert_all(&spec, load()).await.unwrap();
    assert_eq!(again, Loaded { inserted: 0, refused: 2_500 });

    let found = mongodb::find_one(&spec, &RawBson::Int64(77)).await.unwrap().unwrap();
    assert_eq!(&found[..], documents[77].as_bytes());
    let missing = mongodb::find_one(&spec, &RawBson::String("77".to_owned())).await.unwrap();
    assert_eq!(missing, None);
    database.delete().await;
}
