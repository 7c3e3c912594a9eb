//! CRC-64/NVME of what is sent: of a request's bytes, and of an object from those of its parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm::Crc64Nvme;

/// The checksum of `bytes`.
pub(super) fn of(bytes: &[u8]) -> u64 {
    crc_fast::checksum(Crc64Nvme, bytes)
}

/// The checksum of bytes with checksum `first`, followed by `second_bytes` bytes with checksum
/// `second`.
pub(super) fn joined(first: u64, second: u64, second_bytes: u64) -> u64 {
    crc_fast::checksum_combine(Crc64Nvme, first, second, second_bytes)
}

/// As S3 writes it.
pub(super) fn encoded(checksum: u64) -> String {
    STANDARD.encode(checksum.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_checksum_of_the_whole() {
        assert_eq!(of(b"123456789"), 0xAE8B_1486_0A79_9888, "the check value of the standard");
        let joined = joined(of(b"12345"), of(b"6789"), 4);
        assert_eq!(joined, of(b"123456789"));
        assert_eq!(super::joined(of(b"123456789"), of(b""), 0), joined);
        assert_eq!(encoded(joined), "rosUhgp5mIg=");
    }
}
