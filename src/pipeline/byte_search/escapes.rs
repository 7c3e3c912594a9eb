//! Text as a reader sees it: the escapes of JSON and the doubled quotes of CSV resolved, in a stream.
//!
//! Lenient: what is no escape stays as it is. Broken text is searched too.

/// Resolves `\n`, `\"`, `\u0041` and their like.
#[derive(Debug, Default)]
pub(super) struct JsonEscapes {
    /// What was read of an escape that is not complete.
    begun: Vec<u8>,
    /// The first half of a pair of UTF-16 units.
    high: Option<u32>,
}

impl JsonEscapes {
    /// Appends to `out` what `bytes`, which follow those before, mean.
    pub fn resolve(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.begun.is_empty() {
                let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
                if plain > 0 {
                    self.high = None;
                    out.extend_from_slice(&rest[..plain]);
                } else {
                    self.begun.push(b'\\');
                }
                rest = &rest[plain.max(1)..];
                continue;
            }
            self.begun.push(*first);
            rest = &rest[1..];
            self.end_escape(out);
        }
    }

    /// Ends the escape when it is complete, or is none.
    fn end_escape(&mut self, out: &mut Vec<u8>) {
        let meant = match self.begun.as_slice() {
            [_, b'u', digits @ ..] => {
                if digits.last().is_some_and(|digit| !digit.is_ascii_hexdigit()) {
                    None
                } else if digits.len() < 4 {
                    return;
                } else {
                    std::str::from_utf8(digits).ok().and_then(|d| u32::from_str_radix(d, 16).ok())
                }
            }
            [_, b'n'] => Some(u32::from(b'\n')),
            [_, b't'] => Some(u32::from(b'\t')),
            [_, b'r'] => Some(u32::from(b'\r')),
            [_, b'b'] => Some(0x08),
            [_, b'f'] => Some(0x0c),
            [_, b'"' | b'\\' | b'/'] => self.begun.last().copied().map(u32::from),
            _ => None,
        };
        let high = self.high.take();
        match (meant, high) {
            (None, _) => out.extend_from_slice(&self.begun),
            (Some(unit @ 0xd800..0xdc00), _) => self.high = Some(unit),
            (Some(low @ 0xdc00..0xe000), Some(high)) => {
                push(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), out);
            }
            (Some(unit), _) => push(unit, out),
        }
        self.begun.clear();
    }
}

fn push(unit: u32, out: &mut Vec<u8>) {
    if let Some(character) = char::from_u32(unit) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Makes one quote of two.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    after_quote: bool,
}

impl Quotes {
    /// Appends to `out` what `bytes`, which follow those before, mean.
    pub fn resolve(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            let is_second = *byte == b'"' && self.after_quote;
            self.after_quote = *byte == b'"' && !is_second;
            if !is_second {
                out.push(*byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Resolve = Box<dyn FnMut(&[u8], &mut Vec<u8>)>;

    /// The text in blocks of each size: the outcome is the same.
    fn in_blocks(text: &[u8], mut resolve: impl FnMut() -> Resolve) -> String {
        let outcomes: Vec<Vec<u8>> = (1..=text.len())
            .map(|size| {
                let (mut resolve, mut out) = (resolve(), Vec::new());
                text.chunks(size).for_each(|block| resolve(block, &mut out));
                out
            })
            .collect();
        assert!(outcomes.iter().all(|out| out == &outcomes[0]), "blocks do not matter");
        String::from_utf8(outcomes[0].clone()).unwrap()
    }

    #[test]
    fn escapes_of_json_are_resolved() {
        for (written, meant) in [
            (r"plain", "plain"),
            (r#"say \"hi\"\n\tdone"#, "say \"hi\"\n\tdone"),
            (r"a\/b\\c", r"a/b\c"),
            (r"a\u0040b.\u00e9\u4e2d", "a@b.é中"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83dx", "x"),
            (r"\x \u00g1", r"\x \u00g1"),
            (r"\\u0041", r"\u0041"),
        ] {
            let resolve = || -> Resolve {
                let mut escapes = JsonEscapes::default();
                Box::new(move |block, out| escapes.resolve(block, out))
            };
            assert_eq!(in_blocks(written.as_bytes(), resolve), meant, "{written}");
        }
    }

    #[test]
    fn quotes_of_csv_are_resolved() {
        for (written, meant) in [
            ("a,\"b\"\"c\",d", "a,\"b\"c\",d"),
            ("\"\"\"\"", "\"\""),
            ("\"say \"\"hi\"\"\"", "\"say \"hi\"\""),
        ] {
            let resolve = || -> Resolve {
                let mut quotes = Quotes::default();
                Box::new(move |block, out| quotes.resolve(block, out))
            };
            assert_eq!(in_blocks(written.as_bytes(), resolve), meant, "{written}");
        }
    }
}
