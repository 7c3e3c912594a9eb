use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

const ROOM: usize = 16 << 20;

/// The file inflated step by step, out of pieces of `piece_bytes`.
fn streamed(stored: &[u8], piece_bytes: usize) -> Result<Vec<u8>, Fault> {
    let (mut inflater, mut inflated) = (Inflater::new(stored.len() as u64), Vec::new());
    for piece in stored.chunks(piece_bytes) {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            inflater.inflate(&mut piece, &mut inflated)?;
        }
    }
    inflater.finish().map(|()| inflated)
}

fn member(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// What a file may hold: noise, which is stored, and what repeats.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        ("[a-z{}\":]{1,40}", 0..2000_usize)
            .prop_map(|(line, times)| line.repeat(times).into_bytes()),
    ]
}

/// A file of up to three members, the second perhaps another time.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let members = prop::collection::vec((content(), 0..10_u32), 1..4);
    (members, any::<bool>()).prop_map(|(contents, again)| {
        let mut members: Vec<_> =
            contents.iter().map(|(content, level)| member(content, *level)).collect();
        if again {
            members.extend(members.last().cloned());
        }
        members.concat()
    })
}

proptest! {
    #[test]
    fn at_once_as_step_by_step(file in file(), piece_bytes in 1..1000_usize) {
        let inflated = streamed(&file, piece_bytes).unwrap();
        if let Some(whole) = inflate_whole(&file, ROOM) {
            prop_assert_eq!(whole, inflated);
        }
    }

    #[test]
    fn one_member_is_inflated_at_once_where_there_is_room(
        content in content().prop_filter("rows", |content| !content.is_empty()), level in 0..10_u32,
    ) {
        let file = member(&content, level);
        prop_assert_eq!(inflate_whole(&file, content.len() - 1), None);
        prop_assert_eq!(inflate_whole(&file, content.len()), Some(content));
    }

    #[test]
    fn a_spoilt_file_is_never_read_otherwise(
        file in file(), at: prop::sample::Index, bit in 0..8_u32, behind in "[\0a]{0,3}", cut: bool,
    ) {
        let (at, mut spoilt) = (at.index(file.len()), file.clone());
        if cut {
            spoilt.truncate(at);
        } else {
            spoilt[at] ^= 1 << bit;
            spoilt.extend(behind.bytes());
        }
        if let Some(whole) = inflate_whole(&spoilt, ROOM) {
            // A code that deflate leaves open is refused by one inflater; the other takes it for the
            // longest repetition, and the checksum tells whether it was that.
            let inflated = streamed(&spoilt, 1000).or_else(|_| streamed(&file, 1000));
            prop_assert_eq!(Ok(whole), inflated);
        }
    }
}

#[test]
fn members_that_differ_are_inflated_at_once() {
    let file = [member(b"one", 6), member(b"two", 6), member(&[b'x'; 100_000], 6)].concat();
    assert_eq!(inflate_whole(&file, ROOM), Some(streamed(&file, 7).unwrap()));
    // The last one says nothing of the first.
    let file = [member(&[b'x'; 100_000], 6), member(b"one", 6)].concat();
    assert_eq!(inflate_whole(&file, ROOM), Some(streamed(&file, 7).unwrap()));
    assert_eq!(inflate_whole(&file, 100_000), None);
}

#[test]
fn members_whose_end_cannot_be_told_are_left_to_the_inflater() {
    let file = member(b"twice", 6).repeat(2);
    assert_eq!(streamed(&file, 7).unwrap(), b"twicetwice");
    assert_eq!(inflate_whole(&file, ROOM), None, "where the first ends cannot be told");
    // Nor where one ends that is but zeros.
    assert_eq!(inflate_whole(&member(b"", 6), ROOM), None);
    assert_eq!(inflate_whole(b"", ROOM), None);
}

#[test]
fn a_size_that_is_a_lie_is_not_believed() {
    let mut file = member(&[b'x'; 1000], 6);
    let size = file.len() - 4;
    for lie in [0, 999, 1001, 64 << 20, u32::MAX] {
        file[size..].copy_from_slice(&u32::to_le_bytes(lie));
        assert_eq!(inflate_whole(&file, ROOM), None, "{lie}");
        assert_eq!(streamed(&file, 1000), Err(Fault::Damaged), "{lie}");
    }
}

#[test]
fn a_checksum_of_the_header_is_left_to_the_inflater() {
    let mut encoder = GzBuilder::new().filename("a.json").write(Vec::new(), Compression::fast());
    encoder.write_all(b"orders").unwrap();
    let mut file = encoder.finish().unwrap();
    assert_eq!(inflate_whole(&file, ROOM), Some(b"orders".to_vec()));
    file[3] |= 0b10;
    let behind_name = 10 + "a.json\0".len();
    file.splice(behind_name..behind_name, *b"no");
    assert_eq!(inflate_whole(&file, ROOM), None);
    assert!(streamed(&file, 1000).is_err());
}

#[test]
fn a_bomb_is_one_however_it_is_read() {
    let dense: Vec<u8> =
        (0..4_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let zeros = member(&vec![0; 12 << 20], 9);
    assert_eq!(inflate_whole(&zeros, ROOM), None);
    assert_eq!(streamed(&zeros, 1000), Err(Fault::Bomb));
    // The same zeros in a file that is large enough for them.
    let file = [zeros, member(&dense[..400_000], 9)].concat();
    let inflated = streamed(&file, 1000).unwrap();
    assert_eq!(inflate_whole(&file, ROOM), Some(inflated));
}
