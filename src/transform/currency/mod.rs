//! Amounts: their currency, how fine they are, and what they are in dollars. After the output
//! columns stand, before the rules that compare amounts.
//!
//! Currency and day are looked up once a batch for each pair of them; what is done for every row
//! is integer arithmetic. Does not own rates and rounding (`fx`).

mod columns;
mod resolve;

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Decimal128Type;

use super::Step;
use super::columns::{column_index, record_batch};
use super::findings::Findings;
use crate::catalog::{Contract, Converted, Derived, Exchange, Field, FieldType, Money};
use crate::error::{Error, ErrorKind, Result};
use crate::fx::Rates;
use crate::model::Batch;

use columns::{Output, Shape};
use resolve::Resolved;

/// Checks and converts the amounts of a contract.
pub(super) struct ConvertAmounts {
    currencies: Vec<CurrencyColumn>,
    exchange: Exchange,
    rates: Option<Arc<Rates>>,
}

/// A column of currencies, and the amounts that are in them.
struct CurrencyColumn {
    column: usize,
    path: Arc<str>,
    amounts: Vec<Amount>,
}

/// A column of amounts, and the columns that are derived from it.
struct Amount {
    column: usize,
    path: Arc<str>,
    shape: Shape,
    money: Money,
    outputs: Vec<Output>,
}

impl ConvertAmounts {
    pub(super) fn new(contract: &Contract, rates: Option<&Arc<Rates>>) -> Result<Self> {
        if contract.converts() && rates.is_none() {
            return Err(Error::new(
                ErrorKind::Usage,
                "the contract converts amounts to dollars, and no exchange rates are named",
            )
            .with("dataset", contract.label())
            .with_help("name a job that has [fx] with `rates`, the place of a rate file"));
        }
        let schema = contract.nullable_output_schema();
        let index = |name: &str| column_index(contract, &schema, name);
        let mut currencies: Vec<CurrencyColumn> = Vec::new();
        for field in &contract.fields {
            let (Some(money), Some(shape)) = (&field.money, Shape::of(field)) else { continue };
            let column = index(&money.currency)?;
            let amount = Amount {
                column: index(&field.name)?,
                path: Arc::clone(&field.path),
                shape,
                money: money.clone(),
                outputs: outputs(contract, field, &index)?,
            };
            match currencies.iter_mut().find(|known| known.column == column) {
                Some(known) => known.amounts.push(amount),
                None => currencies.push(CurrencyColumn {
                    column,
                    path: Arc::clone(&contract.fields[column].path),
                    amounts: vec![amount],
                }),
            }
        }
        Ok(Self { currencies, exchange: contract.exchange, rates: rates.cloned() })
    }
}

/// The columns that are derived from `amount`.
fn outputs(
    contract: &Contract,
    amount: &Field,
    index: &dyn Fn(&str) -> Result<usize>,
) -> Result<Vec<Output>> {
    let derived = contract.fields.iter().filter_map(|field| match &field.derived {
        Some(Derived::Converted { of, part }) if *of == amount.name => Some((field, *part)),
        _ => None,
    });
    let outputs = derived.map(|(field, part)| {
        let (column, path) = (index(&field.name)?, Arc::clone(&field.path));
        Ok(match (part, Shape::of(field)) {
            (Converted::Usd, Some(shape)) => Output::Usd { column, path, shape },
            (Converted::Rate, Some(shape)) => Output::Rate { column, path, shape },
            (Converted::RateDate, _) => Output::RateDate { column },
            _ => Output::Source { column },
        })
    });
    outputs.collect()
}

impl Shape {
    fn of(field: &Field) -> Option<Self> {
        match field.data_type {
            FieldType::Decimal { precision, scale } => Some(Self { precision, scale }),
            _ => None,
        }
    }
}

impl Step for ConvertAmounts {
    fn apply(&self, mut batch: Batch) -> Batch {
        if self.currencies.is_empty() {
            return batch;
        }
        let schema = batch.columns.schema();
        let mut columns = batch.columns.columns().to_vec();
        let mut found = Findings::default();
        for currency in &self.currencies {
            let texts = columns[currency.column].as_string();
            let resolved = Resolved::new(
                texts,
                batch.business_dates.as_ref(),
                self.rates.as_deref(),
                self.exchange.max_staleness_days,
            );
            resolved.refuse_currencies(&currency.path, &mut found);
            for amount in &currency.amounts {
                let read = columns[amount.column].as_primitive::<Decimal128Type>();
                let unscaled = amount.read(read, &resolved, &mut found);
                if !amount.outputs.is_empty() {
                    resolved.refuse_missing_rates(&unscaled, &amount.path, &mut found);
                }
                for output in &amount.outputs {
                    let source = self.rates.as_deref().map_or("", |rates| &rates.sha256);
                    let array = output.build(
                        &unscaled,
                        amount.shape,
                        &resolved,
                        self.exchange.rounding,
                        source,
                        &mut found,
                    );
                    columns[output.column()] = array;
                }
                if let Some(array) = amount.rewritten(&unscaled) {
                    columns[amount.column] = array;
                }
            }
        }
        batch.columns = record_batch(&schema, columns);
        found.give_to(batch)
    }
}

#[cfg(test)]
mod tests;
