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
