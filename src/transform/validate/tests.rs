use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Schema};

use super::*;
use crate::catalog::schema::arrow_field;
use crate::transform::fixtures::{batch_of, contract, field, list, reasons};
use proptest::prelude::*;

/// Reasons against the values of one column.
fn judge(field: Field, values: ArrayRef) -> Vec<(u32, &'static str, String)> {
    let schema = Schema::new(vec![arrow_field(&field, true)]);
    let rows = RecordBatch::try_new(Arc::new(schema), vec![values]).unwrap();
    let checks = Validate::new(&contract(vec![field])).unwrap();
    reasons(&checks.apply(batch_of(rows)))
}

fn codes(field: Field, values: ArrayRef) -> Vec<(u32, &'static str)> {
    judge(field, values).into_iter().map(|(row, code, _)| (row, code)).collect()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn texts_are_checked_whole_and_all_failures_are_kept() {
    let mut status = field("status", FieldType::Text);
    status.checks.one_of = vec!["paid".to_owned(), "p".to_owned()];
    status.checks.pattern = Some(Regex::new("p|paid").unwrap()); // finds `p` first in `paid`
    status.checks.max_length = Some(4);
    let values = texts(&[Some("paid"), Some("p"), Some("unpaid"), None, Some("payé")]);
    let expected = [
        (2, "not_in_list"),
        (2, "pattern_mismatch"),
        (2, "text_too_long"),
        (4, "not_in_list"),
        (4, "pattern_mismatch"),
    ];
    assert_eq!(codes(status, values), expected);
}

#[test]
fn a_pattern_with_a_line_break_after_the_match_does_not_match() {
    let mut id = field("id", FieldType::Text);
    id.checks.pattern = Some(Regex::new("^[0-9]+$").unwrap());
    let expected = [(1, "pattern_mismatch"), (2, "pattern_mismatch")];
    assert_eq!(codes(id, texts(&[Some("12"), Some("12\n"), Some("")])), expected);
}

#[test]
fn lengths_are_characters() {
    let mut name = field("name", FieldType::Text);
    (name.checks.min_length, name.checks.max_length) = (Some(2), Some(3));
    let values = texts(&[Some("é"), Some("éé"), Some("ééé"), Some("éééé")]);
    assert_eq!(codes(name, values), [(0, "text_too_short"), (3, "text_too_long")]);
}

#[test]
fn bounds_of_any_scale_are_exact() {
    let mut amount = field("amount", FieldType::Decimal { precision: 18, scale: 2 });
    amount.checks.minimum = Some((1, 0)); // 1
    amount.checks.maximum = Some((19_995, 3)); // 19.995
    let unscaled = vec![99, 100, 1_999, 2_000];
    let values = Decimal128Array::from(unscaled).with_precision_and_scale(18, 2).unwrap();
    assert_eq!(codes(amount, Arc::new(values)), [(0, "below_minimum"), (3, "above_maximum")]);

    let mut quantity = field("quantity", FieldType::Integer);
    (quantity.checks.minimum, quantity.checks.maximum) = (Some((-15, 1)), Some((-5, 1)));
    let values = Int64Array::from(vec![-2, -1, 0, i64::MIN]);
    let expected = [(0, "below_minimum"), (2, "above_maximum"), (3, "below_minimum")];
    assert_eq!(codes(quantity, Arc::new(values)), expected);
}

#[test]
fn bounds_finer_or_larger_than_128_bits_can_align_are_still_right() {
    assert_eq!(at_scale((15, 1), 0, 1), 2);
    assert_eq!(at_scale((15, 1), 0, 0), 1);
    assert_eq!(at_scale((-15, 1), 0, 1), -1);
    assert_eq!(at_scale((-15, 1), 0, 0), -2);
    assert_eq!(at_scale((20, 1), 0, 1), 2);
    assert_eq!(at_scale((i128::MAX, 0), 9, 1), i128::MAX);
    assert_eq!(at_scale((i128::MIN, 0), 9, 0), i128::MIN);
    assert_eq!(at_scale((1, 60), 0, 1), 1);
    assert_eq!(at_scale((-1, 60), 0, 0), -1);
}

#[test]
fn elements_are_checked_with_their_path_and_refuse_a_row_once() {
    let mut quantity = field("quantity", FieldType::Integer);
    quantity.path = Arc::from("items[].quantity");
    quantity.checks.minimum = Some((1, 0));
    let element = field("element", FieldType::Struct(vec![quantity]));
    let mut items = field("items", list(element));
    (items.checks.min_items, items.checks.max_items) = (Some(1), Some(2));

    let DataType::List(element) = arrow_field(&items, true).data_type().clone() else { panic!() };
    let DataType::Struct(fields) = element.data_type() else { panic!() };
    let quantities: ArrayRef = Arc::new(Int64Array::from(vec![9, 0, -1, 5, 0, 0, 6, 7, 8]));
    // The null struct at place 4 and the elements 5.. of a null list are nobody's.
    let present = vec![true, true, true, true, false, true, true, true, true];
    let structs = StructArray::new(fields.clone(), vec![quantities], Some(present.into()));
    let offsets = OffsetBuffer::new(vec![0, 1, 3, 3, 5, 6, 9].into());
    let nulls = vec![true, true, true, true, false, true];
    let lists = ListArray::new(element, offsets, Arc::new(structs), Some(nulls.into()));

    let expected = [
        (1, "below_minimum", "items[].quantity".to_owned()),
        (2, "too_few_items", "items".to_owned()),
        (5, "array_too_long", "items".to_owned()),
    ];
    assert_eq!(judge(items, Arc::new(lists)), expected);
}

#[test]
fn a_field_without_checks_costs_nothing() {
    let plain = contract(vec![field("note", FieldType::Text), field("id", FieldType::Integer)]);
    assert!(Validate::new(&plain).unwrap().0.is_empty());
}

proptest! {
    /// A column that holds no value out of range is not looked at row by row.
    #[test]
    fn numbers_of_a_column_are_judged_as_each_is(
        values in prop::collection::vec(prop::option::of(-3..4_i64), 0..9),
        minimum in prop::option::of(-3..4_i128), maximum in prop::option::of(-3..4_i128),
    ) {
        let mut count = field("count", FieldType::Integer);
        count.checks.minimum = minimum.map(|bound| (bound, 0));
        count.checks.maximum = maximum.map(|bound| (bound, 0));
        let mut amount = field("amount", FieldType::Decimal { precision: 18, scale: 0 });
        amount.checks = count.checks.clone();
        let failure = |value: i64| {
            if minimum.is_some_and(|minimum| i128::from(value) < minimum) {
                return Some("below_minimum");
            }
            maximum.is_some_and(|maximum| i128::from(value) > maximum).then_some("above_maximum")
        };
        let expected = (0u32..).zip(&values).filter_map(|(row, value)| Some((row, failure((*value)?)?)));
        let expected: Vec<_> = expected.collect();
        let decimals: Decimal128Array = values.iter().map(|value| value.map(i128::from)).collect();
        let decimals = decimals.with_precision_and_scale(18, 0).unwrap();
        prop_assert_eq!(&codes(count, Arc::new(Int64Array::from(values))), &expected);
        prop_assert_eq!(&codes(amount, Arc::new(decimals)), &expected);
    }
}
