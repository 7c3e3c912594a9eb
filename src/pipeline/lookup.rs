//! One live row by its key, and how the contract judges it.

use std::sync::Arc;
use std::time::Duration;

use bson::raw::RawBson;
use bson::{Bson, Document, RawDocumentBuf};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::RawFormat;
use crate::plan::{AwsOptions, DynamodbTable, MongodbCollection, SourceSpec};
use crate::sources::dynamodb::{
    Connection, Item, KeyAttribute, get_item, item_of, key_schema, parse_item,
};
use crate::sources::mongodb::find_one;
use crate::storage::aws::loader;

use super::judge::{Judgement, judge};

/// How long a service is waited for: a person is waiting too.
const PATIENCE: Duration = Duration::from_secs(15);

/// A row as its service holds it now.
#[derive(Debug, Clone, Serialize)]
pub struct FoundRow {
    /// Where it was found.
    pub source: String,
    /// The row: DynamoDB JSON, or canonical Extended JSON.
    pub row: Value,
    /// What the contract says of it.
    pub judgement: Judgement,
}

/// Looks for the row of `source` with `key`, as a person wrote it; none when there is none.
///
/// # Errors
/// `Usage` when the source is not live, there is no such place, the key is not of its type or
/// exchange rates are needed and `rates` names no file of them, `Permission` and `Transient` from the service.
pub fn get(
    source: &SourceSpec,
    key: &str,
    contract: &Arc<Contract>,
    rates: Option<&str>,
    aws: &AwsOptions,
) -> Result<Option<FoundRow>> {
    let runtime = super::start_runtime()?;
    let rates = super::rates::of_contract(contract, rates, aws, runtime.handle())?;
    let mut source = source.clone();
    let found = match &mut source {
        SourceSpec::Dynamodb(table) => {
            table.patience = table.patience.min(PATIENCE);
            runtime.block_on(get_from_table(table, key, aws))?
        }
        SourceSpec::Mongodb(collection) => {
            collection.patience = collection.patience.min(PATIENCE);
            runtime.block_on(get_from_collection(collection, key))?
        }
        SourceSpec::DynamodbExport { .. } | SourceSpec::Mongodump { .. } => {
            return Err(Error::new(ErrorKind::Usage, "files are not looked into by key")
                .with_help("name a table or collection, or a job that reads one"));
        }
    };
    let Some((source, format, bytes, row)) = found else { return Ok(None) };
    let judgement = judge(contract, rates.as_ref(), format, &bytes)?;
    Ok(Some(FoundRow { source, row, judgement }))
}

type Found = Option<(String, RawFormat, Bytes, Value)>;

async fn get_from_table(table: &DynamodbTable, key: &str, aws: &AwsOptions) -> Result<Found> {
    let endpoint = table.endpoint_url.clone();
    let connection = Connection::open(loader(aws), endpoint, table.patience).await;
    let schema = key_schema(&connection, &table.table).await?;
    let key = item_key(key, &schema)?;
    let Some(bytes) = get_item(&connection, &table.table, key).await? else { return Ok(None) };
    let row =
        serde_json::from_slice(&bytes).or_err(ErrorKind::Unexpected, "could not show an item")?;
    Ok(Some((format!("dynamodb://{}", table.table), RawFormat::DynamodbItem, bytes, row)))
}

/// A key as the table's attributes have it: DynamoDB JSON as it is, plain text by their types.
fn item_key(text: &str, schema: &[KeyAttribute]) -> Result<Item> {
    if text.trim_start().starts_with('{') {
        return parse_item(text);
    }
    let parts: Vec<&str> = match schema {
        [_] => vec![text],
        _ => text.split(',').collect(),
    };
    if parts.len() != schema.len() {
        let names: Vec<_> = schema.iter().map(|attribute| attribute.name.as_str()).collect();
        return Err(Error::new(
            ErrorKind::Usage,
            "the key does not have as many parts as the table's",
        )
        .with("attributes", names.join(", "))
        .with_help("write the parts with a comma between them, or the key in DynamoDB JSON"));
    }
    let members = schema.iter().zip(parts).map(|(attribute, part)| {
        (attribute.name.clone(), json!({ attribute.attribute_type.as_str(): part }))
    });
    item_of(&Value::Object(members.collect()))
}

async fn get_from_collection(collection: &MongodbCollection, key: &str) -> Result<Found> {
    for id in ids(key)? {
        if let Some(bytes) = find_one(collection, &id).await? {
            let broken = "could not show a document";
            let raw =
                RawDocumentBuf::from_bytes(bytes.to_vec()).or_err(ErrorKind::Unexpected, broken)?;
            let document = Document::try_from(&raw).or_err(ErrorKind::Unexpected, broken)?;
            let source = format!("mongodb:{}.{}", collection.database, collection.collection);
            let row = Bson::Document(document).into_canonical_extjson();
            return Ok(Some((source, RawFormat::Bson, bytes, row)));
        }
    }
    Ok(None)
}

/// What a written key may mean: Extended JSON what it says, plain text a text, then an object id
/// or a number if it looks like one.
fn ids(text: &str) -> Result<Vec<RawBson>> {
    if text.trim_start().starts_with('{') {
        let refused = || {
            Error::new(ErrorKind::Usage, "the key is not Extended JSON")
                .with_help(r#"write for instance {"$oid": "66b0f0d2a7c3e5d1f0a1b2c3"}"#)
        };
        // Straight from the text: the members of a document are compared in their order.
        let id: Bson = serde_json::from_str(text).map_err(|_| refused())?;
        return Ok(vec![RawBson::try_from(id).map_err(|_| refused())?]);
    }
    let mut ids = vec![RawBson::String(text.to_owned())];
    ids.extend(bson::oid::ObjectId::parse_str(text).ok().map(RawBson::ObjectId));
    ids.extend(text.parse().ok().map(RawBson::Int64));
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(names: &[&str]) -> Vec<KeyAttribute> {
        let attribute =
            |name: &&str| KeyAttribute { name: (*name).to_owned(), attribute_type: "S".to_owned() };
        names.iter().map(attribute).collect()
    }

    #[test]
    fn a_key_is_text_or_json() {
        assert_eq!(item_key("a,b", &schema(&["pk"])).unwrap().len(), 1);
        assert_eq!(item_key("a,b", &schema(&["pk", "sk"])).unwrap().len(), 2);
        assert_eq!(item_key(r#"{"pk":{"S":"a,b"}}"#, &schema(&["pk"])).unwrap().len(), 1);
        assert!(item_key("a", &schema(&["pk", "sk"])).is_err());
    }

    #[test]
    fn a_plain_key_of_a_collection_may_be_of_several_types() {
        assert_eq!(ids("ord_1").unwrap().len(), 1);
        assert_eq!(ids("48213").unwrap().len(), 2);
        assert_eq!(ids("66b0f0d2a7c3e5d1f0a1b2c3").unwrap().len(), 2);
        assert_eq!(ids(r#"{"$numberInt":"5"}"#).unwrap(), [RawBson::Int32(5)]);
        assert!(ids("{oops").is_err());
    }
}
