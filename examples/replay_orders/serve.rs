//! Accepts connections and hands them to who answers.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::collection::Collection;
use super::table::Table;
use super::{dynamodb, mongodb};

/// Serves the table to those who connect to `tables`, the collection to those who connect to
/// `collections`.
pub async fn serve(
    table: Arc<Table>,
    tables: TcpListener,
    collection: Arc<Collection>,
    collections: TcpListener,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = tables.accept() => {
                connections.spawn(dynamodb::serve(Arc::clone(&table), at_once(accepted?.0)?));
            }
            accepted = collections.accept() => {
                connections.spawn(mongodb::serve(Arc::clone(&collection), at_once(accepted?.0)?));
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// The connection, with nothing held back to fill a packet.
fn at_once(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
