//! Live sources through the command: tables and collections on real servers, with faults between
//! them and the program.

mod commit;
mod credentials;
mod faults;
mod harness;
mod interrupted;
mod lookup;
mod privacy;
mod rates;
mod replay;
mod same_bytes;
mod secrets;
mod slices;
