//! What is wrong with a contract, all of it at once, each mistake with its line.
//!
//! Does not own what counts as a mistake.

use std::cell::RefCell;
use std::fmt::Write as _;

use crate::error::{Error, ErrorKind};

/// Mistakes found in one file.
pub(super) struct Mistakes<'f> {
    file: &'f str,
    found: RefCell<Vec<(usize, String)>>,
}

impl<'f> Mistakes<'f> {
    /// No mistakes yet in what people know as `file`.
    pub fn new(file: &'f str) -> Self {
        Self { file, found: RefCell::new(Vec::new()) }
    }

    /// Notes a mistake.
    pub fn add(&self, line: usize, what: impl Into<String>) {
        self.found.borrow_mut().push((line, what.into()));
    }

    /// Notes that `typed` is none of `known`, with the one that was probably meant.
    pub fn add_unknown<'k>(
        &self,
        line: usize,
        what: &str,
        typed: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        self.add(line, format!("{what} {typed:?}{}", did_you_mean(typed, known)));
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The mistakes as one error, ordered by line.
    pub fn into_error(self) -> Error {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found.dedup();
        let count = match found.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        let mut message = format!("cannot read contract {}: {count}", self.file);
        for (line, what) in &found {
            // Writing to a String cannot fail.
            let _ = write!(message, "\n  {}:{line}: {what}", self.file);
        }
        Error::new(ErrorKind::Usage, message)
    }
}

/// ` (did you mean "x"?)` for the one of `known` that is near to `typed`, else nothing.
pub(in crate::catalog) fn did_you_mean<'k>(
    typed: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> String {
    closest(typed, known).map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}

/// The one of `known` that `typed` was most likely meant to be.
pub(in crate::catalog) fn closest<'k>(
    typed: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    known
        .into_iter()
        .filter(|name| *name != typed)
        .map(|name| (distance(typed, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() + 1) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Slips of the hand between two names; capitals and dashes are none.
fn distance(typed: &str, name: &str) -> usize {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    strsim::damerau_levenshtein(&plain(typed), &plain(name))
}
