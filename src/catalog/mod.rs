//! What a dataset means: contracts, loaded from ODCS, and the Arrow schema they fix.
//!
//! Owns the [`Contract`] and its loading, linting and showing. Does not own judging rows by it
//! (`decode`, `transform`) nor where, when and how much is exported (`config`).

pub mod contract;
pub mod expression;
pub mod schema;

pub use contract::{
    Checks, Contract, Derived, EpochUnit, Field, FieldType, Format, GapFold, Limits, LocalTime,
    Normalize, Rule, Severity, SourcePaths, TextZone, TimestampType, UniqueRule, WhenNull,
};
