//! The one integration-test binary: behaviour through the crate's front doors.

mod catalog;
mod cli;
mod decode;
mod pipeline;
mod publish;
mod sinks;
mod sources;
mod tidy;
mod transform;
