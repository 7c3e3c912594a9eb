//! A full DynamoDB Export to S3: one split for each data file.
//!
//! Does not own the manifests' format (`manifest`) nor how a file is read (`pages`).

use std::collections::HashMap;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, TryStreamExt};
use futures::{FutureExt, StreamExt};

use super::manifest::ExportManifest;
use crate::error::Result;
use crate::model::{ObjectPart, Part, Position, RawFormat, RawPage, SourceSummary, Split, SplitId};
use crate::sources::object::Folder;
use crate::sources::pages::{pages, verification};
use crate::sources::{ReadOptions, Source, SourcePlan};
use crate::storage::{Location, store_error};

/// An export as AWS lays it out: a folder of manifests, and data files below `data/`.
#[derive(Debug, Clone)]
pub struct DynamodbExport {
    folder: Folder,
    url: String,
    options: ReadOptions,
}

impl DynamodbExport {
    /// The export in `folder`, beside its `manifest-summary.json`.
    #[must_use]
    pub fn new(folder: Location, options: ReadOptions) -> Self {
        let Location { store, prefix, url } = folder;
        Self { folder: Folder { store, prefix }, url, options }
    }

    async fn cut(&self) -> Result<SourcePlan> {
        let manifest = ExportManifest::load(&self.folder, &self.url).await?;
        let sizes = self.data_file_sizes().await?;
        let mut splits = Vec::with_capacity(manifest.files.len());
        for (id, file) in (0..).zip(&manifest.files) {
            let Some(bytes) = sizes.get(&file.path) else {
                return Err(verification(&file.path, "a data file of the manifest is missing"));
            };
            splits.push(Split {
                id: SplitId(id),
                source: 0,
                name: file.path.clone(),
                part: Part::Object(ObjectPart {
                    path: file.path.clone(),
                    gzip: file.path.ends_with(".gz"),
                    range: None,
                    md5_base64: Some(file.md5_base64.clone()),
                }),
                format: RawFormat::DynamodbJson,
                bytes: *bytes,
                expected_rows: Some(file.items),
            });
        }
        let summary = SourceSummary {
            kind: "dynamodb_export".to_owned(),
            location: self.url.clone(),
            fingerprint: manifest.fingerprint(),
            consistency: "point_in_time".to_owned(),
            as_of: manifest.export_time.map(|at| at.to_string()),
            unverified: None,
            expected_rows: Some(manifest.items),
            pushed_down: None,
        };
        Ok(SourcePlan { summary, splits })
    }

    /// Sizes of the data files that are there, by path below the export's folder.
    async fn data_file_sizes(&self) -> Result<HashMap<String, u64>> {
        let data = self.folder.path("data");
        self.folder
            .store
            .list(Some(&data))
            .map_err(|error| store_error("list the data files", &data, error))
            .try_filter_map(|meta| async move {
                let name = meta.location.filename().map(|name| format!("data/{name}"));
                Ok(name.map(|name| (name, meta.size)))
            })
            .boxed()
            .try_collect()
            .await
    }
}

impl Source for DynamodbExport {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        self.cut().boxed()
    }

    fn resume(&self, _interrupted: SourcePlan) -> BoxFuture<'_, Result<SourcePlan>> {
        self.plan() // files that are still the same give the same splits
    }

    fn read(
        &self,
        split: &Split,
        _after: Option<&Position>,
    ) -> BoxStream<'static, Result<RawPage>> {
        pages(&self.folder, None, split, self.options)
    }
}
