//! Checks of single values: closed lists, patterns, ranges, lengths, numbers of elements.
//!
//! A null is never checked: whether it may be one was judged where it became null. Does not own
//! e-mail addresses and UUIDs, which `normalize` judges as it brings them into normal form.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Decimal128Type, Int64Type};
use regex::Regex;

use super::Step;
use super::findings::{Findings, Rows, elements_of};
use crate::catalog::{Checks, Contract, Field, FieldType};
use crate::error::{ErrorKind, Result, ResultExt};
use crate::model::{Batch, ReasonCode};

/// Checks every value against its field's declaration.
pub(super) struct Validate(Vec<(usize, FieldChecks)>);

/// The checks of a field and of what lies inside it.
struct FieldChecks {
    path: Arc<str>,
    kind: Kind,
}

enum Kind {
    Text(TextChecks),
    Integer(Range),
    Decimal(Range),
    List { items: Items, element: Option<Box<FieldChecks>> },
    Struct(Vec<(usize, FieldChecks)>),
}

struct TextChecks {
    one_of: Vec<String>,
    pattern: Option<Regex>,
    min_length: Option<u64>,
    max_length: Option<u64>,
}

/// Bounds as unscaled numbers of the field's own scale.
struct Range {
    minimum: Option<i128>,
    maximum: Option<i128>,
}

struct Items {
    minimum: Option<u64>,
    maximum: Option<u64>,
}

impl Validate {
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        Ok(Self(checks_of(&contract.fields)?))
    }
}

impl Step for Validate {
    fn apply(&self, batch: Batch) -> Batch {
        let mut found = Findings::default();
        for (column, checks) in &self.0 {
            checks.check(batch.columns.column(*column), &Rows::Same, &mut found);
        }
        found.give_to(batch)
    }
}

fn checks_of(fields: &[Field]) -> Result<Vec<(usize, FieldChecks)>> {
    let checks = fields
        .iter()
        .enumerate()
        .map(|(index, field)| Ok(FieldChecks::new(field)?.map(|checks| (index, checks))));
    checks.filter_map(Result::transpose).collect()
}

impl FieldChecks {
    /// The checks of `field`; `None` when there is nothing to check.
    fn new(field: &Field) -> Result<Option<Self>> {
        let checks = &field.checks;
        let kind = match &field.data_type {
            FieldType::Text => TextChecks::new(checks)?.map(Kind::Text),
            FieldType::Integer => Range::new(checks, 0).map(Kind::Integer),
            FieldType::Decimal { scale, .. } => Range::new(checks, *scale).map(Kind::Decimal),
            FieldType::List { element, .. } => {
                let items = Items { minimum: checks.min_items, maximum: checks.max_items };
                let element = Self::new(element)?.map(Box::new);
                let any = items.minimum.is_some() || items.maximum.is_some() || element.is_some();
                any.then_some(Kind::List { items, element })
            }
            FieldType::Struct(fields) => {
                let fields = checks_of(fields)?;
                (!fields.is_empty()).then_some(Kind::Struct(fields))
            }
            FieldType::Boolean | FieldType::Date | FieldType::Timestamp(_) | FieldType::Binary => {
                None
            }
        };
        Ok(kind.map(|kind| Self { path: Arc::clone(&field.path), kind }))
    }

    fn check(&self, array: &dyn Array, rows: &Rows, found: &mut Findings) {
        match &self.kind {
            Kind::Text(checks) => {
                let texts: &StringArray = array.as_string();
                let failed = |place| checks.failures(texts.value(place));
                self.check_cells(array, rows, found, failed);
            }
            Kind::Integer(range) => {
                let values = array.as_primitive::<Int64Type>();
                let numbers = values.values().iter().copied();
                if !range.holds_all(numbers.map(i128::from)) {
                    let failed = |place| range.failure(i128::from(values.value(place)));
                    self.check_cells(array, rows, found, failed);
                }
            }
            Kind::Decimal(range) => {
                let values = array.as_primitive::<Decimal128Type>();
                if !range.holds_all(values.values().iter().copied()) {
                    let failed = |place| range.failure(values.value(place));
                    self.check_cells(array, rows, found, failed);
                }
            }
            Kind::List { items, element } => {
                let lists = array.as_list::<i32>();
                let failed = |place| items.failure(elements_of(lists, place).len() as u64);
                self.check_cells(array, rows, found, failed);
                if let Some(element) = element {
                    element.check(lists.values(), &rows.of_elements(lists), found);
                }
            }
            Kind::Struct(fields) => {
                let structs = array.as_struct();
                let of_fields = rows.of_fields(structs);
                for (index, checks) in fields {
                    checks.check(structs.column(*index), &of_fields, found);
                }
            }
        }
    }

    fn check_cells<F>(
        &self,
        array: &dyn Array,
        rows: &Rows,
        found: &mut Findings,
        failed: impl Fn(usize) -> F,
    ) where
        F: IntoIterator<Item = ReasonCode>,
    {
        let mut check = |place| {
            for code in failed(place) {
                if let Some(row) = rows.row(place) {
                    found.add(row, code, &self.path);
                }
            }
        };
        match array.nulls() {
            Some(nulls) => nulls.valid_indices().for_each(check),
            None => (0..array.len()).for_each(&mut check),
        }
    }
}

impl TextChecks {
    fn new(checks: &Checks) -> Result<Option<Self>> {
        let whole_match = |pattern: &Regex| Regex::new(&format!(r"\A(?:{})\z", pattern.as_str()));
        let pattern = checks.pattern.as_ref().map(whole_match).transpose();
        let text = Self {
            one_of: checks.one_of.clone(),
            pattern: pattern
                .or_err(ErrorKind::Usage, "a pattern of the contract cannot be used")?,
            min_length: checks.min_length,
            max_length: checks.max_length,
        };
        let any = !text.one_of.is_empty()
            || text.pattern.is_some()
            || text.min_length.is_some()
            || text.max_length.is_some();
        Ok(any.then_some(text))
    }

    fn failures(&self, text: &str) -> impl Iterator<Item = ReasonCode> {
        let not_listed = !self.one_of.is_empty() && !self.one_of.iter().any(|one| one == text);
        let mismatch = self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text));
        let characters = || text.chars().count() as u64;
        let too_short = self.min_length.is_some_and(|min| characters() < min);
        let too_long =
            self.max_length.is_some_and(|max| text.len() as u64 > max && characters() > max);
        let failures = [
            not_listed.then_some(ReasonCode::NotInList),
            mismatch.then_some(ReasonCode::PatternMismatch),
            too_short.then_some(ReasonCode::TextTooShort),
            too_long.then_some(ReasonCode::TextTooLong),
        ];
        failures.into_iter().flatten()
    }
}

impl Range {
    fn new(checks: &Checks, scale: u8) -> Option<Self> {
        let minimum = checks.minimum.map(|bound| at_scale(bound, scale, 1));
        let maximum = checks.maximum.map(|bound| at_scale(bound, scale, 0));
        (minimum.is_some() || maximum.is_some()).then_some(Self { minimum, maximum })
    }

    /// Whether no value fails, those that stand where a column is null included.
    fn holds_all(&self, values: impl Iterator<Item = i128>) -> bool {
        let minimum = self.minimum.unwrap_or(i128::MIN);
        let maximum = self.maximum.unwrap_or(i128::MAX);
        values.fold(true, |holds, value| holds & (minimum <= value) & (value <= maximum))
    }

    fn failure(&self, value: i128) -> Option<ReasonCode> {
        if self.minimum.is_some_and(|minimum| value < minimum) {
            Some(ReasonCode::BelowMinimum)
        } else if self.maximum.is_some_and(|maximum| value > maximum) {
            Some(ReasonCode::AboveMaximum)
        } else {
            None
        }
    }
}

/// A bound at the scale of the values, so that comparing it stays exact: a finer one is rounded
/// down, and up when `round_up` is 1. One too large for 128 bits lies beyond every value.
fn at_scale((unscaled, bound_scale): (i128, u8), scale: u8, round_up: i128) -> i128 {
    let power = |digits: u8| 10i128.checked_pow(u32::from(digits));
    if bound_scale <= scale {
        let scaled = power(scale - bound_scale).and_then(|power| unscaled.checked_mul(power));
        return scaled.unwrap_or(if unscaled < 0 { i128::MIN } else { i128::MAX });
    }
    let (whole, rest) = match power(bound_scale - scale) {
        Some(power) => (unscaled.div_euclid(power), unscaled.rem_euclid(power)),
        None => (if unscaled < 0 { -1 } else { 0 }, unscaled),
    };
    if rest == 0 { whole } else { whole + round_up }
}

impl Items {
    fn failure(&self, items: u64) -> Option<ReasonCode> {
        if self.minimum.is_some_and(|minimum| items < minimum) {
            Some(ReasonCode::TooFewItems)
        } else if self.maximum.is_some_and(|maximum| items > maximum) {
            Some(ReasonCode::ArrayTooLong)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
