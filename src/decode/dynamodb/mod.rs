//! DynamoDB JSON: items whose values carry their type, `{"N":"1"}`, as lines of an export and as
//! replies of the service hold them.
//!
//! Owns the ten attribute types and how they nest. Does not own JSON itself (`json`) nor what a
//! value means to a contract (`columns`). Nothing here recurses.

pub(in crate::decode) mod json;
mod ordinary;
mod outline;
mod reply;

use super::compile::PathTree;
use super::key::Key;
use super::number::Exact;
use super::value::{Kind, Malformed, Members, Slot, Text, Type, Value};
use super::walk::Walk;
use json::Scanner;

pub(super) use ordinary::{opening, read_item, read_line};
pub use reply::{
    BadReply, DynamodbReply, dynamodb_item_reply, dynamodb_reply, verified_dynamodb_reply,
};

/// Finds the contract's fields in a line, `{"Item":{…}}`, and checks all of it.
pub(super) fn locate_line<'a>(
    row: &'a [u8],
    tree: &mut PathTree,
    slots: &mut [Slot<'a>],
    walk: &mut Walk,
) -> Result<(), Malformed> {
    let mut scanner = Scanner::new(row);
    scanner.expect(b'{')?;
    if !scanner.name()?.is(b"Item") {
        return Err(Malformed);
    }
    let mut scanner = locate(scanner, tree, slots, walk)?;
    scanner.expect(b'}')?;
    scanner.expect_end()
}

/// Finds the contract's fields in an item of a reply, `{…}`, and checks all of it.
pub(super) fn locate_item<'a>(
    row: &'a [u8],
    tree: &mut PathTree,
    slots: &mut [Slot<'a>],
    walk: &mut Walk,
) -> Result<(), Malformed> {
    locate(Scanner::new(row), tree, slots, walk)?.expect_end()
}

/// What a line of an incremental export tells of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// When it was written, µs since 1970.
    pub written_at: i64,
    /// Whether the item is no more: only its keys were found.
    pub is_deletion: bool,
}

/// Finds the contract's fields in a change, `{"Metadata":{…},"Keys":{…},"NewImage":{…}}`: in the
/// new image, or in the keys when there is none. Other members must be JSON and are passed over.
pub(super) fn locate_change<'a>(
    row: &'a [u8],
    tree: &mut PathTree,
    slots: &mut [Slot<'a>],
    walk: &mut Walk,
) -> Result<Change, Malformed> {
    let mut scanner = Scanner::new(row);
    scanner.expect(b'{')?;
    let mut line = Cursor::new(scanner, Type::M);
    let (mut written_at, mut keys, mut is_deletion) = (None, None, true);
    while !line.at_end(b'}')? {
        let name = line.scanner.name()?;
        if name.is(b"NewImage") {
            if !is_deletion {
                return Err(Malformed);
            }
            is_deletion = false;
            line.scanner = locate(line.scanner, tree, slots, walk)?;
            continue;
        }
        // Limits speak of the row, not of what stands beside it.
        let (value, facts) = (line.scanner, walk.facts);
        line.scanner.skip_value(walk)?;
        let twice = if name.is(b"Metadata") {
            written_at.replace(write_time(value, walk)?).is_some()
        } else {
            name.is(b"Keys") && keys.replace(value).is_some()
        };
        walk.facts = facts;
        if twice {
            return Err(Malformed);
        }
    }
    line.scanner.expect_end()?;
    if is_deletion {
        locate(keys.ok_or(Malformed)?, tree, slots, walk)?;
    }
    Ok(Change { written_at: written_at.ok_or(Malformed)?, is_deletion })
}

/// The instant in the metadata of a change, `{"WriteTimestampMicros":{"N":"1"}}`.
fn write_time(mut scanner: Scanner<'_>, walk: &mut Walk) -> Result<i64, Malformed> {
    scanner.expect(b'{')?;
    let mut metadata = Cursor::new(scanner, Type::M);
    let mut found = None;
    while let Some((name, value)) = metadata.next_member(walk)? {
        if name.is(b"WriteTimestampMicros") {
            let Kind::Number(text) = value.kind() else { return Err(Malformed) };
            let number = Exact::parse(text.decode(&mut Vec::new())).ok_or(Malformed)?;
            let micros = number.to_integer().map_err(|_| Malformed)?;
            if found.replace(micros).is_some() {
                return Err(Malformed);
            }
        }
    }
    found.ok_or(Malformed)
}

/// Takes an item and gives the place behind it.
fn locate<'a>(
    mut scanner: Scanner<'a>,
    tree: &mut PathTree,
    slots: &mut [Slot<'a>],
    walk: &mut Walk,
) -> Result<Scanner<'a>, Malformed> {
    scanner.expect(b'{')?;
    let mut members = Members::Dynamodb(Cursor::new(scanner, Type::M));
    tree.place(&mut members, slots, walk)?;
    match members {
        Members::Dynamodb(Cursor { scanner, .. }) => Ok(scanner),
        Members::Bson(_) => Err(Malformed),
    }
}

/// The type that a descriptor names.
fn type_of(descriptor: Text<'_>) -> Option<Type> {
    let mut scratch = Vec::new();
    Some(match descriptor.decode(&mut scratch) {
        b"S" => Type::S,
        b"N" => Type::N,
        b"B" => Type::B,
        b"BOOL" => Type::Bool,
        b"NULL" => Type::Null,
        b"M" => Type::M,
        b"L" => Type::L,
        b"SS" => Type::Ss,
        b"NS" => Type::Ns,
        b"BS" => Type::Bs,
        _ => return None,
    })
}

/// Type of the elements of a set.
fn element_of(set: Type) -> Option<Type> {
    match set {
        Type::Ss => Some(Type::S),
        Type::Ns => Some(Type::N),
        Type::Bs => Some(Type::B),
        _ => None,
    }
}

/// A place among the members of an `Item` or `M`, or the elements of an `L` or a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    scanner: Scanner<'a>,
    of: Type,
    first: bool,
}

impl<'a> Cursor<'a> {
    /// Before the first member or element, behind the opening bracket.
    fn new(scanner: Scanner<'a>, of: Type) -> Self {
        Self { scanner, of, first: true }
    }

    /// Before the first member or element of a value that was walked before.
    pub fn inside(value: Value<'a>) -> Self {
        Self::new(Scanner::inside(value.bytes), value.ty)
    }

    /// The next member. A value that is JSON but no attribute value comes as
    /// [`Type::Invalid`].
    pub fn next_member(
        &mut self,
        walk: &mut Walk,
    ) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        if self.at_end(b'}')? {
            return Ok(None);
        }
        let name = self.scanner.name()?;
        Ok(Some((name, self.value(walk)?)))
    }

    /// The value of the next member if its name and colon are as `key` spells them, without white
    /// space.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a value that is returned in memory costs more")]
    pub fn next_member_if(
        &mut self,
        key: &Key,
        walk: &mut Walk,
    ) -> Result<Option<Value<'a>>, Malformed> {
        let mut behind = *self;
        if !self.first && !behind.scanner.take_exactly(b",") {
            return Ok(None);
        }
        if !behind.scanner.take_name_of(key) {
            return Ok(None);
        }
        *self = Self { first: false, ..behind };
        self.value(walk).map(Some)
    }

    #[inline]
    fn value(&mut self, walk: &mut Walk) -> Result<Value<'a>, Malformed> {
        walk.facts.fields = walk.facts.fields.saturating_add(1);
        let (scanner, facts) = (self.scanner, walk.facts);
        if let Ok(value) = attribute(&mut self.scanner, walk) {
            return Ok(value);
        }
        walk.facts = facts;
        self.invalid(scanner, walk)
    }

    /// Passes over what `scanner` stands before, which is no attribute value.
    #[cold]
    fn invalid(&mut self, scanner: Scanner<'a>, walk: &mut Walk) -> Result<Value<'a>, Malformed> {
        self.scanner = scanner;
        self.scanner.skip_value(walk)?;
        Ok(Value::new(Type::Invalid, &[]))
    }

    /// The next element.
    pub fn next_item(&mut self, walk: &mut Walk) -> Result<Option<Value<'a>>, Malformed> {
        if self.at_end(b']')? {
            return Ok(None);
        }
        match element_of(self.of) {
            Some(tag) => scalar(&mut self.scanner, tag, walk),
            None => attribute(&mut self.scanner, walk),
        }
        .map(Some)
    }

    /// Takes the closing bracket, or the comma before what comes next.
    fn at_end(&mut self, close: u8) -> Result<bool, Malformed> {
        if self.scanner.take(close) {
            return Ok(true);
        }
        if self.first {
            self.first = false;
        } else {
            self.scanner.expect(b',')?;
        }
        Ok(false)
    }
}

/// Takes an attribute value, `{"S":"x"}`, and checks all that is in it.
#[inline]
fn attribute<'a>(scanner: &mut Scanner<'a>, walk: &mut Walk) -> Result<Value<'a>, Malformed> {
    let ty = open(scanner)?;
    let value = match ty {
        Type::M | Type::L => nested(scanner, ty, walk)?,
        _ => scalar(scanner, ty, walk)?,
    };
    scanner.expect(b'}')?;
    Ok(value)
}

/// Takes `{"TYPE":`.
#[inline]
fn open(scanner: &mut Scanner<'_>) -> Result<Type, Malformed> {
    match scanner.take_letter_tag() {
        Some(b'S') => Ok(Type::S),
        Some(b'N') => Ok(Type::N),
        Some(b'M') => Ok(Type::M),
        Some(b'L') => Ok(Type::L),
        Some(b'B') => Ok(Type::B),
        Some(_) => Err(Malformed),
        None => open_in_full(scanner),
    }
}

#[inline(never)]
fn open_in_full(scanner: &mut Scanner<'_>) -> Result<Type, Malformed> {
    scanner.expect(b'{')?;
    type_of(scanner.name()?).ok_or(Malformed)
}

/// Takes the payload of a type that holds no further attribute values.
#[inline]
fn scalar<'a>(
    scanner: &mut Scanner<'a>,
    ty: Type,
    walk: &mut Walk,
) -> Result<Value<'a>, Malformed> {
    match ty {
        Type::S | Type::N => {
            let text = scanner.string()?;
            walk.note_text(text, scanner.has_utf8(text));
            Ok(Value { ty, escaped: text.escaped, bytes: text.bytes })
        }
        Type::B => {
            let text = scanner.string()?;
            if !scanner.has_utf8(text) {
                return Err(Malformed);
            }
            walk.note_binary(base64_len(text.bytes));
            Ok(Value { ty, escaped: text.escaped, bytes: text.bytes })
        }
        Type::Bool if scanner.take_word(b"true") => Ok(Value::new(ty, b"true")),
        Type::Bool if scanner.take_word(b"false") => Ok(Value::new(ty, b"false")),
        Type::Null if scanner.take_word(b"true") => Ok(Value::new(ty, b"true")),
        Type::Ss | Type::Ns | Type::Bs => set(scanner, ty, walk),
        _ => Err(Malformed),
    }
}

/// Takes the payload of a set.
#[inline(never)]
fn set<'a>(scanner: &mut Scanner<'a>, ty: Type, walk: &mut Walk) -> Result<Value<'a>, Malformed> {
    scanner.expect(b'[')?;
    let mut cursor = Cursor::new(*scanner, ty);
    let mut items = 0;
    while cursor.next_item(walk)?.is_some() {
        items += 1;
    }
    walk.facts.array_too_long |= items > walk.max_array_items;
    let value = Value::new(ty, scanner.until(&cursor.scanner));
    *scanner = cursor.scanner;
    Ok(value)
}

/// Takes the payload of an `M` or `L`, however deep.
#[inline(never)]
fn nested<'a>(
    scanner: &mut Scanner<'a>,
    ty: Type,
    walk: &mut Walk,
) -> Result<Value<'a>, Malformed> {
    let list = ty == Type::L;
    scanner.expect(if list { b'[' } else { b'{' })?;
    let inside = *scanner;
    walk.begin();
    walk.enter(list, 0);
    while let Some(frame) = walk.top() {
        if scanner.take(if frame.list { b']' } else { b'}' }) {
            walk.leave();
            if walk.top().is_some() {
                scanner.expect(b'}')?;
            }
            continue;
        }
        if frame.items > 0 {
            scanner.expect(b',')?;
        }
        walk.count();
        if !frame.list {
            scanner.name()?;
        }
        match open(scanner)? {
            inner @ (Type::M | Type::L) => {
                let list = inner == Type::L;
                scanner.expect(if list { b'[' } else { b'{' })?;
                walk.enter(list, 0);
            }
            inner => {
                scalar(scanner, inner, walk)?;
                scanner.expect(b'}')?;
            }
        }
    }
    Ok(Value::new(ty, inside.until(scanner)))
}

/// Bytes that a base64 text of proper form stands for.
fn base64_len(text: &[u8]) -> usize {
    let padding = text.iter().rev().take(2).take_while(|b| **b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}
