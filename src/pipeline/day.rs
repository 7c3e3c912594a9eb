//! Days as Arrow holds them and as the calendar names them.

use jiff::Span;
use jiff::civil::Date;

use crate::model::Ledger;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The calendar day `days` after 1970-01-01; `None` beyond the years 1 to 9999 of the program.
pub(super) fn date(days: i32) -> Option<Date> {
    EPOCH.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// Days from 1970-01-01 to `date`.
pub(super) fn days(date: Date) -> i32 {
    date.since((jiff::Unit::Day, EPOCH)).map_or(0, |span| span.get_days())
}

/// The ledger's key of a day that may be unknown.
pub(super) fn key(days: Option<i32>) -> String {
    Ledger::day_key(days.and_then(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970_both_ways() {
        for (number, text) in [(0, "1970-01-01"), (-1, "1969-12-31"), (20_666, "2026-08-01")] {
            let date = date(number).unwrap();
            assert_eq!((date.to_string().as_str(), days(date)), (text, number));
        }
        assert_eq!(date(i32::MAX), None);
        assert_eq!(key(None), "unknown");
    }
}
