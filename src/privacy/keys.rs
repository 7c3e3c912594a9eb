//! The keys, and the hashes that are taken with them.
//!
//! A hash is HMAC-SHA256 over parts of told length: what it is for (a text with a version), the
//! domain or field, the value. So one value has different hashes for different uses, and no two
//! lists of parts have the same bytes.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, ErrorKind, Result};

/// Least length of a secret.
pub const MIN_SECRET_BYTES: usize = 32;

const PSEUDONYM: &str = "consign pseudonym v1";
const MARK: &str = "consign suppression v1";

/// Keys by their ids. The first takes pseudonyms, the others still recognise. Secrets are wiped
/// from memory when the ring is dropped, and never shown.
pub struct KeyRing(Vec<Key>);

struct Key {
    id: String,
    /// Has taken in the secret, and nothing else yet.
    mac: Hmac<Sha256>,
}

/// A keyed hash for one use, of any number of values.
#[derive(Clone)]
pub struct KeyedHash {
    key_id: String,
    /// Has taken in everything but the value.
    mac: Hmac<Sha256>,
}

impl KeyRing {
    /// No keys yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a key behind the others.
    ///
    /// # Errors
    /// `Usage` when the id is no word or taken, or the secret too short.
    pub(super) fn add(&mut self, id: &str, secret: &[u8]) -> Result<()> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if id.is_empty() || id.len() > 32 || !id.chars().all(is_word) {
            let message = "the id of a key must be 1 to 32 letters, digits, `-`, `_` or `.`";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        if self.0.iter().any(|key| key.id == id) {
            return Err(Error::new(ErrorKind::Usage, "two keys have one id").with("id", id));
        }
        if secret.len() < MIN_SECRET_BYTES {
            let message = format!("the secret of a key is shorter than {MIN_SECRET_BYTES} bytes");
            return Err(Error::new(ErrorKind::Usage, message).with("id", id));
        }
        let mac = Hmac::new_from_slice(secret)
            // No length is refused; its error says nothing of the secret.
            .map_err(|_| Error::new(ErrorKind::Unexpected, "the secret of a key is not taken"))?;
        self.0.push(Key { id: id.to_owned(), mac });
        Ok(())
    }

    /// Ids of the keys, the present one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Pseudonyms of `domain` under the present key; none when the ring is empty.
    #[must_use]
    pub fn pseudonyms(&self, domain: &str) -> Option<KeyedHash> {
        self.pseudonyms_of_every_key(domain).next()
    }

    /// Pseudonyms of `domain` under each key, by which a value that was written is found again.
    pub fn pseudonyms_of_every_key(&self, domain: &str) -> impl Iterator<Item = KeyedHash> {
        self.0.iter().map(move |key| key.hash(PSEUDONYM, domain))
    }

    /// Suppression marks of the subject field `field` under the present key; none when the ring is
    /// empty.
    #[must_use]
    pub fn marks(&self, field: &str) -> Option<KeyedHash> {
        self.0.first().map(|key| key.hash(MARK, field))
    }

    /// Suppression marks of `field` as they were taken with the key `key_id`; none without it.
    #[must_use]
    pub fn marks_of(&self, key_id: &str, field: &str) -> Option<KeyedHash> {
        let key = self.0.iter().find(|key| key.id == key_id);
        key.map(|key| key.hash(MARK, field))
    }
}

impl Key {
    fn hash(&self, purpose: &str, of: &str) -> KeyedHash {
        let mut mac = self.mac.clone();
        for part in [purpose, of] {
            take_in(&mut mac, part.as_bytes());
        }
        KeyedHash { key_id: self.id.clone(), mac }
    }
}

/// A part of the message: its length as eight bytes, the greatest first, then the part.
fn take_in(mac: &mut Hmac<Sha256>, part: &[u8]) {
    mac.update(&(part.len() as u64).to_be_bytes());
    mac.update(part);
}

impl KeyedHash {
    /// Id of the key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The 32 bytes for `value`.
    #[must_use]
    pub fn bytes(&self, value: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        take_in(&mut mac, value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The same as 64 hex digits: a suppression mark.
    #[must_use]
    pub fn hex(&self, value: &str) -> String {
        hex::encode(self.bytes(value))
    }

    /// `<key id>:<64 hex digits>`: a pseudonym.
    #[must_use]
    pub fn text(&self, value: &str) -> String {
        format!("{}:{}", self.key_id, self.hex(value))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedHash({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys `2026Q4` with the bytes 0 to 31 and `2026Q3` with 32 times 0xff.
    fn ring() -> KeyRing {
        let mut ring = KeyRing::new();
        ring.add("2026Q4", &(0..32).collect::<Vec<u8>>()).unwrap();
        ring.add("2026Q3", &[0xff; 32]).unwrap();
        ring
    }

    /// What Python's `hmac` says:
    ///
    /// ```text
    /// python3 -c '
    /// import hmac, struct
    /// def h(secret, *parts):
    ///     message = b"".join(struct.pack(">Q", len(p.encode())) + p.encode() for p in parts)
    ///     print(hmac.new(secret, message, "sha256").hexdigest())
    /// now, before = bytes(range(32)), b"\xff" * 32
    /// h(now, "consign pseudonym v1", "email", "ana@shop.example.com")
    /// h(now, "consign pseudonym v1", "email", "")
    /// h(now, "consign pseudonym v1", "customer_id", "ana@shop.example.com")
    /// h(before, "consign pseudonym v1", "email", "ana@shop.example.com")
    /// h(now, "consign suppression v1", "email", "ana@shop.example.com")
    /// h(now, "consign pseudonym v1", "name", "J\u00f6rg")'
    /// ```
    const BY_PYTHON: [&str; 6] = [
        "23e625848c2953e30ac5ebd2fad86b3d655d5f51c4ec743c4f55a43623488ccd",
        "15a769ac0a84255fb7bb29fb8cf233262e59480afd0bbc4b4f719a8f2aa197cd",
        "abb628fd4f29a0cabd8e71c70ace6e49a90fe5bc303f981f32406acb90ff3413",
        "05420a1eb6f5d5479cb658d4455656612df6d2092e0a4200c7f2a62b8b5dc8eb",
        "53ed2cee81bf5ad4f43e2a6775b2a92bf59fdad09c97bf0fcb0d24d1667ea9ab",
        "e7988e8b13e06c25127487e04cf7733cdbfa7aac2972449ed0693da938b4444f",
    ];

    #[test]
    fn hashes_are_those_of_python() {
        let ring = ring();
        let ana = "ana@shop.example.com";
        let now = |domain: &str| ring.pseudonyms(domain).unwrap();
        let before = ring.pseudonyms_of_every_key("email").nth(1).unwrap();
        let marks = ring.marks("email").unwrap();
        let hashes = [
            now("email").hex(ana),
            now("email").hex(""),
            now("customer_id").hex(ana),
            before.hex(ana),
            marks.hex(ana),
            now("name").hex("Jörg"),
        ];
        assert_eq!(hashes, BY_PYTHON);
        assert_eq!(now("email").text(ana), format!("2026Q4:{}", BY_PYTHON[0]));
        assert_eq!(before.text(ana), format!("2026Q3:{}", BY_PYTHON[3]));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let ring = ring();
        let hash = |domain: &str, value: &str| ring.pseudonyms(domain).unwrap().bytes(value);
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        assert_ne!(hash("", "abc"), hash("abc", ""));
    }

    #[test]
    fn a_hash_is_taken_by_the_key_that_is_asked_for() {
        let ring = ring();
        let key_ids: Vec<_> = ring.ids().collect();
        assert_eq!(key_ids, ["2026Q4", "2026Q3"]);
        let marks = |key_id| ring.marks_of(key_id, "email");
        assert_eq!(marks("2026Q4").unwrap().hex("x"), ring.marks("email").unwrap().hex("x"));
        assert_ne!(marks("2026Q3").unwrap().hex("x"), marks("2026Q4").unwrap().hex("x"));
        assert!(marks("2026Q2").is_none());
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused() {
        let mut ring = ring();
        for (id, secret) in
            [("", [1; 32].as_slice()), ("a:b", &[1; 32]), ("2026Q4", &[1; 32]), ("short", &[1; 31])]
        {
            assert_eq!(ring.add(id, secret).unwrap_err().kind(), ErrorKind::Usage, "{id}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let shown = format!("{:?} {:?}", ring(), ring().pseudonyms("email").unwrap());
        assert_eq!(shown, "[\"2026Q4\", \"2026Q3\"] KeyedHash(2026Q4)");
    }
}
