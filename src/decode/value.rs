//! One value as it stands in a row: its type in the source and a view of its bytes.
//!
//! Shallow on purpose: a list or an object is a cursor over its own bytes, never a tree. Does
//! not own what a value means to a contract (that is `columns`).

use crate::model::FoundType;

use super::key::Key;
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
    /// A value of this type where the object should be that holds the field.
    NoObject(Type),
    /// More than one value.
    Duplicate,
}

/// Type of a value in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    // DynamoDB, by its type descriptors.
    S,
    N,
    B,
    Bool,
    Null,
    M,
    L,
    Ss,
    Ns,
    Bs,
    /// JSON where an attribute value should be.
    Invalid,
    // BSON.
    Double,
    String,
    Object,
    Array,
    BinData,
    Undefined,
    ObjectId,
    BsonBool,
    Date,
    BsonNull,
    Regex,
    DbPointer,
    Javascript,
    Symbol,
    JavascriptWithScope,
    Int,
    Timestamp,
    Long,
    Decimal,
    MinKey,
    MaxKey,
}

impl Type {
    /// The source's own name for the type.
    pub fn found(self) -> FoundType {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
            Self::Bool => "BOOL",
            Self::Null => "NULL",
            Self::M => "M",
            Self::L => "L",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
            Self::Invalid => "invalid",
            Self::Double => "double",
            Self::String => "string",
            Self::Object => "object",
            Self::Array => "array",
            Self::BinData => "binData",
            Self::Undefined => "undefined",
            Self::ObjectId => "objectId",
            Self::BsonBool => "bool",
            Self::Date => "date",
            Self::BsonNull => "null",
            Self::Regex => "regex",
            Self::DbPointer => "dbPointer",
            Self::Javascript => "javascript",
            Self::Symbol => "symbol",
            Self::JavascriptWithScope => "javascriptWithScope",
            Self::Int => "int",
            Self::Timestamp => "timestamp",
            Self::Long => "long",
            Self::Decimal => "decimal",
            Self::MinKey => "minKey",
            Self::MaxKey => "maxKey",
        }
    }
}

/// A value as it lies in its row. Small, because every field of every row is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub ty: Type,
    /// Whether the payload is text with JSON escapes in it, or may hold such texts.
    pub escaped: bool,
    /// The payload: text without its quotes, a number as the source writes it, what stands in a
    /// list or object up to its end.
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    pub fn new(ty: Type, bytes: &'a [u8]) -> Self {
        Self { ty, escaped: false, bytes }
    }

    /// Whether it is a document of BSON, which has elements.
    pub fn is_document(self) -> bool {
        matches!(self.ty, Type::Object | Type::Array | Type::JavascriptWithScope)
    }

    /// Whether there may be a level of the row below it.
    pub fn has_levels(self) -> bool {
        matches!(self.ty, Type::M | Type::L) || self.is_document()
    }

    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.ty, Type::Null | Type::BsonNull)
    }

    /// What the value means, by the type that its source gives it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "each column asks for few of the kinds")]
    pub fn kind(self) -> Kind<'a> {
        let text = Text { bytes: self.bytes, escaped: self.escaped };
        match self.ty {
            Type::S | Type::String => Kind::Text(text),
            Type::N => Kind::Number(text),
            Type::B => Kind::Base64(text),
            Type::Bool => Kind::Boolean(self.bytes == b"true"),
            Type::BsonBool => Kind::Boolean(self.bytes == [1]),
            Type::Null | Type::BsonNull => Kind::Null,
            Type::M => Kind::Object(Members::Dynamodb(dynamodb::Cursor::inside(self))),
            Type::L | Type::Ss | Type::Ns | Type::Bs => {
                Kind::List(Items::Dynamodb(dynamodb::Cursor::inside(self)))
            }
            Type::Object => Kind::Object(Members::Bson(bson::Cursor::inside(self))),
            Type::Array => Kind::List(Items::Bson(bson::Cursor::inside(self))),
            Type::Int => Kind::Integer(i32::from_le_bytes(number(self.bytes)).into()),
            Type::Long => Kind::Integer(i64::from_le_bytes(number(self.bytes))),
            Type::Double => Kind::Double(u64::from_le_bytes(number(self.bytes))),
            Type::Decimal => Kind::Decimal128(u128::from_le_bytes(number(self.bytes))),
            Type::Date => Kind::Millis(i64::from_le_bytes(number(self.bytes))),
            Type::BinData => {
                let (subtype, bytes) = bson::subtype_and_data(self.bytes);
                Kind::Binary { subtype, bytes }
            }
            Type::ObjectId => Kind::ObjectId(self.bytes),
            _ => Kind::Other,
        }
    }
}

/// The bytes of a number of fixed size, which were counted when it was taken.
#[inline]
fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
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
    /// A type of the source that fits no type of a contract.
    Other,
}

/// Text as the source has it: perhaps with JSON escapes, perhaps not UTF-8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub bytes: &'a [u8],
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// The bytes that are meant, in `scratch` when they had to be unescaped.
    #[inline]
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

    pub fn is_utf8(self) -> bool {
        std::str::from_utf8(self.bytes).is_ok()
    }

    /// Whether more than `max` bytes are meant.
    #[inline]
    pub fn is_longer_than(self, max: usize) -> bool {
        self.bytes.len() > max && (!self.escaped || self.decode(&mut Vec::new()).len() > max)
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
            Self::Bson(cursor) => cursor.next_item(walk),
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
            Self::Bson(cursor) => cursor.next_element(walk),
        }
    }

    /// The value of the next member if that is the one whose name is spelled `key`, and otherwise
    /// nothing is taken. Spelled in another way it is not found here, though it may be there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a value that is returned in memory costs more")]
    pub fn next_if(&mut self, key: &Key, walk: &mut Walk) -> Result<Option<Value<'a>>, Malformed> {
        match self {
            Self::Dynamodb(cursor) => cursor.next_member_if(key, walk),
            Self::Bson(cursor) => cursor.next_element_if(key, walk),
        }
    }
}
