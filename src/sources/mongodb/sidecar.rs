//! What lies beside a dump: its `metadata.json`, and the checksum and count that some tool wrote.

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::sources::gzip::Inflater;
use crate::sources::object::Folder;
use crate::sources::pages::verification;

/// Something a dump must agree with, and who says so.
#[derive(Debug)]
pub(super) struct Expected<T> {
    pub value: T,
    pub stated_by: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The SHA-256 (hex, lower case) that `<file>.sha256` states, as `sha256sum` writes it.
///
/// # Errors
/// `Verification` when it states none, `Permission` and `Transient` from the store.
pub(super) async fn sha256(folder: &Folder, file: &str) -> Result<Option<Expected<String>>> {
    let name = format!("{file}.sha256");
    let Some(text) = folder.read(&name).await? else { return Ok(None) };
    let text = String::from_utf8_lossy(&text);
    let value = text.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(verification(&name, "it does not begin with a SHA-256 in hex"));
    }
    Ok(Some(Expected { value, stated_by: name }))
}

/// The number of documents that `<file>.count` states.
///
/// # Errors
/// `Verification` when it states none, `Permission` and `Transient` from the store.
pub(super) async fn count(folder: &Folder, file: &str) -> Result<Option<Expected<u64>>> {
    let name = format!("{file}.count");
    let Some(text) = folder.read(&name).await? else { return Ok(None) };
    match String::from_utf8_lossy(&text).trim().parse() {
        Ok(value) => Ok(Some(Expected { value, stated_by: name })),
        Err(_) => Err(verification(&name, "it does not hold a number of documents")),
    }
}

/// Checks what mongodump wrote about the collection, when it lies beside the dump.
///
/// # Errors
/// `Usage` when the dump is not one of a plain collection, `Verification` when the metadata
/// cannot be read, `Permission` and `Transient` from the store.
pub(super) async fn check_metadata(folder: &Folder, file: &str) -> Result<()> {
    let (stem, suffix) = match file.strip_suffix(".gz") {
        Some(stem) => (stem, ".gz"),
        None => (file, ""),
    };
    let stem = stem.strip_suffix(".bson").unwrap_or(stem);
    let name = format!("{stem}.metadata.json{suffix}");
    let Some(mut stored) = folder.read(&name).await? else { return Ok(()) };
    let json = if suffix.is_empty() { stored.to_vec() } else { inflate(&name, &mut stored)? };
    let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| {
        verification(&name, "the metadata of the dump is not JSON").with_source(error)
    })?;
    match metadata.kind.as_deref() {
        None | Some("collection") => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::Usage,
            "opening a mongodump: it is not the dump of a plain collection",
        )
        .with("file", name)
        .with_help("dump a collection; views and time series are stored in another form")),
    }
}

fn inflate(name: &str, stored: &mut Bytes) -> Result<Vec<u8>> {
    let (mut inflater, mut json) = (Inflater::new(stored.len() as u64), Vec::new());
    let mut inflate = || {
        while !stored.is_empty() {
            inflater.inflate(stored, &mut json)?;
        }
        inflater.finish()
    };
    inflate().map_err(|fault| verification(name, &fault.to_string()))?;
    Ok(json)
}
