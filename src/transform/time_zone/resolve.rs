//! Times that were written without offset become instants, and times with one are held against
//! their zone, as the contract's policy says.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int16Builder, StringBuilder, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Int16Type, SchemaRef, TimestampMicrosecondType};
use jiff::tz::{AmbiguousOffset, Offset};

use super::days::instants_of_days;
use super::zones::{KnownZone, ZoneOfRow, ZonesOfRows};
use super::{MICROS_PER_SECOND, contract_zone};
use crate::catalog::schema::{OFFSET_SUFFIX, UTC_DESIGNATOR, VERDICT_SUFFIX, ZONE_SUFFIX};
use crate::catalog::{
    Contract, Field, FieldType, GapFold, TextZone, TimeVerdict, TimestampType, WrittenOffset,
};
use crate::error::Result;
use crate::model::{Batch, Reason, ReasonCode, ZoneSpans};
use crate::plan::DaySelection;
use crate::transform::Step;
use crate::transform::columns::{column_index, record_batch};
use crate::transform::findings::Findings;

/// Resolves the timestamps of a contract, the one that the business date is taken from first.
pub(in crate::transform) struct ResolveLocalTimes {
    columns: Vec<TimeColumn>,
    resolved: SchemaRef,
    /// Column of the business date's timestamp, and the instants of the days asked for.
    day: usize,
    asked_for: Range<i64>,
}

struct TimeColumn {
    times: usize,
    offsets: usize,
    path: Arc<str>,
    policy: Option<Policy>,
    /// What the contract wants to know of it.
    tells_verdict: bool,
    tells_zone: bool,
    range: Range<i64>,
}

struct Policy {
    zone: ZoneOfRow,
    gap: GapFold,
    fold: GapFold,
    offset: WrittenOffset,
}

impl ResolveLocalTimes {
    pub(in crate::transform) fn new(contract: &Contract, days: DaySelection) -> Result<Self> {
        let resolved = contract.resolved_schema();
        let read = contract.fields.iter().filter(|field| field.derived.is_none());
        let columns = read.filter_map(|field| match &field.data_type {
            FieldType::Timestamp(written) => {
                Some(TimeColumn::new(contract, &resolved, field, written))
            }
            _ => None,
        });
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        let day = column_index(contract, &resolved, &contract.business_date.field)?;
        columns.sort_by_key(|column| column.times != day);
        let asked_for = match days {
            DaySelection::Found => i64::MIN..i64::MAX,
            DaySelection::Range { first, last } => {
                let (from, to) = instants_of_days(&contract.business_date, first, last)?;
                from.as_microsecond()..to.as_microsecond()
            }
        };
        Ok(Self { columns, resolved, day, asked_for })
    }
}

impl Step for ResolveLocalTimes {
    fn apply(&self, mut batch: Batch) -> Batch {
        let mut found = Findings::default();
        let mut told = Vec::new();
        for column in &self.columns {
            let resolved = column.resolve(&batch, self, &mut found);
            if let Some(Resolved { times, offsets, verdicts, zones, spans }) = resolved {
                let mut columns = batch.columns.columns().to_vec();
                columns[column.times] = times;
                columns[column.offsets] = offsets;
                batch.columns = record_batch(&batch.columns.schema(), columns);
                told.push((column.times, [verdicts, zones]));
                batch.zones.merge(&spans);
            }
        }
        found.give_to(self.with_what_was_told(batch, told))
    }
}

impl ResolveLocalTimes {
    /// The batch with the columns that the contract derives from timestamps, in their order.
    fn with_what_was_told(
        &self,
        mut batch: Batch,
        mut told: Vec<(usize, [Option<ArrayRef>; 2])>,
    ) -> Batch {
        if self.resolved.fields().len() == batch.columns.num_columns() {
            return batch;
        }
        told.sort_by_key(|(times, _)| *times);
        let told = told.into_iter().flat_map(|(_, columns)| columns).flatten();
        let columns = batch.columns.columns().iter().cloned().chain(told).collect();
        batch.columns = record_batch(&self.resolved, columns);
        batch
    }
}

/// The columns of a timestamp once it is resolved.
struct Resolved {
    times: ArrayRef,
    offsets: ArrayRef,
    verdicts: Option<ArrayRef>,
    zones: Option<ArrayRef>,
    spans: ZoneSpans,
}

/// An instant, the minutes of its offset, and how it came about.
struct Instant {
    micros: i64,
    minutes: Option<i16>,
    verdict: TimeVerdict,
}

impl TimeColumn {
    fn new(
        contract: &Contract,
        resolved: &SchemaRef,
        field: &Field,
        written: &TimestampType,
    ) -> Result<Self> {
        let side = |suffix: &str| format!("{}{suffix}", field.name);
        Ok(Self {
            times: column_index(contract, resolved, &field.name)?,
            offsets: column_index(contract, resolved, &side(OFFSET_SUFFIX))?,
            path: Arc::clone(&field.path),
            policy: policy(contract, written)?,
            tells_verdict: resolved.index_of(&side(VERDICT_SUFFIX)).is_ok(),
            tells_zone: resolved.index_of(&side(ZONE_SUFFIX)).is_ok(),
            range: written.min_micros..written.max_micros.saturating_add(1),
        })
    }

    /// The column resolved; `None` when there is nothing to do.
    fn resolve(
        &self,
        batch: &Batch,
        step: &ResolveLocalTimes,
        found: &mut Findings,
    ) -> Option<Resolved> {
        let column = |index: usize| batch.columns.column(index);
        let times = column(self.times).as_primitive::<TimestampMicrosecondType>();
        let offsets = column(self.offsets).as_primitive::<Int16Type>();
        let is_local = |row: usize| times.is_valid(row) && offsets.is_null(row);
        if !self.concerns_every_row() && !(0..times.len()).any(is_local) {
            return None;
        }
        let days = column(step.day).as_primitive::<TimestampMicrosecondType>();
        let mut zones = self.policy.as_ref().map(|policy| ZonesOfRows::new(&policy.zone, batch));
        let mut columns = Builders::new(self, times.len());
        for (row, (time, offset)) in (0u32..).zip(times.iter().zip(offsets)) {
            let Some(time) = time else {
                columns.append_null();
                continue;
            };
            let zone = match &mut zones {
                Some(zones) if offset.is_none() || self.concerns_zone_of_every_row() => {
                    zones.zone(row)
                }
                Some(_) | None => Err(Some(ReasonCode::OffsetMissing)),
            };
            match self.instant(time, offset, zone) {
                Ok((instant, zone)) => {
                    columns.append(&instant, zone.as_ref().map(|zone| zone.name()));
                    // The instant of its day, or of its own when the day is told by this column.
                    let day =
                        if self.times == step.day { instant.micros } else { value(days, row) };
                    if let Some(zone) = zone.filter(|_| step.asked_for.contains(&day)) {
                        zone.used_at(instant.micros);
                    }
                }
                Err(reason) => {
                    columns.append_null();
                    if let Some(reason) = reason {
                        found.add_reason(row, reason);
                    }
                }
            }
        }
        let spans = zones.map(|zones| zones.spans()).unwrap_or_default();
        Some(columns.finish(spans))
    }

    fn concerns_every_row(&self) -> bool {
        self.tells_verdict || self.concerns_zone_of_every_row()
    }

    fn concerns_zone_of_every_row(&self) -> bool {
        self.tells_zone || self.holds_offsets()
    }

    fn holds_offsets(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.offset == WrittenOffset::Reject)
    }

    /// The instant that a cell stands for, and its zone when that is known. Refused without a
    /// reason of its own when the zone's field was refused already.
    fn instant<'z>(
        &self,
        time: i64,
        offset: Option<i16>,
        zone: Result<&'z mut KnownZone, Option<ReasonCode>>,
    ) -> Result<(Instant, Option<&'z mut KnownZone>), Option<Reason>> {
        let refused = |code| Some(Reason::of_field(code, &self.path, None));
        match (offset, &self.policy) {
            (Some(written), _) => {
                let zone = self.zone_of_exact(time, written, zone).map_err(refused)?;
                let minutes = Some(if written == UTC_DESIGNATOR { 0 } else { written });
                Ok((Instant { micros: time, minutes, verdict: TimeVerdict::Exact }, zone))
            }
            (None, None) => Err(refused(ReasonCode::OffsetMissing)),
            (None, Some(policy)) => {
                let zone = zone.map_err(|code| code.and_then(refused))?;
                let (offset, verdict) = policy.choose(time, zone).map_err(|code| match code {
                    ReasonCode::TimestampOutOfRange => self.out_of_range(time),
                    code => refused(code),
                })?;
                let micros = time - i64::from(offset.seconds()) * MICROS_PER_SECOND;
                if !self.range.contains(&micros) {
                    return Err(self.out_of_range(micros));
                }
                Ok((Instant { micros, minutes: whole_minutes(offset), verdict }, Some(zone)))
            }
        }
    }

    /// The zone of a time with an offset, which is held against it when the contract says so.
    fn zone_of_exact<'z>(
        &self,
        micros: i64,
        written: i16,
        zone: Result<&'z mut KnownZone, Option<ReasonCode>>,
    ) -> Result<Option<&'z mut KnownZone>, ReasonCode> {
        let is_held = self.holds_offsets();
        match zone {
            Ok(zone) => {
                let is_told = written != UTC_DESIGNATOR;
                let differs = |zone: &mut KnownZone| {
                    zone.offset_at(micros).seconds() != i32::from(written) * 60
                };
                if is_held && is_told && differs(zone) {
                    return Err(ReasonCode::OffsetNotOfZone);
                }
                Ok(Some(zone))
            }
            Err(Some(ReasonCode::ZoneUnknown)) if is_held => Err(ReasonCode::ZoneUnknown),
            Err(_) => Ok(None),
        }
    }

    fn out_of_range(&self, micros: i64) -> Option<Reason> {
        let reason = Reason::of_field(ReasonCode::TimestampOutOfRange, &self.path, None);
        Some(Reason { raw_millis: Some(micros.div_euclid(1_000)), ..reason })
    }
}

impl Policy {
    /// The offset that a local time is taken with, and why.
    fn choose(
        &self,
        local_micros: i64,
        zone: &mut KnownZone,
    ) -> Result<(Offset, TimeVerdict), ReasonCode> {
        let offsets = zone.offset_of_local(local_micros).ok_or(ReasonCode::TimestampOutOfRange)?;
        match offsets {
            AmbiguousOffset::Unambiguous { offset } => Ok((offset, TimeVerdict::Unique)),
            // The greater offset gives the earlier instant: in a gap it is the one after.
            AmbiguousOffset::Gap { before, after } => match self.gap {
                GapFold::Reject => Err(ReasonCode::LocalTimeNonexistent),
                GapFold::Earlier => Ok((after, TimeVerdict::GapShifted)),
                GapFold::Later => Ok((before, TimeVerdict::GapShifted)),
            },
            AmbiguousOffset::Fold { before, after } => match self.fold {
                GapFold::Reject => Err(ReasonCode::LocalTimeAmbiguous),
                GapFold::Earlier => Ok((before, TimeVerdict::FoldEarlier)),
                GapFold::Later => Ok((after, TimeVerdict::FoldLater)),
            },
        }
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
    Ok(Some(Policy { zone, gap: local.gap, fold: local.fold, offset: local.offset }))
}

/// Offsets of whole minutes, which all are since 1972.
fn whole_minutes(offset: Offset) -> Option<i16> {
    let seconds = offset.seconds();
    (seconds % 60 == 0).then(|| i16::try_from(seconds / 60).ok())?
}

/// The instant of a row; beyond every day when it has none.
fn value(times: &TimestampMicrosecondArray, row: u32) -> i64 {
    let row = row as usize;
    if times.is_valid(row) { times.value(row) } else { i64::MAX }
}

/// The columns of a resolved timestamp while they are filled.
struct Builders {
    times: TimestampMicrosecondBuilder,
    offsets: Int16Builder,
    verdicts: Option<StringBuilder>,
    zones: Option<StringBuilder>,
}

impl Builders {
    fn new(of: &TimeColumn, rows: usize) -> Self {
        let texts = |bytes: usize| StringBuilder::with_capacity(rows, rows * bytes);
        Self {
            times: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            offsets: Int16Builder::with_capacity(rows),
            verdicts: of.tells_verdict.then(|| texts(TimeVerdict::Unique.as_str().len())),
            zones: of.tells_zone.then(|| texts("America/New_York".len())),
        }
    }

    fn append(&mut self, instant: &Instant, zone: Option<&str>) {
        self.times.append_value(instant.micros);
        self.offsets.append_option(instant.minutes);
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.append_value(instant.verdict.as_str());
        }
        if let Some(zones) = &mut self.zones {
            zones.append_option(zone);
        }
    }

    fn append_null(&mut self) {
        self.times.append_null();
        self.offsets.append_null();
        self.verdicts.iter_mut().chain(&mut self.zones).for_each(StringBuilder::append_null);
    }

    fn finish(mut self, spans: ZoneSpans) -> Resolved {
        let text = |mut builder: StringBuilder| Arc::new(builder.finish()) as ArrayRef;
        Resolved {
            times: Arc::new(self.times.finish()),
            offsets: Arc::new(self.offsets.finish()),
            verdicts: self.verdicts.map(text),
            zones: self.zones.map(text),
            spans,
        }
    }
}
