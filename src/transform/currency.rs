//! The place of currency conversion among the steps: after the output columns stand, before the
//! rules that compare amounts.

use super::Step;
use crate::model::Batch;

/// What becomes of amounts.
pub(super) enum Currency {
    /// They stay in the currency of their row, digit for digit.
    AsWritten,
}

impl Step for Currency {
    fn apply(&self, batch: Batch) -> Batch {
        match self {
            Self::AsWritten => batch,
        }
    }
}
