//! Places in S3 as the command meets them: what cannot be opened, and uploads that never ended.

use std::path::Path;
use std::process::{Command, Output};

use crate::services;
use crate::services::block_on;
use crate::services::s3::Bucket;

/// The built command in the project's folder, with the server as its S3.
pub fn consign(folder: &Path, arguments: &[&str]) -> Output {
    let s3 = services::s3();
    let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("AWS_ENDPOINT_URL_S3", s3.url)
        .env("AWS_ACCESS_KEY_ID", s3.access_key)
        .env("AWS_SECRET_ACCESS_KEY", s3.secret_key)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    for variable in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "CONSIGN_PROJECT", "CONSIGN_LOG"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn places_that_cannot_be_opened_say_why() {
    let bucket = block_on(Bucket::create());
    let nowhere = format!("s3://{}/nothing/here", bucket.name);
    for (url, says) in [
        ("s3://no-such-bucket-anywhere/x", "create it"),
        (nowhere.as_str(), "check the bucket and the prefix"),
        ("s3:///x", "write s3://BUCKET/PREFIX"),
        ("s3://lake/a/../b", "write s3://BUCKET/PREFIX"),
    ] {
        let output = consign(root(), &["verify", url]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url}: {said}");
        assert!(said.contains(says), "{url}: {said}");
    }
    block_on(bucket.delete());
}

#[test]
fn uploads_that_never_ended_are_listed_and_aborted() {
    let bucket = block_on(Bucket::create());
    block_on(async {
        for key in ["lake/orders/_data/a", "lake/orders/_data/b", "lake/orders2/c"] {
            let begin = bucket.client.create_multipart_upload().bucket(&bucket.name).key(key);
            begin.send().await.unwrap();
        }
    });
    let url = format!("s3://{}/lake/orders", bucket.name);
    let consign = |arguments: &[&str]| {
        let output = consign(root(), arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let listed = consign(&["uploads", "list", &url]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("lake/orders/_data/a"), "{listed}");
    let json: serde_json::Value =
        serde_json::from_str(&consign(&["uploads", "list", &url, "--json"])).unwrap();
    assert_eq!(json["target"], url);
    assert_eq!(json["uploads"].as_array().unwrap().len(), 2);
    assert!(json["uploads"][0]["initiated_at"].is_string(), "{json}");

    assert_eq!(consign(&["uploads", "abort", &url, "--older-than", "2h"]), "nothing to abort\n");
    let aborted = consign(&["uploads", "abort", &url]);
    assert_eq!(aborted.matches("aborted  ").count(), 2, "{aborted}");
    assert_eq!(consign(&["uploads", "list", &url]), "no upload is pending\n");
    let left = block_on(bucket.pending_uploads());
    assert_eq!(left.len(), 1, "those of other datasets stay");

    assert!(consign(&["uploads", "list", "src"]).contains("a local folder has no"));
    block_on(bucket.delete());
}
