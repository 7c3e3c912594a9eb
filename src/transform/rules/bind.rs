//! An expression tied to the columns of a batch.
//!
//! Owns finding a path in nested columns. Does not own what the expression comes to.

use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;

use super::evaluate::{At, Value};
use super::number::Number;
use crate::catalog::expression::{BinaryOp, Expr, Literal};

/// An expression whose fields are columns.
pub(super) enum Bound<'a> {
    Constant(Value<'a>),
    Cell(Cells<'a>),
    Not(Box<Bound<'a>>),
    Negate(Box<Bound<'a>>),
    Binary { op: BinaryOp, left: Box<Bound<'a>>, right: Box<Bound<'a>> },
    IsNull { expr: Box<Bound<'a>>, negated: bool },
    In { expr: Box<Bound<'a>>, list: Vec<Value<'a>>, negated: bool },
    Abs(Box<Bound<'a>>),
    Number(Box<Bound<'a>>),
    Length(Box<Bound<'a>>),
    Sum { list: &'a ListArray, each: Box<Bound<'a>> },
}

/// Cells of one field.
pub(super) struct Cells<'a> {
    pub(super) values: Typed<'a>,
    /// Where an enclosing struct is null.
    pub(super) parents: Vec<&'a NullBuffer>,
    /// Whether there is one cell an element of the list summed over, rather than one a row.
    pub(super) of_elements: bool,
}

impl Cells<'_> {
    /// Which of the values is looked at; `None` where an enclosing struct is null.
    pub(super) fn place(&self, at: At) -> Option<usize> {
        let place = if self.of_elements { at.element } else { at.row };
        (!self.parents.iter().any(|nulls| nulls.is_null(place))).then_some(place)
    }
}

/// Values of the types that rules know.
pub(super) enum Typed<'a> {
    Text(&'a StringArray),
    Boolean(&'a BooleanArray),
    Integer(&'a Int64Array),
    Decimal {
        values: &'a Decimal128Array,
        scale: u32,
    },
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
    List(&'a ListArray),
    /// A struct or bytes, of which a rule can ask only whether they are null.
    Opaque(&'a dyn Array),
}

/// The list that a sum runs over, within which paths begin with its name.
#[derive(Clone, Copy)]
struct Summed<'a> {
    name: &'a str,
    list: &'a ListArray,
}

/// `expression` over the columns of `batch`; `None` when it names a field that they lack.
pub(super) fn bind<'a>(expression: &'a Expr, batch: &'a RecordBatch) -> Option<Bound<'a>> {
    bind_within(expression, batch, None)
}

fn bind_within<'a>(
    expression: &'a Expr,
    batch: &'a RecordBatch,
    summed: Option<Summed<'a>>,
) -> Option<Bound<'a>> {
    let part = |expr: &'a Expr| bind_within(expr, batch, summed).map(Box::new);
    Some(match expression {
        Expr::Literal(literal) => Bound::Constant(constant(literal)),
        Expr::Field(path) => Bound::Cell(cells(path, batch, summed)?),
        Expr::Not(expr) => Bound::Not(part(expr)?),
        Expr::Negate(expr) => Bound::Negate(part(expr)?),
        Expr::Binary { op, left, right } => {
            Bound::Binary { op: *op, left: part(left)?, right: part(right)? }
        }
        Expr::IsNull { expr, negated } => Bound::IsNull { expr: part(expr)?, negated: *negated },
        Expr::In { expr, list, negated } => {
            let list = list.iter().map(constant).collect();
            Bound::In { expr: part(expr)?, list, negated: *negated }
        }
        Expr::Abs(expr) => Bound::Abs(part(expr)?),
        Expr::Number(expr) => Bound::Number(part(expr)?),
        Expr::Length(expr) => Bound::Length(part(expr)?),
        Expr::Sum { list: name, each } => {
            let list = batch.column_by_name(name)?.as_list_opt::<i32>()?;
            let each = bind_within(each, batch, Some(Summed { name, list }))?;
            Bound::Sum { list, each: Box::new(each) }
        }
    })
}

fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::Number { unscaled, scale } => {
            Value::Number(Number::new(*unscaled, u32::from(*scale)))
        }
        Literal::Text(text) => Value::Text(text),
    }
}

fn cells<'a>(
    path: &'a [String],
    batch: &'a RecordBatch,
    summed: Option<Summed<'a>>,
) -> Option<Cells<'a>> {
    let (first, inner) = path.split_first()?;
    let of_elements = summed.filter(|summed| summed.name == first);
    let mut array: &'a dyn Array = match of_elements {
        Some(summed) => summed.list.values(),
        None => batch.column_by_name(first)?,
    };
    let mut parents = Vec::new();
    for name in inner {
        let structs = array.as_struct_opt()?;
        parents.extend(structs.nulls());
        array = structs.column_by_name(name)?;
    }
    Some(Cells { values: typed(array)?, parents, of_elements: of_elements.is_some() })
}

fn typed(array: &dyn Array) -> Option<Typed<'_>> {
    Some(match array.data_type() {
        DataType::Utf8 => Typed::Text(array.as_string_opt()?),
        DataType::Boolean => Typed::Boolean(array.as_boolean_opt()?),
        DataType::Int64 => Typed::Integer(array.as_primitive_opt()?),
        DataType::Decimal128(_, scale) => {
            Typed::Decimal { values: array.as_primitive_opt()?, scale: u32::try_from(*scale).ok()? }
        }
        DataType::Date32 => Typed::Date(array.as_primitive_opt()?),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Typed::Timestamp(array.as_primitive_opt()?)
        }
        DataType::List(_) => Typed::List(array.as_list_opt()?),
        _ => Typed::Opaque(array),
    })
}
