//! Inflates a whole gzip file at once.
//!
//! Gives exactly what [`super::Inflater`] gives, or nothing: a file that is not sound, or larger
//! than it may be, is for the inflater to judge from the start. Does not own what is wrong with a
//! file.

use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;

use super::is_bomb;

/// Members up to which a file is inflated at once. Where each ends has to be searched for.
const MAX_MEMBERS: usize = 16;
/// Bytes of a member's header and of its trailer that are always there.
const MIN_MEMBER_BYTES: usize = 18;
/// Where a header has its flags, and the one that says it has a checksum of its own, which
/// libdeflate does not look at.
const FLAGS_AT: usize = 3;
const HEADER_CHECKSUM: u8 = 0b10;

/// What the file inflates to, up to `max_bytes`; none when it is not sound, or more than that.
pub(in crate::sources) fn inflate_whole(stored: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    if stored.len() < MIN_MEMBER_BYTES {
        return None;
    }
    // The size of the last member, modulo 2^32, which mostly is the only one.
    let stated = usize::try_from(u32::from_le_bytes(*stored.last_chunk()?)).ok()?;
    if stated > max_bytes {
        return None;
    }
    let mut inflated = vec![0; stated];
    let (mut decompressor, mut rest, mut filled) = (Decompressor::new(), stored, 0);
    for _ in 0..MAX_MEMBERS {
        if rest.get(FLAGS_AT)? & HEADER_CHECKSUM != 0 {
            return None;
        }
        let mut result = decompressor.gzip_decompress(rest, inflated.get_mut(filled..)?);
        if result == Err(DecompressionError::InsufficientSpace) && inflated.len() < max_bytes {
            inflated.resize(max_bytes, 0);
            result = decompressor.gzip_decompress(rest, inflated.get_mut(filled..)?);
        }
        let start = filled;
        filled += result.ok()?;
        rest = behind_member(rest, inflated.get(start..filled)?)?;
        if rest.is_empty() {
            inflated.truncate(filled);
            let is_bomb = is_bomb(stored.len() as u64, filled as u64);
            return (!is_bomb).then_some(inflated);
        }
    }
    None
}

/// What follows the member that `stored` begins with and that was found to inflate to `inflated`.
/// libdeflate has compared the member's trailer and does not tell where that lies. Only the one
/// place in the file that reads like it is believed.
fn behind_member<'a>(stored: &'a [u8], inflated: &[u8]) -> Option<&'a [u8]> {
    let checksum = crc32fast::hash(inflated).to_le_bytes();
    let size = u32::try_from(inflated.len()).ok()?.to_le_bytes();
    let trailer = memmem::Finder::new(&[checksum, size].concat()).into_owned();
    let at = trailer.find(stored)?;
    let is_only_one = trailer.find(stored.get(at + 1..)?).is_none();
    if is_only_one { stored.get(at + size.len() + checksum.len()..) } else { None }
}
