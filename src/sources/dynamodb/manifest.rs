//! The manifests of a DynamoDB export: what the export says it holds.
//!
//! Owns reading them and checking that they agree with each other. Does not own the data files.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::error::{Error, ErrorKind, Result};
use crate::sources::object::Folder;
use crate::sources::pages::verification;

const SUMMARY: &str = "manifest-summary.json";
const FILES: &str = "manifest-files.json";
/// Views of an incremental export. The old images of the last are passed over.
const VIEWS: [&str; 3] = ["NEW_IMAGE", "NEW_IMAGES", "NEW_AND_OLD_IMAGES"];

/// What an export says it holds.
#[derive(Debug)]
pub(super) struct ExportManifest {
    /// Items of all files.
    pub items: u64,
    /// What of its table the export holds.
    pub extent: Extent,
    /// The data files, in the manifest's order.
    pub files: Vec<ManifestFile>,
}

/// What of its table an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All items as they were at an instant.
    Table { at: Option<Timestamp> },
    /// The last state of every item that was written from one instant on and before another.
    Changes { from: Timestamp, to: Timestamp },
}

/// What an export says about a data file.
#[derive(Debug)]
pub(super) struct ManifestFile {
    /// Name in the folder of data files.
    pub name: String,
    /// Its items.
    pub items: u64,
    /// MD5 of the file as stored, base64.
    pub md5_base64: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SummaryJson {
    item_count: u64,
    export_time: Option<String>,
    export_from_time: Option<String>,
    export_to_time: Option<String>,
    export_type: Option<String>,
    output_view: Option<String>,
    output_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileJson {
    item_count: u64,
    md5_checksum: String,
    data_file_s3_key: String,
}

impl ExportManifest {
    /// Reads the manifests in `folder`.
    ///
    /// # Errors
    /// `Usage` when there is no export or one of a kind that cannot be read, `Verification` when
    /// the manifests are damaged or disagree, `Permission` and `Transient` from the store.
    pub(super) async fn load(folder: &Folder, url: &str) -> Result<Self> {
        let Some(summary) = folder.read(SUMMARY).await? else {
            return Err(usage("the folder holds no finished DynamoDB export", url)
                .with_help(format!("name the folder that holds {SUMMARY}")));
        };
        check_md5(folder, "manifest-summary", &summary).await?;
        let summary: SummaryJson = parse(SUMMARY, &summary)?;
        let extent = summary.extent(url)?;
        let Some(lines) = folder.read(FILES).await? else {
            return Err(verification(FILES, "the manifest of the data files is missing"));
        };
        check_md5(folder, "manifest-files", &lines).await?;
        let files = parse_files(&lines)?;
        let counted = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.items));
        if counted != Some(summary.item_count) {
            return Err(verification(FILES, "the data files do not add up to the summary's items")
                .with("summary", summary.item_count)
                .with("files", counted.map_or_else(|| "overflow".into(), |sum| sum.to_string())));
        }
        Ok(Self { items: summary.item_count, extent, files })
    }

    /// SHA-256 (hex) over the name, items and checksum of every data file.
    pub(super) fn fingerprint(&self) -> String {
        let mut sha256 = Sha256::new();
        for file in &self.files {
            sha256.update(format!("{}\t{}\t{}\n", file.named(), file.items, file.md5_base64));
        }
        hex::encode(sha256.finalize())
    }
}

impl ManifestFile {
    /// What people call the file.
    pub(super) fn named(&self) -> String {
        format!("data/{}", self.name)
    }
}

impl SummaryJson {
    /// What the export holds, if that can be read.
    fn extent(&self, url: &str) -> Result<Extent> {
        if self.output_format.as_deref().is_some_and(|format| format != "DYNAMODB_JSON") {
            return Err(usage("the export is not in DynamoDB JSON", url)
                .with_help("export the table again with ExportFormat DYNAMODB_JSON"));
        }
        let incremental = match self.export_type.as_deref() {
            None => self.export_from_time.is_some(),
            Some("FULL_EXPORT") => false,
            Some("INCREMENTAL_EXPORT") => true,
            Some(_) => {
                return Err(usage("the export is of a kind that is not known", url)
                    .with_help("export the table again with ExportType FULL_EXPORT"));
            }
        };
        if !incremental {
            let at = self.export_time.as_deref().map(|text| instant("exportTime", text));
            return Ok(Extent::Table { at: at.transpose()? });
        }
        if self.output_view.as_deref().is_some_and(|view| !VIEWS.contains(&view)) {
            return Err(usage("the export is incremental and of a view that is not known", url)
                .with_help("export the table again with ExportViewType NEW_IMAGE"));
        }
        Ok(Extent::Changes {
            from: instant("exportFromTime", self.export_from_time.as_deref().unwrap_or_default())?,
            to: instant("exportToTime", self.export_to_time.as_deref().unwrap_or_default())?,
        })
    }
}

fn instant(name: &str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|error: jiff::Error| {
        verification(SUMMARY, &format!("{name} is not an instant")).with_source(error)
    })
}

fn parse_files(lines: &Bytes) -> Result<Vec<ManifestFile>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let file: FileJson = parse(FILES, line)?;
        // The bucket's own prefix is lost when an export is copied; the last folder is not.
        let name = file.data_file_s3_key.rsplit('/').next().unwrap_or_default();
        if matches!(name, "" | "." | "..") {
            return Err(verification(FILES, "a line names no data file"));
        }
        if !seen.insert(name.to_owned()) {
            return Err(verification(FILES, "a data file is listed twice").with("data file", name));
        }
        files.push(ManifestFile {
            name: name.to_owned(),
            items: file.item_count,
            md5_base64: file.md5_checksum,
        });
    }
    Ok(files)
}

/// Checks `bytes` of `<name>.json` against `<name>.md5`, when there is one.
async fn check_md5(folder: &Folder, name: &str, bytes: &Bytes) -> Result<()> {
    let Some(stated) = folder.read(&format!("{name}.md5")).await? else { return Ok(()) };
    let md5 = Md5::digest(bytes);
    let stated = stated.trim_ascii();
    if stated == BASE64.encode(md5).as_bytes()
        || stated.eq_ignore_ascii_case(hex::encode(md5).as_bytes())
    {
        return Ok(());
    }
    let why = format!("the MD5 of the manifest is not the one in {name}.md5");
    Err(verification(&format!("{name}.json"), &why))
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        verification(file, "the manifest is not written as AWS does").with_source(error)
    })
}

fn usage(why: &str, url: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("opening a DynamoDB export: {why}")).with("source", url)
}
