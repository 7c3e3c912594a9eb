//! Objects that are removed, a thousand at a time.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, Error as Refusal, ObjectIdentifier};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;

use super::connection::Connection;
use super::fault::{Fault, unusable};

/// Objects of one request; S3 takes no more.
const BATCH_OBJECTS: usize = 1_000;

type Outcome = object_store::Result<Path>;

/// Removes objects, and says of each in its order whether it went. One that is not there is no
/// failure.
pub(super) fn delete(
    connection: Arc<Connection>,
    paths: BoxStream<'static, Outcome>,
) -> BoxStream<'static, Outcome> {
    paths
        .chunks(BATCH_OBJECTS)
        .then(move |batch| delete_batch(Arc::clone(&connection), batch))
        .flat_map(stream::iter)
        .boxed()
}

async fn delete_batch(connection: Arc<Connection>, batch: Vec<Outcome>) -> Vec<Outcome> {
    let paths: Vec<Path> = batch.iter().filter_map(|path| path.as_ref().ok().cloned()).collect();
    let mut outcomes = ask(&connection, &paths).await.into_iter();
    let gone = || Err(unusable("fewer outcomes than objects"));
    batch.into_iter().map(|path| path.and_then(|_| outcomes.next().unwrap_or_else(gone))).collect()
}

/// One outcome for each path.
async fn ask(connection: &Connection, paths: &[Path]) -> Vec<Outcome> {
    let ids = paths.iter().map(|path| ObjectIdentifier::builder().key(path.as_ref()).build());
    let list = ids.collect::<Result<Vec<_>, _>>().and_then(|ids| {
        // Only what did not go is listed in the reply.
        Delete::builder().set_objects(Some(ids)).quiet(true).build()
    });
    let list = match list {
        Ok(list) if !paths.is_empty() => list,
        Ok(_) => return vec![],
        Err(_) => return paths.iter().map(|_| Err(unusable("a request without keys"))).collect(),
    };
    let deleted = connection.call("DeleteObjects", |client: Client| {
        client.delete_objects().bucket(&connection.bucket).delete(list.clone()).send()
    });
    match deleted.await {
        Ok(reply) => outcomes(paths, reply.errors.unwrap_or_default()),
        Err(fault) => paths.iter().map(|path| Err(fault.clone().about(path))).collect(),
    }
}

/// A refusal that names none of the objects stands for all that were not refused by name.
fn outcomes(paths: &[Path], refusals: Vec<Refusal>) -> Vec<Outcome> {
    let mut named: HashMap<String, Fault> = HashMap::new();
    let mut unnamed = None;
    for refusal in refusals {
        let fault = Fault::of_entry("DeleteObjects", refusal.code, refusal.message);
        match refusal.key {
            Some(key) if paths.iter().any(|path| path.as_ref() == key) => {
                named.insert(key, fault);
            }
            _ => unnamed = Some(fault),
        }
    }
    let outcome = |path: &Path| match named.get(path.as_ref()).or(unnamed.as_ref()) {
        Some(fault) if !fault.is_missing_object() => Err(fault.clone().about(path)),
        _ => Ok(path.clone()),
    };
    paths.iter().map(outcome).collect()
}
