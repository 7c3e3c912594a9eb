//! The time zones of a run's data, held against what another database says of them.
//!
//! Does not own the databases (`transform`), only which zones and instants are asked about: those
//! that rows were told by, and the contract's own over the days published.

use crate::catalog::Contract;
use crate::model::{ZoneDifference, ZoneSpan, ZoneSpans, date_of_days};
use crate::publish::CommitRecord;
use crate::transform::{PublishedZones, instants_of_days, zone_differences};

/// Where readers with another database will see other days and local times than the run wrote.
/// `used` are the zones of its rows, `days` those published, days since 1970-01-01, ascending.
pub(super) fn differences(
    contract: &Contract,
    mut used: ZoneSpans,
    days: &[i32],
) -> Vec<ZoneDifference> {
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

/// Adds what the records of days that are carried on said of zones of which their rows tell nothing
/// any more.
pub(super) fn add_untold<'r>(
    differences: &mut Vec<ZoneDifference>,
    zones: &PublishedZones,
    carried_from: impl IntoIterator<Item = &'r CommitRecord>,
) {
    if zones.tells_all() {
        return;
    }
    let asked = differences.len();
    for before in carried_from.into_iter().flat_map(|record| &record.zone_differences) {
        let is_asked = differences.iter().take(asked).any(|found| found.zone == before.zone);
        if !is_asked && !differences.contains(before) {
            differences.push(before.clone());
        }
    }
}

/// The instants of the days; `None` without days, and at the end of the calendar.
fn span_of(contract: &Contract, days: &[i32]) -> Option<ZoneSpan> {
    let (first, last) = (date_of_days(*days.first()?)?, date_of_days(*days.last()?)?);
    let (from, to) = instants_of_days(&contract.business_date, first, last).ok()?;
    Some(ZoneSpan { first_micros: from.as_microsecond(), last_micros: to.as_microsecond() - 1 })
}
