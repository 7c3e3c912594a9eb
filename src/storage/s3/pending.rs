//! Multipart uploads that were begun and neither completed nor aborted. Their parts take space
//! and show in no listing of objects.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use jiff::Timestamp;
use object_store::path::Path;
use serde::Serialize;

use super::connection::Connection;
use super::list::folder_key;

/// An upload that waits for its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingUpload {
    /// Key of the object it would become.
    pub key: String,
    /// S3's id of the upload.
    pub upload_id: String,
    /// When it was begun, if S3 says so.
    pub initiated_at: Option<Timestamp>,
}

/// The uploads below `prefix`, in the order of S3: by key, then by age.
pub(super) async fn list(
    connection: &Connection,
    prefix: &Path,
) -> object_store::Result<Vec<PendingUpload>> {
    let mut found = Vec::new();
    let mut from = (None, None);
    loop {
        let page = page(connection, prefix, from).await?;
        let uploads = page.uploads.into_iter().flatten();
        found.extend(uploads.filter_map(|upload| {
            let at = upload.initiated.and_then(|at| at.to_millis().ok());
            Some(PendingUpload {
                key: upload.key?,
                upload_id: upload.upload_id?,
                initiated_at: at.and_then(|at| Timestamp::from_millisecond(at).ok()),
            })
        }));
        from = (page.next_key_marker, page.next_upload_id_marker);
        if page.is_truncated != Some(true) || from.0.is_none() {
            return Ok(found);
        }
    }
}

async fn page(
    connection: &Connection,
    prefix: &Path,
    (key, upload_id): (Option<String>, Option<String>),
) -> object_store::Result<ListMultipartUploadsOutput> {
    let page = connection.call("ListMultipartUploads", |client: Client| {
        client
            .list_multipart_uploads()
            .bucket(&connection.bucket)
            .set_prefix(folder_key(Some(prefix)))
            .set_key_marker(key.clone())
            .set_upload_id_marker(upload_id.clone())
            .send()
    });
    page.await.map_err(|fault| fault.about(prefix))
}
