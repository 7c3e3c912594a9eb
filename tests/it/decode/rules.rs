//! One test for each rule about rows: absence, duplicates, paths, limits, malformed bytes.

use arrow::array::{Array, AsArray};
use bson::{Bson, doc};
use bytes::Bytes;
use consign::catalog::{FieldType, Limits};
use consign::decode::Decoder;
use consign::model::{PageContent, RawFormat, RawPage, SplitId};

use super::contract::{
    below, contract, decimal, every_type, field, list, missing_fields, required, timestamp,
};
use super::{
    cell, decode, decode_documents, decode_elements, decode_items, document, page, raw_document,
    reasons,
};

const NONE: &[String] = &[];

#[test]
fn the_columns_are_those_of_the_contract_whatever_the_data() {
    let contract = every_type();
    for format in [RawFormat::DynamodbJson, RawFormat::Bson] {
        for bytes in ["", "\n\n", "rubbish", "{\"Item\":{}}"] {
            let batch = decode(&contract, format, bytes);
            assert_eq!(batch.columns.schema(), contract.decoded_schema());
        }
    }
}

#[test]
fn a_batch_knows_where_its_rows_stand() {
    let contract = contract(vec![field("a", FieldType::Text)]);
    let lines = "{\"Item\":{}}\n\n{\"Item\":{}}\nx";
    let batch = decode(&contract, RawFormat::DynamodbJson, lines);
    assert_eq!((batch.split, batch.first_row), (SplitId(7), 40));
    assert_eq!(batch.raw.ranges, [(0, 11), (13, 24), (25, 26)]);
    assert_eq!(batch.raw.row_offset_bytes(1), 1_013);
    assert_eq!(batch.num_rows(), 3);
    assert_eq!(reasons(&batch), ["2 row_malformed - -"]);
}

#[test]
fn missing_null_and_empty_are_three_things() {
    let contract = contract(vec![
        field("b", FieldType::Text),
        field("a", FieldType::Text),
        required(field("r", FieldType::Text)),
        missing_fields(),
    ]);
    let items = [
        r#""r":{"S":""},"b":{"S":""}"#,
        r#""r":{"NULL":true},"b":{"NULL":true},"a":{"S":"x"}"#,
        "",
    ];
    let documents = [doc! { "r": "", "b": "" }, doc! { "r": null, "b": null, "a": "x" }, doc! {}];
    for batch in [decode_items(&contract, &items), decode_documents(&contract, &documents)] {
        assert_eq!(cell(&batch, 0, "b").as_deref(), Some(""));
        assert_eq!(cell(&batch, 0, "r").as_deref(), Some(""));
        assert_eq!(cell(&batch, 1, "b"), None);
        let missing = ["[a]", "[]", "[a, b]"];
        for (row, names) in missing.iter().enumerate() {
            assert_eq!(cell(&batch, row, "#missing").as_deref(), Some(*names));
        }
        assert_eq!(reasons(&batch), ["1 required_null r null", "2 required_missing r missing"]);
    }
}

#[test]
fn a_field_that_stands_twice_is_refused_at_every_level() {
    let item = FieldType::Struct(vec![field("items[].n", FieldType::Integer)]);
    let contract = contract(vec![
        field("a", FieldType::Text),
        list("items", field("items[]", item), false),
        below(field("city", FieldType::Text), &["shipping", "city"]),
    ]);
    let batch = decode_items(
        &contract,
        &[
            r#""a":{"S":"1"},"\u0061":{"S":"1"}"#,
            r#""items":{"L":[{"M":{"n":{"N":"1"},"n":{"N":"1"}}}]}"#,
            r#""shipping":{"M":{}},"shipping":{"M":{"city":{"S":"x"}}}"#,
            r#""unknown":{"S":"1"},"unknown":{"S":"1"},"a":{"S":"1"}"#,
        ],
    );
    let twice =
        ["0 duplicate_field a -", "1 duplicate_field items[].n -", "2 duplicate_field city -"];
    assert_eq!(reasons(&batch), twice);
    assert_eq!(cell(&batch, 0, "a"), None);
    assert_eq!(cell(&batch, 3, "a").as_deref(), Some("1"));

    let element = b"\x10a\0\x01\0\0\0";
    let batch = decode_elements(&contract, &[element, element.as_slice()].concat());
    assert_eq!(reasons(&batch), ["0 duplicate_field a -"]);
}

#[test]
fn a_path_descends_through_objects() {
    let contract = contract(vec![
        below(field("city", FieldType::Text), &["shipping", "address", "city"]),
        below(required(field("zip", FieldType::Text)), &["shipping", "address", "zip"]),
        below(
            field("whole", FieldType::Struct(vec![field("whole.zip", FieldType::Text)])),
            &["shipping", "address"],
        ),
        missing_fields(),
    ]);
    let batch = decode_documents(
        &contract,
        &[
            doc! { "shipping": { "x": 1, "address": { "zip": "1", "city": "c" } } },
            doc! { "shipping": { "address": null } },
            doc! { "shipping": "text" },
            doc! {},
        ],
    );
    assert_eq!(cell(&batch, 0, "city").as_deref(), Some("c"));
    assert_eq!(cell(&batch, 0, "whole").as_deref(), Some("{zip: 1}"));
    assert_eq!(cell(&batch, 1, "#missing").as_deref(), Some("[city]"));
    assert_eq!(
        reasons(&batch),
        [
            "1 required_missing zip missing",
            "2 type_mismatch city string",
            "2 type_mismatch zip string",
            "2 type_mismatch whole string",
            "3 required_missing zip missing",
        ]
    );
}

#[test]
fn all_reasons_of_a_row_are_kept() {
    let contract = contract(vec![
        required(field("a", FieldType::Text)),
        field("b", decimal(18, 3)),
        list("c", required(field("c[]", FieldType::Integer)), true),
    ]);
    let batch = decode_items(
        &contract,
        &[r#""b":{"N":"0.0001"},"c":{"L":[{"N":"1"},{"NULL":true},{"S":"x"},{"N":"1"}]}"#],
    );
    assert_eq!(
        reasons(&batch),
        [
            "0 required_missing a missing",
            "0 decimal_too_fine b N",
            "0 required_null c[] null",
            "0 type_mismatch c[] S",
            "0 set_has_duplicate c L",
        ]
    );
}

#[test]
fn a_reason_that_holds_for_many_elements_is_told_once() {
    let contract = contract(vec![list("c", field("c[]", FieldType::Integer), false)]);
    let many = [r#"{"S":"x"}"#; 1_000].join(",");
    let row = format!(r#""c":{{"L":[{many},{{"N":"1.5"}}]}}"#);
    let batch = decode_items(&contract, &[&row, &row]);
    let once =
        |row| [format!("{row} type_mismatch c[] S"), format!("{row} integer_has_fraction c[] N")];
    assert_eq!(reasons(&batch), [once(0), once(1)].concat());
}

#[test]
fn sets_are_sorted_by_value_within_their_rows() {
    let contract = contract(vec![
        list("texts", field("texts[]", FieldType::Text), true),
        list("numbers", field("numbers[]", FieldType::Integer), true),
    ]);
    let batch = decode_items(
        &contract,
        &[
            r#""texts":{"SS":["b","a","C"]},"numbers":{"NS":["10","9","-1"]}"#,
            r#""texts":{"NULL":true},"numbers":{"L":[]}"#,
            r#""texts":{"L":[{"S":"x"},{"S":"x"}]},"numbers":{"NS":["3"]}"#,
            r#""texts":{"SS":["z","y"]}"#,
        ],
    );
    assert_eq!(cell(&batch, 0, "texts").as_deref(), Some("[C, a, b]"));
    assert_eq!(cell(&batch, 0, "numbers").as_deref(), Some("[-1, 9, 10]"));
    assert_eq!(cell(&batch, 1, "texts"), None);
    assert_eq!(cell(&batch, 1, "numbers").as_deref(), Some("[]"));
    assert_eq!(cell(&batch, 2, "texts"), None);
    assert_eq!(cell(&batch, 3, "texts").as_deref(), Some("[y, z]"));
    assert_eq!(reasons(&batch), ["2 set_has_duplicate texts L"]);
}

#[test]
fn limits_refuse_and_name_the_field_where_there_is_one() {
    let mut contract = contract(vec![
        field("a", FieldType::Text),
        list("l", field("l[]", FieldType::Integer), false),
        field("b", FieldType::Binary),
    ]);
    contract.limits = Limits {
        max_row_bytes: 300,
        max_depth: 3,
        max_fields: 4,
        max_array_items: 2,
        max_text_bytes: 3,
    };
    let long = format!(r#""a":{{"S":"{}"}}"#, "x".repeat(300));
    let batch = decode_items(
        &contract,
        &[
            r#""a":{"S":"\u0061bc"},"l":{"NS":["1","2"]},"b":{"B":"YWJj"},"x":{"L":[{"L":[]}]}"#,
            r#""a":{"S":"abcd"},"b":{"B":"YWJjZA=="},"l":{"NS":["1","2","3"]}"#,
            r#""x":{"S":"abcd"},"y":{"SS":["1","2","3"]},"z":{"L":[{"L":[{"M":{}}]}]}"#,
            r#""a":{"S":"a"},"x":{"M":{"1":{"S":""},"2":{"M":{"3":{"S":""}}}}}"#,
            &long,
        ],
    );
    assert_eq!(
        reasons(&batch),
        [
            "1 text_too_long a S",
            "1 array_too_long l NS",
            "1 text_too_long b B",
            "2 row_too_deep - -",
            "2 array_too_long - -",
            "2 text_too_long - -",
            "3 too_many_fields - -",
            "4 row_too_large - -",
        ]
    );
    assert_eq!(cell(&batch, 1, "l"), None);
    assert_eq!(cell(&batch, 3, "a").as_deref(), Some("a"));

    let batch = decode_documents(
        &contract,
        &[
            doc! { "a": "abc", "l": [1, 2], "x": [[]] },
            doc! { "a": "abcd", "l": [1, 2, 3] },
            doc! { "x": "abcd", "y": ["1", "2", "3"], "z": [[{}]] },
            doc! { "a": "a", "x": { "1": "", "2": { "3": "" } } },
            document("a", "x".repeat(300)),
        ],
    );
    assert_eq!(
        reasons(&batch),
        [
            "1 text_too_long a string",
            "1 array_too_long l array",
            "2 row_too_deep - -",
            "2 array_too_long - -",
            "2 text_too_long - -",
            "3 too_many_fields - -",
            "4 row_too_large - -",
        ]
    );
}

#[test]
fn a_row_that_was_too_large_to_hold_is_one_refused_row() {
    let contract = every_type();
    let content = PageContent::Oversized {
        format: RawFormat::Bson,
        row_bytes: 1 << 30,
        head: Bytes::from_static(b"head"),
    };
    let page = RawPage { content, ..page(RawFormat::Bson, "") };
    let batch = Decoder::new(&contract, RawFormat::Bson).decode(&page);
    assert_eq!(reasons(&batch), ["0 row_too_large - -"]);
    assert_eq!(batch.raw.row(0), "head");
    assert!(batch.columns.columns().iter().all(|column| column.is_null(0)));
}

#[test]
fn a_line_that_is_no_item_is_malformed_and_gives_no_cells() {
    let contract = contract(vec![field("a", FieldType::Text), missing_fields()]);
    for line in [
        "{}",
        " ",
        "null",
        r#"{"item":{}}"#,
        r#"{"Item":[]}"#,
        r#"{"Item":{}} x"#,
        r#"{"Item":{},"Metadata":{}}"#,
        r#"{"Metadata":{},"Item":{}}"#,
        r#"{"Item":{"a":{"S":"x"}}"#,
        r#"{"Item":{"a":{"S":"x"},}}"#,
        r#"{"Item":{"a":{"S":"x"},"unknown":{"S":"\ud800"}}}"#,
        r#"{"Item":{"a":{"S":"x"},"unknown":{"N":1}}}"#,
        r#"{"Item":{"a":{"S":"x"},"unknown":"bare"}}"#,
    ] {
        let batch = decode(&contract, RawFormat::DynamodbJson, line);
        assert_eq!(reasons(&batch), ["0 row_malformed - -"], "{line}");
        assert_eq!(cell(&batch, 0, "a"), None, "{line}");
        assert_eq!(cell(&batch, 0, "#missing"), None, "{line}");
    }
    let spaced = " {\t\"Item\" : { \"a\" : { \"S\" : \"x\" } } } \r";
    let batch = decode(&contract, RawFormat::DynamodbJson, spaced);
    assert_eq!(reasons(&batch), NONE);
    assert_eq!(cell(&batch, 0, "a").as_deref(), Some("x"));
}

#[test]
fn malformed_bson_is_refused_wherever_it_stands() {
    let contract = contract(vec![field("a", FieldType::Text), field("b", FieldType::Boolean)]);
    let good = b"\x02a\0\x02\0\0\0x\0";
    let bad: &[&[u8]] = &[
        b"\x02a\0\x00\0\0\0",                          // a string without its NUL
        b"\x02a\0\xff\xff\xff\xffx\0",                 // a negative size
        b"\x02a\0\x03\0\0\0x\0",                       // beyond the document
        b"\x02a\0\x02\0\0\0xy",                        // not closed
        b"\x08b\0\x02",                                // neither true nor false
        b"\x03u\0\x06\0\0\0\0\0", // a document that is not closed where it ends
        b"\x03u\0\x05\0\0\0\x01", // a document without its NUL
        b"\x04u\0\x04\0\0\0\0",   // shorter than any document
        b"\x05u\0\x05\0\0\0\x02\x09\0\0\0x", // the inner size of subtype 2
        b"\x0fu\0\x0e\0\0\0\x02\0\0\0x\0\x05\0\0\0\0", // sizes that do not add up
        b"\x20u\0",               // no such type
        b"\x00\x00",              // an end before the end
        b"\x10u",                 // a name without end
        b"\x0a\xff\0",            // a name that is not UTF-8
    ];
    for bad in bad {
        let batch = decode_elements(&contract, &[good, *bad].concat());
        assert_eq!(reasons(&batch), ["0 row_malformed - -"], "{bad:?}");
        assert_eq!(cell(&batch, 0, "a"), None);
    }
    let cut = [raw_document(good), vec![9, 0, 0, 0, 1]].concat();
    let batch = decode(&contract, RawFormat::Bson, cut);
    assert_eq!(reasons(&batch), ["1 row_malformed - -"]);
}

#[test]
fn text_that_is_not_utf8_is_refused_by_its_field_or_by_the_row() {
    let contract = contract(vec![field("a", FieldType::Text)]);
    let lines = b"{\"Item\":{\"a\":{\"S\":\"\xff\"}}}\n{\"Item\":{\"x\":{\"S\":\"\xff\"}}}\n{\"Item\":{\"\xff\":{\"S\":\"\"}}}";
    let batch = decode(&contract, RawFormat::DynamodbJson, lines.to_vec());
    let told = ["0 text_not_utf8 a S", "1 text_not_utf8 - -", "2 row_malformed - -"];
    assert_eq!(reasons(&batch), told);

    let documents: Vec<u8> = [b"\x02a\0\x02\0\0\0\xff\0", b"\x02x\0\x02\0\0\0\xff\0"]
        .iter()
        .flat_map(|element| raw_document(*element))
        .collect();
    let batch = decode(&contract, RawFormat::Bson, documents);
    assert_eq!(reasons(&batch), ["0 text_not_utf8 a string", "1 text_not_utf8 - -"]);
}

#[test]
fn a_hundred_thousand_levels_are_refused_without_a_crash() {
    let contract = every_type();
    let deep = 100_000;
    for (open, close) in [(r#"{"L":["#, "]}"), (r#"{"M":{"a":"#, "}}"), ("[", "]")] {
        let value = format!("{}{{\"NULL\":true}}{}", open.repeat(deep), close.repeat(deep));
        let why = if open == "[" { "0 row_malformed - -" } else { "0 row_too_deep - -" };
        let batch = decode_items(&contract, &[&format!("\"unknown\":{value}")]);
        assert!(reasons(&batch).contains(&why.to_owned()));
        for name in ["struct", "items", "texts", "text"] {
            let batch = decode_items(&contract, &[&format!("\"{name}\":{value}")]);
            assert!(!batch.reasons.is_empty());
            let cut = decode_items(&contract, &[&format!("\"{name}\":{}", open.repeat(deep))]);
            assert_eq!(reasons(&cut), ["0 row_malformed - -"]);
        }
    }
    for tag in [3, 4] {
        let levels = 16_000;
        let mut bytes = vec![];
        for level in 0..levels {
            let len = i32::try_from(5 + (levels - level - 1) * 8).unwrap();
            bytes.extend(len.to_le_bytes());
            if level + 1 < levels {
                bytes.extend([tag, b'a', 0]);
            }
        }
        bytes.extend(std::iter::repeat_n(0, levels));
        let batch = decode(&contract, RawFormat::Bson, bytes);
        assert!(reasons(&batch).contains(&"0 row_too_deep - -".to_owned()));
    }
}

#[test]
fn an_instant_out_of_range_keeps_its_milliseconds() {
    let contract = contract(vec![field("t", FieldType::Timestamp(timestamp()))]);
    let millis = |millis| doc! { "t": Bson::DateTime(bson::DateTime::from_millis(millis)) };
    let edges = [946_684_799_999, 946_684_800_000, 4_102_444_800_000, 4_102_444_800_001, i64::MIN];
    let batch = decode_documents(&contract, &edges.map(millis));
    let kept: Vec<_> = batch.reasons.iter().map(|r| (r.row, r.reason.raw_millis)).collect();
    assert_eq!(kept, [0, 3, 4].map(|row| (row, Some(edges[row as usize]))));
    assert_eq!(
        batch
            .columns
            .column(0)
            .as_primitive::<arrow::datatypes::TimestampMicrosecondType>()
            .value(1),
        946_684_800_000_000
    );
}
