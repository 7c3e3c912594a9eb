//! The column with the names of the optional fields that a row does not have.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};

use super::columns::cells::{ByteCells, Nulls};
use super::piece::Piece;

#[derive(Debug)]
pub(super) struct MissingFields {
    /// The optional fields, sorted by name.
    optional: Vec<Optional>,
    names: ByteCells,
    /// Where the names of each row begin, and those of the next one.
    offsets: Vec<i32>,
    nulls: Nulls,
}

#[derive(Debug)]
struct Optional {
    /// The name, and zeros behind it, so that it is copied like a text of a row.
    padded: Vec<u8>,
    name_len: usize,
    /// Index of the field's column.
    column: usize,
}

impl MissingFields {
    /// The optional fields by name and index of their columns.
    pub fn new<'f>(optional: impl Iterator<Item = (&'f str, usize)>) -> Self {
        let mut optional: Vec<_> = optional.collect();
        optional.sort_unstable();
        let padded = |(name, column): (&str, usize)| {
            let mut padded = name.as_bytes().to_vec();
            padded.resize(name.len() + Piece::CHUNK_BYTES, 0);
            Optional { padded, name_len: name.len(), column }
        };
        Self {
            optional: optional.into_iter().map(padded).collect(),
            names: ByteCells::new(),
            offsets: vec![0],
            nulls: Nulls::default(),
        }
    }

    /// Appends the names of those fields whose column has nothing for the row.
    pub fn append(&mut self, is_missing: impl Fn(usize) -> bool) {
        for optional in self.optional.iter().filter(|optional| is_missing(optional.column)) {
            if let Some(name) = Piece::new(&optional.padded, optional.name_len) {
                self.names.push_piece(name);
            }
        }
        self.end();
    }

    pub fn append_null(&mut self) {
        self.nulls.push(self.offsets.len() - 1);
        self.end();
    }

    fn end(&mut self) {
        // A page is far smaller than 2^31 names.
        self.offsets.push(i32::try_from(self.names.len()).unwrap_or(i32::MAX));
    }

    /// The names since the last time.
    pub fn finish(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish(self.offsets.len() - 1);
        let offsets = OffsetBuffer::new(std::mem::replace(&mut self.offsets, vec![0]).into());
        let (name_offsets, names, _) = self.names.finish();
        let names = StringArray::new(name_offsets, names, None);
        let element = Arc::new(Field::new("element", DataType::Utf8, true));
        Arc::new(ListArray::new(element, offsets, Arc::new(names), nulls))
    }
}
