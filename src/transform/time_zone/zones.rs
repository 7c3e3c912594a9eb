//! The zones that the rows of a batch name, each looked up once, with the stretch of time that
//! its last row lay in: rows of a batch mostly lie in the same one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::{MICROS_PER_SECOND, zone};
use crate::model::{Batch, ReasonCode, RowReason, ZoneSpan, ZoneSpans};
use crate::transform::findings::reasons_of;

/// More than any two offsets of one zone differ by: a time further than that from every change of
/// the clock happens once.
const LONGEST_CHANGE_MICROS: i64 = 26 * 3_600 * MICROS_PER_SECOND;

/// Where the zones of a field's rows come from.
pub(super) enum ZoneOfRow {
    /// The same for every row.
    Fixed(TimeZone),
    /// What the row names in a text column, else the default.
    Named { column: usize, path: Arc<str>, default: Option<TimeZone> },
}

/// Zones of the rows of one batch.
pub(super) struct ZonesOfRows<'a> {
    reasons: &'a [RowReason],
    /// Names that rows have, and the path of their field; none when the zone is fixed.
    names: Option<(&'a StringArray, &'a Arc<str>)>,
    /// Zone of a row that names none: an index into `zones`.
    default: Option<usize>,
    known: HashMap<&'a str, Option<usize>>,
    last: Option<(&'a str, Option<usize>)>,
    zones: Vec<KnownZone>,
}

impl<'a> ZonesOfRows<'a> {
    pub(super) fn new(of: &'a ZoneOfRow, batch: &'a Batch) -> Self {
        let (names, default) = match of {
            ZoneOfRow::Fixed(zone) => (None, Some(zone)),
            ZoneOfRow::Named { column, path, default } => {
                let names = batch.columns.column(*column).as_string::<i32>();
                (Some((names, path)), default.as_ref())
            }
        };
        Self {
            reasons: &batch.reasons,
            names,
            default: default.map(|_| 0),
            known: HashMap::new(),
            last: None,
            zones: default.map(|zone| KnownZone::new(zone.clone())).into_iter().collect(),
        }
    }

    /// The zone of a row. Refused without a code when the field that names it was refused already.
    pub(super) fn zone(&mut self, row: u32) -> Result<&mut KnownZone, Option<ReasonCode>> {
        let index = match self.names {
            Some((names, path)) if names.is_null(row as usize) => {
                let concerns_zone = |r: &RowReason| r.reason.field.as_ref() == Some(path);
                if reasons_of(self.reasons, row).iter().any(concerns_zone) {
                    return Err(None);
                }
                self.default.ok_or(Some(ReasonCode::OffsetMissing))?
            }
            Some((names, _)) => {
                self.named(names.value(row as usize)).ok_or(Some(ReasonCode::ZoneUnknown))?
            }
            None => self.default.ok_or(Some(ReasonCode::OffsetMissing))?,
        };
        self.zones.get_mut(index).ok_or(Some(ReasonCode::ZoneUnknown))
    }

    fn named(&mut self, name: &'a str) -> Option<usize> {
        if let Some((last, index)) = self.last
            && last == name
        {
            return index;
        }
        let zones = &mut self.zones;
        let index = *self.known.entry(name).or_insert_with(|| {
            zones.push(KnownZone::new(zone(name)?));
            Some(zones.len() - 1)
        });
        self.last = Some((name, index));
        index
    }

    /// The zones that were used, and when.
    pub(super) fn spans(&self) -> ZoneSpans {
        let mut spans = ZoneSpans::default();
        for zone in &self.zones {
            if let Some(span) = zone.span {
                spans.add(zone.name(), span);
            }
        }
        spans
    }
}

/// A zone, and the stretch of equal offset that was asked for last.
pub(super) struct KnownZone {
    zone: TimeZone,
    stretch: Range<i64>,
    offset: Offset,
    span: Option<ZoneSpan>,
}

impl KnownZone {
    fn new(zone: TimeZone) -> Self {
        Self { zone, stretch: 0..0, offset: Offset::UTC, span: None }
    }

    /// Its name in the database.
    pub(super) fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Its offset at an instant.
    pub(super) fn offset_at(&mut self, micros: i64) -> Offset {
        if !self.stretch.contains(&micros) {
            self.find_stretch(micros);
        }
        self.offset
    }

    /// The offset of a local time, or what there is to choose between.
    pub(super) fn offset_of_local(&mut self, local_micros: i64) -> Option<AmbiguousOffset> {
        let at_last_offset = local_micros - i64::from(self.offset.seconds()) * MICROS_PER_SECOND;
        let far = self.stretch.start.saturating_add(LONGEST_CHANGE_MICROS)
            ..self.stretch.end.saturating_sub(LONGEST_CHANGE_MICROS);
        if far.contains(&at_last_offset) {
            return Some(AmbiguousOffset::Unambiguous { offset: self.offset });
        }
        let local = Offset::UTC.to_datetime(Timestamp::from_microsecond(local_micros).ok()?);
        let found = self.zone.to_ambiguous_timestamp(local).offset();
        if let AmbiguousOffset::Unambiguous { offset } = found {
            self.find_stretch(local_micros - i64::from(offset.seconds()) * MICROS_PER_SECOND);
        }
        Some(found)
    }

    /// Notes that the zone was used for an instant.
    pub(super) fn used_at(&mut self, micros: i64) {
        let span = ZoneSpan::of(micros);
        self.span = Some(self.span.map_or(span, |known| known.and(span)));
    }

    fn find_stretch(&mut self, micros: i64) {
        let Ok(at) = Timestamp::from_microsecond(micros) else { return };
        let just_after = at.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        let begin = self.zone.preceding(just_after).next();
        let end = self.zone.following(at).next();
        let instant = |change: Option<jiff::tz::TimeZoneTransition<'_>>| {
            change.map(|change| change.timestamp().as_microsecond())
        };
        self.offset = self.zone.to_offset(at);
        self.stretch = instant(begin).unwrap_or(i64::MIN)..instant(end).unwrap_or(i64::MAX);
    }
}
