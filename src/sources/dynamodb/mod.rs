//! Rows of DynamoDB tables.

mod export;
mod manifest;

pub use export::DynamodbExport;
