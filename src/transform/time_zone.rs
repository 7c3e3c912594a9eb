//! The only zone arithmetic of the crate: local times to instants, instants to business dates.
//!
//! The rules come from jiff's bundled time zone database and from the contract's policy; the
//! machine's own zone and database are never asked.

mod days;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Date32Array, Int16Array, TimestampMicrosecondArray};
use arrow::datatypes::{Int16Type, TimestampMicrosecondType};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

pub use days::{complete_days, instants_of_days};

use super::Step;
use super::columns::{column_index, record_batch};
use super::findings::{Findings, reasons_of};
use crate::catalog::schema::OFFSET_SUFFIX;
use crate::catalog::{Contract, FieldType, GapFold, TextZone, TimestampType};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, Reason, ReasonCode, RowReason};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The zone called `name`. `Factory` and `Etc/Unknown` stand for a zone that nobody set: taken
/// at their word they would be UTC.
fn zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    let unset = zone.is_unknown() || zone.iana_name() == Some("Factory");
    (!unset).then_some(zone)
}

fn contract_zone(contract: &Contract, name: &str) -> Result<TimeZone> {
    zone(name).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the contract names a time zone that is not known")
            .with("dataset", contract.label())
            .with("zone", name)
            .with_help("use a name of the IANA time zone database, such as Europe/Berlin")
    })
}

/// Turns times that were written without offset into instants, as the contract's policy says.
pub(super) struct ResolveLocalTimes(Vec<TimeColumn>);

struct TimeColumn {
    times: usize,
    offsets: usize,
    path: Arc<str>,
    policy: Option<Policy>,
    min_micros: i64,
    max_micros: i64,
}

struct Policy {
    zone: ZoneOfRow,
    gap: GapFold,
    fold: GapFold,
}

enum ZoneOfRow {
    Fixed(TimeZone),
    Named { column: usize, path: Arc<str>, default: Option<TimeZone> },
}

impl ResolveLocalTimes {
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        let decoded = contract.decoded_schema();
        let read = contract.fields.iter().filter(|field| field.derived.is_none());
        let columns = read.filter_map(|field| match &field.data_type {
            FieldType::Timestamp(written) => Some((field, written)),
            _ => None,
        });
        let columns = columns.map(|(field, written)| {
            Ok(TimeColumn {
                times: column_index(contract, &decoded, &field.name)?,
                offsets: column_index(
                    contract,
                    &decoded,
                    &format!("{}{OFFSET_SUFFIX}", field.name),
                )?,
                path: Arc::clone(&field.path),
                policy: policy(contract, written)?,
                min_micros: written.min_micros,
                max_micros: written.max_micros,
            })
        });
        Ok(Self(columns.collect::<Result<_>>()?))
    }
}

fn policy(contract: &Contract, written: &TimestampType) -> Result<Option<Policy>> {
    let Some(local) = &written.local else { return Ok(None) };
    let zone = match &local.zone {
        TextZone::Fixed(name) => ZoneOfRow::Fixed(contract_zone(contract, name)?),
        TextZone::Field { field, default } => ZoneOfRow::Named {
            column: column_index(contract, &contract.decoded_schema(), field)?,
            path: contract
                .field(field)
                .map_or_else(|| Arc::from(&**field), |f| Arc::clone(&f.path)),
            default: default.as_deref().map(|name| contract_zone(contract, name)).transpose()?,
        },
    };
    Ok(Some(Policy { zone, gap: local.gap, fold: local.fold }))
}

impl Step for ResolveLocalTimes {
    fn apply(&self, mut batch: Batch) -> Batch {
        let mut found = Findings::default();
        for column in &self.0 {
            column.resolve(&mut batch, &mut found);
        }
        found.give_to(batch)
    }
}

impl TimeColumn {
    fn resolve(&self, batch: &mut Batch, found: &mut Findings) {
        let times = batch.columns.column(self.times).as_primitive::<TimestampMicrosecondType>();
        let offsets = batch.columns.column(self.offsets).as_primitive::<Int16Type>();
        let is_local = |row: usize| times.is_valid(row) && offsets.is_null(row);
        if !(0..times.len()).any(is_local) {
            return;
        }
        let mut zones = ZonesOfRows { batch, known: HashMap::new() };
        let mut instants = Vec::with_capacity(times.len());
        let mut minutes = Vec::with_capacity(times.len());
        for (row, (time, offset)) in (0u32..).zip(times.iter().zip(offsets)) {
            let (Some(local_micros), None) = (time, offset) else {
                instants.push(time);
                minutes.push(offset);
                continue;
            };
            let resolved = self.instant(local_micros, row, &mut zones);
            instants.push(resolved.as_ref().ok().map(|(instant, _)| *instant));
            minutes.push(resolved.as_ref().ok().and_then(|(_, offset)| whole_minutes(*offset)));
            if let Err(Some(reason)) = resolved {
                found.add_reason(row, reason);
            }
        }
        let mut columns = batch.columns.columns().to_vec();
        let instants = TimestampMicrosecondArray::from(instants).with_timezone("UTC");
        columns[self.times] = Arc::new(instants);
        columns[self.offsets] = Arc::new(Int16Array::from(minutes));
        batch.columns = record_batch(&batch.columns.schema(), columns);
    }

    /// The instant of a local time, µs, and the offset it was told with. Refused without a
    /// reason of its own when the zone's field was refused already.
    fn instant(
        &self,
        local_micros: i64,
        row: u32,
        zones: &mut ZonesOfRows<'_>,
    ) -> Result<(i64, Offset), Option<Reason>> {
        let refused = |code| Some(Reason::of_field(code, &self.path, None));
        let out_of_range = |micros: i64| {
            let raw_millis = Some(micros.div_euclid(1_000));
            refused(ReasonCode::TimestampOutOfRange).map(|reason| Reason { raw_millis, ..reason })
        };
        let policy = self.policy.as_ref().ok_or_else(|| refused(ReasonCode::OffsetMissing))?;
        let zone = zones.zone(&policy.zone, row).map_err(|code| code.and_then(refused))?;
        let as_utc = Timestamp::from_microsecond(local_micros);
        let local = Offset::UTC.to_datetime(as_utc.map_err(|_| out_of_range(local_micros))?);
        let offset = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            // The greater offset gives the earlier instant: in a gap it is the one after.
            AmbiguousOffset::Gap { before, after } => match policy.gap {
                GapFold::Reject => return Err(refused(ReasonCode::LocalTimeNonexistent)),
                GapFold::Earlier => after,
                GapFold::Later => before,
            },
            AmbiguousOffset::Fold { before, after } => match policy.fold {
                GapFold::Reject => return Err(refused(ReasonCode::LocalTimeAmbiguous)),
                GapFold::Earlier => before,
                GapFold::Later => after,
            },
        };
        let instant = local_micros - i64::from(offset.seconds()) * MICROS_PER_SECOND;
        if instant < self.min_micros || instant > self.max_micros {
            return Err(out_of_range(instant));
        }
        Ok((instant, offset))
    }
}

/// Zones of the rows of one batch, each name looked up once.
struct ZonesOfRows<'a> {
    batch: &'a Batch,
    known: HashMap<&'a str, Option<TimeZone>>,
}

impl<'a> ZonesOfRows<'a> {
    fn zone<'s>(
        &'s mut self,
        of: &'s ZoneOfRow,
        row: u32,
    ) -> Result<&'s TimeZone, Option<ReasonCode>> {
        let batch: &'a Batch = self.batch;
        let (column, path, default) = match of {
            ZoneOfRow::Fixed(zone) => return Ok(zone),
            ZoneOfRow::Named { column, path, default } => (column, path, default),
        };
        let names = batch.columns.column(*column).as_string::<i32>();
        if names.is_valid(row as usize) {
            let name = names.value(row as usize);
            let zone = self.known.entry(name).or_insert_with(|| zone(name));
            return zone.as_ref().ok_or(Some(ReasonCode::ZoneUnknown));
        }
        let concerns_zone = |r: &RowReason| r.reason.field.as_ref() == Some(path);
        if reasons_of(&batch.reasons, row).iter().any(concerns_zone) {
            return Err(None);
        }
        default.as_ref().ok_or(Some(ReasonCode::OffsetMissing))
    }
}

/// Offsets of whole minutes, which all are since 1972.
fn whole_minutes(offset: Offset) -> Option<i16> {
    let seconds = offset.seconds();
    (seconds % 60 == 0).then(|| i16::try_from(seconds / 60).ok())?
}

/// Gives each row its business date: the civil date of an instant in the contract's zone.
pub(super) struct TellBusinessDates {
    column: usize,
    zone: ZoneOffsets,
}

impl TellBusinessDates {
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        let of = &contract.business_date;
        let range = match contract.field(&of.field).map(|field| &field.data_type) {
            Some(FieldType::Timestamp(written)) => written.min_micros..=written.max_micros,
            _ => {
                let message = "the business date must be taken from a timestamp field";
                return Err(Error::new(ErrorKind::Usage, message)
                    .with("dataset", contract.label())
                    .with("field", &of.field));
            }
        };
        Ok(Self {
            column: column_index(contract, &contract.decoded_schema(), &of.field)?,
            zone: ZoneOffsets::new(
                &contract_zone(contract, &of.zone)?,
                *range.start(),
                *range.end(),
            ),
        })
    }
}

impl Step for TellBusinessDates {
    fn apply(&self, mut batch: Batch) -> Batch {
        let instants = batch.columns.column(self.column).as_primitive::<TimestampMicrosecondType>();
        let days = instants.iter().map(|instant| instant.and_then(|micros| self.zone.day(micros)));
        batch.business_dates = Some(days.collect::<Date32Array>());
        batch
    }
}

/// The offsets of a zone over a range of instants, so that a day is two additions away.
struct ZoneOffsets {
    /// First instant of each stretch but the first, µs.
    starts: Vec<i64>,
    /// Offset of each stretch, µs: one more than `starts`.
    offsets: Vec<i64>,
}

impl ZoneOffsets {
    fn new(zone: &TimeZone, min_micros: i64, max_micros: i64) -> Self {
        let earliest = Timestamp::MIN.as_microsecond();
        let first = Timestamp::from_microsecond(min_micros.max(earliest)).unwrap_or(Timestamp::MIN);
        let micros = |offset: Offset| i64::from(offset.seconds()) * MICROS_PER_SECOND;
        let mut known = Self { starts: vec![], offsets: vec![micros(zone.to_offset(first))] };
        for change in zone.following(first) {
            if change.timestamp().as_microsecond() > max_micros {
                break;
            }
            known.starts.push(change.timestamp().as_microsecond());
            known.offsets.push(micros(change.offset()));
        }
        known
    }

    /// Civil day of an instant within the range, in days since 1970-01-01.
    fn day(&self, micros: i64) -> Option<i32> {
        let stretch = self.starts.partition_point(|start| *start <= micros);
        let local = micros.checked_add(*self.offsets.get(stretch)?)?;
        i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()
    }
}

#[cfg(test)]
mod tests;
