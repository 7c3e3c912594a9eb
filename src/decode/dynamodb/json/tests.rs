use super::*;
use crate::catalog::Limits;
use proptest::prelude::*;
use serde_json::Value;

fn accepts(json: &[u8]) -> bool {
    let mut walk = Walk::new(&Limits::default());
    let mut scanner = Scanner::new(json);
    scanner.skip_value(&mut walk).and_then(|()| scanner.expect_end()).is_ok()
}

fn string(json: &[u8]) -> Option<String> {
    let mut scanner = Scanner::new(json);
    let text = scanner.string().ok()?;
    scanner.expect_end().ok()?;
    String::from_utf8(text.decode(&mut Vec::new()).to_vec()).ok()
}

#[test]
fn what_serde_json_refuses_is_refused() {
    for json in [
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "{,}",
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        "{1:2}",
        "01",
        "-",
        "+1",
        "1.",
        ".1",
        "1e",
        "1e+",
        "0x1",
        "tru",
        "truee",
        "nul",
        "NaN",
        "'a'",
        "\"a",
        "\"\\",
        "\"\\u12\"",
        "\"\\x41\"",
        "\"\n\"",
        "\"\t\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "[1 2]",
        "1 2",
        "{} {}",
        "\u{feff}1",
        "[\u{a0}1]",
        "\"\\u+123\"",
        "\0",
        "// a\n1",
        "\"\u{1f}\"",
    ] {
        assert!(serde_json::from_str::<Value>(json).is_err(), "{json}: serde_json takes it");
        assert!(!accepts(json.as_bytes()), "{json}: we take it");
    }
}

#[test]
fn a_hundred_thousand_brackets_are_no_crash() {
    let deep = "[".repeat(100_000);
    assert!(!accepts(deep.as_bytes()));
    assert!(accepts((deep + &"]".repeat(100_000)).as_bytes()));
    let deep = r#"{"a":"#.repeat(100_000);
    assert!(accepts(format!("{deep}1{}", "}".repeat(100_000)).as_bytes()));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whole_and_damaged_json_is_taken_as_serde_json_takes_it(
        json in any_json(), at: prop::sample::Index, damage in r#"[\[\]{}:,"\\ 0-9eE.+-]{0,2}"#, byte: u8,
    ) {
        let json = serde_json::to_vec(&json).unwrap();
        prop_assert!(accepts(&json));
        let at = at.index(json.len() + 1);
        let mut inserted = json.clone();
        inserted.splice(at..at, damage.bytes());
        let mut replaced = json.clone();
        if let Some(place) = replaced.get_mut(at) {
            *place = byte;
        }
        for damaged in [&json[..at], &inserted, &replaced] {
            let wanted = match serde_json::from_slice::<Value>(damaged) {
                Ok(_) => true,
                // A number that no double can hold may be JSON all the same.
                Err(e) if e.to_string().starts_with("number out of range") => continue,
                Err(_) => false,
            };
            prop_assert_eq!(accepts(damaged), wanted, "{}", String::from_utf8_lossy(damaged));
        }
    }

    #[test]
    fn strings_mean_what_serde_json_says(
        parts in prop::collection::vec(
            prop_oneof![
                any::<char>().prop_map(String::from),
                "\\\\[\"\\\\/bfnrtux0]",
                any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
                (0xd7ff_u16..0xe001).prop_map(|unit| format!("\\u{unit:04X}")),
                any::<char>().prop_map(|c| {
                    c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect()
                }),
                "[a-z \"]{1,12}",
            ],
            0..8,
        ),
    ) {
        let json = format!("\"{}\"", parts.concat());
        prop_assert_eq!(string(json.as_bytes()), serde_json::from_str(&json).ok(), "{}", json);
    }

    #[test]
    fn strings_of_any_bytes_are_utf8_or_refused(bytes: Vec<u8>) {
        let json = [b"\"", bytes.as_slice(), b"\""].concat();
        prop_assert_eq!(string(&json), serde_json::from_slice::<String>(&json).ok());
    }
}
