use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::*;
use crate::catalog::TimeUnit;
use crate::catalog::{Derived, Field, FieldPrivacy, FieldType, Forget, Privacy, Pseudonym, Then};
use crate::error::ErrorKind;
use crate::transform::fixtures::{contract, field, list, times, timestamp};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// 2026-11-01T00:00:00Z.
const NOW: i64 = 1_793_491_200_000_000;

fn now() -> Timestamp {
    Timestamp::from_microsecond(NOW).unwrap()
}

fn forgets(name: &str, data_type: FieldType, after_days: u32, then: Then) -> Field {
    let mut field = field(name, data_type);
    field.classification = Some("pii".to_owned());
    field.privacy = FieldPrivacy { at_once: None, after: Some(Forget { after_days, then }) };
    field
}

fn text(name: &str, then: Then) -> Field {
    forgets(name, FieldType::Text, 90, then)
}

fn private(mut fields: Vec<Field>) -> Contract {
    fields.push(field("created_at", timestamp()));
    let mut contract = contract(fields);
    contract.privacy = Some(Privacy {
        clock: "created_at".to_owned(),
        subject: vec![],
        quasi_identifiers: vec![],
        k: None,
        quarantine_days: 30,
    });
    contract
}

fn rows(
    contract: &Contract,
    mut columns: Vec<ArrayRef>,
    created_at: Vec<Option<i64>>,
) -> RecordBatch {
    columns.push(times(created_at));
    RecordBatch::try_new(contract.nullable_output_schema(), columns).unwrap()
}

/// The columns of one field, of a row of age and of one that is not.
fn both(field: Field, column: ArrayRef) -> ArrayRef {
    let contract = private(vec![field]);
    let rows = rows(&contract, vec![column], vec![Some(NOW - 90 * DAY), Some(NOW - 90 * DAY + 1)]);
    let forgotten = forget(&contract, &rows, now()).unwrap();
    let again = forget(&contract, &forgotten.rows, now()).unwrap();
    assert_eq!((&again.rows, again.changed_rows), (&forgotten.rows, 0), "twice is once");
    assert_eq!(forgotten.earliest_expiry.unwrap().as_microsecond(), NOW + 1);
    Arc::clone(forgotten.rows.column(0))
}

fn of_texts(then: Then, value: &str) -> (Option<String>, String) {
    let column = both(text("name", then), Arc::new(StringArray::from(vec![value; 2])));
    let column = column.as_string::<i32>();
    let first = column.is_valid(0).then(|| column.value(0).to_owned());
    (first, column.value(1).to_owned())
}

#[test]
fn of_texts_stays_what_is_declared_and_only_when_they_are_of_age() {
    for (then, value, stays) in [
        (Then::Null, "Jörg", None),
        (Then::FirstCharacters(2), "Jörg", Some("Jö")),
        (Then::FirstCharacters(9), "Jörg", Some("Jörg")),
        (Then::Word("other".to_owned()), "Jörg", Some("other")),
        (Then::EmailDomain, "ana@shop.example.com", Some("shop.example.com")),
    ] {
        let (old, young) = of_texts(then.clone(), value);
        assert_eq!((old.as_deref(), young.as_str()), (stays, value), "{then:?}");
    }
}

#[test]
fn numbers_go_down_to_a_multiple_that_fits() {
    let multiple = |unscaled, scale| Then::Multiple { unscaled, scale };
    for (value, stays) in [(199, 100), (-1, -100), (0, 0), (i64::MIN, i64::MIN + 8)] {
        let field = forgets("n", FieldType::Integer, 90, multiple(100, 0));
        let column = both(field, Arc::new(Int64Array::from(vec![value; 2])));
        let column = column.as_primitive::<Int64Type>();
        assert_eq!((column.value(0), column.value(1)), (stays, value));
    }
    for (value, stays) in [(1_999, 1_950), (-1, -50), (-9_999, -9_950), (9_999, 9_950)] {
        let data_type = FieldType::Decimal { precision: 4, scale: 2 };
        let field = forgets("n", data_type, 90, multiple(5, 1));
        let column = Decimal128Array::from(vec![value; 2]).with_precision_and_scale(4, 2).unwrap();
        let column = both(field, Arc::new(column));
        assert_eq!(column.data_type(), &DataType::Decimal128(4, 2));
        assert_eq!(column.as_primitive::<Decimal128Type>().value(0), stays, "{value}");
    }
}

#[test]
fn times_go_down_to_a_unit_of_utc() {
    let micros = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    let at = "2026-03-15T13:45:59.5Z";
    for (unit, stays) in [
        (TimeUnit::Hour, "2026-03-15T13:00:00Z"),
        (TimeUnit::Day, "2026-03-15T00:00:00Z"),
        (TimeUnit::Month, "2026-03-01T00:00:00Z"),
        (TimeUnit::Year, "2026-01-01T00:00:00Z"),
    ] {
        let field = forgets("at", timestamp(), 90, Then::DownTo(unit));
        let column = both(field, times(vec![Some(micros(at)); 2]));
        let column = column.as_primitive::<TimestampMicrosecondType>();
        assert_eq!((column.value(0), column.value(1)), (micros(stays), micros(at)));
    }
    let field = forgets("born", FieldType::Date, 90, Then::DownTo(TimeUnit::Year));
    let column = both(field, Arc::new(Date32Array::from(vec![-1, -1])));
    let column = column.as_primitive::<Date32Type>();
    assert_eq!((column.value(0), column.value(1)), (-365, -1));
}

#[test]
fn nothing_of_a_value_is_left_below_a_null() {
    let field = text("name", Then::Null);
    let column = both(field, Arc::new(StringArray::from(vec!["secret", "young"])));
    assert_eq!(column.as_string::<i32>().value_data(), b"young");
}

fn missing_fields() -> Field {
    let mut missing = field("missing_fields", list(field("element", FieldType::Text)));
    missing.derived = Some(Derived::MissingFields);
    missing
}

fn names(lists: &[&[&str]]) -> ArrayRef {
    let element = arrow::datatypes::Field::new("element", DataType::Utf8, true);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element);
    lists.iter().for_each(|names| builder.append_value(names.iter().map(|name| Some(*name))));
    Arc::new(builder.finish())
}

#[test]
fn a_dropped_field_is_missing_once_whether_it_was_null_or_not() {
    let contract = private(vec![text("name", Then::Drop), missing_fields()]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("a"), None, None, Some("b")])),
        names(&[&["zip"], &["also"], &["name"], &["zip"]]),
    ];
    let old = Some(NOW - 91 * DAY);
    let rows = rows(&contract, columns, vec![old, old, old, Some(NOW)]);
    let forgotten = forget(&contract, &rows, now()).unwrap();
    assert_eq!(forgotten.changed_rows, 2, "the third was missing already");
    let expected = names(&[&["name", "zip"], &["also", "name"], &["name"], &["zip"]]);
    assert_eq!(forgotten.rows.column(1), &expected);
    let again = forget(&contract, &forgotten.rows, now()).unwrap();
    assert_eq!((again.rows, again.changed_rows), (forgotten.rows, 0));
}

fn address() -> Field {
    let mut city = text("city", Then::FirstCharacters(1));
    city.privacy.after = Some(Forget { after_days: 30, then: Then::FirstCharacters(1) });
    let members = vec![field("country", FieldType::Text), city];
    forgets("address", FieldType::Struct(members), 90, Then::Null)
}

#[test]
fn members_go_before_their_struct() {
    let contract = private(vec![address()]);
    let schema = contract.nullable_output_schema();
    let DataType::Struct(fields) = schema.field(0).data_type() else { panic!("a struct") };
    let countries: ArrayRef = Arc::new(StringArray::from(vec!["DE"; 4]));
    let cities: ArrayRef = Arc::new(StringArray::from(vec!["Leipzig"; 4]));
    let nulls = NullBuffer::from(vec![true, true, true, false]);
    let column = StructArray::new(fields.clone(), vec![countries, cities], Some(nulls));
    let created = [95, 45, 5, 95].map(|days| Some(NOW - days * DAY)).to_vec();
    let rows = rows(&contract, vec![Arc::new(column)], created);
    let forgotten = forget(&contract, &rows, now()).unwrap();
    assert_eq!(forgotten.changed_rows, 2);
    assert_eq!(forgotten.earliest_expiry.unwrap().as_microsecond(), NOW + 25 * DAY);
    let column = forgotten.rows.column(0).as_struct();
    let city = |row| column.is_valid(row).then(|| column.column(1).as_string::<i32>().value(row));
    assert_eq!([0, 1, 2, 3].map(city), [None, Some("L"), Some("Leipzig"), None]);
    let cities = column.column(1).as_string::<i32>();
    assert!(!cities.is_valid(0), "NULL below NULL too");
}

#[test]
fn rows_without_a_policy_stay_the_same_arrays() {
    let contract = private(vec![field("name", FieldType::Text)]);
    let rows = rows(&contract, vec![Arc::new(StringArray::from(vec!["a"]))], vec![Some(0)]);
    let forgotten = forget(&contract, &rows, now()).unwrap();
    assert!(Arc::ptr_eq(forgotten.rows.column(0), rows.column(0)));
    assert_eq!((forgotten.changed_rows, forgotten.earliest_expiry), (0, None));
    let other = super::super::fixtures::contract(vec![field("x", FieldType::Text)]);
    assert_eq!(forget(&other, &rows, now()).unwrap_err().kind(), ErrorKind::Unexpected);
}

fn ring() -> Arc<KeyRing> {
    let text = crate::privacy::new_key_file("k1", &[7; 32]).unwrap();
    Arc::new(KeyRing::parse(&text).unwrap())
}

fn pseudonymous() -> Contract {
    let mut name = field("name", FieldType::Text);
    name.classification = Some("pii".to_owned());
    let at_once = Some(Pseudonym { domain: "people".to_owned() });
    let after = Some(Forget { after_days: 90, then: Then::Null });
    name.privacy = FieldPrivacy { at_once, after };
    private(vec![name])
}

#[test]
fn pseudonyms_are_taken_at_once_and_go_when_the_row_is_of_age() {
    let contract = pseudonymous();
    let in_force = PrivacyInForce { keys: Some(ring()), ..PrivacyInForce::at(now()) };
    let step = ProtectPersonalData::new(&contract, Some(&in_force)).unwrap();
    let column = Arc::new(StringArray::from(vec![Some("ana"), Some("ana"), None]));
    let rows = rows(&contract, vec![column], vec![Some(NOW), Some(NOW - 90 * DAY), Some(NOW)]);
    let written = step.apply(super::super::fixtures::batch_of(rows)).columns;
    let names = written.column(0).as_string::<i32>();
    assert_eq!(names.value(0), ring().pseudonyms("people").unwrap().text("ana"));
    assert!(names.is_null(1) && names.is_null(2));
    let later = forget(&contract, &written, now()).unwrap();
    assert_eq!(later.rows, written, "a pseudonym is not taken again");
}

#[test]
fn pseudonyms_need_a_key_and_contracts_without_privacy_need_nothing() {
    let contract = pseudonymous();
    let error =
        ProtectPersonalData::new(&contract, Some(&PrivacyInForce::at(now()))).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.help().unwrap().contains("consign privacy new-key"));
    assert!(ProtectPersonalData::new(&contract, None).unwrap().0.is_none());
    let mut public = contract.clone();
    public.privacy = None;
    let in_force = PrivacyInForce::at(now());
    assert!(ProtectPersonalData::new(&public, Some(&in_force)).unwrap().0.is_none());
}

fn mark(key_id: &str, mark: &str) -> SuppressionMark {
    let (field, key_id, mark) = ("name".to_owned(), key_id.to_owned(), mark.to_owned());
    SuppressionMark { field, key_id, mark }
}

#[test]
fn rows_of_erased_subjects_are_left_out_once() {
    let contract = pseudonymous();
    let marks = ring().marks("name").unwrap().hex("ana");
    let suppressed = vec![mark("k1", &marks)];
    let in_force = PrivacyInForce { as_of: now(), keys: Some(ring()), suppressed };
    let step = LeaveOutErased::new(&contract, Some(&in_force)).unwrap();
    let names: ArrayRef =
        Arc::new(StringArray::from(vec![Some("bo"), Some("ana"), None, Some("ana")]));
    let schema = contract.resolved_schema();
    let offsets = Arc::new(arrow::array::Int16Array::from(vec![0; 4]));
    let columns = vec![names, times(vec![Some(NOW); 4]), offsets];
    let mut batch =
        super::super::fixtures::batch_of(RecordBatch::try_new(schema, columns).unwrap());
    batch.exclusions.push(crate::model::RowExclusion { row: 3, rule: Arc::from("before") });
    let left_out: Vec<_> =
        step.apply(batch).exclusions.iter().map(|e| (e.row, e.rule.to_string())).collect();
    assert_eq!(left_out, [(1, "erased".to_owned()), (3, "before".to_owned())]);
}

#[test]
fn marks_that_cannot_be_judged_stop_the_run() {
    let contract = pseudonymous();
    let new = |keys, marked: SuppressionMark| {
        let in_force = PrivacyInForce { as_of: now(), keys, suppressed: vec![marked] };
        LeaveOutErased::new(&contract, Some(&in_force)).err().unwrap()
    };
    let sound = "ab".repeat(32);
    for keys in [None, Some(ring())] {
        let error = new(keys, mark("k0", &sound));
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("k0"), "{error}");
    }
    assert_eq!(new(Some(ring()), mark("k1", "ab")).kind(), ErrorKind::Verification);
    let of_no_field = SuppressionMark { field: "email".to_owned(), ..mark("k1", &sound) };
    assert_eq!(new(Some(ring()), of_no_field).kind(), ErrorKind::Usage);
}

fn any_then() -> impl Strategy<Value = Then> {
    prop_oneof![
        Just(Then::Drop),
        Just(Then::Null),
        (1..5_u32).prop_map(Then::FirstCharacters),
        Just(Then::Word("other".to_owned())),
        Just(Then::EmailDomain),
    ]
}

proptest! {
    #[test]
    fn forgetting_twice_is_forgetting_once(
        then in any_then(),
        number in 1..1_000_i128,
        unit in 0..4_usize,
        table in proptest::collection::vec(
            (proptest::option::of(".{0,6}|a@b@c"), any::<i64>(), 0..200_i64, 0..200_i64), 1..20,
        ),
    ) {
        let unit = TimeUnit::WORDS[unit].1;
        let contract = private(vec![
            text("name", then),
            forgets("n", FieldType::Integer, 60, Then::Multiple { unscaled: number, scale: 0 }),
            forgets("at", timestamp(), 120, Then::DownTo(unit)),
            missing_fields(),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(table.iter().map(|row| row.0.as_deref()).collect::<StringArray>()),
            Arc::new(table.iter().map(|row| row.1).collect::<Int64Array>()),
            times(table.iter().map(|row| Some(NOW - row.2 * DAY - row.1 % DAY)).collect()),
            names(&vec![[].as_slice(); table.len()]),
        ];
        let created = table.iter().map(|row| Some(NOW - row.3 * DAY)).collect();
        let rows = rows(&contract, columns, created);
        let once = forget(&contract, &rows, now()).unwrap();
        let twice = forget(&contract, &once.rows, now()).unwrap();
        prop_assert_eq!(&twice.rows, &once.rows);
        prop_assert_eq!(twice.changed_rows, 0);
        prop_assert_eq!(twice.earliest_expiry, once.earliest_expiry);
    }
}
