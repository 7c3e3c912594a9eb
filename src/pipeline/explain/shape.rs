//! The type and shape of the values of a source row, in words that give no value away.
//!
//! Looks a field up by the path of the contract, without decoding the row. Does not own what fits
//! a contract (`decode`).

use std::collections::BTreeSet;

use bson::raw::{RawBsonRef, RawDocument};
use serde_json::Value as Json;

use crate::catalog::{Contract, Field, FieldType};
use crate::model::RawFormat;

/// Shapes that are told of one field; a list may hold many.
const MAX_SHAPES: usize = 5;

/// The shapes of the values that a source row has where `path` (`items[].quantity`) points, each
/// once; empty when the row cannot be read or the contract has no such field.
pub(super) fn shapes(
    raw: &[u8],
    format: RawFormat,
    contract: &Contract,
    path: &str,
) -> Vec<String> {
    let Some(steps) = steps(contract, path, format) else { return Vec::new() };
    let mut shapes = Vec::new();
    let mut found = |shape: String| {
        if shapes.len() < MAX_SHAPES && !shapes.contains(&shape) {
            shapes.push(shape);
        }
    };
    match format {
        RawFormat::Bson => {
            if let Ok(document) = RawDocument::from_bytes(raw) {
                of_bson(Some(RawBsonRef::Document(document)), &steps, &mut found);
            }
        }
        RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
            let Ok(line) = serde_json::from_slice::<Json>(raw) else { return Vec::new() };
            let item = match format {
                RawFormat::DynamodbJson => &line["Item"],
                RawFormat::DynamodbChange => &line["NewImage"],
                _ => &line,
            };
            of_item(item, &steps, &mut found);
        }
    }
    shapes
}

/// A step on the way to a value.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Member(&'a str),
    Elements,
}

/// The way to the field at `path`, by the names it has in sources of `format`.
fn steps<'c>(contract: &'c Contract, path: &str, format: RawFormat) -> Option<Vec<Step<'c>>> {
    let mut rest = path;
    let mut steps = Vec::new();
    let mut fields: &[Field] = &contract.fields;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let mut field = fields.iter().find(|field| field.name == rest.get(..end).unwrap_or(""))?;
        let names = match format {
            RawFormat::Bson => &field.source.mongodb,
            _ => &field.source.dynamodb,
        };
        steps.extend(names.iter().map(|name| Step::Member(name)));
        rest = rest.get(end..)?;
        while let Some(inside) = rest.strip_prefix("[]") {
            let FieldType::List { element, .. } = &field.data_type else { return None };
            steps.push(Step::Elements);
            field = element;
            rest = inside;
        }
        let Some(member) = rest.strip_prefix('.') else {
            return (rest.is_empty() && !steps.is_empty()).then_some(steps);
        };
        let FieldType::Struct(members) = &field.data_type else { return None };
        fields = members;
        rest = member;
    }
}

fn of_bson(value: Option<RawBsonRef<'_>>, steps: &[Step<'_>], found: &mut impl FnMut(String)) {
    let (value, step, rest) = match (value, steps) {
        (None, _) => return found("missing".to_owned()),
        (Some(value), []) => return found(shape_of_bson(&value)),
        (Some(value), [step, rest @ ..]) => (value, step, rest),
    };
    match (value, step) {
        (RawBsonRef::Document(document), Step::Member(name)) => {
            of_bson(document.get(name).ok().flatten(), rest, found);
        }
        (RawBsonRef::Array(array), Step::Elements) => {
            array.into_iter().flatten().for_each(|element| of_bson(Some(element), rest, found));
        }
        (other, _) => found(shape_of_bson(&other)),
    }
}

fn shape_of_bson(value: &RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::String(text) => format!("string, {}", text_shape(text)),
        RawBsonRef::Symbol(text) => format!("symbol, {}", text_shape(text)),
        RawBsonRef::Int32(number) => format!("int, {}", number_shape(&number.to_string())),
        RawBsonRef::Int64(number) => format!("long, {}", number_shape(&number.to_string())),
        RawBsonRef::Decimal128(number) => {
            format!("decimal, {}", number_shape(&number.to_string()))
        }
        RawBsonRef::Binary(binary) => format!("binData, {} bytes", binary.bytes.len()),
        RawBsonRef::Array(array) => format!("array of {}", array.into_iter().count()),
        RawBsonRef::Document(document) => {
            format!("object of {} fields", document.iter().count())
        }
        RawBsonRef::Double(_) => "double".to_owned(),
        RawBsonRef::Boolean(_) => "bool".to_owned(),
        RawBsonRef::Null => "null".to_owned(),
        RawBsonRef::DateTime(_) => "date".to_owned(),
        RawBsonRef::ObjectId(_) => "objectId".to_owned(),
        RawBsonRef::Timestamp(_) => "timestamp".to_owned(),
        RawBsonRef::RegularExpression(_) => "regex".to_owned(),
        RawBsonRef::JavaScriptCode(_) | RawBsonRef::JavaScriptCodeWithScope(_) => {
            "javascript".to_owned()
        }
        RawBsonRef::Undefined => "undefined".to_owned(),
        RawBsonRef::MaxKey | RawBsonRef::MinKey => "a key beyond all values".to_owned(),
        RawBsonRef::DbPointer(_) => "dbPointer".to_owned(),
    }
}

/// Walks an item or the members of a map: `{"name":{"S":"…"}}`.
fn of_item(members: &Json, steps: &[Step<'_>], found: &mut impl FnMut(String)) {
    let [Step::Member(name), rest @ ..] = steps else { return };
    match members.get(name) {
        Some(value) => of_attribute(value, rest, found),
        None => found("missing".to_owned()),
    }
}

/// Walks a value with its type: `{"S":"…"}`.
fn of_attribute(value: &Json, steps: &[Step<'_>], found: &mut impl FnMut(String)) {
    let Some((tag, inside)) = value.as_object().and_then(|members| members.iter().next()) else {
        return found("no value with a type".to_owned());
    };
    match (tag.as_str(), steps) {
        ("M", [Step::Member(_), ..]) => of_item(inside, steps, found),
        ("L", [Step::Elements, rest @ ..]) => {
            inside.as_array().into_iter().flatten().for_each(|e| of_attribute(e, rest, found));
        }
        _ => found(shape_of_attribute(tag, inside)),
    }
}

fn shape_of_attribute(tag: &str, value: &Json) -> String {
    let elements = value.as_array().map_or(0, Vec::len);
    match (tag, value) {
        ("S", Json::String(text)) => format!("S, {}", text_shape(text)),
        ("N", Json::String(text)) => format!("N, {}", number_shape(text)),
        ("B", Json::String(text)) => format!("B, {} characters of base64", text.len()),
        ("M", Json::Object(members)) => format!("M of {} fields", members.len()),
        ("L" | "SS" | "NS" | "BS", Json::Array(_)) => format!("{tag} of {elements}"),
        ("BOOL" | "NULL", _) => tag.to_owned(),
        ("S" | "N" | "B" | "M" | "L" | "SS" | "NS" | "BS", _) => {
            format!("{tag} that holds something else")
        }
        _ => "of an unknown type".to_owned(),
    }
}

/// The length of a text and the kinds of its characters.
fn text_shape(text: &str) -> String {
    let length = match text.chars().count() {
        0 => return "empty".to_owned(),
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    };
    let has = |is: fn(char) -> bool| text.chars().any(is);
    let kinds = [
        ("letters", has(|c| c.is_ascii_alphabetic())),
        ("letters beyond ASCII", has(|c| !c.is_ascii() && c.is_alphabetic())),
        ("digits", has(|c| c.is_ascii_digit())),
        ("white space", has(char::is_whitespace)),
        ("control characters", has(|c| c.is_control() && !c.is_whitespace())),
        (
            "other characters",
            has(|c| !c.is_ascii() && !c.is_alphabetic() && !c.is_whitespace() && !c.is_control()),
        ),
    ];
    let mut said: Vec<String> =
        kinds.into_iter().filter(|(_, has)| *has).map(|(kind, _)| kind.to_owned()).collect();
    let signs: BTreeSet<char> = text.chars().filter(char::is_ascii_punctuation).collect();
    said.extend(signs.into_iter().map(|sign| format!("`{sign}`")));
    let edges = match text.trim().len() == text.len() {
        true => "",
        false => ", white space at an end",
    };
    format!("{length}: {}{edges}", said.join(", "))
}

/// How many digits a number has, and where.
fn number_shape(text: &str) -> String {
    let unsigned = text.trim_start_matches(['-', '+']);
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, _)) => (digits, ", with an exponent"),
        None => (unsigned, ""),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !is_number(whole) || !is_number(fraction) {
        return format!("not written as a number, {}", text_shape(text));
    }
    let sign = if text.starts_with('-') { ", negative" } else { "" };
    format!("{} digits, {} after the point{exponent}{sign}", whole.len(), fraction.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_by_length_and_kinds_alone() {
        for (text, shape) in [
            ("", "empty"),
            ("ana@shop.example", "16 characters: letters, `.`, `@`"),
            (
                " Zoë 7",
                "6 characters: letters, letters beyond ASCII, digits, white space, white space at an end",
            ),
            ("€", "1 character: other characters"),
        ] {
            assert_eq!(text_shape(text), shape);
        }
    }

    #[test]
    fn numbers_are_told_by_their_digits_alone() {
        for (text, shape) in [
            ("20.00", "2 digits, 2 after the point"),
            ("-7", "1 digits, 0 after the point, negative"),
            ("1.5E+3", "1 digits, 1 after the point, with an exponent"),
            ("ten", "not written as a number, 3 characters: letters"),
        ] {
            assert_eq!(number_shape(text), shape);
        }
    }
}
