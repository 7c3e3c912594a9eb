//! The text of a key file: TOML, a `[[key]]` for each key, the present one first.
//!
//! Errors name lines and ids, never what stands there. Does not own reading and writing the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::keys::KeyRing;
use crate::error::{Error, ErrorKind, Result};

const FORM: &str = "a key file holds, for each key, the lines `[[key]]`, `id = \"2026Q4\"` and \
                    `secret = \"…\"` (base64); `consign privacy new-key --to FILE` writes one";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    secret: Zeroizing<String>,
}

impl KeyRing {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// `Usage` when it is no key file, holds no key, or one that cannot be used. Never with a part
    /// of the text.
    pub fn parse(text: &str) -> Result<Self> {
        let file: KeyFile = toml::from_str(text)
            .map_err(|error| {
                // The cause would quote the line, and with it the secret.
                let start = error.span().map_or(0, |span| span.start);
                let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
                Error::new(ErrorKind::Usage, "cannot read the key file").with("line", line)
            })
            .map_err(|error| error.with_help(FORM))?;
        let mut ring = Self::new();
        for key in &file.key {
            let secret =
                STANDARD.decode(key.secret.as_bytes()).map(Zeroizing::new).map_err(|_| {
                    Error::new(ErrorKind::Usage, "the secret of a key is no base64")
                        .with("id", &key.id)
                })?;
            ring.add(&key.id, &secret)?;
        }
        if file.key.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the key file holds no key").with_help(FORM));
        }
        Ok(ring)
    }
}

/// The text of a key file with one key.
///
/// # Errors
/// `Usage` when the id or the secret cannot be used.
pub fn new_key_file(id: &str, secret: &[u8]) -> Result<Zeroizing<String>> {
    KeyRing::new().add(id, secret)?;
    let secret = Zeroizing::new(STANDARD.encode(secret));
    let text = format!(
        "# Takes pseudonyms and suppression marks. The first key is the present one. Keep the keys\n\
         # before it as long as what they have taken shall be recognised. Without the key of a\n\
         # suppression mark the dataset is not published any more, so keep a copy in a safe place.\n\
         [[key]]\nid = \"{id}\"\nsecret = \"{}\"\n",
        *secret
    );
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_reads_back() {
        let text = new_key_file("2026Q4", &[7; 32]).unwrap();
        let ring = KeyRing::parse(&text).unwrap();
        let mut same = KeyRing::new();
        same.add("2026Q4", &[7; 32]).unwrap();
        let text = |ring: &KeyRing| ring.pseudonyms("d").unwrap().text("v");
        assert_eq!(text(&ring), text(&same));
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_a_word_of_it() {
        let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQ="; // too short
        let entry = |id: &str, secret: &str| format!("[[key]]\nid = {id}\nsecret = {secret}\n");
        let whole = STANDARD.encode([7; 32]);
        for text in [
            String::new(),
            "key = []".to_owned(),
            entry("\"a\"", &format!("\"{secret}\"")),
            entry("\"a\"", secret),
            entry("\"a\"", "\"c2VjcmV0!\""),
            entry("\"a\"", &format!("[\"{whole}\"]")),
            entry("\"a b\"", &format!("\"{whole}\"")),
            format!("{whole}\n"),
            format!("secret = \"{whole}\"\n"),
            entry("\"a\"", &format!("\"{whole}\"")) + &entry("\"a\"", &format!("\"{whole}\"")),
        ] {
            let error = KeyRing::parse(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            let told = format!("{error:?} {:?}", error.help());
            assert!(!told.contains("c2Vj") && !told.contains(&whole), "{told}");
        }
    }
}
