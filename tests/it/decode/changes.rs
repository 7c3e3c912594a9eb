//! Lines of incremental exports: which image is read, what a deletion has, what is refused.

use arrow::array::{Array, Int64Array};
use bytes::Bytes;
use consign::catalog::{Contract, FieldType, Limits};
use consign::decode::Decoder;
use consign::model::{Batch, PageContent, RawFormat, RawPage};
use consign::plan::DELETED_IN_SOURCE;
use proptest::prelude::*;

use super::contract::{below, coerced, contract, field, missing_fields, required, timestamp};
use super::{cell, decode, decode_items, page, reasons};

const NONE: &[String] = &[];
const METADATA: &str = r#""Metadata":{"WriteTimestampMicros":{"N":"1680109764000000"}}"#;
const KEYS: &str = r#""Keys":{"id":{"N":"7"}}"#;
const OLD: &str = r#""OldImage":{"id":{"N":"7"},"a":{"S":"old"},"at":{"S":"never"}}"#;
const NEW: &str =
    r#""NewImage":{"id":{"N":"7"},"a":{"S":"new"},"at":{"S":"2026-08-01T00:00:00Z"}}"#;

/// A key `id` that is a text here and may be a number there, and two more fields.
fn orders() -> Contract {
    let at = FieldType::Timestamp(timestamp());
    Contract {
        key: vec!["id".to_owned()],
        version_field: "at".to_owned(),
        ..contract(vec![
            required(coerced(field("id", FieldType::Text))),
            field("a", FieldType::Text),
            required(field("at", at)),
            missing_fields(),
        ])
    }
}

fn decode_changes(lines: &[&str]) -> Batch {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    decode(&orders(), RawFormat::DynamodbChange, lines)
}

fn line(members: &[&str]) -> String {
    format!("{{{}}}", members.join(","))
}

fn written_at(batch: &Batch) -> Vec<Option<i64>> {
    batch.written_at.as_ref().unwrap().iter().collect()
}

fn deletions(batch: &Batch) -> Vec<u32> {
    assert!(batch.exclusions.iter().all(|exclusion| &*exclusion.rule == DELETED_IN_SOURCE));
    batch.exclusions.iter().map(|exclusion| exclusion.row).collect()
}

#[test]
fn the_new_image_is_the_row_wherever_it_stands() {
    for members in [
        vec![METADATA, KEYS, NEW],
        vec![NEW, KEYS, METADATA],
        vec![METADATA, KEYS, OLD, NEW],
        vec![NEW, OLD, METADATA],
        vec![r#""Extra":[{"x":null}]"#, NEW, METADATA, KEYS, r#""\u0058":1.5e3"#],
        vec![
            METADATA,
            r#""New\u0049mage":{"id":{"S":"7"},"a":{"S":"new"},"at":{"S":"2026-08-01T00:00:00Z"}}"#,
        ],
    ] {
        let batch = decode_changes(&[&line(&members)]);
        assert_eq!(reasons(&batch), NONE, "{members:?}");
        assert_eq!(cell(&batch, 0, "id").as_deref(), Some("7"));
        assert_eq!(cell(&batch, 0, "a").as_deref(), Some("new"));
        assert_eq!(cell(&batch, 0, "#missing").as_deref(), Some("[]"));
        assert_eq!(written_at(&batch), [Some(1_680_109_764_000_000)]);
        assert!(deletions(&batch).is_empty());
    }
}

#[test]
fn a_row_is_what_a_full_export_would_have_made_of_its_image() {
    for item in [
        r#""id":{"S":"x"},"a":{"NULL":true}"#,
        r#""id":{"BOOL":true},"a":{"S":"x"},"a":{"S":"y"}"#,
        r#""id":{"S":"x"},"at":{"S":"yesterday"},"deep":{"L":[{"M":{"x":{"L":[]}}}]}"#,
        "",
    ] {
        let image = format!("\"NewImage\":{{{item}}}");
        let changed = decode_changes(&[&line(&[METADATA, KEYS, OLD, &image])]);
        let exported = decode_items(&orders(), &[item]);
        assert_eq!(changed.columns, exported.columns, "{item}");
        assert_eq!(reasons(&changed), reasons(&exported), "{item}");
        assert!(exported.written_at.is_none());
    }
}

#[test]
fn without_a_new_image_the_item_was_deleted_and_has_nothing_but_its_key() {
    let batch = decode_changes(&[
        &line(&[METADATA, KEYS]),
        &line(&[METADATA, KEYS, NEW]),
        &line(&[OLD, KEYS, METADATA]),
        &line(&[METADATA, r#""Keys":{"a":{"S":"range"},"id":{"S":" 8 "},"at":{"N":"x"}}"#]),
    ]);
    assert_eq!(reasons(&batch), NONE);
    assert_eq!(deletions(&batch), [0, 2, 3]);
    for row in [0, 2, 3] {
        let key = if row == 3 { " 8 " } else { "7" };
        assert_eq!(cell(&batch, row, "id").as_deref(), Some(key));
        for column in ["a", "at", "#missing"] {
            assert_eq!(cell(&batch, row, column), None, "{row} {column}");
        }
    }
}

#[test]
fn a_deletion_whose_key_cannot_be_read_has_the_reason() {
    let batch = decode_changes(&[
        &line(&[METADATA, r#""Keys":{"pk":{"S":"ORDER#7"}}"#]),
        &line(&[METADATA, r#""Keys":{"id":{"B":"aGk="}}"#]),
        &line(&[METADATA, r#""Keys":{"id":{"S":"1"},"id":{"S":"2"}}"#]),
    ]);
    let expected =
        ["0 required_missing id missing", "1 type_mismatch id B", "2 duplicate_field id -"];
    assert_eq!(reasons(&batch), expected);
    assert_eq!(deletions(&batch), [0, 1, 2]);
    let path = Contract {
        key: vec!["id".to_owned()],
        ..contract(vec![required(below(field("id", FieldType::Text), &["order", "id"]))])
    };
    let batch = decode(&path, RawFormat::DynamodbChange, line(&[METADATA, KEYS]));
    assert_eq!(reasons(&batch), ["0 required_missing id missing"], "keys have no parts");
}

#[test]
fn a_line_that_is_no_change_is_malformed_and_gives_no_cells() {
    for line in [
        "{}".to_owned(),
        " ".to_owned(),
        "null".to_owned(),
        r#"{"Item":{"id":{"S":"7"}}}"#.to_owned(),
        line(&[METADATA]),
        line(&[METADATA, OLD]),
        line(&[KEYS]),
        line(&[KEYS, NEW]),
        line(&[KEYS, r#""Metadata":{}"#]),
        line(&[KEYS, r#""Metadata":[]"#]),
        line(&[KEYS, r#""Metadata":{"WriteTimestampMicros":{"S":"1"}}"#]),
        line(&[KEYS, r#""Metadata":{"WriteTimestampMicros":{"N":"1.5"}}"#]),
        line(&[KEYS, r#""Metadata":{"WriteTimestampMicros":{"N":"soon"}}"#]),
        line(&[KEYS, r#""Metadata":{"WriteTimestampMicros":{"N":"9223372036854775808"}}"#]),
        line(&[KEYS, r#""Metadata":{"WriteTimestampMicros":1680109764000000}"#]),
        line(&[
            KEYS,
            r#""Metadata":{"WriteTimestampMicros":{"N":"1"},"WriteTimestampMicros":{"N":"1"}}"#,
        ]),
        line(&[METADATA, METADATA, KEYS]),
        line(&[METADATA, KEYS, KEYS]),
        line(&[METADATA, NEW, NEW]),
        line(&[METADATA, r#""Keys":null"#]),
        line(&[METADATA, KEYS, r#""NewImage":null"#]),
        line(&[METADATA, KEYS, r#""NewImage":{"unknown":"bare"}"#]),
        line(&[METADATA, KEYS, r#""OldImage":{"a":"#]),
        line(&[METADATA, NEW, r#""OldImage":{"a":{"S":"\ud800"}}"#]),
        line(&[METADATA, KEYS]) + "x",
        format!("{{{METADATA},{KEYS},}}"),
        format!("{{{METADATA} {KEYS}}}"),
        format!("{{{METADATA},{NEW}"),
    ] {
        let batch = decode_changes(&[&line, &self::line(&[METADATA, KEYS])]);
        assert_eq!(reasons(&batch), ["0 row_malformed - -"], "{line}");
        for column in ["id", "a", "at", "#missing"] {
            assert_eq!(cell(&batch, 0, column), None, "{line}");
        }
        assert_eq!(written_at(&batch), [None, Some(1_680_109_764_000_000)], "{line}");
        assert_eq!(deletions(&batch), [1], "{line}");
    }
}

#[test]
fn limits_speak_of_the_row_alone() {
    let limits = Limits { max_depth: 2, max_fields: 3, max_text_bytes: 20, ..Limits::default() };
    let contract = Contract { limits, ..orders() };
    let old = r#""OldImage":{"a":{"L":[{"L":[{"L":[]}]}]},"b":{"S":"longer than twenty bytes"}}"#;
    let lines = [line(&[METADATA, old, NEW, KEYS]), line(&[KEYS, old, METADATA])].join("\n");
    let batch = decode(&contract, RawFormat::DynamodbChange, lines);
    assert_eq!(reasons(&batch), NONE);

    let content = PageContent::Oversized {
        format: RawFormat::DynamodbChange,
        row_bytes: 1 << 30,
        head: Bytes::from_static(b"{\"Metadata\""),
    };
    let page = RawPage { content, ..page(RawFormat::DynamodbChange, "") };
    let batch = Decoder::new(&contract, RawFormat::DynamodbChange).decode(&page);
    assert_eq!(reasons(&batch), ["0 row_too_large - -"]);
    assert_eq!(written_at(&batch), [None]);
    assert!(deletions(&batch).is_empty());
}

#[test]
fn a_decoder_forgets_the_changes_of_the_page_before() {
    let mut decoder = Decoder::new(&orders(), RawFormat::DynamodbChange);
    let deleted = page(RawFormat::DynamodbChange, line(&[METADATA, KEYS]));
    let changed = page(RawFormat::DynamodbChange, line(&[METADATA, KEYS, NEW]));
    assert_eq!(deletions(&decoder.decode(&deleted)), [0]);
    let batch = decoder.decode(&changed);
    assert!(deletions(&batch).is_empty());
    assert_eq!(written_at(&batch).len(), 1);
}

proptest! {
    #[test]
    fn damaged_lines_keep_their_place(
        at: prop::sample::Index, byte: u8, deleted: bool, cut: bool,
    ) {
        let members = if deleted { vec![METADATA, KEYS, OLD] } else { vec![NEW, METADATA, OLD] };
        let mut damaged = line(&members).into_bytes();
        let at = at.index(damaged.len());
        if cut {
            damaged.truncate(at.max(1));
        } else {
            damaged[at] = if byte == b'\n' { b' ' } else { byte };
        }
        damaged.extend(format!("\n{}", line(&[METADATA, KEYS])).into_bytes());
        let batch = decode(&orders(), RawFormat::DynamodbChange, damaged);
        prop_assert_eq!(batch.num_rows(), 2);
        prop_assert_eq!(batch.written_at.as_ref().map(Int64Array::len), Some(2));
        prop_assert_eq!(cell(&batch, 1, "id"), Some("7".to_owned()));
        prop_assert!(batch.reasons.iter().all(|reason| reason.row == 0));
        let malformed = batch.reasons.iter().any(|r| r.reason.code.as_str() == "row_malformed");
        prop_assert_eq!(batch.written_at.as_ref().unwrap().is_null(0), malformed);
    }
}
