//! One value as it stands in a row: its type in the source and a view of its bytes.
//!
//! Shallow on purpose: a list or an object is a cursor over its own bytes, never a tree. Does
//! not own what a value means to a contract (that is `columns`).

use crate::model::{FoundType, RawFormat};

use super::walk::Walk;
use super::{bson, dynamodb};

/// The bytes of a row cannot be read in its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a row holds for a field of the contract.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot<'a> {
    /// Nothing.
    Missing,
    /// A value, null included.
    Value(Value<'a>),
    /// More than one value.
    Duplicate,
}

/// A value and the source's own name for its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub found: FoundType,
    pub kind: Kind<'a>,
}

/// What a value is, by the meaning its source gives it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Null,
    Boolean(bool),
    Text(Text<'a>),
    /// A number as DynamoDB spells it.
    Number(Text<'a>),
    Integer(i64),
    /// The bits of an IEEE 754 double; no float is ever made of them.
    Double(u64),
    /// The bits of an IEEE 754 decimal128, BID encoded.
    Decimal128(u128),
    /// Milliseconds since 1970 UTC.
    Millis(i64),
    Base64(Text<'a>),
    Binary {
        subtype: u8,
        bytes: &'a [u8],
    },
    ObjectId(&'a [u8]),
    List(Items<'a>),
    Object(Members<'a>),
    /// Deprecated code, before the first variable of its scope.
    CodeWithScope(bson::Cursor<'a>),
    /// A type of the source that fits no type of a contract.
    Other,
    /// Not a value of the source format, though its surroundings can be read.
    Invalid,
}

/// Text as the source has it: perhaps with JSON escapes, perhaps not UTF-8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub bytes: &'a [u8],
    pub escaped: bool,
    /// Whether the bytes are known to be UTF-8.
    pub utf8: bool,
}

impl<'a> Text<'a> {
    /// The bytes that are meant, in `scratch` when they had to be unescaped.
    pub fn decode<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if self.escaped {
            scratch.clear();
            dynamodb::json::unescape(self.bytes, scratch);
            scratch
        } else {
            self.bytes
        }
    }

    #[inline]
    pub fn is(self, other: &[u8]) -> bool {
        if self.escaped { self.decode(&mut Vec::new()) == other } else { self.bytes == other }
    }

    #[inline]
    pub fn is_utf8(self) -> bool {
        self.utf8 || std::str::from_utf8(self.bytes).is_ok()
    }

    /// Whether more than `max` bytes are meant.
    #[inline]
    pub fn is_longer_than(self, max: usize) -> bool {
        self.bytes.len() > max && (!self.escaped || self.decode(&mut Vec::new()).len() > max)
    }
}

/// How `format` spells the name of a member: quoted and with its colon, or ended by NUL. None
/// when it cannot hold the name.
pub(super) fn member_key(name: &str, format: RawFormat) -> Option<Vec<u8>> {
    match format {
        RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
            Some(format!("{}:", serde_json::Value::from(name)).into_bytes())
        }
        RawFormat::Bson => (!name.contains('\0')).then(|| [name.as_bytes(), b"\0"].concat()),
    }
}

/// The elements of a list, in source order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items<'a> {
    Dynamodb(dynamodb::Cursor<'a>),
    Bson(bson::Cursor<'a>),
}

impl<'a> Items<'a> {
    /// The next element; none at the end, and none in a list that cannot be read (the row was
    /// checked before).
    pub fn next(&mut self, walk: &mut Walk) -> Option<Value<'a>> {
        match self {
            Self::Dynamodb(cursor) => cursor.next_item(walk),
            Self::Bson(cursor) => cursor.next_element().map(|element| element.map(|(_, v)| v)),
        }
        .unwrap_or(None)
    }

    pub fn count(mut self, walk: &mut Walk) -> usize {
        std::iter::from_fn(|| self.next(walk)).count()
    }
}

/// The members of an object, in source order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Members<'a> {
    Dynamodb(dynamodb::Cursor<'a>),
    Bson(bson::Cursor<'a>),
}

impl<'a> Members<'a> {
    pub fn next(&mut self, walk: &mut Walk) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        match self {
            Self::Dynamodb(cursor) => cursor.next_member(walk),
            Self::Bson(cursor) => cursor.next_element(),
        }
    }

    /// The value of the next member if that is the one whose name is spelled `key`, as
    /// [`member_key`] gives it, and otherwise nothing is taken. Spelled in another way it is not
    /// found here, though it may be there.
    #[inline]
    pub fn next_if(&mut self, key: &[u8], walk: &mut Walk) -> Result<Option<Value<'a>>, Malformed> {
        match self {
            Self::Dynamodb(cursor) => cursor.next_member_if(key, walk),
            Self::Bson(cursor) => cursor.next_element_if(key),
        }
    }
}
