//! What holds for any bytes: nothing is lost, shifted or guessed, and nothing panics.

use std::sync::LazyLock;

use arrow::compute::concat_batches;
use bson::{Bson, Document, doc};
use consign::catalog::{Contract, FieldType};
use consign::model::{Batch, RawFormat, ReasonCode};
use proptest::prelude::*;
use proptest::sample::Index;

use super::contract::{self, every_type, field, list, missing_fields, required};
use super::{decode, decode_documents, decode_items, reasons};

static CONTRACT: LazyLock<Contract> = LazyLock::new(every_type);

/// Rows, ranges, columns and reasons speak of the same rows.
fn assert_aligned(batch: &Batch) {
    let rows = batch.num_rows();
    assert_eq!(batch.columns.schema(), CONTRACT.decoded_schema());
    assert_eq!(batch.raw.ranges.len(), rows);
    assert!(batch.columns.columns().iter().all(|column| column.len() == rows));
    assert!(batch.reasons.is_sorted_by_key(|reason| reason.row));
    assert!(batch.reasons.iter().all(|reason| (reason.row as usize) < rows));
    let mut end = 0;
    for (row, range) in batch.raw.ranges.iter().enumerate() {
        assert!(end <= range.0 && range.0 < range.1);
        assert_eq!(batch.raw.row(row).len(), (range.1 - range.0) as usize);
        end = range.1;
    }
}

fn any_attribute() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        any::<String>().prop_map(|s| format!(r#"{{"S":{}}}"#, serde_json::to_string(&s).unwrap())),
        "-?[0-9]{1,20}(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?"
            .prop_map(|n| format!(r#"{{"N":"{n}"}}"#)),
        any::<bool>().prop_map(|b| format!(r#"{{"BOOL":{b}}}"#)),
        Just(r#"{"NULL":true}"#.to_owned()),
        Just(r#"{"B":"aGk="}"#.to_owned()),
        Just(r#"{"SS":["b","a"]}"#.to_owned()),
        Just(r#"{"S":"2024-02-29T12:00:00.25+01:00"}"#.to_owned()),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!(r#"{{"L":[{}]}}"#, items.join(","))),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|members| format!(r#"{{"M":{{{}}}}}"#, join(&members))),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let fields = CONTRACT.fields.iter().map(|f| f.name.clone());
    let inner = ["a", "b", "name", "price", "unknown"].map(str::to_owned);
    prop::sample::select(fields.chain(inner).collect::<Vec<_>>())
}

fn join(members: &[(String, String)]) -> String {
    let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    members.collect::<Vec<_>>().join(",")
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let item = prop::collection::vec((any_name(), any_attribute()), 0..8)
        .prop_map(|members| format!("{{\"Item\":{{{}}}}}", join(&members)).into_bytes());
    (item, prop::option::weighted(0.3, (any::<Index>(), any::<u8>()))).prop_map(
        |(mut line, damage)| {
            if let Some((at, byte)) = damage {
                let at = at.index(line.len());
                line[at] = byte;
            }
            line.retain(|byte| *byte != b'\n');
            line
        },
    )
}

fn any_bson() -> impl Strategy<Value = Bson> {
    let scalar = prop_oneof![
        any::<String>().prop_map(Bson::from),
        any::<i32>().prop_map(Bson::from),
        any::<i64>().prop_map(Bson::from),
        any::<f64>().prop_map(Bson::from),
        any::<bool>().prop_map(Bson::from),
        any::<i64>().prop_map(|millis| bson::DateTime::from_millis(millis).into()),
        any::<[u8; 16]>().prop_map(|bytes| bson::Decimal128::from_bytes(bytes).into()),
        any::<[u8; 12]>().prop_map(|bytes| bson::oid::ObjectId::from_bytes(bytes).into()),
        any::<Vec<u8>>().prop_map(|bytes| bson::Binary { subtype: 0.into(), bytes }.into()),
        Just(Bson::Null),
        Just(bson::JavaScriptCodeWithScope { code: "x".into(), scope: doc! { "a": "b" } }.into()),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Bson::from),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|members| Document::from_iter(members).into()),
        ]
    })
}

fn any_document() -> impl Strategy<Value = Vec<u8>> {
    let document = prop::collection::vec((any_name(), any_bson()), 0..8)
        .prop_map(|members| Document::from_iter(members).to_vec().unwrap());
    (document, prop::option::weighted(0.3, (any::<Index>(), any::<u8>()))).prop_map(
        |(mut document, damage)| {
            if let Some((at, byte)) = damage {
                // The size stays, so that the rows of a page can be told apart.
                let at = 4 + at.index(document.len() - 4);
                document[at] = byte;
            }
            document
        },
    )
}

/// The batches as one: columns, reasons and source bytes.
fn whole(batches: &[Batch]) -> (arrow::array::RecordBatch, Vec<String>, Vec<bytes::Bytes>) {
    let schema = CONTRACT.decoded_schema();
    let columns = concat_batches(&schema, batches.iter().map(|batch| &batch.columns)).unwrap();
    let (mut all_reasons, mut rows, mut before) = (vec![], vec![], 0);
    for batch in batches {
        for reason in &batch.reasons {
            all_reasons.push(format!("{} {:?}", before + reason.row, reason.reason));
        }
        rows.extend((0..batch.num_rows()).map(|row| batch.raw.row(row)));
        before += u32::try_from(batch.num_rows()).unwrap();
    }
    (columns, all_reasons, rows)
}

/// However rows are cut into pages, the rows are the same.
fn assert_split_changes_nothing(format: RawFormat, rows: &[Vec<u8>], cuts: &[bool]) {
    let decode = |page: &[u8]| decode(&CONTRACT, format, page.to_vec());
    let mut pages = vec![];
    let mut open = vec![];
    for (row, cut) in rows.iter().zip(cuts.iter().chain(std::iter::repeat(&true))) {
        open.extend(row);
        if *cut {
            pages.push(decode(&open));
            open.clear();
        }
    }
    pages.push(decode(&open));
    pages.iter().for_each(assert_aligned);
    assert_eq!(whole(&pages), whole(&[decode(&rows.concat())]));
}

proptest! {
    #[test]
    fn any_bytes_leave_rows_aligned(bytes: Vec<u8>) {
        assert_aligned(&decode(&CONTRACT, RawFormat::DynamodbJson, bytes.clone()));
        assert_aligned(&decode(&CONTRACT, RawFormat::Bson, bytes));
    }

    #[test]
    fn pages_of_lines_may_be_cut_anywhere(
        rows in prop::collection::vec(any_line(), 0..6), cuts: Vec<bool>,
    ) {
        let lines: Vec<_> = rows.into_iter().map(|row| [row, b"\n".to_vec()].concat()).collect();
        assert_split_changes_nothing(RawFormat::DynamodbJson, &lines, &cuts);
    }

    #[test]
    fn pages_of_documents_may_be_cut_anywhere(
        rows in prop::collection::vec(any_document(), 0..6), cuts: Vec<bool>,
    ) {
        assert_split_changes_nothing(RawFormat::Bson, &rows, &cuts);
    }

    #[test]
    fn a_line_is_malformed_when_serde_json_says_so(line in any_line()) {
        prop_assume!(!line.is_empty());
        let batch = decode(&CONTRACT, RawFormat::DynamodbJson, line.clone());
        let unreadable = [ReasonCode::RowMalformed, ReasonCode::TextNotUtf8];
        let refused = batch.reasons.iter().any(|r| unreadable.contains(&r.reason.code));
        if serde_json::from_slice::<serde_json::Value>(&line).is_err() {
            prop_assert!(refused, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn a_document_is_malformed_when_the_bson_crate_says_so(document in any_document()) {
        let batch = decode(&CONTRACT, RawFormat::Bson, document.clone());
        let unreadable = [ReasonCode::RowMalformed, ReasonCode::TextNotUtf8];
        let refused = batch.reasons.iter().any(|r| unreadable.contains(&r.reason.code));
        let wanted = Document::from_reader(document.as_slice()).is_err();
        prop_assert_eq!(refused, wanted, "{:?} {:?}", reasons(&batch), document);
    }

    /// The same orders in both formats give the same columns.
    #[test]
    fn both_formats_mean_the_same(
        rows in prop::collection::vec(
            (
                "[^\0]{0,12}",
                any::<i64>(),
                prop::option::of((-99_999_999_999_i64..99_999_999_999, 0_usize..4)),
                any::<bool>(),
                946_684_800_000_i64..4_102_444_800_000,
                prop::collection::hash_set("[a-z]{1,3}", 0..5),
                prop::collection::vec(("[a-z]{1,5}", 1_i32..1000), 0..4),
            ),
            1..5,
        ),
    ) {
        let structure = FieldType::Struct(vec![
            required(field("items[].product", FieldType::Text)),
            field("items[].quantity", FieldType::Integer),
        ]);
        let contract = contract::contract(vec![
            required(field("id", FieldType::Text)),
            field("count", FieldType::Integer),
            field("amount", contract::decimal(18, 3)),
            field("flag", FieldType::Boolean),
            field("at", FieldType::Timestamp(contract::timestamp())),
            list("codes", field("codes[]", FieldType::Text), true),
            list("items", required(field("items[]", structure)), false),
            missing_fields(),
        ]);
        let (mut items, mut documents) = (vec![], vec![]);
        for (id, count, amount, flag, millis, codes, lines) in rows {
            let codes: Vec<String> = codes.into_iter().collect();
            let at = bson::DateTime::from_millis(millis);
            let mut document = doc! {
                "count": count,
                "flag": flag,
                "codes": codes.clone(),
                "at": at,
                "items": lines.iter().map(|(p, q)| doc! { "quantity": q, "product": p }).collect::<Vec<_>>(),
                "id": id.clone(),
            };
            let lines = lines.iter().map(|(product, quantity)| {
                format!(r#"{{"M":{{"product":{{"S":"{product}"}},"quantity":{{"N":"{quantity}"}}}}}}"#)
            });
            let mut item = format!(
                r#""id":{{"S":{}}},"at":{{"S":"{}"}},"count":{{"N":"{count}"}},"items":{{"L":[{}]}},"codes":{{"SS":{}}},"flag":{{"BOOL":{flag}}}"#,
                serde_json::to_string(&id).unwrap(),
                at.try_to_rfc3339_string().unwrap(),
                lines.collect::<Vec<_>>().join(","),
                serde_json::to_string(&codes).unwrap(),
            );
            if let Some((unscaled, scale)) = amount {
                let amount = rust_decimal::Decimal::new(unscaled, u32::try_from(scale).unwrap());
                document.insert("amount", amount.to_string().parse::<bson::Decimal128>().unwrap());
                item += &format!(r#","amount":{{"N":"{amount}"}}"#);
            }
            documents.push(document);
            items.push(item);
        }
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let (ours, theirs) = (decode_items(&contract, &items), decode_documents(&contract, &documents));
        prop_assert_eq!(reasons(&ours), Vec::<String>::new());
        prop_assert_eq!(reasons(&theirs), Vec::<String>::new());
        prop_assert_eq!(ours.columns, theirs.columns);
    }
}
