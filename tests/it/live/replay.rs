//! What `examples/replay_orders` serves for measurements is read like the files of the same orders.

#[path = "../../../examples/replay_orders/collection.rs"]
mod collection;
#[path = "../../../examples/replay_orders/dynamodb.rs"]
mod dynamodb;
#[path = "../../../examples/replay_orders/message.rs"]
mod message;
#[path = "../../../examples/replay_orders/mongodb.rs"]
mod mongodb;
#[path = "../../../examples/replay_orders/orders.rs"]
mod orders;
#[path = "../../../examples/replay_orders/serve.rs"]
mod serve;
#[path = "../../../examples/replay_orders/table.rs"]
mod table;

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::harness::{Project, SEED, orders_as, sha256s};
use crate::services;
use crate::sources::generator::{self, Format};

/// Several pages of a table and several batches of a collection.
const ORDERS: u64 = 9_500;

#[test]
fn replayed_orders_are_those_of_the_files() {
    let mut project = Project::new();
    let export = orders_as(Format::Dynamodb, &project.path(""), ORDERS);
    let dump = orders_as(Format::Mongodb, &project.path(""), ORDERS);
    let serving = replay(&mut project);

    let published = |name: &str, source: &str| {
        // Small checkpoints, so that splits are gone on with in their middle.
        project.job(name, source, &format!("out/{name}"), "[run]\ncheckpoint = \"500kB\"");
        let outcome = project.run(name);
        assert_eq!(outcome["ledger"]["read"], ORDERS, "{name}");
        assert_eq!(outcome["ledger"]["written"], ORDERS, "{name}");
        sha256s(&outcome)
    };
    let from_export = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    let from_table = "kind = \"dynamodb\"\ntable = \"orders\"\nsegments = 3";
    assert_eq!(published("table", from_table), published("export", &from_export));
    let from_dump = format!("kind = \"mongodump\"\nurl = \"{}\"", dump.display());
    let from_collection =
        "kind = \"mongodb\"\ndatabase = \"shop\"\ncollection = \"orders\"\nranges = 3";
    assert_eq!(published("collection", from_collection), published("dump", &from_dump));
    drop(serving);
}

/// Serves the orders until the set is dropped, and tells the project where.
fn replay(project: &mut Project) -> JoinSet<std::io::Result<()>> {
    let table = Arc::new(table::Table::draw(ORDERS, SEED).unwrap());
    let collection = Arc::new(collection::Collection::draw(ORDERS, SEED).unwrap());
    assert!(table.page(3).is_some() && collection.documents(9).is_some());
    let listen = || services::block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let (tables, collections) = (listen(), listen());
    let address = |listener: &TcpListener| listener.local_addr().unwrap();
    project.set("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", address(&tables)));
    project.set("MONGODB_URI", format!("mongodb://{}", address(&collections)));
    let mut serving = JoinSet::new();
    let runtime = services::runtime().handle();
    serving.spawn_on(serve::serve(table, tables, collection, collections), runtime);
    serving
}
