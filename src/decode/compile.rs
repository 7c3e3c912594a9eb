//! Where the contract's fields stand in a row of one format, compiled once per decoder.
//!
//! Fields mostly come in the same order, so the field after the one just seen is tried first.

use crate::catalog::Field;
use crate::model::RawFormat;

use super::value::{Kind, Malformed, Members, Slot, Value};
use super::walk::Walk;

/// The names that one level of a row is searched for.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    nodes: Vec<Node>,
    expected: usize,
}

#[derive(Debug)]
struct Node {
    name: String,
    /// Fields whose value this is, by index.
    fields: Vec<usize>,
    /// Fields whose value lies below.
    below: PathTree,
    seen: bool,
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
                Some((last, parents)) => tree.insert(parents, last, index),
                None => tree.insert(&[], &field.name, index),
            }
        }
        tree
    }

    fn insert(&mut self, parents: &[String], last: &str, index: usize) {
        let name = parents.first().map_or(last, String::as_str);
        let at = self.nodes.iter().position(|node| node.name == name).unwrap_or_else(|| {
            let below = Self::default();
            self.nodes.push(Node { name: name.to_owned(), fields: vec![], below, seen: false });
            self.nodes.len() - 1
        });
        let Some(node) = self.nodes.get_mut(at) else { return };
        match parents.split_first() {
            Some((_, rest)) => node.below.insert(rest, last, index),
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
        self.nodes.iter_mut().for_each(|node| node.seen = false);
        while let Some((name, value)) = members.next(walk)? {
            let is_next = |node: &Node| name.is(node.name.as_bytes());
            let at = if self.nodes.get(self.expected).is_some_and(is_next) {
                Some(self.expected)
            } else {
                self.nodes.iter().position(is_next)
            };
            if let Some(at) = at {
                self.expected = at + 1;
                if let Some(node) = self.nodes.get_mut(at) {
                    node.place(value, slots, walk)?;
                }
            } else if matches!(value.kind, Kind::Invalid) {
                return Err(Malformed);
            }
        }
        Ok(())
    }

    /// Gives every field of the tree the same slot.
    fn fill<'a>(&self, slot: Slot<'a>, slots: &mut [Slot<'a>]) {
        for node in &self.nodes {
            node.fill(slot, slots);
        }
    }
}

impl Node {
    fn place<'a>(
        &mut self,
        value: Value<'a>,
        slots: &mut [Slot<'a>],
        walk: &mut Walk,
    ) -> Result<(), Malformed> {
        if self.seen {
            self.fill(Slot::Duplicate, slots);
            return Ok(());
        }
        self.seen = true;
        set(&self.fields, Slot::Value(value), slots);
        match value.kind {
            _ if self.below.nodes.is_empty() => {}
            Kind::Object(mut members) => {
                // What lies below was counted when the value was passed over.
                let facts = walk.facts;
                self.below.place(&mut members, slots, walk)?;
                walk.facts = facts;
            }
            // Below null there is nothing.
            Kind::Null => {}
            _ => self.below.fill(Slot::Value(Value { kind: Kind::Other, ..value }), slots),
        }
        Ok(())
    }

    fn fill<'a>(&self, slot: Slot<'a>, slots: &mut [Slot<'a>]) {
        set(&self.fields, slot, slots);
        self.below.fill(slot, slots);
    }
}

fn set<'a>(fields: &[usize], slot: Slot<'a>, slots: &mut [Slot<'a>]) {
    for field in fields {
        if let Some(place) = slots.get_mut(*field) {
            *place = slot;
        }
    }
}
