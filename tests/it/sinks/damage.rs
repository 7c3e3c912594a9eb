//! Files that are no longer what was written: each kind of damage is noticed and named.

use std::sync::Arc;

use consign::error::{Error, ErrorKind};
use consign::model::{DataFile, FileFormat};
use consign::sinks::{Reread, compare, reread};
use consign::storage::below;
use object_store::ObjectStoreExt;

use super::orders::{contract, field, series};
use super::{Place, both};

fn check(place: &Place, file: &DataFile) -> Result<(), Error> {
    reread(&place.destination, file, &contract()).and_then(|found| compare(file, &found))
}

fn assert_named(error: &Error, file: &DataFile) {
    assert_eq!(error.kind(), ErrorKind::Verification, "{error}");
    assert!(error.to_string().contains(&file.path), "{error}");
}

#[test]
fn one_flipped_bit_is_noticed_wherever_it_is() {
    for sink in both() {
        let place = Place::new();
        let file = place.write_one(&sink, &series(0..500)).file;
        let intact = place.read(&file.path);
        for at in (0..intact.len()).step_by(intact.len() / 97) {
            let mut bytes = intact.to_vec();
            bytes[at] ^= 1 << (at % 8);
            place.replace(&file.path, bytes);
            assert_named(&check(&place, &file).unwrap_err(), &file);
        }
        place.replace(&file.path, intact);
        check(&place, &file).unwrap();
    }
}

#[test]
fn a_file_that_is_cut_lengthened_or_gone_is_noticed() {
    for sink in both() {
        let place = Place::new();
        let file = place.write_one(&sink, &series(0..500)).file;
        let intact = place.read(&file.path);
        for bytes in [
            vec![],
            intact[..1].to_vec(),
            intact[..intact.len() - 1].to_vec(),
            [&intact[..], b"\n"].concat(),
            intact.repeat(2),
        ] {
            place.replace(&file.path, bytes);
            assert_named(&check(&place, &file).unwrap_err(), &file);
        }
        let object = below(&place.destination.root, &file.path);
        place.runtime.block_on(place.destination.store.delete(&object)).unwrap();
        assert_named(&check(&place, &file).unwrap_err(), &file);
    }
}

/// Sound bytes with another content: the record and the file agree on the hash, not on the rows.
#[test]
fn a_file_with_other_rows_is_noticed() {
    for sink in both() {
        let place = Place::new();
        let file = place.write_one(&sink, &series(0..500)).file;
        let other = Place::new();
        for (range, differs) in [
            (0..499, "rows, greatest key"),
            (1..501, "least key, greatest key, sums"),
            (0..0, "rows, least key, greatest key, sums"),
        ] {
            let swapped = other.write_one(&sink, &series(range)).file;
            place.replace(&file.path, other.read(&swapped.path));
            let object = below(&other.destination.root, &swapped.path);
            other.runtime.block_on(other.destination.store.delete(&object)).unwrap();
            let error = check(&place, &place.as_it_lies(&file)).unwrap_err();
            assert_named(&error, &file);
            assert!(error.to_string().contains(differs), "{error}");
        }
    }
}

#[test]
fn a_file_of_another_contract_is_noticed() {
    for sink in both() {
        let place = Place::new();
        let file = place.write_one(&sink, &series(0..10)).file;
        let mut contract = contract();
        let more = field("more", consign::catalog::FieldType::Text);
        Arc::make_mut(&mut contract).fields.push(more);
        let error = reread(&place.destination, &file, &contract).unwrap_err();
        assert_named(&error, &file);
    }
}

/// Nothing of a Parquet decoder's many ways to stumble gets past the reader: bytes that the
/// record vouches for, and that are no file, are an error and not a panic.
#[test]
fn nonsense_that_has_the_right_hash_is_an_error() {
    for sink in both() {
        let place = Place::new();
        let file = place.write_one(&sink, &series(0..50)).file;
        let intact = place.read(&file.path);
        let length = intact.len();
        let nonsense = match file.format {
            FileFormat::Parquet => vec![
                vec![],
                b"PAR1PAR1".to_vec(),
                intact[..length / 2].to_vec(),
                [&intact[..length / 2], &intact[length - 8..]].concat(),
            ],
            FileFormat::Csv => vec![
                vec![],
                intact[1..].to_vec(),
                intact[..length - 100].to_vec(),
                [&intact[..], b"one,field,too,few\r\n"].concat(),
                [&intact[..], b"\xff,,,,,,,,,,,\r\n"].concat(),
                [&intact[..], b"ord_9,1.0000,,,,,,,,,,\r\n"].concat(),
                [&intact[..], b"ord_9,1e3,,,,,,,,,,\r\n"].concat(),
            ],
        };
        for bytes in nonsense {
            place.replace(&file.path, bytes);
            assert_named(&check(&place, &place.as_it_lies(&file)).unwrap_err(), &file);
        }
    }
}

#[test]
fn everything_that_differs_is_said_and_no_value_is() {
    let place = Place::new();
    let file = place.write_one(&both()[0], &series(0..10)).file;
    let found = reread(&place.destination, &file, &contract()).unwrap();
    let mut other = Reread { rows: 9, min_key: Some("secret".into()), ..found };
    other.sums.insert("amount".into(), "777.000".into());
    let error = compare(&file, &other).unwrap_err();
    assert_named(&error, &file);
    assert!(error.to_string().contains("rows, least key, sums"), "{error}");
    assert!(!error.to_string().contains("secret") && !error.to_string().contains("777"));
}
