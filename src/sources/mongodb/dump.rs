//! A file of mongodump: one split, or byte ranges of a large file that is not compressed.
//!
//! Does not own how a file is read (`pages`).

use std::sync::OnceLock;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, TryStreamExt};
use sha2::{Digest, Sha256};

use super::hop::{Hopper, Range};
use super::sidecar::{self, Expected};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ObjectPart, Part, Position, RawFormat, RawPage, SourceSummary, Split, SplitId};
use crate::sources::object::Folder;
use crate::sources::pages::{pages, rows_error, verification};
use crate::sources::{ReadOptions, Source, SourcePlan};
use crate::storage::Location;

/// What a job states about a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Documents it must hold.
    pub rows: Option<u64>,
    /// SHA-256 (hex) of the file as stored.
    pub sha256: Option<String>,
}

/// A `.bson` or `.bson.gz` file of mongodump.
#[derive(Debug)]
pub struct Mongodump {
    folder: Folder,
    file: String,
    url: String,
    stated: Stated,
    options: ReadOptions,
    /// Version of the file that was planned; reading another one is refused.
    version: OnceLock<Option<String>>,
}

impl Mongodump {
    /// The dump called `file` in `folder`.
    #[must_use]
    pub fn new(folder: Location, file: &str, stated: Stated, options: ReadOptions) -> Self {
        let Location { store, prefix, url } = folder;
        Self {
            folder: Folder { store, prefix },
            file: file.to_owned(),
            url: format!("{}/{file}", url.trim_end_matches('/')),
            stated,
            options,
            version: OnceLock::new(),
        }
    }

    async fn cut(&self) -> Result<SourcePlan> {
        let Some((bytes, version)) = self.folder.stat(&self.file).await? else {
            return Err(Error::new(ErrorKind::Usage, "opening a mongodump: there is no such file")
                .with("source", &self.url)
                .with_help("name the .bson or .bson.gz file of the collection"));
        };
        sidecar::check_metadata(&self.folder, &self.file).await?;
        let expected_sha256 = self.expected_sha256().await?;
        let expected_rows = self.expected_rows().await?;
        let version = self.version.get_or_init(|| version).clone();
        let (sha256, ranges) = self.survey(bytes, version).await?;

        for expected in &expected_sha256 {
            if expected.value != sha256 {
                return Err(verification(&self.file, "its SHA-256 is not the one that is stated")
                    .with("stated by", &expected.stated_by));
            }
        }
        let mut counts = expected_rows.iter().map(|expected| expected.value);
        let first_count = counts.next();
        let counted = ranges.as_ref().map(|ranges| ranges.iter().map(|range| range.rows).sum());
        for expected in &expected_rows {
            let found = counted.or(first_count).unwrap_or(expected.value);
            if expected.value != found {
                return Err(verification(&self.file, "it does not hold as many rows as stated")
                    .with("stated by", &expected.stated_by)
                    .with("expected", expected.value)
                    .with("found", found));
            }
        }
        let unverified = (expected_sha256.is_empty() && expected_rows.is_empty()).then(|| {
            format!(
                "a dump cut off between two documents cannot be told from a whole one: neither \
                 {file}.sha256 nor {file}.count lies beside it, and the job states neither",
                file = self.file
            )
        });
        let summary = SourceSummary {
            kind: "mongodump".to_owned(),
            location: self.url.clone(),
            fingerprint: sha256,
            consistency: "unordered_dump".to_owned(),
            as_of: None,
            unverified,
            expected_rows: first_count,
            pushed_down: None,
        };
        Ok(SourcePlan { summary, splits: self.splits(bytes, ranges, first_count) })
    }

    /// Reads the file once: its SHA-256, and where its documents lie when it can be told.
    async fn survey(
        &self,
        bytes: u64,
        version: Option<String>,
    ) -> Result<(String, Option<Vec<Range>>)> {
        let mut sha256 = Sha256::new();
        let mut hopper = (!self.gzip()).then(|| Hopper::new(bytes, self.options.split_bytes));
        let mut stored =
            self.folder.stream(&self.file, version, (0, bytes), self.options.fetch_bytes);
        let fault = |fault| rows_error(&self.file, fault);
        while let Some(piece) = stored.try_next().await? {
            sha256.update(&piece);
            if let Some(hopper) = &mut hopper {
                hopper.feed(&piece).map_err(fault)?;
            }
        }
        let ranges = hopper.map(Hopper::finish).transpose().map_err(fault)?;
        Ok((hex::encode(sha256.finalize()), ranges))
    }

    fn splits(&self, bytes: u64, ranges: Option<Vec<Range>>, rows: Option<u64>) -> Vec<Split> {
        let split = |id, name: String, range: Option<Range>| Split {
            id: SplitId(id),
            source: 0,
            name,
            part: Part::Object(ObjectPart {
                path: self.file.clone(),
                gzip: self.gzip(),
                range: range.map(|range| (range.start, range.end)),
                md5_base64: None,
            }),
            format: RawFormat::Bson,
            bytes: range.map_or(bytes, |range| range.end - range.start),
            expected_rows: range.map_or(rows, |range| Some(range.rows)),
        };
        match ranges.as_deref() {
            None => vec![split(0, self.file.clone(), None)],
            Some([whole]) => vec![split(0, self.file.clone(), Some(*whole))],
            Some(parts) => (0..)
                .zip(parts)
                .map(|(id, part)| {
                    let name = format!("{}[{}..{}]", self.file, part.start, part.end);
                    split(id, name, Some(*part))
                })
                .collect(),
        }
    }

    async fn expected_sha256(&self) -> Result<Vec<Expected<String>>> {
        let job = self.stated.sha256.as_ref().map(|text| Expected {
            value: text.to_ascii_lowercase(),
            stated_by: "the job".to_owned(),
        });
        Ok(job.into_iter().chain(sidecar::sha256(&self.folder, &self.file).await?).collect())
    }

    async fn expected_rows(&self) -> Result<Vec<Expected<u64>>> {
        let job = self.stated.rows.map(|value| Expected { value, stated_by: "the job".to_owned() });
        Ok(job.into_iter().chain(sidecar::count(&self.folder, &self.file).await?).collect())
    }

    fn gzip(&self) -> bool {
        self.file.ends_with(".gz")
    }
}

impl Source for Mongodump {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        self.cut().boxed()
    }

    fn read(
        &self,
        split: &Split,
        _after: Option<&Position>,
    ) -> BoxStream<'static, Result<RawPage>> {
        let version = self.version.get().cloned().flatten();
        pages(&self.folder, version, split, self.options)
    }
}
