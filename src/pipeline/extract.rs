//! The first half of a run: every split is read, decoded, judged and spilled to sorted runs.
//!
//! A split is the unit of work and of redoing: it is finished when its checkpoint is on disk.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use rayon::prelude::*;
use tokio::runtime::Handle;

use crate::decode::Decoder;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Split;
use crate::plan::Plan;
use crate::sources::Source;
use crate::state::{Checkpoint, Staging};
use crate::telemetry::Progress;
use crate::transform::Steps;

use super::route::{ExclusionNames, route};
use super::spill::{Spill, SpillRules};

/// Parts of the memory budget that a worker's buffers divide into: what it holds, what it sorts,
/// the page it reads, the batch it decodes, and as much again for the allocator.
const SHARES_PER_WORKER: u64 = 6;
const MIN_SPILL_BYTES: u64 = 8 << 20;
const MAX_SPILL_BYTES: u64 = 256 << 20;

/// Extracts every split that no interrupted run has finished. Gives the checkpoints in the order
/// of the splits, and how many were taken over.
///
/// # Errors
/// `Interrupted` when the run was asked to stop: finished splits stay. `Verification`,
/// `Permission` and `Transient` from the sources and the staging place.
pub(super) fn extract(
    plan: &Plan,
    names: &ExclusionNames,
    sources: &[Box<dyn Source>],
    splits: &[Split],
    staging: &Staging,
    runtime: &Handle,
    progress: &Progress,
) -> Result<(Vec<Checkpoint>, u64)> {
    let rules = SpillRules::new(&plan.contract, names, spill_bytes(plan))?;
    let steps = Steps::new(&plan.contract, plan.days)?;
    let resumed = AtomicU64::new(0);
    let checkpoints = splits.par_iter().with_max_len(1).map(|split| {
        let checkpoint = if let Some(checkpoint) = staging.load(split)? {
            resumed.fetch_add(1, Ordering::Relaxed);
            progress.rows_read.fetch_add(checkpoint.rows_read, Ordering::Relaxed);
            checkpoint
        } else {
            let source = sources.get(split.source).ok_or_else(|| {
                Error::new(ErrorKind::Unexpected, "a split names no source")
                    .with("split", &split.name)
            })?;
            let spill = Spill::new(&rules, split, staging.clear_split(split.id)?);
            let checkpoint =
                extract_split(source.as_ref(), split, spill, &steps, &rules, runtime, progress)?;
            staging.save(&checkpoint)?;
            checkpoint
        };
        progress.splits_done.fetch_add(1, Ordering::Relaxed);
        progress.bytes_done.fetch_add(split.bytes, Ordering::Relaxed);
        Ok(checkpoint)
    });
    let checkpoints = checkpoints.collect::<Result<Vec<_>>>()?;
    Ok((checkpoints, resumed.into_inner()))
}

fn extract_split(
    source: &dyn Source,
    split: &Split,
    mut spill: Spill<'_>,
    steps: &Steps,
    rules: &SpillRules<'_>,
    runtime: &Handle,
    progress: &Progress,
) -> Result<Checkpoint> {
    let mut decoder = Decoder::new(rules.contract, split.format);
    let mut pages = source.read(split, None);
    while let Some(page) = runtime.block_on(pages.next()) {
        if progress.should_stop() {
            return Err(super::interrupted());
        }
        let batch = decoder.decode(&page?);
        progress.rows_read.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        let routed = route(steps.apply(batch), rules.contract, rules.names)?;
        progress.rows_rejected.fetch_add(routed.quarantined(), Ordering::Relaxed);
        spill.add(&routed)?;
    }
    spill.finish()
}

fn spill_bytes(plan: &Plan) -> usize {
    let workers = u64::try_from(plan.threads.max(1)).unwrap_or(u64::MAX);
    let share = plan.memory_bytes / workers.saturating_mul(SHARES_PER_WORKER);
    usize::try_from(share.clamp(MIN_SPILL_BYTES, MAX_SPILL_BYTES)).unwrap_or(usize::MAX)
}
