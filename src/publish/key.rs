//! The key by which a repeated run is recognised.

use sha2::{Digest, Sha256};

/// SHA-256 (hex) over named parts, in order. Each name and value goes in with its length, so no
/// two lists of parts have one key.
#[must_use]
pub fn idempotency_key(parts: &[(&str, String)]) -> String {
    let mut hash = Sha256::new();
    for text in parts.iter().flat_map(|(name, value)| [*name, value.as_str()]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_changes_with_every_border_between_its_parts() {
        let key = |parts: &[(&str, &str)]| {
            idempotency_key(&parts.iter().map(|(n, v)| (*n, (*v).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(key(&[("a", "bc")]), key(&[("a", "bc")]));
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
        assert_ne!(key(&[("a", "b"), ("c", "")]), key(&[("a", ""), ("b", "c")]));
        assert_ne!(key(&[("a", "b")]), key(&[("a", "b"), ("", "")]));
    }
}
