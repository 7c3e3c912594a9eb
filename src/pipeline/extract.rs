//! The first half of a run: every split is read, decoded, judged and spilled to sorted runs.
//!
//! A split is the unit of work. A file is also the unit of redoing: it is finished or not read at
//! all. A live split has checkpoints on the way (`live`). Workers that have no file left judge pages
//! of the others' files.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures::{StreamExt, TryStreamExt};
use rayon::prelude::*;
use tokio::runtime::Handle;

use crate::decode::Decoder;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Position, RawPage, Split};
use crate::plan::Plan;
use crate::sources::Source;
use crate::state::{Checkpoint, Staging};
use crate::telemetry::Progress;
use crate::transform::Steps;

use super::budget;
use super::intake::Intake;
use super::live;
use super::queue;
use super::route::{ExclusionNames, Routed, route};
use super::spill::{Spill, SpillRules};

/// What every worker of the first half draws on.
pub(super) struct Extraction<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sources: &'a [Box<dyn Source>],
    pub(super) staging: &'a Staging,
    pub(super) runtime: &'a Handle,
    pub(super) progress: &'a Progress,
    pub(super) rules: SpillRules<'a>,
    pub(super) steps: Steps,
    /// Splits that an interrupted run had finished, or had read in part.
    pub(super) resumed: AtomicU64,
}

/// Extracts every split, as far as no interrupted run has. Gives the checkpoints in the order of
/// the splits, and how many were taken over.
///
/// # Errors
/// `Interrupted` when the run was asked to stop: finished splits stay, and live ones up to where
/// they were read. `Verification`, `Permission` and `Transient` from the sources and the staging
/// place.
pub(super) fn extract(
    plan: &Plan,
    steps: Steps,
    names: &ExclusionNames,
    intake: &Intake,
    staging: &Staging,
    runtime: &Handle,
    progress: &Progress,
) -> Result<(Vec<Checkpoint>, u64)> {
    let extraction = Extraction {
        plan,
        sources: &intake.sources,
        staging,
        runtime,
        progress,
        rules: SpillRules::new(&plan.contract, names, spill_bytes(plan))?,
        steps,
        resumed: AtomicU64::new(0),
    };
    let (live, files): (Vec<&Split>, Vec<&Split>) =
        intake.splits.iter().partition(|split| split.is_live());
    let mut checkpoints = extraction.files(&files)?;
    checkpoints.extend(live::extract(&extraction, live)?);
    checkpoints.sort_by_key(|checkpoint| checkpoint.split.id);
    Ok((checkpoints, extraction.resumed.into_inner()))
}

impl<'a> Extraction<'a> {
    /// Reads as many files side by side as there are workers.
    fn files(&self, files: &[&Split]) -> Result<Vec<Checkpoint>> {
        let unread = AtomicUsize::new(files.len());
        queue::each(files, self.plan.threads.max(1), |split| {
            let checkpoint = self.file(split, &unread)?;
            unread.fetch_sub(1, Ordering::Relaxed);
            Ok(checkpoint)
        })
    }

    /// Reads one file, of those of which `unread` are not at their end.
    fn file(&self, split: &Split, unread: &AtomicUsize) -> Result<Checkpoint> {
        if let Some(checkpoint) = self.load(split)? {
            self.split_done();
            self.progress.bytes_done.fetch_add(split.bytes, Ordering::Relaxed);
            return Ok(checkpoint);
        }
        let source = self.source(split)?;
        let mut reading = SplitReading::begin(self, split)?;
        let mut pages = source.read(split, None).fuse();
        reading.take_all(|| {
            if self.progress.should_stop() {
                return Err(super::interrupted());
            }
            // One for each worker that would have nothing to do without it.
            let at_once = (self.plan.threads / unread.load(Ordering::Relaxed).max(1)).max(1);
            let next = pages.by_ref().take(at_once).try_collect();
            self.runtime.block_on(next)
        })?;
        let checkpoint = reading.finish()?;
        self.progress.bytes_done.fetch_add(split.bytes, Ordering::Relaxed);
        Ok(checkpoint)
    }

    fn judge(&self, decoder: &mut Decoder, page: &RawPage) -> Result<Routed> {
        route(self.steps.apply(decoder.decode(page)), self.rules.contract, self.rules.names)
    }

    /// The checkpoint of a split that an interrupted run has read, to its end or in part.
    pub(super) fn load(&self, split: &Split) -> Result<Option<Checkpoint>> {
        let found = self.staging.load(split)?;
        if let Some(checkpoint) = &found {
            self.resumed.fetch_add(1, Ordering::Relaxed);
            self.progress.rows_read.fetch_add(checkpoint.rows_read, Ordering::Relaxed);
        }
        Ok(found)
    }

    pub(super) fn source(&self, split: &Split) -> Result<&'a dyn Source> {
        let source = self.sources.get(split.source).ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "a split names no source").with("split", &split.name)
        })?;
        Ok(source.as_ref())
    }

    pub(super) fn split_done(&self) {
        self.progress.splits_done.fetch_add(1, Ordering::Relaxed);
    }
}

/// A split that is being read: its pages go in, what must be kept of them goes to the staging
/// place.
pub(super) struct SplitReading<'a> {
    extraction: &'a Extraction<'a>,
    decoder: Decoder,
    spill: Spill<'a>,
}

impl<'a> SplitReading<'a> {
    /// Begins a split at its start, in an empty folder.
    pub(super) fn begin(extraction: &'a Extraction<'a>, split: &Split) -> Result<Self> {
        let dir = extraction.staging.clear_split(split.id)?;
        let spill = Spill::new(&extraction.rules, split, dir);
        Ok(Self::with(extraction, split, spill))
    }

    /// Begins a live split, or goes on behind what a checkpoint holds.
    pub(super) fn begin_or_resume(
        extraction: &'a Extraction<'a>,
        split: &Split,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self> {
        let Some(checkpoint) = checkpoint else { return Self::begin(extraction, split) };
        let dir = extraction.staging.split_dir(split.id);
        let spill = Spill::resume(&extraction.rules, checkpoint, dir)?;
        Ok(Self::with(extraction, split, spill))
    }

    fn with(extraction: &'a Extraction<'a>, split: &Split, spill: Spill<'a>) -> Self {
        let decoder = Decoder::new(extraction.rules.contract, split.format);
        Self { extraction, decoder, spill }
    }

    /// Takes the pages that `read` gives, as many at a time as it likes, until it gives none. While
    /// some are judged, those before are spilled and those behind are read.
    fn take_all(&mut self, mut read: impl FnMut() -> Result<Vec<RawPage>> + Send) -> Result<()> {
        let (extraction, format) = (self.extraction, self.decoder.format());
        let mut decoders = Vec::new();
        let mut judged: Vec<Routed> = Vec::new();
        let mut pages = read()?;
        while !pages.is_empty() || !judged.is_empty() {
            decoders.resize_with(pages.len().max(decoders.len()), || {
                Decoder::new(extraction.rules.contract, format)
            });
            let judge_next = || {
                let side_by_side = decoders.par_iter_mut().zip(&pages).with_max_len(1);
                let judged = side_by_side.map(|(decoder, page)| extraction.judge(decoder, page));
                judged.collect::<Result<Vec<_>>>()
            };
            let (spilled, (following, routed)) = rayon::join(
                || judged.iter().try_for_each(|routed| self.add(routed)),
                || rayon::join(&mut read, judge_next),
            );
            spilled?;
            pages = following?;
            judged = routed?;
        }
        Ok(())
    }

    /// Takes the next page: decodes it, judges its rows, spills them.
    pub(super) fn take(&mut self, page: &RawPage) -> Result<()> {
        let routed = self.judge(page)?;
        self.add(&routed)
    }

    /// Decodes a page and judges its rows.
    pub(super) fn judge(&mut self, page: &RawPage) -> Result<Routed> {
        self.extraction.judge(&mut self.decoder, page)
    }

    /// Spills the rows of the next page as they were judged.
    pub(super) fn add(&mut self, routed: &Routed) -> Result<()> {
        let first_row = routed.batch.first_row;
        if first_row != self.rows() {
            return Err(Error::new(ErrorKind::Unexpected, "a page does not follow the one before")
                .with("first row", first_row)
                .with("expected", self.rows()));
        }
        let progress = self.extraction.progress;
        progress.rows_read.fetch_add(routed.batch.num_rows() as u64, Ordering::Relaxed);
        progress.rows_rejected.fetch_add(routed.quarantined(), Ordering::Relaxed);
        self.spill.add(routed)
    }

    /// Rows taken so far: the ordinal of the next one.
    pub(super) fn rows(&self) -> u64 {
        self.spill.rows_read()
    }

    /// Makes what was taken durable, up to `position`.
    pub(super) fn checkpoint(&mut self, position: Option<Position>) -> Result<Checkpoint> {
        let checkpoint = self.spill.checkpoint(position)?;
        self.extraction.staging.save(&checkpoint)?;
        Ok(checkpoint)
    }

    /// Ends the split.
    pub(super) fn finish(mut self) -> Result<Checkpoint> {
        let checkpoint = self.checkpoint(None)?;
        self.extraction.split_done();
        Ok(checkpoint)
    }
}

/// Bytes that one split may hold in memory. A worker may have several live ones open, which share
/// its part.
pub(super) fn spill_bytes(plan: &Plan) -> usize {
    let open = if plan.is_live() { live::OPEN_SPLITS as u64 } else { 1 };
    usize::try_from(budget::part_bytes(plan.memory_bytes, plan.threads) / open)
        .unwrap_or(usize::MAX)
}
