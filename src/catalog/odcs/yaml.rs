//! A YAML file as a tree in which every value knows its line.
//!
//! Scalars stay text, so that no number passes through a float. Does not own what a contract may
//! say. Aliases and tags are refused: a contract reads from top to bottom.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// The text of a scalar, quoted or not.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value. Keys may repeat; the reader of the map minds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    pub line: usize,
    pub value: Node,
}

impl Value {
    /// What the value is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// A collection that is being read.
enum Open {
    List { line: usize, nodes: Vec<Node> },
    Map { line: usize, entries: Vec<Entry>, key: Option<(String, usize)> },
}

/// The tree of a text that holds one document.
///
/// # Errors
/// The line and what is wrong with the first thing that is not YAML, or not YAML of ours.
pub(super) fn parse(text: &str) -> Result<Node, (usize, String)> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| (error.marker().line(), error.info().replace('\n', ", ")))?;
        let line = span.start.line();
        let node = match event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                return Err((line, "aliases (`*name`) are not used in contracts".to_owned()));
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => {
                return Err((line, "tags (`!name`) are not used in contracts".to_owned()));
            }
            Event::DocumentStart(..) if root.is_some() => {
                return Err((line, "a contract is one YAML document, a second begins".to_owned()));
            }
            Event::Scalar(text, style, _, None) => Node { line, value: scalar(&text, style) },
            Event::SequenceStart(_, _, None) => {
                open.push(Open::List { line, nodes: Vec::new() });
                continue;
            }
            Event::MappingStart(_, _, None) => {
                open.push(Open::Map { line, entries: Vec::new(), key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List { line, nodes }) => Node { line, value: Value::List(nodes) },
                Some(Open::Map { line, entries, .. }) => Node { line, value: Value::Map(entries) },
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List { nodes, .. }) => nodes.push(node),
            Some(Open::Map { entries, key, .. }) => match (key.take(), node.value) {
                (Some((key, line)), value) => {
                    entries.push(Entry { key, line, value: Node { line: node.line, value } });
                }
                (None, Value::Scalar(text)) => *key = Some((text, node.line)),
                (None, _) => return Err((node.line, "a key must be a single word".to_owned())),
            },
        }
    }
    root.ok_or_else(|| (1, "the file is empty".to_owned()))
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => Value::Null,
        _ => Value::Scalar(text.to_owned()),
    }
}
