//! One item by its key, as the service holds it now.

use bytes::Bytes;

use super::attribute::Item;
use super::calls;
use super::connection::Connection;
use super::fault::Fault;
use crate::decode::dynamodb_item_reply;
use crate::error::Result;

/// The DynamoDB JSON of the item of `table` that has `key`; none when there is none. The read is
/// strongly consistent.
///
/// # Errors
/// `Usage` when there is no such table or `key` is not what its keys are, `Permission` and
/// `Transient` from the service.
pub async fn get_item(connection: &Connection, table: &str, key: Item) -> Result<Option<Bytes>> {
    let call = |client| {
        let key = key.clone();
        async move {
            let bytes = calls::get_item(&client, table, key).await?.bytes;
            let range = dynamodb_item_reply(&bytes).map_err(Fault::of_reply)?;
            Ok(range.map(|(start, end)| bytes.slice(start as usize..end as usize)))
        }
    };
    let item = connection.ask("could not get an item", call).await;
    item.map_err(|error| error.with("table", table))
}
