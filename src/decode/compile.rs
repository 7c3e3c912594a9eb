//! Where the contract's fields stand in a row of one format, compiled once per decoder.
//!
//! Fields mostly come in the same order, some of them left out: those that followed the one just
//! seen are tried first, by the bytes of their names as the format spells them.

use crate::catalog::Field;
use crate::model::RawFormat;

use super::columns::{Context, FieldColumn};
use super::direct::{Expected, Place, Unusual};
use super::key::{Key, Met};
use super::value::{Kind, Malformed, Members, Slot, Text, Type, Value};
use super::walk::Walk;

/// Names that are tried, in the order they mostly come in, before all are searched.
const TRIES: usize = 4;

/// Names of members that no field asks for, learned so that they can be expected, too.
const MAX_STRANGERS: usize = 64;
const MAX_STRANGER_BYTES: usize = 64;

/// The names that one level of a row is searched for.
#[derive(Debug)]
pub(super) struct PathTree {
    format: RawFormat,
    nodes: Vec<Node>,
    strangers: usize,
    /// Node that is expected next.
    expected: usize,
    /// Objects that were placed, by which nodes tell that they were seen in this one.
    objects: u64,
}

#[derive(Debug)]
struct Node {
    name: String,
    /// How the format mostly spells the name; none when it cannot hold it.
    key: Option<Key>,
    /// What the value is expected to be.
    value: Expected,
    /// Fields whose value this is, by index.
    fields: Vec<usize>,
    /// Fields whose value lies below.
    below: PathTree,
    /// Node that followed this one when that was last seen.
    follower: usize,
    /// Number of the object in which the node was last seen.
    seen_in: u64,
}

impl PathTree {
    /// The tree of `fields`, which are then spoken of by their index.
    pub fn new<'f>(fields: impl IntoIterator<Item = &'f Field>, format: RawFormat) -> Self {
        let mut tree = Self::empty(format);
        for (index, field) in fields.into_iter().enumerate() {
            let path = match format {
                RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                    &field.source.dynamodb
                }
                RawFormat::Bson => &field.source.mongodb,
            };
            let value = (index, Expected::of(&field.data_type));
            match path.split_last() {
                Some((last, parents)) => tree.insert(parents, last, value),
                None => tree.insert(&[], &field.name, value),
            }
        }
        tree
    }

    fn empty(format: RawFormat) -> Self {
        Self { format, nodes: Vec::new(), strangers: 0, expected: 0, objects: 0 }
    }

    fn insert(&mut self, parents: &[String], last: &str, value: (usize, Expected)) {
        let (name, expected) = match parents.first() {
            Some(parent) => (parent.as_str(), Expected::Object),
            None => (last, value.1),
        };
        let at = match self.nodes.iter().position(|node| node.name == name) {
            Some(at) => at,
            None => self.add(name, expected),
        };
        let Some(node) = self.nodes.get_mut(at) else { return };
        match parents.split_first() {
            Some((_, rest)) => node.below.insert(rest, last, value),
            None => node.fields.push(value.0),
        }
    }

    /// Adds a node that no field asks for yet.
    fn add(&mut self, name: &str, expected: Expected) -> usize {
        self.nodes.push(Node {
            name: name.to_owned(),
            key: Key::new(name, expected, self.format),
            value: expected,
            fields: vec![],
            below: Self::empty(self.format),
            follower: self.nodes.len() + 1,
            seen_in: 0,
        });
        self.nodes.len() - 1
    }

    /// Puts the values of an object into the slots of their fields. Passes over other members,
    /// which must be values all the same.
    pub fn place<'a>(
        &mut self,
        members: &mut Members<'a>,
        slots: &mut [Slot<'a>],
        walk: &mut Walk,
    ) -> Result<(), Malformed> {
        self.objects += 1;
        let object = self.objects;
        let mut last = None;
        loop {
            if let Some(node) = self.nodes.get_mut(self.expected)
                && let Some(key) = &node.key
                && let Some(value) = members.next_if(key, walk)?
            {
                last = Some(self.expected);
                self.expected = node.follower;
                node.place(value, object, slots, walk)?;
                continue;
            }
            let Some((name, value)) = members.next(walk)? else { return Ok(()) };
            if let Some(at) = self.find(name) {
                if let Some(node) = last.and_then(|last| self.nodes.get_mut(last)) {
                    node.follower = at;
                }
                last = Some(at);
                if let Some(node) = self.nodes.get_mut(at) {
                    self.expected = node.follower;
                    node.place(value, object, slots, walk)?;
                }
            } else if value.ty == Type::Invalid {
                return Err(Malformed);
            }
        }
    }

    /// Whether every member is the value of one field, or leads to some.
    pub fn is_plain(&self) -> bool {
        self.nodes.iter().all(|node| match node.fields.as_slice() {
            [] => node.below.is_plain(),
            [_] => node.below.nodes.is_empty(),
            _ => false,
        })
    }

    /// Reads the members of an object, at that depth of the row, into the columns of their fields.
    pub fn read<'a, P: Place<'a>>(
        &mut self,
        members: &mut P,
        columns: &mut [FieldColumn],
        level: usize,
        cx: &mut Context,
    ) -> Result<(), Unusual> {
        self.objects += 1;
        let object = self.objects;
        let (mut expected, mut first, mut last) = (self.expected, None, None);
        while members.take_member()? {
            let found = match self.take_expected(members, expected) {
                None => self.take_other(members, expected, last)?,
                found => found,
            };
            let Some((at, met)) = found else {
                pass_over(members, Met::Name, level, cx)?;
                continue;
            };
            let Some(node) = self.nodes.get_mut(at) else { return Err(Unusual) };
            first = first.or(Some(at));
            last = Some(at);
            expected = node.follower;
            if let Some(column) = node.fields.first().and_then(|field| columns.get_mut(*field)) {
                node.see(object, cx)?;
                column.read(members, met, level, cx)?;
            } else if node.is_stranger() {
                pass_over(members, met, level, cx)?;
            } else {
                node.see(object, cx)?;
                let mut inside = members.open(met, Expected::Object)?.ok_or(Unusual)?;
                node.below.read(&mut inside, columns, level + 1, cx)?;
                cx.walk.reach(level + 1);
                members.close(inside)?;
            }
        }
        self.expected = first.unwrap_or(expected);
        Ok(())
    }

    /// Takes the name of the next member if it is one of those that are expected.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    fn take_expected<'a, P: Place<'a>>(
        &self,
        members: &mut P,
        expected: usize,
    ) -> Option<(usize, Met)> {
        let mut at = expected;
        for _ in 0..TRIES {
            let node = self.nodes.get(at)?;
            if let Some(met) = node.key.as_ref().and_then(|key| members.take_key(key)) {
                return Some((at, met));
            }
            at = node.follower;
        }
        None
    }

    /// Takes the name of the next member, which was not expected behind that of `last`. Gives its node,
    /// where there is one or room for one.
    #[inline(never)]
    fn take_other<'a, P: Place<'a>>(
        &mut self,
        members: &mut P,
        expected: usize,
        last: Option<usize>,
    ) -> Result<Option<(usize, Met)>, Unusual> {
        self.expected = expected;
        let name = members.take_name()?;
        let Some(at) = self.find(name).or_else(|| self.learn(name)) else { return Ok(None) };
        if let Some(node) = last.and_then(|last| self.nodes.get_mut(last)) {
            node.follower = at;
        }
        let value = self.nodes.get(at).map_or(Expected::Other, |node| node.value);
        Ok(Some((at, members.take_opening(value))))
    }

    /// Adds the name of a member that no field asks for, as long as there is room.
    fn learn(&mut self, name: Text<'_>) -> Option<usize> {
        let fits = self.strangers < MAX_STRANGERS && name.bytes.len() <= MAX_STRANGER_BYTES;
        if !fits || name.escaped {
            return None;
        }
        self.strangers += 1;
        std::str::from_utf8(name.bytes).ok().map(|name| self.add(name, Expected::Text))
    }

    /// The node of a name, sought first where it is expected.
    fn find(&self, name: Text<'_>) -> Option<usize> {
        let is = |node: &Node| name.is(node.name.as_bytes());
        let from = self.expected.min(self.nodes.len());
        let (before, after) = self.nodes.split_at_checked(from)?;
        let behind = after.iter().position(is).map(|at| from + at);
        behind.or_else(|| before.iter().position(is))
    }

    /// Gives every field of the tree the same slot.
    fn fill<'a>(&self, slot: Slot<'a>, slots: &mut [Slot<'a>]) {
        for node in &self.nodes {
            node.fill(slot, slots);
        }
    }
}

impl Node {
    /// Whether no field asks for the member.
    fn is_stranger(&self) -> bool {
        self.fields.is_empty() && self.below.nodes.is_empty()
    }

    /// Takes note of the member, which may stand once in an object.
    #[inline]
    fn see(&mut self, object: u64, cx: &mut Context) -> Result<(), Unusual> {
        if self.seen_in == object {
            return Err(Unusual);
        }
        self.seen_in = object;
        cx.walk.facts.fields = cx.walk.facts.fields.saturating_add(1);
        Ok(())
    }

    #[inline]
    fn place<'a>(
        &mut self,
        value: Value<'a>,
        object: u64,
        slots: &mut [Slot<'a>],
        walk: &mut Walk,
    ) -> Result<(), Malformed> {
        if self.is_stranger() {
            return if value.ty == Type::Invalid { Err(Malformed) } else { Ok(()) };
        }
        if self.seen_in == object {
            self.fill(Slot::Duplicate, slots);
            return Ok(());
        }
        self.seen_in = object;
        set(&self.fields, Slot::Value(value), slots);
        if self.below.nodes.is_empty() || value.is_null() {
            return Ok(());
        }
        if let Kind::Object(mut members) = value.kind() {
            // What lies below was counted when the value was passed over.
            let facts = walk.facts;
            self.below.place(&mut members, slots, walk)?;
            walk.facts = facts;
        } else {
            self.below.fill(Slot::NoObject(value.ty), slots);
        }
        Ok(())
    }

    fn fill<'a>(&self, slot: Slot<'a>, slots: &mut [Slot<'a>]) {
        set(&self.fields, slot, slots);
        self.below.fill(slot, slots);
    }
}

/// Passes over the value of a member that no field asks for.
#[inline(never)]
fn pass_over<'a, P: Place<'a>>(
    members: &mut P,
    met: Met,
    level: usize,
    cx: &mut Context,
) -> Result<(), Unusual> {
    cx.walk.facts.fields = cx.walk.facts.fields.saturating_add(1);
    if let Some(text) = members.take_piece(met, Expected::Text) {
        return if text.len() > cx.walk.max_text_bytes { Err(Unusual) } else { Ok(()) };
    }
    let value = members.take_value(met, Expected::Text, &mut cx.walk)?;
    // The walk counts the depth of what it takes from the first level on.
    if level > 1 && value.has_levels() { Err(Unusual) } else { Ok(()) }
}

fn set<'a>(fields: &[usize], slot: Slot<'a>, slots: &mut [Slot<'a>]) {
    for field in fields {
        if let Some(place) = slots.get_mut(*field) {
            *place = slot;
        }
    }
}
