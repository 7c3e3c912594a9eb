//! A YAML mapping whose keys are asked for by name; what nobody asked for is a mistake.
//!
//! Does not own which keys there are: the readers of fields, checks and rules ask.

use std::cell::RefCell;

use super::mistakes::Mistakes;
use super::yaml::{Node, Value};

/// A mapping, or the `customProperties` of one.
pub(super) struct Section<'n, 'm> {
    /// What it is, for messages: ``field `status` ``.
    pub what: String,
    /// Line on which it begins.
    pub line: usize,
    /// What one of its entries is called: `key`, `custom property`.
    noun: &'static str,
    entries: Vec<(&'n str, usize, &'n Node)>,
    known: RefCell<Vec<&'static str>>,
    pub mistakes: &'m Mistakes<'m>,
}

impl<'n, 'm> Section<'n, 'm> {
    /// The mapping that `node` is; a mistake when it is something else.
    pub fn new(
        node: &'n Node,
        what: impl Into<String>,
        mistakes: &'m Mistakes<'m>,
    ) -> Option<Self> {
        let what = what.into();
        let Value::Map(map) = &node.value else {
            let kind = node.value.kind();
            mistakes.add(node.line, format!("{what} is {kind}, it must be a mapping"));
            return None;
        };
        let entries = map.iter().map(|e| (e.key.as_str(), e.line, &e.value)).collect();
        Some(Self::of(what, node.line, "key", entries, mistakes))
    }

    fn of(
        what: String,
        line: usize,
        noun: &'static str,
        entries: Vec<(&'n str, usize, &'n Node)>,
        mistakes: &'m Mistakes<'m>,
    ) -> Self {
        for (i, (key, line, _)) in entries.iter().enumerate() {
            if entries.iter().take(i).any(|(earlier, ..)| earlier == key) {
                mistakes.add(*line, format!("{noun} `{key}` stands twice in {what}"));
            }
        }
        Self { what, line, noun, entries, known: RefCell::new(Vec::new()), mistakes }
    }

    /// The section `customProperties`, by the names of the properties; empty when absent.
    pub fn custom_properties(&self) -> Self {
        let mut entries = Vec::new();
        for node in self.list("customProperties") {
            let what = format!("a custom property of {}", self.what);
            let Some(property) = Section::new(node, what, self.mistakes) else { continue };
            let value = property.get("value");
            if value.is_none() {
                let message = format!("a custom property of {} has no `value`", self.what);
                self.mistakes.add(property.line, message);
            }
            if let (Some((name, line)), Some(value)) = (property.required_text("property"), value) {
                entries.push((name, line, value));
            }
            property.finish(&["id", "description", "vendor"]);
        }
        Self::of(self.what.clone(), self.line, "custom property", entries, self.mistakes)
    }

    /// The section that stands under `key`.
    pub fn section(&self, key: &'static str) -> Option<Self> {
        Section::new(self.get(key)?, format!("`{key}` of {}", self.what), self.mistakes)
    }

    /// The value under `key`; an explicit null is none.
    pub fn get(&self, key: &'static str) -> Option<&'n Node> {
        self.known.borrow_mut().push(key);
        let (_, _, node) = self.entries.iter().find(|(name, ..)| *name == key)?;
        (node.value != Value::Null).then_some(*node)
    }

    /// Line of `key`, else of the section.
    pub fn line_of(&self, key: &str) -> usize {
        self.entries.iter().find(|(name, ..)| *name == key).map_or(self.line, |(_, line, _)| *line)
    }

    /// Notes a mistake at `key`.
    pub fn mistake(&self, key: &str, what: impl Into<String>) {
        self.mistakes.add(self.line_of(key), what);
    }

    /// A single value and its line.
    pub fn text(&self, key: &'static str) -> Option<(&'n str, usize)> {
        let node = self.get(key)?;
        let text = single(node);
        if text.is_none() {
            let kind = node.value.kind();
            let message = format!("`{key}` of {} is {kind}, it must be a single value", self.what);
            self.mistakes.add(node.line, message);
        }
        Some((text?, node.line))
    }

    /// A single value that must be there.
    pub fn required_text(&self, key: &'static str) -> Option<(&'n str, usize)> {
        let text = self.text(key);
        if text.is_none() && !self.has(key) {
            self.mistakes.add(self.line, format!("{} has no `{key}`", self.what));
        }
        text
    }

    /// A text that people read, white space at its ends removed; empty when absent.
    pub fn prose(&self, key: &'static str) -> String {
        self.text(key).map(|(text, _)| text.trim().to_owned()).unwrap_or_default()
    }

    /// `true` or `false`; false when absent.
    pub fn boolean(&self, key: &'static str) -> bool {
        match self.text(key) {
            None | Some(("false", _)) => false,
            Some(("true", _)) => true,
            Some((_, line)) => {
                let message = format!("`{key}` of {} must be true or false", self.what);
                self.mistakes.add(line, message);
                false
            }
        }
    }

    /// A whole number from 0.
    pub fn count<T: std::str::FromStr>(&self, key: &'static str) -> Option<T> {
        let (text, line) = self.text(key)?;
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none() {
            let message = format!("`{key}` of {} must be a whole number in range", self.what);
            self.mistakes.add(line, message);
        }
        number
    }

    /// One of a few words.
    pub fn word<T: Clone>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let (text, line) = self.text(key)?;
        self.pick(key, text, line, words)
    }

    /// Several of a few words.
    pub fn words<T: Clone>(&self, key: &'static str, words: &[(&'static str, T)]) -> Vec<T> {
        let texts = self.texts(key);
        texts.into_iter().filter_map(|(text, line)| self.pick(key, text, line, words)).collect()
    }

    fn pick<T: Clone>(
        &self,
        key: &str,
        text: &str,
        line: usize,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        if found.is_none() {
            let names = words.iter().map(|(word, _)| *word);
            let known = names.clone().collect::<Vec<_>>().join(", ");
            let what = format!("`{key}` of {} must be one of {known}, not", self.what);
            self.mistakes.add_unknown(line, &what, text, names);
        }
        found
    }

    /// The elements of a list; none when absent.
    pub fn list(&self, key: &'static str) -> &'n [Node] {
        let Some(node) = self.get(key) else { return &[] };
        if let Value::List(nodes) = &node.value {
            return nodes;
        }
        let kind = node.value.kind();
        self.mistakes
            .add(node.line, format!("`{key}` of {} is {kind}, it must be a list", self.what));
        &[]
    }

    /// The single values of a list, with their lines.
    pub fn texts(&self, key: &'static str) -> Vec<(&'n str, usize)> {
        let mut texts = Vec::new();
        for node in self.list(key) {
            match single(node) {
                Some(text) => texts.push((text, node.line)),
                None => {
                    let kind = node.value.kind();
                    let message = format!("`{key}` of {} holds {kind}", self.what);
                    self.mistakes.add(node.line, message);
                }
            }
        }
        texts
    }

    /// Whether `key` stands there with a value.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _, node)| *name == key && node.value != Value::Null)
    }

    /// Whether `key` stands there, with a value or an explicit null.
    pub fn names(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, ..)| *name == key)
    }

    /// Every key that nobody asked for and that is not among `ignored`, is a mistake.
    pub fn finish(self, ignored: &[&'static str]) {
        let mut known = self.known.into_inner();
        known.extend(ignored);
        for (key, line, _) in &self.entries {
            if !known.contains(key) {
                let what = format!("{} has no {}", self.what, self.noun);
                self.mistakes.add_unknown(*line, &what, key, known.iter().copied());
            }
        }
    }
}

fn single(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        _ => None,
    }
}
