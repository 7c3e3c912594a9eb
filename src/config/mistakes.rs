//! What is wrong with a file that a person wrote, all at once: each mistake with its line, a
//! caret and a hint.
//!
//! Does not own what counts as a mistake.

use std::fmt::Write as _;
use std::ops::Range;

use crate::error::{Error, ErrorKind};

/// Mistakes found in one file, in the order they were found.
pub(super) struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<Mistake>,
}

struct Mistake {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl<'t> Mistakes<'t> {
    /// No mistakes yet in `text`, which people know as `file`.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Adds a mistake; `span` is in bytes of the text.
    pub fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.found.push(Mistake { span, message: message.into(), hint: None });
    }

    /// Adds a mistake and what to do about it.
    pub fn add_with_hint(&mut self, span: Range<usize>, message: String, hint: String) {
        self.found.push(Mistake { span, message, hint: Some(hint) });
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The mistakes as one error, ordered by place.
    pub fn into_error(mut self) -> Error {
        self.found.sort_by_key(|m| m.span.start);
        let count = match self.found.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        let mut message = format!("cannot read job {}: {count}", self.file);
        for mistake in &self.found {
            self.render(mistake, &mut message);
        }
        Error::new(ErrorKind::Usage, message)
    }

    fn render(&self, mistake: &Mistake, out: &mut String) {
        let start = self.floor(mistake.span.start);
        let end = self.floor(mistake.span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let line_number = self.text[..line_start].matches('\n').count() + 1;
        let column = self.text[line_start..start].chars().count() + 1;
        let width = self.text[start..end].lines().next().unwrap_or_default().chars().count();

        let margin = " ".repeat(line_number.to_string().len());
        let carets = format!("{}{}", " ".repeat(column - 1), "^".repeat(width.max(1)));
        let hint = mistake.hint.as_ref().map(|h| format!(" {h}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n  --> {}:{line_number}:{column}: {}\n  {margin} |\n  {line_number} | {}\n  {margin} | {carets}{hint}",
            self.file,
            mistake.message,
            mask_userinfo(line),
        );
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

/// Replaces what stands between `://` and `@` by asterisks of the same number, so that a
/// mistyped line with a password can be shown.
fn mask_userinfo(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        let url_end = after.find(['"', '\'']).unwrap_or(after.len());
        let userinfo_end = after[..url_end].rfind('@').unwrap_or(0);
        masked.push_str(before);
        masked.extend(after[..userinfo_end].chars().map(|_| '*'));
        rest = &after[userinfo_end..];
    }
    masked + rest
}

/// The one of `known` that `typed` was most likely meant to be.
pub(super) fn closest<'k>(
    typed: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(typed, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_masked_wherever_it_stands() {
        assert_eq!(mask_userinfo("url = \"s3://me:pa@ss/w@b/c\""), "url = \"s3://**********@b/c\"");
        assert_eq!(
            mask_userinfo("a = 'x://u@h', b = 'y://v@h', c = 'z://h'"),
            "a = 'x://*@h', b = 'y://*@h', c = 'z://h'"
        );
        assert_eq!(mask_userinfo("url = s3://me:secret@b"), "url = s3://*********@b");
        assert_eq!(mask_userinfo("plain"), "plain");
    }

    #[test]
    fn closest_takes_slips_and_leaves_strangers() {
        let known = ["first", "last", "found"];
        assert_eq!(closest("fist", known), Some("first"));
        assert_eq!(closest("lsat", known), Some("last"));
        assert_eq!(closest("window", known), None);
    }

    #[test]
    fn a_mistake_at_the_end_of_a_text_without_newline_is_shown() {
        let text = "a = 1\né = ";
        let mut mistakes = Mistakes::new("jobs/x.toml", text);
        mistakes.add(text.len()..text.len() + 9, "nothing there");
        assert_eq!(
            mistakes.into_error().to_string(),
            "cannot read job jobs/x.toml: 1 mistake\n  --> jobs/x.toml:2:5: nothing there\n    |\n  2 | é = \n    |     ^"
        );
    }
}
