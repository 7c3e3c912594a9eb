use std::cmp::Ordering;

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawJavaScriptCodeWithScope};
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, Decimal128, Timestamp};
use proptest::prelude::*;

use super::*;

/// Ids of all types, in the server's order, no two equal.
fn ids() -> Vec<RawBson> {
    let decimal = |text: &str| RawBson::Decimal128(text.parse().unwrap());
    let binary = |subtype, bytes: &[u8]| RawBson::Binary(Binary { subtype, bytes: bytes.to_vec() });
    vec![
        RawBson::MinKey,
        RawBson::Undefined,
        RawBson::Null,
        RawBson::Double(f64::NAN),
        RawBson::Double(f64::NEG_INFINITY),
        RawBson::Int64(i64::MIN),
        RawBson::Int32(-1),
        RawBson::Double(-0.0),
        decimal("0.5"),
        RawBson::Int32(1),
        RawBson::Double(1.5),
        RawBson::Int64(1 << 40),
        decimal("Infinity"),
        RawBson::String(String::new()),
        RawBson::String("a".to_owned()),
        RawBson::Symbol("b".to_owned()),
        RawBson::String("ü".to_owned()),
        RawBson::Document(rawdoc! {}),
        RawBson::Document(rawdoc! { "a": 1 }),
        RawBson::Document(rawdoc! { "a": 1, "b": 1 }),
        RawBson::Document(rawdoc! { "a": 2.0 }),
        RawBson::Document(rawdoc! { "a": "1" }),
        binary(BinarySubtype::Uuid, b""),
        binary(BinarySubtype::Generic, b"b"),
        binary(BinarySubtype::Uuid, b"a"),
        binary(BinarySubtype::Generic, b"aa"),
        RawBson::ObjectId(ObjectId::from_bytes([0; 12])),
        RawBson::ObjectId(ObjectId::from_bytes([255; 12])),
        RawBson::Boolean(false),
        RawBson::Boolean(true),
        RawBson::DateTime(DateTime::from_millis(-1)),
        RawBson::DateTime(DateTime::from_millis(i64::MAX)),
        RawBson::Timestamp(Timestamp { time: 1, increment: 2 }),
        RawBson::Timestamp(Timestamp { time: 2, increment: 1 }),
        RawBson::JavaScriptCode("a".to_owned()),
        RawBson::JavaScriptCode("b".to_owned()),
        RawBson::JavaScriptCodeWithScope(RawJavaScriptCodeWithScope {
            code: "a".to_owned(),
            scope: rawdoc! {},
        }),
        RawBson::MaxKey,
    ]
}

/// A small model of how the server compares values of one bracket.
fn compare(a: RawBsonRef<'_>, b: RawBsonRef<'_>) -> Ordering {
    let number = |value: RawBsonRef<'_>| match value {
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        #[expect(clippy::cast_precision_loss, reason = "the tests' numbers are powers of two")]
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    };
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()));
    }
    let text = |value: RawBsonRef<'_>| match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Some(text.as_bytes().to_vec()),
        RawBsonRef::JavaScriptCode(code) => Some(code.as_bytes().to_vec()),
        _ => None,
    };
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        return a.cmp(&b);
    }
    match (a, b) {
        (RawBsonRef::Document(a), RawBsonRef::Document(b)) => compare_documents(a, b),
        (RawBsonRef::Binary(a), RawBsonRef::Binary(b)) => {
            let key = |value: bson::RawBinaryRef<'_>| {
                (value.bytes.len(), u8::from(value.subtype), value.bytes.to_vec())
            };
            key(a).cmp(&key(b))
        }
        (RawBsonRef::ObjectId(a), RawBsonRef::ObjectId(b)) => a.cmp(&b),
        (RawBsonRef::Boolean(a), RawBsonRef::Boolean(b)) => a.cmp(&b),
        (RawBsonRef::DateTime(a), RawBsonRef::DateTime(b)) => a.cmp(&b),
        (RawBsonRef::Timestamp(a), RawBsonRef::Timestamp(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

fn compare_documents(a: &RawDocument, b: &RawDocument) -> Ordering {
    let fields = |document: &RawDocument| document.iter().map(Result::unwrap).count();
    for (a, b) in a.iter().map(Result::unwrap).zip(b.iter().map(Result::unwrap)) {
        let order = order(a.1, b.1, a.0.as_str().cmp(b.0.as_str()));
        if order != Ordering::Equal {
            return order;
        }
    }
    fields(a).cmp(&fields(b))
}

fn order(a: RawBsonRef<'_>, b: RawBsonRef<'_>, names: Ordering) -> Ordering {
    let bracket = |value: RawBsonRef<'_>| Bracket::of(value.element_type());
    bracket(a).cmp(&bracket(b)).then(names).then_with(|| compare(a, b))
}

/// A small model of how the server applies the filters that are built here.
fn matches(filter: &RawDocument, id: RawBsonRef<'_>) -> bool {
    filter.iter().map(Result::unwrap).all(|(name, value)| match (name.as_str(), value) {
        ("$or", RawBsonRef::Array(any)) => {
            any.into_iter().any(|filter| matches(filter.unwrap().as_document().unwrap(), id))
        }
        ("_id", RawBsonRef::Document(conditions)) => conditions
            .iter()
            .map(Result::unwrap)
            .all(|(name, operand)| holds(name.as_str(), operand, id)),
        other => panic!("the model knows no {other:?}"),
    })
}

fn holds(operator: &str, operand: RawBsonRef<'_>, id: RawBsonRef<'_>) -> bool {
    let bracket = Bracket::of(id.element_type());
    let is_not_a_number = |value: RawBsonRef<'_>| is_nan(&value.into());
    match (operator, operand) {
        ("$in", RawBsonRef::Array(none)) => {
            assert!(none.is_empty());
            false
        }
        ("$type", RawBsonRef::String("number")) => bracket == Bracket::Number,
        ("$type", RawBsonRef::Int32(number)) => {
            let numbers = Bracket::ALL.map(|bracket| (bracket, bracket.type_number()));
            // Text and numbers are of several types, and no filter asks for one of them.
            numbers.contains(&(bracket, Some(number)))
        }
        _ if bracket != Bracket::of(operand.element_type()) => {
            assert!(!bracket_of(&operand.into()).is_single(), "MinKey compares with everything");
            false
        }
        // Comparisons with NaN hold for NaN alone, and only those that equality satisfies.
        _ if is_not_a_number(operand) || is_not_a_number(id) => {
            is_not_a_number(operand) && is_not_a_number(id) && ["$eq", "$gte"].contains(&operator)
        }
        ("$gt", _) => compare(id, operand) == Ordering::Greater,
        ("$gte", _) => compare(id, operand) != Ordering::Less,
        ("$lt", _) => compare(id, operand) == Ordering::Less,
        other => panic!("the model knows no {other:?}"),
    }
}

fn selected(interval: &Interval, ids: &[RawBson]) -> Vec<RawBson> {
    let filter = interval.filter(true).unwrap_or_default();
    let is_in = |id: &&RawBson| matches(&filter, id.as_raw_bson_ref());
    ids.iter().filter(is_in).cloned().collect()
}

/// Reads an interval in batches and goes on behind the last document of each.
fn read(mut interval: Interval, ids: &[RawBson], batch_documents: usize) -> Vec<RawBson> {
    let mut read = vec![];
    loop {
        let mut batch = selected(&interval, ids);
        batch.truncate(batch_documents);
        let Some(last) = batch.last() else { return read };
        interval.lower = Lower::After(last.clone());
        read.append(&mut batch);
    }
}

fn intervals(cuts: &[RawBson]) -> Vec<Interval> {
    let mut lower = Lower::Start;
    let mut intervals = vec![];
    for cut in cuts {
        intervals.push(Interval { lower, to: Some(cut.clone()) });
        lower = Lower::From(cut.clone());
    }
    intervals.push(Interval { lower, to: None });
    intervals
}

/// Without NaN's being unequal to itself.
fn shown(ids: &[RawBson]) -> Vec<String> {
    ids.iter().map(|id| format!("{id:?}")).collect()
}

#[test]
fn the_ids_of_the_tests_are_in_order() {
    for pair in ids().windows(2) {
        let (a, b) = (pair[0].as_raw_bson_ref(), pair[1].as_raw_bson_ref());
        assert_eq!(order(a, b, Ordering::Equal), Ordering::Less, "{pair:?}");
    }
}

#[test]
fn every_pair_of_bounds_selects_what_lies_between() {
    let ids = ids();
    for from in 0..=ids.len() {
        for to in from..=ids.len() {
            for is_after in [false, true] {
                let lower = match from.checked_sub(1).map(|i| ids[i].clone()) {
                    None => Lower::Start,
                    Some(id) if is_after => Lower::After(id),
                    Some(id) => Lower::From(id),
                };
                let first = if is_after || from == 0 { from } else { from - 1 };
                let interval = Interval { lower, to: ids.get(to).cloned() };
                let expected = ids.get(first..to).unwrap_or_default();
                assert_eq!(shown(&selected(&interval, &ids)), shown(expected), "{interval:?}");
            }
        }
    }
}

#[test]
fn a_value_is_in_one_clause_only() {
    let ids = ids();
    for cut in &ids {
        for interval in intervals(std::slice::from_ref(cut)) {
            for id in selected(&interval, &ids) {
                let clauses = interval.clauses(true);
                let of = clauses.iter().filter(|(_, c)| matches(c, id.as_raw_bson_ref()));
                let brackets: Vec<_> = of.map(|(bracket, _)| *bracket).collect();
                assert_eq!(brackets, [bracket_of(&id)], "{id:?} in {interval:?}");
            }
        }
    }
}

#[test]
fn the_two_kinds_of_not_a_number_are_one() {
    let nan: Decimal128 = "NaN".parse().unwrap();
    for nan in [RawBson::Double(f64::NAN), RawBson::Decimal128(nan)] {
        let after = Interval { lower: Lower::After(nan.clone()), to: None };
        let found = selected(&after, &ids());
        assert_eq!(shown(&found[..1]), ["Double(-inf)"]);
        let before = Interval { lower: Lower::Start, to: Some(nan) };
        assert_eq!(shown(&selected(&before, &ids())), ["MinKey", "Undefined", "Null"]);
    }
    for number in ["Infinity", "-Infinity", "0", "9E6144"] {
        assert!(!is_nan(&RawBson::Decimal128(number.parse().unwrap())), "{number}");
    }
}

#[test]
fn zero_has_no_sign() {
    let after = Interval { lower: Lower::After(RawBson::Int32(0)), to: None };
    let half = RawBson::Decimal128("0.5".parse().unwrap());
    assert_eq!(selected(&after, &ids())[0], half);
}

#[test]
fn filters_are_as_short_as_can_be() {
    let filter = |lower, to: Option<RawBson>| Interval { lower, to }.filter(false);
    assert_eq!(filter(Lower::Start, None), None);
    let within = filter(Lower::From(1.into()), Some(9.into())).unwrap();
    assert_eq!(within, rawdoc! { "_id": { "$gte": 1, "$lt": 9 } });
    assert_eq!(
        filter(Lower::After("m".into()), Some(RawDocumentBuf::new().into())).unwrap(),
        rawdoc! { "$or": [{ "_id": { "$gt": "m" } }, { "_id": { "$lt": {} } }] }
    );
    let nothing = rawdoc! { "_id": { "$in": [] } };
    assert_eq!(filter(Lower::After(RawBson::MaxKey), None), Some(nothing));
}

#[test]
fn rare_types_are_asked_for_where_they_are_known() {
    let after = Interval { lower: Lower::After(RawBson::Null), to: None };
    let brackets = |with_rare| {
        after.clauses(with_rare).into_iter().map(|(bracket, _)| bracket).collect::<Vec<_>>()
    };
    assert!(brackets(true).contains(&Bracket::DbPointer));
    assert!(!brackets(false).iter().any(|bracket| bracket.is_rare()));
}

#[test]
fn type_names_lead_to_brackets() {
    for name in ["int", "long", "double", "decimal"] {
        assert_eq!(Bracket::of_type_name(name), Some(Bracket::Number));
    }
    assert_eq!(Bracket::of_type_name("symbol"), Some(Bracket::Text));
    for bracket in Bracket::ALL {
        assert_eq!(Bracket::of_type_name(bracket.name()), Some(bracket));
    }
    assert_eq!(Bracket::of_type_name("missing"), None);
}

proptest! {
    #[test]
    fn ranges_read_in_batches_give_every_id_once(
        kept in proptest::collection::vec(any::<bool>(), 38),
        cut in proptest::collection::vec(0_u8..8, 38),
        batch_documents in 1_usize..5,
    ) {
        let all = ids();
        prop_assert_eq!(all.len(), kept.len());
        let collection: Vec<_> =
            all.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(id, _)| id.clone()).collect();
        // Cuts need not be ids that are still there.
        let cuts: Vec<_> =
            all.iter().zip(&cut).filter(|(_, cut)| **cut == 0).map(|(id, _)| id.clone()).collect();
        let read: Vec<_> = intervals(&cuts)
            .into_iter()
            .flat_map(|interval| read(interval, &collection, batch_documents))
            .collect();
        prop_assert_eq!(shown(&read), shown(&collection));
    }
}
