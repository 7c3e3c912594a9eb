use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::*;
use crate::catalog::expression::Literal;
use crate::catalog::schema::arrow_field;
use crate::catalog::{Field, FieldType};
use crate::transform::fixtures::{batch_of, contract, field, list, reasons};

fn path(path: &str) -> Expr {
    Expr::Field(path.split('.').map(str::to_owned).collect())
}

fn decimal(unscaled: i128, scale: u8) -> Expr {
    Expr::Literal(Literal::Number { unscaled, scale })
}

fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

fn logical(value: Option<bool>) -> Expr {
    Expr::Literal(value.map_or(Literal::Null, Literal::Boolean))
}

fn rule(name: &str, severity: Severity, when_null: WhenNull, expression: Expr) -> Rule {
    let (text, reason) = (String::new(), String::new());
    Rule { name: Arc::from(name), severity, text, expression, when_null: Some(when_null), reason }
}

/// What an expression without fields comes to.
fn constant(expression: &Expr) -> Option<bool> {
    let rows = RecordBatch::new_empty(contract(vec![]).nullable_output_schema());
    bind(expression, &rows).unwrap().holds(0).unwrap()
}

#[test]
fn logic_has_three_values() {
    let (yes, no, unknown) = (Some(true), Some(false), None);
    let table = [
        // a, b, a and b, a or b, not a
        (yes, yes, yes, yes, no),
        (yes, no, no, yes, no),
        (yes, unknown, unknown, yes, no),
        (no, yes, no, yes, yes),
        (no, no, no, no, yes),
        (no, unknown, no, unknown, yes),
        (unknown, yes, unknown, yes, unknown),
        (unknown, no, no, unknown, unknown),
        (unknown, unknown, unknown, unknown, unknown),
    ];
    for (a, b, and, or, not) in table {
        let both = |op| constant(&binary(logical(a), op, logical(b)));
        assert_eq!(both(BinaryOp::And), and, "{a:?} and {b:?}");
        assert_eq!(both(BinaryOp::Or), or, "{a:?} or {b:?}");
        assert_eq!(constant(&Expr::Not(Box::new(logical(a)))), not, "not {a:?}");
        let is_null = |negated| Expr::IsNull { expr: Box::new(logical(a)), negated };
        assert_eq!(constant(&is_null(false)), Some(a.is_none()));
        assert_eq!(constant(&is_null(true)), Some(a.is_some()));
        let compared = [BinaryOp::Equal, BinaryOp::NotEqual, BinaryOp::Less].map(both);
        assert_eq!(compared.iter().all(Option::is_none), a.is_none() || b.is_none());
    }
}

#[test]
fn a_value_is_in_a_list_or_not_or_it_is_unknown() {
    let text = |text: &str| Literal::Text(text.to_owned());
    let is_in = |value: Literal, list: Vec<Literal>, negated| {
        constant(&Expr::In { expr: Box::new(Expr::Literal(value)), list, negated })
    };
    assert_eq!(is_in(text("a"), vec![text("b"), text("a")], false), Some(true));
    assert_eq!(is_in(text("c"), vec![text("b"), text("a")], true), Some(true));
    assert_eq!(is_in(text("a"), vec![Literal::Null, text("a")], true), Some(false));
    assert_eq!(is_in(text("c"), vec![Literal::Null, text("a")], true), None);
    assert_eq!(is_in(Literal::Null, vec![text("a")], false), None);
    let one = |unscaled, scale| Literal::Number { unscaled, scale };
    assert_eq!(is_in(one(100, 2), vec![one(1, 0)], false), Some(true));
}

#[test]
fn numbers_of_texts_and_lengths_are_exact() {
    let text = |text: &str| Box::new(Expr::Literal(Literal::Text(text.to_owned())));
    let equals = |expr, number| constant(&binary(expr, BinaryOp::Equal, number));
    assert_eq!(equals(Expr::Number(text("0999.50")), decimal(9_995, 1)), Some(true));
    assert_eq!(equals(Expr::Number(text("ord_12")), decimal(12, 0)), None);
    assert_eq!(equals(Expr::Length(text("né🙂")), decimal(3, 0)), Some(true));
    assert_eq!(equals(Expr::Abs(Box::new(decimal(-3, 1))), decimal(30, 2)), Some(true));
    assert_eq!(equals(Expr::Negate(Box::new(decimal(-3, 1))), decimal(3, 1)), Some(true));
}

/// Orders with a total, a tax and items; `None` where a cell is null.
struct Order {
    total: Option<i128>,
    tax: Option<i128>,
    items: Option<Vec<(Option<i64>, Option<i128>)>>,
}

fn order_fields() -> Vec<Field> {
    let price = field("unit_price", FieldType::Decimal { precision: 18, scale: 4 });
    let item = FieldType::Struct(vec![field("quantity", FieldType::Integer), price]);
    vec![
        field("total", FieldType::Decimal { precision: 18, scale: 3 }),
        field("tax", FieldType::Decimal { precision: 18, scale: 3 }),
        field("items", list(field("element", item))),
    ]
}

fn order_rows(orders: &[Order]) -> RecordBatch {
    let money = |values: Vec<Option<i128>>, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(18, scale).unwrap())
    };
    let DataType::List(element) = arrow_field(&order_fields()[2], true).data_type().clone() else {
        panic!()
    };
    let DataType::Struct(parts) = element.data_type() else { panic!() };
    let all: Vec<_> = orders.iter().flat_map(|o| o.items.iter().flatten().copied()).collect();
    let quantities: Int64Array = all.iter().map(|item| item.0).collect();
    let prices = money(all.iter().map(|item| item.1).collect(), 4);
    let structs = StructArray::new(parts.clone(), vec![Arc::new(quantities), prices], None);
    let lengths = orders.iter().map(|o| o.items.as_ref().map_or(0, Vec::len));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = orders.iter().map(|o| o.items.is_some()).collect::<Vec<_>>().into();
    let columns: Vec<ArrayRef> = vec![
        money(orders.iter().map(|o| o.total).collect(), 3),
        money(orders.iter().map(|o| o.tax).collect(), 3),
        Arc::new(ListArray::new(element, offsets, Arc::new(structs), Some(nulls))),
    ];
    RecordBatch::try_new(contract(order_fields()).nullable_output_schema(), columns).unwrap()
}

fn judged(rules: Vec<Rule>, batch: Batch) -> Batch {
    let mut contract = contract(order_fields());
    contract.rules = rules;
    let batch = JudgeRules::that_decide(&contract).unwrap().apply(batch);
    JudgeRules::that_warn(&contract).unwrap().apply(batch)
}

fn exclusions(batch: &Batch) -> Vec<(u32, &str)> {
    batch.exclusions.iter().map(|e| (e.row, &*e.rule)).collect()
}

fn sum_of_items() -> Expr {
    let each = binary(path("items.quantity"), BinaryOp::Multiply, path("items.unit_price"));
    Expr::Sum { list: "items".to_owned(), each: Box::new(each) }
}

#[test]
fn sums_over_items_are_exact_and_unknown_with_a_null_element() {
    // abs(total - sum(items.quantity * items.unit_price)) <= 0.01
    let difference = binary(path("total"), BinaryOp::Subtract, sum_of_items());
    let matches = binary(Expr::Abs(Box::new(difference)), BinaryOp::LessOrEqual, decimal(1, 2));
    let order = |total, items| Order { total: Some(total), tax: None, items };
    let orders = [
        order(3_333, Some(vec![(Some(3), Some(11_077))])), // 3.333 - 3.3231 = 0.0099
        order(3_334, Some(vec![(Some(3), Some(11_077))])), // 0.0109
        order(10, Some(vec![])),                           // 0.010 - 0
        order(11, Some(vec![])),
        order(0, Some(vec![(Some(1), None), (Some(1), Some(1))])),
        order(0, None),
    ];
    for (when_null, rows) in [(WhenNull::Keep, 2), (WhenNull::Act, 4)] {
        let warn = rule("total_matches", Severity::Warn, when_null, matches.clone());
        let batch = judged(vec![warn], batch_of(order_rows(&orders)));
        assert_eq!(batch.warnings, [("total_matches".to_owned(), rows)]);
        assert_eq!(reasons(&batch), []);
    }
}

#[test]
fn rules_reject_exclude_and_warn_in_the_order_of_the_contract() {
    let small = binary(path("total"), BinaryOp::Less, decimal(1, 0));
    let tax = binary(path("tax"), BinaryOp::LessOrEqual, path("total"));
    let positive = binary(path("total"), BinaryOp::Greater, decimal(0, 0));
    let rules = vec![
        rule("small", Severity::Exclude, WhenNull::Keep, small.clone()),
        rule("small_too", Severity::Exclude, WhenNull::Keep, small),
        rule("tax", Severity::Reject, WhenNull::Keep, tax.clone()),
        rule("tax_known", Severity::Reject, WhenNull::Act, tax),
        rule("positive", Severity::Warn, WhenNull::Act, positive),
    ];
    let order = |total, tax| Order { total, tax, items: None };
    let orders = [
        order(Some(2_000), Some(1_000)),
        order(Some(999), Some(1_000)),
        order(Some(2_000), None),
        order(Some(1_000), Some(1_001)),
        order(None, Some(1)),
        order(Some(-1), Some(-2)),
    ];
    let mut rows = batch_of(order_rows(&orders));
    rows.exclusions.push(RowExclusion { row: 5, rule: Arc::from("outside_window") });
    let batch = judged(rules, rows);
    assert_eq!(exclusions(&batch), [(1, "small"), (5, "outside_window")]);
    let failed = |row, rule: &str| (row, "rule_failed", rule.to_owned());
    let expected =
        [failed(2, "tax_known"), failed(3, "tax"), failed(3, "tax_known"), failed(4, "tax_known")];
    assert_eq!(reasons(&batch), expected);
    assert_eq!(batch.warnings, []); // rows 4 and 5 are refused and left out already
}

#[test]
fn a_refused_value_neither_breaks_a_rule_nor_hides_its_row() {
    let mut contract = contract(order_fields());
    let unknown = Expr::IsNull { expr: Box::new(path("total")), negated: false };
    let sum_known = binary(sum_of_items(), BinaryOp::GreaterOrEqual, decimal(0, 0));
    contract.rules = vec![
        rule("no_total", Severity::Exclude, WhenNull::Act, unknown),
        rule("sum_known", Severity::Reject, WhenNull::Act, sum_known),
    ];
    let order = || Order { total: None, tax: None, items: None };
    let mut rows = batch_of(order_rows(&[order(), order(), order()]));
    let item: Arc<str> = Arc::from("items[].quantity");
    let against = |row, field: &Arc<str>| RowReason {
        row,
        reason: Reason::of_field(ReasonCode::TypeMismatch, field, None),
    };
    rows.reasons = vec![against(0, &contract.fields[0].path), against(0, &item), against(1, &item)];
    rows.reasons.push(RowReason { row: 2, reason: Reason::of_row(ReasonCode::RowMalformed) });
    let batch = JudgeRules::that_decide(&contract).unwrap().apply(rows);
    assert_eq!(exclusions(&batch), [(1, "no_total")]);
    assert_eq!(batch.reasons.len(), 4); // none was added
}

#[test]
fn a_rule_that_cannot_be_computed_refuses_its_row() {
    let cubed = binary(
        binary(decimal(i128::MAX, 0), BinaryOp::Multiply, decimal(i128::MAX, 0)),
        BinaryOp::Multiply,
        path("total"),
    );
    let large = binary(cubed, BinaryOp::Less, decimal(0, 0));
    let rules = vec![rule("large", Severity::Exclude, WhenNull::Keep, large)];
    let orders = [Order { total: Some(1_000), tax: None, items: None }];
    let batch = judged(rules, batch_of(order_rows(&orders)));
    assert_eq!(reasons(&batch), [(0, "rule_failed", "large".to_owned())]);
    assert_eq!(exclusions(&batch), []);
}

#[test]
fn a_rule_about_a_field_that_is_not_there_is_a_mistake_of_the_contract() {
    let mut contract = contract(order_fields());
    let wrong = binary(path("totl"), BinaryOp::Greater, decimal(0, 0));
    contract.rules = vec![rule("positive", Severity::Reject, WhenNull::Keep, wrong)];
    let error = JudgeRules::that_decide(&contract).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("positive"));
}

// A second evaluator, written from the meaning of the language and not from the code above:
// whole numbers of 10^-12, a row of named cells, everything computed eagerly.

#[derive(Debug, Clone, PartialEq)]
enum Naive {
    Null,
    Logical(bool),
    Number(i128),
    Text(String),
}

#[derive(Debug, Clone)]
struct NaiveRow {
    amount: Option<i16>,
    count: Option<i8>,
    flag: Option<bool>,
    code: Option<String>,
}

const UNITS: i128 = 1_000_000_000_000;

fn naive(expression: &Expr, row: &NaiveRow) -> Naive {
    let number = |n: Option<i128>| n.map_or(Naive::Null, Naive::Number);
    let logical = |b: Option<bool>| b.map_or(Naive::Null, Naive::Logical);
    let literal = |literal: &Literal| match literal {
        Literal::Null => Naive::Null,
        Literal::Boolean(value) => Naive::Logical(*value),
        Literal::Number { unscaled, scale } => {
            Naive::Number(unscaled * 10i128.pow(12 - u32::from(*scale)))
        }
        Literal::Text(text) => Naive::Text(text.clone()),
    };
    let truth = |value: Naive| if let Naive::Logical(b) = value { Some(b) } else { None };
    match expression {
        Expr::Literal(value) => literal(value),
        Expr::Field(path) => match &*path[0] {
            "amount" => number(row.amount.map(|n| i128::from(n) * UNITS / 100)),
            "count" => number(row.count.map(|n| i128::from(n) * UNITS)),
            "flag" => logical(row.flag),
            _ => row.code.clone().map_or(Naive::Null, Naive::Text),
        },
        Expr::Not(expr) => logical(truth(naive(expr, row)).map(|b| !b)),
        Expr::Negate(expr) => match naive(expr, row) {
            Naive::Number(n) => Naive::Number(-n),
            _ => Naive::Null,
        },
        Expr::Abs(expr) => match naive(expr, row) {
            Naive::Number(n) => Naive::Number(n.abs()),
            _ => Naive::Null,
        },
        Expr::IsNull { expr, negated } => {
            Naive::Logical((naive(expr, row) == Naive::Null) ^ negated)
        }
        Expr::Length(expr) => match naive(expr, row) {
            Naive::Text(text) => Naive::Number(text.chars().map(|_| UNITS).sum()),
            _ => Naive::Null,
        },
        Expr::Number(expr) => match naive(expr, row) {
            Naive::Text(text) => number(text.parse::<i128>().ok().map(|n| n * UNITS)),
            _ => Naive::Null,
        },
        Expr::In { expr, list, negated } => {
            let value = naive(expr, row);
            let equal: Vec<_> = list
                .iter()
                .map(literal)
                .map(|item| (value != Naive::Null && item != Naive::Null).then(|| value == item))
                .collect();
            let found = if equal.contains(&Some(true)) {
                Some(true)
            } else if equal.contains(&None) {
                None
            } else {
                Some(false)
            };
            logical(found.map(|b| b ^ negated))
        }
        Expr::Sum { .. } => unreachable!("not generated"),
        Expr::Binary { op, left, right } => {
            let (left, right) = (naive(left, row), naive(right, row));
            match (op, &left, &right) {
                (BinaryOp::And, ..) => match (truth(left), truth(right)) {
                    (Some(false), _) | (_, Some(false)) => Naive::Logical(false),
                    (Some(true), Some(true)) => Naive::Logical(true),
                    _ => Naive::Null,
                },
                (BinaryOp::Or, ..) => match (truth(left), truth(right)) {
                    (Some(true), _) | (_, Some(true)) => Naive::Logical(true),
                    (Some(false), Some(false)) => Naive::Logical(false),
                    _ => Naive::Null,
                },
                (_, Naive::Null, _) | (_, _, Naive::Null) => Naive::Null,
                (BinaryOp::Add, Naive::Number(a), Naive::Number(b)) => Naive::Number(a + b),
                (BinaryOp::Subtract, Naive::Number(a), Naive::Number(b)) => Naive::Number(a - b),
                (BinaryOp::Multiply, Naive::Number(a), Naive::Number(b)) => {
                    assert_eq!((a / 1_000_000) * 1_000_000, *a, "finer than 10^-6");
                    Naive::Number((a / 1_000_000) * (b / 1_000_000))
                }
                (BinaryOp::Equal, a, b) => Naive::Logical(a == b),
                (BinaryOp::NotEqual, a, b) => Naive::Logical(a != b),
                (op, a, b) => {
                    let less = match (a, b) {
                        (Naive::Number(a), Naive::Number(b)) => a < b,
                        (Naive::Text(a), Naive::Text(b)) => a.chars().lt(b.chars()),
                        other => unreachable!("not generated: {other:?}"),
                    };
                    Naive::Logical(match op {
                        BinaryOp::Less => less,
                        BinaryOp::GreaterOrEqual => !less,
                        BinaryOp::LessOrEqual => less || a == b,
                        _ => !(less || a == b),
                    })
                }
            }
        }
    }
}

/// Numbers of at most two digits after the point, and products of two of them.
fn numbers() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        Just(path("amount")),
        Just(path("count")),
        Just(Expr::Literal(Literal::Null)),
        (-300i128..300, 0u8..3).prop_map(|(unscaled, scale)| decimal(unscaled, scale)),
        texts().prop_map(|text| Expr::Number(Box::new(text))),
        texts().prop_map(|text| Expr::Length(Box::new(text))),
    ];
    let plus = |(a, b): (Expr, Expr)| binary(a, BinaryOp::Add, b);
    let sums = prop_oneof![leaf.clone(), (leaf.clone(), leaf.clone()).prop_map(plus)].boxed();
    prop_oneof![
        sums.clone(),
        sums.clone().prop_map(|a| Expr::Negate(Box::new(a))),
        sums.clone().prop_map(|a| Expr::Abs(Box::new(a))),
        (sums.clone(), sums.clone()).prop_map(|(a, b)| binary(a, BinaryOp::Subtract, b)),
        (sums.clone(), sums).prop_map(|(a, b)| binary(a, BinaryOp::Multiply, b)),
    ]
}

fn texts() -> impl Strategy<Value = Expr> {
    let literal = |text: &str| Expr::Literal(Literal::Text(text.to_owned()));
    prop_oneof![Just(path("code")), Just(literal("b")), Just(literal("12"))]
}

fn conditions() -> impl Strategy<Value = Expr> {
    let ordered = prop_oneof![
        Just(BinaryOp::Equal),
        Just(BinaryOp::NotEqual),
        Just(BinaryOp::Less),
        Just(BinaryOp::LessOrEqual),
        Just(BinaryOp::Greater),
        Just(BinaryOp::GreaterOrEqual),
    ];
    let compared = |(op, a, b)| binary(a, op, b);
    let leaf = prop_oneof![
        (ordered.clone(), numbers(), numbers()).prop_map(compared),
        (ordered, texts(), texts()).prop_map(compared),
        Just(path("flag")),
        (numbers(), any::<bool>())
            .prop_map(|(a, negated)| Expr::IsNull { expr: Box::new(a), negated }),
        (texts(), any::<bool>(), any::<bool>()).prop_map(|(a, negated, null)| {
            let mut list = vec![Literal::Text("b".to_owned()), Literal::Text("é".to_owned())];
            list.extend(null.then_some(Literal::Null));
            Expr::In { expr: Box::new(a), list, negated }
        }),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| binary(a, BinaryOp::And, b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| binary(a, BinaryOp::Or, b)),
            inner.prop_map(|a| Expr::Not(Box::new(a))),
        ]
    })
}

fn rows() -> impl Strategy<Value = Vec<NaiveRow>> {
    let code = prop_oneof![Just("b"), Just("é"), Just("12"), Just("-7"), Just("")];
    let row = (
        prop::option::of(-300i16..300),
        prop::option::of(-3i8..4),
        prop::option::of(any::<bool>()),
        prop::option::of(code.prop_map(str::to_owned)),
    );
    prop::collection::vec(
        row.prop_map(|(amount, count, flag, code)| NaiveRow { amount, count, flag, code }),
        1..8,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn rules_agree_with_a_second_evaluator(condition in conditions(), rows in rows()) {
        let fields = vec![
            field("amount", FieldType::Decimal { precision: 18, scale: 2 }),
            field("count", FieldType::Integer),
            field("flag", FieldType::Boolean),
            field("code", FieldType::Text),
        ];
        let amounts: Decimal128Array = rows.iter().map(|r| r.amount.map(i128::from)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(amounts.with_precision_and_scale(18, 2).unwrap()),
            Arc::new(rows.iter().map(|r| r.count.map(i64::from)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.flag).collect::<BooleanArray>()),
            Arc::new(rows.iter().map(|r| r.code.clone()).collect::<StringArray>()),
        ];
        let schema = contract(fields).nullable_output_schema();
        let batch = RecordBatch::try_new(schema, columns).unwrap();
        let bound = bind(&condition, &batch).unwrap();
        for (number, row) in rows.iter().enumerate() {
            let expected = match naive(&condition, row) {
                Naive::Logical(holds) => Some(holds),
                _ => None,
            };
            prop_assert_eq!(bound.holds(number), Ok(expected), "row {:?}", row);
        }
    }
}
