//! The text of a key file: a `[[key]]` for each key, the present one first.
//!
//! The form is a small part of TOML: lines that are empty, `[[key]]`, or `id` and `secret` with a text
//! in quotes and without escapes; blanks and comments may stand around them. It is read in place:
//! nothing of a secret is copied but into buffers that are wiped. Errors name lines and ids, never what
//! stands there. Does not own reading and writing the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::keys::KeyRing;
use crate::error::{Error, ErrorKind, Result};

const FORM: &str = "a key file holds, for each key, the lines `[[key]]`, `id = \"2026Q4\"` and \
                    `secret = \"…\"` (base64); `consign privacy new-key --to FILE` writes one";

/// The lines of a key, as they stand in the text.
#[derive(Default)]
struct KeyEntry<'a> {
    /// Number of the line `[[key]]`, from 1.
    line: usize,
    id: Option<&'a str>,
    secret: Option<&'a str>,
}

impl KeyRing {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// `Usage` when it is no key file, holds no key, or one that cannot be used. Never with a part
    /// of the text.
    pub fn parse(text: &str) -> Result<Self> {
        let keys = entries(text).map_err(|line| {
            let error = Error::new(ErrorKind::Usage, "cannot read the key file");
            error.with("line", line).with_help(FORM)
        })?;
        let mut ring = Self::new();
        for (id, secret) in &keys {
            ring.add(id, &decoded(id, secret)?)?;
        }
        if keys.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the key file holds no key").with_help(FORM));
        }
        Ok(ring)
    }
}

/// Id and secret of each key, or the number of the line that is none of a key file.
fn entries(text: &str) -> std::result::Result<Vec<(&str, &str)>, usize> {
    let mut keys: Vec<KeyEntry<'_>> = Vec::new();
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let ended = content.strip_suffix("\r\n").or_else(|| content.strip_suffix('\n'));
        let content = trimmed(ended.unwrap_or(content));
        if content.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(line);
        }
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if is_header(content) {
            keys.push(KeyEntry { line, ..KeyEntry::default() });
            continue;
        }
        let (name, value) = content.split_once('=').ok_or(line)?;
        let key = keys.last_mut().ok_or(line)?;
        let place = match trimmed(name) {
            "id" => &mut key.id,
            "secret" => &mut key.secret,
            _ => return Err(line),
        };
        if place.replace(quoted(trimmed(value)).ok_or(line)?).is_some() {
            return Err(line);
        }
    }
    keys.iter().map(|key| key.id.zip(key.secret).ok_or(key.line)).collect()
}

/// Without the blanks around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Whether the line begins a key: `[[key]]`, and behind it at most a comment.
fn is_header(line: &str) -> bool {
    let name = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]"));
    name.is_some_and(|(name, behind)| trimmed(name) == "key" && is_comment(behind))
}

/// The text in quotes that `value` begins with, when nothing but a comment stands behind it.
fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let (text, behind) = value[1..].split_once(quote)?;
    let is_plain = !text.contains('\\') && is_comment(behind);
    is_plain.then_some(text)
}

fn is_comment(text: &str) -> bool {
    let text = trimmed(text);
    text.is_empty() || text.starts_with('#')
}

/// The bytes of a secret, in a buffer of their own from the start.
fn decoded(id: &str, secret: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(secret.len())]);
    let length = STANDARD.decode_slice(secret, &mut bytes).map_err(|_| {
        // Its cause would tell a character of it.
        Error::new(ErrorKind::Usage, "the secret of a key is no base64").with("id", id)
    })?;
    bytes.truncate(length);
    Ok(bytes)
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
    use proptest::prelude::*;

    use super::*;

    /// What a reader of all of TOML finds in the text.
    fn by_toml(text: &str) -> Option<Vec<(String, String)>> {
        let table: toml::Table = text.parse().ok()?;
        let keys = table.get("key")?.as_array()?;
        let text = |key: &toml::Value, name: &str| Some(key.get(name)?.as_str()?.to_owned());
        let whole = |key: &toml::Value| key.as_table().is_some_and(|key| key.len() == 2);
        let entry = |key: &toml::Value| Some((text(key, "id")?, text(key, "secret")?));
        (table.len() == 1 && keys.iter().all(whole)).then(|| keys.iter().map(entry).collect())?
    }

    fn owned(keys: Vec<(&str, &str)>) -> Vec<(String, String)> {
        keys.into_iter().map(|(id, secret)| (id.to_owned(), secret.to_owned())).collect()
    }

    const BLANKS: &str = "[ \t]{0,2}";
    const BEHIND: &str = "[ \t]{0,2}(#[a-z \"'=\\[\\]]{0,9})?\r?\n";

    /// A line of the form, with blanks, quotes and a comment of any kind.
    fn value_line(name: &'static str, value: &'static str) -> impl Strategy<Value = String> {
        let parts = (BLANKS, BLANKS, BLANKS, "[\"']", value, BEHIND);
        parts.prop_map(move |(before, left, right, quote, value, behind)| {
            format!("{before}{name}{left}={right}{quote}{value}{quote}{behind}")
        })
    }

    fn key_lines() -> impl Strategy<Value = String> {
        let lines = (
            (BLANKS, BLANKS, BLANKS, BEHIND),
            proptest::collection::vec(BEHIND, 0..2),
            value_line("id", "[A-Za-z0-9._-]{1,8}"),
            value_line("secret", "[A-Za-z0-9+/]{0,60}={0,2}"),
            any::<bool>(),
        );
        lines.prop_map(|((before, left, right, behind), between, id, secret, id_first)| {
            let between = between.concat();
            let values = if id_first { id + &between + &secret } else { secret + &between + &id };
            format!("{before}[[{left}key{right}]]{behind}{values}")
        })
    }

    proptest! {
        #[test]
        fn what_toml_finds_in_a_file_of_the_form_is_found(
            keys in proptest::collection::vec(key_lines(), 1..4)
        ) {
            let text = keys.concat();
            let found = entries(&text).map(owned);
            prop_assert_eq!(found, by_toml(&text).ok_or(0), "{}", text);
        }

        #[test]
        fn what_is_found_in_a_damaged_file_is_what_toml_finds(
            keys in proptest::collection::vec(key_lines(), 1..3),
            at in any::<proptest::sample::Index>(),
            put in "[\\[\\]\"'=#\\\\ \r\na-z\u{7f}\u{e9}]{0,2}",
        ) {
            let text = keys.concat();
            let at = at.index(text.len());
            let text = format!("{}{put}{}", &text[..at], &text[at + 1..]);
            let secret = STANDARD.encode([7; 32]);
            match entries(&text) {
                Ok(keys) if !keys.is_empty() => {
                    prop_assert_eq!(Some(owned(keys)), by_toml(&text), "{}", text);
                }
                Ok(_) => {}
                Err(line) => {
                    prop_assert!((1..=text.split('\n').count()).contains(&line));
                    let told = KeyRing::parse(&text.replace('=', &secret)).unwrap_err();
                    let told = format!("{told:?}");
                    prop_assert!(!told.contains(&secret), "a secret was told");
                }
            }
        }
    }

    #[test]
    fn what_is_more_than_the_form_is_refused_with_its_line() {
        let whole = STANDARD.encode([7; 32]);
        let key = format!("[[key]]\nid = \"a\"\nsecret = \"{whole}\"\n");
        assert!(KeyRing::parse(&key).is_ok());
        for (text, line) in [
            (format!("key = [{{id = \"a\", secret = \"{whole}\"}}]\n"), 1),
            (format!("{key}\nother = \"b\"\n"), 5),
            (format!("{key}[[key]]\nid = \"b\"\n"), 4),
            (format!("{key}id = \"b\"\n"), 4),
            (key.replace("id = \"a\"", "id = \"\\u0061\""), 2),
            (key.replace("id = \"a\"", "id = \"a\" b"), 2),
            (key.replace("id = \"a\"", "id = \"\"\"a\"\"\""), 2),
            (key.replace("[[key]]", "[key]"), 1),
            (format!("{}\r", key.trim_end()), 3),
            (key.replace("[[key]]", "[[key]] x"), 1),
        ] {
            let error = KeyRing::parse(&text).unwrap_err();
            let told = format!("{error:?}");
            assert!(told.contains(&format!("(line: {line})")), "{told}");
            assert!(error.help().is_some() && !told.contains(&whole), "{told}");
        }
    }

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
