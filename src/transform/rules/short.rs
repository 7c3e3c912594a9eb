//! What an expression of numbers comes to for one row in 128 bits, which nearly always are enough
//! and much faster than 256.
//!
//! Exact or nothing: where something is NULL, is no number or needs more bits, `evaluate` decides.

use std::cmp::Ordering;

use arrow::array::Array;

use super::bind::{Bound, Cells, Typed};
use super::evaluate::{At, Value};
use crate::catalog::expression::BinaryOp;
use crate::transform::findings::elements_of;

/// `unscaled` / 10^`scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    pub(super) unscaled: i128,
    pub(super) scale: u32,
}

impl Bound<'_> {
    /// The number that the expression comes to, when it is one and 128 bits suffice on the way.
    pub(super) fn short(&self, at: At) -> Option<Short> {
        match self {
            Self::Constant(Value::Number(number)) => number.short(),
            Self::Cell(cells) => cells.short(at),
            Self::Negate(expr) => expr.short(at)?.negate(),
            Self::Abs(expr) => expr.short(at)?.abs(),
            Self::Binary { op: BinaryOp::Add, left, right } => {
                left.short(at)?.add(right.short(at)?)
            }
            Self::Binary { op: BinaryOp::Subtract, left, right } => {
                left.short(at)?.add(right.short(at)?.negate()?)
            }
            Self::Binary { op: BinaryOp::Multiply, left, right } => {
                left.short(at)?.multiply(right.short(at)?)
            }
            Self::Sum { list, each } if list.is_valid(at.row) => {
                let mut numbers =
                    elements_of(list, at.row).map(|element| each.short(At { element, ..at }));
                numbers.try_fold(Short { unscaled: 0, scale: 0 }, |sum, number| sum.add(number?))
            }
            _ => None,
        }
    }
}

impl Cells<'_> {
    fn short(&self, at: At) -> Option<Short> {
        let place = self.place(at)?;
        let (unscaled, scale) = match &self.values {
            Typed::Integer(a) if a.is_valid(place) => (a.value(place).into(), 0),
            Typed::Decimal { values, scale } if values.is_valid(place) => {
                (values.value(place), *scale)
            }
            Typed::Date(a) if a.is_valid(place) => (a.value(place).into(), 0),
            Typed::Timestamp(a) if a.is_valid(place) => (a.value(place).into(), 0),
            _ => return None,
        };
        Some(Short { unscaled, scale })
    }
}

impl Short {
    /// How two numbers compare, when 128 bits suffice to tell.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        Some(self.at_scale(scale)?.cmp(&other.at_scale(scale)?))
    }

    fn add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let unscaled = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Some(Self { unscaled, scale })
    }

    fn multiply(self, other: Self) -> Option<Self> {
        let unscaled = product(self.unscaled, other.unscaled)?;
        Some(Self { unscaled, scale: self.scale.checked_add(other.scale)? })
    }

    fn negate(self) -> Option<Self> {
        Some(Self { unscaled: self.unscaled.checked_neg()?, ..self })
    }

    fn abs(self) -> Option<Self> {
        Some(Self { unscaled: self.unscaled.checked_abs()?, ..self })
    }

    /// The unscaled number at a scale that is not smaller.
    fn at_scale(self, scale: u32) -> Option<i128> {
        match scale - self.scale {
            0 => Some(self.unscaled),
            digits => product(self.unscaled, 10_i64.checked_pow(digits)?.into()),
        }
    }
}

/// The product, in 64 by 64 bits where that is enough, which is faster.
fn product(left: i128, right: i128) -> Option<i128> {
    match (i64::try_from(left), i64::try_from(right)) {
        (Ok(left), Ok(right)) => Some(i128::from(left) * i128::from(right)),
        _ => left.checked_mul(right),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array, Int64Array, ListArray, RecordBatch};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Int64Type};
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::expression::{Expr, Literal};
    use crate::transform::rules::bind::bind;

    /// Numbers about every border of 64 and 128 bits, and small ones.
    fn number() -> impl Strategy<Value = i128> {
        prop_oneof![
            -1000..1000_i128,
            (0..128_u32, -2..2_i128).prop_map(|(bit, near)| (1_i128 << bit).wrapping_add(near)),
            any::<i128>(),
        ]
    }

    fn expression() -> impl Strategy<Value = Expr> {
        let literal = (number(), 0..20_u8)
            .prop_map(|(unscaled, scale)| Expr::Literal(Literal::Number { unscaled, scale }));
        let field = prop::sample::select(vec!["whole", "amount", "list"])
            .prop_map(|name| Expr::Field(vec![name.to_owned()]));
        prop_oneof![2 => field, 1 => literal].prop_recursive(4, 12, 2, |part| {
            let ops = [BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Multiply];
            let binary = (prop::sample::select(ops.to_vec()), part.clone(), part.clone());
            prop_oneof![
                4 => binary.prop_map(|(op, left, right)| {
                    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
                }),
                1 => part.clone().prop_map(|expr| Expr::Negate(Box::new(expr))),
                1 => part.clone().prop_map(|expr| Expr::Abs(Box::new(expr))),
                1 => part.prop_map(|each| Expr::Sum { list: "list".to_owned(), each: Box::new(each) }),
            ]
        })
    }

    /// A row of a whole number, an amount and a list of whole numbers, any of which may be null.
    fn row() -> impl Strategy<Value = RecordBatch> {
        let whole = prop_oneof![-1000..1000_i64, any::<i64>()];
        let list = prop::option::of(prop::collection::vec(
            prop::option::weighted(0.9, whole.clone()),
            0..4,
        ));
        let (whole, amount) =
            (prop::option::weighted(0.9, whole), prop::option::weighted(0.9, number()));
        (whole, amount, list).prop_map(|(whole, amount, list)| {
            let amounts =
                Decimal128Array::from(vec![amount]).with_data_type(DataType::Decimal128(38, 9));
            let columns: [(&str, ArrayRef); 3] = [
                ("whole", Arc::new(Int64Array::from(vec![whole]))),
                ("amount", Arc::new(amounts)),
                ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([list]))),
            ];
            RecordBatch::try_from_iter(columns).unwrap()
        })
    }

    proptest! {
        #[test]
        fn what_128_bits_tell_256_tell_too(rows in row(), left in expression(), right in expression()) {
            let at = At { row: 0, element: 0 };
            let (Some(left), Some(right)) = (bind(&left, &rows), bind(&right, &rows)) else {
                return Ok(());
            };
            for expression in [&left, &right] {
                if let Some(short) = expression.short(at) {
                    let Ok(Value::Number(number)) = expression.value(at) else {
                        return Err(TestCaseError::fail("no number in 256 bits"));
                    };
                    let number = number.short().unwrap();
                    prop_assert_eq!((short.unscaled, short.scale), (number.unscaled, number.scale));
                }
            }
            if let (Some(a), Some(b)) = (left.short(at), right.short(at))
                && let Some(order) = a.compare(b)
                && let (Ok(Value::Number(a)), Ok(Value::Number(b))) = (left.value(at), right.value(at))
            {
                prop_assert_eq!(order, a.compare(b));
            }
        }
    }

    #[test]
    fn amounts_of_orders_take_128_bits() {
        let lists = ListArray::new(
            Arc::new(Field::new("element", DataType::Int64, true)),
            OffsetBuffer::from_lengths([2]),
            Arc::new(Int64Array::from(vec![3, 4])),
            None,
        );
        let amounts =
            Decimal128Array::from(vec![7_000]).with_data_type(DataType::Decimal128(18, 3));
        let columns: [(&str, ArrayRef); 2] =
            [("list", Arc::new(lists)), ("amount", Arc::new(amounts))];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let field = |name: &str| Box::new(Expr::Field(vec![name.to_owned()]));
        let sum = Expr::Sum { list: "list".to_owned(), each: field("list") };
        let difference =
            Expr::Binary { op: BinaryOp::Subtract, left: field("amount"), right: Box::new(sum) };
        let at = At { row: 0, element: 0 };
        let short = bind(&difference, &rows).unwrap().short(at).unwrap();
        assert_eq!((short.unscaled, short.scale), (0, 3));
    }
}
