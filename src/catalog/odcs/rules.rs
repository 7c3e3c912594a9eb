//! The `quality` list of the dataset: rules over a row, and fields that must be unique.
//!
//! Does not own expressions (`expression`) nor judging rows by them (`transform`).

use std::sync::Arc;

use super::lint::Lines;
use super::section::Section;
use crate::catalog::contract::{Field, Rule, Severity, UniqueRule, WhenNull};
use crate::catalog::expression::{self, Expr, Type};

/// Keys of the standard that change nothing about what a rule does.
const PROSE_KEYS: &[&str] = &[
    "id",
    "authoritativeDefinitions",
    "businessImpact",
    "customProperties",
    "dimension",
    "method",
    "schedule",
    "scheduler",
    "tags",
];

/// Keys of the standard that rules of either kind have.
const KEYS: &[&str] = &[
    "name",
    "type",
    "severity",
    "description",
    "engine",
    "implementation",
    "metric",
    "mustBe",
    "arguments",
    "unit",
];

const SEVERITIES: &[(&str, Severity)] =
    &[("reject", Severity::Reject), ("exclude", Severity::Exclude), ("warn", Severity::Warn)];

const OUTCOMES_OF_NULL: &[(&str, WhenNull)] = &[("keep", WhenNull::Keep), ("act", WhenNull::Act)];

/// The rules of `dataset`. Their expressions are checked against `fields`, when these are whole.
pub(super) fn read(
    dataset: &Section<'_, '_>,
    fields: Option<&Vec<Field>>,
    lines: &mut Lines,
) -> (Vec<Rule>, Vec<UniqueRule>) {
    let (mut rules, mut unique) = (Vec::new(), Vec::new());
    for node in dataset.list("quality") {
        let Some(mut section) = Section::new(node, "a rule", dataset.mistakes) else { continue };
        let Some((name, line)) = section.required_text("name") else {
            section.finish(&[PROSE_KEYS, KEYS].concat());
            continue;
        };
        section.what = format!("rule `{name}`");
        if let Some(earlier) = lines.add_rule(name, line) {
            section.mistake("name", format!("rule `{name}` stands on line {earlier} already"));
        }
        match section.word("type", &[("custom", true), ("library", false)]) {
            Some(true) => rules.extend(read_rule(section, name, fields)),
            Some(false) => {
                lines.add_setting(name, "arguments", section.line_of("arguments"));
                unique.extend(read_unique(section, name));
            }
            None => {
                if !section.has("type") {
                    section.mistakes.add(section.line, format!("{} has no `type`", section.what));
                }
                section.finish(&[PROSE_KEYS, KEYS].concat());
            }
        }
    }
    (rules, unique)
}

fn read_rule(section: Section<'_, '_>, name: &str, fields: Option<&Vec<Field>>) -> Option<Rule> {
    let mistakes = section.mistakes;
    for key in ["engine", "severity", "implementation"] {
        if !section.has(key) {
            section.mistakes.add(section.line, format!("{} has no `{key}`", section.what));
        }
    }
    section.word("engine", &[("consign", ())]);
    let severity = section.word("severity", SEVERITIES);
    let reason = read_reason(&section);
    let mut expression = None;
    let mut when_null = None;
    if let Some(implementation) = section.section("implementation") {
        expression = implementation.required_text("expression");
        when_null = implementation.word("whenNull", OUTCOMES_OF_NULL);
        implementation.finish(&[]);
    }
    section.finish(PROSE_KEYS);
    let (text, line) = expression?;
    let compiled = compile(text, fields)
        .map_err(|why| mistakes.add(line, format!("the expression of rule `{name}`: {why}")));
    Some(Rule {
        name: Arc::from(name),
        severity: severity?,
        text: text.to_owned(),
        expression: compiled.ok()?,
        when_null,
        reason,
    })
}

/// The expression that `text` spells, when it can be true or false.
fn compile(text: &str, fields: Option<&Vec<Field>>) -> Result<Expr, String> {
    let expression = expression::parse(text)?;
    match fields.map(|fields| expression::type_of(&expression, fields)).transpose()? {
        None | Some(Type::Boolean | Type::Null) => Ok(expression),
        Some(other) => Err(format!("it must be true or false, it is {other}")),
    }
}

/// A `duplicateValues` metric of the standard's own library; it rejects unless it says otherwise.
fn read_unique(section: Section<'_, '_>, name: &str) -> Option<UniqueRule> {
    for key in ["metric", "mustBe", "arguments"] {
        if !section.has(key) {
            section.mistakes.add(section.line, format!("{} has no `{key}`", section.what));
        }
    }
    section.word("metric", &[("duplicateValues", ())]);
    section.word("mustBe", &[("0", ())]);
    section.word("unit", &[("rows", ())]);
    let severity = section.word("severity", SEVERITIES).unwrap_or(Severity::Reject);
    let reason = read_reason(&section);
    let mut fields = Vec::new();
    let mut when_null = None;
    if let Some(arguments) = section.section("arguments") {
        fields = arguments.texts("properties").into_iter().map(|(f, _)| f.to_owned()).collect();
        if fields.is_empty() {
            let message = format!("{} names no `properties`", section.what);
            section.mistakes.add(arguments.line, message);
        }
        when_null = arguments.word("whenNull", OUTCOMES_OF_NULL);
        arguments.finish(&[]);
    }
    section.finish(PROSE_KEYS);
    Some(UniqueRule { name: Arc::from(name), severity, fields, when_null, reason })
}

fn read_reason(section: &Section<'_, '_>) -> String {
    let reason = section.prose("description");
    if reason.is_empty() {
        let message = format!("{} has no `description`: people need its reason", section.what);
        section.mistakes.add(section.line, message);
    }
    reason
}
