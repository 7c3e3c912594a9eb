//! Cuts a collection into ranges of `_id` that hold about equally many documents.
//!
//! Where to cut is the server's to say: by `$bucketAuto`, else from a `$sample` that it sorts,
//! else not at all. Does not compare values itself.

use bson::raw::{RawBson, RawDocumentBuf};
use bson::{Bson, Document, RawBsonRef, rawdoc};

use super::brackets::{Bracket, bracket_of};
use super::collection::Reading;
use super::faults::{Fault, if_possible};
use super::ids;
use crate::error::Result;

/// Size of a range, where the job does not say how many there are.
const RANGE_BYTES: u64 = 64 * 1024 * 1024;
/// Ranges for each worker at most.
const RANGES_PER_WORKER: u64 = 4;
/// Documents that are sampled for each range.
const SAMPLES_PER_RANGE: u32 = 40;
/// How long the server may look for cuts.
const CUTTING_MS: i32 = 60_000;
/// Size of a document of which nothing is known.
const DOCUMENT_BYTES: u64 = 1024;

/// Where a collection is cut.
#[derive(Debug)]
pub(super) struct Cuts {
    /// First values of all ranges but the first one, ascending.
    pub ids: Vec<RawBson>,
    /// How they were found.
    pub by: &'static str,
    /// Size of the collection, as far as the server says.
    pub collection_bytes: u64,
}

/// Cuts the collection into `wanted` ranges, or by its size.
///
/// # Errors
/// `Permission` and `Transient` from the server.
pub(super) async fn cut(reading: &Reading, wanted: Option<u32>, threads: usize) -> Result<Cuts> {
    find_cuts(reading, wanted, threads).await.map_err(|fault| {
        fault.into_error("cutting a MongoDB collection into ranges", &reading.namespace())
    })
}

async fn find_cuts(reading: &Reading, wanted: Option<u32>, threads: usize) -> Result<Cuts, Fault> {
    let collection_bytes = collection_bytes(reading).await?;
    let ranges = wanted.unwrap_or_else(|| ranges_for(collection_bytes, threads));
    let cuts = |by, ids| Cuts { ids: usable(ids), by, collection_bytes };
    if ranges <= 1 || !reading.query.can_go_on() {
        return Ok(cuts("one range", vec![]));
    }
    let buckets = || by_buckets(reading, ranges);
    if let Some(ids) = if_possible(reading.patience, buckets).await? {
        return Ok(cuts("$bucketAuto", ids));
    }
    let sample = || by_sample(reading, ranges);
    if let Some(ids) = if_possible(reading.patience, sample).await? {
        return Ok(cuts("$sample", ids));
    }
    tracing::warn!(collection = reading.namespace(), "the server finds no cuts; reading one range");
    Ok(cuts("one range", vec![]))
}

fn ranges_for(collection_bytes: u64, threads: usize) -> u32 {
    let most = (threads as u64).saturating_mul(RANGES_PER_WORKER).max(1);
    u32::try_from(collection_bytes.div_ceil(RANGE_BYTES).clamp(1, most)).unwrap_or(u32::MAX)
}

/// Values that text can hold, and that divide: nothing is less than `MinKey`.
fn usable(mut ids: Vec<RawBson>) -> Vec<RawBson> {
    ids.retain(|id| {
        bracket_of(id) != Bracket::MinKey && ids::to_text(id.as_raw_bson_ref()).is_some()
    });
    ids.dedup();
    ids
}

/// Size of the collection; zero when the server does not say.
async fn collection_bytes(reading: &Reading) -> Result<u64, Fault> {
    let name = reading.connection.collection.as_str();
    let stages = vec![
        rawdoc! { "$collStats": { "storageStats": {} } },
        rawdoc! { "$project": { "size": "$storageStats.size" } },
    ];
    let by_stage = || reading.connection.aggregate(stages.clone(), RawDocumentBuf::new());
    if let Some(shards) = if_possible(reading.patience, by_stage).await? {
        return Ok(shards.iter().map(|shard| shard.get("size").map_or(0, whole)).sum());
    }
    let by_command = || reading.connection.run(rawdoc! { "collStats": name });
    if let Some(stats) = if_possible(reading.patience, by_command).await? {
        return Ok(number(&stats, "size"));
    }
    let by_count = || reading.connection.run(rawdoc! { "count": name });
    let count = if_possible(reading.patience, by_count).await?;
    Ok(count.map_or(0, |count| number(&count, "n").saturating_mul(DOCUMENT_BYTES)))
}

fn number(document: &Document, name: &str) -> u64 {
    let value = document.get(name).cloned().unwrap_or(Bson::Null);
    RawBson::try_from(value).map_or(0, |value| whole(Some(value.as_raw_bson_ref())))
}

fn whole(value: Option<RawBsonRef<'_>>) -> u64 {
    match value {
        Some(RawBsonRef::Int32(number)) => u64::try_from(number).unwrap_or(0),
        Some(RawBsonRef::Int64(number)) => u64::try_from(number).unwrap_or(0),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate; the cast saturates"
        )]
        Some(RawBsonRef::Double(number)) => number as u64,
        _ => 0,
    }
}

async fn by_buckets(reading: &Reading, ranges: u32) -> Result<Vec<RawBson>, Fault> {
    let buckets = rawdoc! {
        "$bucketAuto": { "groupBy": "$_id", "buckets": i64::from(ranges) },
    };
    let found = aggregate(reading, vec![rawdoc! { "$project": { "_id": 1 } }, buckets]).await?;
    let least =
        |bucket: &RawDocumentBuf| Some(bucket.get_document("_id").ok()?.get("min").ok()??.into());
    // The first range begins before everything.
    Ok(found.iter().skip(1).filter_map(least).collect())
}

async fn by_sample(reading: &Reading, ranges: u32) -> Result<Vec<RawBson>, Fault> {
    let size = i64::from(ranges.saturating_mul(SAMPLES_PER_RANGE));
    let stages = vec![
        rawdoc! { "$sample": { "size": size } },
        rawdoc! { "$project": { "_id": 1 } },
        rawdoc! { "$sort": { "_id": 1 } },
    ];
    let sample = aggregate(reading, stages).await?;
    let at = |i: u32| sample.get(i as usize * sample.len() / ranges as usize);
    let id = |document: &RawDocumentBuf| Some(document.get("_id").ok()??.into());
    Ok((1..ranges).filter_map(at).filter_map(id).collect())
}

/// Runs stages over the documents that are to be read.
async fn aggregate(
    reading: &Reading,
    stages: Vec<RawDocumentBuf>,
) -> Result<Vec<RawDocumentBuf>, Fault> {
    let select = reading.query.select(None).map(|filter| rawdoc! { "$match": filter });
    let mut options = rawdoc! { "allowDiskUse": true, "maxTimeMS": CUTTING_MS };
    if let Some(hint) = reading.query.hint() {
        options.append(bson::cstr!("hint"), hint);
    }
    reading.connection.aggregate(select.into_iter().chain(stages).collect(), options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_gives_the_ranges() {
        assert_eq!(ranges_for(0, 2), 1);
        assert_eq!(ranges_for(RANGE_BYTES, 2), 1);
        assert_eq!(ranges_for(RANGE_BYTES + 1, 2), 2);
        assert_eq!(ranges_for(u64::MAX, 2), 8);
        assert_eq!(ranges_for(u64::MAX, 0), 1);
    }

    #[test]
    fn cuts_that_do_not_cut_are_left_out() {
        let twice = rawdoc! { "a": 1, "b": 1, "a": 2 };
        let ids = vec![RawBson::MinKey, 1.into(), 1.into(), twice.into(), "a".into()];
        assert_eq!(usable(ids), [RawBson::Int32(1), RawBson::String("a".to_owned())]);
    }
}
