//! Replies of DynamoDB to Scan, Query and GetItem: where the items lie in them, and what the
//! service says beside them.
//!
//! One pass, nothing copied but the key to go on from. Where a checksum has shown that the bytes
//! are the service's own, the items are not walked here at all: the decoder does it. Does not own
//! what is in an item.

use std::fmt;

use super::json::Scanner;
use crate::catalog::Limits;
use crate::decode::number::Exact;
use crate::decode::offset;
use crate::decode::value::Malformed;
use crate::decode::walk::Walk;

/// Digits, and digits after the point, that a number of capacity units may have: as many as any
/// double of that size is written with.
const CAPACITY_DIGITS: (u8, u8) = (38, 18);

/// Parts that a thousandth of a unit has at that scale.
const PARTS_OF_MILLI: u128 = 1_000_000_000_000_000;

/// A page of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamodbReply {
    /// Start and end of each item within the reply, ascending.
    pub items: Vec<(u32, u32)>,
    /// Where to go on from, as the reply spells it; none when it is absent or empty, which is the
    /// end.
    pub last_evaluated_key: Option<String>,
    /// Items that were read, and charged for, to find these.
    pub scanned_count: u64,
    /// Capacity units that were charged, in thousandths; 0 when the reply does not say.
    pub consumed_milli_units: u64,
}

/// Why a reply cannot be trusted. Asking again may help: it was cut or garbled on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadReply {
    /// It is not the JSON of such a reply, from its first byte to its last.
    Malformed,
    /// It holds another number of items than it states.
    WrongCount,
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the reply is cut off or garbled",
            Self::WrongCount => "the reply does not hold as many items as it states",
        })
    }
}

impl std::error::Error for BadReply {}

impl From<Malformed> for BadReply {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Reads the reply to a Scan or Query, all of it checked. Members that are not known are passed
/// over.
///
/// # Errors
/// A reply that is not whole, or does not agree with itself.
pub fn dynamodb_reply(bytes: &[u8]) -> Result<DynamodbReply, BadReply> {
    read_reply(bytes, &|scanner, walk| scanner.skip_value(walk))
}

/// Reads the reply to a Scan or Query whose bytes are known to be those that the service sent, by
/// their checksum. Items are only told apart: one that is not JSON would be no other when it is
/// asked for again, and is for the decoder to refuse, as a row.
///
/// # Errors
/// A reply that is not whole around its items, or does not agree with itself.
pub fn verified_dynamodb_reply(bytes: &[u8]) -> Result<DynamodbReply, BadReply> {
    read_reply(bytes, &|scanner, _| scanner.skip_object_unchecked())
}

/// `skip_item` passes over the item that the scanner stands before.
fn read_reply(
    bytes: &[u8],
    skip_item: &dyn Fn(&mut Scanner<'_>, &mut Walk) -> Result<(), Malformed>,
) -> Result<DynamodbReply, BadReply> {
    let mut reply = DynamodbReply::default();
    let (mut items, mut count) = (None, None);
    let mut walk = Walk::new(&Limits::default());
    members(&mut Scanner::new(bytes), &mut walk, |name, scanner, walk| {
        match name {
            b"Items" => set_once(&mut items, item_ranges(scanner, walk, skip_item)?)?,
            b"Count" => set_once(&mut count, whole_number(scanner, walk)?)?,
            b"ScannedCount" => reply.scanned_count = whole_number(scanner, walk)?,
            b"LastEvaluatedKey" => reply.last_evaluated_key = key(scanner, walk)?,
            b"ConsumedCapacity" => reply.consumed_milli_units = capacity(scanner, walk)?,
            _ => scanner.skip_value(walk)?,
        }
        Ok(())
    })?;
    reply.items = items.unwrap_or_default();
    if count != u64::try_from(reply.items.len()).ok() {
        return Err(BadReply::WrongCount);
    }
    Ok(reply)
}

/// Finds the item in the reply to a GetItem; none when there is no such item.
///
/// # Errors
/// A reply that is not whole.
pub fn dynamodb_item_reply(bytes: &[u8]) -> Result<Option<(u32, u32)>, BadReply> {
    let mut item = None;
    let mut walk = Walk::new(&Limits::default());
    members(&mut Scanner::new(bytes), &mut walk, |name, scanner, walk| match name {
        b"Item" => set_once(&mut item, object(scanner, |scanner| scanner.skip_value(walk))?),
        _ => scanner.skip_value(walk),
    })?;
    Ok(item)
}

/// Walks the members of an object that is all there is.
fn members<'a>(
    scanner: &mut Scanner<'a>,
    walk: &mut Walk,
    mut take: impl FnMut(&[u8], &mut Scanner<'a>, &mut Walk) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    object_members(scanner, walk, &mut take)?;
    scanner.expect_end()
}

/// Takes an object: `take` is handed the name of each member and takes the value.
fn object_members<'a>(
    scanner: &mut Scanner<'a>,
    walk: &mut Walk,
    take: &mut impl FnMut(&[u8], &mut Scanner<'a>, &mut Walk) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    scanner.expect(b'{')?;
    let mut scratch = Vec::new();
    let mut first = true;
    while !scanner.take(b'}') {
        if !std::mem::take(&mut first) {
            scanner.expect(b',')?;
        }
        let name = scanner.name()?;
        take(name.decode(&mut scratch), scanner, walk)?;
    }
    Ok(())
}

/// A member that may stand once.
fn set_once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

fn item_ranges(
    scanner: &mut Scanner<'_>,
    walk: &mut Walk,
    skip_item: &dyn Fn(&mut Scanner<'_>, &mut Walk) -> Result<(), Malformed>,
) -> Result<Vec<(u32, u32)>, Malformed> {
    let mut ranges = Vec::new();
    scanner.expect(b'[')?;
    while !scanner.take(b']') {
        if !ranges.is_empty() {
            scanner.expect(b',')?;
        }
        ranges.push(object(scanner, |scanner| skip_item(scanner, walk))?);
    }
    Ok(ranges)
}

/// Passes over an object by `skip` and tells where it lies.
fn object(
    scanner: &mut Scanner<'_>,
    skip: impl FnOnce(&mut Scanner<'_>) -> Result<(), Malformed>,
) -> Result<(u32, u32), Malformed> {
    if scanner.peek() != Some(b'{') {
        return Err(Malformed);
    }
    let start = scanner.position();
    skip(scanner)?;
    Ok((offset(start), offset(scanner.position())))
}

/// A key, unless it is empty or null.
fn key(scanner: &mut Scanner<'_>, walk: &mut Walk) -> Result<Option<String>, Malformed> {
    if scanner.take_word(b"null") {
        return Ok(None);
    }
    let before = *scanner;
    object(scanner, |scanner| scanner.skip_value(walk))?;
    let mut inside = before;
    if inside.take(b'{') && inside.take(b'}') {
        return Ok(None);
    }
    let text = before.until(scanner);
    String::from_utf8(text.to_vec()).map(Some).map_err(|_| Malformed)
}

/// A number from 0 up, without a fraction.
fn whole_number(scanner: &mut Scanner<'_>, walk: &mut Walk) -> Result<u64, Malformed> {
    let number = number(scanner, walk)?.to_integer().map_err(|_| Malformed)?;
    u64::try_from(number).map_err(|_| Malformed)
}

/// `CapacityUnits` of a consumed capacity, in thousandths; a part of one counts as one.
fn capacity(scanner: &mut Scanner<'_>, walk: &mut Walk) -> Result<u64, Malformed> {
    let mut milli_units = 0;
    if scanner.take_word(b"null") {
        return Ok(milli_units);
    }
    object_members(scanner, walk, &mut |name, scanner, walk| {
        if name != b"CapacityUnits" {
            return scanner.skip_value(walk);
        }
        let (digits, scale) = CAPACITY_DIGITS;
        let parts = number(scanner, walk)?.to_decimal(digits, scale).map_err(|_| Malformed)?;
        let parts = u128::try_from(parts).map_err(|_| Malformed)?;
        milli_units = u64::try_from(parts.div_ceil(PARTS_OF_MILLI)).map_err(|_| Malformed)?;
        Ok(())
    })?;
    Ok(milli_units)
}

fn number(scanner: &mut Scanner<'_>, walk: &mut Walk) -> Result<Exact, Malformed> {
    scanner.peek();
    let before = *scanner;
    scanner.skip_value(walk)?;
    Exact::parse(before.until(scanner)).ok_or(Malformed)
}

#[cfg(test)]
mod tests;
