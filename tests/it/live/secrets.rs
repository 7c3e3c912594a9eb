//! Secrets stay out of everything the program says or writes, whatever goes wrong.

use std::fs;

use super::harness::{Project, Shop, stderr};
use crate::proxy::http::{self, HttpProxy};
use crate::services;

const PASSWORD: &str = "canary-mongo-hunter2";
const SECRET_KEY: &str = "canary-aws-secret-key-hunter2";
const SESSION_TOKEN: &str = "canary-aws-session-token-hunter2";

/// Everything that the command printed, and every file that it left in the project.
pub(super) fn said_and_written(project: &Project, arguments: &[&str]) -> String {
    let output = project.output(arguments);
    let mut all = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    let mut folders = vec![project.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => all += &String::from_utf8_lossy(&fs::read(path).unwrap()),
            }
        }
    }
    all
}

#[test]
fn no_output_and_no_file_holds_a_secret() {
    let shop = Shop::new(50);
    let mut project = Project::new();
    let expired = HttpProxy::start(&services::dynamodb_url(), |_| http::expired_token());
    let broken = HttpProxy::start(&services::dynamodb_url(), |_| http::internal_error());
    project.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    project.set("AWS_SESSION_TOKEN", SESSION_TOKEN);
    let table = shop.table_source("patience = \"1s\"");
    let collection = shop.collection_source("patience = \"1s\"");
    let address = services::mongodb_address();
    let wrong_port = address.replace(|c: char| c.is_ascii_digit(), "1");
    let jobs = [
        ("good-table", table.clone(), None),
        ("expired", format!("{table}\nendpoint_url = \"{}\"", expired.url()), None),
        ("broken", format!("{table}\nendpoint_url = \"{}\"", broken.url()), None),
        ("no-table", table.replace("table = \"", "table = \"no-"), None),
        (
            "unauthenticated",
            collection.clone(),
            Some(format!("mongodb://me:{PASSWORD}@{address}/")),
        ),
        (
            "malformed",
            collection.clone(),
            Some(format!("mongodb://me:{PASSWORD}@{address}/%zz?x=%")),
        ),
        (
            "wrong-option",
            collection.clone(),
            Some(format!("mongodb://me:{PASSWORD}@{address}/?w=x&readPreference={PASSWORD}")),
        ),
        (
            "plain-text",
            collection.clone(),
            Some(format!("mongodb://me:{PASSWORD}@db.example.org/?tls=false")),
        ),
        (
            "unreachable",
            collection.clone(),
            Some(format!(
                "mongodb://me:{PASSWORD}@{wrong_port}/?directConnection=true&serverSelectionTimeoutMS=500"
            )),
        ),
    ];
    for (name, source, uri) in jobs {
        project.set("MONGODB_URI", uri.unwrap_or_default());
        project.job(name, &source, &format!("out/{name}"), "");
        for arguments in
            [vec!["run", name, "-vv", "--as-of", "2026-08-03"], vec!["plan", name, "-vv"]]
        {
            let all = said_and_written(&project, &arguments);
            for secret in [PASSWORD, SECRET_KEY, SESSION_TOKEN] {
                let at = all.find(secret);
                assert!(
                    at.is_none(),
                    "{arguments:?} told {secret}: {:?}",
                    at.map(|at| &all[at.saturating_sub(200)..at])
                );
            }
        }
    }
    shop.delete();
}

#[test]
fn a_connection_string_in_a_job_is_refused() {
    let project = Project::new();
    let source = format!(
        "kind = \"mongodb\"\nuri = \"mongodb://me:{PASSWORD}@host/shop\"\ndatabase = \"shop\"\n\
         collection = \"orders\""
    );
    project.job("told", &source, "out", "");
    let output = project.output(&["run", "told"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("uri_variable") && !said.contains(PASSWORD), "{said}");
}
