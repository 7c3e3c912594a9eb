//! Where an object ends, by its quotes and braces alone: several times faster than checking it.
//!
//! Right for every object that is JSON. Of one that is not it tells some end or none, and whoever
//! reads the object finds that it is not JSON. Does not own that check (`json`).

use wide::u8x16;

/// Bytes that are looked at together: a bit for each fits a word.
const BLOCK_BYTES: usize = 64;

/// Bytes of the object that `bytes` begin with; none when it does not end.
pub(super) fn object_bytes(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks();
    let mut last = [b' '; BLOCK_BYTES];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mut outline = Outline::default();
    for (at, block) in blocks.iter().chain([&last]).enumerate() {
        if let Some(end) = outline.end_within(block) {
            return Some(at * BLOCK_BYTES + end);
        }
    }
    None
}

/// What is open behind the blocks that were looked at.
#[derive(Default)]
struct Outline {
    depth: usize,
    /// All bits are set within a string.
    in_string: u64,
    /// The next byte is escaped.
    escaping: bool,
}

impl Outline {
    /// Bytes of the block up to the end of the outermost object, when that lies in it.
    #[inline]
    fn end_within(&mut self, block: &[u8; BLOCK_BYTES]) -> Option<usize> {
        let is = |byte| move |bytes: u8x16| bytes.simd_eq(u8x16::splat(byte));
        let mut quotes = bits_where(block, is(b'"'));
        if self.escaping || bits_where(block, is(b'\\')) != 0 {
            quotes &= !self.escaped(block);
        }
        let strings = parity_up_to(quotes) ^ self.in_string;
        self.in_string = if strings >> (BLOCK_BYTES - 1) == 1 { u64::MAX } else { 0 };
        let mut braces = bits_where(block, |bytes| is(b'{')(bytes) | is(b'}')(bytes)) & !strings;
        while braces != 0 {
            let at = braces.trailing_zeros() as usize;
            braces &= braces - 1;
            if block.get(at) == Some(&b'{') {
                self.depth += 1;
            } else {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        None
    }

    /// The bytes that stand behind a backslash which is not escaped itself.
    #[cold]
    fn escaped(&mut self, block: &[u8; BLOCK_BYTES]) -> u64 {
        let mut escaped = 0;
        for (at, byte) in block.iter().enumerate() {
            if std::mem::take(&mut self.escaping) {
                escaped |= 1 << at;
            } else {
                self.escaping = *byte == b'\\';
            }
        }
        escaped
    }
}

/// A bit for each byte, the first the lowest.
#[inline(always)]
#[expect(clippy::inline_always, reason = "each of a few tests becomes a few instructions")]
fn bits_where(block: &[u8; BLOCK_BYTES], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let (sixteens, _) = block.as_chunks();
    let masks = sixteens.iter().map(|bytes| test(u8x16::from(*bytes)).to_bitmask());
    masks.enumerate().fold(0, |bits, (at, mask)| bits | u64::from(mask) << (16 * at))
}

/// For each bit whether an odd number of bits is set up to it, itself included.
#[inline]
fn parity_up_to(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, by| bits ^ bits << by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_ends_where_its_braces_say_wherever_they_fall() {
        for pad in 0..2 * BLOCK_BYTES {
            let pad = "x".repeat(pad);
            for text in [r"", r"}", r"{", r#"\""#, r"\\", r#"\\\"}"#, r#"}\\\\\"{"#] {
                let object = format!(r#"{{"{pad}":{{"{text}":"{text}{pad}{text}"}}}}"#);
                serde_json::from_str::<serde_json::Value>(&object).unwrap();
                for behind in ["", ",{}", "}", r#"""#] {
                    let bytes = format!("{object}{behind}");
                    assert_eq!(object_bytes(bytes.as_bytes()), Some(object.len()), "{bytes}");
                }
                for end in 0..object.len() {
                    assert_eq!(object_bytes(&object.as_bytes()[..end]), None, "{object} to {end}");
                }
            }
        }
    }
}
