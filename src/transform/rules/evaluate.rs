//! What an expression comes to for one row, in three-valued logic and exact numbers.
//!
//! NULL is unknown: comparing with it or computing with it is NULL; `false and NULL` is false and
//! `true or NULL` is true. Types agree, the contract's loader has seen to it; where they should
//! not, the result is NULL.

use std::cmp::Ordering;

use arrow::array::Array;

use super::bind::{Bound, Cells, Typed};
use super::number::{Number, Overflow};
use crate::catalog::expression::BinaryOp;
use crate::transform::findings::elements_of;

/// A value of an expression. Dates and instants are the numbers they are stored as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Number(Number),
    Text(&'a str),
    /// A list, by its number of elements.
    List(usize),
    /// Something that is not null, of which no more can be asked.
    Opaque,
}

/// The row that is looked at, and within a sum the place of the element.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) row: usize,
    pub(super) element: usize,
}

impl Bound<'_> {
    /// Whether the expression holds for a row; `None` when that is unknown.
    ///
    /// # Errors
    /// [`Overflow`] when a number on the way has more than 256 bits.
    pub(super) fn holds(&self, row: usize) -> Result<Option<bool>, Overflow> {
        Ok(truth(self.value(At { row, element: 0 })?))
    }

    pub(super) fn value(&self, at: At) -> Result<Value<'_>, Overflow> {
        Ok(match self {
            Self::Constant(value) => *value,
            Self::Cell(cells) => cells.value(at),
            Self::Not(expr) => boolean(truth(expr.value(at)?).map(|holds| !holds)),
            Self::Negate(expr) => numeric(expr.value(at)?, Number::negate)?,
            Self::Abs(expr) => numeric(expr.value(at)?, Number::abs)?,
            Self::Binary { op: BinaryOp::And, left, right } => both(left, right, at, false)?,
            Self::Binary { op: BinaryOp::Or, left, right } => both(left, right, at, true)?,
            Self::Binary { op, left, right } => match compare_short(*op, left, right, at) {
                Some(holds) => Value::Boolean(holds),
                None => binary(*op, left.value(at)?, right.value(at)?)?,
            },
            Self::IsNull { expr, negated } => {
                let is_null = matches!(expr.value(at)?, Value::Null);
                Value::Boolean(is_null != *negated)
            }
            Self::In { expr, list, negated } => {
                let found = is_in(expr.value(at)?, list);
                boolean(found.map(|found| found != *negated))
            }
            Self::Number(expr) => match expr.value(at)? {
                Value::Text(text) => Number::parse(text)?.map_or(Value::Null, Value::Number),
                _ => Value::Null,
            },
            Self::Length(expr) => match expr.value(at)? {
                Value::Text(text) => count(text.chars().count()),
                Value::List(elements) => count(elements),
                _ => Value::Null,
            },
            Self::Sum { list, each } => {
                if list.is_null(at.row) {
                    return Ok(Value::Null);
                }
                let mut sum = Number::ZERO;
                for element in elements_of(list, at.row) {
                    match each.value(At { element, ..at })? {
                        Value::Number(number) => sum = sum.add(number)?,
                        _ => return Ok(Value::Null),
                    }
                }
                Value::Number(sum)
            }
        })
    }
}

impl Cells<'_> {
    fn value(&self, at: At) -> Value<'_> {
        let Some(place) = self.place(at) else { return Value::Null };
        let number = |unscaled: i128, scale| Value::Number(Number::new(unscaled, scale));
        match &self.values {
            Typed::Text(a) if a.is_valid(place) => Value::Text(a.value(place)),
            Typed::Boolean(a) if a.is_valid(place) => Value::Boolean(a.value(place)),
            Typed::Integer(a) if a.is_valid(place) => number(a.value(place).into(), 0),
            Typed::Decimal { values, scale } if values.is_valid(place) => {
                number(values.value(place), *scale)
            }
            Typed::Date(a) if a.is_valid(place) => number(a.value(place).into(), 0),
            Typed::Timestamp(a) if a.is_valid(place) => number(a.value(place).into(), 0),
            Typed::List(a) if a.is_valid(place) => Value::List(elements_of(a, place).len()),
            Typed::Opaque(a) if a.is_valid(place) => Value::Opaque,
            _ => Value::Null,
        }
    }
}

fn truth(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(holds) => Some(holds),
        _ => None,
    }
}

fn boolean<'a>(holds: Option<bool>) -> Value<'a> {
    holds.map_or(Value::Null, Value::Boolean)
}

fn count<'a>(things: usize) -> Value<'a> {
    Value::Number(Number::new(i128::try_from(things).unwrap_or(i128::MAX), 0))
}

fn numeric(
    value: Value<'_>,
    change: impl Fn(Number) -> Result<Number, Overflow>,
) -> Result<Value<'_>, Overflow> {
    match value {
        Value::Number(number) => Ok(Value::Number(change(number)?)),
        _ => Ok(Value::Null),
    }
}

/// `and` and `or`: a side that is `decisive` decides, whatever the other one is.
fn both<'a>(
    left: &Bound<'_>,
    right: &Bound<'_>,
    at: At,
    decisive: bool,
) -> Result<Value<'a>, Overflow> {
    let left = truth(left.value(at)?);
    if left == Some(decisive) {
        return Ok(Value::Boolean(decisive));
    }
    let right = truth(right.value(at)?);
    if right == Some(decisive) {
        return Ok(Value::Boolean(decisive));
    }
    Ok(boolean(left.and(right)))
}

fn binary<'a>(op: BinaryOp, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Overflow> {
    if let Some(accept) = comparison(op) {
        return Ok(boolean(compare(left, right).map(accept)));
    }
    let computed = |compute: fn(Number, Number) -> Result<Number, Overflow>| match (left, right) {
        (Value::Number(left), Value::Number(right)) => compute(left, right).map(Value::Number),
        _ => Ok(Value::Null),
    };
    Ok(match op {
        BinaryOp::Add => computed(Number::add)?,
        BinaryOp::Subtract => computed(Number::subtract)?,
        BinaryOp::Multiply => computed(Number::multiply)?,
        // `and` and `or` need not look at both sides: see `both`.
        _ => Value::Null,
    })
}

/// What an operator that compares accepts.
fn comparison(op: BinaryOp) -> Option<fn(Ordering) -> bool> {
    Some(match op {
        BinaryOp::Equal => Ordering::is_eq,
        BinaryOp::NotEqual => Ordering::is_ne,
        BinaryOp::Less => Ordering::is_lt,
        BinaryOp::LessOrEqual => Ordering::is_le,
        BinaryOp::Greater => Ordering::is_gt,
        BinaryOp::GreaterOrEqual => Ordering::is_ge,
        _ => return None,
    })
}

/// A comparison of numbers of 128 bits, as nearly all are.
fn compare_short(op: BinaryOp, left: &Bound<'_>, right: &Bound<'_>, at: At) -> Option<bool> {
    let accept = comparison(op)?;
    left.short(at)?.compare(right.short(at)?).map(accept)
}

/// Texts compare by code point, `false` is less than `true`.
fn compare(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(left.compare(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(&right)),
        _ => None,
    }
}

/// Whether a value is in a list; unknown when it is not found and something is NULL.
fn is_in(value: Value<'_>, list: &[Value<'_>]) -> Option<bool> {
    let mut unknown = false;
    for item in list {
        match compare(value, *item) {
            Some(Ordering::Equal) => return Some(true),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}
