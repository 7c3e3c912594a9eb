//! Lets the server count documents by the bracket of their `_id`.
//!
//! Does not own what the counts are for (`tally`).

use std::collections::BTreeMap;

use bson::raw::RawDocumentBuf;
use bson::{RawBsonRef, rawdoc};

use super::brackets::{Bracket, Interval};
use super::collection::Reading;
use super::faults::{Fault, Remedy, patiently};

/// Documents by the bracket of their `_id`; none is zero.
pub(super) type Counts = BTreeMap<Bracket, u64>;

/// What the server counts in the interval. It is asked in one go where it can group by type, else
/// for each bracket.
///
/// # Errors
/// What the server has against it.
pub(super) async fn counted(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    match by_type(reading, interval).await {
        Err(fault) if fault.remedy == Remedy::None => by_bracket(reading, interval).await,
        counts => counts,
    }
}

async fn by_type(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    let group = rawdoc! { "$group": { "_id": { "$type": "$_id" }, "documents": { "$sum": 1 } } };
    let filter = interval.filter(reading.with_rare());
    let mut counts = Counts::new();
    for group in aggregate(reading, filter, group).await? {
        let name = group.get_str("_id").unwrap_or_default();
        let unknown = || Fault::nonsense("the server counts by types that do not exist");
        let bracket = Bracket::of_type_name(name).ok_or_else(unknown)?;
        *counts.entry(bracket).or_default() += documents(&group);
    }
    Ok(counts)
}

async fn by_bracket(reading: &Reading, interval: &Interval) -> Result<Counts, Fault> {
    let mut counts = Counts::new();
    for (bracket, clause) in interval.clauses(reading.with_rare()) {
        let group = rawdoc! { "$group": { "_id": 0, "documents": { "$sum": 1 } } };
        for group in aggregate(reading, Some(clause), group).await? {
            *counts.entry(bracket).or_default() += documents(&group);
        }
    }
    counts.retain(|_, documents| *documents > 0);
    Ok(counts)
}

async fn aggregate(
    reading: &Reading,
    filter: Option<RawDocumentBuf>,
    group: RawDocumentBuf,
) -> Result<Vec<RawDocumentBuf>, Fault> {
    let select = reading.query.select(filter);
    let stages = select.map(|filter| rawdoc! { "$match": filter }).into_iter().chain([group]);
    let mut options = RawDocumentBuf::new();
    if let Some(hint) = reading.query.hint() {
        options.append(bson::cstr!("hint"), hint);
    }
    if let Some(read_concern) = reading.read_concern() {
        options.append(bson::cstr!("readConcern"), read_concern);
    }
    let stages: Vec<_> = stages.collect();
    let ask = || reading.connection.aggregate(stages.clone(), options.clone());
    patiently(reading.patience, ask).await
}

fn documents(group: &RawDocumentBuf) -> u64 {
    let count = match group.get("documents") {
        Ok(Some(RawBsonRef::Int32(count))) => u64::try_from(count).ok(),
        Ok(Some(RawBsonRef::Int64(count))) => u64::try_from(count).ok(),
        _ => None,
    };
    count.unwrap_or(0)
}
