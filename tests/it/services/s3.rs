//! Buckets on the S3 stand-in: making one, what lies in it, emptying it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use super::{s3, unique_name};

/// A bucket of one test.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub client: Client,
    pub name: String,
}

impl Bucket {
    pub async fn create() -> Self {
        let bucket = Self { client: client(&s3().url), name: unique_name("lake") };
        bucket.client.create_bucket().bucket(&bucket.name).send().await.unwrap();
        bucket
    }

    pub async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let put = self.client.put_object().bucket(&self.name).key(key);
        put.body(bytes.into().into()).send().await.unwrap();
    }

    pub async fn get(&self, key: &str) -> Vec<u8> {
        let get = self.client.get_object().bucket(&self.name).key(key).send().await.unwrap();
        get.body.collect().await.unwrap().to_vec()
    }

    /// The keys that begin with `prefix`, in order.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut keys = vec![];
        while let Some(page) = pages.next().await {
            keys.extend(page.unwrap().contents.into_iter().flatten().filter_map(|o| o.key));
        }
        keys.sort();
        keys
    }

    /// Multipart uploads that were begun and neither completed nor aborted: keys and upload ids.
    pub async fn pending_uploads(&self) -> Vec<(String, String)> {
        let list = self.client.list_multipart_uploads().bucket(&self.name).send().await.unwrap();
        list.uploads.into_iter().flatten().filter_map(|u| u.key.zip(u.upload_id)).collect()
    }

    pub async fn abort_uploads(&self) {
        for (key, id) in self.pending_uploads().await {
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(key);
            abort.upload_id(id).send().await.unwrap();
        }
    }

    pub async fn delete_object(&self, key: &str) {
        self.client.delete_object().bucket(&self.name).key(key).send().await.unwrap();
    }

    /// Deletes the bucket and all that is in it.
    pub async fn delete(self) {
        self.abort_uploads().await;
        for key in self.keys("").await {
            self.delete_object(&key).await;
        }
        self.client.delete_bucket().bucket(self.name).send().await.unwrap();
    }
}

/// A client of the server at `url`, which may be a proxy. It never tries again.
pub fn client(url: &str) -> Client {
    let s3 = s3();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(s3.access_key, s3.secret_key, None, None, "tests"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn a_bucket_shows_its_keys_and_its_unfinished_uploads() {
    let bucket = Bucket::create().await;
    bucket.put("a/2", "two").await;
    bucket.put("a/1", "one").await;
    bucket.put("b", "b").await;
    assert_eq!(bucket.keys("a/").await, ["a/1", "a/2"]);
    assert_eq!(bucket.get("a/2").await, b"two");

    assert_eq!(bucket.pending_uploads().await, []);
    let upload = bucket.client.create_multipart_upload().bucket(&bucket.name).key("c");
    let id = upload.send().await.unwrap().upload_id.unwrap();
    assert_eq!(bucket.pending_uploads().await, [("c".to_owned(), id)]);
    bucket.delete().await;
}
