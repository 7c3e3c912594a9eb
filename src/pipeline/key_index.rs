//! The staged index of keys: for every row whose key and version could be read, what is needed
//! to decide between copies without the row itself.
//!
//! Rows are dealt into buckets by a hash of the key, a batch a bucket, so that copies meet
//! within one bucket however many splits there are, and only one bucket is looked at at once.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, Date32Builder, Int64Builder, RecordBatch, UInt16Builder,
    UInt32Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::{ErrorKind, Result, ResultExt};
use crate::state::{Checkpoint, StagedFile, Staging};

use super::route::Verdict;
use super::staged::{StagedReader, StagedWriter};

/// Buckets of an index. Ten million keys make batches of a few megabytes.
pub(super) const BUCKETS: usize = 64;

/// Columns of a bucket, as [`bucket`] gives them.
pub(super) mod column {
    pub const KEY: usize = 0;
    pub const VERSION: usize = 1;
    pub const ROW: usize = 2;
    pub const VERDICT: usize = 3;
    pub const DAY: usize = 4;
    pub const WRITTEN_AT: usize = 5;
    pub const SPLIT: usize = 6;
}

/// One row of an index.
pub(super) struct Entry<'a> {
    pub key: &'a [u8],
    pub version: i64,
    pub row: u64,
    pub verdict: Verdict,
    pub day: Option<i32>,
    /// When the row was written, µs since 1970, if it is a change of an item.
    pub written_at: Option<i64>,
}

/// An index in the making.
pub(super) struct KeyIndexBuilder {
    name: String,
    buckets: Vec<Bucket>,
    bytes: usize,
    files: Vec<StagedFile>,
}

#[derive(Default)]
struct Bucket {
    keys: BinaryBuilder,
    versions: Int64Builder,
    rows: UInt64Builder,
    verdicts: UInt16Builder,
    days: Date32Builder,
    written_at: Int64Builder,
}

impl KeyIndexBuilder {
    /// An empty index whose files begin with `name`.
    pub(super) fn new(name: String) -> Self {
        let buckets = std::iter::repeat_with(Bucket::default).take(BUCKETS).collect();
        Self { name, buckets, bytes: 0, files: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, entry: &Entry<'_>) {
        let bucket = &mut self.buckets[bucket_of(entry.key)];
        bucket.keys.append_value(entry.key);
        bucket.versions.append_value(entry.version);
        bucket.rows.append_value(entry.row);
        bucket.verdicts.append_value(entry.verdict.to_code());
        bucket.days.append_option(entry.day);
        bucket.written_at.append_option(entry.written_at);
        self.bytes += entry.key.len() + size_of::<(u32, i64, u64, u16, i32, i64)>();
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves what is held to a file.
    pub(super) fn flush(&mut self, dir: &Path) -> Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        let name = format!("{}-{:03}.arrow", self.name, self.files.len());
        let schema = staged_schema();
        let mut file = StagedWriter::create(dir, name, &schema)?;
        for bucket in &mut self.buckets {
            file.write(&bucket.finish(&schema)?)?;
        }
        self.files.push(file.finish()?);
        self.bytes = 0;
        Ok(())
    }

    /// Goes on behind files that are on disk already.
    pub(super) fn resume(&mut self, files: Vec<StagedFile>) {
        self.files = files;
    }

    /// The files on disk.
    pub(super) fn files(&self) -> &[StagedFile] {
        &self.files
    }
}

impl Bucket {
    fn finish(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let columns: [&mut dyn ArrayBuilder; 6] = [
            &mut self.keys,
            &mut self.versions,
            &mut self.rows,
            &mut self.verdicts,
            &mut self.days,
            &mut self.written_at,
        ];
        let columns: Vec<ArrayRef> = columns.map(|c| c.finish()).into();
        RecordBatch::try_new(Arc::clone(schema), columns)
            .or_err(ErrorKind::Unexpected, "could not stage a key index")
    }
}

/// The entries of bucket `index` over all splits, a batch for each staged file, with the split as
/// last column; `files` picks the index among the files of a checkpoint.
pub(super) fn bucket<'a>(
    staging: &'a Staging,
    checkpoints: &'a [Checkpoint],
    files: impl Fn(&'a Checkpoint) -> &'a [StagedFile] + 'a,
    index: usize,
) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
    let files = checkpoints.iter().flat_map(move |checkpoint| {
        files(checkpoint).iter().map(move |file| (checkpoint.split.id, file))
    });
    files.map(move |(split, file)| {
        let rows = StagedReader::open(&staging.split_dir(split), file)?.batch(index)?;
        let splits = UInt32Array::from_value(split.0, rows.num_rows());
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(splits));
        RecordBatch::try_new(bucket_schema(), columns)
            .or_err(ErrorKind::Unexpected, "could not read a key index")
    })
}

/// The schema of what [`bucket`] gives.
pub(super) fn bucket_schema() -> SchemaRef {
    let mut fields = staged_schema().fields().to_vec();
    fields.push(Arc::new(Field::new("split", DataType::UInt32, true)));
    Arc::new(Schema::new(fields))
}

fn staged_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Binary, true),
        Field::new("version", DataType::Int64, true),
        Field::new("row", DataType::UInt64, true),
        Field::new("verdict", DataType::UInt16, true),
        Field::new("day", DataType::Date32, true),
        Field::new("written_at", DataType::Int64, true),
    ]))
}

fn bucket_of(key: &[u8]) -> usize {
    // Upper bits are the well-mixed ones; the shift leaves 6 bits, the buckets' number.
    usize::try_from(hash(key) >> 58).unwrap_or(0)
}

/// Eight bytes at a time, multiplied and folded as wyhash does. Our own, because a resumed run must
/// deal as the interrupted one did, whatever compiler built either: the standard hasher promises no
/// such thing.
pub(super) fn hash(key: &[u8]) -> u64 {
    let (words, rest) = key.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(key.len() as u64, |hash, word| {
        let (low, high) = (hash ^ u64::from_le_bytes(*word)).carrying_mul(MULTIPLIER, 0);
        low ^ high
    })
}

/// Odd, with about as many ones as zeros.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_hardly_differ_fill_all_buckets_and_share_no_hash() {
        let texts = (0..100_000).map(|i| format!("0190a3c1-{i:04x}-7000-8000-{:012x}", i * 4096));
        let counted = (0..100_000).map(|i| format!("order-{i}"));
        for keys in [texts.collect::<Vec<_>>(), counted.collect()] {
            let hashes: HashSet<u64> = keys.iter().map(|key| hash(key.as_bytes())).collect();
            assert_eq!(hashes.len(), keys.len());
            let mut rows = [0_usize; BUCKETS];
            keys.iter().for_each(|key| rows[bucket_of(key.as_bytes())] += 1);
            let even = keys.len() / BUCKETS;
            assert!(rows.iter().all(|rows| (even / 2..even * 2).contains(rows)), "{rows:?}");
        }
        assert_ne!(hash(b"a"), hash(b"a\0"), "the length counts");
    }
}
