//! Finds where documents begin in a BSON file by hopping over their size prefixes, and so where
//! the file may be cut for parallel reading.
//!
//! A push decoder without I/O.

use crate::sources::rows::{Fault, document_bytes};

/// Whole documents that lie next to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Offset of the first document.
    pub start: u64,
    /// Offset behind the last one.
    pub end: u64,
    /// Number of documents.
    pub rows: u64,
}

/// Where hopping through a file stands.
#[derive(Debug)]
pub(super) struct Hopper {
    file_bytes: u64,
    range_bytes: u64,
    /// Bytes that were seen.
    seen_bytes: u64,
    /// The document that is looked at: its offset, and what is known of its size prefix.
    document: u64,
    prefix: [u8; 4],
    prefix_bytes: usize,
    range: Range,
    ranges: Vec<Range>,
}

impl Hopper {
    /// Will cut a file of `file_bytes` into ranges of at least `range_bytes`.
    pub(super) fn new(file_bytes: u64, range_bytes: u64) -> Self {
        Self {
            file_bytes,
            range_bytes,
            seen_bytes: 0,
            document: 0,
            prefix: [0; 4],
            prefix_bytes: 0,
            range: Range { start: 0, end: 0, rows: 0 },
            ranges: Vec::new(),
        }
    }

    /// Looks at the next bytes of the file.
    ///
    /// # Errors
    /// A document whose size cannot be, or that reaches beyond the file.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        while let Some(byte) = self.next_prefix_byte(bytes) {
            if let Some(place) = self.prefix.get_mut(self.prefix_bytes) {
                *place = byte;
            }
            self.prefix_bytes += 1;
            if self.prefix_bytes == self.prefix.len() {
                self.hop()?;
            }
        }
        self.seen_bytes += bytes.len() as u64;
        Ok(())
    }

    fn next_prefix_byte(&self, bytes: &[u8]) -> Option<u8> {
        let at = (self.document + self.prefix_bytes as u64).checked_sub(self.seen_bytes)?;
        bytes.get(usize::try_from(at).ok()?).copied()
    }

    fn hop(&mut self) -> Result<(), Fault> {
        let next = self.document + document_bytes(self.prefix, self.document)?;
        if next > self.file_bytes {
            return Err(self.cut());
        }
        (self.document, self.prefix_bytes) = (next, 0);
        self.range.end = next;
        self.range.rows += 1;
        if next - self.range.start >= self.range_bytes {
            self.ranges.push(self.range);
            self.range = Range { start: next, end: next, rows: 0 };
        }
        Ok(())
    }

    /// The ranges: at least one, and together the whole file.
    ///
    /// # Errors
    /// A file that ends within a document.
    pub(super) fn finish(mut self) -> Result<Vec<Range>, Fault> {
        if self.document != self.file_bytes {
            return Err(self.cut());
        }
        if self.range.rows > 0 || self.ranges.is_empty() {
            self.ranges.push(self.range);
        }
        Ok(self.ranges)
    }

    fn cut(&self) -> Fault {
        Fault { offset_bytes: self.document, what: "the file ends within a document" }
    }
}
