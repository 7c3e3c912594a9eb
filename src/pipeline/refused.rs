//! The rows a run refuses, as they lie in the staging place: on their way to the quarantine.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt64Type;

use crate::error::{ErrorKind, Result, ResultExt};
use crate::sinks::quarantine::{self, count_reasons};
use crate::state::{Checkpoint, StagedFile, Staging};

use super::row_set::RowSet;
use super::staged::StagedReader;

/// Refused rows of every split in source order, without those of which a newer copy was read:
/// these count as deduplicated.
pub(super) fn of_splits<'a>(
    staging: &'a Staging,
    checkpoints: &'a [Checkpoint],
    older: &'a RowSet,
) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
    checkpoints.iter().flat_map(move |checkpoint| {
        let split = checkpoint.split.id;
        let dir = staging.split_dir(split);
        checkpoint.rejects.iter().flat_map(move |file| batches(&dir, file)).map(move |rows| {
            let rows = rows?;
            let ordinals = rows.column(quarantine::ROW_COLUMN).as_primitive::<UInt64Type>();
            let older = older.of_split(split);
            let keep: BooleanArray =
                ordinals.values().iter().map(|row| Some(!older.contains(*row))).collect();
            filter_record_batch(&rows, &keep)
                .or_err(ErrorKind::Unexpected, "could not pick refused rows")
        })
    })
}

/// Refused rows that were staged while days were merged.
pub(super) fn of_days<'a>(
    staging: &'a Staging,
    files: impl Iterator<Item = &'a StagedFile> + 'a,
) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
    files.flat_map(|file| batches(staging.dir(), file))
}

fn batches(
    dir: &std::path::Path,
    file: &StagedFile,
) -> Box<dyn Iterator<Item = Result<RecordBatch>>> {
    match StagedReader::open(dir, file) {
        Ok(reader) => Box::new(reader),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// Reasons by code over batches of refused rows.
pub(super) fn reasons(
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for rows in batches {
        count_reasons(&rows?, &mut counts);
    }
    Ok(counts)
}
