//! Text in its normal form: trimmed, cased, emptied as the contract declares, and the normal
//! form of e-mail addresses and UUIDs, which refuses what is none.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder, StructArray, UInt64Array,
};
use arrow::compute::take;

use super::Step;
use super::columns::record_batch;
use super::email::{Emails, is_plainly_normal as is_plain_address};
use super::findings::{Findings, Rows, elements};
use crate::catalog::{Contract, Field, FieldType, Format, Normalize};
use crate::error::Result;
use crate::model::{Batch, ReasonCode};

/// Brings every text that has a normal form into it.
pub(super) struct NormalizeText {
    columns: Vec<(usize, Shape)>,
    emails: Emails,
}

/// Where texts to normalise lie within a field.
enum Shape {
    Text(TextForm),
    List { element: Box<Shape>, set: Option<Arc<str>> },
    Struct(Vec<(usize, Shape)>),
}

struct TextForm {
    path: Arc<str>,
    required: bool,
    steps: Vec<Normalize>,
    format: Option<Format>,
}

impl NormalizeText {
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        let read = contract.fields.iter().filter(|field| field.derived.is_none());
        Ok(Self { columns: shapes(read), emails: Emails::new()? })
    }
}

/// A text of the top-level field at `index` as rows have it once they are normalised; `None` when it is
/// refused.
///
/// # Errors
/// `Usage` when the contract names a pattern that cannot be used.
pub fn normal_form(contract: &Contract, index: usize, text: &str) -> Result<Option<String>> {
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let mut found = Findings::default();
    let normal = rewritten(contract, index, &array, &mut found)?;
    let text = normal.as_string_opt::<i32>().and_then(|texts| texts.iter().next()?);
    Ok(text.filter(|_| found.is_empty()).map(str::to_owned))
}

/// The texts of the top-level field at `index` as rows have them once they are normalised. What would
/// be refused may be NULL.
///
/// # Errors
/// As [`normal_form`].
pub fn normal_forms(contract: &Contract, index: usize, texts: &ArrayRef) -> Result<ArrayRef> {
    rewritten(contract, index, texts, &mut Findings::default())
}

fn rewritten(
    contract: &Contract,
    index: usize,
    array: &ArrayRef,
    found: &mut Findings,
) -> Result<ArrayRef> {
    let Some(form) = contract.fields.get(index).and_then(shape) else { return Ok(array.clone()) };
    let normalize = NormalizeText { columns: Vec::new(), emails: Emails::new()? };
    Ok(normalize.rewrite(&form, array, &Rows::Same, found).unwrap_or_else(|| array.clone()))
}

fn shapes<'a>(fields: impl Iterator<Item = &'a Field>) -> Vec<(usize, Shape)> {
    fields.enumerate().filter_map(|(index, field)| Some((index, shape(field)?))).collect()
}

/// The texts of `field` that have a normal form; `None` when there are none.
fn shape(field: &Field) -> Option<Shape> {
    match &field.data_type {
        FieldType::Text if field.normalize.is_empty() && field.checks.format.is_none() => None,
        FieldType::Text => Some(Shape::Text(TextForm {
            path: Arc::clone(&field.path),
            required: field.required,
            steps: field.normalize.clone(),
            format: field.checks.format,
        })),
        FieldType::List { element, set } => Some(Shape::List {
            element: Box::new(shape(element)?),
            set: set.then(|| Arc::clone(&field.path)),
        }),
        FieldType::Struct(fields) => {
            let fields = shapes(fields.iter());
            (!fields.is_empty()).then_some(Shape::Struct(fields))
        }
        _ => None,
    }
}

impl Step for NormalizeText {
    fn apply(&self, mut batch: Batch) -> Batch {
        let mut found = Findings::default();
        let mut columns = batch.columns.columns().to_vec();
        for (index, shape) in &self.columns {
            if let Some(changed) = self.rewrite(shape, &columns[*index], &Rows::Same, &mut found) {
                columns[*index] = changed;
            }
        }
        batch.columns = record_batch(&batch.columns.schema(), columns);
        found.give_to(batch)
    }
}

impl NormalizeText {
    /// `array` with its texts in their normal form; `None` when they all were.
    fn rewrite(
        &self,
        shape: &Shape,
        array: &ArrayRef,
        rows: &Rows,
        found: &mut Findings,
    ) -> Option<ArrayRef> {
        match shape {
            Shape::Text(form) => self.rewrite_texts(form, array.as_string(), rows, found),
            Shape::List { element, set } => {
                let lists = array.as_list::<i32>();
                let of_elements = rows.of_elements(lists);
                let values = self.rewrite(element, lists.values(), &of_elements, found)?;
                let values = match set {
                    Some(path) => sorted_sets(lists, values, path, rows, found),
                    None => values,
                };
                let (field, offsets, _, nulls) = lists.clone().into_parts();
                Some(Arc::new(ListArray::new(field, offsets, values, nulls)))
            }
            Shape::Struct(fields) => {
                let structs = array.as_struct();
                let of_fields = rows.of_fields(structs);
                let (types, mut columns, nulls) = structs.clone().into_parts();
                let mut changed = false;
                for (index, shape) in fields {
                    if let Some(column) = self.rewrite(shape, &columns[*index], &of_fields, found) {
                        columns[*index] = column;
                        changed = true;
                    }
                }
                changed.then(|| Arc::new(StructArray::new(types, columns, nulls)) as ArrayRef)
            }
        }
    }

    fn rewrite_texts(
        &self,
        form: &TextForm,
        texts: &StringArray,
        rows: &Rows,
        found: &mut Findings,
    ) -> Option<ArrayRef> {
        let mut rebuilt: Option<StringBuilder> = None;
        for (place, before) in texts.iter().enumerate() {
            let after = match (before, rows.row(place)) {
                (Some(text), Some(row)) if !is_plainly_normal(form, text) => {
                    let (after, refusal) = self.normal_form(form, text);
                    if let Some(code) = refusal {
                        found.add(row, code, &form.path);
                    }
                    after
                }
                _ => before.map(Cow::Borrowed),
            };
            if rebuilt.is_none() && !is_same(after.as_ref(), before) {
                let mut same = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
                texts.iter().take(place).for_each(|text| same.append_option(text));
                rebuilt = Some(same);
            }
            if let Some(builder) = &mut rebuilt {
                builder.append_option(after);
            }
        }
        rebuilt.map(|mut builder| Arc::new(builder.finish()) as ArrayRef)
    }

    /// The normal form of a text, null when it becomes so, and why it is refused, if it is.
    fn normal_form<'a>(
        &self,
        form: &TextForm,
        text: &'a str,
    ) -> (Option<Cow<'a, str>>, Option<ReasonCode>) {
        let mut normal = Cow::Borrowed(text);
        for step in &form.steps {
            normal = match step {
                Normalize::Trim => trimmed(normal),
                Normalize::Lowercase => cased(normal, u8::is_ascii_uppercase, str::to_lowercase),
                Normalize::Uppercase => cased(normal, u8::is_ascii_lowercase, str::to_uppercase),
                Normalize::EmptyToNull if normal.is_empty() => {
                    return (None, form.required.then_some(ReasonCode::RequiredEmpty));
                }
                Normalize::EmptyToNull => normal,
            };
        }
        let (formal, refusal) = match form.format {
            None => return (Some(normal), None),
            Some(Format::Email) => (self.emails.normal_form(&normal), ReasonCode::EmailInvalid),
            Some(Format::Uuid) => {
                (uuid_normal_form(&normal).map(Cow::Owned), ReasonCode::UuidInvalid)
            }
        };
        match formal {
            Some(Cow::Owned(formal)) => (Some(Cow::Owned(formal)), None),
            Some(Cow::Borrowed(_)) => (Some(normal), None),
            None => (Some(normal), Some(refusal)),
        }
    }
}

/// Whether a text is its own normal form beyond doubt, as nearly all are.
fn is_plainly_normal(form: &TextForm, text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_graphic = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let has_case = |is_wrong: fn(&u8) -> bool| {
        bytes.iter().fold(true, |has, byte| has & byte.is_ascii() & !is_wrong(byte))
    };
    let is_kept = |step: &Normalize| match step {
        Normalize::Trim | Normalize::EmptyToNull => true,
        Normalize::Lowercase => has_case(u8::is_ascii_uppercase),
        Normalize::Uppercase => has_case(u8::is_ascii_lowercase),
    };
    is_graphic(bytes.first())
        && is_graphic(bytes.last())
        && form.steps.iter().all(is_kept)
        && match form.format {
            None => true,
            Some(Format::Email) => is_plain_address(text),
            Some(Format::Uuid) => false,
        }
}

/// Whether a normal form is the text itself. What borrows from it is a part of it.
fn is_same(after: Option<&Cow<'_, str>>, before: Option<&str>) -> bool {
    match (after, before) {
        (Some(Cow::Borrowed(after)), Some(before)) => after.len() == before.len(),
        (after, before) => after.map(AsRef::as_ref) == before,
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// `text` in another case, unless it is plain ASCII without a letter of the wrong one.
fn cased<'a>(
    text: Cow<'a, str>,
    is_wrong: impl Fn(&u8) -> bool,
    change: impl Fn(&str) -> String,
) -> Cow<'a, str> {
    if text.bytes().any(|byte| !byte.is_ascii() || is_wrong(&byte)) {
        Cow::Owned(change(&text))
    } else {
        text
    }
}

/// A UUID of 36 characters, in lower case.
fn uuid_normal_form(text: &str) -> Option<String> {
    let well_formed = text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    well_formed.then(|| text.to_ascii_lowercase())
}

/// `values`, the new elements of `lists`, in order again: texts of a set may have moved, or
/// have become equal, which refuses the set.
fn sorted_sets(
    lists: &ListArray,
    values: ArrayRef,
    path: &Arc<str>,
    rows: &Rows,
    found: &mut Findings,
) -> ArrayRef {
    let Some(texts) = values.as_string_opt::<i32>() else { return values };
    let text = |place: &usize| texts.is_valid(*place).then(|| texts.value(*place));
    let mut places: Vec<usize> = (0..texts.len()).collect();
    for (list, range) in elements(lists).enumerate() {
        let set = &mut places[range];
        set.sort_by_key(text);
        if set.windows(2).any(|pair| text(&pair[0]) == text(&pair[1]))
            && let Some(row) = rows.row(list).filter(|_| lists.is_valid(list))
        {
            found.add(row, ReasonCode::SetHasDuplicate, path);
        }
    }
    let places: UInt64Array = places.iter().map(|place| *place as u64).collect();
    take(&values, &places, None).unwrap_or(values)
}

#[cfg(test)]
mod tests;
