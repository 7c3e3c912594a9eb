use super::super::describe::KeyAttribute;
use super::*;
use crate::catalog::Exchange;
use crate::catalog::contract::{BusinessDate, Limits};
use crate::catalog::{Derived, EpochUnit, Field, FieldType, SourcePaths, TimestampType};
use crate::plan::Slice;

fn field(name: &str, path: &[&str], data_type: FieldType) -> Field {
    let dynamodb = path.iter().map(|&name| name.to_owned()).collect();
    let source = SourcePaths { dynamodb, ..SourcePaths::default() };
    Field { source, ..Field::new(name, data_type) }
}

fn instant(epoch: Option<EpochUnit>) -> FieldType {
    FieldType::Timestamp(TimestampType { epoch, local: None, min_micros: 0, max_micros: i64::MAX })
}

fn contract(epoch: Option<EpochUnit>) -> Contract {
    let day = Field { derived: Some(Derived::BusinessDate), ..Field::new("day", FieldType::Date) };
    Contract {
        id: String::new(),
        dataset: "orders".to_owned(),
        version: "1.0.0".to_owned(),
        description: String::new(),
        sha256: String::new(),
        fields: vec![
            field("order_id", &[], FieldType::Text),
            field("status", &["status"], FieldType::Text),
            field("city", &["address", "city"], FieldType::Text),
            field("country", &["address", "country"], FieldType::Text),
            field("created_at", &["meta", "created"], instant(epoch)),
            day,
        ],
        key: vec!["order_id".to_owned()],
        version_field: "created_at".to_owned(),
        business_date: BusinessDate { field: "created_at".to_owned(), zone: "UTC".to_owned() },
        exchange: Exchange::default(),
        privacy: None,
        limits: Limits::default(),
        rules: vec![],
        unique: vec![],
    }
}

fn table() -> Description {
    let attribute = |name: &str, kind: &str| KeyAttribute {
        name: name.to_owned(),
        attribute_type: kind.to_owned(),
    };
    Description {
        identity: "arn:1".to_owned(),
        key: vec![attribute("pk", "S")],
        typed: vec![attribute("pk", "S"), attribute("created", "N")],
        bytes: 0,
        items: 0,
        read_units: 0,
    }
}

fn spec() -> DynamodbTable {
    DynamodbTable {
        names: [("#s".to_owned(), "status".to_owned())].into(),
        values: [(":paid".to_owned(), r#"{"S":"paid"}"#.to_owned())].into(),
        patience: std::time::Duration::ZERO,
        ..DynamodbTable::named("orders")
    }
}

fn slice(contract: &Contract) -> TableSlice {
    let slice = Slice {
        field: "created_at".to_owned(),
        from: "2026-08-01T00:00:00Z".parse().unwrap(),
        to: "2026-08-02T00:00:00Z".parse().unwrap(),
    };
    TableSlice::new(&slice, contract).unwrap()
}

fn query(index: Option<&str>, key_condition: &str) -> DynamodbQuery {
    DynamodbQuery { index: index.map(str::to_owned), key_condition: key_condition.to_owned() }
}

fn request(spec: &DynamodbTable, slice: Option<&TableSlice>) -> Request {
    let attributes = attributes_of(&contract(None));
    Request::new(spec, &attributes, slice, &table()).unwrap()
}

#[test]
fn the_projection_is_what_the_contract_reads_and_the_key_under_names_of_ours() {
    let request = request(&spec(), None);
    let projection = request.projection.unwrap();
    let mut asked: Vec<_> =
        projection.split(", ").map(|alias| request.names[alias].as_str()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["address", "meta", "order_id", "pk", "status"]);
    assert!(projection.split(", ").all(|alias| alias.starts_with("#consign")), "{projection}");
    assert_eq!(request.names["#s"], "status");
    assert_eq!(request.values[":paid"], AttributeValue::S("paid".to_owned()));
}

#[test]
fn whole_items_have_no_projection() {
    let request = request(&DynamodbTable { whole_items: true, ..spec() }, None);
    assert_eq!(request.projection, None);
    assert_eq!(request.names.len(), 1);
}

#[test]
fn a_projection_too_long_for_the_service_is_left_out() {
    let attributes = (0..400).map(|i| format!("a{i}")).collect();
    let request = Request::new(&spec(), &attributes, None, &table()).unwrap();
    assert_eq!(request.projection, None);
    assert_eq!(request.names.len(), 1);
}

#[test]
fn a_scan_is_filtered_where_the_field_is_a_number() {
    let contract = contract(Some(EpochUnit::Seconds));
    let spec = DynamodbTable { filter: Some("#s = :paid OR #s = :paid".to_owned()), ..spec() };
    let request = request(&spec, Some(&slice(&contract)));
    let [meta, created] = ["meta", "created"].map(|of| {
        let (name, _) = request.names.iter().find(|(_, named)| *named == of).unwrap();
        name.clone()
    });
    assert_eq!(
        request.filter.unwrap(),
        format!(
            "(#s = :paid OR #s = :paid) AND (({meta}.{created} >= :consign_from AND \
             {meta}.{created} < :consign_to) OR NOT \
             attribute_type({meta}.{created}, :consign_number))"
        )
    );
    assert_eq!(request.values[":consign_from"], AttributeValue::N("1785542400".to_owned()));
    let words = request.pushed_down.unwrap();
    assert!(words.starts_with("filter on created_at (numbers)"), "{words}");
}

#[test]
fn a_scan_over_text_is_not_filtered() {
    let request = request(&spec(), Some(&slice(&contract(None))));
    assert_eq!(request.filter, None);
    assert!(request.pushed_down.unwrap().starts_with("nothing: created_at is text"));
}

#[test]
fn a_key_condition_gets_the_bounds_it_asks_for() {
    let condition = "#s = :paid AND #c >= :slice_from";
    let spec = DynamodbTable { query: Some(query(Some("by_status"), condition)), ..spec() };
    let request = request(&spec, Some(&slice(&contract(None))));
    assert_eq!(request.key_condition.as_deref(), Some(condition));
    assert_eq!(request.values[":slice_from"], AttributeValue::S("2026-08-01T00:00:00".to_owned()));
    assert!(!request.values.contains_key(":slice_to"), "the service refuses unused values");
    assert_eq!(request.pushed_down.as_deref(), Some("key condition on index by_status"));
}

#[test]
fn what_is_wrong_as_written_is_refused() {
    let name =
        |name: &str| DynamodbTable { names: [(name.to_owned(), "x".to_owned())].into(), ..spec() };
    let value = |name: &str, value: &str| DynamodbTable {
        values: [(name.to_owned(), value.to_owned())].into(),
        ..spec()
    };
    let by = |index, condition| Some(query(index, condition));
    for (what, spec) in [
        ("our names", name("#consign0")),
        ("our values", value(":consign_from", r#"{"S":"x"}"#)),
        ("a placeholder", value(":slice_to", r#"{"S":"x"}"#)),
        ("no DynamoDB JSON", value(":v", "paid")),
        ("no slice", DynamodbTable { query: by(None, "a > :slice_from"), ..spec() }),
        ("0 segments", DynamodbTable { segments: Some(0), ..spec() }),
        ("too many segments", DynamodbTable { segments: Some(1_000_001), ..spec() }),
        ("no URL", DynamodbTable { endpoint_url: Some("localhost:8000".to_owned()), ..spec() }),
        (
            "a query in segments",
            DynamodbTable { query: by(None, "a = b"), segments: Some(2), ..spec() },
        ),
        (
            "a consistent index",
            DynamodbTable { query: by(Some("i"), "a = b"), consistent_read: true, ..spec() },
        ),
    ] {
        assert_eq!(check(&spec, None).unwrap_err().kind(), ErrorKind::Usage, "{what}");
    }
    assert!(check(&spec(), None).is_ok());
}

#[test]
fn fingerprints_differ_with_what_is_read() {
    let table = table();
    let of = |spec: &DynamodbTable| request(spec, None).fingerprint(&table);
    let same = of(&spec());
    assert_eq!(of(&spec()), same);
    assert_eq!(of(&DynamodbTable { segments: Some(9), ..spec() }), same);
    for other in [
        DynamodbTable { filter: Some("#s = :paid".to_owned()), ..spec() },
        DynamodbTable { whole_items: true, ..spec() },
        DynamodbTable { consistent_read: true, ..spec() },
        DynamodbTable { query: Some(query(None, "#s = :paid")), ..spec() },
        DynamodbTable {
            values: [(":paid".to_owned(), r#"{"S":"open"}"#.to_owned())].into(),
            ..spec()
        },
    ] {
        assert_ne!(of(&other), same, "{other:?}");
    }
    let made_anew = Description { identity: "arn:2".to_owned(), ..table.clone() };
    assert_ne!(request(&spec(), None).fingerprint(&made_anew), same);
}
