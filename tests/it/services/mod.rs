//! The servers that tests talk to: where they are, names that no other test uses, and a client of
//! each. `scripts/servers` starts them. `canned` is a server of the tests' own, which answers as it
//! is told.
//!
//! A test that needs a server and finds none fails; it is never skipped.

pub mod canned;
pub mod dynamodb;
pub mod mongodb;
pub mod s3;

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Runtime;

/// Where the S3 stand-in is, and who may use it.
#[derive(Debug, Clone)]
pub struct S3 {
    pub url: String,
    pub access_key: String,
    pub secret_key: String,
}

/// `http://127.0.0.1:PORT`. Any credentials and any region will do.
pub fn dynamodb_url() -> String {
    variable("CONSIGN_TEST_DYNAMODB")
}

/// `127.0.0.1:PORT`
pub fn mongodb_address() -> String {
    variable("CONSIGN_TEST_MONGODB")
}

pub fn s3() -> S3 {
    S3 {
        url: variable("CONSIGN_TEST_S3"),
        access_key: variable("CONSIGN_TEST_S3_ACCESS_KEY"),
        secret_key: variable("CONSIGN_TEST_S3_SECRET_KEY"),
    }
}

/// A name for a table, database or bucket that no other test has, in this process or another.
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The runtime that the tests share. What runs on it goes on while a test blocks its own thread.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    &RUNTIME
}

/// Runs a future to its end, for tests that are not asynchronous.
pub fn block_on<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

#[expect(clippy::disallowed_methods, reason = "the tests' own variables, not a job's")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run scripts/test, or `eval \"$(scripts/servers start)\"` first")
    })
}

#[test]
fn names_are_never_given_twice() {
    assert_ne!(unique_name("orders"), unique_name("orders"));
}

#[test]
fn each_server_is_reached_without_an_asynchronous_test() {
    block_on(async {
        let tables = dynamodb::client(&dynamodb_url()).list_tables().send().await;
        assert!(tables.is_ok(), "{tables:?}");
        let databases = mongodb::client(&mongodb_address()).list_database_names().await;
        assert!(databases.is_ok(), "{databases:?}");
        let buckets = s3::client(&s3().url).list_buckets().send().await;
        assert!(buckets.is_ok(), "{buckets:?}");
    });
}
