//! Rows of DynamoDB tables: from an export, or from the table itself while it is in use.

mod attribute;
mod calls;
#[cfg(test)]
mod canned;
mod connection;
mod describe;
mod export;
mod fault;
mod get;
mod load;
mod manifest;
mod pages;
mod raw_reply;
mod request;
mod slice;
mod table;
mod throttle;

pub use attribute::{Item, item_of, parse_item};
pub use connection::Connection;
pub use describe::{KeyAttribute, key_schema};
pub use export::DynamodbExport;
pub use get::get_item;
pub use load::{Written, batch_write};
pub use table::{LiveTable, open_table};
