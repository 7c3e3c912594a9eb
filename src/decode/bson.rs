//! BSON, walked as bytes: no document type, no recursion, every length held against its bounds.
//!
//! Owns BSON's element types. Does not own what a value means to a contract (`columns`).

use super::columns::{Context, FieldColumn};
use super::compile::PathTree;
use super::direct::{Expected, Place, Unusual};
use super::key::{Key, Met};
use super::piece::Piece;
use super::value::{Malformed, Members, Slot, Text, Type, Value};
use super::walk::Walk;
use super::word::{HIGH, is_ascii_without_nul, zero_bytes};

const STRING: u8 = 0x02;

/// Tags of the types that have elements.
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;

/// Tags of types of fixed size.
const BOOLEAN: u8 = 0x08;
const DATE: u8 = 0x09;
const NULL: u8 = 0x0a;
const INT: u8 = 0x10;
const LONG: u8 = 0x12;
const DECIMAL: u8 = 0x13;

/// The subtype that repeats its size before the data.
const OLD_GENERIC: u8 = 2;

/// Bytes that tell a size.
const SIZE_BYTES: usize = 4;

/// Bytes of the smallest document: its size and the closing NUL.
const MIN_DOCUMENT_BYTES: usize = 5;

/// Size of the document that `bytes` begin with, if it lies within them.
pub(super) fn document_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    (MIN_DOCUMENT_BYTES..=bytes.len()).contains(&len).then_some(len)
}

/// Finds the contract's fields in a row and checks all of it.
pub(super) fn locate<'a>(
    row: &'a [u8],
    tree: &mut PathTree,
    slots: &mut [Slot<'a>],
    walk: &mut Walk,
) -> Result<(), Malformed> {
    let row = Cursor { rest: elements_of(row)?, is_row: true };
    tree.place(&mut Members::Bson(row), slots, walk)
}

/// Reads an ordinary row into the columns.
pub(super) fn read(
    row: &[u8],
    tree: &mut PathTree,
    columns: &mut [FieldColumn],
    cx: &mut Context,
) -> Result<(), Unusual> {
    tree.read(&mut Unread::inside(elements_of(row)?, &[]), columns, 1, cx)
}

/// Checks the elements of a value to the last byte, however deep, and counts what limits speak
/// of. The elements of a row are at level 1 and those of the value at level 2.
fn check(value: Value<'_>, walk: &mut Walk) -> Result<(), Malformed> {
    let mut rest = value.bytes;
    // Bytes that follow the elements of the innermost document.
    let mut behind = 0;
    walk.begin();
    walk.enter(value.ty == Type::Array, behind);
    loop {
        let within = rest.len() - behind;
        if within == 0 {
            walk.leave();
            let Some(frame) = walk.top() else { return Ok(()) };
            behind = frame.end;
            // The closing NUL was checked when the document was entered.
            rest = rest.get(1..).ok_or(Malformed)?;
            continue;
        }
        let mut cursor = Cursor { rest: rest.get(..within).ok_or(Malformed)?, is_row: false };
        let Some((_, inner)) = cursor.next_element(walk)? else { return Err(Malformed) };
        walk.count();
        let taken = if inner.is_document() {
            // The document is the last thing in its element.
            behind += cursor.rest.len() + 1;
            walk.enter(inner.ty == Type::Array, behind);
            rest.len() - behind - inner.bytes.len()
        } else {
            note(inner, walk);
            within - cursor.rest.len()
        };
        rest = rest.get(taken..).ok_or(Malformed)?;
    }
}

/// Checks a value that is seen for the first time, and counts what limits speak of.
#[inline]
fn look_through(value: Value<'_>, walk: &mut Walk) -> Result<(), Malformed> {
    if value.is_document() {
        return check(value, walk);
    }
    note(value, walk);
    Ok(())
}

/// Takes note of a value in which there are no others.
#[inline]
fn note(value: Value<'_>, walk: &mut Walk) {
    match value.ty {
        Type::String => walk.note_text(Text { bytes: value.bytes, escaped: false }, false),
        Type::BinData => walk.note_binary(subtype_and_data(value.bytes).1.len()),
        _ => {}
    }
}

/// The elements of a document, without its size and closing NUL, which are checked.
fn elements_of(document: &[u8]) -> Result<&[u8], Malformed> {
    if document_len(document) != Some(document.len()) {
        return Err(Malformed);
    }
    match document {
        [_, _, _, _, elements @ .., 0] => Ok(elements),
        _ => Err(Malformed),
    }
}

/// The parts of binary data that was taken.
#[inline]
pub(super) fn subtype_and_data(binary: &[u8]) -> (u8, &[u8]) {
    match binary {
        [OLD_GENERIC, _, _, _, _, data @ ..] => (OLD_GENERIC, data),
        [subtype, data @ ..] => (*subtype, data),
        [] => (0, &[]),
    }
}

/// A place among the elements of a document or array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    /// Elements that are left.
    rest: &'a [u8],
    /// Whether they are those of a row, which are looked at for the first time.
    is_row: bool,
}

impl<'a> Cursor<'a> {
    /// Before the first element of a document or array that was checked before.
    #[inline]
    pub fn inside(value: Value<'a>) -> Self {
        Self { rest: value.bytes, is_row: false }
    }

    /// The next element: its name and value.
    pub fn next_element(
        &mut self,
        walk: &mut Walk,
    ) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let name = self.cstring()?;
        Ok(Some((name, self.checked_value(*tag, walk)?)))
    }

    /// The value of the next element if its name and NUL are `key`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a value that is returned in memory costs more")]
    pub fn next_element_if(
        &mut self,
        key: &Key,
        walk: &mut Walk,
    ) -> Result<Option<Value<'a>>, Malformed> {
        match self.take_key(key) {
            Some(tag) => self.checked_value(tag, walk).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the name of the next element if it and its NUL are `key`, and gives the type.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    fn take_key(&mut self, key: &Key) -> Option<u8> {
        let (tag, rest) = self.rest.split_first()?;
        self.rest = key.strip(rest)?.1;
        Some(*tag)
    }

    /// The value of the next element of an array, whose names say nothing.
    pub fn next_item(&mut self, walk: &mut Walk) -> Result<Option<Value<'a>>, Malformed> {
        Ok(self.next_element(walk)?.map(|(_, value)| value))
    }

    /// A value, and if it is of a row, checked to its last byte.
    #[inline]
    fn checked_value(&mut self, tag: u8, walk: &mut Walk) -> Result<Value<'a>, Malformed> {
        let value = self.value(tag)?;
        if self.is_row {
            walk.facts.fields = walk.facts.fields.saturating_add(1);
            look_through(value, walk)?;
        }
        Ok(value)
    }

    #[inline]
    fn value(&mut self, tag: u8) -> Result<Value<'a>, Malformed> {
        let (ty, bytes) = match tag {
            0x01 => (Type::Double, self.take(8)?),
            STRING => (Type::String, self.string()?),
            DOCUMENT => (Type::Object, self.document()?),
            ARRAY => (Type::Array, self.document()?),
            BOOLEAN => match self.take(1)? {
                boolean @ [0 | 1] => (Type::BsonBool, boolean),
                _ => return Err(Malformed),
            },
            DATE => (Type::Date, self.take(8)?),
            NULL => (Type::BsonNull, self.take(0)?),
            INT => (Type::Int, self.take(4)?),
            LONG => (Type::Long, self.take(8)?),
            DECIMAL => (Type::Decimal, self.take(16)?),
            _ => return self.rare_value(tag),
        };
        Ok(Value::new(ty, bytes))
    }

    #[inline(never)]
    fn rare_value(&mut self, tag: u8) -> Result<Value<'a>, Malformed> {
        let (ty, bytes) = match tag {
            0x05 => (Type::BinData, self.binary()?),
            0x06 => (Type::Undefined, self.take(0)?),
            0x07 => (Type::ObjectId, self.take(12)?),
            0x0b => {
                self.cstring()?;
                self.cstring()?;
                (Type::Regex, self.take(0)?)
            }
            0x0c => {
                self.text()?;
                (Type::DbPointer, self.take(12)?)
            }
            0x0d => (Type::Javascript, self.text()?),
            0x0e => (Type::Symbol, self.text()?),
            0x0f => (Type::JavascriptWithScope, self.code_with_scope()?),
            0x11 => (Type::Timestamp, self.take(8)?),
            0xff => (Type::MinKey, self.take(0)?),
            0x7f => (Type::MaxKey, self.take(0)?),
            _ => return Err(Malformed),
        };
        Ok(Value::new(ty, bytes))
    }

    /// The elements of a document or array; its bounds and closing NUL are checked, they are not.
    fn document(&mut self) -> Result<&'a [u8], Malformed> {
        let len = document_len(self.rest).ok_or(Malformed)?;
        elements_of(self.take(len)?)
    }

    /// The elements of the scope of code: code and scope fill the size before them exactly.
    fn code_with_scope(&mut self) -> Result<&'a [u8], Malformed> {
        let before = self.rest.len();
        let len = self.size()?;
        self.text()?;
        let scope = self.document()?;
        if before - self.rest.len() == len { Ok(scope) } else { Err(Malformed) }
    }

    #[inline]
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.size()?;
        match self.take(len)? {
            [text @ .., 0] => Ok(text),
            _ => Err(Malformed),
        }
    }

    /// A string of a type that no contract can ask for: it must be UTF-8.
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.string()?;
        if std::str::from_utf8(bytes).is_ok() { Ok(bytes) } else { Err(Malformed) }
    }

    #[inline]
    fn cstring(&mut self) -> Result<Text<'a>, Malformed> {
        let (len, ascii) = cstring_len(self.rest).ok_or(Malformed)?;
        let text = Text { bytes: self.take(len)?, escaped: false };
        self.take(1)?;
        if ascii || text.is_utf8() { Ok(text) } else { Err(Malformed) }
    }

    /// The subtype of binary data and what stands behind it.
    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.size()?;
        let binary = self.take(len.checked_add(1).ok_or(Malformed)?)?;
        let [OLD_GENERIC, inner @ ..] = binary else { return Ok(binary) };
        let (size, data) = inner.split_first_chunk::<4>().ok_or(Malformed)?;
        if usize::try_from(i32::from_le_bytes(*size)) == Ok(data.len()) {
            Ok(binary)
        } else {
            Err(Malformed)
        }
    }

    #[inline]
    fn size(&mut self) -> Result<usize, Malformed> {
        let (size, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        usize::try_from(i32::from_le_bytes(*size)).map_err(|_| Malformed)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// A place among elements that are read for the first time, before the value of the one whose name
/// was taken.
struct Unread<'a> {
    cursor: Cursor<'a>,
    /// Type of that value.
    tag: u8,
    /// What follows the document that the elements are of.
    behind: &'a [u8],
}

impl<'a> Unread<'a> {
    fn inside(elements: &'a [u8], behind: &'a [u8]) -> Self {
        Self { cursor: Cursor { rest: elements, is_row: false }, tag: 0, behind }
    }

    #[inline]
    fn take_chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.cursor.rest.split_first_chunk()?;
        self.cursor.rest = rest;
        Some(*chunk)
    }
}

impl<'a> Place<'a> for Unread<'a> {
    const LIST: Type = Type::Array;
    const HAS_SCALARS: bool = true;

    #[inline]
    fn take_member(&mut self) -> Result<bool, Unusual> {
        Ok(!self.cursor.rest.is_empty())
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    fn take_key(&mut self, key: &Key) -> Option<Met> {
        self.tag = self.cursor.take_key(key)?;
        Some(Met::Name)
    }

    fn take_name(&mut self) -> Result<Text<'a>, Unusual> {
        let (tag, rest) = self.cursor.rest.split_first().ok_or(Unusual)?;
        (self.tag, self.cursor.rest) = (*tag, rest);
        Ok(self.cursor.cstring()?)
    }

    #[inline]
    fn take_element(&mut self) -> Result<bool, Unusual> {
        // The names of the first ten elements.
        if let [tag, b'0'..=b'9', 0, rest @ ..] = self.cursor.rest {
            (self.tag, self.cursor.rest) = (*tag, rest);
            return Ok(true);
        }
        if self.cursor.rest.is_empty() {
            return Ok(false);
        }
        self.take_name().map(|_| true)
    }

    /// Nothing: the type stands before the name.
    fn take_opening(&mut self, _: Expected) -> Met {
        Met::Name
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every text of every row comes here")]
    fn take_piece(&mut self, _: Met, expected: Expected) -> Option<Piece<'a>> {
        if expected != Expected::Text || self.tag != STRING {
            return None;
        }
        let mut behind = self.cursor;
        let text = behind.string().ok().filter(|text| is_ascii_without_nul(text))?;
        let piece = Piece::new(self.cursor.rest.get(SIZE_BYTES..)?, text.len())?;
        self.cursor = behind;
        Some(piece)
    }

    #[inline]
    fn take_null(&mut self) -> bool {
        self.tag == NULL
    }

    #[inline]
    fn take_boolean(&mut self) -> Option<bool> {
        let (boolean, rest) = match self.cursor.rest {
            [boolean @ (0 | 1), rest @ ..] if self.tag == BOOLEAN => (*boolean == 1, rest),
            _ => return None,
        };
        self.cursor.rest = rest;
        Some(boolean)
    }

    #[inline]
    fn take_integer(&mut self) -> Option<i64> {
        match self.tag {
            INT => Some(i32::from_le_bytes(self.take_chunk()?).into()),
            LONG => Some(i64::from_le_bytes(self.take_chunk()?)),
            _ => None,
        }
    }

    #[inline]
    fn take_decimal128(&mut self) -> Option<u128> {
        if self.tag == DECIMAL { self.take_chunk().map(u128::from_le_bytes) } else { None }
    }

    #[inline]
    fn take_millis(&mut self) -> Option<i64> {
        if self.tag == DATE { self.take_chunk().map(i64::from_le_bytes) } else { None }
    }

    fn take_value(&mut self, _: Met, _: Expected, walk: &mut Walk) -> Result<Value<'a>, Unusual> {
        let value = self.cursor.value(self.tag)?;
        look_through(value, walk)?;
        Ok(value)
    }

    #[inline]
    fn open(&mut self, _: Met, expected: Expected) -> Result<Option<Self>, Unusual> {
        let tag = if expected == Expected::List { ARRAY } else { DOCUMENT };
        if self.tag != tag {
            return Ok(None);
        }
        let elements = self.cursor.document()?;
        Ok(Some(Self::inside(elements, self.cursor.rest)))
    }

    #[inline]
    fn close(&mut self, inside: Self) -> Result<(), Unusual> {
        self.cursor.rest = inside.behind;
        Ok(())
    }
}

/// Bytes before the first NUL, eight at a time, and whether they are ASCII.
#[inline]
fn cstring_len(bytes: &[u8]) -> Option<(usize, bool)> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let (mut at, mut high) = (0, 0);
    for chunk in chunks {
        let x = u64::from_le_bytes(*chunk);
        let nuls = zero_bytes(x);
        if nuls != 0 {
            // What stands before the first NUL.
            let before = (nuls & nuls.wrapping_neg()) - 1;
            high |= x & before;
            return Some((at + (nuls.trailing_zeros() / 8) as usize, high & HIGH == 0));
        }
        high |= x;
        at += 8;
    }
    let len = rest.iter().position(|byte| *byte == 0)?;
    let ascii = high & HIGH == 0 && rest.get(..len).is_some_and(<[u8]>::is_ascii);
    Some((at + len, ascii))
}
