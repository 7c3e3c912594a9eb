//! Expressions as text that parses back to the same tree.

use std::fmt;

use super::{BinaryOp, Expr, Literal};

impl Expr {
    /// Gives the path of every field that is named, in order.
    pub fn for_each_field<'e>(&'e self, see: &mut impl FnMut(&'e [String])) {
        match self {
            Self::Literal(_) => {}
            Self::Field(path) => see(path),
            Self::Not(expr)
            | Self::Negate(expr)
            | Self::Abs(expr)
            | Self::Number(expr)
            | Self::Length(expr)
            | Self::IsNull { expr, .. }
            | Self::In { expr, .. }
            | Self::Sum { each: expr, .. } => expr.for_each_field(see),
            Self::Binary { left, right, .. } => {
                left.for_each_field(see);
                right.for_each_field(see);
            }
        }
    }

    /// How strongly the expression holds together: see the parser.
    fn power(&self) -> u8 {
        match self {
            Self::Binary { op, .. } => op.power(),
            Self::Not(_) => 3,
            Self::IsNull { .. } | Self::In { .. } => 4,
            Self::Negate(_) => 7,
            Self::Literal(_)
            | Self::Field(_)
            | Self::Abs(_)
            | Self::Number(_)
            | Self::Length(_)
            | Self::Sum { .. } => 8,
        }
    }
}

impl BinaryOp {
    fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply => 6,
        }
    }
}

/// An operand, in parentheses when it holds together less than `least`.
struct Operand<'e>(&'e Expr, u8);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(expr, least) = self;
        if expr.power() < *least { write!(f, "({expr})") } else { expr.fmt(f) }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Field(path) => f.write_str(&path.join(".")),
            Self::Not(expr) => write!(f, "not {}", Operand(expr, 3)),
            Self::Negate(expr) => write!(f, "-{}", Operand(expr, 7)),
            Self::Binary { op, left, right } => {
                let power = op.power();
                // Comparisons do not chain, and the right side of `a - b` binds more strongly.
                let least_left = if power == 4 { power + 1 } else { power };
                write!(f, "{} {op} {}", Operand(left, least_left), Operand(right, power + 1))
            }
            Self::IsNull { expr, negated } => {
                let not = if *negated { "not " } else { "" };
                write!(f, "{} is {not}null", Operand(expr, 5))
            }
            Self::In { expr, list, negated } => {
                let not = if *negated { "not " } else { "" };
                let list = list.iter().map(Literal::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "{} {not}in ({list})", Operand(expr, 5))
            }
            Self::Abs(expr) => write!(f, "abs({expr})"),
            Self::Number(expr) => write!(f, "number({expr})"),
            Self::Length(expr) => write!(f, "length({expr})"),
            Self::Sum { each, .. } => write!(f, "sum({each})"),
        }
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number { unscaled, scale: 0 } => unscaled.fmt(f),
            Self::Number { unscaled, scale } => {
                let scale = usize::from(*scale);
                let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                let sign = if *unscaled < 0 { "-" } else { "" };
                write!(f, "{sign}{whole}.{fraction}")
            }
        }
    }
}
