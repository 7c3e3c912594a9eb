//! That fields are, byte for byte, what the plain way makes of them: text by text, through
//! `serde_json`, arrow's own formatting and a search for each character.

use std::sync::Arc;

use arrow::array::{
    BooleanArray, Decimal128Array, Int64Array, ListArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Decimal128Type, DecimalType, Field, Fields};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn fields_are_quoted_where_they_must_be() {
    for (text, field) in [
        ("plain", "plain"),
        ("", "\"\""),
        ("a,b", "\"a,b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\nlines", "\"two\nlines\""),
        ("two\rlines", "\"two\rlines\""),
        (" blank ", " blank "),
    ] {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        assert_eq!(fields(&column, FormulaGuard::Off), ([field.to_owned()].into(), 0));
    }
}

#[test]
fn formulas_are_told_by_how_they_begin() {
    for text in ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =1", "＝1", "\u{a0}\u{3000}=1"] {
        assert!(runs_as_formula(text), "{text:?}");
    }
    for text in ["", "1=1", "a@b.c", "'=1", "\u{200b}x", " ", "é="] {
        assert!(!runs_as_formula(text), "{text:?}");
    }
}

type Item = (Option<String>, Option<i64>, Option<i128>);

proptest! {
    #[test]
    fn texts_are_those_of_the_plain_way(
        texts in vec(option::of(text()), 1..12),
        skipped in 0_usize..12,
        guards in any::<bool>(),
    ) {
        let skipped = skipped % texts.len();
        let guard = if guards { FormulaGuard::Prefix } else { FormulaGuard::Off };
        let column: ArrayRef = Arc::new(StringArray::from(texts.clone()));
        let column = column.slice(skipped, texts.len() - skipped);
        let is_guarded = |text: &str| guards && {
            text.starts_with(['\t', '\r'])
                || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        };
        let wanted = texts[skipped..].iter().map(|text| match text {
            None => String::new(),
            Some(text) if is_guarded(text) => quoted(&format!("'{text}")),
            Some(text) => quoted(text),
        });
        let guarded = texts[skipped..].iter().flatten().filter(|text| is_guarded(text)).count();
        prop_assert_eq!(fields(&column, guard), (wanted.collect(), guarded));
    }

    #[test]
    fn lists_of_structs_are_those_of_the_plain_way(
        lists in vec(option::of(vec(option::of(item()), 0..4)), 1..8),
        skipped in 0_usize..8,
    ) {
        let skipped = skipped % lists.len();
        let column = list(items(lists.iter().flatten().flatten()), &lists);
        let column = column.slice(skipped, lists.len() - skipped);
        let wanted = lists[skipped..].iter().map(|list| list.as_ref().map_or_else(
            String::new,
            |list| quoted(&Value::from_iter(list.iter().map(item_json)).to_string()),
        ));
        prop_assert_eq!(fields(&column, FormulaGuard::Prefix), (wanted.collect(), 0));
    }

    /// Of these some need no quotes.
    #[test]
    fn lists_of_bare_values_are_those_of_the_plain_way(
        numbers in vec(vec(option::of(any::<i64>()), 0..3), 1..8),
        truths in vec(vec(option::of(any::<bool>()), 0..3), 1..8),
    ) {
        let all: Int64Array = numbers.iter().flatten().copied().collect();
        let lists: Vec<_> = numbers.iter().cloned().map(Some).collect();
        let wanted = numbers.iter().map(|list| quoted(&json!(list).to_string())).collect();
        prop_assert_eq!(fields(&list(Arc::new(all), &lists), FormulaGuard::Off), (wanted, 0));
        let all: BooleanArray = truths.iter().flatten().copied().collect();
        let lists: Vec<_> = truths.iter().cloned().map(Some).collect();
        let wanted = truths.iter().map(|list| quoted(&json!(list).to_string())).collect();
        prop_assert_eq!(fields(&list(Arc::new(all), &lists), FormulaGuard::Off), (wanted, 0));
    }

    #[test]
    fn numbers_and_instants_stand_in_structs_as_in_columns(micros in any::<i32>(), units in any::<i64>()) {
        let at = Timestamp::from_microsecond(i64::from(micros)).unwrap().to_string();
        let amount = Decimal128Type::format_decimal(units.into(), 38, 4);
        let columns: [ArrayRef; 2] = [
            Arc::new(TimestampMicrosecondArray::from(vec![i64::from(micros)])),
            Arc::new(amounts(vec![Some(units.into())])),
        ];
        let names = Fields::from(vec![
            Field::new("at", columns[0].data_type().clone(), true),
            Field::new("paid", columns[1].data_type().clone(), true),
        ]);
        let column: ArrayRef = Arc::new(StructArray::new(names, columns.to_vec(), None));
        let wanted = quoted(&json!({ "at": at, "paid": amount }).to_string());
        prop_assert_eq!(fields(&column, FormulaGuard::Off), (vec![wanted], 0));
        prop_assert_eq!(fields(&columns[0], FormulaGuard::Off), (vec![at], 0));
        prop_assert_eq!(fields(&columns[1], FormulaGuard::Prefix), (vec![amount], 0));
    }
}

/// The fields of a column, and how many are guarded.
fn fields(column: &ArrayRef, guard: FormulaGuard) -> (Vec<String>, usize) {
    let cells = Column::new(column).unwrap();
    let mut guarded = 0;
    let fields = (0..column.len()).map(|row| {
        let mut out = Vec::new();
        guarded += usize::from(cells.write_cell(row, guard, &mut out).unwrap());
        String::from_utf8(out).unwrap()
    });
    (fields.collect(), guarded)
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        3 => "[a-zà-ÿ0-9]{0,9}",
        1 => any::<char>().prop_map(String::from),
        1 => proptest::sample::select(vec![
            "\"", "\"\"", ",", "\r", "\n", "\\", "\t", "\u{0}", "\u{1f}", "\u{7f}", " ", "=", "-", "＠",
        ]).prop_map(str::to_owned),
    ];
    vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

fn item() -> impl Strategy<Value = Item> {
    (option::of(text()), option::of(any::<i64>()), option::of(any::<i64>().prop_map(i128::from)))
}

fn item_json(item: &Option<Item>) -> Value {
    let Some((name, pieces, price)) = item else { return Value::Null };
    let price = price.map(|price| Decimal128Type::format_decimal(price, 38, 4));
    // In the order of the alphabet, in which `serde_json` may put them.
    json!({ "a \"name\"": name, "pieces": pieces, "price": price })
}

fn items<'a>(all: impl Iterator<Item = &'a Option<Item>> + Clone) -> ArrayRef {
    let present = all.clone().map(Option::is_some).collect::<Vec<_>>();
    let each = all.map(|item| item.clone().unwrap_or_default()).collect::<Vec<_>>();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(each.iter().map(|item| item.0.as_deref()).collect::<StringArray>()),
        Arc::new(each.iter().map(|item| item.1).collect::<Int64Array>()),
        Arc::new(amounts(each.iter().map(|item| item.2).collect())),
    ];
    let names = ["a \"name\"", "pieces", "price"];
    let names = names.iter().zip(&columns);
    let names = names.map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    Arc::new(StructArray::new(names.collect(), columns, Some(present.into())))
}

fn amounts(units: Vec<Option<i128>>) -> Decimal128Array {
    Decimal128Array::from(units).with_precision_and_scale(38, 4).unwrap()
}

fn list<T>(items: ArrayRef, lists: &[Option<Vec<T>>]) -> ArrayRef {
    let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
    let present: Vec<bool> = lists.iter().map(Option::is_some).collect();
    let item = Field::new("item", items.data_type().clone(), true);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(Arc::new(item), offsets, items, Some(present.into())))
}
