//! What commit records say of personal data: the policy that was applied, whom to leave out, and
//! which objects go.
//!
//! A promise to readers, as the record itself. Does not own the policy (`catalog`) nor applying
//! it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the rule that leaves out the rows of erased subjects.
pub const ERASED: &str = "erased";

/// The policy of a private dataset as a record applied it, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyRecord {
    /// What becomes of each personal field.
    pub policy: Vec<FieldPolicy>,
    /// Field from which periods count.
    pub clock: String,
    /// Instant at which the age of the rows was told.
    pub as_of: Timestamp,
    /// Id of the key that pseudonyms were taken with; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Rows of age: published without what the policy takes from them.
    pub anonymised_rows: u64,
    /// Rows of erased subjects that were left out.
    pub erased_rows: u64,
    /// Next instant at which a published row comes of age; absent when none will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_expiry: Option<Timestamp>,
    /// How many rows of age share their quasi-identifiers; absent where none are declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<KAnonymity>,
}

/// What becomes of a personal field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPolicy {
    /// Path of the field: `shipping_address.city`.
    pub field: String,
    /// Class of personal data.
    pub classification: String,
    /// `pseudonym` when it is replaced before it is written for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<String>,
    /// Domain of the pseudonyms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Days of 24 hours after the clock field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_days: Option<u32>,
    /// What stays of the value then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<WhatStays>,
}

/// What stays of a value when its row is of age, in the words of contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhatStays {
    /// Nothing, as though the source had never had it.
    Drop,
    /// NULL.
    Null,
    /// The first characters of a text, or a time down to a unit.
    Truncate(String),
    /// A multiple of a number, a word, or the domain of an email address.
    Generalise(String),
}

impl WhatStays {
    /// Whether no more stays than with `other`, as far as that can be told.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let unit = |word: &str| ["hour", "day", "month", "year"].iter().position(|u| *u == word);
        match (self, other) {
            (Self::Drop, _)
            | (Self::Null, Self::Null | Self::Truncate(_) | Self::Generalise(_)) => true,
            (Self::Truncate(own), Self::Truncate(other)) => {
                let characters = own.parse::<u32>().ok().zip(other.parse::<u32>().ok());
                characters.is_some_and(|(own, other)| own <= other)
                    || unit(own).zip(unit(other)).is_some_and(|(own, other)| own >= other)
            }
            (own, other) => own == other,
        }
    }
}

/// The least number of rows of age that share their quasi-identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KAnonymity {
    /// Paths of the fields that together might tell a person.
    pub quasi_identifiers: Vec<String>,
    /// Number below which publishing is refused; absent when it is only told.
    pub wanted: Option<u64>,
    /// The number found, by day; days without rows of age are not judged and not listed.
    pub found: BTreeMap<String, u64>,
}

/// A subject whose rows later runs leave out. The keyed hash does not tell who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionMark {
    /// Field that tells the subject.
    pub field: String,
    /// Id of the key that the mark was taken with.
    pub key_id: String,
    /// HMAC-SHA256 (hex) of the subject's value.
    pub mark: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_may_stay_and_never_more() {
        use WhatStays::{Drop, Generalise, Null, Truncate};
        let truncate = |to: &str| Truncate(to.to_owned());
        let generalise = |to: &str| Generalise(to.to_owned());
        for (own, other, fits) in [
            (Drop, Null, true),
            (Null, Drop, false),
            (Null, truncate("3"), true),
            (truncate("3"), Null, false),
            (truncate("2"), truncate("3"), true),
            (truncate("10"), truncate("9"), false),
            (truncate("year"), truncate("month"), true),
            (truncate("day"), truncate("month"), false),
            (truncate("day"), truncate("3"), false),
            (generalise("100"), generalise("100"), true),
            (generalise("10"), generalise("100"), false),
            (generalise("other"), truncate("3"), false),
        ] {
            assert_eq!(own.is_within(&other), fits, "{own:?} {other:?}");
        }
    }

    #[test]
    fn what_stays_is_written_in_the_words_of_contracts() {
        let json = |stays: &WhatStays| serde_json::to_string(stays).unwrap();
        assert_eq!(json(&WhatStays::Null), "\"null\"");
        assert_eq!(json(&WhatStays::Truncate("3".to_owned())), "{\"truncate\":\"3\"}");
    }
}
