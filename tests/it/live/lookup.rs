//! `consign load` and `consign get`: rows into a live service, and one row out of it with what the
//! contract says of it.

use std::fs;

use serde_json::Value;

use super::harness::{Project, document_of, export_of_orders, stderr};
use crate::services::block_on;
use crate::services::dynamodb::{PK_SK, Table, items_of_export};
use crate::services::mongodb::Database;

fn json(project: &Project, arguments: &[&str]) -> Value {
    let output = project.output(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(project: &Project, arguments: &[&str]) -> String {
    let output = project.output(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_export_is_loaded_into_a_table_and_an_item_is_judged() {
    let project = Project::new();
    let export = export_of_orders(&project.path(""), 120);
    let items = items_of_export(&export);
    let table = block_on(Table::create(PK_SK, &[]));
    let to = format!("dynamodb://{}", table.name);

    let loaded = json(&project, &["load", export.to_str().unwrap(), "--to", &to, "--json"]);
    assert_eq!((&loaded["read"], &loaded["written"]), (&120.into(), &120.into()), "{loaded}");

    let part =
        |item: &crate::services::dynamodb::Item, name: &str| item[name].as_s().unwrap().clone();
    let key = format!("{},{}", part(&items[0], "pk"), part(&items[0], "sk"));
    let found = json(&project, &["get", &to, &key, "--json"]);
    assert_eq!(found["row"]["pk"]["S"], part(&items[0], "pk"));
    assert_eq!(found["judgement"]["verdict"], "publish", "{found}");

    // The same order with a status that is in no list, and one that has no key of the table.
    let line = format!(
        "{{\"Item\":{{\"pk\":{{\"S\":\"{}\"}},\"sk\":{{\"S\":\"{}\"}},\"status\":{{\"S\":\"lost\"}}}}}}\n\
         {{\"Item\":{{\"pk\":{{\"N\":\"5\"}}}}}}\n",
        part(&items[0], "pk"),
        part(&items[0], "sk")
    );
    fs::write(project.path("repaired.json"), line).unwrap();
    let loaded = json(&project, &["load", "repaired.json", "--to", &to, "--json"]);
    assert_eq!((&loaded["written"], &loaded["read"]), (&1.into(), &2.into()), "{loaded}");
    assert_eq!(loaded["refused"]["it has no key of the table's type"], 1);
    let shown = text(&project, &["get", &to, &key]);
    for told in ["into the quarantine", "not_in_list", "required_missing", "status"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }

    assert_eq!(json(&project, &["get", &to, "no,where", "--json"]), Value::Null);
    assert!(text(&project, &["get", &to, "no,where"]).starts_with("not found: "));
    let one_part = project.output(&["get", &to, "nowhere"]);
    assert_eq!(one_part.status.code(), Some(2));
    block_on(table.delete());
}

#[test]
fn a_dump_is_loaded_into_a_collection_and_a_document_is_judged() {
    let project = Project::new();
    let items = items_of_export(&export_of_orders(&project.path(""), 50));
    let documents: Vec<_> = items.iter().map(document_of).collect();
    let dump: Vec<u8> = documents.iter().flat_map(|d| d.as_bytes().to_vec()).collect();
    fs::write(project.path("orders.bson"), dump).unwrap();
    let database = block_on(async { Database::new() });
    let place = format!("{}.orders", database.name);

    let load = ["load", "orders.bson", "--to", "mongodb", &place, "--json"];
    let loaded = json(&project, &load);
    assert_eq!((&loaded["read"], &loaded["written"]), (&50.into(), &50.into()), "{loaded}");
    let again = json(&project, &load);
    assert_eq!((&again["read"], &again["written"]), (&50.into(), &0.into()), "{again}");

    fs::write(
        project.path("one.json"),
        "{\"_id\": {\"$numberLong\": \"7700\"}, \"status\": \"lost\"}\n",
    )
    .unwrap();
    json(&project, &["load", "one.json", "--to", "mongodb", &place, "--json"]);
    let source = format!("mongodb:{place}");
    let shown = text(&project, &["get", &source, "7700"]);
    assert!(shown.contains("not_in_list") && shown.contains("into the quarantine"), "{shown}");
    assert_eq!(json(&project, &["get", &source, "nowhere", "--json"]), Value::Null);
    block_on(database.delete());
}

#[test]
fn nothing_is_loaded_elsewhere_unasked() {
    let mut project = Project::new();
    fs::write(project.path("one.json"), "{}\n").unwrap();
    project.set("AWS_ENDPOINT_URL_DYNAMODB", "http://192.0.2.1:8000");
    project.set("MONGODB_URI", "mongodb://me:hunter2@db.example.org");
    for to in [vec!["dynamodb://orders"], vec!["mongodb", "shop.orders"]] {
        let output = project.output(&[vec!["load", "one.json", "--to"], to].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--yes") && !said.contains("hunter2"), "{said}");
    }
}
