//! The name of a member as its format spells it, held against the bytes of a row without a call.

use crate::model::RawFormat;

/// Words of eight bytes that are compared at once.
const WORDS: usize = 4;
const WORDS_BYTES: usize = WORDS * 8;

/// A spelled name: quoted and with its colon, or ended by NUL.
#[derive(Debug)]
pub(super) struct Key {
    spelled: Vec<u8>,
    /// Its first bytes as words, and which bits of them count.
    words: [u64; WORDS],
    masks: [u64; WORDS],
    /// Whether the words hold all of it.
    is_short: bool,
}

impl Key {
    /// How `format` mostly spells `name`; none when it cannot hold it.
    pub fn new(name: &str, format: RawFormat) -> Option<Self> {
        match format {
            RawFormat::DynamodbJson | RawFormat::DynamodbItem | RawFormat::DynamodbChange => {
                Some(Self::of(format!("{}:", serde_json::Value::from(name)).into_bytes()))
            }
            RawFormat::Bson => {
                (!name.contains('\0')).then(|| Self::of([name.as_bytes(), b"\0"].concat()))
            }
        }
    }

    fn of(spelled: Vec<u8>) -> Self {
        let (mut words, mut masks) = ([0; WORDS], [0; WORDS]);
        let chunks = spelled.chunks(8).zip(words.iter_mut().zip(&mut masks));
        for (chunk, (word, mask)) in chunks {
            let spread = |of: &dyn Fn(u8) -> u8| {
                let bytes = chunk.iter().rev();
                bytes.fold(0, |word: u64, byte| word << 8 | u64::from(of(*byte)))
            };
            (*word, *mask) = (spread(&|byte| byte), spread(&|_| 0xff));
        }
        Self { is_short: spelled.len() <= WORDS_BYTES, spelled, words, masks }
    }

    /// What follows the key, if `bytes` begin with it.
    #[inline]
    pub fn strip<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Some(head) = bytes.first_chunk::<WORDS_BYTES>().filter(|_| self.is_short) else {
            return bytes.strip_prefix(self.spelled.as_slice());
        };
        let words = head.as_chunks::<8>().0.iter().zip(self.words.iter().zip(&self.masks));
        for (bytes, (word, mask)) in words {
            if u64::from_le_bytes(*bytes) & mask != *word {
                return None;
            }
        }
        bytes.get(self.spelled.len()..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_stands_and_nowhere_else() {
        for len in [1, 7, 8, 9, 28, 29, 30, 40] {
            let name = "n".repeat(len);
            let key = Key::new(&name, RawFormat::Bson).unwrap();
            for behind in ["", "x", &"x".repeat(64)] {
                let bytes = format!("{name}\0{behind}");
                assert_eq!(key.strip(bytes.as_bytes()), Some(behind.as_bytes()), "{len}");
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
    fn names_are_spelled_as_the_formats_write_them() {
        let spelled = |name, format| Key::new(name, format).map(|key| key.spelled);
        let json = RawFormat::DynamodbJson;
        assert_eq!(spelled("a\"b", json).as_deref(), Some(&br#""a\"b":"#[..]));
        assert_eq!(spelled("ab", RawFormat::Bson).as_deref(), Some(&b"ab\0"[..]));
        assert_eq!(spelled("a\0b", RawFormat::Bson), None);
    }
}
