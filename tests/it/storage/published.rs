//! A job of the project from S3 into S3: the same bytes as from folder to folder, once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::places::{consign, text};
use crate::services::block_on;
use crate::services::s3::Bucket;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A project with the orders of the samples, which lie below `samples`, published to `target`.
fn project(samples: &str, target: &str) -> tempfile::TempDir {
    let root = root();
    let job = fs::read_to_string(root.join("jobs/orders-daily.toml")).unwrap();
    let job = job
        .replace("url = \"samples", &format!("url = \"{samples}"))
        .replace("url = \"out/exported_orders\"", &format!("url = \"{target}\""));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("jobs")).unwrap();
    fs::write(folder.path().join("jobs/orders.toml"), job).unwrap();
    let schemas = folder.path().join("schemas/exported_orders");
    fs::create_dir_all(&schemas).unwrap();
    let contract = "schemas/exported_orders/v1.odcs.yaml";
    fs::copy(root.join(contract), folder.path().join(contract)).unwrap();
    folder
}

/// Puts the files below `folder` into the bucket, under their paths in the project.
async fn upload(bucket: &Bucket, folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                bucket.put(&key, fs::read(path).unwrap()).await;
            }
        }
    }
}

fn run(folder: &Path) -> Value {
    let output = consign(folder, &["run", "orders", "--as-of", "2026-08-03T06:00:00Z", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// SHA-256 of each data file by its path without the run's id. Rejects name their run.
fn fingerprints(run: &Value) -> BTreeMap<String, String> {
    let id = run["run_id"].as_str().unwrap();
    let field = |file: &Value, name: &str| file[name].as_str().unwrap().to_owned();
    let print = |file: &Value| (field(file, "path").replace(id, "RUN"), field(file, "sha256"));
    run["files"].as_array().unwrap().iter().map(print).collect()
}

#[test]
fn a_bucket_gets_the_bytes_that_a_folder_gets_and_gets_them_once() {
    let bucket = block_on(Bucket::create());
    let url = format!("s3://{}/lake/orders", bucket.name);
    block_on(upload(&bucket, &root().join("samples")));
    let in_s3 = project(&format!("s3://{}/samples", bucket.name), &url);
    let in_folder = project(&format!("{}/samples", root().display()), "out");
    let (first, local) = (run(in_s3.path()), run(in_folder.path()));
    assert_eq!((&first["outcome"], &first["commit"]), (&"published".into(), &1.into()));
    assert_eq!(fingerprints(&first), fingerprints(&local));
    assert_eq!(fingerprints(&first).len(), 4, "two days in two formats");
    assert_eq!(first["quarantine_files"].as_array().unwrap().len(), 1);
    assert_eq!(first["ledger"], local["ledger"]);

    let verified = consign(in_s3.path(), &["verify", "orders"]);
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
    let again = run(in_s3.path());
    assert_eq!((&again["outcome"], &again["commit"]), (&"already_published".into(), &1.into()));

    block_on(async {
        let keys = |prefix: &str| {
            let prefix = format!("lake/orders/{prefix}");
            let bucket = &bucket;
            async move { bucket.keys(&prefix).await }
        };
        assert_eq!(keys("_log/").await, ["lake/orders/_log/00000000000000000001.json"]);
        let id = first["run_id"].as_str().unwrap();
        let published = first["files"].as_array().unwrap();
        assert_eq!(keys("_data/").await.len(), published.len(), "one run wrote files");
        let views = keys("latest/").await;
        assert_eq!(views.len(), published.len());
        for file in published {
            let path = file["path"].as_str().unwrap();
            let key = format!("lake/orders/{path}");
            let view = key.replace("_data/", "latest/").replace(&format!("v-{id}/"), "");
            let folder = in_folder
                .path()
                .join("out")
                .join(path.replace(id, local["run_id"].as_str().unwrap()));
            let bytes = bucket.get(&key).await;
            assert_eq!(bytes, fs::read(folder).unwrap(), "{path}");
            assert_eq!(bytes, bucket.get(&view).await, "{view}");
        }
        assert_eq!(bucket.pending_uploads().await, []);
        // What a reader has changed is seen.
        let file = published[0]["path"].as_str().unwrap();
        bucket.put(&format!("lake/orders/{file}"), "damaged").await;
    });
    let verified = consign(in_s3.path(), &["verify", &url]);
    assert_eq!(verified.status.code(), Some(7), "{}", text(&verified.stderr));
    block_on(bucket.delete());
}
