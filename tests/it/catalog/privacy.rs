//! Contracts with personal fields: what they say, what they leave open, and what is a mistake.

use consign::catalog::{
    Contract, FieldPrivacy, Forget, Pseudonym, Then, TimeUnit, describe, parse_contract,
};

use super::assert_told;

const VISITORS: &str = include_str!("../../data/visitors.odcs.yaml");

fn visitors() -> Contract {
    parse_contract(VISITORS, "c").unwrap()
}

/// What is told about the contract of visitors with `from` replaced by `to`, without the lines.
fn told(from: &str, to: &str) -> Vec<String> {
    assert_eq!(VISITORS.matches(from).count(), 1, "{from:?} must stand once");
    let Err(error) = parse_contract(&VISITORS.replace(from, to), "c") else { return vec![] };
    let what = |line: &str| {
        let (number, what) = line.strip_prefix("  c:").unwrap().split_once(": ").unwrap();
        assert!(number.parse::<usize>().unwrap() > 1);
        what.to_owned()
    };
    error.to_string().lines().skip(1).map(what).collect()
}

#[test]
fn a_contract_says_what_becomes_of_each_field() {
    let contract = visitors();
    let of = |path: &str| contract.fields_down_to(path).pop().unwrap().privacy.clone();
    let after =
        |after_days, then| FieldPrivacy { at_once: None, after: Some(Forget { after_days, then }) };
    let at_once = |domain: &str| Some(Pseudonym { domain: domain.to_owned() });
    assert_eq!(of("person"), FieldPrivacy { at_once: at_once("person"), after: None });
    assert_eq!(of("email"), after(90, Then::EmailDomain));
    assert_eq!(of("name"), after(90, Then::Null), "what a class means that says nothing");
    assert_eq!(of("tags"), after(90, Then::Null));
    let phone = FieldPrivacy { at_once: at_once("phone"), ..after(90, Then::Drop) };
    assert_eq!(of("phone"), phone, "the domain is the name");
    assert_eq!(of("plan"), after(90, Then::Word("other".to_owned())));
    assert_eq!(of("age"), after(90, Then::Multiple { unscaled: 10, scale: 0 }));
    assert_eq!(of("spent"), after(90, Then::Multiple { unscaled: 5, scale: 1 }));
    assert_eq!(of("born"), after(90, Then::DownTo(TimeUnit::Year)));
    assert_eq!(of("seen_at"), after(90, Then::DownTo(TimeUnit::Hour)));
    assert_eq!(of("address.city"), after(90, Then::Null), "the null of YAML is meant");
    assert_eq!(of("address.postal_code"), after(90, Then::FirstCharacters(2)));
    assert!(of("address.country").is_none() && of("address").is_none());
    let privacy = contract.privacy.as_ref().unwrap();
    assert_eq!((privacy.clock.as_str(), privacy.quarantine_days), ("created_at", 14));
    assert_eq!(contract.privacy_periods().into_iter().collect::<Vec<_>>(), [90]);
    assert!(contract.takes_pseudonyms());
}

#[test]
fn what_becomes_of_fields_is_described() {
    let text = describe(&visitors());
    for line in [
        "periods count from created_at; a person is told by email or person; rows of age that share \
         address.country, age are counted; refused rows are kept for 14 days",
        "at once a pseudonym of domain `phone`; after 90 days NULL and missing",
        "after 90 days its domain",
        "after 90 days the multiple of 0.5 below it",
        "after 90 days cut down to the year",
        "after 90 days its first 2 characters",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
}

#[test]
fn contracts_without_privacy_say_nothing_of_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("schemas/exported_orders/v2.odcs.yaml");
    let contract = consign::catalog::load_contract(&file).unwrap();
    assert!(contract.privacy.is_none() && contract.policies().is_empty());
}

#[test]
fn mistakes_are_told() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "subject: [email, person]",
            "subjects: [email]",
            &["`privacy` of the dataset has no key \"subjects\" (did you mean \"subject\"?)"],
        ),
        (
            "subject: [email, person]",
            "subject: [emial]",
            &["the subject field `emial` is no top-level field (did you mean \"email\"?)"],
        ),
        (
            "subject: [email, person]",
            "subject: [age]",
            &["the subject field `age` must be a text that is read"],
        ),
        (
            "[address.country, age]",
            "[address.county]",
            &["the quasi-identifier `address.county` is no field, or stands in a list"],
        ),
        (
            "[address.country, age]",
            "[age], k: 1",
            &["`k` must be at least 2: every row shares its values with itself"],
        ),
        (
            "quasiIdentifiers: [address.country, age]",
            "k: 5",
            &["`k` counts rows that share `quasiIdentifiers`, and there are none"],
        ),
        ("quarantineDays: 14", "quarantineDays: 31", &["`quarantineDays` must be 1 to 30"]),
        (
            "quarantineDays: 14",
            "clock: seen_at",
            &[
                "the clock field `seen_at` must be required",
                "`seen_at` is the clock of its privacy, it cannot be forgotten: it has no `privacy`",
            ],
        ),
        (
            "then: {generalise: domain}",
            "then: {generalise: domian}, when: 3",
            &["`privacy` of field `email` has no key \"when\" (did you mean \"then\"?)"],
        ),
        (
            "then: drop",
            "then: delete",
            &["`then` of `privacy` of field `phone` must be one of drop, null, not \"delete\""],
        ),
        (
            "then: drop",
            "then: {truncate: 3}",
            &["nothing but `drop` or `null` can become of a pseudonym"],
        ),
        (
            "{then: {generalise: 10}}",
            "{atOnce: pseudonym}",
            &["`atOnce: pseudonym` is for text, field `age` is none"],
        ),
        (
            "{then: {generalise: 10}}",
            "{then: {generalise: 0}}",
            &["`generalise` of a number must be a number above 0 that is no finer, not \"0\""],
        ),
        (
            "{then: {generalise: 10}}",
            "{then: {truncate: 1}}",
            &["`truncate` is for text (a number of characters) and times (hour, day, month, year)"],
        ),
        (
            "{then: {truncate: year}}",
            "{then: {truncate: hour}}",
            &[
                "`truncate` of `then` of `privacy` of field `born` must be one of month, year, not \"hour\"",
            ],
        ),
        (
            "{atOnce: pseudonym, domain: person}",
            "{domain: person}",
            &[
                "`person` is required, it cannot become NULL: say what stays of it in `privacy`",
                "`domain` is for `atOnce: pseudonym`, which is not there",
                "`privacy` of field `person` must have `atOnce`, `afterDays` or `then`",
            ],
        ),
        (
            "{then: {generalise: other}}",
            "{then: {generalise: domain}}",
            &["`generalise: domain` is for a field of `format: email`"],
        ),
        (
            "{atOnce: pseudonym, domain: street, then: null}",
            "{then: drop}",
            &["`drop` is for top-level fields that are read: say `null` of `address.street`"],
        ),
        (
            "      - name: address\n        logicalType: object\n",
            "      - name: address\n        logicalType: object\n        classification: pii\n        customProperties: [{property: privacy, value: {afterDays: 60}}]\n",
            &[
                "`address.city` has a policy that never comes to pass: its struct goes before it",
                "`address.postal_code` has a policy that never comes to pass: its struct goes before it",
                "`address.street` has a policy that never comes to pass: its struct goes before it",
            ],
        ),
        (
            "        classification: pii\n        items:\n          logicalType: string\n",
            "        items:\n          logicalType: string\n          classification: pii\n",
            &["`tags[]` stands in a list: its class and privacy belong to `tags`"],
        ),
        (
            "        primaryKey: true\n",
            "        primaryKey: true\n        classification: pii\n        customProperties: [{property: privacy, value: {atOnce: pseudonym}}]\n",
            &["`id` is a key field, it cannot be forgotten: it has no `privacy`"],
        ),
        (
            "        classification: pii\n        logicalTypeOptions:\n",
            "        logicalTypeOptions:\n",
            &["`email` has `privacy`, so it needs a `classification`"],
        ),
    ];
    assert_told(cases, told);
}

#[test]
fn privacy_of_fields_needs_that_of_the_dataset() {
    let of_dataset = VISITORS.find("      - property: privacy\n").unwrap();
    let end = VISITORS[of_dataset..].match_indices('\n').nth(1).unwrap().0;
    let mut text = VISITORS.to_owned();
    text.replace_range(of_dataset..=of_dataset + end, "");
    let error = parse_contract(&text, "c").unwrap_err().to_string();
    assert!(error.contains("`email` has `privacy`, but the dataset has none"), "{error}");
    assert!(!error.contains("`name`"), "a class alone is no mistake: {error}");
}
