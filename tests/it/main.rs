//! The one integration-test binary: behaviour through the crate's front doors.

// clippy.toml exempts test functions; what they call in this binary is test code as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod allocations;
mod catalog;
mod cli;
mod decode;
mod live;
mod orders;
mod pipeline;
mod proxy;
mod publish;
mod services;
mod sinks;
mod sources;
mod storage;
mod tidy;
mod transform;
