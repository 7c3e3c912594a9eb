//! A DynamoDB Export to S3, full or incremental: one split for each data file.
//!
//! Owns where the data files lie. Does not own the manifests' format (`manifest`) nor how a file is read (`pages`).

use std::collections::HashMap;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, TryStreamExt};
use futures::{FutureExt, StreamExt};

use super::manifest::{ExportManifest, Extent};
use crate::catalog::{Contract, FieldType};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    CHANGES, ObjectPart, Part, Position, RawFormat, RawPage, SourceSummary, Split, SplitId,
};
use crate::sources::object::Folder;
use crate::sources::pages::{pages, verification};
use crate::sources::{ReadOptions, Source, SourcePlan};
use crate::storage::{Location, store_error};

/// An export as AWS lays it out: a folder of manifests, and data files below its `data/`. The
/// incremental exports of a prefix share a `data/` beside their folders.
#[derive(Debug, Clone)]
pub struct DynamodbExport {
    folder: Folder,
    url: String,
    /// Whether the contract compares copies by instants, as deletions must be.
    dates_versions: bool,
    options: ReadOptions,
}

impl DynamodbExport {
    /// The export in `folder`, beside its `manifest-summary.json`, of rows of `contract`, when they are
    /// to be judged.
    #[must_use]
    pub fn new(folder: Location, contract: Option<&Contract>, options: ReadOptions) -> Self {
        let Location { store, prefix, url } = folder;
        let version = contract
            .and_then(|contract| contract.field(&contract.version_field))
            .map(|field| &field.data_type);
        let dates_versions = matches!(version, Some(FieldType::Timestamp(_)));
        Self { folder: Folder { store, prefix }, url, dates_versions, options }
    }

    async fn cut(&self) -> Result<SourcePlan> {
        let manifest = ExportManifest::load(&self.folder, &self.url).await?;
        let (format, consistency, as_of) = match &manifest.extent {
            Extent::Table { at } => (RawFormat::DynamodbJson, "point_in_time".to_owned(), *at),
            Extent::Changes { .. } if !self.dates_versions => return Err(self.undated()),
            Extent::Changes { from, to } => {
                (RawFormat::DynamodbChange, format!("{CHANGES} [{from}, {to}]"), Some(*to))
            }
        };
        let mut stored = HashMap::new();
        if format == RawFormat::DynamodbChange {
            stored = self.data_files("../data").await?;
        }
        stored.extend(self.data_files("data").await?);
        let mut splits = Vec::with_capacity(manifest.files.len());
        for (id, file) in (0..).zip(&manifest.files) {
            let Some((path, bytes)) = stored.remove(&file.name) else {
                let name = file.named();
                return Err(verification(&name, "a data file of the manifest is missing"));
            };
            splits.push(Split {
                id: SplitId(id),
                source: 0,
                name: file.named(),
                part: Part::Object(ObjectPart {
                    path,
                    gzip: file.name.ends_with(".gz"),
                    range: None,
                    md5_base64: Some(file.md5_base64.clone()),
                }),
                format,
                bytes,
                expected_rows: Some(file.items),
            });
        }
        let summary = SourceSummary {
            kind: "dynamodb_export".to_owned(),
            location: self.url.clone(),
            fingerprint: manifest.fingerprint(),
            consistency,
            as_of: as_of.map(|at| at.to_string()),
            unverified: None,
            expected_rows: Some(manifest.items),
            pushed_down: None,
        };
        Ok(SourcePlan { summary, splits })
    }

    /// Path and size of each data file that lies in the folder `below`, by its name.
    async fn data_files(&self, below: &str) -> Result<HashMap<String, (String, u64)>> {
        let folder = self.folder.path(below);
        self.folder
            .store
            .list(Some(&folder))
            .map_err(|error| store_error("list the data files", &folder, error))
            .try_filter_map(|meta| async move {
                let name = meta.location.filename().map(str::to_owned);
                Ok(name.map(|name| (name.clone(), (format!("{below}/{name}"), meta.size))))
            })
            .boxed()
            .try_collect()
            .await
    }

    fn undated(&self) -> Error {
        let why = "opening a DynamoDB export: it holds changes, and the contract's version field \
                   is not a timestamp that a deletion could be compared by";
        Error::new(ErrorKind::Usage, why).with("source", &self.url).with_help(
            "give the contract a timestamp as `versionField`, or export the table with ExportType \
             FULL_EXPORT",
        )
    }
}

impl Source for DynamodbExport {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        self.cut().boxed()
    }

    fn read(
        &self,
        split: &Split,
        _after: Option<&Position>,
    ) -> BoxStream<'static, Result<RawPage>> {
        pages(&self.folder, None, split, self.options)
    }
}
