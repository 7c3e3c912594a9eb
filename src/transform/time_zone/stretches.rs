//! The stretches of time between changes of a zone's clock, and the days they make.
//!
//! Days are half-open intervals that follow each other without gap or overlap: a day begins at
//! the first instant whose civil date has come. Where clocks are set back over midnight, the hour
//! that happens again stays with the new day. Most days have 24 hours; some have more or less,
//! some do not begin at midnight, and one that a zone skipped has no instant.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::{MICROS_PER_DAY, MICROS_PER_SECOND};

/// Longer than clocks were ever set back or forth at once.
const LONGEST_CHANGE_MICROS: i64 = 3 * MICROS_PER_DAY;

/// A zone over a range of instants, so that a day is two additions away.
#[derive(Debug)]
pub(super) struct Stretches(Vec<Stretch>);

/// Instants of one offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// First instant, µs.
    from: i64,
    /// First instant behind it, µs.
    to: i64,
    /// Offset, µs.
    offset: i64,
    /// The day that had come by then.
    reached: i64,
}

impl Stretch {
    /// Whether an instant lies in it.
    pub(super) fn holds(&self, micros: i64) -> bool {
        self.from <= micros && micros < self.to
    }

    /// Day of an instant in it, in days since 1970-01-01.
    pub(super) fn day(&self, micros: i64) -> i64 {
        micros.saturating_add(self.offset).div_euclid(MICROS_PER_DAY).max(self.reached)
    }
}

impl Stretches {
    /// The stretches of `zone`, right for instants and days from `min_micros` to `max_micros`.
    pub(super) fn new(zone: &TimeZone, min_micros: i64, max_micros: i64) -> Self {
        let micros = |offset: Offset| i64::from(offset.seconds()) * MICROS_PER_SECOND;
        let begin = min_micros.saturating_sub(LONGEST_CHANGE_MICROS);
        let end = max_micros.saturating_add(LONGEST_CHANGE_MICROS);
        let begin = begin.max(Timestamp::MIN.as_microsecond());
        let begin = Timestamp::from_microsecond(begin).unwrap_or(Timestamp::MIN);
        let mut stretch = Stretch {
            from: i64::MIN,
            to: i64::MAX,
            offset: micros(zone.to_offset(begin)),
            reached: i64::MIN,
        };
        let mut stretches = Vec::new();
        for change in zone.following(begin) {
            let at = change.timestamp().as_microsecond();
            if at > end {
                break;
            }
            stretch.to = at;
            stretches.push(stretch);
            let reached = stretch.day(at - 1);
            stretch = Stretch { from: at, to: i64::MAX, offset: micros(change.offset()), reached };
        }
        stretches.push(stretch);
        Self(stretches)
    }

    /// The stretch that holds an instant.
    pub(super) fn at(&self, micros: i64) -> Option<Stretch> {
        self.0.get(self.0.partition_point(|stretch| stretch.to <= micros)).copied()
    }

    /// First instant of a day, µs. Of a day that the zone skipped, that of the next one.
    pub(super) fn start_of(&self, day: i64) -> Option<i64> {
        let stretch = self.0.iter().find(|stretch| stretch.day(stretch.to - 1) >= day)?;
        let midnight = day.checked_mul(MICROS_PER_DAY)?.checked_sub(stretch.offset)?;
        Some(midnight.max(stretch.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::days_of_date;
    use crate::transform::time_zone::zone;

    fn micros(instant: &str) -> i64 {
        instant.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn stretches(name: &str, from: &str, to: &str) -> Stretches {
        Stretches::new(&zone(name).unwrap(), micros(from), micros(to))
    }

    /// Start and length of a day of a zone.
    fn day(name: &str, date: &str) -> (String, i64) {
        let day = i64::from(days_of_date(date.parse().unwrap()));
        let stretches = stretches(name, &format!("{date}T00:00Z"), &format!("{date}T23:59Z"));
        let [from, to] = [day, day + 1].map(|day| stretches.start_of(day).unwrap());
        let minutes = (to - from) / (60 * MICROS_PER_SECOND);
        (Timestamp::from_microsecond(from).unwrap().to_string(), minutes)
    }

    #[test]
    fn days_begin_and_end_as_their_zone_makes_them() {
        let lord_howe = "Australia/Lord_Howe";
        for (zone, date, start, minutes) in [
            (lord_howe, "2026-04-05", "2026-04-04T13:00:00Z", 24 * 60 + 30),
            (lord_howe, "2026-04-06", "2026-04-05T13:30:00Z", 24 * 60),
            (lord_howe, "2026-10-04", "2026-10-03T13:30:00Z", 23 * 60 + 30),
            // Clocks go from 24:00 to 1:00: the day has no midnight.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", 23 * 60),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23 * 60),
            // 24:00 becomes 23:00: the day that ends has an hour more.
            ("America/Santiago", "2026-04-04", "2026-04-04T03:00:00Z", 25 * 60),
            // At 00:01 clocks go to 23:01 of the day before; the new day had begun.
            ("America/St_Johns", "2009-11-01", "2009-11-01T02:30:00Z", 25 * 60),
            ("America/St_Johns", "2009-10-31", "2009-10-31T02:30:00Z", 24 * 60),
            // Samoa went over the date line: no instant is of this day.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24 * 60),
        ] {
            assert_eq!(day(zone, date), (start.to_owned(), minutes), "{zone} {date}");
        }
    }

    #[test]
    fn every_instant_is_of_the_one_day_whose_interval_holds_it() {
        let (from, to) = ("2009-10-20T00:00Z", "2012-01-10T00:00Z");
        for name in ["America/St_Johns", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "UTC"] {
            let stretches = stretches(name, from, to);
            let mut before = i64::MIN;
            for at in (micros(from)..micros(to)).step_by(597 * 1_000_000) {
                let day = stretches.at(at).unwrap().day(at);
                let [start, end] = [day, day + 1].map(|day| stretches.start_of(day).unwrap());
                assert!(start <= at && at < end, "{name} {at}: {day} is {start} to {end}");
                assert!(day >= before, "{name} {at}: day {day} comes after {before}");
                before = day;
            }
        }
    }

    #[test]
    fn offsets_are_jiffs_over_the_whole_range() {
        let (from, to) = ("2000-01-01T00:00Z", "2100-01-01T00:00Z");
        for name in ["America/New_York", "Africa/Casablanca", "Asia/Kathmandu", "UTC"] {
            let (stretches, zone) = (stretches(name, from, to), zone(name).unwrap());
            for at in (micros(from)..=micros(to)).step_by(27 * 3_600 * 1_000_000) {
                let instant = Timestamp::from_microsecond(at).unwrap();
                let day = days_of_date(zone.to_datetime(instant).date());
                assert_eq!(stretches.at(at).unwrap().day(at), i64::from(day), "{name} {instant}");
            }
        }
    }
}
