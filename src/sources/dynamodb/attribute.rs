//! Attribute values and DynamoDB JSON, both ways and without loss: numbers stay text.
//!
//! For keys, for values of expressions and for items that are written. Does not own the rows that
//! are read: their bytes go to `decode` as they are.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};

/// The attributes of an item, or of a key, by name.
pub type Item = HashMap<String, AttributeValue>;

/// Reads an item or a key from DynamoDB JSON: `{"order_id":{"S":"1"}}`.
///
/// # Errors
/// `Usage` when `text` is not that.
pub fn parse_item(text: &str) -> Result<Item> {
    item_of(&serde_json::from_str(text).unwrap_or_default())
}

/// Reads an item or a key from JSON that is parsed already.
///
/// # Errors
/// `Usage` when `json` is not DynamoDB JSON.
pub fn item_of(json: &Value) -> Result<Item> {
    item(json).ok_or_else(|| not_dynamodb_json(r#"{"order_id":{"S":"1"}}"#))
}

/// Reads a value from DynamoDB JSON: `{"S":"paid"}`.
///
/// # Errors
/// `Usage` when `text` is not that.
pub(super) fn parse_value(text: &str) -> Result<AttributeValue> {
    let json = serde_json::from_str(text).ok();
    json.as_ref().and_then(attribute).ok_or_else(|| not_dynamodb_json(r#"{"S":"paid"}"#))
}

fn not_dynamodb_json(example: &str) -> Error {
    Error::new(ErrorKind::Usage, "this is not DynamoDB JSON")
        .with_help(format!("write each value with its type, for instance {example}"))
}

fn item(json: &Value) -> Option<Item> {
    json.as_object()?.iter().map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

// The depth is bounded: `serde_json` takes no more than 128 levels.
fn attribute(json: &Value) -> Option<AttributeValue> {
    let mut members = json.as_object()?.iter();
    let (tag, value) = members.next()?;
    if members.next().is_some() {
        return None;
    }
    Some(match tag.as_str() {
        "S" => AttributeValue::S(text(value)?),
        "N" => AttributeValue::N(text(value)?),
        "B" => AttributeValue::B(blob(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "SS" => AttributeValue::Ss(elements(value, text)?),
        "NS" => AttributeValue::Ns(elements(value, text)?),
        "BS" => AttributeValue::Bs(elements(value, blob)?),
        "L" => AttributeValue::L(elements(value, attribute)?),
        "M" => AttributeValue::M(item(value)?),
        _ => return None,
    })
}

fn elements<T>(json: &Value, read: fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    json.as_array()?.iter().map(read).collect()
}

fn text(json: &Value) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn blob(json: &Value) -> Option<Blob> {
    BASE64.decode(json.as_str()?).ok().map(Blob::new)
}

/// Writes an item or a key as DynamoDB JSON, its attributes sorted.
pub(super) fn item_json(item: &Item) -> Value {
    let sorted: BTreeMap<_, _> = item.iter().collect();
    let members = sorted.into_iter().map(|(name, value)| (name.clone(), value_json(value)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Writes a value as DynamoDB JSON; one of a type that is not known yet is null.
pub(super) fn value_json(value: &AttributeValue) -> Value {
    let base64 = |blob: &Blob| BASE64.encode(blob.as_ref());
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(blob) => json!({ "B": base64(blob) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(flag) => json!({ "NULL": flag }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(blobs) => json!({ "BS": blobs.iter().map(base64).collect::<Vec<_>>() }),
        AttributeValue::L(values) => {
            json!({ "L": values.iter().map(value_json).collect::<Vec<_>>() })
        }
        AttributeValue::M(members) => json!({ "M": item_json(members) }),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_both_ways() {
        let text = r#"{"a":{"L":[{"S":"é\n"},{"N":"1234567890.12345678901234567890123456789E-5"},
            {"B":"AAE="},{"BOOL":false},{"NULL":true},{"SS":["x","y"]},{"NS":["1","1.0"]},
            {"BS":["","/w=="]},{"M":{"b":{"L":[]}}}]}}"#;
        let item = parse_item(text).unwrap();
        assert_eq!(item_json(&item), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_not_dynamodb_json_is_refused_without_being_shown() {
        for text in [
            "",
            "1",
            "[]",
            r#"{"a":1}"#,
            r#"{"a":{"S":1}}"#,
            r#"{"a":{"N":5}}"#,
            r#"{"a":{"X":"secret"}}"#,
            r#"{"a":{"S":"secret","N":"1"}}"#,
            r#"{"a":{"B":"not base64"}}"#,
            r#"{"a":{"BOOL":"true"}}"#,
            r#"{"a":{}}"#,
        ] {
            let error = parse_item(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
