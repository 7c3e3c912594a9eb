//! Every kind of source value in a field of every contract type: exact or refused, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bson::{Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId};
use consign::catalog::Contract;
use consign::model::Batch;

use super::{cell, contract, decode_documents, decode_items};

const ATTRIBUTES: &[&str] = &[
    r#"{"S":""}"#,
    r#"{"S":"caf\u00e9 \ud83d\ude00"}"#,
    r#"{"S":"a\u0000b"}"#,
    r#"{"S":"12"}"#,
    r#"{"S":" 12"}"#,
    r#"{"S":"1.5"}"#,
    r#"{"S":"true"}"#,
    r#"{"S":"True"}"#,
    r#"{"S":"2024-02-29"}"#,
    r#"{"S":"2023-02-29"}"#,
    r#"{"S":"0000-12-31"}"#,
    r#"{"S":"2024-02-29T23:30:00.5-05:00"}"#,
    r#"{"S":"2024-02-29T23:30:00"}"#,
    r#"{"S":"2024-02-29T23:30:00.0000001Z"}"#,
    r#"{"S":"1999-12-31T23:59:59Z"}"#,
    r#"{"N":"0"}"#,
    r#"{"N":"-0.0"}"#,
    r#"{"N":"1"}"#,
    r#"{"N":"1.0"}"#,
    r#"{"N":"1.1"}"#,
    r#"{"N":"1E+2"}"#,
    r#"{"N":"0.0001"}"#,
    r#"{"N":"1709267400.123456"}"#,
    r#"{"N":"1709267400.1234567"}"#,
    r#"{"N":"1709267400123"}"#,
    r#"{"N":"12345678901234567890"}"#,
    r#"{"N":"12345678901234567890123456789.123456789"}"#,
    r#"{"N":"99999999999999999999999999999999999999"}"#,
    r#"{"N":"one"}"#,
    r#"{"N":""}"#,
    r#"{"BOOL":true}"#,
    r#"{"BOOL":false}"#,
    r#"{"NULL":true}"#,
    r#"{"B":""}"#,
    r#"{"B":"aGk="}"#,
    r#"{"B":"aGk"}"#,
    r#"{"B":"aGl="}"#,
    r#"{"B":"a-_="}"#,
    r#"{"L":[]}"#,
    r#"{"L":[{"S":"b"},{"S":"a"}]}"#,
    r#"{"L":[{"S":"a"},{"S":"a"}]}"#,
    r#"{"L":[{"S":"b"},{"NULL":true},{"NULL":true}]}"#,
    r#"{"L":[{"N":"2"},{"N":"10"},{"N":"1.5"}]}"#,
    r#"{"L":[{"N":"2"},{"N":"2.0"}]}"#,
    r#"{"L":[{"M":{"name":{"S":"a"},"price":{"N":"1.2345"}}},{"M":{"price":{"N":"1.23456"}}}]}"#,
    r#"{"SS":["b","a"]}"#,
    r#"{"NS":["2","10","1.5"]}"#,
    r#"{"BS":["aGk="]}"#,
    r#"{"M":{}}"#,
    r#"{"M":{"b":{"S":"x"},"a":{"N":"1"},"c":{"L":[]}}}"#,
    r#"{"M":{"a":{"N":"1"},"a":{"N":"2"}}}"#,
    r#"{"M":{"a":{"NULL":true},"b":{"NULL":true}}}"#,
    // JSON, but no attribute values.
    r#""bare""#,
    r#"{"N":1}"#,
    r#"{"X":"1"}"#,
    r#"{}"#,
    r#"{"S":"a","N":"1"}"#,
    r#"{"NULL":false}"#,
    r#"{"SS":[1]}"#,
    r#"{"L":[1]}"#,
    r#"{"M":{"a":1}}"#,
];

fn bson_values() -> Vec<(&'static str, Bson)> {
    let decimal = |text: &str| Bson::Decimal128(text.parse::<Decimal128>().unwrap());
    let millis = |millis| Bson::DateTime(DateTime::from_millis(millis));
    let binary = |subtype: u8, bytes: &[u8]| {
        Bson::Binary(Binary { subtype: subtype.into(), bytes: bytes.to_vec() })
    };
    vec![
        ("string empty", "".into()),
        ("string", "café".into()),
        ("string with NUL", "a\0b".into()),
        ("string 1.5", "1.5".into()),
        ("string instant", "2024-02-29T23:30:00+10:30".into()),
        ("int 12", 12_i32.into()),
        ("long 2^53+1", 9_007_199_254_740_993_i64.into()),
        ("long min", i64::MIN.into()),
        ("double 1.0", 1.0.into()),
        ("double -0.0", (-0.0).into()),
        ("double 1.1", 1.1.into()),
        ("double 2^53", 9_007_199_254_740_992.0.into()),
        ("double 2^53+2", 9_007_199_254_740_994.0.into()),
        ("double NaN", f64::NAN.into()),
        ("double infinite", f64::INFINITY.into()),
        ("decimal 1.10", decimal("1.10")),
        ("decimal 1.1000000000", decimal("1.1000000000")),
        ("decimal 1E+3", decimal("1E+3")),
        ("decimal 0E+6000", decimal("0E+6000")),
        ("decimal -0E-6000", decimal("-0E-6000")),
        ("decimal 34 nines", decimal("9999999999999999999999999999999999")),
        ("decimal NaN", decimal("NaN")),
        ("decimal infinite", decimal("-Infinity")),
        ("bool", true.into()),
        ("null", Bson::Null),
        ("undefined", Bson::Undefined),
        ("date midnight", millis(1_709_164_800_000)),
        ("date noon", millis(1_709_208_000_000)),
        ("date -1 ms", millis(-1)),
        ("date year 0", millis(-62_135_596_800_001)),
        ("date year 10000", millis(253_402_300_800_000)),
        ("date min", millis(i64::MIN)),
        ("date max", millis(i64::MAX)),
        (
            "objectId",
            ObjectId::from_bytes(*b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\xab\xcd\xef").into(),
        ),
        ("binary", binary(0, b"hi")),
        ("binary old", binary(2, b"hi")),
        ("uuid", binary(4, b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef")),
        ("uuid legacy", binary(3, b"0123456789abcdef")),
        ("uuid cut", binary(4, b"0123")),
        ("array empty", Bson::Array(vec![])),
        ("array of string", vec!["b", "a"].into()),
        ("array twice", vec!["a", "a"].into()),
        ("array of numbers", vec![Bson::Int32(2), Bson::Double(1.0), decimal("1.5")].into()),
        ("array with null", vec![Bson::Null, "a".into()].into()),
        ("array of object", vec![doc! { "name": "a", "price": decimal("1.2345") }].into()),
        ("object", doc! { "b": "x", "a": 1, "c": [1] }.into()),
        ("object empty", doc! {}.into()),
        (
            "regex",
            Bson::RegularExpression(bson::Regex {
                pattern: bson::cstr!("a").into(),
                options: bson::cstr!("i").into(),
            }),
        ),
        ("javascript", Bson::JavaScriptCode("a".to_owned())),
        (
            "javascriptWithScope",
            Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
                code: "a".to_owned(),
                scope: doc! { "a": 1 },
            }),
        ),
        ("symbol", Bson::Symbol("a".to_owned())),
        ("timestamp", Bson::Timestamp(Timestamp { time: 1, increment: 2 })),
        ("minKey", Bson::MinKey),
        ("maxKey", Bson::MaxKey),
    ]
}

#[test]
fn every_attribute_value_in_every_field() {
    let contract = contract::every_type();
    let items: Vec<String> = ATTRIBUTES
        .iter()
        .map(|value| {
            let members = names(&contract).map(|name| format!("\"{name}\":{value}"));
            members.collect::<Vec<_>>().join(",")
        })
        .collect();
    let batch = decode_items(&contract, &items.iter().map(String::as_str).collect::<Vec<_>>());
    insta::assert_snapshot!(table(&contract, &batch, ATTRIBUTES));
}

#[test]
fn every_bson_value_in_every_field() {
    let contract = contract::every_type();
    let (labels, values): (Vec<_>, Vec<_>) = bson_values().into_iter().unzip();
    let documents: Vec<Document> = values
        .iter()
        .map(|value| names(&contract).map(|name| (name.to_owned(), value.clone())).collect())
        .collect();
    let batch = decode_documents(&contract, &documents);
    insta::assert_snapshot!(table(&contract, &batch, &labels));
}

fn names(contract: &Contract) -> impl Iterator<Item = &str> {
    contract.fields.iter().filter(|f| f.derived.is_none()).map(|f| f.name.as_str())
}

/// What became of each row's value: cells, then fields by the reason that refused them.
fn table(contract: &Contract, batch: &Batch, labels: &[&str]) -> String {
    let mut out = String::new();
    for (row, label) in labels.iter().enumerate() {
        let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for reason in batch.reasons.iter().filter(|r| r.row as usize == row) {
            let reason = &reason.reason;
            let millis = reason.raw_millis.map_or(String::new(), |millis| format!(" {millis} ms"));
            let why = format!("{} {}{millis}", reason.code, reason.found.unwrap_or("-"));
            let field = reason.field.as_deref().unwrap_or("the row");
            refused.entry(why).or_default().push(field.to_owned());
        }
        writeln!(out, "{label}").unwrap();
        for name in names(contract) {
            let offset = format!("{name}#offset");
            let is_timestamp = batch.columns.column_by_name(&offset).is_some();
            match cell(batch, row, name) {
                Some(value) if is_timestamp => {
                    let offset = cell(batch, row, &offset).unwrap_or("local".to_owned());
                    writeln!(out, "    {name} = {value} {offset}").unwrap();
                }
                Some(value) => writeln!(out, "    {name} = {value:?}").unwrap(),
                None => {
                    let told = refused.values().flatten().any(|path| path.as_str() == name);
                    let null = label.to_lowercase().contains("null");
                    assert!(told || null, "{label}: {name} is null without a reason");
                }
            }
        }
        for (why, fields) in refused {
            writeln!(out, "  {why}: {}", fields.join(" ")).unwrap();
        }
    }
    out
}
