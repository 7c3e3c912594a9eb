//! The only reader of the process environment.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::model::Sensitive;

/// Folder of the project, instead of the nearest one above the working folder.
pub const PROJECT: &str = "CONSIGN_PROJECT";
/// Folder for runs in flight, instead of `.consign/` in the project.
pub const STATE_DIR: &str = "CONSIGN_STATE_DIR";
/// File of the keys that take pseudonyms and suppression marks.
pub const PRIVACY_KEY_FILE: &str = "CONSIGN_PRIVACY_KEY_FILE";
/// Log filter, `info` or `consign=debug`, instead of the `-v` and `-q` flags.
pub const LOG: &str = "CONSIGN_LOG";
/// When set and not empty, no colour (<https://no-color.org>).
pub const NO_COLOR: &str = "NO_COLOR";

/// What the program takes from its environment. An empty variable counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// [`PROJECT`].
    pub project: Option<PathBuf>,
    /// [`STATE_DIR`].
    pub state_dir: Option<PathBuf>,
    /// [`PRIVACY_KEY_FILE`].
    pub privacy_key_file: Option<PathBuf>,
    /// [`LOG`].
    pub log: Option<String>,
    /// [`NO_COLOR`].
    pub no_color: bool,
    /// The working folder, absolute.
    pub folder: PathBuf,
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// `Unexpected` when the working folder is gone or cannot be read.
    pub fn read() -> Result<Self> {
        let folder = std::env::current_dir()
            .or_err(ErrorKind::Unexpected, "cannot tell the working folder")?;
        Ok(Self::from_lookup(folder, |name| std::env::var_os(name)))
    }

    /// The command as it was typed, for a message that says how to repeat it.
    #[must_use]
    pub fn command_line() -> String {
        let word = |word: OsString| {
            let word = word.to_string_lossy().into_owned();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
            match !word.is_empty() && word.chars().all(plain) {
                true => word,
                false => format!("'{}'", word.replace('\'', "'\\''")),
            }
        };
        std::env::args_os().map(word).collect::<Vec<_>>().join(" ")
    }

    /// Endpoint of DynamoDB that the environment names for the SDK.
    #[must_use]
    pub fn dynamodb_endpoint() -> Option<String> {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let url = value("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| value("AWS_ENDPOINT_URL"))?;
        url.into_string().ok()
    }

    /// The secret that the variable `name` holds.
    #[must_use]
    pub fn secret(name: &str) -> Option<Sensitive> {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        value.into_string().ok().map(Sensitive::new)
    }

    fn from_lookup(folder: PathBuf, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            project: value(PROJECT).map(PathBuf::from),
            state_dir: value(STATE_DIR).map(PathBuf::from),
            privacy_key_file: value(PRIVACY_KEY_FILE).map(PathBuf::from),
            log: value(LOG).map(|value| value.to_string_lossy().into_owned()),
            no_color: value(NO_COLOR).is_some(),
            folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_counts_as_absent() {
        let set = |name: &str| match name {
            PROJECT => Some("/srv/exports".into()),
            LOG | NO_COLOR => Some(OsString::new()),
            _ => None,
        };
        let expected =
            Environment { project: Some("/srv/exports".into()), ..Environment::default() };
        assert_eq!(Environment::from_lookup(PathBuf::new(), set), expected);
    }
}
