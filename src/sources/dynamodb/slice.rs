//! What of the job's slice the service can apply itself, so that rows outside it are not sent.
//!
//! Only what cannot lose a row is pushed down: every row that comes is judged by its day all the
//! same. Does not own the other expressions of a request (`request`).

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::catalog::{Contract, EpochUnit, FieldType};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Slice;

/// Value names in a key condition that stand for the bounds of the slice.
pub(super) const PLACEHOLDERS: [&str; 2] = [":slice_from", ":slice_to"];

/// A slice, and how the table holds the field that it is of.
#[derive(Debug, Clone)]
pub(super) struct TableSlice {
    /// Name of the field in the contract.
    pub field: String,
    /// Where it stands in an item.
    pub path: Vec<String>,
    /// What a number stands for, when numbers are accepted.
    epoch: Option<EpochUnit>,
    from: Timestamp,
    to: Timestamp,
}

impl TableSlice {
    /// The slice as the source sees it.
    ///
    /// # Errors
    /// `Usage` when its field is no timestamp of the contract.
    pub(super) fn new(slice: &Slice, contract: &Contract) -> Result<Self> {
        let field = contract.field(&slice.field);
        match field.map(|field| (&field.data_type, &field.source.dynamodb)) {
            Some((FieldType::Timestamp(timestamp), path)) => Ok(Self {
                field: slice.field.clone(),
                path: if path.is_empty() { vec![slice.field.clone()] } else { path.clone() },
                epoch: timestamp.epoch,
                from: slice.from,
                to: slice.to,
            }),
            _ => Err(Error::new(ErrorKind::Usage, "the slice is of no timestamp field")
                .with("field", &slice.field)),
        }
    }

    /// The bounds as values of `attribute_type`, `S` or `N`; of what the contract reads when the
    /// type is not known.
    ///
    /// # Errors
    /// `Usage` when the contract does not say what a number stands for.
    pub(super) fn bounds(&self, attribute_type: Option<&str>) -> Result<[AttributeValue; 2]> {
        let numbers = attribute_type.map_or(self.epoch.is_some(), |kind| kind == "N");
        match (numbers, self.epoch) {
            (true, Some(unit)) => Ok(self.numbers(unit)),
            (true, None) => Err(Error::new(
                ErrorKind::Usage,
                "the slice's field is a number in the table, and the contract does not say of what",
            )
            .with("field", &self.field)
            .with_help("give the field a unit (`epoch`) in the contract")),
            (false, _) => Ok([self.from, self.to].map(|at| AttributeValue::S(text(at)))),
        }
    }

    /// The bounds as numbers, when the contract accepts numbers.
    pub(super) fn number_bounds(&self) -> Option<[AttributeValue; 2]> {
        self.epoch.map(|unit| self.numbers(unit))
    }

    fn numbers(&self, unit: EpochUnit) -> [AttributeValue; 2] {
        [self.from, self.to].map(|at| {
            let number = match unit {
                EpochUnit::Seconds => at.as_second(),
                EpochUnit::Milliseconds => at.as_millisecond(),
                EpochUnit::Microseconds => at.as_microsecond(),
            };
            AttributeValue::N(number.to_string())
        })
    }
}

/// A bound as text: UTC to the second, without `Z`. Text is compared byte by byte, and every way
/// to go on, `Z`, `.5Z` or `+00:00`, lies behind it: a row at the bound is not lost, and one at
/// the end is not taken.
fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Whether `expression` uses the value `name`.
pub(super) fn uses(expression: &str, name: &str) -> bool {
    expression.match_indices(name).any(|(at, _)| {
        let rest = expression.get(at + name.len()..).unwrap_or_default();
        !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(epoch: Option<EpochUnit>) -> TableSlice {
        TableSlice {
            field: "created_at".to_owned(),
            path: vec!["createdAt".to_owned()],
            epoch,
            from: "2026-08-01T00:00:00Z".parse().unwrap(),
            to: "2026-08-02T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn bounds_are_what_the_table_holds() {
        let n = |number: &str| AttributeValue::N(number.to_owned());
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let seconds = [n("1785542400"), n("1785628800")];
        let texts = [s("2026-08-01T00:00:00"), s("2026-08-02T00:00:00")];
        let of = |unit, kind| slice(unit).bounds(kind).unwrap();
        assert_eq!(of(Some(EpochUnit::Seconds), Some("N")), seconds);
        assert_eq!(of(Some(EpochUnit::Seconds), None), seconds);
        assert_eq!(of(Some(EpochUnit::Seconds), Some("S")), texts);
        assert_eq!(of(None, None), texts);
        assert_eq!(of(Some(EpochUnit::Milliseconds), None)[0], n("1785542400000"));
        assert_eq!(of(Some(EpochUnit::Microseconds), None)[0], n("1785542400000000"));
        assert!(slice(None).bounds(Some("N")).is_err());
    }

    #[test]
    fn no_way_to_write_an_instant_falls_out_of_the_slice() {
        let [from, to] = slice(None).bounds(None).unwrap();
        let (from, to) = (from.as_s().unwrap().as_str(), to.as_s().unwrap().as_str());
        for suffix in ["Z", ".000Z", ".5Z", "+00:00", "-00:00", ""] {
            let first = format!("2026-08-01T00:00:00{suffix}");
            let last = format!("2026-08-01T23:59:59{suffix}");
            let behind = format!("2026-08-02T00:00:00{suffix}");
            assert!(from <= first.as_str() && last.as_str() < to, "{suffix}");
            assert!(to <= behind.as_str(), "{suffix}");
        }
    }

    #[test]
    fn a_name_is_not_found_within_a_longer_one() {
        assert!(uses("#d BETWEEN :slice_from AND :slice_to", ":slice_to"));
        assert!(uses("#d>=:slice_from", ":slice_from"));
        assert!(!uses("#d >= :slice_from_here", ":slice_from"));
        assert!(uses(":slice_from2 < :slice_from", ":slice_from"));
    }
}
