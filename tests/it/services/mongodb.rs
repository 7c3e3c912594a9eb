//! Databases on the MongoDB stand-in: filling a collection from a mongodump, dropping them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use bson::{Document, RawDocumentBuf};
use mongodb::Client;
use mongodb::options::{ClientOptions, ServerAddress};

use super::{mongodb_address, unique_name};

/// Documents that are sent at a time.
const BATCH_DOCUMENTS: usize = 100;

/// A database of one test.
#[derive(Debug, Clone)]
pub struct Database {
    pub client: Client,
    pub name: String,
}

impl Database {
    /// A database that holds nothing; it comes to be with its first document.
    pub async fn new() -> Self {
        Self { client: client(&mongodb_address()).await, name: unique_name("shop") }
    }

    pub fn collection(&self, name: &str) -> mongodb::Collection<RawDocumentBuf> {
        self.client.database(&self.name).collection(name)
    }

    pub async fn insert(&self, collection: &str, documents: &[RawDocumentBuf]) {
        for batch in documents.chunks(BATCH_DOCUMENTS) {
            self.collection(collection).insert_many(batch).await.unwrap();
        }
    }

    /// Fills a collection with the documents of a mongodump and returns those it took. The stand-in
    /// refuses documents that name a field twice, which a real server keeps.
    pub async fn load_dump(&self, collection: &str, dump: &Path) -> Vec<RawDocumentBuf> {
        let collection = self.collection(collection);
        let mut taken = vec![];
        for batch in documents_of_dump(dump).chunks(BATCH_DOCUMENTS) {
            // The stand-in reads a message whole before it acts: of a refused batch nothing stays.
            if collection.insert_many(batch).await.is_ok() {
                taken.extend_from_slice(batch);
                continue;
            }
            for document in batch {
                if collection.insert_one(document).await.is_ok() {
                    taken.push(document.clone());
                }
            }
        }
        taken
    }

    /// Drops the database whole: the stand-in answers to a drop of a collection that is not there
    /// with something the driver calls invalid.
    pub async fn delete(self) {
        self.client.database(&self.name).drop().await.unwrap();
    }
}

/// A client of the server at `address`, which may be a proxy.
pub async fn client(address: &str) -> Client {
    let options = ClientOptions::builder()
        .hosts(vec![ServerAddress::parse(address).unwrap()])
        .direct_connection(true)
        .build();
    Client::with_options(options).unwrap()
}

/// The documents of a `.bson` file, in its order. Damaged ones are left out: no collection can have
/// held them.
pub fn documents_of_dump(dump: &Path) -> Vec<RawDocumentBuf> {
    let mut file = BufReader::new(File::open(dump).unwrap());
    let mut documents = vec![];
    while !file.fill_buf().unwrap().is_empty() {
        let document = RawDocumentBuf::from_reader(&mut file).unwrap();
        if Document::try_from(&document).is_ok() {
            documents.push(document);
        }
    }
    documents
}

#[tokio::test]
async fn a_dump_is_loaded_into_a_collection() {
    let database = Database::new().await;
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/orders-dump/shop/orders.bson");
    let loaded = database.load_dump("orders", &sample).await;
    assert!(loaded.len() > 1_100, "{}", loaded.len());

    let mut cursor = database.collection("orders").find(bson::doc! {}).await.unwrap();
    let mut found = vec![];
    while cursor.advance().await.unwrap() {
        found.push(cursor.current().to_owned());
    }
    let bytes = |documents: &[RawDocumentBuf]| {
        documents.iter().map(|document| document.as_bytes().to_vec()).collect::<BTreeSet<_>>()
    };
    assert!(bytes(&loaded) == bytes(&found), "{} of {}", found.len(), loaded.len());
    database.delete().await;
}

#[tokio::test]
async fn documents_are_kept_with_ids_of_every_type() {
    let database = Database::new().await;
    let documents = [bson::rawdoc! { "_id": 1 }, bson::rawdoc! { "_id": "1" }];
    database.insert("orders", &documents).await;
    let count = database.collection("orders").count_documents(bson::doc! {}).await.unwrap();
    assert_eq!(count, documents.len() as u64);
    database.delete().await;
}
