//! Whether an expression can come to NULL, by what the contract requires.
//!
//! Errs on the side of NULL: `a is not null and a > 0` is taken for one that can be. A value that
//! was refused is no NULL here, since no rule is asked about its row.

use super::{Expr, Literal};
use crate::catalog::contract::{Field, FieldType};

/// Whether `expression` over `fields` can be NULL.
#[must_use]
pub fn can_be_null(expression: &Expr, fields: &[Field]) -> bool {
    let part = |expr: &Expr| can_be_null(expr, fields);
    match expression {
        Expr::Literal(literal) => matches!(literal, Literal::Null),
        Expr::Field(path) => !is_required(path, fields),
        Expr::IsNull { .. } => false,
        // A text need not spell a number.
        Expr::Number(_) => true,
        Expr::Not(expr) | Expr::Negate(expr) | Expr::Abs(expr) | Expr::Length(expr) => part(expr),
        Expr::In { expr, list, .. } => part(expr) || list.contains(&Literal::Null),
        Expr::Binary { left, right, .. } => part(left) || part(right),
        Expr::Sum { list, each } => !has_every_element(list, fields) || part(each),
    }
}

/// Whether the list and each of its elements are required.
fn has_every_element(list: &str, fields: &[Field]) -> bool {
    let list = fields.iter().find(|field| field.name == list && field.required);
    list.is_some_and(|list| match &list.data_type {
        FieldType::List { element, .. } => element.required,
        _ => true,
    })
}

/// Whether every field on a path is required; the elements of a list stand for the list.
fn is_required(path: &[String], fields: &[Field]) -> bool {
    let Some((name, inner)) = path.split_first() else { return true };
    let Some(field) = fields.iter().find(|field| field.name == *name) else { return false };
    if !field.required {
        return false;
    }
    match &field.data_type {
        FieldType::Struct(members) => is_required(inner, members),
        FieldType::List { element, .. } if !inner.is_empty() => match &element.data_type {
            FieldType::Struct(members) => is_required(inner, members),
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::expression::parse;

    fn field(name: &str, data_type: FieldType, required: bool) -> Field {
        Field { required, ..Field::new(name, data_type) }
    }

    #[test]
    fn null_comes_from_optional_fields_and_from_texts_that_spell_no_number() {
        let item = FieldType::Struct(vec![
            field("quantity", FieldType::Integer, true),
            field("price", FieldType::Integer, false),
        ]);
        let element = Box::new(field("element", item.clone(), true));
        let list = |required| FieldType::List {
            element: Box::new(field("element", FieldType::Integer, required)),
            set: false,
        };
        let fields = [
            field("total", FieldType::Integer, true),
            field("tax", FieldType::Integer, false),
            field("id", FieldType::Text, true),
            field("items", FieldType::List { element: element.clone(), set: false }, true),
            field("gifts", FieldType::List { element, set: false }, false),
            field("first", item, true),
            field("marks", list(false), true),
            field("points", list(true), true),
        ];
        for (expression, expected) in [
            ("total > 0", false),
            ("tax <= total", true),
            ("tax is null or total = 1", false),
            ("tax is not null and tax > 0", true), // it cannot, but that is not looked into
            ("not abs(-total) = 1", false),
            ("number(id) < 1000", true),
            ("length(id) = 3", false),
            ("id in ('a', 'b')", false),
            ("sum(items.quantity) = total", false),
            ("sum(items.quantity * items.price) = total", true),
            ("sum(gifts.quantity) = total", true),
            ("sum(marks) = total", true),
            ("sum(points) = total", false),
            ("first.quantity = 1", false),
            ("first.price = 1", true),
        ] {
            let parsed = parse(expression).unwrap();
            assert_eq!(can_be_null(&parsed, &fields), expected, "{expression}");
        }
    }
}
