//! The time zones of a run's data, held against what another database says of them.
//!
//! Does not own the databases (`transform`), only which zones and instants are asked about: those
//! that rows were told by, and the contract's own over the days published.

use crate::catalog::Contract;
use crate::model::{ZoneDifference, ZoneSpan, ZoneSpans, date_of_days};
use crate::state::Checkpoint;
use crate::transform::{instants_of_days, zone_differences};

/// Where readers with another database will see other days and local times than the run wrote.
/// `days` are those published, days since 1970-01-01, ascending.
pub(super) fn differences(
    contract: &Contract,
    checkpoints: &[Checkpoint],
    days: &[i32],
) -> Vec<ZoneDifference> {
    let mut used = ZoneSpans::default();
    checkpoints.iter().for_each(|checkpoint| used.merge(&checkpoint.zones));
    if let Some(span) = span_of(contract, days) {
        used.add(&contract.business_date.zone, span);
    }
    let found = zone_differences(&used);
    for ZoneDifference { zone, other_tzdb, from, to, .. } in &found {
        tracing::warn!(
            zone,
            other_tzdb,
            from,
            to,
            "readers with another time zone database differ"
        );
    }
    found
}

/// The instants of the days; `None` without days, and at the end of the calendar.
fn span_of(contract: &Contract, days: &[i32]) -> Option<ZoneSpan> {
    let (first, last) = (date_of_days(*days.first()?)?, date_of_days(*days.last()?)?);
    let (from, to) = instants_of_days(&contract.business_date, first, last).ok()?;
    Some(ZoneSpan { first_micros: from.as_microsecond(), last_micros: to.as_microsecond() - 1 })
}
