//! Business dates as intervals of instants: when days begin and end, and which are over.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::stretches::Stretches;
use super::{MICROS_PER_DAY, zone};
use crate::catalog::BusinessDate;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{date_of_days, days_of_date};

/// The interval of the business dates `first` to `last`, from its first instant to the first
/// behind it. Every instant in it is of one of these days, and none outside it.
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
    let midnight = |day: Date| i64::from(days_of_date(day)) * MICROS_PER_DAY;
    let stretches = Stretches::new(&zone, midnight(first), midnight(behind));
    let start_of = |day: Date| {
        let micros = stretches.start_of(days_of_date(day).into()).ok_or_else(|| beyond(day))?;
        Timestamp::from_microsecond(micros).map_err(|e| beyond(day).with_source(e))
    };
    Ok((start_of(first)?, start_of(behind)?))
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
    let civil = zone.to_datetime(until).date();
    let micros = until.as_microsecond();
    let stretch = Stretches::new(&zone, micros, micros).at(micros);
    let open = stretch.and_then(|stretch| date_of_days(i32::try_from(stretch.day(micros)).ok()?));
    let open = open.ok_or_else(|| beyond(civil))?;
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
    fn the_interval_of_days_is_theirs_to_the_instant() {
        let minutes = |zone: &str, first, last| {
            let (from, to) = instants_of_days(&in_zone(zone), first, last).unwrap();
            to.duration_since(from).as_mins()
        };
        let (spring, autumn) = (date(2026, 3, 8), date(2026, 11, 1));
        assert_eq!(minutes("America/New_York", date(2026, 8, 1), date(2026, 8, 2)), 48 * 60);
        assert_eq!(minutes("America/New_York", spring, spring), 23 * 60);
        assert_eq!(minutes("America/New_York", autumn, autumn), 25 * 60);
        assert_eq!(
            minutes("Australia/Lord_Howe", date(2026, 4, 5), date(2026, 4, 5)),
            24 * 60 + 30
        );
        assert_eq!(minutes("Pacific/Apia", date(2011, 12, 30), date(2011, 12, 30)), 0);
        let end = instants_of_days(&in_zone("UTC"), Date::MAX, Date::MAX);
        assert_eq!(end.unwrap_err().kind(), ErrorKind::Usage);
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
