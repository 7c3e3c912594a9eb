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

/// What eight digits stand for, each in its byte; none when a byte is no digit.
#[inline]
pub(super) fn digit_values(digits: u64) -> Option<u64> {
    let values = digits.wrapping_sub(ONES * u64::from(b'0'));
    // Of the first byte that is none, the high bit is set: here, or when 0x76 is added.
    let odd = (values | values.wrapping_add(ONES * 0x76)) & HIGH;
    (odd == 0).then_some(values)
}

/// Whether all bytes are ASCII and none is NUL.
#[inline]
pub(super) fn is_ascii_without_nul(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<8>();
    // Of a byte that is neither, the high bit is set, here or one below.
    let odd = |x: u64| (x | x.wrapping_sub(ONES)) & HIGH;
    let found = chunks.iter().fold(0, |found, chunk| found | odd(u64::from_le_bytes(*chunk)));
    found == 0 && rest.iter().all(|byte| matches!(byte, 1..0x80))
}
