//! The place of privacy among the steps: last, so that rules and checks judge what was written.

use super::Step;
use crate::model::Batch;

/// What becomes of fields with a class of personal data.
pub(super) enum Privacy {
    /// They stay as they are.
    AsWritten,
}

impl Step for Privacy {
    fn apply(&self, batch: Batch) -> Batch {
        match self {
            Self::AsWritten => batch,
        }
    }
}
