//! How the byte budget of a run is shared out.
//!
//! Owns the arithmetic alone: what a worker may hold, how many runs a merge reads side by side, how
//! many days are written at once. Does not own what any of them does with its share.

use crate::plan::{Plan, SinkSpec};
use crate::sinks::UPLOAD_BYTES;

use super::candidates::STAGED_BATCH_BYTES;

/// Parts of a worker's share: what it holds, what it sorts, the page it reads, the batch it
/// decodes, and as much again for the allocator.
const PARTS_PER_WORKER: u64 = 6;
const MIN_PART_BYTES: u64 = 8 << 20;
const MAX_PART_BYTES: u64 = 256 << 20;

/// Staged batches that a merge holds of a run: where it stands, and one that rows were picked from.
const BATCHES_PER_RUN: u64 = 2;
/// Files that all merges may have open together: systems often stop at 1,024.
const OPEN_RUNS: u64 = 512;
const MIN_FAN_IN: u64 = 8;

/// Bytes that a worker may hold in each part of its work.
pub(super) fn part_bytes(plan: &Plan) -> u64 {
    let share = plan.memory_bytes / workers(plan).saturating_mul(PARTS_PER_WORKER);
    share.clamp(MIN_PART_BYTES, MAX_PART_BYTES)
}

/// Runs that the merge of a day may read side by side.
pub(super) fn fan_in(plan: &Plan) -> usize {
    let by_bytes = part_bytes(plan) / (BATCHES_PER_RUN * STAGED_BATCH_BYTES as u64);
    let runs = by_bytes.min(OPEN_RUNS / workers(plan)).max(MIN_FAN_IN);
    usize::try_from(runs).unwrap_or(usize::MAX)
}

/// Days that are written side by side. Each holds an open row group and what is on its way to the
/// store, of every sink: that is the job's, not the budget's.
pub(super) fn days_at_once(plan: &Plan) -> usize {
    let of_sink = |sink: &SinkSpec| match sink {
        SinkSpec::Parquet { row_group_bytes, .. } => row_group_bytes + UPLOAD_BYTES as u64,
        SinkSpec::Csv { .. } => UPLOAD_BYTES as u64,
    };
    let of_day = part_bytes(plan) + plan.sinks.iter().map(of_sink).sum::<u64>();
    let days = (plan.memory_bytes / of_day).clamp(1, workers(plan));
    usize::try_from(days).unwrap_or(usize::MAX)
}

fn workers(plan: &Plan) -> u64 {
    u64::try_from(plan.threads.max(1)).unwrap_or(u64::MAX)
}
