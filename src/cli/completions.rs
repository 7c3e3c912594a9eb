//! `consign completions`: what a shell needs to complete the command.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, output};
use crate::error::{ErrorKind, Result, ResultExt as _};

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: consign completions bash > /etc/bash_completion.d/consign")]
pub(super) struct Completions {
    /// Shell to complete in
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn execute(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "consign", &mut script);
        let script = String::from_utf8(script)
            .or_err(ErrorKind::Unexpected, "cannot write the completions")?;
        output::print(&script)?;
        Ok(())
    }
}
