//! The same orders in four places give the same bytes.

use std::fs;

use super::harness::{Shop, document_of, export_of_orders, sha256s};

#[test]
fn a_table_an_export_a_collection_and_a_dump_give_byte_identical_parquet() {
    let shop = Shop::new(1_200);
    let export = export_of_orders(&shop.project.path("again"), 1_200);
    let dump = shop.project.path("orders.bson");
    let documents = shop.items.iter().map(document_of);
    fs::write(&dump, documents.flat_map(|d| d.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap();

    let sources = [
        ("export", format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display())),
        ("dump", format!("kind = \"mongodump\"\nurl = \"{}\"", dump.display())),
        ("table", shop.table_source("segments = 3\npage_items = 100")),
        ("collection", shop.collection_source("ranges = 3\nbatch_documents = 100")),
    ];
    let mut found = Vec::new();
    for (name, source) in &sources {
        shop.project.job(name, source, &format!("out/{name}"), "");
        let outcome = shop.project.run(name);
        assert_eq!(outcome["ledger"]["read"], shop.items.len(), "{name}");
        assert_eq!(outcome["ledger"]["written"], shop.items.len(), "{name}");
        found.push((name, sha256s(&outcome)));
    }
    let (_, expected) = &found[0];
    assert_eq!(expected.len(), 2, "a file a day");
    for (name, sha256s) in &found {
        assert_eq!(sha256s, expected, "{name}");
    }
    shop.delete();
}
