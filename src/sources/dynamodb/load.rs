//! Writes items into a table, a batch at a time: for samples and for tests of a job.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use tokio::time::{Instant, sleep};

use super::attribute::Item;
use super::connection::Connection;
use super::fault::{Fault, Private};
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Items that the service takes at a time.
const BATCH_ITEMS: usize = 25;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Items.
    pub items: u64,
    /// Batches of which the service left a part for later.
    pub retried_batches: u64,
}

/// Writes `items` into `table`; an item with a key that is there already replaces it. Of 25 items
/// that follow each other no two may have the same key.
///
/// # Errors
/// `Usage` when there is no such table or it does not take an item, `Permission` from the
/// service, `Transient` when it takes nothing for as long as patience lasts. What was written
/// stays.
pub async fn batch_write(
    connection: &Connection,
    table: &str,
    items: Vec<Item>,
) -> Result<Written> {
    let mut written = Written::default();
    let mut items = items.into_iter();
    loop {
        let batch: Vec<_> = items.by_ref().take(BATCH_ITEMS).collect();
        if batch.is_empty() {
            return Ok(written);
        }
        written.items += u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let puts = batch.into_iter().map(put).collect::<Result<_>>()?;
        let retried = write(connection, table, puts).await;
        written.retried_batches += u64::from(retried.map_err(|e| e.with("table", table))?);
    }
}

/// Writes a batch, and what the service leaves of it. Says whether it left anything.
async fn write(connection: &Connection, table: &str, batch: Vec<WriteRequest>) -> Result<bool> {
    let mut waits = connection.waits();
    let mut progress = Instant::now();
    let (mut left, mut retried) = (batch, false);
    loop {
        let call = |client: Client| {
            let requests = HashMap::from([(table.to_owned(), left.clone())]);
            async move {
                let sent = client.batch_write_item().set_request_items(Some(requests)).send().await;
                sent.map_err(|error| Fault::of(error, Private::Items))
            }
        };
        let sent = connection.ask("could not write items", call).await?;
        let unprocessed = sent.unprocessed_items.and_then(|mut tables| tables.remove(table));
        let unprocessed = unprocessed.unwrap_or_default();
        if unprocessed.is_empty() {
            return Ok(retried);
        }
        if unprocessed.len() < left.len() {
            progress = Instant::now();
        }
        (left, retried) = (unprocessed, true);
        match waits.next_after(progress) {
            Some(wait) => sleep(wait).await,
            None => {
                return Err(Error::new(
                    ErrorKind::Transient,
                    "could not write items: the service leaves them for later",
                )
                .with_help("run the same command again"));
            }
        }
    }
}

fn put(item: Item) -> Result<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build();
    let put = put.or_err(ErrorKind::Unexpected, "could not write an item")?;
    Ok(WriteRequest::builder().put_request(put).build())
}
