//! The fast road for an ordinary row: read once, each value straight into its column.
//!
//! Anything out of the ordinary ends it: damage, a field that stands twice, a value that does not
//! fit, a limit that is passed. Then the columns are taken back to where the row began, and the
//! row is decoded by the road that tells every reason. Does not own what fits a column
//! (`columns`), nor where fields lie (`compile`).

use crate::catalog::FieldType;

use super::key::{Key, Met};
use super::piece::Piece;
use super::value::{Malformed, Text, Type, Value};
use super::walk::Walk;

/// The row is not ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusual;

impl From<Malformed> for Unusual {
    fn from(Malformed: Malformed) -> Self {
        Self
    }
}

/// What a value is expected to be by the column it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Text,
    Number,
    Object,
    List,
    Other,
}

impl Expected {
    /// What values of the type mostly are.
    pub fn of(data_type: &FieldType) -> Self {
        match data_type {
            FieldType::Text | FieldType::Timestamp(_) | FieldType::Date => Self::Text,
            FieldType::Integer | FieldType::Decimal { .. } => Self::Number,
            FieldType::Struct(_) => Self::Object,
            FieldType::List { .. } => Self::List,
            FieldType::Boolean | FieldType::Binary => Self::Other,
        }
    }
}

/// A place before a value, or within an object or list, of one of the formats.
pub(super) trait Place<'a>: Sized {
    /// Type of a list.
    const LIST: Type;

    /// Whether values other than booleans may be of fixed size, so that these are tried early.
    const HAS_SCALARS: bool;

    /// Goes before the name of the next member; false at the end of the object.
    fn take_member(&mut self) -> Result<bool, Unusual>;

    /// Takes what stands here of `key`. Otherwise takes nothing.
    fn take_key(&mut self, key: &Key) -> Option<Met>;

    /// Takes the name of the member it stands before.
    fn take_name(&mut self) -> Result<Text<'a>, Unusual>;

    /// Goes before the next element; false at the end of the list.
    fn take_element(&mut self) -> Result<bool, Unusual>;

    /// Takes what opens a value that is `expected`, when it stands here and the format has openings.
    fn take_opening(&mut self, expected: Expected) -> Met;

    /// Takes the text or number of which so much was `met`, if it is spelled in UTF-8 and has neither
    /// escapes nor NUL. Otherwise takes nothing.
    fn take_piece(&mut self, met: Met, expected: Expected) -> Option<Piece<'a>>;

    /// Takes the boolean it stands before. Otherwise takes nothing.
    fn take_boolean(&mut self) -> Option<bool>;

    /// Takes the integer of fixed size it stands before. Otherwise takes nothing.
    fn take_integer(&mut self) -> Option<i64> {
        None
    }

    /// Takes the bits of the decimal128 it stands before, BID encoded. Otherwise takes nothing.
    fn take_decimal128(&mut self) -> Option<u128> {
        None
    }

    /// Takes the milliseconds since 1970 UTC it stands before. Otherwise takes nothing.
    fn take_millis(&mut self) -> Option<i64> {
        None
    }

    /// Takes the null it stands before if it is seen at a glance. Otherwise takes nothing.
    fn take_null(&mut self) -> bool;

    /// Takes the value of which so much was `met`, checked to its last byte.
    fn take_value(
        &mut self,
        met: Met,
        expected: Expected,
        walk: &mut Walk,
    ) -> Result<Value<'a>, Unusual>;

    /// The inside of the object or list that is `expected`; none when it is something else.
    fn open(&mut self, met: Met, expected: Expected) -> Result<Option<Self>, Unusual>;

    /// Goes behind the object or list whose inside was read to its end.
    fn close(&mut self, inside: Self) -> Result<(), Unusual>;
}
