use std::time::Duration;

use bson::{Document, doc};

use super::super::brackets::Lower;
use super::*;
use crate::catalog::{Field, FieldType};
use crate::model::Sensitive;

fn spec() -> MongodbCollection {
    MongodbCollection {
        uri: Sensitive::new("mongodb://localhost"),
        whole_documents: true,
        patience: Duration::from_secs(1),
        ..MongodbCollection::named("MONGODB_URI", "shop", "orders")
    }
}

fn contract(paths: &[&[&str]]) -> Contract {
    let field = |path: &&[&str]| {
        let mut field = Field::new("field", FieldType::Text);
        field.source.mongodb = path.iter().map(|&name| name.to_owned()).collect();
        field
    };
    slice::tests::contract_of(paths.iter().map(field).collect())
}

fn find(spec: &MongodbCollection, paths: &[&[&str]], interval: &Interval) -> Document {
    let query = Query::new(spec, &contract(paths), None).unwrap();
    query.find("orders", interval, false, None).try_into().unwrap()
}

#[test]
fn a_whole_collection_is_read_along_its_ids() {
    assert_eq!(
        find(&spec(), &[], &Interval::everything()),
        doc! {
            "find": "orders",
            "filter": {},
            "sort": { "_id": 1 },
            "hint": { "_id": 1 },
            "allowDiskUse": true,
        }
    );
}

#[test]
fn the_filter_of_the_job_holds_with_that_of_the_range() {
    let spec = MongodbCollection {
        filter: Some(r#"{"total": {"$gt": {"$numberDecimal": "10"}}}"#.to_owned()),
        batch_documents: Some(7),
        ..spec()
    };
    let interval = Interval { lower: Lower::After(5.into()), to: Some(9.into()) };
    let total: bson::Decimal128 = "10".parse().unwrap();
    assert_eq!(
        find(&spec, &[], &interval),
        doc! {
            "find": "orders",
            "filter": { "$and": [{ "total": { "$gt": total } }, { "_id": { "$gt": 5, "$lt": 9 } }] },
            "sort": { "_id": 1 },
            "allowDiskUse": true,
            "batchSize": 7_i64,
        }
    );
}

#[test]
fn a_sort_or_a_limit_of_the_job_is_passed_on() {
    let sorted = MongodbCollection { sort: Some(r#"{"at": -1}"#.to_owned()), ..spec() };
    let command = find(&sorted, &[], &Interval::everything());
    assert_eq!(command.get_document("sort").unwrap(), &doc! { "at": -1_i64 });
    assert!(!Query::new(&sorted, &contract(&[]), None).unwrap().can_go_on());

    let limited = MongodbCollection { limit: Some(5), ..spec() };
    let command = find(&limited, &[], &Interval::everything());
    assert_eq!((command.get_i64("limit").unwrap(), command.get("sort")), (5, None));
}

#[test]
fn top_level_fields_of_the_contract_are_projected_whole() {
    let projected = MongodbCollection { whole_documents: false, ..spec() };
    let projection = |paths: &[&[&str]]| {
        find(&projected, paths, &Interval::everything()).get("projection").cloned()
    };
    assert_eq!(
        projection(&[&["shipping", "address"], &["shipping", "city"], &["total"], &[]]),
        Some(doc! { "_id": 1, "shipping": 1, "total": 1 }.into())
    );
    assert_eq!(projection(&[&["a.b"], &["total"]]), None, "no projection can name it");
    assert_eq!(find(&spec(), &[&["total"]], &Interval::everything()).get("projection"), None);
}

#[test]
fn what_is_no_document_is_refused_without_being_shown() {
    for filter in ["", "5", "{", r#"{"_id": {"$oid": "secret"}}"#] {
        let spec = MongodbCollection { filter: Some(filter.to_owned()), ..spec() };
        let error = Query::new(&spec, &contract(&[]), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{filter}");
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn what_is_asked_has_an_identity() {
    let identity = |spec: &MongodbCollection| {
        Query::new(spec, &contract(&[&["total"]]), None).unwrap().identity()
    };
    let others = [
        MongodbCollection { filter: Some("{}".to_owned()), ..spec() },
        MongodbCollection { sort: Some(r#"{"a":1}"#.to_owned()), ..spec() },
        MongodbCollection { limit: Some(1), ..spec() },
        MongodbCollection { whole_documents: false, ..spec() },
    ];
    for other in others {
        assert_ne!(identity(&spec()), identity(&other), "{other:?}");
    }
    let batches = MongodbCollection { batch_documents: Some(9), ..spec() };
    assert_eq!(identity(&spec()), identity(&batches));
}
