//! The only types that cross a wall between two rooms of the crate.
//!
//! Owns what is handed from stage to stage: [`Split`], [`RawPage`], [`Batch`], [`Reason`],
//! [`DataFile`], [`Ledger`]. Does not own how any of them is made, and does no I/O.

mod batch;
mod data_file;
mod day;
mod ledger;
mod privacy;
mod reason;
mod sensitive;
mod split;
mod sums;
mod zone_spans;

pub use batch::{Batch, RawRows, RowExclusion, RowReason};
pub use data_file::{DataFile, FileFormat, KEY_PART_SEPARATOR};
pub use day::{date_of_days, days_of_date};
pub use ledger::{Ledger, SplitTally, Tally};
pub use privacy::{ERASED, FieldPolicy, KAnonymity, PrivacyRecord, SuppressionMark, WhatStays};
pub use reason::{FoundType, Reason, ReasonCode};
pub use sensitive::Sensitive;
pub use split::{
    CHANGES, ObjectPart, PageContent, Part, Position, RawFormat, RawPage, SCAN_WINDOW, SourcePlan,
    SourceSummary, Split, SplitId,
};
pub use sums::Sums;
pub use zone_spans::{ZoneDifference, ZoneSpan, ZoneSpans};
