//! Which time zones a run asked for their offsets, and over which instants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The time zones in use, each from the first to the last instant that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneSpans(BTreeMap<String, ZoneSpan>);

/// From the first to the last instant, both included, µs since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSpan {
    /// First instant.
    pub first_micros: i64,
    /// Last instant.
    pub last_micros: i64,
}

impl ZoneSpan {
    /// The span of one instant.
    #[must_use]
    pub fn of(micros: i64) -> Self {
        Self { first_micros: micros, last_micros: micros }
    }

    /// The least span that holds both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            first_micros: self.first_micros.min(other.first_micros),
            last_micros: self.last_micros.max(other.last_micros),
        }
    }
}

impl ZoneSpans {
    /// Notes that a zone was asked over a span.
    pub fn add(&mut self, zone: &str, span: ZoneSpan) {
        match self.0.get_mut(zone) {
            Some(known) => *known = known.and(span),
            None => {
                self.0.insert(zone.to_owned(), span);
            }
        }
    }

    /// Adds what another part of the run asked.
    pub fn merge(&mut self, other: &Self) {
        for (zone, span) in other.iter() {
            self.add(zone, span);
        }
    }

    /// The zones by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ZoneSpan)> {
        self.0.iter().map(|(zone, span)| (zone.as_str(), *span))
    }
}

/// A zone of whose offset another time zone database says something else within a span that a
/// run asked for. Readers with that database see other days and local times than the run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneDifference {
    /// IANA name of the zone.
    pub zone: String,
    /// Version of the other database.
    pub other_tzdb: String,
    /// First instant at which the two differ, RFC 3339 UTC.
    pub from: String,
    /// First instant behind the last one at which they differ.
    pub to: String,
    /// Stretches of time between the two at which they differ: with 1 they do all the while.
    pub stretches: u64,
    /// Offset of the zone at `from`, by which the run went.
    pub offset: String,
    /// Offset in the other database; absent when it does not know the zone.
    pub other_offset: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_zone_grow_together() {
        let mut spans = ZoneSpans::default();
        spans.add("Europe/Berlin", ZoneSpan::of(5));
        let mut others = ZoneSpans::default();
        others.add("Europe/Berlin", ZoneSpan::of(-5));
        others.add("Asia/Tokyo", ZoneSpan { first_micros: 1, last_micros: 2 });
        spans.merge(&others);
        let spans: Vec<_> =
            spans.iter().map(|(zone, s)| (zone, s.first_micros, s.last_micros)).collect();
        assert_eq!(spans, [("Asia/Tokyo", 1, 2), ("Europe/Berlin", -5, 5)]);
    }
}
