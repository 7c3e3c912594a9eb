//! Days as Arrow counts them and as the calendar names them. No time zone comes into it.

use jiff::Span;
use jiff::civil::Date;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The calendar day `days` after 1970-01-01; `None` beyond the years that a date can have.
#[must_use]
pub fn date_of_days(days: i32) -> Option<Date> {
    EPOCH.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// Days from 1970-01-01 to `date`.
#[must_use]
pub fn days_of_date(date: Date) -> i32 {
    date.since((jiff::Unit::Day, EPOCH)).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970_both_ways() {
        for (days, text) in [(0, "1970-01-01"), (-1, "1969-12-31"), (20_666, "2026-08-01")] {
            let date = date_of_days(days).unwrap();
            assert_eq!((date.to_string().as_str(), days_of_date(date)), (text, days));
        }
        assert_eq!(date_of_days(i32::MAX), None);
    }
}
