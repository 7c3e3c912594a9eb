//! The rows of one file, or of an export, one by one: to be written somewhere, not to be judged.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::dynamodb::DynamodbExport;
use super::mongodb::{Mongodump, Stated};
use super::object::Folder;
use super::pages::pages;
use super::{ReadOptions, Source};
use crate::decode::row_ranges;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ObjectPart, PageContent, Part, RawFormat, RawPage, Split, SplitId};
use crate::plan::AwsOptions;
use crate::storage::{Location, open_existing};

/// Rows in the order of the file, and how they are written.
pub struct FileRows {
    /// Format of the rows.
    pub format: RawFormat,
    /// Their bytes.
    pub rows: BoxStream<'static, Result<Bytes>>,
}

/// Opens `url`: the folder of a DynamoDB export, a `.bson` file, or a file of JSON lines; files
/// may be compressed with gzip.
///
/// # Errors
/// `Usage` when there is no such file or it is of another kind, `Verification` when it is
/// damaged, `Permission` and `Transient` from the store.
pub async fn file_rows(url: &str, max_row_bytes: u64, aws: &AwsOptions) -> Result<FileRows> {
    let options = ReadOptions::new(max_row_bytes);
    let name = url.trim_end_matches(".gz");
    let (folder, file) = url.rsplit_once('/').unwrap_or((".", url));
    let folder = if folder.is_empty() { "/" } else { folder };
    if name.ends_with(".bson") {
        let dump =
            Mongodump::new(open_existing(folder, aws).await?, file, Stated::default(), options);
        return rows_of(dump).await;
    }
    if [".json", ".jsonl", ".ndjson"].iter().any(|ending| name.ends_with(ending)) {
        let Location { store, prefix, .. } = open_existing(folder, aws).await?;
        return lines(&Folder { store, prefix }, file, options).await;
    }
    let export = DynamodbExport::new(open_existing(url, aws).await?, None, options);
    rows_of(export).await
}

async fn lines(folder: &Folder, file: &str, options: ReadOptions) -> Result<FileRows> {
    let Some((bytes, version)) = folder.stat(file).await? else {
        return Err(Error::new(ErrorKind::Usage, "there is no such file").with("file", file));
    };
    let split = Split {
        id: SplitId(0),
        source: 0,
        name: file.to_owned(),
        part: Part::Object(ObjectPart {
            path: file.to_owned(),
            gzip: file.ends_with(".gz"),
            range: None,
            md5_base64: None,
        }),
        format: RawFormat::DynamodbJson,
        bytes,
        expected_rows: None,
    };
    let pages = pages(folder, version, &split, options);
    Ok(FileRows { format: split.format, rows: rows_of_pages(pages) })
}

async fn rows_of(source: impl Source + 'static) -> Result<FileRows> {
    let splits = source.plan().await?.splits;
    let format = splits.first().map_or(RawFormat::DynamodbJson, |split| split.format);
    let pages = stream::iter(splits).flat_map(move |split| source.read(&split, None));
    Ok(FileRows { format, rows: rows_of_pages(pages.boxed()) })
}

fn rows_of_pages(pages: BoxStream<'static, Result<RawPage>>) -> BoxStream<'static, Result<Bytes>> {
    let rows = pages.map_ok(|page| {
        let (bytes, ranges) = match page.content {
            PageContent::Rows { format, bytes } => {
                let ranges = row_ranges(format, &bytes);
                (bytes, ranges)
            }
            PageContent::Embedded { bytes, ranges, .. } => (bytes, ranges),
            PageContent::Oversized { row_bytes, .. } => {
                let message = "a row is larger than any service takes";
                let error = Error::new(ErrorKind::Usage, message).with("bytes", row_bytes);
                return stream::iter(vec![Err(error)]);
            }
        };
        let row = |(start, end)| Ok(bytes.slice(start as usize..end as usize));
        let rows: Vec<_> = ranges.into_iter().map(row).collect();
        stream::iter(rows)
    });
    rows.try_flatten().boxed()
}
