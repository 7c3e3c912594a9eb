//! What every request of a source has in common: its expressions, its projection, their names and
//! values.
//!
//! Names that the program makes begin with `#consign` and `:consign`: reserved words never
//! matter. Does not own where a request goes on from (`pages`).

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::attribute::{parse_value, value_json};
use super::describe::Description;
use super::slice::{PLACEHOLDERS, TableSlice, uses};
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{DynamodbQuery, DynamodbTable};

/// Begin of the names that are kept for the program.
const OWN_NAMES: [&str; 2] = ["#consign", ":consign"];

/// Segments that the service allows.
pub(super) const SEGMENTS: RangeInclusive<u32> = 1..=1_000_000;

/// Bytes that the service takes of one expression.
const MAX_EXPRESSION_BYTES: usize = 4096;

/// What every request of a source has in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Request {
    pub table: String,
    pub index: Option<String>,
    pub page_items: Option<i32>,
    pub consistent_read: bool,
    pub key_condition: Option<String>,
    pub filter: Option<String>,
    pub projection: Option<String>,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, AttributeValue>,
    /// What of the slice the service applies, in words.
    pub pushed_down: Option<String>,
}

/// Top-level attributes of which `contract` reads at least a part.
pub(super) fn attributes_of(contract: &Contract) -> BTreeSet<String> {
    let read = contract.fields.iter().filter(|field| field.derived.is_none());
    read.map(|field| field.source.dynamodb.first().unwrap_or(&field.name).clone()).collect()
}

/// Finds what is wrong with the expressions of a job before the service is asked.
///
/// # Errors
/// `Usage`.
pub(super) fn check(spec: &DynamodbTable, slice: Option<&TableSlice>) -> Result<()> {
    let names = spec.names.keys().chain(spec.values.keys());
    for name in names {
        let own = OWN_NAMES.iter().any(|own| name.starts_with(own));
        if own || PLACEHOLDERS.contains(&name.as_str()) {
            return Err(usage("this name is kept for the program itself")
                .with("name", name)
                .with_help("choose another name for it in the expressions"));
        }
    }
    for (name, value) in &spec.values {
        parse_value(value).map_err(|error| error.with("value", name))?;
    }
    if let Some(segments) = spec.segments.filter(|segments| !SEGMENTS.contains(segments)) {
        return Err(usage("a table cannot be read in so many segments")
            .with("segments", segments)
            .with_help(format!("choose from {} to {}", SEGMENTS.start(), SEGMENTS.end())));
    }
    let endpoint = spec.endpoint_url.as_deref().unwrap_or("https://");
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(usage("the endpoint is not a URL")
            .with_help("write it with its scheme, for instance http://localhost:8000"));
    }
    let Some(query) = &spec.query else { return Ok(()) };
    if spec.segments.is_some() {
        return Err(usage("a Query is not read in segments")
            .with_help("take `segments` out of the job, or the query"));
    }
    if spec.consistent_read && query.index.is_some() {
        return Err(usage("an index cannot be read strongly consistent")
            .with_help("take `consistent_read` out of the job, or the index"));
    }
    if slice.is_none() && PLACEHOLDERS.iter().any(|name| uses(&query.key_condition, name)) {
        return Err(usage("the key condition speaks of a slice, and the job has none")
            .with("key condition", &query.key_condition)
            .with_help("give the job a slice, or the key condition fixed bounds"));
    }
    Ok(())
}

impl Request {
    /// The request that reads of the table what `spec` asks for, of its attributes those in
    /// `attributes`, and of the slice what the service can tell.
    ///
    /// # Errors
    /// `Usage` when a value or a bound cannot be written as the table holds it.
    pub(super) fn new(
        spec: &DynamodbTable,
        attributes: &BTreeSet<String>,
        slice: Option<&TableSlice>,
        table: &Description,
    ) -> Result<Self> {
        let mut request = Self {
            table: spec.table.clone(),
            page_items: spec.page_items.map(|items| i32::try_from(items).unwrap_or(i32::MAX)),
            consistent_read: spec.consistent_read,
            filter: spec.filter.clone(),
            names: spec.names.clone().into_iter().collect(),
            ..Self::default()
        };
        for (name, value) in &spec.values {
            request.values.insert(name.clone(), parse_value(value)?);
        }
        match &spec.query {
            Some(query) => request.query(query, slice, table)?,
            None => request.slice_scan(slice),
        }
        if !spec.whole_items {
            request.project(attributes, table);
        }
        Ok(request)
    }

    /// Sets the key condition, and fills in the bounds of the slice.
    fn query(
        &mut self,
        query: &DynamodbQuery,
        slice: Option<&TableSlice>,
        table: &Description,
    ) -> Result<()> {
        self.index.clone_from(&query.index);
        self.key_condition = Some(query.key_condition.clone());
        let Some(slice) = slice else { return Ok(()) };
        let used = PLACEHOLDERS.map(|name| uses(&query.key_condition, name));
        if used.contains(&true) {
            let of_key = |attribute: &&str| [*attribute] == slice.path.as_slice();
            let typed = table.typed.iter().find(|typed| of_key(&typed.name.as_str()));
            let bounds = slice.bounds(typed.map(|typed| typed.attribute_type.as_str()))?;
            for ((name, used), bound) in PLACEHOLDERS.into_iter().zip(used).zip(bounds) {
                if used {
                    self.values.insert(name.to_owned(), bound);
                }
            }
            let of = self.index.as_ref().map(|index| format!(" on index {index}"));
            self.pushed_down = Some(format!("key condition{}", of.unwrap_or_default()));
        } else {
            self.pushed_down = Some(
                "nothing: the key condition does not speak of the slice; rows are judged after \
                 reading"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Filters by the slice where the field is a number: every other row still comes, to be
    /// judged.
    fn slice_scan(&mut self, slice: Option<&TableSlice>) {
        let Some(slice) = slice else { return };
        let field = &slice.field;
        let Some([from, to]) = slice.number_bounds() else {
            self.pushed_down =
                Some(format!("nothing: {field} is text; rows are judged after reading"));
            return;
        };
        let path: Vec<_> = slice.path.iter().map(|name| self.alias(name)).collect();
        let path = path.join(".");
        let number = AttributeValue::S("N".to_owned());
        for (name, value) in [("from", from), ("to", to), ("number", number)] {
            self.values.insert(format!(":consign_{name}"), value);
        }
        let own = format!(
            "(({path} >= :consign_from AND {path} < :consign_to) \
             OR NOT attribute_type({path}, :consign_number))"
        );
        self.filter = Some(match self.filter.take() {
            Some(filter) => format!("({filter}) AND {own}"),
            None => own,
        });
        self.pushed_down =
            Some(format!("filter on {field} (numbers); other types are read and judged after"));
    }

    /// Asks for `attributes` and the key alone, unless they are too many for one expression.
    fn project(&mut self, attributes: &BTreeSet<String>, table: &Description) {
        let mut wanted = attributes.clone();
        wanted.extend(table.key.iter().map(|attribute| attribute.name.clone()));
        let names_before = self.names.clone();
        let aliases: Vec<_> = wanted.iter().map(|name| self.alias(name)).collect();
        let projection = aliases.join(", ");
        if projection.len() <= MAX_EXPRESSION_BYTES {
            self.projection = Some(projection);
        } else {
            self.names = names_before;
        }
    }

    /// A name of the program's own for an attribute, always the same one.
    fn alias(&mut self, attribute: &str) -> String {
        let own = |(name, of): &(&String, &String)| {
            name.starts_with("#consign") && of.as_str() == attribute
        };
        if let Some((name, _)) = self.names.iter().find(own) {
            return name.clone();
        }
        let count = self.names.keys().filter(|name| name.starts_with("#consign")).count();
        let name = format!("#consign{count}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    /// SHA-256 (hex) over what is read of which table.
    pub(super) fn fingerprint(&self, table: &Description) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort();
        let mut values: Vec<_> =
            self.values.iter().map(|(name, value)| (name, value_json(value))).collect();
        values.sort_by_key(|(name, _)| *name);
        let read = json!([
            table.identity,
            self.index,
            self.consistent_read,
            self.key_condition,
            self.filter,
            self.projection,
            names,
            values,
        ]);
        hex::encode(Sha256::digest(read.to_string()))
    }
}

fn usage(message: &str) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests;
