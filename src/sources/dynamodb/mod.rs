//! Rows of DynamoDB tables.

mod export;
mod manifest;
mod table;

pub use export::DynamodbExport;
pub use table::{LiveTable, open_table};
