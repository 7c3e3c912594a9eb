//! From what a person typed to a [`crate::plan::Plan`]: the job file, the command line, the
//! environment.
//!
//! [`project`] finds the job, [`job`] reads it as typed, [`resolve()`] joins it with the contract,
//! the overrides and the clock. Does not own what a plan does (`pipeline`) nor contracts
//! (`catalog`).

pub mod env;
pub mod job;
mod mistakes;
pub mod project;
pub mod resolve;
mod section;
mod source;
pub mod values;

pub use env::Environment;
pub use job::{Job, JobSlice};
pub use project::Project;
pub use resolve::{Overrides, Surroundings, resolve};
pub use source::DEFAULT_URI_VARIABLE;
