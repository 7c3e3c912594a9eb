//! What must hold between the parts of a contract.
//!
//! Does not own mistakes that one part shows alone; its reader notes those.

use std::collections::HashMap;

use super::mistakes::{Mistakes, did_you_mean};
use crate::catalog::contract::{
    Contract, Derived, Field, FieldType, LocalTime, TextZone, TimestampType, WrittenOffset,
};

/// Names that the ledger uses itself.
const RESERVED_RULES: &[&str] = &["outside_window", "deleted_in_source", "erased"];

/// Where the parts of a contract stand in the file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub dataset: usize,
    /// Absent when the contract does not say.
    pub version_field: Option<usize>,
    /// Absent when the contract does not say.
    pub business_date: Option<usize>,
    /// Absent when the dataset is not private.
    pub privacy: Option<usize>,
    /// By path, in lower case: readers of tables do not tell capitals.
    fields: HashMap<String, usize>,
    rules: HashMap<String, usize>,
    /// Of a field or rule, by its name and that of the setting.
    settings: HashMap<(String, &'static str), usize>,
}

impl Lines {
    /// Notes a field; gives the line of an earlier one of that path.
    pub fn add_field(&mut self, path: &str, line: usize) -> Option<usize> {
        add(&mut self.fields, path.to_lowercase(), line)
    }

    /// Notes a rule; gives the line of an earlier one of that name.
    pub fn add_rule(&mut self, name: &str, line: usize) -> Option<usize> {
        add(&mut self.rules, name.to_owned(), line)
    }

    /// Notes where a field or rule says something that refers to other fields.
    pub fn add_setting(&mut self, of: &str, setting: &'static str, line: usize) {
        self.settings.insert((of.to_owned(), setting), line);
    }

    pub fn setting(&self, of: &str, setting: &'static str) -> usize {
        self.settings.get(&(of.to_owned(), setting)).copied().unwrap_or(self.dataset)
    }

    pub fn has_setting(&self, of: &str, setting: &'static str) -> bool {
        self.settings.contains_key(&(of.to_owned(), setting))
    }

    pub fn field(&self, path: &str) -> usize {
        self.fields.get(&path.to_lowercase()).copied().unwrap_or(self.dataset)
    }

    fn rule(&self, name: &str) -> usize {
        self.rules.get(name).copied().unwrap_or(self.dataset)
    }
}

fn add(lines: &mut HashMap<String, usize>, name: String, line: usize) -> Option<usize> {
    let earlier = lines.get(&name).copied();
    lines.entry(name).or_insert(line);
    earlier
}

/// The names of the key fields by their positions.
pub(super) fn key_in_order(
    mut key: Vec<(u32, String)>,
    lines: &Lines,
    mistakes: &Mistakes<'_>,
) -> Vec<String> {
    key.sort_by_key(|(position, _)| *position);
    match key.as_slice() {
        [] => {
            mistakes.add(lines.dataset, "the dataset has no key: no field has `primaryKey: true`");
        }
        [(0 | 1, _)] => {}
        key => {
            for ((position, name), wanted) in key.iter().zip(1..) {
                if *position != wanted {
                    let message = format!(
                        "key field `{name}` must have `primaryKeyPosition: {wanted}`: positions run from 1"
                    );
                    mistakes.add(lines.field(name), message);
                }
            }
        }
    }
    key.into_iter().map(|(_, name)| name).collect()
}

/// Notes every mistake between the parts of `contract`.
pub(super) fn check(contract: &Contract, lines: &Lines, mistakes: &Mistakes<'_>) {
    let lint = Lint { contract, lines, mistakes };
    for name in &contract.key {
        lint.check_use(lines.field(name), "a key field", name, "text or integer", |t| {
            matches!(t, FieldType::Text | FieldType::Integer)
        });
    }
    if let Some(line) = lines.version_field {
        let name = &contract.version_field;
        lint.check_use(line, "the version field", name, "a timestamp or integer", |t| {
            matches!(t, FieldType::Timestamp(_) | FieldType::Integer)
        });
    }
    if let Some(line) = lines.business_date {
        let name = &contract.business_date.field;
        lint.check_use(line, "the business date's field", name, "a timestamp", |t| {
            matches!(t, FieldType::Timestamp(_))
        });
    }
    for field in &contract.fields {
        lint.check_zone_field(field);
        lint.check_derived(field);
    }
    lint.check_amounts();
    lint.check_privacy();
    lint.check_rules();
}

/// Whether every time that is not refused has a zone.
fn names_every_zone(local: &LocalTime) -> bool {
    match &local.zone {
        TextZone::Fixed(_) => true,
        TextZone::Field { default, .. } => {
            default.is_some() && local.offset == WrittenOffset::Reject
        }
    }
}

/// A contract that is looked through.
pub(super) struct Lint<'a> {
    pub contract: &'a Contract,
    pub lines: &'a Lines,
    pub mistakes: &'a Mistakes<'a>,
}

impl Lint<'_> {
    /// The top-level field called `name`; a mistake on `line` when there is none.
    pub fn field(&self, line: usize, what: &str, name: &str) -> Option<&Field> {
        let field = self.contract.field(name);
        // A field that is there, but could not be read, has its own mistake.
        if field.is_none() && !self.lines.fields.contains_key(&name.to_lowercase()) {
            let names = self.contract.fields.iter().map(|f| f.name.as_str());
            let hint = did_you_mean(name, names);
            self.mistakes.add(line, format!("{what} `{name}` is no top-level field{hint}"));
        }
        field
    }

    /// A field that every row stands or falls with: required, read, and of a certain type.
    pub fn check_use(
        &self,
        line: usize,
        what: &str,
        name: &str,
        types: &str,
        fits: impl Fn(&FieldType) -> bool,
    ) {
        let Some(field) = self.field(line, what, name) else { return };
        if !fits(&field.data_type) {
            self.mistakes.add(line, format!("{what} `{name}` must be {types}"));
        }
        if !field.required {
            self.mistakes.add(line, format!("{what} `{name}` must be required"));
        }
        if field.derived.is_some() {
            self.mistakes.add(line, format!("{what} `{name}` must be read, it is derived"));
        }
    }

    fn check_zone_field(&self, field: &Field) {
        let FieldType::Timestamp(timestamp) = &field.data_type else { return };
        let Some(TextZone::Field { field: zone, .. }) = timestamp.local.as_ref().map(|l| &l.zone)
        else {
            return;
        };
        let line = self.lines.setting(&field.path, "localTime");
        let what = format!("`zoneField` of `{}`:", field.name);
        let Some(zone) = self.field(line, &what, zone) else { return };
        if !matches!(zone.data_type, FieldType::Text) || zone.derived.is_some() {
            self.mistakes.add(line, format!("{what} `{}` must be a text that is read", zone.name));
        }
    }

    fn check_derived(&self, field: &Field) {
        let line = self.lines.setting(&field.path, "derived");
        let name = &field.name;
        match &field.derived {
            // What is converted is looked at with its amounts.
            None | Some(Derived::Converted { .. }) => {}
            Some(Derived::BusinessDate) if matches!(field.data_type, FieldType::Date) => {}
            Some(Derived::BusinessDate) => {
                self.mistakes
                    .add(line, format!("`{name}` is the business date, it must be a date"));
            }
            Some(Derived::OffsetMinutes { of }) => {
                if !matches!(field.data_type, FieldType::Integer) {
                    self.mistakes
                        .add(line, format!("`{name}` holds minutes, it must be an integer"));
                }
                self.check_time_of(field, line, "offsetMinutes", of);
            }
            Some(Derived::TimeVerdict { of }) => {
                self.check_text(field, line, "a word");
                let of = self.check_time_of(field, line, "timeVerdict", of);
                if let Some((of, TimestampType { local: None, .. })) = of {
                    let message = format!("`{name}`: without `localTime` all of `{of}` is exact");
                    self.mistakes.add(line, message);
                }
            }
            Some(Derived::TimeZone { of }) => {
                self.check_text(field, line, "the name of a zone");
                let Some((of, written)) = self.check_time_of(field, line, "timeZone", of) else {
                    return;
                };
                let message = match &written.local {
                    None => format!("`{name}`: without `localTime` no zone of `{of}` is known"),
                    Some(local) if field.required && !names_every_zone(local) => {
                        format!("`{name}` is required, but it is null where no zone is known")
                    }
                    Some(_) => return,
                };
                self.mistakes.add(line, message);
            }
            Some(Derived::MissingFields) => {
                let is_texts = matches!(&field.data_type, FieldType::List { element, .. }
                    if matches!(element.data_type, FieldType::Text));
                if !is_texts {
                    self.mistakes
                        .add(line, format!("`{name}` holds names, it must be an array of string"));
                }
            }
        }
    }

    fn check_text(&self, field: &Field, line: usize, holds: &str) {
        if !matches!(field.data_type, FieldType::Text) {
            let message = format!("`{}` holds {holds}, it must be a string", field.name);
            self.mistakes.add(line, message);
        }
    }

    /// The timestamp called `of` that `field` is derived from, by its name and form.
    fn check_time_of<'c>(
        &'c self,
        field: &Field,
        line: usize,
        setting: &str,
        of: &str,
    ) -> Option<(&'c str, &'c TimestampType)> {
        let what = format!("`{setting}` of `{}`:", field.name);
        let of = self.field(line, &what, of)?;
        let FieldType::Timestamp(written) = &of.data_type else {
            self.mistakes.add(line, format!("{what} `{}` must be a timestamp", of.name));
            return None;
        };
        if field.required && !of.required {
            let message =
                format!("`{}` is required, but it is null where `{}` is", field.name, of.name);
            self.mistakes.add(line, message);
        }
        Some((&of.name, written))
    }

    fn check_rules(&self) {
        let names = self.contract.rules.iter().map(|r| &r.name);
        for name in names.chain(self.contract.unique.iter().map(|u| &u.name)) {
            if RESERVED_RULES.contains(&&**name) {
                let message = format!("a rule may not be called `{name}`: the ledger uses it");
                self.mistakes.add(self.lines.rule(name), message);
            }
        }
        for unique in &self.contract.unique {
            let line = self.lines.setting(&unique.name, "arguments");
            for name in &unique.fields {
                let what = format!("rule `{}`:", unique.name);
                let field = self.field(line, &what, name);
                let is_nested = field.is_some_and(|f| {
                    matches!(f.data_type, FieldType::List { .. } | FieldType::Struct(_))
                });
                if is_nested {
                    let message =
                        format!("{what} `{name}` is a list or struct, it cannot be unique");
                    self.mistakes.add(line, message);
                }
            }
        }
    }
}
