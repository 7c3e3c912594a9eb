use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// What an item of a reply spells, parsed by `serde_json`.
fn items_of(bytes: &[u8], reply: &DynamodbReply) -> Vec<Value> {
    let item = |(start, end): &(u32, u32)| &bytes[*start as usize..*end as usize];
    reply.items.iter().map(|range| serde_json::from_slice(item(range)).unwrap()).collect()
}

fn read(json: &str) -> DynamodbReply {
    dynamodb_reply(json.as_bytes()).unwrap()
}

#[test]
fn items_are_found_and_the_rest_is_read() {
    let json = r#"{"Count":2,"Items":[{"a":{"S":"x]}\""}}, {} ],"LastEvaluatedKey": {"a" : {"N":"1e2"}} ,
        "ScannedCount":7,"ConsumedCapacity":{"TableName":"t","CapacityUnits":128.5},"New":[{"x":[1]}]}"#;
    let reply = read(json);
    let items: Vec<_> =
        reply.items.iter().map(|(start, end)| &json[*start as usize..*end as usize]).collect();
    assert_eq!(items, [r#"{"a":{"S":"x]}\""}}"#, "{}"]);
    assert_eq!(reply.last_evaluated_key.as_deref(), Some(r#"{"a" : {"N":"1e2"}}"#));
    assert_eq!((reply.scanned_count, reply.consumed_milli_units), (7, 128_500));
}

#[test]
fn an_absent_null_or_empty_key_is_the_end() {
    for key in [
        "",
        r#","LastEvaluatedKey":{}"#,
        r#","LastEvaluatedKey":{ }"#,
        r#","LastEvaluatedKey":null"#,
    ] {
        let reply = read(&format!(r#"{{"Items":[],"Count":0{key}}}"#));
        assert_eq!(reply.last_evaluated_key, None, "{key}");
    }
}

#[test]
fn an_empty_page_with_a_key_goes_on() {
    let reply =
        read(r#"{"Items":[],"Count":0,"ScannedCount":9,"LastEvaluatedKey":{"k":{"S":"1"}}}"#);
    assert_eq!(reply.items, []);
    assert_eq!(reply.last_evaluated_key.as_deref(), Some(r#"{"k":{"S":"1"}}"#));
}

#[test]
fn a_count_that_is_another_is_refused() {
    for count in [r#""Count":1"#, r#""Count":3"#, r#""ScannedCount":2"#] {
        let json = format!(r#"{{"Items":[{{}},{{}}],{count}}}"#);
        for read in [dynamodb_reply, verified_dynamodb_reply] {
            assert_eq!(read(json.as_bytes()), Err(BadReply::WrongCount), "{count}");
        }
    }
}

#[test]
fn what_is_no_such_reply_is_refused() {
    for json in [
        "",
        "null",
        "[]",
        r#"{"Items":{},"Count":0}"#,
        r#"{"Items":[1],"Count":1}"#,
        r#"{"Items":[{},],"Count":1}"#,
        r#"{"Items":[],"Items":[],"Count":0}"#,
        r#"{"Items":[],"Count":0,"Count":0}"#,
        r#"{"Items":[],"Count":-1}"#,
        r#"{"Items":[],"Count":0.5}"#,
        r#"{"Items":[],"Count":"0"}"#,
        r#"{"Items":[],"Count":0,"LastEvaluatedKey":"k"}"#,
        r#"{"Items":[],"Count":0,"ConsumedCapacity":{"CapacityUnits":"1"}}"#,
        r#"{"Items":[],"Count":0,"ConsumedCapacity":{"CapacityUnits":-1}}"#,
        r#"{"Items":[],"Count":0} {}"#,
    ] {
        for read in [dynamodb_reply, verified_dynamodb_reply] {
            assert_eq!(read(json.as_bytes()), Err(BadReply::Malformed), "{json}");
        }
    }
}

#[test]
fn units_are_exact_however_they_are_spelled() {
    for (units, milli_units) in [
        ("0", 0),
        ("0.5", 500),
        ("0.0001", 1),
        ("0.30000000000000004", 301),
        ("128", 128_000),
        ("1.0E7", 10_000_000_000),
        ("5e-1", 500),
    ] {
        let json = format!(
            r#"{{"Items":[],"Count":0,"ConsumedCapacity":{{"CapacityUnits":{units},"Table":{{"CapacityUnits":9}}}}}}"#
        );
        assert_eq!(read(&json).consumed_milli_units, milli_units, "{units}");
    }
}

#[test]
fn the_item_of_a_get_is_found_or_absent() {
    let json = r#"{"ConsumedCapacity":{"CapacityUnits":0.5},"Item":{"a":{"S":"x"}}}"#;
    let (start, end) = dynamodb_item_reply(json.as_bytes()).unwrap().unwrap();
    assert_eq!(&json[start as usize..end as usize], r#"{"a":{"S":"x"}}"#);
    assert_eq!(dynamodb_item_reply(b"{}"), Ok(None));
    assert_eq!(dynamodb_item_reply(br#"{"Item":{"a""#), Err(BadReply::Malformed));
}

#[test]
fn depth_is_no_crash() {
    let deep = r#"{"M":{"a":"#.repeat(50_000);
    let json = format!(r#"{{"Items":[{{"a":{deep}1{}}}],"Count":1}}"#, "}}".repeat(50_000));
    assert_eq!(dynamodb_reply(json.as_bytes()).unwrap().items.len(), 1);
    assert_eq!(verified_dynamodb_reply(json.as_bytes()), dynamodb_reply(json.as_bytes()));
}

fn attribute() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| json!({ "S": text })),
        any::<i64>().prop_map(|number| json!({ "N": number.to_string() })),
        any::<bool>().prop_map(|flag| json!({ "BOOL": flag })),
        Just(json!({ "NULL": true })),
        prop::collection::vec(any::<String>(), 1..3).prop_map(|set| json!({ "SS": set })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|list| json!({ "L": list })),
            prop::collection::hash_map(any::<String>(), inner, 0..3)
                .prop_map(|map| json!({ "M": map })),
        ]
    })
}

fn item() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(any::<String>(), attribute(), 0..4)
        .prop_map(|attributes| json!(attributes))
}

/// A reply with its members in any order.
fn any_reply() -> impl Strategy<Value = Map<String, Value>> {
    let items = prop::collection::vec(item(), 0..5);
    (items, prop::option::of(item()), 0..2_000_000_u64, any::<bool>()).prop_map(
        |(items, key, half_units, unknown)| {
            let mut reply = Map::new();
            reply.insert("Count".to_owned(), json!(items.len()));
            reply.insert("ScannedCount".to_owned(), json!(items.len() + 3));
            reply.insert("Items".to_owned(), json!(items));
            let units = json!({ "CapacityUnits": half_units as f64 / 2.0 });
            reply.insert("ConsumedCapacity".to_owned(), units);
            if let Some(key) = key {
                reply.insert("LastEvaluatedKey".to_owned(), key);
            }
            if unknown {
                reply.insert("Items2".to_owned(), json!([{ "Items": [] }]));
            }
            reply
        },
    )
}

proptest! {
    #[test]
    fn replies_say_what_serde_json_says(reply in any_reply(), pretty: bool) {
        let json = if pretty { serde_json::to_vec_pretty(&reply) } else { serde_json::to_vec(&reply) };
        let json = json.unwrap();
        let read = dynamodb_reply(&json).unwrap();
        prop_assert_eq!(&verified_dynamodb_reply(&json).unwrap(), &read);
        prop_assert_eq!(&Value::from(items_of(&json, &read)), &reply["Items"]);
        prop_assert_eq!(json!(read.scanned_count), reply["ScannedCount"].clone());
        let units = reply["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap();
        prop_assert_eq!(read.consumed_milli_units as f64, units * 1000.0);
        let key = read.last_evaluated_key.map(|key| serde_json::from_str::<Value>(&key).unwrap());
        let wanted = reply.get("LastEvaluatedKey").filter(|key| **key != json!({}));
        prop_assert_eq!(key.as_ref(), wanted);
    }

    #[test]
    fn a_reply_cut_anywhere_is_refused(reply in any_reply()) {
        let json = serde_json::to_vec(&reply).unwrap();
        for end in 0..json.len() {
            prop_assert!(dynamodb_reply(&json[..end]).is_err(), "cut at {}", end);
            prop_assert!(verified_dynamodb_reply(&json[..end]).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn a_damaged_reply_is_refused_when_serde_json_refuses_it(
        reply in any_reply(), at: prop::sample::Index, byte: u8,
    ) {
        let mut json = serde_json::to_vec(&reply).unwrap();
        *at.get_mut(&mut json) = byte;
        if serde_json::from_slice::<Value>(&json).is_err_and(|e| !e.to_string().starts_with("number out of range")) {
            prop_assert!(dynamodb_reply(&json).is_err());
            // What is not refused here is refused as a row: no damage is passed over.
            if let Ok(read) = verified_dynamodb_reply(&json) {
                let item = |(start, end): &(u32, u32)| &json[*start as usize..*end as usize];
                let is_json = |range| serde_json::from_slice::<Value>(item(range)).is_ok();
                prop_assert!(!read.items.iter().all(is_json));
            }
        }
    }
}
