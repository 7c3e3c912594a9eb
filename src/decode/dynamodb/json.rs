//! A strict JSON scanner over the bytes of one line: what `serde_json` refuses, it refuses.
//!
//! Does not own what the JSON means (`dynamodb`). Strings come out as they stand, their escapes
//! checked; bytes that are not UTF-8 are left to the caller to refuse.

use wide::u8x16;

use super::outline::object_bytes;
use crate::decode::key::{Key, Met};
use crate::decode::piece::Piece;
use crate::decode::value::{Malformed, Text};
use crate::decode::walk::Walk;

/// A place in a line of JSON.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct Scanner<'a> {
    rest: &'a [u8],
    /// Bytes of the whole line.
    len: usize,
    /// Whether the whole line is known to be UTF-8, so that no string in it needs a look.
    utf8: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let utf8 = simdutf8::basic::from_utf8(bytes).is_ok();
        Self { rest: bytes, len: bytes.len(), utf8 }
    }

    /// Over bytes of a line that was walked before, and is well formed.
    #[inline]
    pub fn inside(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len(), utf8: true }
    }

    /// Whether the line is known to be UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Whether the bytes of a text of this line are UTF-8.
    #[inline]
    pub fn has_utf8(&self, text: Text<'_>) -> bool {
        self.utf8 || text.is_utf8()
    }

    /// Bytes that were taken.
    pub fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// What was taken between here and `end`, a later place in the same line.
    pub fn until(&self, end: &Self) -> &'a [u8] {
        self.rest.get(..self.rest.len() - end.rest.len()).unwrap_or_default()
    }

    /// Goes to a later place in the same line.
    #[inline]
    pub fn go_to(&mut self, later: Self) {
        self.rest = later.rest;
    }

    /// The next byte that is not white space, not yet taken.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest {
                [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] => self.rest = rest,
                rest => return rest.first().copied(),
            }
        }
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        self.rest = self.rest.get(1..).unwrap_or_default();
        true
    }

    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.take(byte) { Ok(()) } else { Err(Malformed) }
    }

    /// Nothing but white space is left.
    pub fn expect_end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_none() { Ok(()) } else { Err(Malformed) }
    }

    /// Takes the literal `word` if it is next.
    pub fn take_word(&mut self, word: &[u8]) -> bool {
        self.peek();
        self.take_exactly(word)
    }

    /// Takes `bytes` if they stand right here, without white space before them.
    #[inline]
    pub fn take_exactly(&mut self, bytes: &[u8]) -> bool {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the name that `key` spells if it stands right here, or the name with what opens a value
    /// of the type that is expected.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    pub fn take_key(&mut self, key: &Key) -> Option<Met> {
        let (met, rest) = key.strip(self.rest)?;
        self.rest = rest;
        Some(met)
    }

    /// Takes the name that `key` spells if it stands right here.
    #[inline]
    pub fn take_name_of(&mut self, key: &Key) -> bool {
        let name = self.rest.strip_prefix(key.name());
        self.rest = name.unwrap_or(self.rest);
        name.is_some()
    }

    /// Takes a text and the `"}` behind it, if it begins right here, has no escapes and is known to
    /// be UTF-8. Otherwise takes nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every text of every row comes here")]
    pub fn take_rest_of_text(&mut self) -> Option<Piece<'a>> {
        if !self.utf8 {
            return None;
        }
        let text = Piece::new(self.rest, plain_bytes(self.rest))?;
        let [b'"', b'}', behind @ ..] = text.behind() else { return None };
        self.rest = behind;
        Some(text)
    }

    /// Takes `{"T":` of a one-letter type if it stands right here, without white space.
    #[inline]
    pub fn take_letter_tag(&mut self) -> Option<u8> {
        match self.rest {
            [b'{', b'"', tag @ b'A'..=b'Z', b'"', b':', rest @ ..] => {
                self.rest = rest;
                Some(*tag)
            }
            _ => None,
        }
    }

    /// Takes a string, its quotes left off.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.expect(b'"')?;
        self.rest_of_string()
    }

    /// Takes a string of which the opening quote was taken, and the closing one.
    #[inline]
    pub fn rest_of_string(&mut self) -> Result<Text<'a>, Malformed> {
        match self.rest.split_at_checked(plain_bytes(self.rest)) {
            Some((bytes, [b'"', rest @ ..])) => {
                self.rest = rest;
                Ok(Text { bytes, escaped: false })
            }
            _ => self.escaped_string(),
        }
    }

    #[inline(never)]
    fn escaped_string(&mut self) -> Result<Text<'a>, Malformed> {
        let whole = self.rest;
        let mut len = 0;
        loop {
            let rest = whole.get(len..).unwrap_or_default();
            len += match rest {
                [b'"', ..] => break,
                [b'\\', ..] => escape(rest).ok_or(Malformed)?.0,
                _ => match plain_bytes(rest) {
                    0 => return Err(Malformed),
                    plain => plain,
                },
            };
        }
        let (bytes, rest) = whole.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(Text { bytes, escaped: true })
    }

    /// Takes a member's name and its colon. Names must be UTF-8.
    #[inline]
    pub fn name(&mut self) -> Result<Text<'a>, Malformed> {
        let name = self.string()?;
        self.expect(b':')?;
        if self.has_utf8(name) { Ok(name) } else { Err(Malformed) }
    }

    /// Passes over the object that stands right here, unchecked: by its quotes and braces alone.
    pub fn skip_object_unchecked(&mut self) -> Result<(), Malformed> {
        let len = object_bytes(self.rest).ok_or(Malformed)?;
        self.rest = self.rest.get(len..).unwrap_or_default();
        Ok(())
    }

    /// Passes over any JSON value, however deep.
    pub fn skip_value(&mut self, walk: &mut Walk) -> Result<(), Malformed> {
        walk.begin();
        loop {
            match self.peek().ok_or(Malformed)? {
                open @ (b'{' | b'[') => {
                    self.expect(open)?;
                    walk.enter(open == b'[', 0);
                }
                b'"' => {
                    let text = self.string()?;
                    if !self.has_utf8(text) {
                        return Err(Malformed);
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                _ if self.take_word(b"true") => {}
                _ if self.take_word(b"false") => {}
                _ if self.take_word(b"null") => {}
                _ => return Err(Malformed),
            }
            // Close what ends here, then stand before the next value.
            loop {
                let Some(frame) = walk.top() else { return Ok(()) };
                if self.take(if frame.list { b']' } else { b'}' }) {
                    walk.leave();
                    continue;
                }
                if frame.items > 0 {
                    self.expect(b',')?;
                }
                walk.count();
                if !frame.list {
                    self.name()?;
                }
                break;
            }
        }
    }

    /// Takes a number: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    fn number(&mut self) -> Result<(), Malformed> {
        self.take_byte(b"-");
        if !self.take_byte(b"0") {
            self.digits()?;
        }
        if self.take_byte(b".") {
            self.digits()?;
        }
        if self.take_byte(b"eE") {
            self.take_byte(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let count = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        if count > 0 { Ok(()) } else { Err(Malformed) }
    }

    /// Takes the very next byte if it is one of `wanted`.
    fn take_byte(&mut self, wanted: &[u8]) -> bool {
        match self.rest {
            [first, rest @ ..] if wanted.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

/// Bytes before the first quote, backslash or control character, sixteen at a time.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut at = 0;
    for chunk in chunks {
        let x = u8x16::from(*chunk);
        let is = |byte| x.simd_eq(u8x16::splat(byte));
        let stops = is(b'"') | is(b'\\') | x.min(u8x16::splat(0x1f)).simd_eq(x);
        let stops = stops.to_bitmask();
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += 16;
    }
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// The escape that `bytes` begin with: its length and the character it means.
fn escape(bytes: &[u8]) -> Option<(usize, char)> {
    let char = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return None,
    };
    Some((2, char))
}

/// `\uXXXX`, or two of them that make a surrogate pair; a lone surrogate is none.
fn unicode_escape(bytes: &[u8]) -> Option<(usize, char)> {
    let first = hex4(bytes.get(2..6)?)?;
    if let Some(char) = char::from_u32(first) {
        return Some((6, char));
    }
    let second = bytes.get(6..12)?.strip_prefix(b"\\u").and_then(hex4)?;
    if first < 0xdc00 && (0xdc00..0xe000).contains(&second) {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((12, char::from_u32(code)?));
    }
    None
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends what the inside of a checked string means.
pub(in crate::decode) fn unescape(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = bytes.iter().position(|b| *b == b'\\') {
        let (plain, rest) = bytes.split_at(at);
        out.extend_from_slice(plain);
        let Some((len, char)) = escape(rest) else { return };
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        bytes = rest.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
