//! Refused rows, tried again: their source bytes go through the same decoder, steps and spill as
//! they did in the run that refused them.
//!
//! A row that may not come back is not taken at all: it stays where it lies.

use std::collections::BTreeMap;

use arrow::array::Array;
use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ObjectPart, PageContent, Part, RawFormat, RawPage, ReasonCode, Split, SplitId};
use crate::publish::TakenRows;
use crate::sinks::Destination;
use crate::sinks::quarantine::{Histories, History, QuarantineRow, read_quarantine};
use crate::state::Checkpoint;

use super::LeftAlone;
use super::pick::Picked;
use super::standing::StandingDays;
use crate::pipeline::extract::{Extraction, SplitReading};
use crate::pipeline::keys::versions;
use crate::pipeline::route::{Routed, Verdict};

/// Rows of a page, or fewer when they are large.
const PAGE_ROWS: usize = 256;
const PAGE_BYTES: usize = 1 << 20;

/// The rows that were tried again.
pub(super) struct Again {
    /// By the splits that the rows first came from.
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) histories: Histories,
    pub(super) taken: Vec<TakenRows>,
    pub(super) left_alone: LeftAlone,
}

/// Judges the picked rows by the present contract and spills those that can be taken.
///
/// # Errors
/// `Interrupted` when the run was asked to stop; `Verification`, `Permission` and `Transient` from
/// the quarantine and the staging place.
pub(super) fn try_again(
    extraction: &Extraction<'_>,
    destination: &Destination,
    picked: &[Picked<'_>],
    days: &StandingDays<'_>,
) -> Result<Again> {
    let mut trying = Trying {
        extraction,
        days,
        readings: BTreeMap::new(),
        histories: Histories::new(),
        left_alone: LeftAlone::default(),
    };
    let mut taken = Vec::new();
    for of_file in picked {
        let places = trying.file(destination, of_file)?;
        if !places.is_empty() {
            taken.push(TakenRows::new(&of_file.of.file.path, &places));
        }
    }
    let checkpoints = trying.readings.into_values().map(SplitReading::finish);
    Ok(Again {
        checkpoints: checkpoints.collect::<Result<_>>()?,
        histories: trying.histories,
        taken,
        left_alone: trying.left_alone,
    })
}

struct Trying<'a> {
    extraction: &'a Extraction<'a>,
    days: &'a StandingDays<'a>,
    /// Splits of the run that first refused the rows, as far as rows of them were taken.
    readings: BTreeMap<SplitId, SplitReading<'a>>,
    histories: Histories,
    left_alone: LeftAlone,
}

/// Rows of one split that are judged together.
struct Page {
    split: Split,
    /// Whether the quarantine may hold the first bytes of the row alone.
    is_cut: bool,
    rows: Vec<(u64, QuarantineRow, Bytes)>,
    bytes: usize,
}

impl Trying<'_> {
    /// Tries the rows of one file; gives the places of those that were taken.
    fn file(&mut self, destination: &Destination, picked: &Picked<'_>) -> Result<Vec<u64>> {
        let mut places = picked.places.iter().copied().peekable();
        let mut taken = Vec::new();
        let mut page: Option<Page> = None;
        let mut place = 0;
        let file = picked.of.file;
        read_quarantine(destination, file, &mut |row| {
            if places.next_if_eq(&place).is_some() {
                let raw = Bytes::from(row.raw()?);
                let mut next = Page::of(&row, &file.path)?;
                if let Some(full) = page.take_if(|page| !page.takes(&next)) {
                    taken.extend(self.page(full)?);
                }
                let page = page.get_or_insert_with(|| {
                    next.rows.clear();
                    next
                });
                page.bytes += raw.len();
                page.rows.push((place, row, raw));
            }
            place += 1;
            Ok(places.peek().is_some())
        })?;
        if let Some(last) = page {
            taken.extend(self.page(last)?);
        }
        Ok(taken)
    }

    /// Judges a page, leaves alone what cannot be taken, and spills the rest.
    fn page(&mut self, mut page: Page) -> Result<Vec<u64>> {
        if self.extraction.progress.should_stop() {
            return Err(crate::pipeline::interrupted());
        }
        let split = page.split.id;
        let mut reading = match self.readings.remove(&split) {
            Some(reading) => reading,
            None => SplitReading::begin(self.extraction, &page.split)?,
        };
        let mut routed = reading.judge(&page.raw(reading.rows()))?;
        let why = self.why_left_alone(&page, &routed)?;
        if why.iter().any(Option::is_some) {
            why.iter().flatten().for_each(|why| self.left_alone.count(*why));
            let mut left = why.iter().map(Option::is_some);
            page.rows.retain(|_| left.next() == Some(false));
            if page.rows.is_empty() {
                if reading.rows() > 0 {
                    self.readings.insert(split, reading);
                }
                return Ok(Vec::new());
            }
            routed = reading.judge(&page.raw(reading.rows()))?;
        }
        reading.add(&routed)?;
        self.readings.insert(split, reading);
        let histories = self.histories.entry(split).or_default();
        for (_, row, _) in &page.rows {
            histories.push(history(row)?);
        }
        Ok(page.rows.iter().map(|(place, _, _)| *place).collect())
    }

    fn why_left_alone(&self, page: &Page, routed: &Routed) -> Result<Vec<Option<Why>>> {
        let rules = &self.extraction.rules;
        let columns = &routed.batch.columns;
        let version_field = &rules.contract.version_field;
        let versions = versions(columns, version_field)?;
        let rows = page.rows.iter().enumerate();
        Ok(rows
            .map(|(index, (_, row, _))| {
                let key = rules.columns.key().text(columns, index);
                let can_be_compared = key.is_some() && versions.is_valid(index);
                if can_be_compared && !was_compared(row, key.as_deref(), version_field) {
                    return Some(Why::NotCompared);
                }
                let is_candidate = routed.verdicts[index] == Verdict::Candidate;
                match routed.day(index).map(|day| self.days.get(day)) {
                    Some(None) => Some(Why::DayNotThere),
                    Some(Some(day)) if is_candidate && !day.can_be_carried_on => {
                        Some(Why::DayOfOtherForm)
                    }
                    _ => None,
                }
            })
            .collect())
    }
}

/// Why a row is left where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    NotCompared,
    DayNotThere,
    DayOfOtherForm,
}

/// Whether the row was compared with the copies of its key when it was first refused. One that was
/// not may be an older copy of a row that was left out or deleted: nobody knows any more.
fn was_compared(row: &QuarantineRow, key: Option<&str>, version_field: &str) -> bool {
    let of_version = |field: &Option<String>| field.as_deref() == Some(version_field);
    row.key.as_deref() == key && !row.reasons.iter().any(|reason| of_version(&reason.field))
}

fn history(row: &QuarantineRow) -> Result<History> {
    let first_seen = row.first_seen.parse().map_err(|e: jiff::Error| {
        Error::new(ErrorKind::Unexpected, "an instant cannot be read").with_source(e)
    })?;
    let QuarantineRow { row, offset_bytes, attempts, .. } = *row;
    Ok(History { row, offset_bytes, first_seen, attempts })
}

impl Page {
    /// A page for rows like this one, without any.
    fn of(row: &QuarantineRow, path: &str) -> Result<Self> {
        let format = RawFormat::parse(&row.raw_format).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the quarantine holds rows of an unknown format")
                .with("format", &row.raw_format)
                .with_help("upgrade consign: a newer one wrote them")
        })?;
        let part = Part::Object(ObjectPart {
            path: path.to_owned(),
            gzip: false,
            range: None,
            md5_base64: None,
        });
        let split = Split {
            id: row.split_id,
            source: 0,
            name: row.split.clone(),
            part,
            format,
            bytes: 0,
            expected_rows: None,
        };
        let is_cut = row.codes().contains(ReasonCode::RowTooLarge.as_str());
        Ok(Self { split, is_cut, rows: Vec::new(), bytes: 0 })
    }

    /// Whether a row of `other` has room in it.
    fn takes(&self, other: &Self) -> bool {
        let is_full = self.rows.len() >= PAGE_ROWS || self.bytes >= PAGE_BYTES;
        let is_alike = self.split.id == other.split.id && self.split.format == other.split.format;
        is_alike && !is_full && !self.is_cut && !other.is_cut
    }

    /// The page as a source would give it. Of a row that was too large the first bytes alone may
    /// be here, so it stays too large, whatever the contract allows now.
    fn raw(&self, first_row: u64) -> RawPage {
        let format = self.split.format;
        let content = match self.rows.as_slice() {
            [(_, _, raw)] if self.is_cut => {
                PageContent::Oversized { format, row_bytes: raw.len() as u64, head: raw.clone() }
            }
            rows => {
                let mut bytes = BytesMut::with_capacity(self.bytes);
                let mut ranges = Vec::with_capacity(rows.len());
                for (_, _, raw) in rows {
                    let start = bytes.len();
                    bytes.extend_from_slice(raw);
                    ranges.push((offset(start), offset(bytes.len())));
                }
                PageContent::Embedded { format, bytes: bytes.freeze(), ranges }
            }
        };
        RawPage { split: self.split.id, first_row, offset_bytes: 0, content, resume: None }
    }
}

/// A place in a page, which is far smaller than 4 GiB.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
