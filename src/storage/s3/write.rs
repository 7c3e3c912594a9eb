//! Objects that are written in one request.

use aws_sdk_s3::Client;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload, PutResult};

use super::checksum;
use super::connection::{Connection, writing};
use super::description::{Description, described};
use super::fault::unusable;

/// Writes an object.
///
/// # Errors
/// `AlreadyExists` when the object was to be created and is there; `Precondition` when it was to
/// be of another version; `Generic` when nothing can be said, as after a 409.
pub(super) async fn put(
    connection: &Connection,
    path: &Path,
    payload: PutPayload,
    options: PutOptions,
) -> object_store::Result<PutResult> {
    let description = Description::new(&options.attributes, &options.tags)?;
    let (create, if_match) = match options.mode {
        PutMode::Overwrite => (false, None),
        PutMode::Create => (true, None),
        PutMode::Update(version) => match version.e_tag {
            Some(e_tag) => (false, Some(e_tag)),
            None => return Err(unusable("a version without an entity tag")),
        },
    };
    let bytes = Bytes::from(payload);
    let checksum = connection.sends_checksums.then(|| checksum::encoded(checksum::of(&bytes)));
    let put = connection.call("PutObject", |client: Client| {
        described!(client.put_object(), description.clone(), &connection.options.encryption)
            .bucket(&connection.bucket)
            .key(path.as_ref())
            .set_if_none_match(create.then(|| "*".to_owned()))
            .set_if_match(if_match.clone())
            .set_checksum_crc64_nvme(checksum.clone())
            .body(bytes.clone().into())
            .customize()
            .config_override(writing(create || if_match.is_some()))
            .send()
    });
    match put.await {
        Ok(put) => {
            let extensions = Default::default();
            Ok(PutResult { e_tag: put.e_tag, version: put.version_id, extensions })
        }
        Err(fault) if create => Err(fault.about_creation(path)),
        // An object that is gone is not of the version that was asked for either.
        Err(fault) if if_match.is_some() && fault.is_missing_object() => {
            Err(fault.about_version(path))
        }
        Err(fault) => Err(fault.about(path)),
    }
}
