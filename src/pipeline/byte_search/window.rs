//! A stream of bytes searched block by block: as it lies, and as a reader of its text sees it. A
//! value that two blocks share is found.

use super::escapes::{JsonEscapes, Quotes};
use super::needles::Pass;
use super::{Found, Place};

/// How a stream may hide text. What is no text is looked at as JSON too: that costs time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// CSV, with JSON in its cells.
    Csv,
    /// JSON.
    Json,
}

/// The views of one stream.
pub(super) struct Windows<'a> {
    text: Text,
    stored: Window<'a>,
    quotes: Quotes,
    unquoted: Window<'a>,
    escapes: JsonEscapes,
    unescaped: Window<'a>,
    buffers: [Vec<u8>; 2],
}

impl<'a> Windows<'a> {
    /// Nothing is read yet. `stored` is the place of what is found without looking through anything.
    pub fn new(pass: &'a Pass<'a>, text: Text, stored: Place) -> Self {
        Self {
            text,
            stored: Window::new(pass, stored),
            quotes: Quotes::default(),
            unquoted: Window::new(pass, Place::Unquoted),
            escapes: JsonEscapes::default(),
            unescaped: Window::new(pass, Place::Unescaped),
            buffers: [Vec::new(), Vec::new()],
        }
    }

    /// Looks at the bytes that follow.
    pub fn feed(&mut self, bytes: &[u8], found: &mut Found) {
        self.stored.feed(bytes, found);
        let [unquoted, unescaped] = &mut self.buffers;
        let mut bytes = bytes;
        if self.text == Text::Csv {
            unquoted.clear();
            self.quotes.resolve(bytes, unquoted);
            self.unquoted.feed(unquoted, found);
            found.decoded_bytes += unquoted.len() as u64;
            bytes = unquoted;
        }
        unescaped.clear();
        self.escapes.resolve(bytes, unescaped);
        self.unescaped.feed(unescaped, found);
        found.decoded_bytes += unescaped.len() as u64;
    }
}

/// One view: its last bytes, in which a value may begin that the next block ends.
struct Window<'a> {
    pass: &'a Pass<'a>,
    place: Place,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(pass: &'a Pass<'a>, place: Place) -> Self {
        Self { pass, place, bytes: Vec::new() }
    }

    fn feed(&mut self, block: &[u8], found: &mut Found) {
        let known = self.bytes.len();
        self.bytes.extend_from_slice(block);
        found.add(self.place, self.pass.count(&self.bytes, known));
        let keep = self.pass.longest.saturating_sub(1).min(self.bytes.len());
        self.bytes.drain(..self.bytes.len() - keep);
    }
}
