use std::time::Instant;

use bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::FindOptions;

use super::*;
use crate::services::mongodb::{self as service, Database};
use crate::services::mongodb_address;

/// A proxy that does one thing to one command, and a database with a hundred documents in `orders`.
async fn database_behind(name: &'static str, fault: Fault) -> (MongoProxy, Database) {
    let database = Database::new();
    let documents: Vec<_> = (0..100).map(|i| rawdoc! { "_id": i }).collect();
    database.insert("orders", &documents).await;
    let proxy = MongoProxy::start(&mongodb_address(), move |command| {
        if command.name == name && command.nth == 0 { fault.clone() } else { Fault::Pass }
    });
    let client = service::client(&proxy.address());
    (proxy, Database { client, ..database })
}

/// Reads all documents, thirty at a time.
async fn read(database: &Database) -> Result<usize, Error> {
    let options = FindOptions::builder().batch_size(30).build();
    let mut cursor = database.collection("orders").find(doc! {}).with_options(options).await?;
    let mut documents = 0;
    while cursor.advance().await? {
        documents += 1;
    }
    Ok(documents)
}

/// What the server holds, whatever the proxy does.
async fn held(database: &Database) -> u64 {
    let direct = service::client(&mongodb_address()).database(&database.name);
    direct.collection::<RawDocumentBuf>("orders").count_documents(doc! {}).await.unwrap()
}

fn is_broken_connection(error: &Error) -> bool {
    matches!(*error.kind, ErrorKind::Io(_))
}

#[tokio::test]
async fn batches_pass_and_are_written_down() {
    let (proxy, database) = database_behind("", Fault::Pass).await;
    assert_eq!(read(&database).await.unwrap(), 100);
    let finds = proxy.commands("find");
    assert_eq!(finds.len(), 1);
    assert_eq!(finds[0].body.get_i32("batchSize").unwrap(), 30);
    assert_eq!(proxy.commands("getMore").len(), 3);
}

#[tokio::test]
async fn errors_of_the_server_are_read_as_such() {
    for (fault, code) in [
        (CURSOR_NOT_FOUND, 43),
        (INTERRUPTED_AT_SHUTDOWN, 11600),
        (PRIMARY_STEPPED_DOWN, 189),
        (NOT_WRITABLE_PRIMARY, 10107),
    ] {
        let (_proxy, database) = database_behind("getMore", fault).await;
        let error = read(&database).await.unwrap_err();
        let ErrorKind::Command(ref found) = *error.kind else { panic!("{error:?}") };
        assert_eq!(found.code, code);
        assert_eq!(read(&database).await.unwrap(), 100, "the connection is still of use");
    }
}

#[tokio::test]
async fn a_cut_command_has_no_effect_and_a_lost_reply_has() {
    for (fault, expected) in [(Fault::Cut, 100), (Fault::LoseReply, 101)] {
        let (_proxy, database) = database_behind("insert", fault).await;
        let insert = database.collection("orders").insert_one(rawdoc! { "_id": "late" }).await;
        let error = insert.unwrap_err();
        assert!(is_broken_connection(&error), "{error:?}");
        assert_eq!(held(&database).await, expected);
    }
}

#[tokio::test]
async fn a_truncated_batch_is_an_error() {
    let (_proxy, database) = database_behind("getMore", Fault::Truncate { after_bytes: 50 }).await;
    let error = read(&database).await.unwrap_err();
    assert!(is_broken_connection(&error), "{error:?}");
    assert_eq!(read(&database).await.unwrap(), 100);
}

#[tokio::test]
async fn a_delayed_batch_comes_late() {
    let delay = Duration::from_millis(300);
    let (_proxy, database) = database_behind("getMore", Fault::Delay(delay)).await;
    let begun = Instant::now();
    assert_eq!(read(&database).await.unwrap(), 100);
    assert!(begun.elapsed() >= delay);
}
