//! What an expression comes to, and whether its parts fit each other.
//!
//! Numbers are integers and decimals alike; a date, an instant and a text compare only with
//! their own kind. Does not own evaluation.

use std::fmt;

use super::{BinaryOp, Expr, Literal};
use crate::catalog::contract::{Field, FieldType};
use crate::catalog::odcs::did_you_mean;

/// Type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Boolean,
    /// An exact number.
    Number,
    /// A text.
    Text,
    /// A civil day.
    Date,
    /// An instant.
    Timestamp,
    /// A list, of which the length can be asked.
    List,
    /// Bytes or a struct, of which only `is null` can be asked.
    Opaque,
    /// `null`, which fits everything.
    Null,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::List => "a list",
            Self::Opaque => "a struct or bytes",
            Self::Null => "null",
        })
    }
}

/// Type of `expression` over `fields`.
///
/// # Errors
/// Which parts do not fit, in words.
pub fn type_of(expression: &Expr, fields: &[Field]) -> Result<Type, String> {
    Check { fields, summed: None }.type_of(expression)
}

#[derive(Clone, Copy)]
struct Check<'a> {
    fields: &'a [Field],
    /// The list that a sum around the expression runs over.
    summed: Option<&'a str>,
}

impl<'a> Check<'a> {
    fn type_of(self, expression: &'a Expr) -> Result<Type, String> {
        match expression {
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Field(path) => self.field(path),
            Expr::Not(expr) => self.expect(expr, Type::Boolean),
            Expr::Negate(expr) | Expr::Abs(expr) => self.expect(expr, Type::Number),
            Expr::Number(expr) => self.expect(expr, Type::Text).map(|_| Type::Number),
            Expr::Length(expr) => match self.type_of(expr)? {
                Type::Text | Type::List | Type::Null => Ok(Type::Number),
                other => Err(format!("`{expr}` is {other}, only texts and lists have a length")),
            },
            Expr::IsNull { expr, .. } => self.type_of(expr).map(|_| Type::Boolean),
            Expr::Binary { op: BinaryOp::And | BinaryOp::Or, left, right } => {
                self.expect(left, Type::Boolean)?;
                self.expect(right, Type::Boolean)
            }
            Expr::Binary {
                op: BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply,
                left,
                right,
            } => {
                self.expect(left, Type::Number)?;
                self.expect(right, Type::Number)
            }
            Expr::Binary { op, left, right } => self.compare(*op, left, right),
            Expr::In { expr, list, .. } => {
                let of = self.type_of(expr)?;
                check_comparable(expr, of)?;
                for literal in list {
                    let found = literal_type(literal);
                    if found != of {
                        return Err(format!(
                            "`{expr}` is {of}, `{literal}` in its list is {found}"
                        ));
                    }
                }
                Ok(Type::Boolean)
            }
            Expr::Sum { list, each } => self.sum(list, each),
        }
    }

    fn expect(self, expression: &'a Expr, wanted: Type) -> Result<Type, String> {
        match self.type_of(expression)? {
            found if found == wanted || found == Type::Null => Ok(wanted),
            found => Err(format!("`{expression}` is {found}, it must be {wanted}")),
        }
    }

    fn compare(self, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Result<Type, String> {
        for side in [left, right] {
            if matches!(side, Expr::Literal(Literal::Null)) {
                return Err(format!("`{op} null` is never true, write `is null`"));
            }
        }
        let (of_left, of_right) = (self.type_of(left)?, self.type_of(right)?);
        check_comparable(left, of_left)?;
        check_comparable(right, of_right)?;
        if of_left != of_right {
            return Err(format!(
                "`{left}` is {of_left}, `{right}` is {of_right}: they cannot be compared"
            ));
        }
        if of_left == Type::Boolean && !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            return Err(format!("booleans have no order for `{op}`"));
        }
        Ok(Type::Boolean)
    }

    fn sum(self, list: &'a str, each: &'a Expr) -> Result<Type, String> {
        match find(self.fields, list, list)?.data_type {
            FieldType::List { .. } => {}
            _ => return Err(format!("`{list}` is no list, there is nothing to sum over")),
        }
        Check { summed: Some(list), ..self }.expect(each, Type::Number)
    }

    fn field(self, path: &[String]) -> Result<Type, String> {
        let whole = path.join(".");
        let Some((first, inner)) = path.split_first() else { return Ok(Type::Null) };
        let mut field = find(self.fields, first, &whole)?;
        if self.summed == Some(first.as_str())
            && let FieldType::List { element, .. } = &field.data_type
        {
            field = element;
        }
        for name in inner {
            field = match &field.data_type {
                FieldType::Struct(members) => find(members, name, &whole)?,
                FieldType::List { .. } => {
                    return Err(format!(
                        "`{whole}` lies in a list: it can stand only in a sum over `{}`",
                        field.path
                    ));
                }
                _ => return Err(format!("`{whole}`: `{}` has no parts", field.path)),
            };
        }
        Ok(field_type(&field.data_type))
    }
}

fn find<'f>(fields: &'f [Field], name: &str, whole: &str) -> Result<&'f Field, String> {
    fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let hint = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
        format!("there is no field `{whole}`{hint}")
    })
}

fn check_comparable(expression: &Expr, of: Type) -> Result<(), String> {
    match of {
        Type::List | Type::Opaque => Err(format!("`{expression}` is {of}, it cannot be compared")),
        _ => Ok(()),
    }
}

fn field_type(data_type: &FieldType) -> Type {
    match data_type {
        FieldType::Text => Type::Text,
        FieldType::Integer | FieldType::Decimal { .. } => Type::Number,
        FieldType::Boolean => Type::Boolean,
        FieldType::Date => Type::Date,
        FieldType::Timestamp(_) => Type::Timestamp,
        FieldType::List { .. } => Type::List,
        FieldType::Binary | FieldType::Struct(_) => Type::Opaque,
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Boolean(_) => Type::Boolean,
        Literal::Number { .. } => Type::Number,
        Literal::Text(_) => Type::Text,
    }
}
