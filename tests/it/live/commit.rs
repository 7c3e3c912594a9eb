//! The commit on S3 when its reply is lost, refused or never comes.

use serde_json::Value;

use super::harness::{Project, export_of_orders, stderr};
use crate::proxy::http::{self, Fault, HttpProxy, Request};
use crate::services::s3::Bucket;
use crate::services::{self, block_on};

/// A project whose job writes to a bucket of its own through a proxy that does `decide`.
fn project(decide: fn(&Request) -> Fault) -> (Project, Bucket, HttpProxy) {
    let mut project = Project::new();
    let export = export_of_orders(&project.path(""), 60);
    let bucket = block_on(Bucket::create());
    let source = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    project.job("orders", &source, &format!("s3://{}/orders", bucket.name), "");
    let proxy = HttpProxy::start(&services::s3().url, decide);
    project.set("AWS_ENDPOINT_URL_S3", proxy.url());
    (project, bucket, proxy)
}

fn is_commit(request: &Request) -> bool {
    request.method == "PUT" && request.path.contains("/_log/")
}

fn commits(bucket: &Bucket) -> usize {
    block_on(bucket.keys("orders/_log/")).len()
}

#[test]
fn a_commit_whose_reply_is_lost_is_found_to_be_our_own() {
    let (project, bucket, proxy) = project(|request| match is_commit(request) {
        true => Fault::LoseReply,
        false => Fault::Pass,
    });
    let outcome = project.run("orders");
    assert_eq!(outcome["outcome"], "published");
    assert_eq!(commits(&bucket), 1);
    assert!(proxy.exchanges().iter().any(|exchange| is_commit(&exchange.request)));
    block_on(bucket.delete());
}

#[test]
fn a_commit_that_meets_409_and_503_is_tried_again_and_made_once() {
    let (project, bucket, proxy) = project(|request| match request.index % 3 {
        _ if !is_commit(request) => Fault::Pass,
        0 => http::s3_error(409, "ConditionalRequestConflict"),
        1 => http::s3_error(503, "SlowDown"),
        _ => Fault::Pass,
    });
    let outcome = project.run("orders");
    assert_eq!(outcome["outcome"], "published");
    assert_eq!(commits(&bucket), 1);
    let tries = proxy.exchanges().iter().filter(|e| is_commit(&e.request)).count();
    assert!(tries >= 1);
    block_on(bucket.delete());
}

#[test]
fn a_commit_that_stays_unknown_deletes_nothing_and_exits_with_8() {
    let (mut project, bucket, proxy) = project(|request| match request.path.contains("/_log/") {
        true if request.method != "GET" || !request.path.contains('?') => {
            http::s3_error(503, "SlowDown")
        }
        _ => Fault::Pass,
    });
    let output = project.output(&Project::run_arguments("orders"));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("nothing was deleted"), "{said}");
    let files = block_on(bucket.keys("orders/_data/"));
    assert_eq!(files.len(), 2, "the days' files stay: {files:?}");
    assert!(proxy.exchanges().iter().all(|exchange| exchange.request.method != "DELETE"));
    assert_eq!(commits(&bucket), 0);

    // When the store answers again, the same command publishes.
    project.set("AWS_ENDPOINT_URL_S3", services::s3().url);
    let outcome: Value = project.run("orders");
    assert_eq!(outcome["outcome"], "published");
    assert_eq!(commits(&bucket), 1);
    block_on(bucket.delete());
}
