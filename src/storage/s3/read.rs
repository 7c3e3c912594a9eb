//! Objects that are read: whole, in ranges, or only what is said of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta,
};

use super::connection::Connection;
use super::description::description_of;
use super::fault::{Fault, STORE, unusable};

/// How often a body that breaks off is taken up again without a byte in between.
const RESUMES: u32 = 3;

/// Sets the conditions of a request. The SDK's builders have these methods in common and no
/// trait.
macro_rules! conditional {
    ($request:expr, $options:expr) => {
        $request
            .set_if_match($options.if_match.clone())
            .set_if_none_match($options.if_none_match.clone())
            .set_version_id($options.version.clone())
    };
}

/// Reads an object, or what is said of it.
///
/// # Errors
/// `NotSupported` for a condition on time: HTTP has it in whole seconds, in which an object can be
/// replaced; entity tags are exact.
pub(super) async fn get(
    connection: Arc<Connection>,
    path: &Path,
    options: GetOptions,
) -> object_store::Result<GetResult> {
    if options.if_modified_since.is_some() || options.if_unmodified_since.is_some() {
        return Err(StoreError::NotSupported { source: "a condition on time".into() });
    }
    if options.head {
        return head(&connection, path, &options).await;
    }
    let mut found = request(&connection, path, &options).await.map_err(|f| f.about(path))?;
    let length = found.content_length.and_then(|bytes| u64::try_from(bytes).ok());
    let (range, size) = match (&options.range, found.content_range.as_deref()) {
        (None, _) => {
            let size = length.ok_or_else(|| unusable("a reply without a length"))?;
            (0..size, size)
        }
        (Some(asked), content_range) => {
            let (range, size) = content_range
                .and_then(parse_content_range)
                .ok_or_else(|| unusable("a reply without the range that was asked for"))?;
            if asked.as_range(size).ok() != Some(range.clone()) {
                return Err(unusable("a reply with another range than was asked for"));
            }
            (range, size)
        }
    };
    let meta = ObjectMeta {
        location: path.clone(),
        last_modified: system_time(found.last_modified).into(),
        size,
        e_tag: found.e_tag.take(),
        version: found.version_id.take(),
    };
    let attributes = description_of!(found).into_attributes();
    let body = Body {
        connection,
        path: path.clone(),
        e_tag: meta.e_tag.clone(),
        version: options.version,
        left: range.clone(),
        resumes: 0,
        stream: found.body,
    };
    let payload = GetResultPayload::Stream(body.into_stream());
    Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
}

async fn head(
    connection: &Connection,
    path: &Path,
    options: &GetOptions,
) -> object_store::Result<GetResult> {
    let found = connection.call("HeadObject", |client: Client| {
        let head = client.head_object().bucket(&connection.bucket).key(path.as_ref());
        conditional!(head, options).send()
    });
    let mut found = found.await.map_err(|fault| fault.about(path))?;
    let size = found.content_length.and_then(|bytes| u64::try_from(bytes).ok());
    let size = size.ok_or_else(|| unusable("a reply without a length"))?;
    let meta = ObjectMeta {
        location: path.clone(),
        last_modified: system_time(found.last_modified).into(),
        size,
        e_tag: found.e_tag.take(),
        version: found.version_id.take(),
    };
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::empty().boxed()),
        meta,
        range: 0..size,
        attributes: description_of!(found).into_attributes(),
        extensions: Default::default(),
    })
}

async fn request(
    connection: &Connection,
    path: &Path,
    options: &GetOptions,
) -> Result<aws_sdk_s3::operation::get_object::GetObjectOutput, Fault> {
    // A range that is empty has no form in HTTP; S3 ignores it and sends the whole object.
    let range = options.range.as_ref();
    if let Some(GetRange::Bounded(Range { start, end })) = range
        && end <= start
    {
        return Err(Fault::unasked("GetObject", format!("the range {start}..{end} is empty")));
    }
    connection
        .call("GetObject", |client: Client| {
            let get = client.get_object().bucket(&connection.bucket).key(path.as_ref());
            conditional!(get, options).set_range(range.map(GetRange::to_string)).send()
        })
        .await
}

/// Bytes on their way here. When they break off, the rest is asked for, of the same version.
struct Body {
    connection: Arc<Connection>,
    path: Path,
    e_tag: Option<String>,
    version: Option<String>,
    left: Range<u64>,
    resumes: u32,
    stream: ByteStream,
}

impl Body {
    fn into_stream(self) -> BoxStream<'static, object_store::Result<Bytes>> {
        let next = |mut body: Self| async move {
            let chunk = body.next().await?;
            Ok(chunk.map(|chunk| (chunk, body)))
        };
        stream::try_unfold(self, next).boxed()
    }

    async fn next(&mut self) -> object_store::Result<Option<Bytes>> {
        loop {
            let fault = match self.stream.next().await {
                Some(Ok(chunk)) => {
                    self.left.start += chunk.len() as u64;
                    self.resumes = 0;
                    if self.left.start > self.left.end {
                        return Err(unusable("more bytes than were announced"));
                    }
                    return Ok(Some(chunk));
                }
                None if self.left.is_empty() => return Ok(None),
                None => unusable("fewer bytes than were announced"),
                Some(Err(error)) => StoreError::Generic { store: STORE, source: error.into() },
            };
            // With all bytes here the fault is one of their checksum.
            if self.left.is_empty() || self.e_tag.is_none() || self.resumes == RESUMES {
                return Err(fault);
            }
            self.resumes += 1;
            tracing::debug!(path = %self.path, at = self.left.start, "a body broke off");
            self.resume().await?;
        }
    }

    async fn resume(&mut self) -> object_store::Result<()> {
        let options = GetOptions::new()
            .with_range(Some(self.left.clone()))
            .with_if_match(self.e_tag.clone())
            .with_version(self.version.clone());
        let rest = request(&self.connection, &self.path, &options).await;
        let rest = rest.map_err(|fault| fault.about(&self.path))?;
        let range = rest.content_range.as_deref().and_then(parse_content_range);
        if range.map(|(range, _)| range) != Some(self.left.clone()) {
            return Err(unusable("a reply with another range than was asked for"));
        }
        self.stream = rest.body;
        Ok(())
    }
}

/// Range and size of `bytes 3-7/14`.
fn parse_content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..last.checked_add(1)?, size.parse().ok()?))
}

/// The time of a reply; the epoch when it has none.
pub(super) fn system_time(at: Option<DateTime>) -> SystemTime {
    at.and_then(|at| SystemTime::try_from(at).ok()).unwrap_or(SystemTime::UNIX_EPOCH)
}
