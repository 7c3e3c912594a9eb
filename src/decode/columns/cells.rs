//! The cells of a column while it grows: values and which of them are null. They can be taken
//! back to an earlier length, which the builders of Arrow cannot.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

use crate::decode::piece::Piece;

/// The places of cells that are null. A valid cell leaves no trace, so it costs nothing.
#[derive(Debug, Default)]
pub(in crate::decode) struct Nulls(Vec<usize>);

impl Nulls {
    /// Takes note of a cell that is null; places come in ascending order.
    #[inline]
    pub fn push(&mut self, place: usize) {
        self.0.push(place);
    }

    /// Forgets the cells from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(self.0.partition_point(|place| *place < len));
    }

    /// The nulls among `len` cells; none is left.
    pub fn finish(&mut self, len: usize) -> Option<NullBuffer> {
        if self.0.is_empty() {
            return None;
        }
        let mut valid = BooleanBufferBuilder::new(len);
        valid.append_n(len, true);
        self.0.drain(..).for_each(|place| valid.set_bit(place, false));
        Some(NullBuffer::new(valid.finish()))
    }
}

/// Cells of a fixed size.
#[derive(Debug)]
pub(super) struct Cells<T> {
    values: Vec<T>,
    nulls: Nulls,
}

impl<T: ArrowNativeType> Cells<T> {
    pub fn new() -> Self {
        Self { values: Vec::new(), nulls: Nulls::default() }
    }

    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
    }

    #[inline]
    pub fn push_option(&mut self, value: Option<T>) {
        if value.is_none() {
            self.nulls.push(self.values.len());
        }
        self.values.push(value.unwrap_or_default());
    }

    pub fn push_null(&mut self) {
        self.push_option(None);
    }

    /// Forgets all cells but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    /// The cells since the last time; room for as many is kept ready.
    pub fn finish(&mut self) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        let nulls = self.nulls.finish(self.values.len());
        let room = Vec::with_capacity(self.values.len());
        (std::mem::replace(&mut self.values, room).into(), nulls)
    }
}

/// Room that is made for bytes at least.
const MIN_ROOM_BYTES: usize = 1024;

/// Cells of bytes.
#[derive(Debug)]
pub(in crate::decode) struct ByteCells {
    /// The bytes of the cells, and behind them room that is cleared.
    bytes: Vec<u8>,
    /// Bytes of all cells.
    len_bytes: usize,
    /// Where each cell begins, and the next one.
    offsets: Vec<i32>,
    nulls: Nulls,
}

impl ByteCells {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), len_bytes: 0, offsets: vec![0], nulls: Nulls::default() }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.copy(bytes);
        self.end(bytes.len());
    }

    /// Appends a piece of a row: short ones in one copy of fixed size, which costs no call.
    #[inline]
    pub fn push_piece(&mut self, piece: Piece<'_>) {
        let room = self.bytes.get_mut(self.len_bytes..).and_then(<[u8]>::first_chunk_mut);
        match (piece.chunk(), room) {
            (Some(chunk), Some(room)) => *room = *chunk,
            _ => self.copy(piece.bytes()),
        }
        self.end(piece.len());
    }

    /// Copies bytes of any length, and makes room for those to come when there is none.
    #[inline(never)]
    fn copy(&mut self, bytes: &[u8]) {
        let end = self.len_bytes + bytes.len();
        if self.bytes.len() < end + Piece::CHUNK_BYTES {
            self.bytes.resize(2 * end + MIN_ROOM_BYTES, 0);
        }
        if let Some(room) = self.bytes.get_mut(self.len_bytes..end) {
            room.copy_from_slice(bytes);
        }
    }

    pub fn push_null(&mut self) {
        self.nulls.push(self.len());
        self.end(0);
    }

    /// Ends a cell of `bytes` bytes.
    #[inline]
    fn end(&mut self, bytes: usize) {
        self.len_bytes += bytes;
        // A page is far smaller than 2 GiB.
        self.offsets.push(i32::try_from(self.len_bytes).unwrap_or(i32::MAX));
    }

    /// Forgets all cells but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.len_bytes = self.offsets.last().map_or(0, |end| end.unsigned_abs() as usize);
        self.nulls.truncate(len);
    }

    /// The cells since the last time; room for a few more is kept ready.
    pub fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let (nulls, len_bytes) = (self.nulls.finish(self.len()), self.len_bytes);
        let mut bytes =
            std::mem::replace(&mut self.bytes, vec![0; len_bytes + len_bytes / 8 + MIN_ROOM_BYTES]);
        bytes.truncate(len_bytes);
        self.len_bytes = 0;
        let mut room = Vec::with_capacity(self.offsets.len());
        room.push(0);
        let offsets = std::mem::replace(&mut self.offsets, room);
        (OffsetBuffer::new(offsets.into()), bytes.into(), nulls)
    }
}
