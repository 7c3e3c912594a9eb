//! The fast road for an ordinary row: read once, each value straight into its column.
//!
//! Anything out of the ordinary ends it: damage, a field that stands twice, a value that does not
//! fit, a limit that is passed. Then the columns are taken back to where the row began, and the
//! row is decoded by the road that tells every reason. Does not own what fits a column
//! (`columns`), nor where fields lie (`compile`).

use super::key::Key;
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

/// A place before a value, or within an object or list, of one of the formats.
pub(super) trait Place<'a>: Sized {
    /// Type of a list.
    const LIST: Type;

    /// Takes the end of the object if it is seen at a glance. Otherwise takes nothing.
    fn take_end(&mut self) -> bool;

    /// Takes the name of the next member if it is spelled `key`. Otherwise takes nothing.
    fn take_key(&mut self, key: &Key) -> bool;

    /// Takes the name of the next member; none at the end of the object.
    fn take_name(&mut self) -> Result<Option<Text<'a>>, Unusual>;

    /// Goes before the next element; false at the end of the list.
    fn take_element(&mut self) -> Result<bool, Unusual>;

    /// Takes the text it stands before, if that is UTF-8 and has neither escapes nor NUL. Otherwise
    /// takes nothing.
    fn take_text(&mut self) -> Option<&'a [u8]>;

    /// Takes the number it stands before, if the format spells numbers. Otherwise takes nothing.
    fn take_number(&mut self) -> Option<&'a [u8]>;

    /// Takes the boolean it stands before, if the format spells booleans. Otherwise takes nothing.
    fn take_boolean(&mut self) -> Option<bool>;

    /// Takes the value it stands before, checked to its last byte.
    fn take_value(&mut self, walk: &mut Walk) -> Result<Value<'a>, Unusual>;

    /// The inside of the object it stands before; none when it is something else.
    fn open_object(&mut self) -> Result<Option<Self>, Unusual>;

    /// The inside of the list it stands before; none when it is something else.
    fn open_list(&mut self) -> Result<Option<Self>, Unusual>;

    /// Goes behind the object or list whose inside was read to its end.
    fn close(&mut self, inside: Self) -> Result<(), Unusual>;
}
