//! One table of a TOML file: its known keys, read one by one, every mistake noted with its
//! place instead of stopping at the first.
//!
//! Does not own which keys there are (`job`) nor how mistakes are shown (`mistakes`).

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistakes, closest};
use super::values;

/// A table and what people call it.
pub(super) struct Section<'t> {
    label: &'static str,
    header: Range<usize>,
    entries: &'t DeTable<'t>,
    /// Known keys that unknown ones were probably meant to be.
    meant: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// Takes a table of which only the keys `known` may stand.
    pub fn new(
        label: &'static str,
        header: Range<usize>,
        entries: &'t DeTable<'t>,
        known: &[&'static str],
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let mut meant = Vec::new();
        for (key, _) in entries {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let message = format!("unknown key `{name}` in {label}");
                let hint = match closest(name, known.iter().copied()) {
                    Some(key) => {
                        meant.push(key);
                        format!("did you mean `{key}`?")
                    }
                    None => format!("{label} knows {}", list(known)),
                };
                mistakes.add_with_hint(key.span(), message, hint);
            }
        }
        Self { label, header, entries, meant }
    }

    /// The value of `key`, when it stands there and can be read.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        let value = self.entries.get(key)?;
        read(value.get_ref())
            .map_err(|why| mistakes.add(value.span(), format!("`{key}` in {}: {why}", self.label)))
            .ok()
    }

    /// The value of `key`; that it is absent is a mistake.
    pub fn required<T>(
        &self,
        key: &str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        if !self.mentions(key) {
            mistakes.add(self.header.clone(), format!("{} needs `{key}`", self.label));
        }
        self.optional(key, read, mistakes)
    }

    /// Notes that each of `keys` that stands here does not belong, and why.
    pub fn refuse(&self, keys: &[&str], why: &str, mistakes: &mut Mistakes<'_>) {
        for key in keys {
            if let Some((name, _)) = self.entries.get_key_value(*key) {
                mistakes.add(name.span(), format!("`{key}` in {}: {why}", self.label));
            }
        }
    }

    /// Whether `key` stands here, or was mistyped, which is a mistake of its own.
    pub fn mentions(&self, key: &str) -> bool {
        self.entries.contains_key(key) || self.meant.contains(&key)
    }

    /// Place of the value of `key`, else of the section.
    pub fn span(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.header.clone(), Spanned::span)
    }

    /// The table under `key`.
    pub fn section(
        &self,
        key: &str,
        label: &'static str,
        known: &[&'static str],
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Section<'t>> {
        let value = self.entries.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section::new(label, value.span(), table, known, mistakes))
            }
            other => {
                mistakes.add(value.span(), format!("{label} must be a table, not {}", kind(other)));
                None
            }
        }
    }

    /// The tables under `key`, at least one.
    pub fn sections(
        &self,
        key: &str,
        label: &'static str,
        known: &[&'static str],
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Section<'t>> {
        let Some(value) = self.entries.get(key) else {
            if !self.mentions(key) {
                mistakes.add(self.header.clone(), format!("a job needs at least one {label}"));
            }
            return Vec::new();
        };
        let DeValue::Array(array) = value.get_ref() else {
            mistakes.add(value.span(), format!("write {label} in double brackets"));
            return Vec::new();
        };
        if array.is_empty() {
            mistakes.add(value.span(), format!("a job needs at least one {label}"));
        }
        let mut sections = Vec::new();
        for element in array.iter() {
            match element.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(label, element.span(), table, known, mistakes));
                }
                other => {
                    let message = format!("{label} must be a table, not {}", kind(other));
                    mistakes.add(element.span(), message);
                }
            }
        }
        sections
    }
}

/// A text.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| wanted("a text in quotes", value))?;
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wanted("true or false", value))
}

/// One of a few words.
pub(super) fn choice<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let word = text(value)?;
    words.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let (last, others) = names
            .split_last()
            .map_or((String::new(), &[][..]), |(last, others)| (last.clone(), others));
        format!("must be {} or {last}", others.join(", "))
    })
}

/// A length of time such as `2h`.
pub(super) fn duration(value: &DeValue<'_>) -> Result<std::time::Duration, String> {
    text(value).and_then(|text| values::duration(&text))
}

/// A whole number from 0 up.
pub(super) fn count(value: &DeValue<'_>) -> Result<u64, String> {
    value
        .as_integer()
        .and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok())
        .ok_or_else(|| wanted("a whole number from 0 up", value))
}

/// A size, as text with a unit or as a number of bytes.
pub(super) fn size(value: &DeValue<'_>) -> Result<u64, String> {
    match value {
        DeValue::String(text) => values::size_bytes(text),
        DeValue::Integer(_) => {
            count(value).and_then(|bytes| values::size_bytes(&bytes.to_string()))
        }
        other => Err(wanted("a size such as \"512MB\"", other)),
    }
}

/// A percentage, from the digits as written.
pub(super) fn percent(value: &DeValue<'_>) -> Result<u32, String> {
    match value {
        DeValue::String(text) => values::percent_millionths(text),
        DeValue::Integer(number) if number.radix() == 10 => {
            values::percent_millionths(number.as_str())
        }
        DeValue::Float(number) => values::percent_millionths(number.as_str()),
        other => Err(wanted("a percentage such as 1.5", other)),
    }
}

/// A day, quoted or as TOML's own date.
pub(super) fn day(value: &DeValue<'_>) -> Result<jiff::civil::Date, String> {
    match value {
        DeValue::String(text) => values::day(text),
        DeValue::Datetime(date) => values::day(&date.to_string()),
        other => Err(wanted("a day such as \"2026-08-01\"", other)),
    }
}

/// A path or URL without credentials.
pub(super) fn place(value: &DeValue<'_>) -> Result<String, String> {
    text(value).and_then(|text| values::place(&text))
}

fn wanted(what: &str, found: &DeValue<'_>) -> String {
    format!("must be {what}, not {}", kind(found))
}

/// A type of TOML with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
