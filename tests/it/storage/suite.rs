//! The suite that `object_store` tests its own stores with, run on S3.
//!
//! Not run: `multipart`, `multipart_with_opts`, `multipart_put_part_out_of_order` and
//! `list_paginated`, which are for two further traits (`MultipartStore`, `PaginatedListStore`)
//! that nothing here uses; `response_extensions`, which is for stores on that crate's own HTTP
//! client. Conditions on time are refused, which `get_opts` allows.

use std::future::Future;

use consign::storage::s3::S3Store;
use object_store::integration;
use object_store::path::Path;
use object_store::{DynObjectStore, Error, ObjectStoreExt, PutPayload};

use crate::services::block_on;
use crate::services::s3::Bucket;

/// Runs a test on an empty bucket of its own.
fn on_a_bucket<F: Future<Output = ()>>(test: impl FnOnce(S3Store) -> F) {
    block_on(async {
        let bucket = Bucket::create().await;
        test(super::store(&bucket).await).await;
        assert_eq!(bucket.pending_uploads().await, [], "no upload is left");
        bucket.delete().await;
    });
}

fn plain(store: &S3Store) -> &DynObjectStore {
    store
}

#[test]
fn put_get_delete_list() {
    on_a_bucket(|store| async move { integration::put_get_delete_list(plain(&store)).await });
}

#[test]
fn put_get_attributes() {
    on_a_bucket(|store| async move { integration::put_get_attributes(&store).await });
}

#[test]
fn get_opts() {
    on_a_bucket(|store| async move { integration::get_opts(&store).await });
}

#[test]
fn put_opts() {
    on_a_bucket(|store| async move { integration::put_opts(&store, true).await });
}

#[test]
fn stream_get() {
    on_a_bucket(|store| async move { integration::stream_get(plain(&store)).await });
}

#[test]
fn list_uses_directories_correctly() {
    on_a_bucket(|store| async move {
        integration::list_uses_directories_correctly(plain(&store)).await;
    });
}

#[test]
fn list_with_delimiter() {
    on_a_bucket(|store| async move { integration::list_with_delimiter(plain(&store)).await });
}

#[test]
fn list_with_offset_exclusivity() {
    on_a_bucket(|store| async move {
        integration::list_with_offset_exclusivity(plain(&store)).await;
    });
}

#[test]
fn rename_and_copy() {
    on_a_bucket(|store| async move { integration::rename_and_copy(plain(&store)).await });
}

#[test]
fn copy_rename_nonexistent_object() {
    on_a_bucket(|store| async move {
        integration::copy_rename_nonexistent_object(plain(&store)).await;
    });
}

#[test]
fn get_nonexistent_object() {
    on_a_bucket(|store| async move {
        let error = integration::get_nonexistent_object(plain(&store), None).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    });
}

#[test]
fn multipart_race_condition() {
    on_a_bucket(|store| async move { integration::multipart_race_condition(&store, true).await });
}

#[test]
fn multipart_out_of_order() {
    on_a_bucket(|store| async move { integration::multipart_out_of_order(&store).await });
}

#[test]
fn copy_if_not_exists() {
    on_a_bucket(|store| async move { integration::copy_if_not_exists(plain(&store)).await });
}

#[test]
fn an_empty_object_is_copied_where_nothing_stands_and_nowhere_else() {
    on_a_bucket(|store| async move {
        let (from, to) = (Path::from("a"), Path::from("b"));
        store.put(&from, PutPayload::default()).await.unwrap();
        store.copy_if_not_exists(&from, &to).await.unwrap();
        assert_eq!(store.head(&to).await.unwrap().size, 0);
        let error = store.copy_if_not_exists(&from, &to).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    });
}
