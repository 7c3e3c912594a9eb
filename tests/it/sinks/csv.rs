//! CSV: the exact text, the guard, and what readers make of it.

use consign::plan::FormulaGuard;
use consign::sinks::{compare, reread};
use proptest::prelude::*;

use super::orders::{Address, GREATEST, Item, Order, contract, order, rows};
use super::{Place, csv_sink};

fn written(orders: &[Order], guard: FormulaGuard) -> (String, u64) {
    let place = Place::new();
    let written = place.write_one(&csv_sink(1 << 30, guard), &rows(orders));
    let found = reread(&place.destination, &written.file, &contract()).unwrap();
    compare(&written.file, &found).unwrap();
    (String::from_utf8(place.read(&written.file.path).to_vec()).unwrap(), written.guarded_cells)
}

#[test]
fn every_type_has_one_way_to_be_written() {
    let full = Order {
        order_id: "ord_1".into(),
        amount: Some(-5),
        exact: Some(GREATEST),
        quantity: Some(-7),
        note: Some(String::new()),
        gift: Some(true),
        day: Some(20_666),
        at: Some(1_785_585_600_500_000),
        digest: Some(vec![0, 255]),
        items: Some(vec![
            Item { product_id: "prod_1".into(), price: Some(12_500), at: Some(0) },
            Item { product_id: "say \"hi\"\n".into(), price: None, at: None },
        ]),
        codes: Some(vec![]),
        address: Some(Address { city: None, since: Some(-1) }),
    };
    let quoted = Order {
        note: Some("a, \"b\"\r\nc".into()),
        exact: Some(-1),
        amount: Some(0),
        gift: Some(false),
        at: Some(-1),
        digest: Some(vec![]),
        codes: Some(vec!["A".into(), "é".into()]),
        ..order("ord_2")
    };
    let (text, guarded) = written(&[full, quoted, order("ord_3")], FormulaGuard::Off);
    let lines = [
        "order_id,amount,exact,quantity,note,gift,day,at,digest,items,codes,address",
        "ord_1,-0.005,99999999999999999999999999999.999999999,-7,\"\",true,2026-08-01,\
         2026-08-01T12:00:00.5Z,AP8=,\
         \"[{\"\"product_id\"\":\"\"prod_1\"\",\"\"price\"\":\"\"1.2500\"\",\
         \"\"at\"\":\"\"1970-01-01T00:00:00Z\"\"},\
         {\"\"product_id\"\":\"\"say \\\"\"hi\\\"\"\\n\"\",\"\"price\"\":null,\"\"at\"\":null}]\",\
         [],\"{\"\"city\"\":null,\"\"since\"\":\"\"1969-12-31\"\"}\"",
        "ord_2,0.000,-0.000000001,,\"a, \"\"b\"\"\r\nc\",false,,1969-12-31T23:59:59.999999Z,\"\",,\
         \"[\"\"A\"\",\"\"é\"\"]\",",
        "ord_3,,,,,,,,,,,",
        "",
    ];
    assert_eq!(text, lines.join("\r\n"));
    assert_eq!(guarded, 0);
}

#[test]
fn the_guard_changes_texts_alone_and_counts_them() {
    let notes = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", " =1", "1-1", "'=1", ""];
    let orders: Vec<Order> = (0..).zip(notes).map(|(n, note)| noted(n, note)).collect();
    let (text, guarded) = written(&orders, FormulaGuard::Prefix);
    assert_eq!(guarded, 7);
    let found: Vec<_> = table(&text).into_iter().map(|row| row[4].clone().unwrap()).collect();
    let wanted = ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "' =1", "1-1", "'=1", ""];
    assert_eq!(found, wanted);
    assert!(text.contains(",-0.005,") && text.contains(",-7,"), "numbers are no formulas");

    let (text, guarded) = written(&orders, FormulaGuard::Off);
    assert_eq!(guarded, 0);
    assert!(table(&text).iter().zip(notes).all(|(row, note)| row[4].as_deref() == Some(note)));
}

fn noted(n: u32, note: &str) -> Order {
    let id = format!("ord_{n:02}");
    Order { note: Some(note.into()), amount: Some(-5), quantity: Some(-7), ..order(&id) }
}

#[test]
fn a_key_that_is_guarded_still_agrees_with_its_file() {
    let place = Place::new();
    let sink = csv_sink(1 << 30, FormulaGuard::Prefix);
    let written = place.write_one(&sink, &rows(&[order("-1"), order("=1")]));
    assert_eq!(written.file.min_key.as_deref(), Some("'-1"));
    assert_eq!(written.guarded_cells, 2);
    let found = reread(&place.destination, &written.file, &contract()).unwrap();
    compare(&written.file, &found).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What was null is null, what was empty is empty, and the rest is what it was: to a reader
    /// that sees quotes, and, but for the first, to the `csv` crate.
    #[test]
    fn any_text_comes_back(notes in proptest::collection::vec(note(), 1..20)) {
        let numbered = (0_u32..).zip(&notes);
        let orders: Vec<Order> = numbered
            .map(|(n, note)| Order { note: note.clone(), ..order(&format!("ord_{n:02}")) })
            .collect();
        let (text, _) = written(&orders, FormulaGuard::Off);
        let found: Vec<_> = table(&text).into_iter().map(|row| row[4].clone()).collect();
        prop_assert_eq!(&found, &notes);

        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let found: Vec<String> = reader.records().map(|row| row.unwrap()[4].to_owned()).collect();
        let wanted: Vec<String> = notes.into_iter().map(Option::unwrap_or_default).collect();
        prop_assert_eq!(found, wanted);
    }
}

fn note() -> impl Strategy<Value = Option<String>> {
    let pieces = prop_oneof![
        Just("\"".to_owned()),
        Just(",".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("NULL".to_owned()),
        Just(" ".to_owned()),
        Just("'".to_owned()),
        "[a-zà-ÿ0-9]{0,3}",
    ];
    let text = proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat());
    proptest::option::of(text)
}

/// The rows below the header, `None` for an empty field without quotes: RFC 4180 to the letter.
fn table(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row) = (vec![], vec![]);
    let mut rest = text;
    while !rest.is_empty() {
        let field;
        (field, rest) = next_field(rest);
        row.push(field);
        if let Some(after) = rest.strip_prefix("\r\n") {
            rows.push(std::mem::take(&mut row));
            rest = after;
        } else {
            rest = rest.strip_prefix(',').expect("a comma or CRLF after a field");
        }
    }
    assert!(row.is_empty(), "the last line ends in CRLF");
    rows.remove(0);
    rows
}

fn next_field(text: &str) -> (Option<String>, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\r']).expect("an end of the field");
        let field = &text[..end];
        assert!(!field.contains(['"', '\n']), "a field without quotes holds what needs them");
        return ((!field.is_empty()).then(|| field.to_owned()), &text[end..]);
    };
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"').expect("a closing quote");
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return (Some(field), after),
        }
    }
}
