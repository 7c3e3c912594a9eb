//! Fetching one document by its `_id`.

use bson::raw::RawBson;
use bson::rawdoc;
use bytes::Bytes;

use super::connect::Connection;
use super::faults::patiently;
use crate::error::Result;
use crate::plan::MongodbCollection;

/// The document whose `_id` is `id`, whole, as BSON; none when the collection has none. The
/// filter of `spec` does not matter.
///
/// # Errors
/// `Usage` when the connection string cannot be read or would send data in plain text,
/// `Permission` and `Transient` from the server.
pub async fn find_one(spec: &MongodbCollection, id: &RawBson) -> Result<Option<Bytes>> {
    let connection = Connection::new(spec, 1).await?;
    let command = rawdoc! {
        "find": spec.collection.as_str(),
        "filter": { "_id": { "$eq": id.clone() } },
        "limit": 1_i64,
        "singleBatch": true,
    };
    let found = patiently(spec.patience, || connection.documents(command.clone())).await;
    let found = found.map_err(|fault| {
        fault.into_error("fetching a document of a MongoDB collection", &connection.namespace())
    })?;
    Ok(found.into_iter().next().map(|document| Bytes::from(document.into_bytes())))
}
