//! S3 as an object store, against a server that speaks it and against canned replies.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use consign::plan::S3Options;
use consign::storage::aws::LoadConfig;
use consign::storage::s3::S3Store;
use futures::FutureExt;

use crate::services;

mod places;
mod published;
mod races;
mod replies;
mod suite;

/// The AWS configuration of a client of the server at `url`.
fn config(url: &str, access_key: &str, secret_key: &str) -> SdkConfig {
    let credentials = Credentials::new(access_key, secret_key, None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// A function that gives the same configuration every time.
fn always(config: SdkConfig) -> LoadConfig {
    Arc::new(move || futures::future::ready(config.clone()).boxed())
}

/// The store of a bucket on the server.
pub async fn store(bucket: &services::s3::Bucket) -> S3Store {
    let s3 = services::s3();
    let load = always(config(&s3.url, &s3.access_key, &s3.secret_key));
    S3Store::connect(&bucket.name, S3Options::default(), load).await
}
