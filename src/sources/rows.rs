//! Cuts a stream of bytes into pages of whole rows.
//!
//! A push decoder without I/O: bytes are appended, pages are taken. Pages depend on the bytes and
//! the sizes alone, never on how the bytes arrived. Does not own what is in a row.

use bytes::Bytes;

use crate::model::{ObjectPart, PageContent, RawFormat, RawPage, Split, SplitId};

/// Bytes kept of a row that is too large.
const HEAD_BYTES: usize = 64 * 1024;
/// Room beyond a page for what was read past its end.
const SPARE_BYTES: usize = 256 * 1024;
/// The smallest BSON document: its size and the closing zero.
const MIN_DOCUMENT_BYTES: i32 = 5;

/// Why the bytes do not divide into rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// Offset in the (inflated) object of the row that is wrong.
    pub offset_bytes: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Bytes that were read, as far as no page holds them yet.
#[derive(Debug)]
pub(super) struct RowCutter {
    split: SplitId,
    format: RawFormat,
    /// Offset at which the split ends, when it is a range.
    end_bytes: Option<u64>,
    page_bytes: usize,
    max_row_bytes: u64,
    /// Bytes of the (inflated) object from the next page on.
    buffer: Vec<u8>,
    /// Offset of the buffer in the (inflated) object.
    offset_bytes: u64,
    /// Ordinal of the first row that no page holds.
    next_row: u64,
    /// Length of the whole rows at the start of the buffer.
    whole_bytes: usize,
    /// Number of these rows.
    whole_rows: u64,
    /// Bytes behind them that are known to hold no line end.
    searched_bytes: usize,
    /// Row at the start of the buffer that is too large to be held.
    skip: Option<Skip>,
}

/// A row that is being skipped over.
#[derive(Debug)]
struct Skip {
    head: Vec<u8>,
    skipped_bytes: u64,
    /// Bytes to the end of the row, where its start says how many.
    left_bytes: Option<u64>,
}

/// What follows the whole rows of the buffer.
enum Next {
    Row { row_bytes: usize, end: usize },
    TooLarge { row_bytes: Option<u64> },
    Unfinished,
}

impl RowCutter {
    pub(super) fn new(
        split: &Split,
        object: &ObjectPart,
        page_bytes: usize,
        max_row_bytes: u64,
    ) -> Self {
        Self {
            split: split.id,
            format: split.format,
            end_bytes: object.range.map(|(_, end)| end),
            page_bytes,
            max_row_bytes,
            buffer: Vec::new(),
            offset_bytes: object.range.map_or(0, |(start, _)| start),
            next_row: 0,
            whole_bytes: 0,
            whole_rows: 0,
            searched_bytes: 0,
            skip: None,
        }
    }

    /// Where to append bytes.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Rows that were taken.
    pub(super) fn rows(&self) -> u64 {
        self.next_row
    }

    /// The next page, or none while it takes more bytes to fill it. `at_end` says that no more
    /// will come: then none means that all is taken.
    ///
    /// # Errors
    /// A document whose size cannot be, or rows that end in the middle of one.
    pub(super) fn next_page(&mut self, at_end: bool) -> Result<Option<RawPage>, Fault> {
        loop {
            if self.skip.is_some() {
                return self.skip_on(at_end);
            }
            match self.next(at_end)? {
                Next::Row { row_bytes, end } => {
                    self.whole_bytes = end;
                    self.whole_rows += u64::from(row_bytes > 0);
                    self.searched_bytes = 0;
                    if end < self.page_bytes {
                        continue;
                    }
                }
                Next::TooLarge { row_bytes } if self.whole_bytes == 0 => {
                    let head = Vec::new();
                    self.skip = Some(Skip { head, skipped_bytes: 0, left_bytes: row_bytes });
                    continue;
                }
                Next::Unfinished if !at_end || self.buffer.is_empty() => return Ok(None),
                Next::TooLarge { .. } | Next::Unfinished => {}
            }
            if let Some(page) = self.take_page() {
                return Ok(Some(page));
            }
        }
    }

    fn next(&mut self, at_end: bool) -> Result<Next, Fault> {
        match self.format {
            RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                Ok(self.next_line(at_end))
            }
            RawFormat::Bson => self.next_document(at_end),
        }
    }

    fn next_line(&mut self, at_end: bool) -> Next {
        let rest = self.buffer.get(self.whole_bytes..).unwrap_or_default();
        let unsearched = rest.get(self.searched_bytes..).unwrap_or_default();
        let row_bytes = match memchr::memchr(b'\n', unsearched) {
            Some(at) => self.searched_bytes + at,
            None => rest.len(),
        };
        self.searched_bytes = row_bytes;
        if row_bytes as u64 > self.max_row_bytes {
            Next::TooLarge { row_bytes: None }
        } else if row_bytes < rest.len() {
            Next::Row { row_bytes, end: self.whole_bytes + row_bytes + 1 }
        } else if at_end && row_bytes > 0 {
            Next::Row { row_bytes, end: self.whole_bytes + row_bytes }
        } else {
            Next::Unfinished
        }
    }

    fn next_document(&self, at_end: bool) -> Result<Next, Fault> {
        let offset_bytes = self.offset_bytes + self.whole_bytes as u64;
        let cut = Fault { offset_bytes, what: "the last document is cut off" };
        let rest = self.buffer.get(self.whole_bytes..).unwrap_or_default();
        let Some(prefix) = rest.first_chunk() else {
            return if at_end && !rest.is_empty() { Err(cut) } else { Ok(Next::Unfinished) };
        };
        let row_bytes = document_bytes(*prefix, offset_bytes)?;
        if self.end_bytes.is_some_and(|end| offset_bytes + row_bytes > end) {
            return Err(Fault { offset_bytes, what: "a document reaches beyond the end" });
        }
        if row_bytes > self.max_row_bytes {
            return Ok(Next::TooLarge { row_bytes: Some(row_bytes) });
        }
        match usize::try_from(row_bytes) {
            Ok(row_bytes) if row_bytes <= rest.len() => {
                Ok(Next::Row { row_bytes, end: self.whole_bytes + row_bytes })
            }
            _ if at_end => Err(cut),
            _ => Ok(Next::Unfinished),
        }
    }

    /// Takes the whole rows; none when they are but empty lines.
    fn take_page(&mut self) -> Option<RawPage> {
        let rest = self.buffer.get(self.whole_bytes..).unwrap_or_default();
        let mut kept = Vec::with_capacity(self.page_bytes.max(rest.len()) + SPARE_BYTES);
        kept.extend_from_slice(rest);
        let mut bytes = std::mem::replace(&mut self.buffer, kept);
        bytes.truncate(self.whole_bytes);
        let (rows, page_bytes) = (self.whole_rows, bytes.len() as u64);
        (self.whole_bytes, self.whole_rows) = (0, 0);
        let content = PageContent::Rows { format: self.format, bytes: Bytes::from(bytes) };
        self.page(content, rows, page_bytes)
    }

    /// Drops the bytes of the row that is too large; the page, once it has ended.
    fn skip_on(&mut self, at_end: bool) -> Result<Option<RawPage>, Fault> {
        let Some(skip) = &mut self.skip else { return Ok(None) };
        let length = self.buffer.len();
        let (row, dropped, ended) = match skip.left_bytes {
            Some(left) => {
                let row = usize::try_from(left).unwrap_or(length).min(length);
                skip.left_bytes = Some(left - row as u64);
                (row, row, left == row as u64)
            }
            None => match memchr::memchr(b'\n', &self.buffer) {
                Some(at) => (at, at + 1, true),
                None => (length, length, at_end),
            },
        };
        let head_room = HEAD_BYTES - skip.head.len();
        skip.head.extend(self.buffer.drain(..dropped).take(row.min(head_room)));
        skip.skipped_bytes += row as u64;
        self.searched_bytes = 0;
        if !ended {
            let cut =
                Fault { offset_bytes: self.offset_bytes, what: "the last document is cut off" };
            return if at_end { Err(cut) } else { Ok(None) };
        }
        let line_end = (dropped - row) as u64;
        let Some(Skip { head, skipped_bytes, .. }) = self.skip.take() else { return Ok(None) };
        let content = PageContent::Oversized {
            format: self.format,
            row_bytes: skipped_bytes,
            head: Bytes::from(head),
        };
        Ok(self.page(content, 1, skipped_bytes + line_end))
    }

    /// A page of `rows` that begins where the buffer did, `bytes` before where it begins now.
    fn page(&mut self, content: PageContent, rows: u64, bytes: u64) -> Option<RawPage> {
        let page = RawPage {
            split: self.split,
            first_row: self.next_row,
            offset_bytes: self.offset_bytes,
            content,
            resume: None,
        };
        self.next_row += rows;
        self.offset_bytes += bytes;
        (rows > 0).then_some(page)
    }
}

/// The size of a BSON document by its prefix.
///
/// # Errors
/// A size that no document has.
pub(super) fn document_bytes(prefix: [u8; 4], offset_bytes: u64) -> Result<u64, Fault> {
    let size = i32::from_le_bytes(prefix);
    match u64::try_from(size) {
        Ok(bytes) if size >= MIN_DOCUMENT_BYTES => Ok(bytes),
        _ => Err(Fault { offset_bytes, what: "a document states a size that cannot be" }),
    }
}
