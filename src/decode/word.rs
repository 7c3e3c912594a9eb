//! Eight bytes in a word, looked at all at once. The first byte is the lowest.

/// 1 in every byte.
pub(super) const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of every byte.
pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of the first byte of `x` that is zero, and perhaps of some behind it.
#[inline]
pub(super) fn zero_bytes(x: u64) -> u64 {
    x.wrapping_sub(ONES) & !x & HIGH
}
