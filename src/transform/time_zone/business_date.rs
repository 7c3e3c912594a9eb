//! The business date of each row: the day, in the contract's zone, whose interval holds an instant.

use arrow::array::{AsArray, Date32Array};
use arrow::datatypes::TimestampMicrosecondType;

use super::contract_zone;
use super::stretches::{Stretch, Stretches};
use crate::catalog::{Contract, FieldType};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Batch;
use crate::transform::Step;
use crate::transform::columns::column_index;

/// Gives each row its business date.
pub(in crate::transform) struct TellBusinessDates {
    column: usize,
    zone: Stretches,
}

impl TellBusinessDates {
    pub(in crate::transform) fn new(contract: &Contract) -> Result<Self> {
        let of = &contract.business_date;
        let Some(FieldType::Timestamp(written)) =
            contract.field(&of.field).map(|field| &field.data_type)
        else {
            let message = "the business date must be taken from a timestamp field";
            return Err(Error::new(ErrorKind::Usage, message)
                .with("dataset", contract.label())
                .with("field", &of.field));
        };
        let zone = contract_zone(contract, &of.zone)?;
        Ok(Self {
            column: column_index(contract, &contract.decoded_schema(), &of.field)?,
            zone: Stretches::new(&zone, written.min_micros, written.max_micros),
        })
    }
}

impl Step for TellBusinessDates {
    fn apply(&self, mut batch: Batch) -> Batch {
        let instants = batch.columns.column(self.column).as_primitive::<TimestampMicrosecondType>();
        // Rows of a batch mostly lie in one stretch.
        let mut stretch = None;
        let days = instants.iter().map(|instant| {
            let micros = instant?;
            stretch =
                stretch.filter(|s: &Stretch| s.holds(micros)).or_else(|| self.zone.at(micros));
            i32::try_from(stretch?.day(micros)).ok()
        });
        batch.business_dates = Some(days.collect::<Date32Array>());
        batch
    }
}
