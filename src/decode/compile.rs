//! Where the contract's fields stand in a row of one format, compiled once per decoder.
//!
//! Fields mostly come in the same order: the one that last followed the one just seen is tried
//! first, by the bytes of its name as the format spells it.

use crate::catalog::Field;
use crate::model::RawFormat;

use super::columns::{Context, FieldColumn};
use super::direct::{Place, Unusual};
use super::value::{Kind, Malformed, Members, Slot, Text, Type, Value, member_key};
use super::walk::Walk;

/// The names that one level of a row is searched for.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    nodes: Vec<Node>,
    /// Node that is expected next.
    expected: usize,
    /// Objects that were placed, by which nodes tell that they were seen in this one.
    objects: u64,
}

#[derive(Debug)]
struct Node {
    name: String,
    /// How the format mostly spells the name; none when it cannot hold it.
    key: Option<Vec<u8>>,
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
        let mut tree = Self::default();
        for (index, field) in fields.into_iter().enumerate() {
            let path = match format {
                RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                    &field.source.dynamodb
                }
                RawFormat::Bson => &field.source.mongodb,
            };
            match path.split_last() {
                Some((last, parents)) => tree.insert(parents, last, index, format),
                None => tree.insert(&[], &field.name, index, format),
            }
        }
        tree
    }

    fn insert(&mut self, parents: &[String], last: &str, index: usize, format: RawFormat) {
        let name = parents.first().map_or(last, String::as_str);
        let at = self.nodes.iter().position(|node| node.name == name).unwrap_or_else(|| {
            self.nodes.push(Node {
                name: name.to_owned(),
                key: member_key(name, format),
                fields: vec![],
                below: Self::default(),
                follower: self.nodes.len() + 1,
                seen_in: 0,
            });
            self.nodes.len() - 1
        });
        let Some(node) = self.nodes.get_mut(at) else { return };
        match parents.split_first() {
            Some((_, rest)) => node.below.insert(rest, last, index, format),
            None => node.fields.push(index),
        }
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
        let mut last = None;
        loop {
            let expected = self.nodes.get(self.expected).and_then(|node| node.key.as_deref());
            let at = if expected.is_some_and(|key| members.take_key(key)) {
                self.expected
            } else {
                let Some(name) = members.take_name()? else { return Ok(()) };
                let Some(at) = self.find(name) else {
                    pass_over(members, level, cx)?;
                    continue;
                };
                if let Some(node) = last.and_then(|last: usize| self.nodes.get_mut(last)) {
                    node.follower = at;
                }
                at
            };
            let Some(node) = self.nodes.get_mut(at) else { return Err(Unusual) };
            last = Some(at);
            self.expected = node.follower;
            if node.seen_in == object {
                return Err(Unusual);
            }
            node.seen_in = object;
            cx.walk.facts.fields = cx.walk.facts.fields.saturating_add(1);
            match node.fields.first().and_then(|field| columns.get_mut(*field)) {
                Some(column) => column.read(members, level, cx)?,
                None => {
                    let mut inside = members.open_object()?.ok_or(Unusual)?;
                    node.below.read(&mut inside, columns, level + 1, cx)?;
                    cx.walk.reach(level + 1);
                    members.close(inside)?;
                }
            }
        }
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
    #[inline]
    fn place<'a>(
        &mut self,
        value: Value<'a>,
        object: u64,
        slots: &mut [Slot<'a>],
        walk: &mut Walk,
    ) -> Result<(), Malformed> {
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
fn pass_over<'a, P: Place<'a>>(
    members: &mut P,
    level: usize,
    cx: &mut Context,
) -> Result<(), Unusual> {
    cx.walk.facts.fields = cx.walk.facts.fields.saturating_add(1);
    let value = members.take_value(&mut cx.walk)?;
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
