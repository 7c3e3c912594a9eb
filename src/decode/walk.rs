//! The walk through a row: the stack that stands in for recursion, and what the contract's
//! limits are held against.

use crate::catalog::Limits;

use super::value::Text;

/// A list or object that is being walked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub list: bool,
    /// Elements or members seen.
    pub items: u32,
    /// Offset of its last byte, where the format tells it beforehand.
    pub end: usize,
}

/// What was seen in a row, as far as a limit speaks of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub fields: u32,
    pub depth: usize,
    pub array_too_long: bool,
    pub text_too_long: bool,
    pub text_not_utf8: bool,
}

/// State of a walk, reused from row to row.
#[derive(Debug)]
pub(super) struct Walk {
    pub facts: Facts,
    pub max_array_items: u32,
    pub max_text_bytes: usize,
    stack: Vec<Frame>,
}

/// Frames kept from one row to the next; a hostile row does not hold its memory.
const KEPT_FRAMES: usize = 1024;

impl Walk {
    pub fn new(limits: &Limits) -> Self {
        Self {
            facts: Facts::default(),
            max_array_items: limits.max_array_items,
            max_text_bytes: usize::try_from(limits.max_text_bytes).unwrap_or(usize::MAX),
            stack: Vec::new(),
        }
    }

    /// Forgets the row before.
    pub fn begin_row(&mut self) {
        self.facts = Facts { depth: 1, ..Facts::default() };
        self.begin();
    }

    /// Begins to walk a value.
    pub fn begin(&mut self) {
        self.stack.clear();
        self.stack.shrink_to(KEPT_FRAMES);
    }

    /// Enters a list or object one level below.
    pub fn enter(&mut self, list: bool, end: usize) {
        self.stack.push(Frame { list, items: 0, end });
        self.facts.depth = self.facts.depth.max(self.stack.len() + 1);
    }

    /// Takes note of a level that was reached without this stack.
    #[inline]
    pub fn reach(&mut self, level: usize) {
        self.facts.depth = self.facts.depth.max(level);
    }

    pub fn top(&self) -> Option<Frame> {
        self.stack.last().copied()
    }

    /// Leaves the innermost list or object.
    pub fn leave(&mut self) {
        self.stack.pop();
    }

    /// Counts an element or member of the innermost list or object.
    pub fn count(&mut self) {
        if let Some(frame) = self.stack.last_mut() {
            frame.items = frame.items.saturating_add(1);
            if !frame.list {
                self.facts.fields = self.facts.fields.saturating_add(1);
            } else if frame.items > self.max_array_items {
                self.facts.array_too_long = true;
            }
        }
    }

    /// Takes note of a text value, which may be known to be UTF-8.
    #[inline]
    pub fn note_text(&mut self, text: Text<'_>, known_utf8: bool) {
        self.facts.text_too_long |= text.is_longer_than(self.max_text_bytes);
        let utf8 = known_utf8 || text.bytes.is_ascii() || text.is_utf8();
        self.facts.text_not_utf8 |= !utf8;
    }

    /// Takes note of a binary value of `len` bytes.
    pub fn note_binary(&mut self, len: usize) {
        self.facts.text_too_long |= len > self.max_text_bytes;
    }
}
