//! The same orders in four places give the same bytes.

use super::harness::{Project, orders, sha256s};
use crate::services::dynamodb::{PK_SK, Table};
use crate::services::mongodb::Database;
use crate::services::block_on;
use crate::sources::generator::Format;

#[test]
fn a_table_an_export_a_collection_and_a_dump_give_byte_identical_parquet() {
    let project = Project::new();
    let export = orders(&project.path(""), Format::Dynamodb, 1_200);
    let dump = orders(&project.path(""), Format::Mongodb, 1_200);
    let table = block_on(Table::create(PK_SK, &[]));
    let database = block_on(async { Database::new() });
    let items = block_on(table.load_export(&export));
    let documents = block_on(database.load_dump("orders", &dump));
    assert_eq!(items.len(), documents.len(), "both hold the same orders");

    let place = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let sources = [
        ("export", format!("kind = \"dynamodb_export\"\nurl = \"{}\"", place(&export))),
        ("dump", format!("kind = \"mongodump\"\nurl = \"{}\"", place(&dump))),
        ("table", format!("kind = \"dynamodb\"\ntable = \"{}\"\nsegments = 3", table.name)),
        (
            "collection",
            format!(
                "kind = \"mongodb\"\ndatabase = \"{}\"\ncollection = \"orders\"\nranges = 3\n\
                 batch_documents = 100",
                database.name
            ),
        ),
    ];
    let mut found = Vec::new();
    for (name, source) in &sources {
        project.job(name, source, &format!("out/{name}"), "");
        let outcome = project.run(name);
        assert_eq!(outcome["ledger"]["read"], items.len(), "{name}");
        found.push((name, sha256s(&outcome)));
    }
    let (_, expected) = &found[0];
    assert_eq!(expected.len(), 2, "a file a day");
    for (name, sha256s) in &found {
        assert_eq!(sha256s, expected, "{name}");
    }
    block_on(table.delete());
    block_on(database.delete());
}
