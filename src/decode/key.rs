//! The name of a member as its format spells it, held against the bytes of a row without a call.

use crate::model::RawFormat;

use super::direct::Expected;
use super::dynamodb;

/// Words of eight bytes that are compared at once.
const WORDS: usize = 4;
const WORDS_BYTES: usize = WORDS * 8;

/// A spelled name: quoted and with its colon, or ended by NUL. Where the format allows, what opens a
/// value of the expected type is held against the row in the same go.
#[derive(Debug)]
pub(super) struct Key {
    /// The name and the opening.
    spelled: Vec<u8>,
    name_len: usize,
    /// What was met when all of it was.
    whole: Met,
    /// Their first bytes as words, and which bits of them count, of all and of the name alone.
    words: [u64; WORDS],
    masks: [u64; WORDS],
    name_masks: [u64; WORDS],
    /// Whether the words hold all of it.
    is_short: bool,
}

/// What was met of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Name,
    NameAndOpening,
}

impl Key {
    /// How `format` mostly spells `name` before a value that is `expected`; none when it cannot hold it.
    pub fn new(name: &str, expected: Expected, format: RawFormat) -> Option<Self> {
        match format {
            RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                let name = format!("{}:", serde_json::Value::from(name));
                Some(Self::of(name.into_bytes(), dynamodb::opening(expected)))
            }
            RawFormat::Bson => {
                (!name.contains('\0')).then(|| Self::of([name.as_bytes(), b"\0"].concat(), b""))
            }
        }
    }

    fn of(name: Vec<u8>, opening: &[u8]) -> Self {
        let name_len = name.len();
        let spelled = [name.as_slice(), opening].concat();
        let ones = |len: usize| words(&vec![0xff; len]);
        Self {
            name_len,
            whole: if opening.is_empty() { Met::Name } else { Met::NameAndOpening },
            words: words(&spelled),
            masks: ones(spelled.len()),
            name_masks: ones(name_len),
            is_short: spelled.len() <= WORDS_BYTES,
            spelled,
        }
    }

    /// What `bytes` begin with of the key, and what follows that.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every name of every row comes here")]
    pub fn strip<'a>(&self, bytes: &'a [u8]) -> Option<(Met, &'a [u8])> {
        // Bytes that were put together for this would be read before they are written: at the end of a
        // row that costs more than the two comparisons it saves.
        let Some(head) = bytes.first_chunk::<WORDS_BYTES>().filter(|_| self.is_short) else {
            return self.strip_slowly(bytes);
        };
        let mut other = self.words;
        for (other, word) in other.iter_mut().zip(head.as_chunks().0) {
            *other ^= u64::from_le_bytes(*word);
        }
        // Without an early end the compiler makes vectors of it.
        let differs = |masks: &[u64; WORDS]| {
            other.iter().zip(masks).fold(0, |found, (other, mask)| found | other & mask) != 0
        };
        if !differs(&self.masks) {
            Some((self.whole, bytes.get(self.spelled.len()..)?))
        } else if !differs(&self.name_masks) {
            Some((Met::Name, bytes.get(self.name_len..)?))
        } else {
            None
        }
    }

    /// The spelled name alone.
    #[inline]
    pub fn name(&self) -> &[u8] {
        self.spelled.get(..self.name_len).unwrap_or_default()
    }

    #[inline(never)]
    fn strip_slowly<'a>(&self, bytes: &'a [u8]) -> Option<(Met, &'a [u8])> {
        if let Some(rest) = bytes.strip_prefix(self.spelled.as_slice()) {
            return Some((self.whole, rest));
        }
        bytes.strip_prefix(self.name()).map(|rest| (Met::Name, rest))
    }
}

/// The first bytes as words; the first byte is the lowest.
fn words(bytes: &[u8]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
        *word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_stands_and_nowhere_else() {
        for len in [1, 7, 8, 9, 28, 29, 30, 40] {
            let name = "n".repeat(len);
            let key = Key::new(&name, Expected::Text, RawFormat::Bson).unwrap();
            for behind in ["", "x", &"x".repeat(64)] {
                let bytes = format!("{name}\0{behind}");
                let whole = Some((Met::Name, behind.as_bytes()));
                assert_eq!(key.strip(bytes.as_bytes()), whole, "{len}");
                for at in 0..=len {
                    let mut other = bytes.clone().into_bytes();
                    other[at] ^= 1;
                    assert_eq!(key.strip(&other), None, "{len}, another byte at {at}");
                }
            }
            assert_eq!(key.strip(name.as_bytes()), None, "{len}, without its end");
        }
    }

    #[test]
    fn a_value_of_another_kind_leaves_its_opening() {
        for len in [1, 10, 22, 23, 24, 30] {
            let name = "n".repeat(len);
            let key = Key::new(&name, Expected::Text, RawFormat::DynamodbJson).unwrap();
            for (value, met, left) in [
                (r#"{"S":"x"}"#, Met::NameAndOpening, r#"x"}"#),
                (r#"{"N":"1"}"#, Met::Name, r#"{"N":"1"}"#),
                ("", Met::Name, ""),
            ] {
                for behind in ["", &" ".repeat(40)] {
                    let row = format!("\"{name}\":{value}{behind}");
                    let left = format!("{left}{behind}");
                    assert_eq!(key.strip(row.as_bytes()), Some((met, left.as_bytes())), "{row}");
                }
            }
        }
    }

    #[test]
    fn names_are_spelled_as_the_formats_write_them() {
        let spelled = |name, format| Key::new(name, Expected::Other, format).map(|key| key.spelled);
        let json = RawFormat::DynamodbJson;
        assert_eq!(spelled("a\"b", json).as_deref(), Some(&br#""a\"b":"#[..]));
        assert_eq!(spelled("ab", RawFormat::Bson).as_deref(), Some(&b"ab\0"[..]));
        assert_eq!(spelled("a\0b", RawFormat::Bson), None);
    }
}
