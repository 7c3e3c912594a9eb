//! The search for values that must be gone, byte by byte, through everything below a dataset.
//!
//! A value can hide: behind compression, in a dictionary, cut into pieces by a delta encoding,
//! shortened in statistics, behind the escapes of CSV and JSON. Each place is looked at as it lies
//! and as a reader would see it. What cannot be read proves nothing, and is told. Does not own which
//! values are sought, nor what a hit means. A value is never told, only where it was found.

mod escapes;
mod needles;
mod parquet;
mod window;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::errors as parquet_crate;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{ErrorKind, Result};
use crate::sinks::{Destination, StoredObject};
use crate::state::io_error;

pub(super) use needles::Needles;

use needles::Pass;
use window::{Text, Windows};

/// Bytes read at once.
const BLOCK_BYTES: usize = 1 << 20;

/// Where in an object a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the bytes as they are stored.
    Bytes,
    /// In text, once the quotes of CSV are taken off.
    Unquoted,
    /// In text, once the escapes of JSON are resolved.
    Unescaped,
    /// In a file within gzip.
    Inflated,
    /// In a decompressed data page of Parquet.
    Page,
    /// In a decompressed dictionary of Parquet.
    Dictionary,
    /// In the least or greatest value of a column chunk, whole or cut short.
    Statistics,
    /// In the least or greatest value of a page, whole or cut short.
    ColumnIndex,
    /// A bloom filter says that the value may be there.
    BloomFilter,
    /// In a cell as a reader gets it.
    Cell,
}

impl Place {
    /// The stable name, as `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Unquoted => "unquoted",
            Self::Unescaped => "unescaped",
            Self::Inflated => "inflated",
            Self::Page => "page",
            Self::Dictionary => "dictionary",
            Self::Statistics => "statistics",
            Self::ColumnIndex => "column_index",
            Self::BloomFilter => "bloom_filter",
            Self::Cell => "cell",
        }
    }
}

/// Values found in one place of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hit {
    /// Path of the object.
    pub object: String,
    /// The place within it.
    pub place: Place,
    /// How often.
    pub count: u64,
}

/// What a search went through and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// Objects.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// Bytes that were looked at once they were decompressed, decoded or unescaped, each view
    /// counted.
    pub decoded_bytes: u64,
    /// Values that were sought.
    pub values: u64,
    /// Times that every object was gone through.
    pub passes: u64,
    /// What was found, by object and place.
    pub hits: Vec<Hit>,
    /// Objects that could not be read through, and so prove nothing.
    pub unreadable: Vec<String>,
}

impl Searched {
    /// Whether everything was read and nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.hits.is_empty() && self.unreadable.is_empty()
    }
}

/// Something to search.
#[derive(Debug, Clone)]
pub(super) enum Haystack {
    /// An object below the destination's root.
    Object(String),
    /// A file of this machine, as people call it and where it lies.
    File(String, PathBuf),
}

impl Haystack {
    fn name(&self) -> &str {
        match self {
            Self::Object(name) | Self::File(name, _) => name,
        }
    }
}

/// Looks for every one of `needles` in every one of `haystacks`. Blocks; objects are searched side
/// by side.
///
/// Holds the automaton of one pass (see [`Needles`]), and for each worker a block, a page and a batch
/// of cells.
///
/// # Errors
/// `Permission` and `Transient` from the store. An object that cannot be read for what it holds is
/// no error but told in the outcome, as is one that is gone.
pub(super) fn search(
    destination: &Destination,
    haystacks: &[Haystack],
    needles: &Needles,
) -> Result<Searched> {
    let mut searched = Searched { values: needles.len(), ..Searched::default() };
    let mut hits = BTreeMap::new();
    for pass in needles.passes() {
        let pass = pass?;
        let found: Vec<(u64, Found)> = (haystacks.par_iter().with_max_len(1))
            .map(|haystack| search_one(destination, haystack, &pass))
            .collect::<Result<_>>()?;
        searched.passes += 1;
        searched.objects = haystacks.len() as u64;
        searched.bytes = found.iter().map(|(bytes, _)| bytes).sum();
        for (haystack, (_, found)) in haystacks.iter().zip(found) {
            searched.decoded_bytes += found.decoded_bytes;
            for (place, count) in found.counts {
                *hits.entry((haystack.name().to_owned(), place)).or_default() += count;
            }
            if found.unreadable && !searched.unreadable.iter().any(|o| o == haystack.name()) {
                searched.unreadable.push(haystack.name().to_owned());
            }
        }
    }
    searched.hits =
        hits.into_iter().map(|((object, place), count)| Hit { object, place, count }).collect();
    Ok(searched)
}

/// `bytes` with the escapes of JSON resolved.
pub(super) fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    escapes::JsonEscapes::default().resolve(bytes, &mut text);
    text
}

/// What was found in one object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    counts: BTreeMap<Place, u64>,
    decoded_bytes: u64,
    unreadable: bool,
}

impl Found {
    fn add(&mut self, place: Place, count: u64) {
        if count > 0 {
            *self.counts.entry(place).or_default() += count;
        }
    }
}

fn search_one(destination: &Destination, haystack: &Haystack, pass: &Pass) -> Result<(u64, Found)> {
    let mut found = Found::default();
    match haystack {
        Haystack::Object(name) => {
            let object = match StoredObject::open(destination, name) {
                Ok(object) => object,
                Err(error) if error.kind() == ErrorKind::Verification => {
                    found.unreadable = true;
                    return Ok((0, found));
                }
                Err(error) => return Err(error),
            };
            if let Err(error) = search_reader(&object, name, pass, &mut found) {
                // A fault of the store is an error; what the bytes say is not.
                let error = object.unreadable(error);
                if error.kind() != ErrorKind::Verification {
                    return Err(error);
                }
                found.unreadable = true;
            }
            Ok((object.len(), found))
        }
        Haystack::File(name, path) => {
            let file = LocalFile::open(path)
                .map_err(|e| io_error("open a file that is to be searched", path, e))?;
            found.unreadable = search_reader(&file, name, pass, &mut found).is_err();
            Ok((file.len(), found))
        }
    }
}

/// Looks at one object as what it is: by how it begins, and by its name for CSV.
fn search_reader<R: ChunkReader + Clone + 'static>(
    object: &R,
    name: &str,
    pass: &Pass,
    found: &mut Found,
) -> parquet_crate::Result<()> {
    let mut begins = Vec::new();
    object.get_read(0)?.take(4).read_to_end(&mut begins)?;
    let text = if name.ends_with(".csv") { Text::Csv } else { Text::Json };
    feed_all(object.get_read(0)?, Windows::new(pass, text, Place::Bytes), found)?;
    match begins.as_slice() {
        b"PAR1" => parquet::search(object, pass, found),
        [0x1f, 0x8b, ..] => {
            let inflated = MultiGzDecoder::new(object.get_read(0)?);
            feed_all(inflated, Windows::new(pass, Text::Json, Place::Inflated), found)
        }
        _ => Ok(()),
    }
}

fn feed_all(
    mut reader: impl Read,
    mut windows: Windows<'_>,
    found: &mut Found,
) -> parquet_crate::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let length = match reader.read(&mut block) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if length == 0 {
            return Ok(());
        }
        windows.feed(&block[..length], found);
    }
}

/// A file of this machine that is read as an object is.
#[derive(Clone)]
struct LocalFile(Arc<File>);

impl LocalFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        File::open(path).map(|file| Self(Arc::new(file)))
    }
}

impl Length for LocalFile {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for LocalFile {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> parquet_crate::Result<Self::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet_crate::Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

#[cfg(test)]
mod tests;
