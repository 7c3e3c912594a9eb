//! What every command stands on: the environment, the clock, the project, the log and the bar
//! that must not be written over.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;

use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{Globals, LogFormat};
use crate::config::{Environment, Project};
use crate::error::Result;
use crate::telemetry::log;

/// The place and time a command is called in.
pub(super) struct Here {
    /// The time of the call.
    pub now: Timestamp,
    /// The progress bar: hidden until something is shown, and for good where nobody watches.
    pub bar: ProgressBar,
    /// Whether a person watches standard error and wants to see progress.
    pub watched: bool,
    environment: Environment,
    project: Option<PathBuf>,
}

impl Here {
    /// Reads the environment and starts the log.
    pub fn new(globals: &Globals, now: Timestamp) -> Result<Self> {
        let environment = Environment::read()?;
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::hidden();
        let default_filter = match (globals.quiet, globals.verbose) {
            (true, _) => "error",
            // The SDK warns of every credential provider that it tries in vain.
            (false, 0) => {
                "consign=info,warn,aws_config=error,aws_runtime=error,aws_smithy_runtime=error"
            }
            (false, 1) => "consign=debug,info",
            (false, _) => "trace",
        };
        let form = match globals.log_format {
            LogFormat::Json => log::Form::Json,
            LogFormat::Text => log::Form::Text { colour: terminal && !environment.no_color },
        };
        let above = bar.clone();
        log::start(environment.log.as_deref().unwrap_or(default_filter), form, move || {
            AboveTheBar(above.clone())
        })?;
        let watched = terminal && !globals.quiet && globals.log_format == LogFormat::Text;
        Ok(Self { now, bar, watched, environment, project: globals.project.clone() })
    }

    /// The project: as given, as the environment says, or from here up.
    pub fn project(&self) -> Result<Project> {
        match self.project.as_ref().or(self.environment.project.as_ref()) {
            Some(root) => Project::at(root),
            None => Project::above(&self.environment.folder),
        }
    }

    /// Folder for runs in flight.
    pub fn state_dir(&self, project: &Project) -> PathBuf {
        match &self.environment.state_dir {
            Some(folder) => self.environment.folder.join(folder),
            None => project.root().join(".consign"),
        }
    }

    /// File of the keys of pseudonyms, absolute.
    pub fn privacy_key_file(&self) -> Option<PathBuf> {
        let named = self.environment.privacy_key_file.as_ref();
        named.map(|file| self.environment.folder.join(file))
    }

    /// The working folder, absolute.
    pub fn folder(&self) -> &std::path::Path {
        &self.environment.folder
    }
}

/// Standard error, written above the bar instead of through it.
struct AboveTheBar(ProgressBar);

impl Write for AboveTheBar {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
