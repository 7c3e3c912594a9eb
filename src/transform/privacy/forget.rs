//! What becomes of the columns of a contract: values of rows of age, then pseudonyms.
//!
//! [`forget`] does the first of the two to rows that are published already; a pseudonym is not
//! taken again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, ListBuilder, StringBuilder, StructArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use jiff::Timestamp;

use super::age::RowAges;
use super::pseudonyms;
use super::value::what_stays;
use crate::catalog::{Contract, Derived, Field, FieldType, Forget, Then};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::privacy::{KeyRing, KeyedHash};

/// Published rows after [`forget`].
#[derive(Debug, Clone)]
pub struct Forgotten {
    /// The rows, in their order and with their schema.
    pub rows: RecordBatch,
    /// Rows in which something changed.
    pub changed_rows: u64,
    /// Next instant at which one of the rows comes of age.
    pub earliest_expiry: Option<Timestamp>,
}

/// Takes from published rows what the contract takes from rows of age at `as_of`. Doing it twice
/// is the same as doing it once.
///
/// # Errors
/// `Usage` when the contract's clock is no field, `Unexpected` when the rows do not have the output
/// columns of the contract.
pub fn forget(contract: &Contract, rows: &RecordBatch, as_of: Timestamp) -> Result<Forgotten> {
    let doing = "could not take from rows of age what their contract says";
    let wanted = contract.fields.iter().map(|field| field.name.as_str());
    if !wanted.eq(rows.schema().fields().iter().map(|field| field.name().as_str())) {
        return Err(Error::new(ErrorKind::Unexpected, doing).with("dataset", contract.label()));
    }
    let protection = Protection::new(contract, as_of, None)?;
    let earliest_expiry = protection.ages.as_ref().and_then(|ages| ages.earliest_expiry(rows));
    let Some(columns) = protection.apply(rows) else {
        return Ok(Forgotten { rows: rows.clone(), changed_rows: 0, earliest_expiry });
    };
    let changed_rows =
        count_changes(rows.columns(), &columns).or_err(ErrorKind::Unexpected, doing)?;
    let rows = RecordBatch::try_new(rows.schema(), columns).or_err(ErrorKind::Unexpected, doing)?;
    Ok(Forgotten { rows, changed_rows, earliest_expiry })
}

/// Rows that are not the same in both.
fn count_changes(before: &[ArrayRef], after: &[ArrayRef]) -> arrow::error::Result<u64> {
    let changed = before.iter().zip(after).filter(|(before, after)| !Arc::ptr_eq(before, after));
    let (before, after): (Vec<_>, Vec<_>) =
        changed.map(|(before, after)| (Arc::clone(before), Arc::clone(after))).unzip();
    if before.is_empty() {
        return Ok(0);
    }
    let fields = before.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let (before, after) = (converter.convert_columns(&before)?, converter.convert_columns(&after)?);
    Ok(before.iter().zip(after.iter()).filter(|(before, after)| before != after).count() as u64)
}

/// What is done to the columns of a contract, told once.
pub(super) struct Protection {
    columns: Vec<Protected>,
    ages: Option<RowAges>,
    /// Number of the column with the names of missing fields.
    missing: Option<usize>,
}

/// A column, or a member of a struct, to which something is done.
struct Protected {
    /// Its number among its siblings.
    column: usize,
    name: String,
    hash: Option<KeyedHash>,
    after: Option<Forget>,
    members: Vec<Protected>,
}

impl Protection {
    /// With pseudonyms where there are `keys`.
    pub(super) fn new(
        contract: &Contract,
        as_of: Timestamp,
        keys: Option<&KeyRing>,
    ) -> Result<Self> {
        let is_missing_fields = |field: &Field| field.derived == Some(Derived::MissingFields);
        Ok(Self {
            columns: protected(&contract.fields, keys),
            ages: RowAges::new(contract, as_of)?,
            missing: contract.fields.iter().position(is_missing_fields),
        })
    }

    /// The columns of `rows` after it; `None` when nothing is done to them.
    pub(super) fn apply(&self, rows: &RecordBatch) -> Option<Vec<ArrayRef>> {
        let of_age = self.ages.as_ref().map(|ages| ages.by_period(rows)).unwrap_or_default();
        if of_age.is_empty() && !self.columns.iter().any(Protected::takes_pseudonyms) {
            return None;
        }
        let mut columns = rows.columns().to_vec();
        for protected in &self.columns {
            if let Some(column) = columns.get_mut(protected.column) {
                *column = protected.apply(column, &of_age);
            }
        }
        if let Some(missing) = self.missing.and_then(|missing| columns.get_mut(missing)) {
            let dropped: Vec<(&str, &BooleanBuffer)> =
                self.columns.iter().filter_map(|protected| protected.dropped(&of_age)).collect();
            if !dropped.is_empty() {
                *missing = with_missing(missing, &dropped);
            }
        }
        Some(columns)
    }
}

fn protected(fields: &[Field], keys: Option<&KeyRing>) -> Vec<Protected> {
    let of_field = |(column, field): (usize, &Field)| {
        let pseudonym = field.privacy.at_once.as_ref();
        let members = match &field.data_type {
            FieldType::Struct(members) => protected(members, keys),
            _ => Vec::new(),
        };
        let hash = pseudonym.and_then(|pseudonym| keys?.pseudonyms(&pseudonym.domain));
        let after = field.privacy.after.clone();
        let is_touched = hash.is_some() || after.is_some() || !members.is_empty();
        let name = field.name.clone();
        is_touched.then_some(Protected { column, name, hash, after, members })
    };
    fields.iter().enumerate().filter_map(of_field).collect()
}

impl Protected {
    fn takes_pseudonyms(&self) -> bool {
        self.hash.is_some() || self.members.iter().any(Self::takes_pseudonyms)
    }

    fn apply(&self, array: &ArrayRef, of_age: &BTreeMap<u32, BooleanBuffer>) -> ArrayRef {
        let mut array = Arc::clone(array);
        if let Some(whole) = array.as_struct_opt().filter(|_| !self.members.is_empty()) {
            let mut columns = whole.columns().to_vec();
            for member in &self.members {
                if let Some(column) = columns.get_mut(member.column) {
                    *column = member.apply(column, of_age);
                }
            }
            let nulls = whole.nulls().cloned();
            array = Arc::new(StructArray::new(whole.fields().clone(), columns, nulls));
        }
        if let Some((forget, places)) = self.forgotten(of_age) {
            array = what_stays(&array, places, &forget.then);
        }
        match &self.hash {
            Some(hash) => pseudonyms(&array, hash),
            None => array,
        }
    }

    /// What is forgotten now, and in which rows.
    fn forgotten<'a>(
        &'a self,
        of_age: &'a BTreeMap<u32, BooleanBuffer>,
    ) -> Option<(&'a Forget, &'a BooleanBuffer)> {
        let forget = self.after.as_ref()?;
        Some((forget, of_age.get(&forget.after_days)?))
    }

    fn dropped<'a>(
        &'a self,
        of_age: &'a BTreeMap<u32, BooleanBuffer>,
    ) -> Option<(&'a str, &'a BooleanBuffer)> {
        let (_, places) = self.forgotten(of_age).filter(|(forget, _)| forget.then == Then::Drop)?;
        Some((&self.name, places))
    }
}

/// The names of missing fields, with those that were dropped among them, sorted.
fn with_missing(column: &ArrayRef, dropped: &[(&str, &BooleanBuffer)]) -> ArrayRef {
    let (Some(lists), DataType::List(element)) = (column.as_list_opt::<i32>(), column.data_type())
    else {
        return Arc::clone(column);
    };
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(element));
    for row in 0..lists.len() {
        if lists.is_null(row) {
            builder.append_null();
            continue;
        }
        let names = lists.value(row);
        let mut names: Vec<&str> = names.as_string::<i32>().iter().flatten().collect();
        names.extend(dropped.iter().filter(|(_, rows)| rows.value(row)).map(|(name, _)| name));
        names.sort_unstable();
        names.dedup();
        names.iter().for_each(|name| builder.values().append_value(name));
        builder.append(true);
    }
    Arc::new(builder.finish()) as Arc<ListArray>
}
