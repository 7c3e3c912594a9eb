//! Why a row is refused: the stable codes, each documented here and nowhere else.
//!
//! Codes are a promise: they are written to the quarantine, people filter and replay by them.
//! A code may be added, never renamed. Does not own the checks that give them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! reason_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal),+ $(,)?) => {
        /// Stable code of a reason. The text beside each is what `consign` shows for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode { $($(#[doc = $doc])+ $variant),+ }

        impl ReasonCode {
            /// Every code, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as written to the quarantine.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What the code means, for people.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }

            /// The code written as `code`, if there is one.
            #[must_use]
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reason_codes! {
    /// The bytes of the row are not valid JSON, DynamoDB JSON or BSON.
    RowMalformed = "row_malformed",
    /// The row is larger than the contract's `maxRowBytes`.
    RowTooLarge = "row_too_large",
    /// The row nests deeper than the contract's `maxDepth`.
    RowTooDeep = "row_too_deep",
    /// The row has more fields than the contract's `maxFields`.
    TooManyFields = "too_many_fields",
    /// A list has more elements than the contract's `maxArrayItems`.
    ArrayTooLong = "array_too_long",
    /// A text or binary value is longer than the contract's `maxTextBytes`.
    TextTooLong = "text_too_long",
    /// A field of the contract stands more than once in the row.
    DuplicateField = "duplicate_field",
    /// A required field is absent.
    RequiredMissing = "required_missing",
    /// A required field is null.
    RequiredNull = "required_null",
    /// A required field is empty once it is normalised as the contract declares.
    RequiredEmpty = "required_empty",
    /// The value has a type that does not fit the contract's without loss.
    TypeMismatch = "type_mismatch",
    /// A number is not written as the source format allows.
    NumberMalformed = "number_malformed",
    /// The contract wants an integer and the number has a fraction.
    IntegerHasFraction = "integer_has_fraction",
    /// The integer does not fit 64 bits.
    IntegerOutOfRange = "integer_out_of_range",
    /// The decimal has more digits before the point than the contract's precision allows.
    DecimalOutOfRange = "decimal_out_of_range",
    /// The decimal has more digits after the point than the contract's scale allows.
    DecimalTooFine = "decimal_too_fine",
    /// The number is NaN or infinite.
    DecimalNotFinite = "decimal_not_finite",
    /// The text is not valid UTF-8.
    TextNotUtf8 = "text_not_utf8",
    /// The text contains a NUL character, which readers of CSV cannot take.
    TextHasNul = "text_has_nul",
    /// The binary value is not valid base64.
    BinaryMalformed = "binary_malformed",
    /// A set or a list declared as a set holds one element twice.
    SetHasDuplicate = "set_has_duplicate",
    /// The date is not a calendar date written YYYY-MM-DD.
    DateMalformed = "date_malformed",
    /// The date is outside the range of the contract.
    DateOutOfRange = "date_out_of_range",
    /// The instant is not written as ISO 8601 or as the contract's epoch number.
    TimestampMalformed = "timestamp_malformed",
    /// The instant is outside the range of the contract.
    TimestampOutOfRange = "timestamp_out_of_range",
    /// The instant has digits finer than a microsecond.
    TimestampTooFine = "timestamp_too_fine",
    /// The time has no offset and the contract declares no zone for it.
    OffsetMissing = "offset_missing",
    /// The time zone that the row names is not known.
    ZoneUnknown = "zone_unknown",
    /// The local time happens twice in its zone and the contract refuses such times.
    LocalTimeAmbiguous = "local_time_ambiguous",
    /// The local time never happens in its zone and the contract refuses such times.
    LocalTimeNonexistent = "local_time_nonexistent",
    /// The time was written with an offset that its zone did not have at that instant.
    OffsetNotOfZone = "offset_not_of_zone",
    /// The value is not in the contract's closed list.
    NotInList = "not_in_list",
    /// The text does not match the contract's pattern.
    PatternMismatch = "pattern_mismatch",
    /// The value is less than the contract's minimum.
    BelowMinimum = "below_minimum",
    /// The value is greater than the contract's maximum.
    AboveMaximum = "above_maximum",
    /// The text is shorter than the contract's minimum length.
    TextTooShort = "text_too_short",
    /// The list has fewer elements than the contract's minimum.
    TooFewItems = "too_few_items",
    /// The text is not an email address that mail can be sent to.
    EmailInvalid = "email_invalid",
    /// The text is not a 36-character UUID.
    UuidInvalid = "uuid_invalid",
    /// The currency is no code of ISO 4217, or one that no price can be in.
    CurrencyUnknown = "currency_unknown",
    /// The currency was withdrawn from ISO 4217 before the day of the row, or before 2010.
    CurrencyHistoric = "currency_historic",
    /// The amount has more digits after the point than its currency has minor units.
    AmountTooFine = "amount_too_fine",
    /// No exchange rate to dollars is recent enough: not of the row's day, nor of the days before that the contract allows.
    FxRateMissing = "fx_rate_missing",
    /// A rule over several fields of the row does not hold.
    RuleFailed = "rule_failed",
    /// Another row has the same value in fields that must be unique.
    NotUnique = "not_unique",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let code = String::deserialize(d)?;
        Self::parse(&code)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown reason code {code:?}")))
    }
}

/// Type of a value as it stood in the source, by the source's own name for it: DynamoDB's tags
/// (`S`, `N`, `BOOL`, …) or BSON's type names (`string`, `int`, `decimal`, …), `missing` or
/// `null`, `invalid` where it could not be told.
pub type FoundType = &'static str;

/// One reason to refuse a row. Never holds the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong.
    pub code: ReasonCode,
    /// Path of the contract field, `items[].quantity`; absent when the row as a whole is wrong.
    pub field: Option<Arc<str>>,
    /// Name of the contract's rule, for rules that have one.
    pub rule: Option<Arc<str>>,
    /// Type of the value in the source.
    pub found: Option<FoundType>,
    /// Milliseconds since 1970 as the source had them, for dates out of range.
    pub raw_millis: Option<i64>,
}

impl Reason {
    /// A reason that concerns `field`.
    #[must_use]
    pub fn of_field(code: ReasonCode, field: &Arc<str>, found: Option<FoundType>) -> Self {
        Self { code, field: Some(Arc::clone(field)), rule: None, found, raw_millis: None }
    }

    /// A reason that concerns the row as a whole.
    #[must_use]
    pub fn of_row(code: ReasonCode) -> Self {
        Self { code, field: None, rule: None, found: None, raw_millis: None }
    }

    /// A broken rule of the contract.
    #[must_use]
    pub fn of_rule(code: ReasonCode, rule: &Arc<str>) -> Self {
        Self { code, field: None, rule: Some(Arc::clone(rule)), found: None, raw_millis: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_and_parse_back() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ReasonCode::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} stands twice");
            assert!(text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')));
            assert_eq!(ReasonCode::parse(text), Some(*code));
            assert!(code.explanation().ends_with('.'), "{text} lacks an explanation");
        }
    }
}
