//! Rows of a file into a live service: samples, rows that were repaired, data for trials.

use std::collections::{BTreeMap, HashMap};

use bson::raw::RawDocumentBuf;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{BoxStream, TryStreamExt};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::RawFormat;
use crate::plan::{AwsOptions, DynamodbTable, MongodbCollection, SourceSpec};
use crate::sources::dynamodb::{Connection, Item, KeyAttribute, batch_write, item_of, key_schema};
use crate::sources::mongodb::insert_all;
use crate::sources::{FileRows, file_rows};
use crate::storage::aws::loader;

/// Items that are handed to one writer at a time; the service takes 25 in a call.
const CHUNK_ITEMS: usize = 500;
/// Calls to the service at the same time.
const WRITERS: usize = 8;
/// Size from which a row is not held: no service takes one.
const MAX_ROW_BYTES: u64 = 16 << 20;

/// What became of the rows of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadSummary {
    /// Where they went.
    pub to: String,
    /// Rows in the file.
    pub read: u64,
    /// Rows that the service has taken.
    pub written: u64,
    /// Rows of which a later one of the same key was taken.
    pub replaced: u64,
    /// Rows that no service takes, by what is wrong with them.
    pub refused: BTreeMap<&'static str, u64>,
    /// Calls of which the service left a part for later.
    pub retried_batches: u64,
}

/// Writes the rows of `file` to `to`. An item replaces one with its key, a document does not.
///
/// # Errors
/// `Usage` when there is no such file or place, or when the file is of the other service's kind;
/// `Permission` and `Transient` from the service. What was written stays.
pub fn load(file: &str, to: &SourceSpec, aws: &AwsOptions) -> Result<LoadSummary> {
    let runtime = super::start_runtime()?;
    runtime.block_on(async {
        let FileRows { format, rows } = file_rows(file, MAX_ROW_BYTES, aws).await?;
        match (to, format) {
            (SourceSpec::Dynamodb(table), RawFormat::DynamodbJson) => {
                load_table(rows, table, aws).await
            }
            (SourceSpec::Mongodb(collection), _) => load_collection(rows, format, collection).await,
            _ => Err(Error::new(ErrorKind::Usage, "the file does not hold what the place takes")
                .with("file", file)
                .with_help(
                    "a table takes an export or lines of DynamoDB JSON, a collection a .bson file \
                     or lines of Extended JSON",
                )),
        }
    })
}

async fn load_table(
    mut rows: BoxStream<'static, Result<Bytes>>,
    table: &DynamodbTable,
    aws: &AwsOptions,
) -> Result<LoadSummary> {
    let endpoint = table.endpoint_url.clone();
    let connection = Connection::open(loader(aws), endpoint, table.patience).await;
    let key = key_schema(&connection, &table.table).await?;
    let mut summary =
        LoadSummary { to: format!("dynamodb://{}", table.table), ..LoadSummary::default() };
    // All rows of a key go in one chunk or in chunks one after the other, so that the last one
    // stays; a chunk of this many writers is written at once.
    loop {
        let mut items: HashMap<String, Item> = HashMap::new();
        let mut taken = 0;
        while items.len() < CHUNK_ITEMS * WRITERS {
            let Some(row) = rows.try_next().await? else { break };
            taken += 1;
            match keyed_item(&row, &key) {
                Ok((key, item)) => {
                    summary.replaced += u64::from(items.insert(key, item).is_some());
                }
                Err(why) => *summary.refused.entry(why).or_default() += 1,
            }
        }
        summary.read += taken;
        if taken == 0 {
            return Ok(summary);
        }
        let items: Vec<Item> = items.into_values().collect();
        let chunks: Vec<Vec<Item>> = items.chunks(CHUNK_ITEMS).map(<[Item]>::to_vec).collect();
        let mut writing = futures::stream::iter(chunks)
            .map(|chunk| batch_write(&connection, &table.table, chunk))
            .buffer_unordered(WRITERS);
        while let Some(written) = writing.try_next().await? {
            summary.written += written.items;
            summary.retried_batches += written.retried_batches;
        }
    }
}

/// An item of a line and its key as text, or why no table takes it.
fn keyed_item(line: &Bytes, key: &[KeyAttribute]) -> Result<(String, Item), &'static str> {
    let json: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| "the line is not JSON")?;
    let json = json.get("Item").filter(|item| item.is_object()).unwrap_or(&json);
    let item = item_of(json).map_err(|_| "it is not DynamoDB JSON")?;
    let mut text = String::new();
    for attribute in key {
        let value = json.get(&attribute.name).and_then(|v| v.get(&attribute.attribute_type));
        let value = value.and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        text += value.ok_or("it has no key of the table's type")?;
        text.push('\u{1f}');
    }
    Ok((text, item))
}

async fn load_collection(
    rows: BoxStream<'static, Result<Bytes>>,
    format: RawFormat,
    collection: &MongodbCollection,
) -> Result<LoadSummary> {
    let documents = rows.map(move |row| document_of(&row?, format));
    let loaded = insert_all(collection, documents).await?;
    let mut summary = LoadSummary {
        to: format!("mongodb:{}.{}", collection.database, collection.collection),
        read: loaded.inserted + loaded.refused,
        written: loaded.inserted,
        ..LoadSummary::default()
    };
    if loaded.refused > 0 {
        summary.refused.insert("the collection has one with the same key", loaded.refused);
    }
    Ok(summary)
}

fn document_of(row: &Bytes, format: RawFormat) -> Result<RawDocumentBuf> {
    let broken = "a row of the file is not a document";
    if format == RawFormat::Bson {
        return RawDocumentBuf::from_bytes(row.to_vec()).or_err(ErrorKind::Usage, broken);
    }
    // The parser's own message may quote the row.
    let refused = || {
        Error::new(ErrorKind::Usage, broken).with_help("write one document in Extended JSON a line")
    };
    let json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(row).map_err(|_| refused())?;
    let document = bson::Document::try_from(json).map_err(|_| refused())?;
    RawDocumentBuf::try_from(&document).map_err(|_| refused())
}
