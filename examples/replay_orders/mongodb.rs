//! Answers the commands with which a collection is read.
//!
//! A cursor is its number: the batch that comes next and the one behind the last. The projection
//! is not applied, and there is no snapshot. Does not own the batches (`collection`).

use std::ops::Range;
use std::sync::Arc;

use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{RawArrayBuf, RawBsonRef, rawdoc};
use bytes::Bytes;
use tokio::net::TcpStream;

use super::collection::Collection;
use super::message::{Command, Document, batch, whole};

/// Answers the commands of a connection until it is closed.
pub async fn serve(collection: Arc<Collection>, mut stream: TcpStream) {
    // Its errors are clients that went away.
    while let Ok(command) = Command::read(&mut stream).await {
        let reply = answer(&collection, &command.body);
        if command.answer(reply, &mut stream).await.is_err() {
            return;
        }
    }
}

fn answer(collection: &Collection, command: &RawDocument) -> Document {
    let name = command.iter().next().and_then(Result::ok).map_or("", |(name, _)| name.as_str());
    let reply = match name {
        "hello" | "isMaster" | "ismaster" => Some(whole(hello())),
        "ping" | "endSessions" | "killCursors" => Some(whole(rawdoc! { "ok": 1.0 })),
        "listCollections" => Some(documents([rawdoc! { "name": "orders", "type": "collection" }])),
        "find" => find(collection, command),
        "getMore" => get_more(collection, command),
        "aggregate" => aggregate(collection, command),
        _ => None,
    };
    reply.unwrap_or_else(|| {
        whole(rawdoc! {
            "ok": 0.0, "code": 59, "codeName": "CommandNotFound",
            "errmsg": format!("the replay does not know this {name}"),
        })
    })
}

fn hello() -> RawDocumentBuf {
    rawdoc! {
        "helloOk": true,
        "isWritablePrimary": true,
        "ismaster": true,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": 21,
        "ok": 1.0,
    }
}

fn find(collection: &Collection, command: &RawDocument) -> Option<Document> {
    // Questions about `_id`s of rare types, and about snapshots: there are none.
    if command.get_bool("singleBatch").unwrap_or(false) {
        return Some(documents([]));
    }
    let selected = match command.get_document("filter") {
        Ok(filter) => collection.select(filter)?,
        Err(_) => collection.select(&RawDocumentBuf::new())?,
    };
    Some(next_batch(collection, "firstBatch", selected))
}

fn get_more(collection: &Collection, command: &RawDocument) -> Option<Document> {
    let cursor = command.get_i64("getMore").ok()?;
    let end = usize::try_from(cursor >> 32).ok()?;
    let next = usize::try_from(cursor & i64::from(u32::MAX)).ok()?;
    Some(next_batch(collection, "nextBatch", next..end))
}

/// The first of the batches, and a cursor over the others.
fn next_batch(collection: &Collection, name: &str, batches: Range<usize>) -> Document {
    let (next, end) = (batches.start + 1, batches.end);
    let documents = collection.documents(batches.start).filter(|_| batches.start < end);
    let cursor = i64::try_from(end << 32 | next).unwrap_or(0);
    batch(name, documents.unwrap_or_else(no_documents), if next < end { cursor } else { 0 })
}

fn aggregate(collection: &Collection, command: &RawDocument) -> Option<Document> {
    let stages = command.get_array("pipeline").ok()?;
    let stages = stages.into_iter().filter_map(|stage| stage.ok()?.as_document());
    let mut selected = collection.select(&RawDocumentBuf::new())?;
    for stage in stages {
        let (name, value) = stage.iter().next()?.ok()?;
        match name.as_str() {
            "$match" => selected = collection.select(value.as_document()?)?,
            "$collStats" => {
                let bytes = i64::try_from(collection.bytes).unwrap_or(i64::MAX);
                return Some(documents([rawdoc! { "size": bytes }]));
            }
            "$bucketAuto" => {
                let ranges = match value.as_document()?.get("buckets").ok()?? {
                    RawBsonRef::Int32(ranges) => usize::try_from(ranges),
                    RawBsonRef::Int64(ranges) => usize::try_from(ranges),
                    _ => return None,
                };
                let least = collection.ranges(ranges.ok()?);
                let bucket = |id: RawDocumentBuf| {
                    let min = id.get("_id").ok()??;
                    Some(rawdoc! { "_id": { "min": min } })
                };
                return Some(documents(least.filter_map(bucket)));
            }
            "$group" => {
                let counts = collection.counts(selected).into_iter();
                let group = |(name, count)| rawdoc! { "_id": name, "documents": count };
                return Some(documents(counts.map(group)));
            }
            _ => {}
        }
    }
    None
}

/// The answer with a few documents, all there are.
fn documents(documents: impl IntoIterator<Item = RawDocumentBuf>) -> Document {
    let array = RawArrayBuf::from_iter(documents);
    batch("firstBatch", Bytes::copy_from_slice(array.as_bytes()), 0)
}

fn no_documents() -> Bytes {
    Bytes::from_static(&[5, 0, 0, 0, 0])
}
