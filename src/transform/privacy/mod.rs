//! Personal data: rows of erased subjects are left out, values go when their rows are of age,
//! others are replaced by pseudonyms.
//!
//! Last among the steps, so that rules and checks judge what was written. Does not own what is
//! declared (`catalog`) nor keys and hashes (`crate::privacy`).

mod age;
mod erased;
mod forget;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use jiff::Timestamp;

use super::Step;
use super::columns::record_batch;
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, SuppressionMark};
use crate::privacy::{KeyRing, KeyedHash};

pub use age::{RowAges, period_micros};
pub use forget::{Forgotten, forget};

pub(super) use erased::LeaveOutErased;

use forget::Protection;

/// How a key is had, for errors.
pub const HOW_TO_GET_A_KEY: &str = "let CONSIGN_PRIVACY_KEY_FILE name a key file; `consign privacy \
                                    new-key --to FILE` makes one";

/// What privacy rests on beside the contract.
#[derive(Debug, Clone)]
pub struct PrivacyInForce {
    /// Instant at which the age of rows is told.
    pub as_of: Timestamp,
    /// The keys, where there are any.
    pub keys: Option<Arc<KeyRing>>,
    /// Subjects whose rows are left out.
    pub suppressed: Vec<SuppressionMark>,
}

impl PrivacyInForce {
    /// No keys and nobody suppressed.
    #[must_use]
    pub fn at(as_of: Timestamp) -> Self {
        Self { as_of, keys: None, suppressed: Vec::new() }
    }
}

/// What becomes of personal fields before they are written.
pub(super) struct ProtectPersonalData(Option<Protection>);

impl ProtectPersonalData {
    /// What `contract` declares, with pseudonyms under the present key; without `in_force`
    /// everything stays as it was written.
    pub(super) fn new(contract: &Contract, in_force: Option<&PrivacyInForce>) -> Result<Self> {
        let Some(in_force) = in_force.filter(|_| contract.privacy.is_some()) else {
            return Ok(Self(None));
        };
        if contract.takes_pseudonyms() && in_force.keys.is_none() {
            let message = "the contract has fields written as pseudonyms, and there is no key";
            return Err(Error::new(ErrorKind::Usage, message)
                .with("dataset", contract.label())
                .with_help(HOW_TO_GET_A_KEY));
        }
        Protection::new(contract, in_force.as_of, in_force.keys.as_deref())
            .map(|protection| Self(Some(protection)))
    }
}

impl Step for ProtectPersonalData {
    fn apply(&self, mut batch: Batch) -> Batch {
        if let Some(protection) = &self.0
            && let Some(columns) = protection.apply(&batch.columns)
        {
            batch.columns = record_batch(&batch.columns.schema(), columns);
        }
        batch
    }
}

/// The pseudonyms of a column of texts.
fn pseudonyms(texts: &ArrayRef, hash: &KeyedHash) -> ArrayRef {
    let texts = texts.as_string::<i32>();
    Arc::new(texts.iter().map(|text| Some(hash.text(text?))).collect::<StringArray>())
}
