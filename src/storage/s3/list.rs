//! Listing: objects below a prefix, page by page.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::Object;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};

use super::connection::Connection;
use super::read::system_time;

/// Objects below `prefix`, those after `offset` when it is given.
pub(super) fn objects(
    connection: Arc<Connection>,
    prefix: Option<&Path>,
    offset: Option<&Path>,
) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
    let query = Query { offset: offset.map(Path::to_string), ..Query::below(prefix) };
    pages(connection, query)
        .map_ok(|page| stream::iter(page.contents.into_iter().flatten().filter_map(meta).map(Ok)))
        .try_flatten()
        .boxed()
}

/// Objects and folders directly in `prefix`.
pub(super) async fn folder(
    connection: Arc<Connection>,
    prefix: Option<&Path>,
) -> object_store::Result<ListResult> {
    let query = Query { delimiter: Some("/"), ..Query::below(prefix) };
    let mut found =
        ListResult { common_prefixes: vec![], objects: vec![], extensions: Default::default() };
    let mut pages = pages(connection, query);
    while let Some(page) = pages.try_next().await? {
        let folders = page.common_prefixes.into_iter().flatten();
        let folders = folders.filter_map(|folder| path_of(folder.prefix?.strip_suffix('/')?));
        found.common_prefixes.extend(folders);
        found.objects.extend(page.contents.into_iter().flatten().filter_map(meta));
    }
    Ok(found)
}

/// Whether anything is below `prefix`.
pub(super) async fn has_objects(
    connection: &Connection,
    prefix: &Path,
) -> Result<bool, super::Fault> {
    let query = Query { page_objects: Some(1), ..Query::below(Some(prefix)) };
    let page = page(connection, &query, None).await?;
    Ok(page.contents.is_some_and(|found| !found.is_empty()))
}

#[derive(Debug, Clone, Default)]
struct Query {
    prefix: Option<String>,
    offset: Option<String>,
    delimiter: Option<&'static str>,
    page_objects: Option<i32>,
}

impl Query {
    fn below(prefix: Option<&Path>) -> Self {
        Self { prefix: folder_key(prefix), ..Self::default() }
    }
}

/// A prefix as the beginning of keys: with a slash behind it, so that `a` does not find `ab`.
pub(super) fn folder_key(prefix: Option<&Path>) -> Option<String> {
    prefix.filter(|prefix| !prefix.is_root()).map(|prefix| format!("{prefix}/"))
}

fn pages(
    connection: Arc<Connection>,
    query: Query,
) -> BoxStream<'static, object_store::Result<ListObjectsV2Output>> {
    let place = Path::from(query.prefix.clone().unwrap_or_default());
    // What to go on from: the outer none is the end, the inner one the beginning.
    let next = move |from: Option<Option<String>>| {
        let (connection, query, place) = (Arc::clone(&connection), query.clone(), place.clone());
        async move {
            let Some(from) = from else { return Ok(None) };
            let found = page(&connection, &query, from).await.map_err(|f| f.about(&place))?;
            let more = found.next_continuation_token.clone();
            Ok(Some((found, more.map(Some))))
        }
    };
    stream::try_unfold(Some(None), next).boxed()
}

async fn page(
    connection: &Connection,
    query: &Query,
    from: Option<String>,
) -> Result<ListObjectsV2Output, super::Fault> {
    connection
        .call("ListObjectsV2", |client: Client| {
            client
                .list_objects_v2()
                .bucket(&connection.bucket)
                .set_prefix(query.prefix.clone())
                .set_start_after(query.offset.clone())
                .set_delimiter(query.delimiter.map(str::to_owned))
                .set_max_keys(query.page_objects)
                .set_continuation_token(from.clone())
                .send()
        })
        .await
}

fn meta(object: Object) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        location: path_of(object.key.as_deref()?)?,
        last_modified: system_time(object.last_modified).into(),
        size: object.size.and_then(|bytes| u64::try_from(bytes).ok())?,
        e_tag: object.e_tag,
        version: None,
    })
}

/// The path of a key, unless no path leads to it: consoles mark folders with objects whose keys
/// end in a slash, and other programs may write what they like.
fn path_of(key: &str) -> Option<Path> {
    Path::parse(key).ok().filter(|path| path.as_ref() == key)
}
