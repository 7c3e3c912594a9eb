//! How the byte budget of a run is shared out.
//!
//! Owns the arithmetic alone: what a worker may hold, how many runs a merge reads side by side, how
//! many days are written at once. Does not own what any of them does with its share.

use crate::plan::SinkSpec;
use crate::sinks::UPLOAD_BYTES;

use super::candidates::STAGED_BATCH_BYTES;

/// Parts of a worker's share: what it holds, what it sorts, the page it reads, the batch it
/// decodes, and as much again for the allocator.
const PARTS_PER_WORKER: u64 = 6;
const MIN_PART_BYTES: u64 = 8 << 20;
const MAX_PART_BYTES: u64 = 256 << 20;

/// Bytes that a worker may hold of a gzip file which is inflated at once, stored and inflated
/// together: the part of what it reads has room for them in any budget. A larger buffer would be
/// memory that the system clears for each file, which costs more than inflating at once saves.
pub(super) const WHOLE_FILE_BYTES: u64 = MIN_PART_BYTES;

/// Staged batches that a merge holds of a run: where it stands, and one that rows were picked from.
const BATCHES_PER_RUN: u64 = 2;
/// Files that all merges may have open together: systems often stop at 1,024.
const OPEN_RUNS: u64 = 512;
const MIN_FAN_IN: u64 = 8;

/// Bytes that a worker may hold in each part of its work.
pub(super) fn part_bytes(memory_bytes: u64, threads: usize) -> u64 {
    let share = memory_bytes / workers(threads).saturating_mul(PARTS_PER_WORKER);
    share.clamp(MIN_PART_BYTES, MAX_PART_BYTES)
}

/// Runs that the merge of a day may read side by side.
pub(super) fn fan_in(memory_bytes: u64, threads: usize) -> usize {
    let run_bytes = BATCHES_PER_RUN * STAGED_BATCH_BYTES as u64;
    let by_bytes = part_bytes(memory_bytes, threads) / run_bytes;
    let runs = by_bytes.min(OPEN_RUNS / workers(threads)).max(MIN_FAN_IN);
    usize::try_from(runs).unwrap_or(usize::MAX)
}

/// Days that are written side by side. Each holds an open row group and what is on its way to the
/// store, of every sink: how large they are is the job's decision.
pub(super) fn days_at_once(memory_bytes: u64, threads: usize, sinks: &[SinkSpec]) -> usize {
    let of_sink = |sink: &SinkSpec| match sink {
        SinkSpec::Parquet { row_group_bytes, .. } => row_group_bytes + UPLOAD_BYTES as u64,
        SinkSpec::Csv { .. } => UPLOAD_BYTES as u64,
    };
    let of_day = part_bytes(memory_bytes, threads) + sinks.iter().map(of_sink).sum::<u64>();
    let days = (memory_bytes / of_day).clamp(1, workers(threads));
    usize::try_from(days).unwrap_or(usize::MAX)
}

fn workers(threads: usize) -> u64 {
    u64::try_from(threads.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FormulaGuard, ParquetCompression};

    const MIB: u64 = 1 << 20;

    #[test]
    fn shares_shrink_with_the_budget_and_with_more_workers() {
        assert_eq!(part_bytes(512 * MIB, 2), 512 * MIB / 12);
        assert_eq!(part_bytes(64 * MIB, 4), MIN_PART_BYTES);
        assert_eq!(fan_in(512 * MIB, 2), 256);
        assert_eq!(fan_in(256 * MIB, 2), 170);
        assert_eq!(fan_in(64 * MIB, 4), 64);
        assert_eq!(fan_in(8192 * MIB, 16), 32, "open files are few as well");
        assert_eq!(fan_in(64 * MIB, 1000), 8);
    }

    #[test]
    fn no_more_days_are_written_at_once_than_the_budget_has_room_for() {
        let parquet = SinkSpec::Parquet {
            compression: ParquetCompression::Zstd,
            target_bytes: 256 * MIB,
            row_group_bytes: 32 * MIB,
        };
        let csv = SinkSpec::Csv { target_bytes: 256 * MIB, formula_guard: FormulaGuard::Off };
        let both = [parquet, csv];
        assert_eq!(days_at_once(512 * MIB, 2, &both), 2);
        assert_eq!(days_at_once(512 * MIB, 16, &both), 5);
        assert_eq!(days_at_once(512 * MIB, 16, &both[..1]), 8);
        assert_eq!(days_at_once(64 * MIB, 16, &both), 1);
    }
}
