//! A part of a row that is copied, together with what follows it there.

/// Bytes of a row that end before the row does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// The bytes and what follows them.
    from: &'a [u8],
    len: usize,
}

impl<'a> Piece<'a> {
    /// Bytes that are copied at once, more than most texts have.
    pub const CHUNK_BYTES: usize = 32;

    /// The first `len` bytes of `from`; none when it has fewer.
    #[inline]
    pub fn new(from: &'a [u8], len: usize) -> Option<Self> {
        (len <= from.len()).then_some(Self { from, len })
    }

    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.from.get(..self.len).unwrap_or_default()
    }

    /// What follows the bytes in their row.
    #[inline]
    pub fn behind(self) -> &'a [u8] {
        self.from.get(self.len..).unwrap_or_default()
    }

    /// The first eight bytes, whatever follows in their place where there are fewer, if the row has
    /// so many.
    #[inline]
    pub fn word(self) -> Option<u64> {
        self.from.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
    }

    /// The bytes and some that follow them, if they are so few and so many follow.
    #[inline]
    pub fn chunk(self) -> Option<&'a [u8; Piece::CHUNK_BYTES]> {
        self.from.first_chunk().filter(|_| self.len <= Self::CHUNK_BYTES)
    }
}
