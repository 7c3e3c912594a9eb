//! The rate file of a project, which `consign fx import` adds to.
//!
//! Owns reading it, adding to it and writing it in one piece. Does not own its form (`fx`).

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use crate::error::{Error, ErrorKind, Result};
use crate::fx::{Change, RateTable, Rates};
use crate::plan::AwsOptions;
use crate::storage::{self, Location, store_error};

use super::rates;

/// What importing a rate file did.
#[derive(Debug, Clone)]
pub struct ImportSummary {
    /// Where the rates lie now.
    pub place: String,
    /// The whole of them.
    pub rates: Rates,
    /// Quotes that the file holds.
    pub read: usize,
    /// Quotes that are new at the place.
    pub new: usize,
    /// Quotes that became others.
    pub changed: Vec<Change>,
}

/// Adds the quotes of the file at `from` to those at `place`, which is written in the normal form
/// and made when it is not there. Nothing that stands there is lost.
///
/// # Errors
/// `Usage` when a file has mistakes, or when a quote would become another and `replace` does not
/// allow it; `Conflict` when the place is written meanwhile; `Permission` and `Transient` from the
/// stores.
pub fn import_rates(
    from: &str,
    place: &str,
    replace: bool,
    aws: &AwsOptions,
) -> Result<ImportSummary> {
    let runtime = super::start_runtime()?;
    let file = RateTable::read(&runtime.block_on(rates::read(from, aws))?, from)?;
    let (folder, name) = place.rsplit_once('/').unwrap_or((".", place));
    let folder = if folder.is_empty() { "/" } else { folder };
    let location = runtime.block_on(storage::open_or_create(folder, aws))?;
    let kept = runtime.block_on(Kept::read(location, name, place))?;
    let mut table = kept.table.clone();
    let added = table.add(&file);
    if !replace && let [first, ..] = added.changed.as_slice() {
        let Change { date, currency, .. } = first;
        return Err(Error::new(
            ErrorKind::Usage,
            "the file has other rates than the place: nothing was written",
        )
        .with("place", place)
        .with("changed", added.changed.len())
        .with("first", format!("{currency} of {date}"))
        .with_help(
            "`--replace` takes those of the file; days that used the old ones are published anew",
        ));
    }
    let text = table.to_text();
    runtime.block_on(kept.write(&text, place))?;
    Ok(ImportSummary {
        place: place.to_owned(),
        rates: Rates::read(text.as_bytes(), place)?,
        read: file.len(),
        new: added.new,
        changed: added.changed,
    })
}

/// The rate file of a project as it stands.
struct Kept {
    location: Location,
    path: Path,
    bytes: Option<Bytes>,
    version: UpdateVersion,
    table: RateTable,
}

impl Kept {
    async fn read(location: Location, name: &str, place: &str) -> Result<Self> {
        let path = storage::below(&location.prefix, name);
        let found = match location.store.get(&path).await {
            Ok(found) => {
                let version = UpdateVersion {
                    e_tag: found.meta.e_tag.clone(),
                    version: found.meta.version.clone(),
                };
                found.bytes().await.map(|bytes| (Some(bytes), version))
            }
            Err(object_store::Error::NotFound { .. }) => {
                Ok((None, UpdateVersion { e_tag: None, version: None }))
            }
            Err(error) => Err(error),
        };
        let (bytes, version) =
            found.map_err(|error| store_error("read the exchange rates", &path, error))?;
        let table = match &bytes {
            Some(bytes) => RateTable::read(bytes, place)?,
            None => RateTable::default(),
        };
        Ok(Self { location, path, bytes, version, table })
    }

    /// Writes `text` in one piece, when it is not what stands there already.
    async fn write(self, text: &str, place: &str) -> Result<()> {
        if self.bytes.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        let mode = match &self.bytes {
            None => PutMode::Create,
            Some(_) if storage::is_s3(place) => PutMode::Update(self.version),
            // A local folder knows no versions; the new file takes the old one's place at once.
            Some(_) => PutMode::Overwrite,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let written = self.location.store.put_opts(&self.path, text.to_owned().into(), options);
        match written.await {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => {
                Err(Error::new(ErrorKind::Conflict, "the rates were written by another meanwhile")
                    .with("place", place)
                    .with_help("run the same command again: it adds to what is there now"))
            }
            Err(error) => Err(store_error("write the exchange rates", &self.path, error)),
        }
    }
}
