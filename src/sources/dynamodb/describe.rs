//! What the service says of a table: its key, its size, what it may be asked for a second.
//!
//! Sizes and counts are the service's own, some hours old: good for cutting work, not for
//! checking it.

use aws_sdk_dynamodb::types::{
    GlobalSecondaryIndexDescription, KeySchemaElement, TableDescription,
};

use super::connection::Connection;
use super::fault::{Fault, Private};
use crate::error::{Error, ErrorKind, Result};

/// Read units a second that a table without a stated limit can serve when it is new.
const ON_DEMAND_READ_UNITS: u64 = 12_000;

/// An attribute of a table's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its type: `S`, `N` or `B`.
    pub attribute_type: String,
}

/// A table, or an index of one, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// What no other table has, not even one made later under the same name.
    pub identity: String,
    /// The table's own key: partition key, then perhaps sort key.
    pub key: Vec<KeyAttribute>,
    /// Attributes of all keys of the table and its indexes, with their types.
    pub typed: Vec<KeyAttribute>,
    /// Size of what is read: of the index, when one is.
    pub bytes: u64,
    /// Items of what is read.
    pub items: u64,
    /// Read units a second that what is read is provisioned for, or warm for.
    pub read_units: u64,
}

/// The key of `table`: partition key, then perhaps sort key.
///
/// # Errors
/// `Usage` when there is no such table, `Permission` and `Transient` from the service.
pub async fn key_schema(connection: &Connection, table: &str) -> Result<Vec<KeyAttribute>> {
    Ok(describe(connection, table, None).await?.key)
}

/// Asks for the description of `table`, and of `index` when it is to be read.
///
/// # Errors
/// `Usage` when there is no such table or index, `Permission` and `Transient` from the service.
pub(super) async fn describe(
    connection: &Connection,
    table: &str,
    index: Option<&str>,
) -> Result<Description> {
    let call = |client: aws_sdk_dynamodb::Client| async move {
        let described = client.describe_table().table_name(table).send().await;
        described.map_err(|error| Fault::of(error, Private::Nothing))
    };
    let described = connection.ask("could not look at a table", call).await;
    let region = connection.region().await;
    let missing = || Error::new(ErrorKind::Unexpected, "the service does not describe the table");
    described
        .and_then(|described| described.table.ok_or_else(missing))
        .and_then(|described| of_table(&described, index))
        .map_err(|error| error.with("table", table).with("region", region))
}

fn of_table(table: &TableDescription, index: Option<&str>) -> Result<Description> {
    let id = table.table_id().or(table.table_arn()).unwrap_or_default();
    let created = table.creation_date_time().map(|at| at.as_nanos()).unwrap_or_default();
    let typed: Vec<_> = table
        .attribute_definitions()
        .iter()
        .map(|attribute| KeyAttribute {
            name: attribute.attribute_name().to_owned(),
            attribute_type: attribute.attribute_type().as_str().to_owned(),
        })
        .collect();
    let mut description = Description {
        identity: format!("{} {id} {created}", table.table_arn().unwrap_or_default()),
        key: key_attributes(table.key_schema(), &typed),
        typed,
        bytes: unsigned(table.table_size_bytes()),
        items: unsigned(table.item_count()),
        read_units: read_units(
            table.provisioned_throughput().and_then(|p| p.read_capacity_units()),
            table.on_demand_throughput().and_then(|o| o.max_read_request_units()),
            table.warm_throughput().and_then(|w| w.read_units_per_second()),
        ),
    };
    if let Some(name) = index {
        let index = find_index(table, name)?;
        description.bytes = unsigned(index.index_size_bytes());
        description.items = unsigned(index.item_count());
        description.read_units = read_units(
            index.provisioned_throughput().and_then(|p| p.read_capacity_units()),
            index.on_demand_throughput().and_then(|o| o.max_read_request_units()),
            index.warm_throughput().and_then(|w| w.read_units_per_second()),
        );
    }
    Ok(description)
}

fn key_attributes(schema: &[KeySchemaElement], typed: &[KeyAttribute]) -> Vec<KeyAttribute> {
    let named = |element: &KeySchemaElement| {
        typed.iter().find(|attribute| attribute.name == element.attribute_name()).cloned()
    };
    schema.iter().filter_map(named).collect()
}

fn find_index<'t>(
    table: &'t TableDescription,
    name: &str,
) -> Result<&'t GlobalSecondaryIndexDescription> {
    let indexes = table.global_secondary_indexes();
    indexes.iter().find(|index| index.index_name() == Some(name)).ok_or_else(|| {
        let names: Vec<_> = indexes.iter().filter_map(|index| index.index_name()).collect();
        let help = match names.as_slice() {
            [] => "the table has no global secondary index".to_owned(),
            names => format!("the table has {}", names.join(", ")),
        };
        Error::new(ErrorKind::Usage, "there is no such global secondary index")
            .with("index", name)
            .with_help(help)
    })
}

/// Capacity mode by mode: provisioned, capped on demand, warm on demand, on demand.
fn read_units(provisioned: Option<i64>, maximum: Option<i64>, warm: Option<i64>) -> u64 {
    [provisioned, maximum, warm]
        .into_iter()
        .map(unsigned)
        .find(|units| *units > 0)
        .unwrap_or(ON_DEMAND_READ_UNITS)
}

/// A count; absent and negative, which says that there is none, are 0.
fn unsigned(count: Option<i64>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_capacity_that_is_stated_counts() {
        assert_eq!(read_units(Some(5), Some(100), Some(12_000)), 5);
        assert_eq!(read_units(Some(0), Some(100), Some(12_000)), 100);
        assert_eq!(read_units(Some(0), Some(-1), Some(40_000)), 40_000);
        assert_eq!(read_units(None, None, None), ON_DEMAND_READ_UNITS);
    }
}
