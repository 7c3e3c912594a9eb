//! Filling a collection with documents, for trials: none that is there is overwritten.

use bson::raw::RawDocumentBuf;
use futures::stream::{Stream, StreamExt};
use mongodb::error::{ErrorKind as DriverErrorKind, IndexedWriteError};

use super::connect::Connection;
use super::faults::{Fault, Remedy};
use crate::error::Result;
use crate::plan::MongodbCollection;

/// Documents that are sent at a time.
const BATCH_DOCUMENTS: usize = 1_000;
/// What the server answers to a document whose `_id` it has.
const DUPLICATE_KEY: i32 = 11_000;

/// What became of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Documents that were inserted.
    pub inserted: u64,
    /// Documents that were not, as the collection has one with the same unique value.
    pub refused: u64,
}

/// Inserts documents in no particular order.
///
/// # Errors
/// `Usage` when the connection string cannot be read or would send data in plain text,
/// `Permission` and `Transient` from the server, `Unexpected` when it refuses a document for
/// another reason than that it is there, and the first error of `documents`.
pub async fn insert_all(
    spec: &MongodbCollection,
    documents: impl Stream<Item = Result<RawDocumentBuf>>,
) -> Result<Loaded> {
    let connection = Connection::new(spec, 1).await?;
    let database = connection.client.database(&connection.database);
    let collection = database.collection::<RawDocumentBuf>(&connection.collection);
    let mut loaded = Loaded::default();
    let mut batches = std::pin::pin!(documents.chunks(BATCH_DOCUMENTS));
    while let Some(batch) = batches.next().await {
        let batch = batch.into_iter().collect::<Result<Vec<_>>>()?;
        let refused = match collection.insert_many(&batch).ordered(false).await {
            Ok(_) => 0,
            Err(error) => refused(error).map_err(|fault| {
                fault.into_error("loading a MongoDB collection", &connection.namespace())
            })?,
        };
        loaded.refused += refused;
        loaded.inserted += (batch.len() as u64).saturating_sub(refused);
    }
    Ok(loaded)
}

/// How many documents were refused as duplicates, if that is all that went wrong.
fn refused(error: mongodb::error::Error) -> Result<u64, Fault> {
    let DriverErrorKind::InsertMany(failure) = error.kind.as_ref() else {
        return Err(error.into());
    };
    let refused: &[IndexedWriteError] = failure.write_errors.as_deref().unwrap_or_default();
    let other = refused.iter().find(|error| error.code != DUPLICATE_KEY);
    match (other, &failure.write_concern_error) {
        (None, None) => Ok(refused.len() as u64),
        (Some(error), _) => Err(Fault {
            remedy: Remedy::None,
            what: format!("the server refuses a document with error {}", error.code),
        }),
        (None, Some(concern)) => Err(Fault {
            remedy: Remedy::AskAgain,
            what: format!("the write is not safe yet (error {})", concern.code),
        }),
    }
}
