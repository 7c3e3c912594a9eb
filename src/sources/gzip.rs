//! Inflates gzip as it arrives: all members, nothing behind them, no bomb.
//!
//! A push decoder without I/O. It alone says what is wrong with a file; `whole` is faster and takes
//! only files with which nothing is. Does not own what the inflated bytes mean.

mod whole;

use std::fmt;

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

pub(super) use whole::inflate_whole;

/// Inflated bytes that are asked for at a time.
const STEP_BYTES: usize = 256 * 1024;
/// Inflated bytes up to which any ratio is accepted.
const FREE_BYTES: u64 = 10 * 1024 * 1024;
/// Greatest ratio of the inflated bytes to the size of the file beyond that.
const MAX_RATIO: u64 = 200;

/// Where inflating a gzip file stands.
#[derive(Debug)]
pub(super) struct Inflater {
    member: Decompress,
    in_member: bool,
    members: u64,
    file_bytes: u64,
    stored_bytes: u64,
    inflated_bytes: u64,
}

/// Why a gzip file cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The data is damaged, or its checksum is wrong.
    Damaged,
    /// Something that is not gzip stands behind the last member.
    TrailingGarbage,
    /// The file ends within a member.
    Cut,
    /// The data inflates to more than orders ever do.
    Bomb,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the gzip data is damaged"),
            Self::TrailingGarbage => f.write_str("bytes follow the end of the gzip data"),
            Self::Cut => f.write_str("the gzip data is cut off"),
            Self::Bomb => {
                write!(f, "the gzip data inflates to more than {MAX_RATIO} times its size")
            }
        }
    }
}

impl Inflater {
    /// For a file of `file_bytes` stored bytes.
    pub(super) fn new(file_bytes: u64) -> Self {
        Self {
            member: new_member(),
            in_member: false,
            members: 0,
            file_bytes,
            stored_bytes: 0,
            inflated_bytes: 0,
        }
    }

    /// Stored bytes that were taken.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Takes bytes from the front of `input` and appends what they inflate to, until `input` is
    /// used up or some `STEP_BYTES` have been appended.
    pub(super) fn inflate(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.reserve(STEP_BYTES);
        loop {
            if !self.in_member {
                if input.is_empty() {
                    return Ok(());
                }
                self.member = new_member();
                self.in_member = true;
            }
            let (taken, status) = self.step(input, out)?;
            if status == Status::StreamEnd {
                self.in_member = false;
                self.members += 1;
            } else if out.len() == out.capacity() {
                // The decoder may hold more for the input it took, so at its end go on.
                if !input.is_empty() {
                    return Ok(());
                }
                out.reserve(STEP_BYTES);
            } else if input.is_empty() {
                return Ok(());
            } else if taken == 0 {
                return Err(self.damaged());
            }
        }
    }

    fn step(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(usize, Status), Fault> {
        let (taken_before, filled_before) = (self.member.total_in(), out.len());
        let status = self
            .member
            .decompress_vec(input, out, FlushDecompress::None)
            .map_err(|_| self.damaged())?;
        let taken = self.member.total_in() - taken_before;
        self.stored_bytes += taken;
        self.inflated_bytes += (out.len() - filled_before) as u64;
        if is_bomb(self.file_bytes, self.inflated_bytes) {
            return Err(Fault::Bomb);
        }
        let taken = usize::try_from(taken).unwrap_or(input.len()).min(input.len());
        input.advance(taken);
        Ok((taken, status))
    }

    /// Says whether the file may end here. A file of no bytes inflates to none.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.in_member { Err(Fault::Cut) } else { Ok(()) }
    }

    fn damaged(&self) -> Fault {
        match self.members > 0 && self.member.total_out() == 0 {
            true => Fault::TrailingGarbage,
            false => Fault::Damaged,
        }
    }
}

/// Judged by the whole file, so that it does not matter how the file is read.
fn is_bomb(file_bytes: u64, inflated_bytes: u64) -> bool {
    inflated_bytes > FREE_BYTES && inflated_bytes > file_bytes.saturating_mul(MAX_RATIO)
}

fn new_member() -> Decompress {
    Decompress::new_gzip(15)
}

#[cfg(test)]
mod tests;
