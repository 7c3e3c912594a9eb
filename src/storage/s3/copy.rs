//! Objects that are copied within the bucket; the bytes do not come here.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::Client;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, GetOptions, GetRange, ObjectMeta, PutMode, PutOptions, PutPayload, TagSet,
};

use super::connection::{Connection, bulk};
use super::description::{Description, encrypted};
use super::fault::unusable;
use super::multipart::{Part, abort, complete, create};
use super::read::get;
use super::write::put;

/// Largest object that S3 copies in one request.
const WHOLE_BYTES: u64 = 5 << 30;
/// Size of a part of a larger one.
const PART_BYTES: u64 = 1 << 30;
/// Parts that are copied at the same time.
const COPIES_IN_FLIGHT: usize = 4;

/// Copies an object: over what stands at `to`, or only where nothing stands when `create_only`.
///
/// # Errors
/// `AlreadyExists` when `create_only` and there is an object.
pub(super) async fn copy(
    connection: Arc<Connection>,
    from: &Path,
    to: &Path,
    create_only: bool,
) -> object_store::Result<()> {
    let head = GetOptions::new().with_head(true);
    let found = get(Arc::clone(&connection), from, head).await?;
    if create_only && found.meta.size == 0 {
        let (mode, attributes) = (PutMode::Create, found.attributes);
        let create = PutOptions { mode, attributes, ..PutOptions::default() };
        return put(&connection, to, PutPayload::default(), create).await.map(drop);
    }
    // In one request S3 took up the condition late, and other stores replace without a word.
    if create_only || found.meta.size > WHOLE_BYTES {
        let (meta, attributes) = (found.meta, found.attributes);
        return copy_in_parts(&connection, &meta, &attributes, to, create_only).await;
    }
    let source = source(&connection.bucket, from);
    let copied = connection.call("CopyObject", |client: Client| {
        encrypted!(client.copy_object(), &connection.options.encryption)
            .bucket(&connection.bucket)
            .key(to.as_ref())
            .copy_source(&source)
            .customize()
            .config_override(bulk())
            .send()
    });
    copied.await.map(drop).map_err(|fault| fault.about(from))
}

async fn copy_in_parts(
    connection: &Connection,
    from: &ObjectMeta,
    attributes: &Attributes,
    to: &Path,
    create_only: bool,
) -> object_store::Result<()> {
    let description = Description::new(attributes, &TagSet::default())?;
    let upload_id = create(connection, to, &description, false).await?;
    let starts = (0..from.size.div_ceil(PART_BYTES)).map(|index| index * PART_BYTES);
    let parts = (1..).zip(starts).map(|(number, start)| {
        let range = start..from.size.min(start + PART_BYTES);
        copy_part(connection, from, range, to, &upload_id, number)
    });
    let copied: object_store::Result<Vec<Part>> =
        stream::iter(parts).buffered(COPIES_IN_FLIGHT).try_collect().await;
    let done = match copied {
        Ok(parts) => complete(connection, to, &upload_id, &parts, create_only).await.map(drop),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // The copy has failed already; what is left of it shows in the list of pending uploads.
        let _ = abort(connection, to.as_ref(), &upload_id).await;
    }
    done
}

async fn copy_part(
    connection: &Connection,
    from: &ObjectMeta,
    range: Range<u64>,
    to: &Path,
    upload_id: &str,
    number: i32,
) -> object_store::Result<Part> {
    let source = source(&connection.bucket, &from.location);
    let copied = connection.call("UploadPartCopy", |client: Client| {
        client
            .upload_part_copy()
            .bucket(&connection.bucket)
            .key(to.as_ref())
            .upload_id(upload_id)
            .part_number(number)
            .copy_source(&source)
            .copy_source_range(GetRange::Bounded(range.clone()).to_string())
            .set_copy_source_if_match(from.e_tag.clone())
            .customize()
            .config_override(bulk())
            .send()
    });
    let copied = copied.await.map_err(|fault| fault.about(&from.location))?;
    let copied = copied.copy_part_result.ok_or_else(|| unusable("a part without an entity tag"))?;
    // S3 reads the bytes itself; there is no checksum of ours to hold against them.
    Ok(Part { e_tag: copied.e_tag, bytes: range.end - range.start, checksum: None })
}

/// `bucket/key` as it stands in a header: every byte but plain ones as `%XX`.
fn source(bucket: &str, path: &Path) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    format!("{bucket}/{}", path.as_ref().bytes().map(encode).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_encoded_byte_by_byte() {
        let path = Path::parse("a b/é+%25/c~1.csv").unwrap();
        assert_eq!(source("lake", &path), "lake/a%20b/%C3%A9%2B%2525/c~1.csv");
    }
}
