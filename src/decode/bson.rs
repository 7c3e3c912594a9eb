//! BSON, walked as bytes: no document type, no recursion, every length held against its bounds.
//!
//! Owns BSON's element types. Does not own what a value means to a contract (`columns`).

use super::compile::PathTree;
use super::value::{Items, Kind, Malformed, Members, Slot, Text, Value};
use super::walk::Walk;

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
    check(row, walk)?;
    tree.place(&mut Members::Bson(Cursor::of_document(row)?), slots, walk)
}

/// Checks a document to its last byte, however deep, and counts what limits speak of.
fn check(row: &[u8], walk: &mut Walk) -> Result<(), Malformed> {
    let mut bounds = body(row)?;
    let mut pos = bounds.start;
    // The row itself is the frame below all others; it is level 1 and not on the stack.
    walk.begin();
    loop {
        if pos == bounds.end {
            // The closing NUL was checked when the document was entered.
            pos += 1;
            walk.leave();
            match walk.top() {
                Some(frame) => bounds.end = frame.end,
                None if pos == row.len() => return Ok(()),
                None => bounds.end = row.len() - 1,
            }
            continue;
        }
        let mut cursor = Cursor { bytes: row.get(..bounds.end).ok_or(Malformed)?, pos };
        let Some((_, value)) = cursor.next_element()? else { return Err(Malformed) };
        if walk.top().is_none() {
            walk.facts.fields = walk.facts.fields.saturating_add(1);
        }
        walk.count();
        pos = cursor.pos;
        match value.kind {
            Kind::Text(text) => walk.note_text(text),
            Kind::Binary { bytes, .. } => walk.note_binary(bytes.len()),
            Kind::List(Items::Bson(inner))
            | Kind::Object(Members::Bson(inner))
            | Kind::CodeWithScope(inner) => {
                bounds.end = inner.bytes.len();
                pos = inner.pos;
                walk.enter(matches!(value.kind, Kind::List(_)), bounds.end);
            }
            _ => {}
        }
    }
}

/// Where the elements of a document lie within its bytes.
fn body(document: &[u8]) -> Result<std::ops::Range<usize>, Malformed> {
    if document_len(document) != Some(document.len()) || document.last() != Some(&0) {
        return Err(Malformed);
    }
    Ok(4..document.len() - 1)
}

/// A place among the elements of a document or array. `bytes` begin where the row begins and
/// end where the elements end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Cursor<'a> {
    /// Before the first element of `document`, its size and closing NUL included.
    fn of_document(document: &'a [u8]) -> Result<Self, Malformed> {
        let body = body(document)?;
        Ok(Self { bytes: document.get(..body.end).ok_or(Malformed)?, pos: body.start })
    }

    /// The next element: its name and value, nested documents unread.
    pub fn next_element(&mut self) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        if self.pos == self.bytes.len() {
            return Ok(None);
        }
        let [tag] = *self.array::<1>()?;
        let name = self.cstring()?;
        Ok(Some((name, self.value(tag)?)))
    }

    /// The value of the next element if its name and NUL are `key`.
    #[inline]
    pub fn next_element_if(&mut self, key: &[u8]) -> Result<Option<Value<'a>>, Malformed> {
        let Some([tag, rest @ ..]) = self.bytes.get(self.pos..) else { return Ok(None) };
        if !rest.starts_with(key) {
            return Ok(None);
        }
        self.pos += 1 + key.len();
        self.value(*tag).map(Some)
    }

    fn value(&mut self, tag: u8) -> Result<Value<'a>, Malformed> {
        let (found, kind) = match tag {
            0x01 => ("double", Kind::Double(u64::from_le_bytes(*self.array()?))),
            0x02 => ("string", Kind::Text(self.string()?)),
            0x03 => ("object", Kind::Object(Members::Bson(self.document()?))),
            0x04 => ("array", Kind::List(Items::Bson(self.document()?))),
            0x05 => ("binData", self.binary()?),
            0x06 => ("undefined", Kind::Other),
            0x07 => ("objectId", Kind::ObjectId(self.array::<12>()?)),
            0x08 => ("bool", Kind::Boolean(self.boolean()?)),
            0x09 => ("date", Kind::Millis(i64::from_le_bytes(*self.array()?))),
            0x0a => ("null", Kind::Null),
            0x0b => {
                self.cstring()?;
                self.cstring()?;
                ("regex", Kind::Other)
            }
            0x0c => {
                self.text()?;
                self.array::<12>()?;
                ("dbPointer", Kind::Other)
            }
            0x0d => {
                self.text()?;
                ("javascript", Kind::Other)
            }
            0x0e => {
                self.text()?;
                ("symbol", Kind::Other)
            }
            0x0f => ("javascriptWithScope", Kind::CodeWithScope(self.code_with_scope()?)),
            0x10 => ("int", Kind::Integer(i32::from_le_bytes(*self.array()?).into())),
            0x11 => {
                self.array::<8>()?;
                ("timestamp", Kind::Other)
            }
            0x12 => ("long", Kind::Integer(i64::from_le_bytes(*self.array()?))),
            0x13 => ("decimal", Kind::Decimal128(u128::from_le_bytes(*self.array()?))),
            0xff => ("minKey", Kind::Other),
            0x7f => ("maxKey", Kind::Other),
            _ => return Err(Malformed),
        };
        Ok(Value { found, kind })
    }

    /// A document or array, its bounds and closing NUL checked, its elements not.
    fn document(&mut self) -> Result<Self, Malformed> {
        let start = self.pos;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let document = self.take(document_len(rest).ok_or(Malformed)?)?;
        let body = body(document)?;
        Ok(Self {
            bytes: self.bytes.get(..start + body.end).ok_or(Malformed)?,
            pos: start + body.start,
        })
    }

    /// Code and the document of its scope, which fill the size before them exactly.
    fn code_with_scope(&mut self) -> Result<Self, Malformed> {
        let start = self.pos;
        let len = self.size()?;
        self.text()?;
        let scope = self.document()?;
        if self.pos - start == len { Ok(scope) } else { Err(Malformed) }
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let len = self.size()?;
        let (last, bytes) = self.take(len)?.split_last().ok_or(Malformed)?;
        if *last != 0 {
            return Err(Malformed);
        }
        Ok(Text { bytes, escaped: false, utf8: false })
    }

    /// A string of a type that no contract can ask for: it must be UTF-8.
    fn text(&mut self) -> Result<(), Malformed> {
        if self.string()?.is_utf8() { Ok(()) } else { Err(Malformed) }
    }

    fn cstring(&mut self) -> Result<Text<'a>, Malformed> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let len = rest.iter().position(|b| *b == 0).ok_or(Malformed)?;
        let bytes = self.take(len)?;
        self.pos += 1;
        let text = Text { bytes, escaped: false, utf8: bytes.is_ascii() };
        if text.is_utf8() { Ok(text) } else { Err(Malformed) }
    }

    fn binary(&mut self) -> Result<Kind<'a>, Malformed> {
        let len = self.size()?;
        let [subtype] = *self.array::<1>()?;
        let mut bytes = self.take(len)?;
        if subtype == 2 {
            // The old generic subtype repeats the size inside.
            let (inner, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
            if usize::try_from(i32::from_le_bytes(*inner)) != Ok(rest.len()) {
                return Err(Malformed);
            }
            bytes = rest;
        }
        Ok(Kind::Binary { subtype, bytes })
    }

    fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn size(&mut self) -> Result<usize, Malformed> {
        usize::try_from(i32::from_le_bytes(*self.array()?)).map_err(|_| Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        self.take(N)?.first_chunk().ok_or(Malformed)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let end = self.pos.checked_add(len).ok_or(Malformed)?;
        let taken = self.bytes.get(self.pos..end).ok_or(Malformed)?;
        self.pos = end;
        Ok(taken)
    }
}
