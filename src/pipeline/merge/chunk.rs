//! Rows picked from many batches on their way into one.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use crate::error::{ErrorKind, Result, ResultExt};
use crate::pipeline::candidates::data_bytes;

use super::runs::MergedRow;

/// Rows of a chunk, or fewer when they are large.
const MAX_ROWS: usize = 8192;
const MAX_BYTES: usize = 16 << 20;

/// Rows picked so far, and the staged batches they lie in.
pub(super) struct Chunk {
    /// Columns that are taken along.
    columns: Vec<usize>,
    batches: Vec<RecordBatch>,
    /// The batch that was last picked from of each run.
    places: Vec<Option<Place>>,
    picked: Vec<(usize, usize)>,
    /// Bytes of the picked rows, taking those of one batch as equally large.
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Place {
    /// Number of the batch within its run.
    batch: usize,
    /// Its index among those of the chunk.
    index: usize,
    row_bytes: usize,
}

impl Chunk {
    /// An empty chunk of `columns` of rows from as many as `runs`.
    pub(super) fn new(columns: Vec<usize>, runs: usize) -> Self {
        Self {
            columns,
            batches: Vec::new(),
            places: vec![None; runs],
            picked: Vec::with_capacity(MAX_ROWS),
            bytes: 0,
        }
    }

    pub(super) fn push(&mut self, row: &MergedRow<'_>) {
        let place = match self.places[row.run] {
            Some(place) if place.batch == row.batch => place,
            _ => {
                self.batches.push(row.rows.clone());
                let row_bytes = data_bytes(row.rows) / row.rows.num_rows();
                Place { batch: row.batch, index: self.batches.len() - 1, row_bytes }
            }
        };
        self.places[row.run] = Some(place);
        self.picked.push((place.index, row.index));
        self.bytes += place.row_bytes;
    }

    pub(super) fn is_full(&self) -> bool {
        self.picked.len() == MAX_ROWS || self.bytes >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.picked.is_empty()
    }

    /// The picked rows; the chunk is empty afterwards.
    pub(super) fn take(&mut self) -> Result<RecordBatch> {
        let doing = "could not merge runs";
        let batches: Vec<RecordBatch> = (std::mem::take(&mut self.batches).iter())
            .map(|rows| rows.project(&self.columns))
            .collect::<Result<_, _>>()
            .or_err(ErrorKind::Unexpected, doing)?;
        let rows = interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &self.picked)
            .or_err(ErrorKind::Unexpected, doing)?;
        self.places.fill(None);
        self.picked.clear();
        self.bytes = 0;
        Ok(rows)
    }
}
