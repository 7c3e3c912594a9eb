//! The rows of one day as they are written: how many are of age, when the next comes of age, and
//! how many share their quasi-identifiers.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::filter_record_batch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use jiff::Timestamp;

use crate::catalog::Contract;
use crate::catalog::schema::arrow_field;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::transform::RowAges;

const DOING: &str = "could not count rows that share their quasi-identifiers";

/// What there is to say of a day of a private dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) struct DayPrivacy {
    /// Rows of age.
    pub(in crate::pipeline) anonymised_rows: u64,
    /// Next instant at which a row comes of age.
    pub(in crate::pipeline) earliest_expiry: Option<Timestamp>,
    /// Least number of rows of age that share their quasi-identifiers; absent without rows of age
    /// or quasi-identifiers.
    pub(in crate::pipeline) k: Option<u64>,
}

/// Counts the rows of a day, batch by batch.
pub(in crate::pipeline) struct DayTally {
    ages: Option<RowAges>,
    classes: Option<Classes>,
    found: DayPrivacy,
}

impl DayTally {
    /// For a day of `contract` that is written at `as_of`; none when it is not private.
    pub(in crate::pipeline) fn new(contract: &Contract, as_of: Timestamp) -> Result<Option<Self>> {
        let Some(privacy) = &contract.privacy else { return Ok(None) };
        let classes = (!privacy.quasi_identifiers.is_empty())
            .then(|| Classes::new(contract, &privacy.quasi_identifiers))
            .transpose()?;
        Ok(Some(Self {
            ages: RowAges::new(contract, as_of)?,
            classes,
            found: DayPrivacy { anonymised_rows: 0, earliest_expiry: None, k: None },
        }))
    }

    /// Counts rows as they are written.
    pub(in crate::pipeline) fn count(&mut self, rows: &RecordBatch) -> Result<()> {
        let Some(ages) = &self.ages else { return Ok(()) };
        let expiries = [self.found.earliest_expiry, ages.earliest_expiry(rows)];
        self.found.earliest_expiry = expiries.into_iter().flatten().min();
        let of_age = ages.of_age(rows);
        let count = of_age.true_count() as u64;
        self.found.anonymised_rows += count;
        if let Some(classes) = self.classes.as_mut().filter(|_| count > 0) {
            let rows = filter_record_batch(rows, &of_age).or_err(ErrorKind::Unexpected, DOING)?;
            classes.count(&rows)?;
        }
        Ok(())
    }

    /// What was found.
    pub(in crate::pipeline) fn finish(self) -> DayPrivacy {
        let k = self.classes.and_then(|classes| classes.rows.into_values().min());
        DayPrivacy { k, ..self.found }
    }
}

/// Rows by the values of their quasi-identifiers.
struct Classes {
    /// Each as column numbers from the top down.
    paths: Vec<Vec<usize>>,
    converter: RowConverter,
    rows: HashMap<OwnedRow, u64>,
}

impl Classes {
    fn new(contract: &Contract, quasi_identifiers: &[String]) -> Result<Self> {
        let (mut paths, mut fields) = (Vec::new(), Vec::new());
        for path in quasi_identifiers {
            let (Some(columns), Some(last)) =
                (column_path(contract, path), contract.fields_down_to(path).pop())
            else {
                return Err(Error::new(ErrorKind::Usage, "a quasi-identifier is no field")
                    .with("dataset", contract.label())
                    .with("field", path));
            };
            paths.push(columns);
            fields.push(SortField::new(arrow_field(last, true).data_type().clone()));
        }
        let converter = RowConverter::new(fields).or_err(ErrorKind::Unexpected, DOING)?;
        Ok(Self { paths, converter, rows: HashMap::new() })
    }

    fn count(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns: Option<Vec<ArrayRef>> =
            self.paths.iter().map(|path| column_at(rows, path)).collect();
        let columns = columns.ok_or_else(|| Error::new(ErrorKind::Unexpected, DOING))?;
        let values =
            self.converter.convert_columns(&columns).or_err(ErrorKind::Unexpected, DOING)?;
        for row in &values {
            *self.rows.entry(row.owned()).or_default() += 1;
        }
        Ok(())
    }
}

fn column_path(contract: &Contract, path: &str) -> Option<Vec<usize>> {
    let mut siblings = contract.fields.as_slice();
    let mut columns = Vec::new();
    for name in path.split('.') {
        let column = siblings.iter().position(|field| field.name == name)?;
        siblings = match &siblings.get(column)?.data_type {
            crate::catalog::FieldType::Struct(members) => members,
            _ => &[],
        };
        columns.push(column);
    }
    Some(columns)
}

/// The column at a path, NULL where a struct around it is.
fn column_at(rows: &RecordBatch, path: &[usize]) -> Option<ArrayRef> {
    let (first, rest) = path.split_first()?;
    let mut column = rows.columns().get(*first)?.clone();
    for &member in rest {
        let whole: &StructArray = column.as_struct_opt()?;
        let below = whole.columns().get(member)?;
        let nulls = NullBuffer::union(whole.nulls(), below.nulls());
        let data = below.to_data().into_builder().nulls(nulls).build().ok()?;
        column = arrow::array::make_array(data);
    }
    Some(column)
}
