//! Contracts built by hand.

use std::sync::Arc;

use consign::catalog::contract::BusinessDate;
use consign::catalog::{
    Contract, Derived, EpochUnit, Exchange, Field, FieldType, GapFold, Limits, LocalTime,
    SourcePaths, TextZone, TimestampType, WrittenOffset,
};

/// 2000-01-01 and 2100-01-01 in microseconds since 1970.
const RANGE: (i64, i64) = (946_684_800_000_000, 4_102_444_800_000_000);

pub fn field(path: &str, data_type: FieldType) -> Field {
    let name = path.rsplit('.').next().unwrap();
    let source = SourcePaths { dynamodb: vec![name.into()], mongodb: vec![name.into()] };
    Field { path: Arc::from(path), source, ..Field::new(name, data_type) }
}

pub fn required(field: Field) -> Field {
    Field { required: true, ..field }
}

pub fn coerced(field: Field) -> Field {
    Field { coerce: true, ..field }
}

pub fn below(field: Field, path: &[&str]) -> Field {
    let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
    Field { source: SourcePaths { dynamodb: path.clone(), mongodb: path }, ..field }
}

pub fn missing_fields() -> Field {
    let list = list("missing_fields", field("missing_fields[]", FieldType::Text), false);
    Field { derived: Some(Derived::MissingFields), source: SourcePaths::default(), ..list }
}

pub fn decimal(precision: u8, scale: u8) -> FieldType {
    FieldType::Decimal { precision, scale }
}

pub fn timestamp() -> TimestampType {
    TimestampType { epoch: None, local: None, min_micros: RANGE.0, max_micros: RANGE.1 }
}

pub fn epoch(unit: EpochUnit) -> FieldType {
    FieldType::Timestamp(TimestampType { epoch: Some(unit), ..timestamp() })
}

pub fn local() -> FieldType {
    let zone = TextZone::Fixed("America/New_York".to_owned());
    let local = LocalTime {
        zone,
        gap: GapFold::Reject,
        fold: GapFold::Earlier,
        offset: WrittenOffset::Trust,
    };
    FieldType::Timestamp(TimestampType { local: Some(local), ..timestamp() })
}

pub fn list(path: &str, element: Field, set: bool) -> Field {
    let element = Field { name: "element".to_owned(), source: SourcePaths::default(), ..element };
    field(path, FieldType::List { element: Box::new(element), set })
}

pub fn contract(fields: Vec<Field>) -> Contract {
    Contract {
        id: "test".to_owned(),
        dataset: "test".to_owned(),
        version: "1.0.0".to_owned(),
        description: String::new(),
        sha256: String::new(),
        fields,
        key: vec![],
        version_field: String::new(),
        business_date: BusinessDate { field: String::new(), zone: "UTC".to_owned() },
        exchange: Exchange::default(),
        privacy: None,
        limits: Limits::default(),
        rules: vec![],
        unique: vec![],
    }
}

/// Optional fields of every type, in lists and structs too.
pub fn every_type() -> Contract {
    let items = FieldType::Struct(vec![
        required(field("items[].name", FieldType::Text)),
        field("items[].price", decimal(18, 4)),
    ]);
    let structure = FieldType::Struct(vec![
        required(field("struct.a", FieldType::Integer)),
        field("struct.b", FieldType::Text),
    ]);
    contract(vec![
        field("text", FieldType::Text),
        coerced(field("coerced_text", FieldType::Text)),
        field("integer", FieldType::Integer),
        coerced(field("coerced_integer", FieldType::Integer)),
        field("decimal", decimal(18, 3)),
        field("wide_decimal", decimal(38, 9)),
        coerced(field("coerced_decimal", decimal(38, 9))),
        field("boolean", FieldType::Boolean),
        coerced(field("coerced_boolean", FieldType::Boolean)),
        field("date", FieldType::Date),
        field("timestamp", FieldType::Timestamp(timestamp())),
        field("epoch", epoch(EpochUnit::Seconds)),
        field("epoch_millis", epoch(EpochUnit::Milliseconds)),
        field("local", local()),
        field("binary", FieldType::Binary),
        list("texts", required(field("texts[]", FieldType::Text)), false),
        list("set", field("set[]", FieldType::Text), true),
        list("numbers", field("numbers[]", decimal(18, 3)), true),
        list("items", field("items[]", items), false),
        field("struct", structure),
        missing_fields(),
    ])
}
