//! The fast road through a line or an item: each value straight into its column.
//!
//! Does not own what is out of the ordinary: there it ends, or hands over to the parent for a value.

use super::json::Scanner;
use super::{Cursor, attribute};
use crate::decode::columns::{Context, FieldColumn};
use crate::decode::compile::PathTree;
use crate::decode::direct::{Expected, Place, Unusual};
use crate::decode::key::{Key, Met};
use crate::decode::piece::Piece;
use crate::decode::value::{Text, Type, Value};
use crate::decode::walk::Walk;

/// Reads an ordinary line, `{"Item":{…}}`, into the columns.
pub(in crate::decode) fn read_line(
    row: &[u8],
    tree: &mut PathTree,
    columns: &mut [FieldColumn],
    cx: &mut Context,
) -> Result<(), Unusual> {
    let mut behind = read(row, b"{\"Item\":{", tree, columns, cx)?;
    behind.expect(b'}')?;
    Ok(behind.expect_end()?)
}

/// Reads an ordinary item of a reply, `{…}`, into the columns.
pub(in crate::decode) fn read_item(
    row: &[u8],
    tree: &mut PathTree,
    columns: &mut [FieldColumn],
    cx: &mut Context,
) -> Result<(), Unusual> {
    Ok(read(row, b"{", tree, columns, cx)?.expect_end()?)
}

/// Reads the item behind `opening` and gives the place behind it.
fn read<'a>(
    row: &'a [u8],
    opening: &[u8],
    tree: &mut PathTree,
    columns: &mut [FieldColumn],
    cx: &mut Context,
) -> Result<Scanner<'a>, Unusual> {
    let mut scanner = Scanner::new(row);
    if !scanner.is_utf8() || !scanner.take_exactly(opening) {
        return Err(Unusual);
    }
    let mut item = Cursor::new(scanner, Type::M);
    tree.read(&mut item, columns, 1, cx)?;
    Ok(item.scanner)
}

impl<'a> Place<'a> for Cursor<'a> {
    const LIST: Type = Type::L;
    const HAS_SCALARS: bool = false;

    #[inline]
    fn take_member(&mut self) -> Result<bool, Unusual> {
        if !self.first {
            if self.scanner.take_exactly(b",") {
                return Ok(true);
            }
            if self.scanner.take_exactly(b"}") {
                return Ok(false);
            }
        }
        Ok(!self.at_end(b'}')?)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    fn take_key(&mut self, key: &Key) -> Option<Met> {
        self.scanner.take_key(key)
    }

    fn take_name(&mut self) -> Result<Text<'a>, Unusual> {
        Ok(self.scanner.name()?)
    }

    #[inline]
    fn take_element(&mut self) -> Result<bool, Unusual> {
        Ok(!self.at_end(b']')?)
    }

    #[inline]
    fn take_opening(&mut self, expected: Expected) -> Met {
        let opening = opening(expected);
        let met = !opening.is_empty() && self.scanner.take_exactly(opening);
        if met { Met::NameAndOpening } else { Met::Name }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every text of every row comes here")]
    fn take_piece(&mut self, met: Met, _: Expected) -> Option<Piece<'a>> {
        if met == Met::NameAndOpening { self.scanner.take_rest_of_text() } else { None }
    }

    fn take_boolean(&mut self) -> Option<bool> {
        let spelled = [(true, &b"{\"BOOL\":true}"[..]), (false, b"{\"BOOL\":false}")];
        let mut found = spelled.into_iter().filter(|(_, bytes)| self.scanner.take_exactly(bytes));
        found.next().map(|(boolean, _)| boolean)
    }

    #[inline]
    fn take_null(&mut self) -> bool {
        self.scanner.take_exactly(b"{\"NULL\":true}")
    }

    fn take_value(
        &mut self,
        met: Met,
        expected: Expected,
        walk: &mut Walk,
    ) -> Result<Value<'a>, Unusual> {
        if met == Met::Name {
            return Ok(attribute(&mut self.scanner, walk)?);
        }
        let text = self.scanner.rest_of_string()?;
        walk.note_text(text, self.scanner.has_utf8(text));
        self.scanner.expect(b'}')?;
        let ty = if expected == Expected::Number { Type::N } else { Type::S };
        Ok(Value { ty, escaped: text.escaped, bytes: text.bytes })
    }

    #[inline]
    fn open(&mut self, met: Met, _: Expected) -> Result<Option<Self>, Unusual> {
        Ok((met == Met::NameAndOpening).then(|| Self::new(self.scanner, Type::M)))
    }

    #[inline]
    fn close(&mut self, inside: Self) -> Result<(), Unusual> {
        self.scanner.go_to(inside.scanner);
        Ok(self.scanner.expect(b'}')?)
    }
}

/// What opens a value, up to the first byte that is not the same for all; nothing where it is not
/// one and the same.
pub(in crate::decode) fn opening(expected: Expected) -> &'static [u8] {
    match expected {
        Expected::Text => b"{\"S\":\"",
        Expected::Number => b"{\"N\":\"",
        Expected::Object => b"{\"M\":{",
        Expected::List => b"{\"L\":[",
        Expected::Other => b"",
    }
}
