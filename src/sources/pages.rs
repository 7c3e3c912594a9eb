//! Streams the pages of a split: fetches, checks, inflates, cuts.
//!
//! Owns the checks that need the whole split: its checksum, its row count, its end. Does not own
//! how a source is cut into splits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use md5::{Digest, Md5};

use super::ReadOptions;
use super::gzip::{self, Inflater};
use super::object::Folder;
use super::rows::{self, RowCutter};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ObjectPart, RawPage, Split};

/// Bytes handed to the cutter at a time.
const FEED_BYTES: usize = 256 * 1024;
/// A gzip file and what it inflates to are together at least so many times the file, for rows of
/// text. A larger file is not held only to find out that it does not fit.
const LEAST_RATIO: u64 = 4;

/// The pages of `split`, of an object below `folder` that must still have `version`.
pub(super) fn pages(
    folder: &Folder,
    version: Option<String>,
    split: &Split,
    options: ReadOptions,
) -> BoxStream<'static, Result<RawPage>> {
    let Some(object) = split.object() else { return failed(foreign(split)) };
    let range = object.range.unwrap_or((0, split.bytes));
    let max_bytes = options.whole_file_bytes;
    let may_fit = object.gzip && split.bytes <= max_bytes / LEAST_RATIO;
    let reader = Reader {
        stored: folder.stream(&object.path, version, range, options.fetch_bytes),
        input: Bytes::new(),
        ended: false,
        md5: object.md5_base64.as_ref().map(|_| Md5::new()),
        inflater: object.gzip.then(|| Inflater::new(split.bytes)),
        whole: may_fit.then_some((split.bytes, max_bytes)),
        cutter: RowCutter::new(split, object, options.page_bytes, options.max_row_bytes),
        expected_rows: split.expected_rows,
        object: object.clone(),
    };
    stream::try_unfold(reader, |mut reader| async move {
        let page = reader.next_page().await?;
        Ok(page.map(|page| (page, reader)))
    })
    .boxed()
}

/// A split being read.
struct Reader {
    object: ObjectPart,
    expected_rows: Option<u64>,
    stored: BoxStream<'static, Result<Bytes>>,
    /// Stored bytes that are neither inflated nor cut yet.
    input: Bytes,
    ended: bool,
    md5: Option<Md5>,
    inflater: Option<Inflater>,
    /// Size of a file that is small enough to be inflated at once, and bytes that it may take,
    /// stored and inflated together. None once that was tried.
    whole: Option<(u64, u64)>,
    cutter: RowCutter,
}

impl Reader {
    async fn next_page(&mut self) -> Result<Option<RawPage>> {
        loop {
            let cut = self.cutter.next_page(self.ended);
            if let Some(page) = cut.map_err(|fault| rows_error(&self.object.path, fault))? {
                return Ok(Some(page));
            }
            if self.ended {
                self.check()?;
                return Ok(None);
            }
            match self.whole.take() {
                Some((file_bytes, max_bytes)) => self.fetch_whole(file_bytes, max_bytes).await?,
                None if self.input.is_empty() => self.fetch().await?,
                None => {}
            }
            self.feed()?;
        }
    }

    async fn fetch(&mut self) -> Result<()> {
        if let Some(bytes) = self.next_piece().await? {
            self.input = bytes;
            return Ok(());
        }
        self.ended = true;
        match &self.inflater {
            Some(inflater) => inflater.finish().map_err(|fault| self.gzip_error(fault)),
            None => Ok(()),
        }
    }

    /// Fetches all of the file and inflates it at once. When that cannot be done it is inflated
    /// step by step, which finds out why.
    async fn fetch_whole(&mut self, file_bytes: u64, max_bytes: u64) -> Result<()> {
        let mut stored = Vec::with_capacity(usize::try_from(file_bytes).unwrap_or_default());
        while let Some(piece) = self.next_piece().await? {
            stored.extend_from_slice(&piece);
        }
        let room = max_bytes.saturating_sub(stored.len() as u64);
        match gzip::inflate_whole(&stored, usize::try_from(room).unwrap_or(usize::MAX)) {
            Some(inflated) => {
                self.inflater = None;
                self.input = Bytes::from(inflated);
            }
            None => self.input = Bytes::from(stored),
        }
        Ok(())
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let piece = self.stored.try_next().await?;
        if let (Some(md5), Some(piece)) = (&mut self.md5, &piece) {
            md5.update(piece);
        }
        Ok(piece)
    }

    fn feed(&mut self) -> Result<()> {
        match &mut self.inflater {
            Some(inflater) => inflater
                .inflate(&mut self.input, self.cutter.buffer())
                .map_err(|fault| self.gzip_error(fault)),
            None => {
                let piece = self.input.split_to(self.input.len().min(FEED_BYTES));
                self.cutter.buffer().extend_from_slice(&piece);
                Ok(())
            }
        }
    }

    /// Checks what can be known at the end alone.
    fn check(&mut self) -> Result<()> {
        let stored = self.md5.take().map(|md5| BASE64.encode(md5.finalize()));
        if stored != self.object.md5_base64 {
            return Err(self.error("the MD5 of the file is not the one the manifest states"));
        }
        match self.expected_rows {
            Some(expected) if expected != self.cutter.rows() => Err(self
                .error("the file does not hold as many rows as the source states")
                .with("expected", expected)
                .with("found", self.cutter.rows())),
            _ => Ok(()),
        }
    }

    fn gzip_error(&self, fault: gzip::Fault) -> Error {
        let at = self.inflater.as_ref().map_or(0, Inflater::stored_bytes);
        self.error(&fault.to_string()).with("stored offset", at)
    }

    fn error(&self, why: &str) -> Error {
        verification(&self.object.path, why)
    }
}

/// A stream of nothing but `error`.
pub(super) fn failed(error: Error) -> BoxStream<'static, Result<RawPage>> {
    stream::once(async { Err(error) }).boxed()
}

/// A split that another kind of source was cut into.
pub(super) fn foreign(split: &Split) -> Error {
    Error::new(ErrorKind::Unexpected, "a split is not of the kind its source is cut into")
        .with("split", &split.name)
}

/// A source whose bytes do not agree with what it says about itself.
pub(super) fn verification(file: &str, why: &str) -> Error {
    Error::new(ErrorKind::Verification, format!("reading a source: {why}"))
        .with("file", file)
        .with_help(
            "nothing was published; fetch the source again from where it was made, and run again",
        )
}

/// Bytes that do not divide into rows.
pub(super) fn rows_error(file: &str, fault: rows::Fault) -> Error {
    verification(file, fault.what).with("offset", fault.offset_bytes)
}
