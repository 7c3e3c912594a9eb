//! Objects that are written in parts.
//!
//! Owns one upload from its begin to its end. How many parts are under way at a time, and how
//! large they are, is the caller's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload, PutResult, UploadPart};

use crate::storage::CreateOnly;

use super::checksum;
use super::connection::{Connection, bulk, writing};
use super::description::{Description, described};
use super::fault::unusable;

/// An object that is being written in parts.
#[derive(Debug)]
pub(super) struct S3Upload {
    connection: Arc<Connection>,
    path: Path,
    upload_id: String,
    create_only: bool,
    /// Parts that were begun; they count from 1.
    begun: i32,
    arrived: Arc<Mutex<BTreeMap<i32, Part>>>,
}

/// A part that has arrived.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub e_tag: Option<String>,
    pub bytes: u64,
    pub checksum: Option<u64>,
}

/// Begins an upload.
pub(super) async fn begin(
    connection: Arc<Connection>,
    path: &Path,
    options: &PutMultipartOptions,
) -> object_store::Result<S3Upload> {
    let description = Description::new(&options.attributes, &options.tags)?;
    let create_only = options.extensions.get::<CreateOnly>().is_some();
    let checksums = connection.sends_checksums;
    let upload_id = create(&connection, path, &description, checksums).await?;
    Ok(S3Upload {
        connection,
        path: path.clone(),
        upload_id,
        create_only,
        begun: 0,
        arrived: Arc::default(),
    })
}

#[async_trait]
impl MultipartUpload for S3Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        self.begun += 1;
        let number = self.begun;
        let (connection, arrived) = (Arc::clone(&self.connection), Arc::clone(&self.arrived));
        let (path, upload_id) = (self.path.clone(), self.upload_id.clone());
        async move {
            let part = send(&connection, &path, &upload_id, number, payload.into()).await?;
            arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(number, part);
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        if self.begun == 0 {
            self.put_part(PutPayload::default()).await?; // S3 has no upload without parts
        }
        let parts = self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if i32::try_from(parts.len()) != Ok(self.begun) {
            return Err(unusable("an upload of which not every part has arrived"));
        }
        let parts: Vec<Part> = parts.into_values().collect();
        complete(&self.connection, &self.path, &self.upload_id, &parts, self.create_only).await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        abort(&self.connection, self.path.as_ref(), &self.upload_id).await
    }
}

/// Begins an upload, of parts with or without checksums of ours, and gives its id.
pub(super) async fn create(
    connection: &Connection,
    path: &Path,
    description: &Description,
    checksums: bool,
) -> object_store::Result<String> {
    let begun = connection.call("CreateMultipartUpload", |client: Client| {
        let begin = client.create_multipart_upload();
        described!(begin, description.clone(), &connection.options.encryption)
            .bucket(&connection.bucket)
            .key(path.as_ref())
            .set_checksum_algorithm(checksums.then_some(ChecksumAlgorithm::Crc64Nvme))
            .set_checksum_type(checksums.then_some(ChecksumType::FullObject))
            .send()
    });
    let begun = begun.await.map_err(|fault| fault.about(path))?;
    begun.upload_id.ok_or_else(|| unusable("an upload without an id"))
}

async fn send(
    connection: &Connection,
    path: &Path,
    upload_id: &str,
    number: i32,
    bytes: Bytes,
) -> object_store::Result<Part> {
    let checksum = connection.sends_checksums.then(|| checksum::of(&bytes));
    let sent = connection.call("UploadPart", |client: Client| {
        client
            .upload_part()
            .bucket(&connection.bucket)
            .key(path.as_ref())
            .upload_id(upload_id)
            .part_number(number)
            .set_checksum_crc64_nvme(checksum.map(checksum::encoded))
            .body(bytes.clone().into())
            .customize()
            .config_override(bulk())
            .send()
    });
    let sent = sent.await.map_err(|fault| fault.about(path))?;
    Ok(Part { e_tag: sent.e_tag, bytes: bytes.len() as u64, checksum })
}

/// Makes an object of the parts: all of it or nothing.
///
/// # Errors
/// `AlreadyExists` when `create_only` and the object is there. After any other failure it may
/// have been created, and the same call may be made again.
pub(super) async fn complete(
    connection: &Connection,
    path: &Path,
    upload_id: &str,
    parts: &[Part],
    create_only: bool,
) -> object_store::Result<PutResult> {
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let checksum = checksum_of(parts).map(checksum::encoded);
    let numbered = (1..).zip(parts).map(|(number, part)| {
        CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag.clone())
            .set_checksum_crc64_nvme(part.checksum.map(checksum::encoded))
            .build()
    });
    let list = CompletedMultipartUpload::builder().set_parts(Some(numbered.collect())).build();
    let completed = connection.call("CompleteMultipartUpload", |client: Client| {
        client
            .complete_multipart_upload()
            .bucket(&connection.bucket)
            .key(path.as_ref())
            .upload_id(upload_id)
            .multipart_upload(list.clone())
            .set_mpu_object_size(i64::try_from(bytes).ok())
            .set_checksum_type(checksum.is_some().then_some(ChecksumType::FullObject))
            .set_checksum_crc64_nvme(checksum.clone())
            .set_if_none_match(create_only.then(|| "*".to_owned()))
            .customize()
            .config_override(writing(create_only))
            .send()
    });
    match completed.await {
        Ok(done) => {
            let extensions = Default::default();
            Ok(PutResult { e_tag: done.e_tag, version: done.version_id, extensions })
        }
        Err(fault) if create_only => Err(fault.about_creation(path)),
        Err(fault) => Err(fault.about(path)),
    }
}

/// Gives an upload up, with the parts that have arrived. One that has ended is no failure.
pub(super) async fn abort(
    connection: &Connection,
    key: &str,
    upload_id: &str,
) -> object_store::Result<()> {
    let aborted = connection.call("AbortMultipartUpload", |client: Client| {
        client
            .abort_multipart_upload()
            .bucket(&connection.bucket)
            .key(key)
            .upload_id(upload_id)
            .send()
    });
    match aborted.await {
        Err(fault) if !fault.is_ended_upload() => Err(fault.about(key)),
        _ => Ok(()),
    }
}

/// The checksum of the parts' bytes in order, when each has one.
fn checksum_of(parts: &[Part]) -> Option<u64> {
    let (first, rest) = parts.split_first()?;
    rest.iter().try_fold(first.checksum?, |sum, part| {
        Some(checksum::joined(sum, part.checksum?, part.bytes))
    })
}
