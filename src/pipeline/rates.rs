//! The exchange rates of a run: read once before any row, and counted as they were used.
//!
//! Does not own what a rate file may say nor which rate an order gets (`fx`).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use bytes::Bytes;
use object_store::ObjectStoreExt;
use tokio::runtime::Handle;

use crate::catalog::{Contract, Converted, Derived};
use crate::error::{Error, ErrorKind, Result, causes};
use crate::fx::{CurrencyUse, Rates, RatesUsed};
use crate::model::date_of_days;
use crate::plan::{AwsOptions, Plan};
use crate::publish::CommitRecord;
use crate::report::plan::PlannedRates;
use crate::storage::{self, Location, store_error};

use super::write::WrittenDay;

/// The rates of a plan's contract, when it converts amounts.
pub(super) fn of_plan(plan: &Plan, runtime: &Handle) -> Result<Option<Arc<Rates>>> {
    of_contract(&plan.contract, plan.rates.as_deref(), &plan.aws, runtime)
}

/// The rates at `place`, when `contract` converts amounts.
pub(super) fn of_contract(
    contract: &Contract,
    place: Option<&str>,
    aws: &AwsOptions,
    runtime: &Handle,
) -> Result<Option<Arc<Rates>>> {
    let Some(place) = place.filter(|_| contract.converts()) else { return Ok(None) };
    let bytes = runtime.block_on(read(place, aws))?;
    Rates::read(&bytes, place).map(|rates| Some(Arc::new(rates)))
}

/// The rates of the file at `place`.
///
/// # Errors
/// `Usage` when there is no such file or it has mistakes, `Permission` and `Transient` from the
/// store.
pub fn read_rates(place: &str, aws: &AwsOptions) -> Result<Rates> {
    let runtime = super::start_runtime()?;
    Rates::read(&runtime.block_on(read(place, aws))?, place)
}

/// The bytes of the file at `place`.
pub(super) async fn read(place: &str, aws: &AwsOptions) -> Result<Bytes> {
    let opened = storage::open_existing(place, aws).await;
    let Location { store, prefix, .. } = opened.map_err(|error| unopened(place, error))?;
    let found = match store.get(&prefix).await {
        Ok(found) => found.bytes().await,
        Err(error) => Err(error),
    };
    found.map_err(|error| unreadable(place, &prefix, error))
}

fn unopened(place: &str, error: Error) -> Error {
    let of_system = causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>());
    if of_system.is_some_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return no_rate_file(place);
    }
    Error::new(error.kind(), "could not open the rate file").with_source(error)
}

fn unreadable(place: &str, path: &object_store::path::Path, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => no_rate_file(place),
        error => store_error("read the exchange rates", path, error),
    }
}

fn no_rate_file(place: &str) -> Error {
    Error::new(ErrorKind::Usage, "there is no rate file at this place")
        .with("place", place)
        .with_help("check the place, or put a file there by `consign fx import`")
}

/// What a plan says of its rates.
pub(super) fn planned(plan: &Plan, rates: &Rates) -> PlannedRates {
    let days = rates.table.days();
    PlannedRates {
        place: rates.place.clone(),
        sha256: rates.sha256.clone(),
        quotes: rates.table.len(),
        first_day: days.map(|(first, _)| first),
        last_day: days.map(|(_, last)| last),
        currencies: rates.currencies().iter().map(ToString::to_string).collect(),
        max_staleness_days: plan.contract.exchange.max_staleness_days,
    }
}

/// What a record says of the rates that the rows of `days` were converted by.
pub(super) fn used(plan: &Plan, rates: &Rates, days: &[WrittenDay]) -> RatesUsed {
    RatesUsed {
        place: rates.place.clone(),
        sha256: rates.sha256.clone(),
        other_sha256: Vec::new(),
        max_staleness_days: plan.contract.exchange.max_staleness_days,
        by_currency: by_currency(days),
    }
}

/// `used` with the files by which the rows of `carried_from` were converted.
pub(super) fn beside(mut used: RatesUsed, carried_from: &[&CommitRecord]) -> RatesUsed {
    for before in carried_from.iter().filter_map(|record| record.fx.as_ref()) {
        used.add_files_of(before);
    }
    used
}

/// What a record says of `days` of which no row was converted anew: the newest of the files that
/// their records name, with the others beside it. `None` when none names one.
pub(super) fn carried(carried_from: &[&CommitRecord], days: &[WrittenDay]) -> Option<RatesUsed> {
    let with_rates = carried_from.iter().filter(|record| record.fx.is_some());
    let newest = with_rates.max_by_key(|record| record.seq)?.fx.clone()?;
    let used = RatesUsed { by_currency: by_currency(days), ..newest };
    Some(beside(used, carried_from))
}

fn by_currency(days: &[WrittenDay]) -> BTreeMap<String, CurrencyUse> {
    let mut by_currency = BTreeMap::new();
    for (currency, of_day) in days.iter().flat_map(|day| &day.converted) {
        add(&mut by_currency, currency, of_day);
    }
    by_currency
}

fn add(uses: &mut BTreeMap<String, CurrencyUse>, currency: &str, more: &CurrencyUse) {
    match uses.get_mut(currency) {
        Some(known) => known.add(more),
        None => {
            uses.insert(currency.to_owned(), *more);
        }
    }
}

/// Counts published rows by currency, as the output columns have them.
pub(super) struct Conversions {
    /// Columns of the currency and of the day of the rate.
    columns: Vec<(usize, usize)>,
    uses: BTreeMap<String, CurrencyUse>,
}

impl Conversions {
    /// Nothing counted yet of rows of `contract`. The first day of a rate of each currency counts.
    pub(super) fn new(contract: &Contract) -> Self {
        let index = |name: &str| contract.fields.iter().position(|field| field.name == name);
        let mut columns: Vec<(usize, usize)> = Vec::new();
        for (rate_date, field) in contract.fields.iter().enumerate() {
            let Some(Derived::Converted { of, part: Converted::RateDate }) = &field.derived else {
                continue;
            };
            let money = contract.field(of).and_then(|amount| amount.money.as_ref());
            let Some(currency) = money.and_then(|money| index(&money.currency)) else { continue };
            if !columns.iter().any(|(known, _)| *known == currency) {
                columns.push((currency, rate_date));
            }
        }
        Self { columns, uses: BTreeMap::new() }
    }

    /// Counts rows of `day`. Neighbours are often of one currency and rate: they are counted
    /// together.
    pub(super) fn count(&mut self, day: i32, rows: &RecordBatch) {
        for (currency, rate_date) in &self.columns {
            let currencies = rows.column(*currency).as_string::<i32>();
            let rate_days = rows.column(*rate_date).as_primitive::<Date32Type>();
            let is_told = |row: &usize| rate_days.is_valid(*row) && currencies.is_valid(*row);
            let converted = (0..rows.num_rows()).filter(is_told);
            let kinds: Vec<(i32, &str)> =
                converted.map(|row| (rate_days.value(row), currencies.value(row))).collect();
            for stretch in kinds.chunk_by(|a, b| a == b) {
                let (rate_day, currency) = stretch[0];
                let Some(date) = date_of_days(rate_day) else { continue };
                let rows = stretch.len() as u64;
                let used = CurrencyUse::rows(rows, date, day.abs_diff(rate_day));
                add(&mut self.uses, currency, &used);
            }
        }
    }

    /// What was counted.
    pub(super) fn finish(self) -> BTreeMap<String, CurrencyUse> {
        self.uses
    }
}
