//! The expression tree of a contract's rules.
//!
//! Owns the tree, its text form (`parse`, `display`) and its checks (`types`, `nulls`). Does not own
//! evaluation, which is `transform::rules`. Numbers are exact decimals, comparison with NULL is
//! NULL.

mod display;
mod nulls;
mod parse;
#[cfg(test)]
mod tests;
mod types;

pub use nulls::can_be_null;
pub use parse::{parse, parse_number};
pub use types::{Type, type_of};

/// An expression over one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A constant.
    Literal(Literal),
    /// A field by its path: `total_amount`, `shipping_address.country`; inside [`Expr::Sum`]
    /// the parts below the list: `items.quantity`.
    Field(Vec<String>),
    /// `not a`.
    Not(Box<Expr>),
    /// `-a`.
    Negate(Box<Expr>),
    /// `a op b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `a is null`, `a is not null`.
    IsNull {
        /// What is asked.
        expr: Box<Expr>,
        /// Whether it is `is not null`.
        negated: bool,
    },
    /// `a in ('x', 'y')`, `a not in (…)`.
    In {
        /// What is looked up.
        expr: Box<Expr>,
        /// Constants of one type.
        list: Vec<Literal>,
        /// Whether it is `not in`.
        negated: bool,
    },
    /// `abs(a)`.
    Abs(Box<Expr>),
    /// `number(text)`: the number a text spells, NULL when it spells none.
    Number(Box<Expr>),
    /// `length(text)` in characters, or `length(list)` in elements.
    Length(Box<Expr>),
    /// `sum(e)` over the elements of one top-level list: the fields in `e` that lie below
    /// `list` are taken element by element. 0 for an empty list, NULL for a null list or when
    /// any element's value is NULL.
    Sum {
        /// Name of the list field.
        list: String,
        /// What is summed.
        each: Box<Expr>,
    },
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `and`
    And,
    /// `or`
    Or,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// An exact number.
    Number {
        /// The digits without the point.
        unscaled: i128,
        /// Digits after the point.
        scale: u8,
    },
    /// `'text'`
    Text(String),
}
