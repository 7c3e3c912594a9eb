//! The contract of a dataset version, as the rest of the program sees it.
//!
//! Plain data, compiled once by `odcs` from YAML and never changed after. Does not own the file
//! format it was read from.

use std::sync::Arc;

use regex::Regex;

use super::expression::Expr;
use super::money::{Converted, Exchange, Money};
use super::privacy::{FieldPrivacy, Privacy};

/// A dataset version: its fields, key, day, limits and rules.
#[derive(Debug, Clone)]
pub struct Contract {
    /// `id` of the ODCS file.
    pub id: String,
    /// Name of the dataset and of its folder below `schemas/`.
    pub dataset: String,
    /// Semantic version of the contract, `1.0.0`.
    pub version: String,
    /// What the dataset is, for people.
    pub description: String,
    /// SHA-256 (hex) of the contract file's bytes.
    pub sha256: String,
    /// Output fields in output order, derived ones included.
    pub fields: Vec<Field>,
    /// Names of the fields that identify a row, in key order. Top-level text or integer fields.
    pub key: Vec<String>,
    /// Name of the field that tells the newer of two copies: a top-level timestamp or integer.
    pub version_field: String,
    /// What a row's business date is taken from.
    pub business_date: BusinessDate,
    /// How amounts are converted, where fields are derived from them.
    pub exchange: Exchange,
    /// What is declared about personal data; only with it the dataset is private.
    pub privacy: Option<Privacy>,
    /// Bounds on what a row may hold.
    pub limits: Limits,
    /// Row rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Rules over all rows of a run.
    pub unique: Vec<UniqueRule>,
}

/// How the day of a row is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessDate {
    /// Top-level timestamp field.
    pub field: String,
    /// IANA zone in which the instant's civil date is the business date.
    pub zone: String,
}

/// One field of the output.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name in the output.
    pub name: String,
    /// Full path for reasons and counts: `items[].quantity`.
    pub path: Arc<str>,
    /// What it means, for people.
    pub description: String,
    /// Type and its parameters.
    pub data_type: FieldType,
    /// Whether a row without it, or with null, is refused.
    pub required: bool,
    /// Where it stands in a source row. Inside lists and structs a single name; at the top
    /// level a path may descend through objects. Empty for derived fields and for the element
    /// of a list.
    pub source: SourcePaths,
    /// How the program fills it itself, when it is not read.
    pub derived: Option<Derived>,
    /// Whether text may be read as a number, a number as text, and text as a boolean.
    pub coerce: bool,
    /// How text is normalised, in this order, before it is checked.
    pub normalize: Vec<Normalize>,
    /// What the value must satisfy.
    pub checks: Checks,
    /// What a decimal is an amount of, when it is one.
    pub money: Option<Money>,
    /// Class of personal data (`classification` of ODCS), for instance `pii`.
    pub classification: Option<String>,
    /// What becomes of it, in a private dataset.
    pub privacy: FieldPrivacy,
    /// Example values for people.
    pub examples: Vec<String>,
}

impl Field {
    /// An optional field that is not read, normalised or checked: the start for one that is.
    #[must_use]
    pub fn new(name: &str, data_type: FieldType) -> Self {
        Self {
            name: name.to_owned(),
            path: Arc::from(name),
            description: String::new(),
            data_type,
            required: false,
            source: SourcePaths::default(),
            derived: None,
            coerce: false,
            normalize: Vec::new(),
            checks: Checks::default(),
            money: None,
            classification: None,
            privacy: FieldPrivacy::default(),
            examples: Vec::new(),
        }
    }
}

/// Type of a field; it alone fixes the Arrow type.
#[derive(Debug, Clone)]
pub enum FieldType {
    /// UTF-8 text: Arrow `Utf8`.
    Text,
    /// 64-bit integer: `Int64`.
    Integer,
    /// Exact decimal: `Decimal128(precision, scale)`; precision is at most 38.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `Boolean`.
    Boolean,
    /// Civil day: `Date32`.
    Date,
    /// Instant: `Timestamp(Microsecond, "UTC")`.
    Timestamp(TimestampType),
    /// Bytes: `Binary`.
    Binary,
    /// `List` of one element field. A set is sorted and holds no element twice.
    List {
        /// Its name is `element`.
        element: Box<Field>,
        /// Whether order means nothing: the elements are sorted.
        set: bool,
    },
    /// `Struct` of named fields.
    Struct(Vec<Field>),
}

/// How an instant may be written in the source, and its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampType {
    /// Whether numbers are accepted, and as what.
    pub epoch: Option<EpochUnit>,
    /// How a text without offset is resolved; refused as `offset_missing` when absent.
    /// Top-level fields only.
    pub local: Option<LocalTime>,
    /// Earliest accepted instant, µs since 1970 UTC.
    pub min_micros: i64,
    /// Latest accepted instant, µs since 1970 UTC.
    pub max_micros: i64,
}

/// Unit of a number that stands for an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds since 1970 UTC, a fraction of up to six digits allowed.
    Seconds,
    /// Milliseconds since 1970 UTC.
    Milliseconds,
    /// Microseconds since 1970 UTC.
    Microseconds,
}

/// How a local time without offset becomes an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTime {
    /// Where the zone comes from.
    pub zone: TextZone,
    /// What to do with a time that never happened.
    pub gap: GapFold,
    /// What to do with a time that happened twice.
    pub fold: GapFold,
    /// What to do with a time that has an offset, when that is not its zone's.
    pub offset: WrittenOffset,
}

/// Zone of a local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextZone {
    /// The same IANA zone for every row.
    Fixed(String),
    /// The zone named by a text field of the row, else the default.
    Field {
        /// Name of the top-level text field.
        field: String,
        /// Zone of rows where it is null; refused as `offset_missing` when absent.
        default: Option<String>,
    },
}

/// Policy for local times that happen twice or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapFold {
    /// Refuse the row.
    Reject,
    /// Take the earlier instant.
    Earlier,
    /// Take the later instant.
    Later,
}

/// Policy for the offset that a time was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenOffset {
    /// It is taken as it is, whatever the zone: what contracts mean that say nothing.
    Trust,
    /// It must be the offset of the row's zone at that instant, else the row is refused. A time
    /// that names no offset of a zone (`Z`, a BSON date, an epoch number) is exact in every one.
    Reject,
}

/// Names of a field in the sources, from the top of the row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePaths {
    /// In DynamoDB items.
    pub dynamodb: Vec<String>,
    /// In MongoDB documents.
    pub mongodb: Vec<String>,
}

/// A field that the program fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derived {
    /// The business date of the row: a `Date`.
    BusinessDate,
    /// Offset from UTC, in minutes, with which the named top-level timestamp was written: an
    /// `Integer`.
    OffsetMinutes {
        /// Name of the timestamp field.
        of: String,
    },
    /// How the named top-level timestamp became an instant, a [`TimeVerdict`]: a `Text`.
    TimeVerdict {
        /// Name of the timestamp field.
        of: String,
    },
    /// IANA name of the zone that the named top-level timestamp was resolved in, or held against:
    /// a `Text`. Null where a time with an offset stands in a row that names no known zone.
    TimeZone {
        /// Name of the timestamp field.
        of: String,
    },
    /// Names of the optional top-level fields that the source row does not have at all (null
    /// and empty are not missing), sorted: a `List` of `Text`.
    MissingFields,
    /// A part of the conversion of a top-level amount to dollars: a `Decimal`, a `Date` for the
    /// day of the rate, a `Text` for its source.
    Converted {
        /// Name of the amount.
        of: String,
        /// Which part.
        part: Converted,
    },
}

/// How a time became an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeVerdict {
    /// It was written with an offset.
    Exact,
    /// It was not, and its zone had one instant for it.
    Unique,
    /// It happened twice, and the earlier instant was taken.
    FoldEarlier,
    /// It happened twice, and the later instant was taken.
    FoldLater,
    /// It never happened, and was shifted by the gap.
    GapShifted,
}

impl TimeVerdict {
    /// The word that the column holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Unique => "unique",
            Self::FoldEarlier => "fold_earlier",
            Self::FoldLater => "fold_later",
            Self::GapShifted => "gap_shifted",
        }
    }
}

/// One step of normalising text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalize {
    /// Remove white space at both ends.
    Trim,
    /// To lower case.
    Lowercase,
    /// To upper case.
    Uppercase,
    /// Empty text becomes null.
    EmptyToNull,
}

/// What a value must satisfy. Absent means unchecked.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// Closed list of texts; empty means any.
    pub one_of: Vec<String>,
    /// The whole text must match.
    pub pattern: Option<Regex>,
    /// Least value of a number, as (unscaled, scale).
    pub minimum: Option<(i128, u8)>,
    /// Greatest value of a number, as (unscaled, scale).
    pub maximum: Option<(i128, u8)>,
    /// Least length of a text, in characters.
    pub min_length: Option<u64>,
    /// Greatest length of a text, in characters.
    pub max_length: Option<u64>,
    /// Least number of elements.
    pub min_items: Option<u64>,
    /// Greatest number of elements.
    pub max_items: Option<u64>,
    /// A form with its own rules.
    pub format: Option<Format>,
}

/// Text with rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An email address; it is also normalised.
    Email,
    /// A UUID of 36 characters; it is also lower-cased.
    Uuid,
}

/// Bounds on what a row may hold; a breach refuses the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Source bytes of a row.
    pub max_row_bytes: u64,
    /// Levels of nesting; the row itself is level 1.
    pub max_depth: u32,
    /// Fields of a row, all levels together.
    pub max_fields: u32,
    /// Elements of one list.
    pub max_array_items: u32,
    /// Bytes of one text or binary value.
    pub max_text_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_row_bytes: 16 * 1024 * 1024,
            max_depth: 100,
            max_fields: 5_000,
            max_array_items: 100_000,
            max_text_bytes: 1024 * 1024,
        }
    }
}

/// A rule over the fields of one row.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, as it is counted.
    pub name: Arc<str>,
    /// What happens to a row that breaks it (or, for `Exclude`, for which it holds).
    pub severity: Severity,
    /// The expression as written.
    pub text: String,
    /// The expression compiled.
    pub expression: Expr,
    /// What an unknown (NULL) result means, when the contract says it.
    pub when_null: Option<WhenNull>,
    /// Why the rule exists, for people.
    pub reason: String,
}

impl Rule {
    /// What an unknown (NULL) result means.
    #[must_use]
    pub fn null_outcome(&self) -> WhenNull {
        self.when_null.unwrap_or_default()
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The expression must hold, else the row is refused.
    Reject,
    /// Rows for which the expression holds are left out and counted by the rule's name.
    Exclude,
    /// The expression should hold; rows for which it does not are counted and kept.
    Warn,
}

/// What the NULL of three-valued logic means for a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenNull {
    /// The row stays as if the rule did not apply: what a rule means that does not say.
    #[default]
    Keep,
    /// The rule acts: it refuses, excludes or warns.
    Act,
}

/// Fields whose values no two rows of a run may share. Rows that are refused or left out on their
/// own and older copies of a key are not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueRule {
    /// Its name.
    pub name: Arc<str>,
    /// What happens to all rows that share a value.
    pub severity: Severity,
    /// Names of top-level fields.
    pub fields: Vec<String>,
    /// What a NULL among the fields means, when the contract says it. Such rows are never compared.
    pub when_null: Option<WhenNull>,
    /// Why the rule exists, for people.
    pub reason: String,
}

impl UniqueRule {
    /// What a NULL among the fields means.
    #[must_use]
    pub fn null_outcome(&self) -> WhenNull {
        self.when_null.unwrap_or_default()
    }
}

impl Contract {
    /// `dataset@major`, as jobs name it.
    #[must_use]
    pub fn label(&self) -> String {
        let major = self.version.split('.').next().unwrap_or("0");
        format!("{}@{major}", self.dataset)
    }

    /// Whether amounts are converted to dollars, so that exchange rates are needed.
    #[must_use]
    pub fn converts(&self) -> bool {
        self.fields.iter().any(|f| matches!(f.derived, Some(Derived::Converted { .. })))
    }

    /// The top-level field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Whether one of the top-level fields called `names` can be NULL in a row that is not refused.
    #[must_use]
    pub fn can_lack_one_of(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.field(name).is_none_or(|field| !field.required))
    }
}
