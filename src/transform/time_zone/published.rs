//! The zones by which published rows were told, as far as the rows still tell them.
//!
//! Does not own what was asked when the rows were read (`resolve`), which this finds again.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use jiff::tz::TimeZone;

use super::{contract_zone, zone};
use crate::catalog::{
    Contract, Derived, Field, FieldType, TextZone, TimeVerdict, TimestampType, WrittenOffset,
};
use crate::error::Result;
use crate::model::{ZoneSpan, ZoneSpans};

/// Finds the zones that a run would have asked about published rows of one contract.
pub struct PublishedZones {
    columns: Vec<TimeColumn>,
    tells_all: bool,
}

/// A timestamp whose rows tell which of them a zone was asked for, and which zone.
struct TimeColumn {
    times: usize,
    /// The verdicts, where a zone was asked for local times alone.
    verdicts: Option<usize>,
    /// The names of the zones; absent when all rows have the default.
    names: Option<usize>,
    default: Option<TimeZone>,
}

impl PublishedZones {
    /// For rows of `contract`, with its columns in their order.
    ///
    /// # Errors
    /// `Usage` when the contract names a zone that is not known.
    pub fn new(contract: &Contract) -> Result<Self> {
        let (mut columns, mut tells_all) = (Vec::new(), true);
        for (times, field) in contract.fields.iter().enumerate() {
            let FieldType::Timestamp(written) = &field.data_type else { continue };
            if field.derived.is_some() || written.local.is_none() {
                continue;
            }
            match TimeColumn::new(contract, times, &field.name, written)? {
                Some(column) => columns.push(column),
                None => tells_all = false,
            }
        }
        Ok(Self { columns, tells_all })
    }

    /// Whether nothing else has to be asked: rows of some contracts do not tell which of their times
    /// had no offset.
    #[must_use]
    pub fn tells_all(&self) -> bool {
        self.tells_all
    }

    /// The zones of `rows`, each from the first to the last instant it was asked for.
    #[must_use]
    pub fn of(&self, rows: &RecordBatch) -> ZoneSpans {
        let mut used = ZoneSpans::default();
        for column in &self.columns {
            column.add_to(&mut used, rows);
        }
        used
    }
}

impl TimeColumn {
    /// `None` when the rows do not tell.
    fn new(
        contract: &Contract,
        times: usize,
        name: &str,
        written: &TimestampType,
    ) -> Result<Option<Self>> {
        let Some(local) = &written.local else { return Ok(None) };
        let told = |of: &str| column_that_stays(contract, |field| field.name == of);
        let derived = |wanted: Derived| {
            column_that_stays(contract, |field| field.derived.as_ref() == Some(&wanted))
        };
        if let Some(names) = derived(Derived::TimeZone { of: name.to_owned() }) {
            let names = Some(names);
            return Ok(Some(Self { times, verdicts: None, names, default: None }));
        }
        let verdicts = match local.offset {
            WrittenOffset::Reject => None,
            _ => match derived(Derived::TimeVerdict { of: name.to_owned() }) {
                Some(verdicts) => Some(verdicts),
                None => return Ok(None),
            },
        };
        let (names, default) = match &local.zone {
            TextZone::Fixed(zone) => (None, Some(contract_zone(contract, zone)?)),
            TextZone::Field { field, default } => match told(field) {
                Some(names) => {
                    let default = default.as_deref().map(|zone| contract_zone(contract, zone));
                    (Some(names), default.transpose()?)
                }
                None => return Ok(None),
            },
        };
        Ok(Some(Self { times, verdicts, names, default }))
    }

    fn add_to(&self, used: &mut ZoneSpans, rows: &RecordBatch) {
        let times = rows.column(self.times).as_primitive::<TimestampMicrosecondType>();
        let texts = |index: Option<usize>| index.map(|index| rows.column(index).as_string::<i32>());
        let (verdicts, names) = (texts(self.verdicts), texts(self.names));
        let exact = TimeVerdict::Exact.as_str();
        let mut spans: HashMap<Option<&str>, ZoneSpan> = HashMap::new();
        for row in 0..rows.num_rows() {
            if times.is_null(row) || verdicts.is_some_and(|told| told.value(row) == exact) {
                continue;
            }
            let name = names.filter(|names| names.is_valid(row)).map(|names| names.value(row));
            let span = ZoneSpan::of(times.value(row));
            spans.entry(name).and_modify(|known| *known = known.and(span)).or_insert(span);
        }
        for (name, span) in spans {
            let found = name.map_or_else(|| self.default.clone(), zone);
            if let Some(found) = found {
                used.add(found.iana_name().unwrap_or("UTC"), span);
            }
        }
    }
}

/// The column of a field from which no policy takes anything.
fn column_that_stays(contract: &Contract, is_meant: impl Fn(&Field) -> bool) -> Option<usize> {
    let stays = |field: &Field| field.privacy.at_once.is_none() && field.privacy.after.is_none();
    contract.fields.iter().position(|field| is_meant(field) && stays(field))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int16Array, StringArray};
    use jiff::Timestamp;

    use super::*;
    use crate::catalog::schema::UTC_DESIGNATOR;
    use crate::catalog::{GapFold, LocalTime};
    use crate::plan::DaySelection;
    use crate::transform::Steps;
    use crate::transform::fixtures::{batch, contract, field, times, timestamp};

    fn contract_with(zone: &TextZone, offset: WrittenOffset, kept: &[Derived]) -> Arc<Contract> {
        let FieldType::Timestamp(mut written) = timestamp() else { panic!() };
        let (gap, fold, zone) = (GapFold::Reject, GapFold::Reject, zone.clone());
        written.local = Some(LocalTime { zone, gap, fold, offset });
        let mut fields = vec![
            field("created_at", FieldType::Timestamp(written)),
            field("time_zone", FieldType::Text),
        ];
        for (number, derived) in kept.iter().enumerate() {
            let mut kept = field(&format!("kept_{number}"), FieldType::Text);
            kept.derived = Some(derived.clone());
            fields.push(kept);
        }
        Arc::new(contract(fields))
    }

    #[test]
    fn published_rows_tell_the_zones_that_the_run_asked() {
        let rows = [
            ("2026-06-01T10:00Z", Some("Europe/Berlin"), Some(120)),
            ("2026-07-01T12:00Z", Some("Europe/Berlin"), None),
            ("2026-08-01T12:00Z", None, None),
            ("2026-09-01T12:00Z", Some("europe/berlin"), Some(UTC_DESIGNATOR)),
        ];
        let micros = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let columns: Vec<ArrayRef> = vec![
            times(rows.iter().map(|row| Some(micros(row.0))).collect()),
            Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
            Arc::new(rows.iter().map(|row| row.2).collect::<Int16Array>()),
        ];
        let of = || "created_at".to_owned();
        let (verdict, told) = (Derived::TimeVerdict { of: of() }, Derived::TimeZone { of: of() });
        let fixed = TextZone::Fixed("Europe/Berlin".to_owned());
        let default = Some("Asia/Tokyo".to_owned());
        let named = TextZone::Field { field: "time_zone".to_owned(), default };
        for zone in [fixed, named] {
            for offset in [WrittenOffset::Trust, WrittenOffset::Reject] {
                for kept in [vec![], vec![&verdict], vec![&told], vec![&verdict, &told]] {
                    let kept: Vec<Derived> = kept.into_iter().cloned().collect();
                    let contract = contract_with(&zone, offset, &kept);
                    let steps = Steps::new(&contract, DaySelection::Found, None, None).unwrap();
                    let run = steps.apply(batch(&contract, columns.clone(), rows.len()));
                    assert!(run.reasons.is_empty(), "{:?}", run.reasons);
                    let published = PublishedZones::new(&contract).unwrap();
                    let tells = !kept.is_empty() || offset == WrittenOffset::Reject;
                    assert_eq!(published.tells_all(), tells);
                    let expected = if tells { run.zones } else { ZoneSpans::default() };
                    assert_eq!(
                        published.of(&run.columns),
                        expected,
                        "{zone:?} {offset:?} {kept:?}"
                    );
                    assert!(!tells || expected.iter().count() > 0);
                }
            }
        }
    }

    #[test]
    fn what_a_policy_takes_tells_nothing() {
        let zone = TextZone::Fixed("Europe/Berlin".to_owned());
        let verdict = Derived::TimeVerdict { of: "created_at".to_owned() };
        let mut contract = Contract::clone(&contract_with(&zone, WrittenOffset::Trust, &[verdict]));
        assert!(PublishedZones::new(&contract).unwrap().tells_all());
        contract.fields[2].privacy.after =
            Some(crate::catalog::Forget { after_days: 90, then: crate::catalog::Then::Null });
        assert!(!PublishedZones::new(&contract).unwrap().tells_all());
    }
}
