//! What a dataset means: contracts, loaded from ODCS, and the Arrow schema they fix.
//!
//! Owns the [`Contract`] and its loading, linting and showing. Does not own judging rows by it
//! (`decode`, `transform`) nor where, when and how much is exported (`config`).

mod advice;
pub mod contract;
mod describe;
pub mod document;
pub mod expression;
mod folder;
pub mod money;
mod odcs;
pub mod privacy;
pub mod schema;
mod words;

pub use advice::advice;
pub use contract::{
    BusinessDate, Checks, Contract, Derived, EpochUnit, Field, FieldType, Format, GapFold, Limits,
    LocalTime, Normalize, Rule, Severity, SourcePaths, TextZone, TimeVerdict, TimestampType,
    UniqueRule, WhenNull, WrittenOffset,
};
pub use describe::{describe, describe_json};
pub use folder::{Catalog, contract_files};
pub use money::{AmountUnit, Converted, Exchange, Money, Rounding};
pub use odcs::{load_contract, parse_contract};
pub use privacy::{FieldPrivacy, Forget, Policy, Privacy, Pseudonym, Then, TimeUnit};
