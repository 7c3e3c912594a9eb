//! The cells of a column while it grows: values and which of them are valid. They can be taken
//! back to an earlier length, which the builders of Arrow cannot.

use arrow::array::NullBufferBuilder;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

/// Cells of a fixed size.
#[derive(Debug)]
pub(super) struct Cells<T> {
    values: Vec<T>,
    validity: NullBufferBuilder,
}

impl<T: ArrowNativeType> Cells<T> {
    pub fn new() -> Self {
        Self { values: Vec::new(), validity: NullBufferBuilder::new(0) }
    }

    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
        self.validity.append_non_null();
    }

    pub fn push_option(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.validity.append(value.is_some());
    }

    pub fn push_null(&mut self) {
        self.push_option(None);
    }

    /// Forgets all cells but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.validity.truncate(len);
    }

    /// The cells since the last time; room for as many is kept ready.
    pub fn finish(&mut self) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        let room = Vec::with_capacity(self.values.len());
        (std::mem::replace(&mut self.values, room).into(), self.validity.finish())
    }
}

/// Cells of bytes.
#[derive(Debug)]
pub(super) struct ByteCells {
    bytes: Vec<u8>,
    /// Where each cell ends among the bytes.
    ends: Vec<i32>,
    validity: NullBufferBuilder,
}

impl ByteCells {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), validity: NullBufferBuilder::new(0) }
    }

    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.end(true);
    }

    pub fn push_null(&mut self) {
        self.end(false);
    }

    #[inline]
    fn end(&mut self, valid: bool) {
        // A page is far smaller than 2 GiB.
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
        self.validity.append(valid);
    }

    /// Forgets all cells but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let bytes = self.ends.last().map_or(0, |end| end.unsigned_abs() as usize);
        self.bytes.truncate(bytes);
        self.validity.truncate(len);
    }

    /// The cells since the last time; room for as many is kept ready.
    pub fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let room = (Vec::with_capacity(self.bytes.len()), Vec::with_capacity(self.ends.len()));
        let bytes = std::mem::replace(&mut self.bytes, room.0);
        let ends = std::mem::replace(&mut self.ends, room.1);
        let offsets = OffsetBuffer::new(std::iter::once(0).chain(ends).collect());
        (offsets, bytes.into(), self.validity.finish())
    }
}
