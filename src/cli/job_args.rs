//! A job as a command line names it, with what the command line says instead of the job.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use super::surroundings::Here;
use crate::catalog::Catalog;
use crate::config::{Environment, Overrides, Surroundings, resolve, values};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Sensitive;
use crate::plan::{DaySelection, Plan};

/// The arguments of every command that plans a run.
#[derive(Debug, Args)]
pub(super) struct JobArgs {
    /// Name of a file in `jobs/`, or a path to one
    job: String,
    /// Publish this day instead of the job's days
    #[arg(long, value_name = "DAY", value_parser = values::day, conflicts_with_all = ["from", "to"])]
    date: Option<Date>,
    /// Publish the days from this one…
    #[arg(long, value_name = "DAY", value_parser = values::day, requires = "to")]
    from: Option<Date>,
    /// …to this one, both included
    #[arg(long, value_name = "DAY", value_parser = values::day, requires = "from")]
    to: Option<Date>,
    #[command(flatten)]
    run: RunArgs,
}

/// The arguments of every command that does the work of a run, whatever its days.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The run's clock: the only "now" that can reach the output [default: the time of the call]
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    as_of: Option<Timestamp>,
    /// Worker threads [default: the job's, else one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory budget, for instance 512MB or 2GiB [default: the job's, else 512MB]
    #[arg(long, value_name = "SIZE", value_parser = values::size_bytes)]
    memory: Option<u64>,
}

impl RunArgs {
    /// What they say instead of the job, for a run of these days.
    pub fn overrides(&self, days: Option<DaySelection>) -> Overrides {
        Overrides {
            days,
            as_of: self.as_of,
            threads: self.threads.map(usize::from),
            memory_bytes: self.memory,
        }
    }
}

impl JobArgs {
    /// What the job means here and now.
    ///
    /// # Errors
    /// `Usage` when there is no such job or contract, or one has mistakes.
    pub fn plan(&self, here: &Here) -> Result<Plan> {
        plan_of(&self.job, &self.overrides()?, here, &Environment::secret)
    }

    fn overrides(&self) -> Result<Overrides> {
        let days = match (self.date, self.from, self.to) {
            (Some(day), _, _) => Some(DaySelection::Range { first: day, last: day }),
            (None, Some(first), Some(last)) if last < first => {
                return Err(Error::new(ErrorKind::Usage, "--to lies before --from")
                    .with("from", first)
                    .with("to", last));
            }
            (None, Some(first), Some(last)) => Some(DaySelection::Range { first, last }),
            _ => None,
        };
        Ok(self.run.overrides(days))
    }
}

/// What the job called `name` means here and now.
///
/// # Errors
/// `Usage` when there is no such job or contract, or one has mistakes.
pub(super) fn plan_of(
    name: &str,
    overrides: &Overrides,
    here: &Here,
    secret: &dyn Fn(&str) -> Option<Sensitive>,
) -> Result<Plan> {
    let project = here.project()?;
    let job = project.job(name)?;
    let contract = Catalog::open(&project.schemas())?.resolve(&job.dataset)?;
    let privacy_key_file = here.privacy_key_file();
    let surroundings = Surroundings {
        now: here.now,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        root: project.root(),
        state_dir: &here.state_dir(&project),
        privacy_key_file: privacy_key_file.as_deref(),
        secret,
    };
    resolve(&job, contract, overrides, &surroundings)
}
