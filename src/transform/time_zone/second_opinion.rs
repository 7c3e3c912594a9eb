//! What another time zone database says of the zones that a run used.
//!
//! Zone rules change several times a year, and readers have the database of their own machine or
//! library. chrono-tz, with which polars and arrow show local times, stands for them: where it
//! differs from ours within the data, days and local times are not the reader's. It is asked once
//! a run, about each zone and the span it was used in, and decides nothing.

use std::ops::Range;

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::{IANA_TZDB_VERSION, Tz};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::zone;
use crate::model::{ZoneDifference, ZoneSpan, ZoneSpans};

/// Within one stretch of our offset the other database is asked this often. No clock was ever
/// changed twice in so short a time.
const STEP_SECONDS: i64 = 12 * 3_600;

/// The zones of which the other database says something else within the spans they were used in.
#[must_use]
pub fn zone_differences(used: &ZoneSpans) -> Vec<ZoneDifference> {
    used.iter().filter_map(|(name, span)| difference(name, span)).collect()
}

/// Seconds since 1970 over which both databases keep to one offset.
struct Stretch {
    seconds: Range<i64>,
    ours: Offset,
    /// Absent when the zone is not known there.
    theirs: Option<Offset>,
}

fn difference(name: &str, span: ZoneSpan) -> Option<ZoneDifference> {
    let ours = zone(name)?;
    let second = |micros: i64| micros.div_euclid(1_000_000);
    let first = second(span.first_micros).max(Timestamp::MIN.as_second());
    let end = second(span.last_micros).min(Timestamp::MAX.as_second() - 1) + 1;
    let theirs: Option<Tz> = name.parse().ok();
    let differing: Vec<Stretch> = (our_stretches(&ours, first..end).into_iter())
        .flat_map(|(seconds, ours)| split_by(theirs, seconds, ours))
        .filter(|stretch| stretch.theirs != Some(stretch.ours))
        .collect();
    let (begin, last) = (differing.first()?, differing.last()?);
    let instant = |second| Timestamp::from_second(second).map(|at| at.to_string()).ok();
    let apart = differing.windows(2).filter(|pair| match pair {
        [one, next] => one.seconds.end != next.seconds.start,
        _ => false,
    });
    Some(ZoneDifference {
        zone: name.to_owned(),
        other_tzdb: IANA_TZDB_VERSION.to_owned(),
        from: instant(begin.seconds.start)?,
        to: instant(last.seconds.end)?,
        stretches: 1 + apart.count() as u64,
        offset: begin.ours.to_string(),
        other_offset: begin.theirs.map(|offset| offset.to_string()),
    })
}

fn our_stretches(zone: &TimeZone, seconds: Range<i64>) -> Vec<(Range<i64>, Offset)> {
    let Ok(first) = Timestamp::from_second(seconds.start) else { return Vec::new() };
    let changes = zone.following(first).map(|change| (change.timestamp(), change.offset()));
    let mut stretches = Vec::new();
    let (mut from, mut offset) = (seconds.start, zone.to_offset(first));
    for (at, next) in changes.take_while(|(at, _)| at.as_second() < seconds.end) {
        stretches.push((from..at.as_second(), offset));
        (from, offset) = (at.as_second(), next);
    }
    stretches.push((from..seconds.end, offset));
    stretches
}

/// A stretch of ours, split where the other database changes its offset.
fn split_by(theirs: Option<Tz>, seconds: Range<i64>, ours: Offset) -> Vec<Stretch> {
    let offset = |second: i64| {
        let utc = DateTime::from_timestamp(second, 0)?.naive_utc();
        let seconds = theirs?.offset_from_utc_datetime(&utc).fix().local_minus_utc();
        Offset::from_seconds(seconds).ok()
    };
    let mut stretches = Vec::new();
    let mut from = seconds.start;
    let mut at = from;
    let mut theirs_now = offset(at);
    while at + 1 < seconds.end {
        let next = (at + STEP_SECONDS).min(seconds.end - 1);
        at = if offset(next) == theirs_now {
            next
        } else {
            let change = first_that_differs(at, next, |second| offset(second) == theirs_now);
            stretches.push(Stretch { seconds: from..change, ours, theirs: theirs_now });
            (from, theirs_now) = (change, offset(change));
            change
        };
    }
    stretches.push(Stretch { seconds: from..seconds.end, ours, theirs: theirs_now });
    stretches
}

/// The first second of `same + 1..=other` that is not the same, when the last one is not.
fn first_that_differs(mut same: i64, mut other: i64, is_same: impl Fn(i64) -> bool) -> i64 {
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if is_same(middle) {
            same = middle;
        } else {
            other = middle;
        }
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(zone: &str, from: &str, to: &str) -> Vec<ZoneDifference> {
        let micros = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let mut used = ZoneSpans::default();
        used.add(zone, ZoneSpan { first_micros: micros(from), last_micros: micros(to) });
        zone_differences(&used)
    }

    #[test]
    fn a_zone_that_the_older_database_has_otherwise_is_told_with_its_instants() {
        // British Columbia stays on summer time from November 2026.
        let vancouver = |from, to| differences("America/Vancouver", from, to);
        assert_eq!(vancouver("2026-01-01T00:00Z", "2026-11-01T08:59:59.999999Z"), []);
        let found = vancouver("2026-01-01T00:00Z", "2026-11-01T09:00Z");
        let expected = ZoneDifference {
            zone: "America/Vancouver".to_owned(),
            other_tzdb: "2025b".to_owned(),
            from: "2026-11-01T09:00:00Z".to_owned(),
            to: "2026-11-01T09:00:01Z".to_owned(),
            stretches: 1,
            offset: "-07".to_owned(),
            other_offset: Some("-08".to_owned()),
        };
        assert_eq!(found.as_slice(), std::slice::from_ref(&expected));
        let later = vancouver("2026-12-01T00:00Z", "2029-01-01T00:00Z");
        let (from, to) = ("2026-12-01T00:00:00Z".to_owned(), "2029-01-01T00:00:01Z".to_owned());
        assert_eq!(later, [ZoneDifference { from, to, stretches: 3, ..expected }]);
    }

    #[test]
    fn zones_on_which_both_agree_are_not_told() {
        for zone in ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"] {
            assert_eq!(differences(zone, "2000-01-01T00:00Z", "2100-01-01T00:00Z"), [], "{zone}");
        }
    }

    #[test]
    fn a_zone_that_only_one_knows_differs_all_the_while() {
        let theirs = None;
        let all = split_by(theirs, 0..100 * STEP_SECONDS, Offset::UTC);
        assert_eq!(all.len(), 1);
        assert!(all.iter().all(|stretch| stretch.theirs.is_none()));
    }

    #[test]
    fn a_change_an_hour_apart_is_found() {
        // Both databases know this one; ours is taken to have an offset that never changes.
        let berlin = Some(chrono_tz::Europe::Berlin);
        let march_29: Timestamp = "2026-03-29T00:59:00Z".parse().unwrap();
        let seconds = march_29.as_second()..march_29.as_second() + 61;
        let offsets: Vec<_> = split_by(berlin, seconds, Offset::UTC)
            .into_iter()
            .map(|stretch| (stretch.seconds.end - stretch.seconds.start, stretch.theirs))
            .collect();
        let hours = |hours| Some(Offset::constant(hours));
        assert_eq!(offsets, [(60, hours(1)), (1, hours(2))]);
    }
}
