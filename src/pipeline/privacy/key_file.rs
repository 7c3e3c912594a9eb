//! The key file on the local disk: nobody but its owner may read it.
//!
//! Does not own what it says (`crate::privacy`).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::privacy::{KeyRing, MIN_SECRET_BYTES, new_key_file};
use crate::transform::HOW_TO_GET_A_KEY;

/// Largest key file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the keys of a file.
///
/// # Errors
/// `Usage` when the file cannot be read, others than its owner may read it, or it is no key file.
pub fn read_key_ring(file: &Path) -> Result<KeyRing> {
    let doing = "cannot read the key file";
    let named = |error: Error| error.with("file", file.display());
    let opened = File::open(file)
        .or_err(ErrorKind::Usage, doing)
        .map_err(|error| named(error).with_help(HOW_TO_GET_A_KEY))?;
    require_private(&opened).map_err(named)?;
    // Room for all of it from the start, so that growing leaves no copies behind.
    let length = opened.metadata().map_or(0, |found| found.len()).min(MAX_BYTES);
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    opened
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .or_err(ErrorKind::Usage, doing)
        .map_err(named)?;
    KeyRing::parse(&text).map_err(named)
}

#[cfg(unix)]
fn require_private(file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = file.metadata().or_err(ErrorKind::Usage, "cannot read the key file")?;
    let others = found.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    let message = "others than its owner may read or write the key file";
    Err(Error::new(ErrorKind::Usage, message)
        .with("mode", format!("{:03o}", found.permissions().mode() & 0o777))
        .with_help("chmod 600 it; if it is not only yours to read, take a new key"))
}

#[cfg(not(unix))]
fn require_private(_: &File) -> Result<()> {
    Ok(())
}

/// Makes a key file with a new key of random bytes, that only its owner may read.
///
/// # Errors
/// `Usage` when the file is there already, cannot be written or the id is no word; `Unexpected`
/// when the machine gives no random bytes.
pub fn create_key_file(file: &Path, id: &str) -> Result<()> {
    let mut secret = Zeroizing::new([0_u8; MIN_SECRET_BYTES]);
    getrandom::fill(secret.as_mut_slice())
        .or_err(ErrorKind::Unexpected, "the machine gives no random bytes")?;
    let text = new_key_file(id, secret.as_slice())?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    });
    written.map_err(|cause| {
        let error = Error::new(ErrorKind::Usage, "cannot write the key file");
        let error = error.with("file", file.display());
        match cause.kind() {
            std::io::ErrorKind::AlreadyExists => error.with_help(
                "it is there already and is never overwritten; write the key to another file and \
                 add its lines above those of the present key",
            ),
            _ => error.with_help("choose a folder that is there and that you may write to"),
        }
        .with_source(cause)
    })
}
