use proptest::prelude::*;

use super::*;
use crate::catalog::contract::{Field, FieldType, TimestampType};

fn field(name: &str, data_type: FieldType) -> Field {
    Field::new(name, data_type)
}

fn fields() -> Vec<Field> {
    let timestamp =
        || TimestampType { epoch: None, local: None, min_micros: 0, max_micros: i64::MAX };
    let item = vec![
        field("quantity", FieldType::Integer),
        field("unit_price", FieldType::Decimal { precision: 18, scale: 4 }),
        field("product_id", FieldType::Text),
    ];
    let list = |element| FieldType::List { element: Box::new(element), set: false };
    vec![
        field("order_id", FieldType::Text),
        field("total_amount", FieldType::Decimal { precision: 18, scale: 3 }),
        field("is_gift", FieldType::Boolean),
        field("order_date", FieldType::Date),
        field("created_at", FieldType::Timestamp(timestamp())),
        field("updated_at", FieldType::Timestamp(timestamp())),
        field("items", list(field("element", FieldType::Struct(item)))),
        field("weights", list(field("element", FieldType::Integer))),
        field("address", FieldType::Struct(vec![field("country", FieldType::Text)])),
        field("digest", FieldType::Binary),
    ]
}

#[test]
fn expressions_read_as_they_bind() {
    for (text, canonical) in [
        ("a + b * c", "a + b * c"),
        ("(a + b) * c", "(a + b) * c"),
        ("a - b - c", "a - b - c"),
        ("a - (b - c)", "a - (b - c)"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a or (b or c)", "a or (b or c)"),
        ("not a = b", "not a = b"),
        ("(not a) = b", "(not a) = b"),
        ("not a and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("not not a", "not not a"),
        ("-a * b", "-a * b"),
        ("-(a * b)", "-(a * b)"),
        ("a - -1.50", "a - -1.50"),
        ("- 1.50", "-1.50"),
        ("--a", "--a"),
        ("a<>b", "a != b"),
        ("a is null", "a is null"),
        ("a + b is not null and c", "a + b is not null and c"),
        ("a in ('x', 'it''s', 'é')", "a in ('x', 'it''s', 'é')"),
        ("a not in (1, -2.0)", "a not in (1, -2.0)"),
        ("(a = b) is null", "(a = b) is null"),
        ("abs(a) <= 0.01", "abs(a) <= 0.01"),
        ("length(number)", "length(number)"),
        ("sum(items.quantity * items.unit_price)", "sum(items.quantity * items.unit_price)"),
        ("a = null or true or false", "a = null or true or false"),
    ] {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.to_string(), canonical);
        assert_eq!(parse(canonical), Ok(parsed), "{canonical}");
    }
}

#[test]
fn a_sum_knows_its_list() {
    for (text, of) in [
        ("sum(items.quantity)", "items"),
        ("sum(total_amount * items.quantity)", "items"),
        ("sum(weights)", "weights"),
    ] {
        assert!(matches!(parse(text), Ok(Expr::Sum { list, .. }) if list == of), "{text}");
    }
}

#[test]
fn mistakes_have_their_column() {
    for (text, wrong) in [
        ("", "column 1: a value is missing"),
        ("a <", "column 4: a value is missing"),
        ("a < )", "column 5: a value is missing before `)`"),
        ("(a", "column 3: `)` is missing"),
        ("a b", "column 3: `b` was not expected"),
        ("a )", "column 3: `)` was not expected"),
        ("a 1.50", "column 3: `1.50` was not expected"),
        ("a 'x'", "column 3: `'x'` was not expected"),
        ("a < b < c", "column 7: comparisons do not chain, join them with `and`"),
        ("a in (1) = b", "column 10: comparisons do not chain, join them with `and`"),
        ("a is nul", "column 6: `null` is missing"),
        ("a not like b", "column 7: `in` is missing"),
        ("a in (b)", "column 7: a list holds only constants"),
        ("a in ()", "column 7: a value is missing before `)`"),
        ("a in 1", "column 6: `(` is missing"),
        ("a = 'x", "column 5: the text has no closing `'`"),
        ("é = 1", "column 1: `é` means nothing here"),
        ("'é' ; 1", "column 5: `;` means nothing here"),
        ("1.2.3", "column 1: `1.2.3` is no number of at most 38 digits"),
        ("1e3", "column 1: `1e3` is no number of at most 38 digits"),
        ("a..b", "column 1: `a..b` is no path of a field"),
        ("and b", "column 1: a value is missing before `and`"),
        ("round(a)", "column 1: there is no function `round`; there are abs, length, number, sum"),
        ("sum(1)", "column 1: the sum names no field of a list"),
        ("sum(sum(a.b))", "column 5: a sum cannot stand within a sum"),
    ] {
        assert_eq!(parse(text), Err(wrong.to_owned()), "{text}");
    }
    let long = format!("{}a", "(".repeat(100_000));
    assert_eq!(parse(&long), Err("the expression has more than 300 words and signs".to_owned()));
}

#[test]
fn numbers_are_exact() {
    for (text, number) in [
        ("0", Some((0, 0))),
        ("1.00", Some((100, 2))),
        ("-0.05", Some((-5, 2))),
        ("007", Some((7, 0))),
        ("99999999999999999999999999999999999999", Some((10i128.pow(38) - 1, 0))),
        ("100000000000000000000000000000000000000", None),
        ("1.", None),
        (".5", None),
        ("+1", None),
        ("--1", None),
        ("1e2", None),
        ("", None),
        ("-", None),
        ("1,5", None),
    ] {
        assert_eq!(parse_number(text), number, "{text}");
    }
}

#[test]
fn parts_of_an_expression_must_fit() {
    let type_of = |text: &str| type_of(&parse(text).unwrap(), &fields());
    for (text, is) in [
        ("total_amount - sum(items.quantity * items.unit_price)", Type::Number),
        ("sum(weights) < 3", Type::Boolean),
        ("updated_at >= created_at", Type::Boolean),
        ("number(order_id) < 1000", Type::Boolean),
        ("length(items) + length(order_id)", Type::Number),
        ("address.country in ('DE', 'FR')", Type::Boolean),
        ("address is null or digest is null", Type::Boolean),
        ("is_gift = true and not is_gift", Type::Boolean),
        ("null", Type::Null),
    ] {
        assert_eq!(type_of(text), Ok(is), "{text}");
    }
    for (text, wrong) in [
        ("total_amuont > 1", "there is no field `total_amuont` (did you mean \"total_amount\"?)"),
        ("address.contry = 'DE'", "there is no field `address.contry` (did you mean \"country\"?)"),
        ("order_id.x = 1", "`order_id.x`: `order_id` has no parts"),
        (
            "items.quantity > 1",
            "`items.quantity` lies in a list: it can stand only in a sum over `items`",
        ),
        ("sum(address.country) > 1", "`address` is no list, there is nothing to sum over"),
        ("sum(items.product_id) > 1", "`items.product_id` is a text, it must be a number"),
        (
            "created_at > order_date",
            "`created_at` is a timestamp, `order_date` is a date: they cannot be compared",
        ),
        (
            "order_date > '2026-01-01'",
            "`order_date` is a date, `'2026-01-01'` is a text: they cannot be compared",
        ),
        ("order_id < 1000", "`order_id` is a text, `1000` is a number: they cannot be compared"),
        ("order_id + 1 = 2", "`order_id` is a text, it must be a number"),
        ("number(total_amount) = 1", "`total_amount` is a number, it must be a text"),
        (
            "length(total_amount) = 1",
            "`total_amount` is a number, only texts and lists have a length",
        ),
        ("total_amount and is_gift", "`total_amount` is a number, it must be a boolean"),
        ("not total_amount", "`total_amount` is a number, it must be a boolean"),
        ("is_gift < true", "booleans have no order for `<`"),
        ("items = weights", "`items` is a list, it cannot be compared"),
        ("digest = digest", "`digest` is a struct or bytes, it cannot be compared"),
        ("order_id = null", "`= null` is never true, write `is null`"),
        ("order_id in ('a', 1)", "`order_id` is a text, `1` in its list is a number"),
        ("order_id in ('a', null)", "`order_id` is a text, `null` in its list is null"),
    ] {
        assert_eq!(type_of(text), Err(wrong.to_owned()), "{text}");
    }
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        "[ -~é']{0,8}".prop_map(Literal::Text),
        (-10i128.pow(37)..10i128.pow(37), 0u8..38)
            .prop_map(|(unscaled, scale)| Literal::Number { unscaled, scale }),
    ]
}

fn expression() -> impl Strategy<Value = Expr> {
    let path = prop::collection::vec("[a-h][a-z0-9_]{0,3}x", 1..3);
    let leaf = prop_oneof![literal().prop_map(Expr::Literal), path.prop_map(Expr::Field)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let op = prop::sample::select(vec![
            BinaryOp::And,
            BinaryOp::Or,
            BinaryOp::Equal,
            BinaryOp::NotEqual,
            BinaryOp::Less,
            BinaryOp::LessOrEqual,
            BinaryOp::Greater,
            BinaryOp::GreaterOrEqual,
            BinaryOp::Add,
            BinaryOp::Subtract,
            BinaryOp::Multiply,
        ]);
        prop_oneof![
            boxed.clone().prop_map(Expr::Not),
            // The parser takes the sign of a number into the number.
            boxed.clone().prop_map(|e| match *e {
                Expr::Literal(Literal::Number { .. }) => *e,
                _ => Expr::Negate(e),
            }),
            boxed.clone().prop_map(Expr::Abs),
            boxed.clone().prop_map(Expr::Number),
            boxed.clone().prop_map(Expr::Length),
            (op, boxed.clone(), boxed.clone()).prop_map(|(op, left, right)| Expr::Binary {
                op,
                left,
                right
            }),
            (boxed.clone(), any::<bool>())
                .prop_map(|(expr, negated)| Expr::IsNull { expr, negated }),
            (boxed, prop::collection::vec(literal(), 1..3), any::<bool>())
                .prop_map(|(expr, list, negated)| Expr::In { expr, list, negated }),
        ]
    })
}

proptest! {
    #[test]
    fn text_parses_back_to_the_same_tree(expression in expression()) {
        prop_assert_eq!(parse(&expression.to_string()), Ok(expression));
    }

    #[test]
    fn any_text_is_an_expression_or_a_mistake(text in ".{0,40}") {
        if let Ok(parsed) = parse(&text) {
            prop_assert_eq!(parse(&parsed.to_string()), Ok(parsed));
        }
    }
}
