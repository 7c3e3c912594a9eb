//! Civil days as intervals of instants: when a day begins and ends in a zone, and which days are
//! over.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::zone;
use crate::catalog::BusinessDate;
use crate::error::{Error, ErrorKind, Result};

/// Longest time that clocks are set back at a border of days.
const LONGEST_FOLD: SignedDuration = SignedDuration::from_hours(3);

/// An interval that holds every instant of the business dates `first` to `last`, from its first
/// instant to the first behind it. Where clocks are changed close to midnight it is wider: rows
/// that are not of these days are told by their date.
///
/// # Errors
/// `Usage` when the zone is not known or the days lie at the end of the calendar.
pub fn instants_of_days(
    dates: &BusinessDate,
    first: Date,
    last: Date,
) -> Result<(Timestamp, Timestamp)> {
    let zone = zone_of(dates)?;
    let behind = last.tomorrow().map_err(|e| beyond(last).with_source(e))?;
    let (from, to) = (start_of(first, &zone)?, start_of(behind, &zone)?);
    let from = if changes_near(from, &zone) { from - LONGEST_FOLD } else { from };
    let to = if changes_near(to, &zone) { to + LONGEST_FOLD } else { to };
    Ok((from, to))
}

/// The newest `count` business dates that had been over for `lag` at `as_of`, as first and last.
///
/// # Errors
/// `Usage` when the zone is not known or the days lie at the end of the calendar.
pub fn complete_days(
    dates: &BusinessDate,
    as_of: Timestamp,
    lag: SignedDuration,
    count: u32,
) -> Result<(Date, Date)> {
    let zone = zone_of(dates)?;
    let until = as_of.checked_sub(lag).map_err(|e| {
        Error::new(ErrorKind::Usage, "the lag of the slice reaches beyond time").with_source(e)
    })?;
    let open = zone.to_datetime(until).date();
    let back = |days: u32| {
        let span = i32::try_from(days).unwrap_or(i32::MAX).days();
        open.checked_sub(span).map_err(|e| beyond(open).with_source(e))
    };
    Ok((back(count.max(1))?, back(1)?))
}

fn zone_of(dates: &BusinessDate) -> Result<TimeZone> {
    zone(&dates.zone).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the contract names a time zone that is not known")
            .with("zone", &dates.zone)
    })
}

fn start_of(day: Date, zone: &TimeZone) -> Result<Timestamp> {
    let start = day.to_zoned_datetime(zone.clone()).map_err(|e| beyond(day).with_source(e))?;
    Ok(start.timestamp())
}

fn changes_near(midnight: Timestamp, zone: &TimeZone) -> bool {
    let before = midnight - LONGEST_FOLD;
    zone.following(before)
        .next()
        .is_some_and(|change| change.timestamp() <= midnight + LONGEST_FOLD)
}

fn beyond(day: Date) -> Error {
    Error::new(ErrorKind::Usage, "the day lies at the end of the calendar").with("day", day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn in_zone(zone: &str) -> BusinessDate {
        BusinessDate { field: "created_at".to_owned(), zone: zone.to_owned() }
    }

    #[test]
    fn days_are_as_long_as_their_zone_makes_them() {
        let hours = |zone: &str, day| {
            let (from, to) = instants_of_days(&in_zone(zone), day, day).unwrap();
            to.duration_since(from).as_mins()
        };
        assert_eq!(hours("America/New_York", date(2026, 8, 1)), 24 * 60);
        // Clocks are changed at 2 o'clock, which is close to midnight: three hours more.
        assert_eq!(hours("America/New_York", date(2026, 3, 8)), (23 + 3) * 60);
        assert_eq!(hours("Australia/Lord_Howe", date(2026, 7, 1)), 24 * 60);
    }

    #[test]
    fn the_interval_holds_every_instant_of_its_day() {
        for name in ["America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut"] {
            let zone = zone(name).unwrap();
            let mut at: Timestamp = "2009-10-20T00:00:00Z".parse().unwrap();
            let end: Timestamp = "2010-11-20T00:00:00Z".parse().unwrap();
            while at < end {
                let day = zone.to_datetime(at).date();
                let (from, to) = instants_of_days(&in_zone(name), day, day).unwrap();
                assert!(from <= at && at < to, "{name}: {at} is of {day}: {from} to {to}");
                at += SignedDuration::from_secs(597);
            }
        }
    }

    #[test]
    fn a_day_is_complete_when_it_has_been_over_for_the_lag() {
        let complete = |as_of: &str, hours, count| {
            let lag = SignedDuration::from_hours(hours);
            complete_days(&in_zone("America/New_York"), as_of.parse().unwrap(), lag, count).unwrap()
        };
        let day = |d| date(2026, 8, d);
        // Midnight in New York is at 4 o'clock UTC.
        assert_eq!(complete("2026-08-03T05:59:59Z", 2, 1), (day(1), day(1)));
        assert_eq!(complete("2026-08-03T06:00:00Z", 2, 1), (day(2), day(2)));
        assert_eq!(complete("2026-08-03T06:00:00Z", 2, 2), (day(1), day(2)));
    }
}
