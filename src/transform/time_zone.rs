//! The only zone arithmetic of the crate: local times to instants, instants to business dates.
//!
//! The rules come from jiff's bundled time zone database and from the contract's policy; the
//! machine's own zone and database are never asked. Another database is asked once a run, to warn
//! of readers who have it (`second_opinion`); it decides nothing.

mod business_date;
mod days;
mod published;
mod resolve;
mod second_opinion;
mod stretches;
mod zones;

use jiff::tz::{TimeZone, TimeZoneDatabase};

pub use days::{complete_days, instants_of_days};
pub use published::PublishedZones;
pub use second_opinion::zone_differences;

pub(super) use business_date::TellBusinessDates;
pub(super) use resolve::ResolveLocalTimes;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The zone called `name`. `Factory` and `Etc/Unknown` stand for a zone that nobody set: taken
/// at their word they would be UTC.
fn zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    let unset = zone.is_unknown() || zone.iana_name() == Some("Factory");
    (!unset).then_some(zone)
}

fn contract_zone(contract: &Contract, name: &str) -> Result<TimeZone> {
    zone(name).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the contract names a time zone that is not known")
            .with("dataset", contract.label())
            .with("zone", name)
            .with_help("use a name of the IANA time zone database, such as Europe/Berlin")
    })
}

#[cfg(test)]
mod tests;
