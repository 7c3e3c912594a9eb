//! Rows of days that were not asked for.

use std::sync::Arc;

use jiff::civil::Date;

use super::Step;
use crate::model::{Batch, RowExclusion};
use crate::plan::{DaySelection, OUTSIDE_WINDOW};

/// Excludes rows whose day is known and is not one of the run's.
pub(super) struct LeaveOutOtherDays {
    days: DaySelection,
    rule: Arc<str>,
}

impl LeaveOutOtherDays {
    pub(super) fn new(days: DaySelection) -> Self {
        Self { days, rule: Arc::from(OUTSIDE_WINDOW) }
    }
}

impl Step for LeaveOutOtherDays {
    fn apply(&self, mut batch: Batch) -> Batch {
        let DaySelection::Range { first, last } = self.days else { return batch };
        let asked_for = days_since_1970(first)..=days_since_1970(last);
        if let Some(days) = &batch.business_dates {
            let others = (0u32..)
                .zip(days)
                .filter(|(_, day)| day.is_some_and(|day| !asked_for.contains(&day)));
            let rule = &self.rule;
            let others = others.map(|(row, _)| RowExclusion { row, rule: Arc::clone(rule) });
            batch.exclusions.extend(others);
            batch.exclusions.sort_by_key(|exclusion| exclusion.row);
        }
        batch
    }
}

fn days_since_1970(day: Date) -> i32 {
    let days = Date::constant(1970, 1, 1).duration_until(day).as_hours() / 24;
    i32::try_from(days).unwrap_or(i32::MAX) // years end at 9999: 2,932,896 days
}

#[cfg(test)]
mod tests {
    use arrow::array::Date32Array;
    use jiff::civil::date;

    use super::*;
    use crate::transform::fixtures::{batch, contract};

    #[test]
    fn rows_of_other_days_are_left_out_and_rows_without_day_are_not() {
        let mut rows = batch(&contract(vec![]), vec![], 4);
        rows.business_dates = Some(Date32Array::from(vec![Some(0), Some(1), Some(2), None]));
        let day = date(1970, 1, 2);
        let step = LeaveOutOtherDays::new(DaySelection::Range { first: day, last: day });
        let left_out: Vec<_> = step
            .apply(rows.clone())
            .exclusions
            .iter()
            .map(|e| (e.row, e.rule.to_string()))
            .collect();
        assert_eq!(left_out, [(0, OUTSIDE_WINDOW.to_owned()), (2, OUTSIDE_WINDOW.to_owned())]);
        rows.exclusions.push(RowExclusion { row: 1, rule: Arc::from("before") });
        let left_out: Vec<_> = step.apply(rows.clone()).exclusions.iter().map(|e| e.row).collect();
        assert_eq!(left_out, [0, 1, 2], "in the order of the rows");
        rows.exclusions.clear();
        assert!(LeaveOutOtherDays::new(DaySelection::Found).apply(rows).exclusions.is_empty());
    }

    #[test]
    fn days_are_counted_from_1970_both_ways() {
        assert_eq!(days_since_1970(date(1969, 12, 31)), -1);
        assert_eq!(days_since_1970(date(2000, 3, 1)), 11_017);
    }
}
