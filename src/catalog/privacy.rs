//! Privacy of a dataset: what becomes of its personal fields, and when.
//!
//! Plain data of the contract. Does not own keys and pseudonyms (`crate::privacy`) nor what is
//! done to values (`transform`).

use std::collections::BTreeSet;

use super::contract::{Contract, Field, FieldType};

/// Days after which a personal field is forgotten, when nothing is said. A day is 24 hours.
pub const DEFAULT_AFTER_DAYS: u32 = 90;
/// Most days for which a refused row may stay in the quarantine of a private dataset.
pub const MAX_QUARANTINE_DAYS: u32 = 30;

/// What a private dataset declares as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    /// Top-level required timestamp from which periods count.
    pub clock: String,
    /// Top-level text fields that tell a person, each on its own.
    pub subject: Vec<String>,
    /// Paths of the fields that together might tell a person: `shipping_address.country`.
    pub quasi_identifiers: Vec<String>,
    /// Least number of rows of age that must share their quasi-identifiers, at least 2; absent
    /// when the number is told and not judged.
    pub k: Option<u32>,
    /// Days for which a refused row stays in the quarantine.
    pub quarantine_days: u32,
}

/// What becomes of one field. Nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldPrivacy {
    /// Before it is written for the first time.
    pub at_once: Option<Pseudonym>,
    /// When its row is of age.
    pub after: Option<Forget>,
}

impl FieldPrivacy {
    /// Whether nothing becomes of the field.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.at_once.is_none() && self.after.is_none()
    }
}

/// A text is replaced by a keyed hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pseudonym {
    /// Values of one domain get equal pseudonyms, whatever the field and the dataset.
    pub domain: String,
}

/// A value goes when its row is of age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forget {
    /// Days of 24 hours after the clock field.
    pub after_days: u32,
    /// What stays of the value.
    pub then: Then,
}

/// What stays of a value. Doing it twice is the same as doing it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Nothing, as though the source had never had the field: NULL, and missing.
    Drop,
    /// NULL.
    Null,
    /// The first characters of a text.
    FirstCharacters(u32),
    /// An instant or a day down to a unit, in UTC.
    DownTo(TimeUnit),
    /// The greatest multiple of a number that is not above the value.
    Multiple {
        /// The number without its point.
        unscaled: i128,
        /// Its digits after the point, no more than those of the field.
        scale: u8,
    },
    /// A word in place of every text.
    Word(String),
    /// Of an email address, what stands behind the `@`.
    EmailDomain,
}

/// What a time is cut down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeUnit {
    /// The full hour.
    Hour,
    /// The day.
    Day,
    /// The first of the month.
    Month,
    /// The first of the year.
    Year,
}

impl TimeUnit {
    /// Every unit with its word in contracts and records.
    pub const WORDS: [(&'static str, Self); 4] =
        [("hour", Self::Hour), ("day", Self::Day), ("month", Self::Month), ("year", Self::Year)];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A field with something declared about its privacy.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The field; its path tells where it stands.
    pub field: &'a Field,
    /// Class of personal data: its own, else that of the struct it stands in.
    pub classification: &'a str,
}

impl Contract {
    /// The fields that have a policy, in the order of the contract, structs before their members.
    #[must_use]
    pub fn policies(&self) -> Vec<Policy<'_>> {
        let mut found = Vec::new();
        add_policies(&self.fields, "", &mut found);
        found
    }

    /// The periods after which a row comes of age for some field, days of 24 hours, ascending.
    #[must_use]
    pub fn privacy_periods(&self) -> BTreeSet<u32> {
        let policies = self.policies();
        policies.iter().filter_map(|p| Some(p.field.privacy.after.as_ref()?.after_days)).collect()
    }

    /// Whether a field is written as a pseudonym, so that a key is needed.
    #[must_use]
    pub fn takes_pseudonyms(&self) -> bool {
        self.policies().iter().any(|policy| policy.field.privacy.at_once.is_some())
    }

    /// The field at `path` and those it stands in, outermost first; fields inside lists are not
    /// looked for. Empty when there is none.
    #[must_use]
    pub fn fields_down_to(&self, path: &str) -> Vec<&Field> {
        let mut members = self.fields.as_slice();
        let mut found = Vec::new();
        for name in path.split('.') {
            let Some(field) = members.iter().find(|field| field.name == name) else {
                return Vec::new();
            };
            members = match &field.data_type {
                FieldType::Struct(members) => members,
                _ => &[],
            };
            found.push(field);
        }
        found
    }
}

fn add_policies<'a>(fields: &'a [Field], class_above: &'a str, found: &mut Vec<Policy<'a>>) {
    for field in fields {
        let classification = field.classification.as_deref().unwrap_or(class_above);
        if !field.privacy.is_none() {
            found.push(Policy { field, classification });
        }
        if let FieldType::Struct(members) = &field.data_type {
            add_policies(members, classification, found);
        }
    }
}
