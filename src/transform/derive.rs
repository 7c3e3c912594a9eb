//! Columns that the program fills itself; from here on a batch has the output columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::datatypes::{DataType, Int16Type, SchemaRef};

use super::Step;
use super::columns::{column_index, record_batch};
use crate::catalog::schema::{MISSING_COLUMN, OFFSET_SUFFIX, VERDICT_SUFFIX, ZONE_SUFFIX};
use crate::catalog::{Contract, Derived};
use crate::error::Result;
use crate::model::Batch;

/// Decoded and resolved columns in, output columns out.
pub(super) struct DeriveColumns {
    output: SchemaRef,
    origins: Vec<Origin>,
}

/// What an output column is made of: numbers are columns of the resolved schema.
enum Origin {
    Column(usize),
    BusinessDates,
    OffsetMinutes {
        times: usize,
        offsets: usize,
    },
    /// Filled by the step after this one.
    Converted(DataType),
}

impl DeriveColumns {
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        let resolved = contract.resolved_schema();
        let index = |name: &str| column_index(contract, &resolved, name);
        let output = contract.nullable_output_schema();
        let origins = contract.fields.iter().zip(output.fields()).map(|(field, column)| {
            Ok(match &field.derived {
                None => Origin::Column(index(&field.name)?),
                Some(Derived::MissingFields) => Origin::Column(index(MISSING_COLUMN)?),
                Some(Derived::BusinessDate) => Origin::BusinessDates,
                Some(Derived::Converted { .. }) => Origin::Converted(column.data_type().clone()),
                Some(Derived::TimeVerdict { of }) => {
                    Origin::Column(index(&format!("{of}{VERDICT_SUFFIX}"))?)
                }
                Some(Derived::TimeZone { of }) => {
                    Origin::Column(index(&format!("{of}{ZONE_SUFFIX}"))?)
                }
                Some(Derived::OffsetMinutes { of }) => Origin::OffsetMinutes {
                    times: index(of)?,
                    offsets: index(&format!("{of}{OFFSET_SUFFIX}"))?,
                },
            })
        });
        let origins = origins.collect::<Result<_>>()?;
        Ok(Self { output, origins })
    }
}

impl Step for DeriveColumns {
    fn apply(&self, mut batch: Batch) -> Batch {
        let column = |origin: &Origin| -> ArrayRef {
            match origin {
                Origin::Column(index) => Arc::clone(batch.columns.column(*index)),
                Origin::BusinessDates => match &batch.business_dates {
                    Some(days) => Arc::new(days.clone()),
                    None => new_null_array(&DataType::Date32, batch.num_rows()),
                },
                Origin::OffsetMinutes { times, offsets } => {
                    let times = batch.columns.column(*times);
                    let offsets = batch.columns.column(*offsets).as_primitive::<Int16Type>();
                    let minutes = offsets.iter().enumerate().map(|(row, minutes)| {
                        minutes.filter(|_| times.is_valid(row)).map(i64::from)
                    });
                    Arc::new(minutes.collect::<Int64Array>())
                }
                Origin::Converted(data_type) => new_null_array(data_type, batch.num_rows()),
            }
        };
        let columns = self.origins.iter().map(column).collect();
        batch.columns = record_batch(&self.output, columns);
        batch
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Int16Array, ListBuilder, StringBuilder};
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::catalog::FieldType;
    use crate::transform::fixtures::{batch, contract, field, list, times, timestamp};

    #[test]
    fn derived_columns_stand_where_the_contract_has_them() {
        let mut date = field("order_date", FieldType::Date);
        date.derived = Some(Derived::BusinessDate);
        let mut minutes = field("created_at_offset_minutes", FieldType::Integer);
        minutes.derived = Some(Derived::OffsetMinutes { of: "created_at".to_owned() });
        let mut missing = field("missing_fields", list(field("element", FieldType::Text)));
        missing.derived = Some(Derived::MissingFields);
        let contract = contract(vec![date, field("created_at", timestamp()), minutes, missing]);

        let mut absent = ListBuilder::new(StringBuilder::new())
            .with_field(arrow::datatypes::Field::new("element", DataType::Utf8, true));
        absent.append_value([Some("note")]);
        absent.append_value(Vec::<Option<&str>>::new());
        let columns: Vec<ArrayRef> = vec![
            times(vec![Some(0), None]),
            Arc::new(Int16Array::from(vec![Some(-90), Some(60)])),
            Arc::new(absent.finish()),
        ];
        let mut rows = batch(&contract, columns, 2);
        rows.business_dates = Some(Date32Array::from(vec![Some(-1), None]));

        let output = DeriveColumns::new(&contract).unwrap().apply(rows).columns;
        assert_eq!(output.schema(), contract.nullable_output_schema());
        let minutes = output.column(2).as_primitive::<Int64Type>();
        assert_eq!(minutes.iter().collect::<Vec<_>>(), [Some(-90), None]);
        assert_eq!(output.column(0).len(), 2);
        assert_eq!(output.column(3).as_list::<i32>().value_length(0), 1);
    }

    #[test]
    fn an_offset_of_a_field_that_is_not_read_is_a_mistake_of_the_contract() {
        let mut minutes = field("offset", FieldType::Integer);
        minutes.derived = Some(Derived::OffsetMinutes { of: "sent_at".to_owned() });
        let error = DeriveColumns::new(&contract(vec![minutes])).err().unwrap();
        assert_eq!(error.kind(), crate::error::ErrorKind::Usage);
        assert!(error.to_string().contains("sent_at"));
    }
}
