//! E-mail addresses: their syntax and normal form, as the Python `email-validator` 2 sees them
//! with its defaults and without asking the DNS.
//!
//! The normal form has the domain in lower-case Unicode and the local part as written, in NFC.
//! Quoted local parts, display names and addresses in brackets are refused, as are domains that
//! are reserved or have no dot. Domains follow IDNA 2008, which is stricter than UTS #46.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use regex::Regex;

use crate::error::{ErrorKind, Result, ResultExt};

const MAX_ADDRESS_BYTES: usize = 254;
const MAX_DOMAIN_CHARACTERS: usize = 253;

/// Domains, with all below them, where no mail can be delivered.
const SPECIAL_USE_DOMAINS: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];

/// Local parts that RFC 2142 makes case-insensitive.
const CASE_INSENSITIVE_MAILBOXES: [&str; 15] = [
    "info",
    "marketing",
    "sales",
    "support",
    "abuse",
    "noc",
    "security",
    "postmaster",
    "hostmaster",
    "usenet",
    "news",
    "webmaster",
    "www",
    "uucp",
    "ftp",
];

/// Separators, controls, unassigned code points anywhere; a combining mark at the start.
const UNSAFE: &str = r"[\p{Z}\p{C}]|\A\p{M}";

/// Characters that become one or more full stops, besides those that separate labels.
const BECOMES_FULL_STOP: &str =
    r"[\u{2024}-\u{2026}\u{2488}-\u{249B}\u{33C2}\u{33D8}\u{FE52}\u{1F100}]";

/// A label of code points that IDNA 2008 derives as valid (RFC 5892), those that depend on
/// their neighbours included, given that UTS #46 has passed it.
const IDNA_2008_LABEL: &str = concat!(
    r"\A[",
    r"-\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}",
    r"\u{B7}\u{375}\u{5F3}\u{5F4}\u{6FD}\u{6FE}\u{F0B}\u{3007}\u{30FB}\u{13A0}-\u{13F5}",
    r"--[\u{640}\u{7FA}\u{302E}\u{302F}\u{3031}-\u{3035}\u{303B}\u{1100}-\u{11FF}\u{20D0}-\u{20FF}",
    r"\u{A960}-\u{A97C}\u{D7B0}-\u{D7FB}\u{1D165}-\u{1D244}]",
    r"]+\z",
);

/// Such a dependent code point with the wrong neighbour (RFC 5892, appendix A.3 to A.6).
const IDNA_2008_OUT_OF_CONTEXT: &str = concat!(
    r"(?:\A|[^l])\u{B7}|\u{B7}(?:[^l]|\z)",
    r"|\u{375}(?:\P{Greek}|\z)",
    r"|(?:\A|\P{Hebrew})[\u{5F3}\u{5F4}]",
);

/// What a label with a KATAKANA MIDDLE DOT needs somewhere (RFC 5892, appendix A.7).
const JAPANESE: &str = r"[\p{Hiragana}\p{Katakana}\p{Han}]";

/// The rules, compiled.
pub(super) struct Emails {
    unsafe_text: Regex,
    becomes_full_stop: Regex,
    label: Regex,
    out_of_context: Regex,
    japanese: Regex,
}

impl Emails {
    pub(super) fn new() -> Result<Self> {
        let compile = |pattern| {
            Regex::new(pattern).or_err(ErrorKind::Unexpected, "could not compile the e-mail rules")
        };
        Ok(Self {
            unsafe_text: compile(UNSAFE)?,
            becomes_full_stop: compile(BECOMES_FULL_STOP)?,
            label: compile(IDNA_2008_LABEL)?,
            out_of_context: compile(IDNA_2008_OUT_OF_CONTEXT)?,
            japanese: compile(JAPANESE)?,
        })
    }

    /// The normal form of an address; `None` when it is none.
    pub(super) fn normal_form<'a>(&self, address: &'a str) -> Option<Cow<'a, str>> {
        if is_plainly_normal(address) {
            return Some(Cow::Borrowed(address));
        }
        self.full_normal_form(address).map(Cow::Owned)
    }

    fn full_normal_form(&self, address: &str) -> Option<String> {
        let (local, domain) = address.split_once('@')?;
        let local = self.local_part(local)?;
        let (ascii_domain, domain) = self.domain(domain)?;
        let normal = format!("{local}@{domain}");
        let on_the_wire = local.len() + 1 + ascii_domain.len();
        let longest = address.len().max(normal.len()).max(on_the_wire);
        (longest <= MAX_ADDRESS_BYTES).then_some(normal)
    }

    fn local_part<'a>(&self, local: &'a str) -> Option<Cow<'a, str>> {
        if !is_dot_atom(local) {
            return None;
        }
        if local.is_ascii() {
            let is_mailbox = |name: &&&str| name.eq_ignore_ascii_case(local);
            let mailbox = CASE_INSENSITIVE_MAILBOXES.iter().find(is_mailbox);
            return Some(mailbox.map_or(Cow::Borrowed(local), |name| Cow::Borrowed(*name)));
        }
        let composed = ComposingNormalizerBorrowed::new_nfc().normalize(local);
        let safe = |text: &str| is_dot_atom(text) && !self.unsafe_text.is_match(text);
        (safe(local) && safe(&composed)).then_some(composed)
    }

    /// The domain as the DNS knows it, and as people read it.
    fn domain(&self, domain: &str) -> Option<(String, String)> {
        let acceptable = domain.chars().count() <= MAX_DOMAIN_CHARACTERS
            && !self.unsafe_text.is_match(domain)
            && !self.becomes_full_stop.is_match(domain);
        if !acceptable {
            return None;
        }
        let (uts46, only_hostnames) = (Uts46::new(), AsciiDenyList::STD3);
        let ascii = uts46
            .to_ascii(domain.as_bytes(), only_hostnames, Hyphens::Check, DnsLength::Verify)
            .ok()?
            .into_owned();
        let (_, top_level) = ascii.rsplit_once('.')?;
        let ends_in_letter = top_level.bytes().next_back().is_some_and(|b| b.is_ascii_alphabetic());
        if !ends_in_letter || is_special_use(&ascii) {
            return None;
        }
        if !ascii.contains("xn--") {
            return Some((ascii.clone(), ascii));
        }
        let (unicode, valid) = uts46.to_unicode(ascii.as_bytes(), only_hostnames, Hyphens::Check);
        let registrable = valid.is_ok()
            && !self.unsafe_text.is_match(&unicode)
            && unicode.split('.').all(|label| self.is_idna_2008(label));
        registrable.then(|| (ascii.clone(), unicode.into_owned()))
    }

    fn is_idna_2008(&self, label: &str) -> bool {
        self.label.is_match(label)
            && !self.out_of_context.is_match(label)
            && (!label.contains('\u{30FB}') || self.japanese.is_match(label))
    }
}

/// Whether the address is its own normal form beyond doubt, as nearly all are: lower-case ASCII,
/// and a domain of ordinary labels. Told in one pass over the bytes.
pub(super) fn is_plainly_normal(address: &str) -> bool {
    const MAX_LABEL_BYTES: usize = 63;
    let bytes = address.as_bytes();
    let Some(at) = memchr::memchr(b'@', bytes) else { return false };
    let (local, domain) = (&bytes[..at], &bytes[at + 1..]);
    if bytes.len() > MAX_ADDRESS_BYTES || domain.len() > MAX_DOMAIN_CHARACTERS {
        return false;
    }
    let mut before = b'.';
    for byte in local {
        if !(PLAIN_ATEXT[usize::from(*byte)] || *byte == b'.' && before != b'.') {
            return false;
        }
        before = *byte;
    }
    if before == b'.' {
        return false;
    }
    let (mut before, mut label) = (b'.', 0);
    for (place, byte) in domain.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if !matches!(before, b'.' | b'-') => {}
            b'.' if !matches!(before, b'.' | b'-') && place - label <= MAX_LABEL_BYTES => {
                label = place + 1;
            }
            _ => return false,
        }
        before = *byte;
    }
    label > 0
        && domain.len() - label <= MAX_LABEL_BYTES
        && before.is_ascii_lowercase()
        && !is_special_use(&address[at + 1..])
}

/// Whether a byte may stand in a local part that is its own normal form: `atext` of RFC 5322
/// without capitals.
const PLAIN_ATEXT: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], 0_u8);
    while byte.is_ascii() {
        let is_atext = is_ascii_atext(byte) && !byte.is_ascii_uppercase();
        plain[byte as usize] = is_atext;
        byte += 1;
    }
    plain
};

const fn is_ascii_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'!'
                | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

/// Whether a domain in ASCII is a special-use domain or below one.
fn is_special_use(domain: &str) -> bool {
    let top_level = domain.rsplit_once('.').map_or(domain, |(_, top_level)| top_level);
    SPECIAL_USE_DOMAINS.contains(&top_level)
}

/// Words of RFC 5322's `atext`, or of any character beyond ASCII, with single dots between them.
fn is_dot_atom(text: &str) -> bool {
    let is_atext =
        |c: char| u8::try_from(c).map_or(true, |byte| !byte.is_ascii() || is_ascii_atext(byte));
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(address: &str) -> Option<String> {
        Emails::new().unwrap().normal_form(address).map(Cow::into_owned)
    }

    #[test]
    fn domains_are_lowered_and_local_parts_kept() {
        assert_eq!(normal("Mary.Ann+x@EXAMPLE.Com").as_deref(), Some("Mary.Ann+x@example.com"));
        assert_eq!(normal("INFO@example.com").as_deref(), Some("info@example.com"));
        assert_eq!(normal("a@xn--bcher-kva.example").as_deref(), Some("a@bücher.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in ["", "a", "a@", "@b.com", "a@b", "a b@c.com", "a..b@c.com", "a@c.test"] {
            assert_eq!(normal(address), None, "{address:?}");
        }
    }

    #[test]
    fn the_longest_labels_and_addresses_are_plainly_normal() {
        let label = |bytes: usize| "a".repeat(bytes);
        assert!(is_plainly_normal(&format!("a@{}.{}", label(63), label(63))));
        assert!(!is_plainly_normal(&format!("a@{}.com", label(64))));
        assert!(!is_plainly_normal(&format!("a@b.{}", label(64))));
        let domain = format!("{}.{}.{}", label(63), label(63), label(63));
        assert!(is_plainly_normal(&format!("{}@{domain}", label(62))));
        assert!(!is_plainly_normal(&format!("{}@{domain}", label(63))));
    }

    #[test]
    fn idna_2008_refuses_symbols_that_uts_46_would_take() {
        assert_eq!(normal("a@☃.com"), None);
        assert_eq!(normal("a@l·l.com").as_deref(), Some("a@l·l.com"));
        assert_eq!(normal("a@x·l.com"), None);
        assert_eq!(normal("a@カ・タ.com").as_deref(), Some("a@カ・タ.com"));
        assert_eq!(normal("a@x・y.com"), None);
    }

    /// What the Python library says of each address of `tests/data/email_corpus.py`.
    #[test]
    fn the_corpus_of_the_python_library_is_judged_as_it_judges() {
        let corpus = include_str!("../../tests/data/email_corpus.tsv");
        let emails = Emails::new().unwrap();
        let lines: Vec<_> = corpus.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() >= 200);
        let differ = lines.into_iter().filter_map(|line| {
            let (address, expected) = line.split_once('\t').unwrap();
            let address: String = serde_json::from_str(address).unwrap();
            let expected: Option<String> = serde_json::from_str(expected).unwrap();
            let ours = emails.normal_form(&address).map(Cow::into_owned);
            (ours != expected).then(|| format!("{address:?}: {ours:?}, expected {expected:?}"))
        });
        let differ: Vec<String> = differ.collect();
        assert!(differ.is_empty(), "{}", differ.join("\n"));
    }

    proptest! {
        #[test]
        fn what_is_plainly_normal_is_normal_in_full(
            address in "[a-zA-Z0-9.+_\"(é]{0,8}@?[a-z0-9A-Z.-]{0,12}\\.?(com|local|x1|t-|arpa|ex--a)",
        ) {
            if is_plainly_normal(&address) {
                let full = Emails::new().unwrap().full_normal_form(&address);
                prop_assert_eq!(full.as_deref(), Some(address.as_str()));
            }
        }

        #[test]
        fn an_ordinary_address_is_plainly_normal(
            address in "[a-z0-9+_!#'~]{1,9}(\\.[a-z0-9+_-]{1,9}){0,2}@([a-z0-9](-?[a-z0-9]){0,9}\\.){1,3}(com|de|io)",
        ) {
            prop_assert!(is_plainly_normal(&address));
        }
    }
}
