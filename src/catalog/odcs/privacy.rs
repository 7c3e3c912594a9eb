//! Personal fields: the custom property `privacy` of a dataset and of a field, and what must hold
//! between them.

use super::lint::{Lines, Lint};
use super::section::Section;
use super::yaml::Value;
use crate::catalog::contract::{Contract, Derived, Field, FieldType, Format};
use crate::catalog::expression::parse_number;
use crate::catalog::privacy::{
    DEFAULT_AFTER_DAYS, FieldPrivacy, Forget, MAX_QUARANTINE_DAYS, Privacy, Pseudonym, Then,
    TimeUnit,
};

/// The clock of a dataset that does not name one and has such a field.
const USUAL_CLOCK: &str = "created_at";

/// What the dataset declares as a whole, with an empty clock when it names none.
pub(super) fn read_dataset(section: Section<'_, '_>, lines: &mut Lines) -> Privacy {
    lines.privacy = Some(section.line);
    let names = |key| section.texts(key).into_iter().map(|(name, _)| name.to_owned()).collect();
    let privacy = Privacy {
        clock: section.text("clock").map(|(name, _)| name.to_owned()).unwrap_or_default(),
        subject: names("subject"),
        quasi_identifiers: names("quasiIdentifiers"),
        k: section.count("k"),
        quarantine_days: section.count("quarantineDays").unwrap_or(MAX_QUARANTINE_DAYS),
    };
    if privacy.k.is_some_and(|k| k < 2) {
        section.mistake("k", "`k` must be at least 2: every row shares its values with itself");
    }
    if privacy.k.is_some() && privacy.quasi_identifiers.is_empty() {
        section.mistake("k", "`k` counts rows that share `quasiIdentifiers`, and there are none");
    }
    if !(1..=MAX_QUARANTINE_DAYS).contains(&privacy.quarantine_days) {
        let message = format!("`quarantineDays` must be 1 to {MAX_QUARANTINE_DAYS}");
        section.mistake("quarantineDays", message);
    }
    section.finish(&[]);
    privacy
}

/// What becomes of the field with these custom properties.
pub(super) fn read_field(
    custom: &Section<'_, '_>,
    name: &str,
    data_type: Option<&FieldType>,
    format: Option<Format>,
) -> FieldPrivacy {
    let Some(section) = custom.section("privacy") else { return FieldPrivacy::default() };
    let domain = section.text("domain").map(|(domain, _)| domain.to_owned());
    let at_once = section
        .word("atOnce", &[("pseudonym", ())])
        .map(|()| Pseudonym { domain: domain.clone().unwrap_or_else(|| name.to_owned()) });
    if domain.is_some() && !section.has("atOnce") {
        section.mistake("domain", "`domain` is for `atOnce: pseudonym`, which is not there");
    }
    if at_once.is_some() && data_type.is_some_and(|t| !matches!(t, FieldType::Text)) {
        let message = format!("`atOnce: pseudonym` is for text, {} is none", custom.what);
        section.mistake("atOnce", message);
    }
    let after_days = section.count("afterDays");
    // `then: null` is a word here, and YAML's own null.
    let is_said = section.names("then");
    let then = if section.has("then") {
        data_type.and_then(|data_type| read_then(&section, data_type, format))
    } else {
        Some(Then::Null)
    };
    let is_whole = matches!(then, None | Some(Then::Drop | Then::Null));
    if at_once.is_some() && !is_whole {
        let message = "nothing but `drop` or `null` can become of a pseudonym";
        section.mistake("then", message);
    }
    if !is_said && after_days.is_none() && !section.has("atOnce") {
        let message = format!("{} must have `atOnce`, `afterDays` or `then`", section.what);
        section.mistakes.add(section.line, message);
    }
    section.finish(&["then"]);
    let after = (is_said || after_days.is_some()).then_some(()).and(then);
    let after_days = after_days.unwrap_or(DEFAULT_AFTER_DAYS);
    FieldPrivacy { at_once, after: after.map(|then| Forget { after_days, then }) }
}

/// What stays of a value of `data_type`.
fn read_then(
    section: &Section<'_, '_>,
    data_type: &FieldType,
    format: Option<Format>,
) -> Option<Then> {
    let node = section.get("then")?;
    if !matches!(node.value, Value::Map(_)) {
        return section.word("then", &[("drop", Then::Drop), ("null", Then::Null)]);
    }
    let then = section.section("then")?;
    let read = match (then.has("truncate"), then.has("generalise")) {
        (true, false) => read_truncate(&then, data_type),
        (false, true) => read_generalise(&then, data_type, format),
        _ => {
            let message = format!("{} must have one of truncate, generalise", then.what);
            then.mistakes.add(then.line, message);
            None
        }
    };
    then.finish(&["truncate", "generalise"]);
    read
}

fn read_truncate(then: &Section<'_, '_>, data_type: &FieldType) -> Option<Then> {
    let units = match data_type {
        FieldType::Text => {
            let characters = then.count("truncate")?;
            if characters == 0 {
                then.mistake("truncate", "no character is left of a text: say `null`");
            }
            return Some(Then::FirstCharacters(characters));
        }
        FieldType::Timestamp(_) => TimeUnit::WORDS.as_slice(),
        // A day has no hour, and is a day already.
        FieldType::Date => TimeUnit::WORDS.get(2..).unwrap_or_default(),
        _ => {
            let message = "`truncate` is for text (a number of characters) and times (hour, day, \
                           month, year)";
            then.mistake("truncate", message);
            return None;
        }
    };
    then.word("truncate", units).map(Then::DownTo)
}

fn read_generalise(
    then: &Section<'_, '_>,
    data_type: &FieldType,
    format: Option<Format>,
) -> Option<Then> {
    let (to, line) = then.text("generalise")?;
    let most_digits = match data_type {
        FieldType::Text if format == Some(Format::Email) && to == "domain" => {
            return Some(Then::EmailDomain);
        }
        FieldType::Text if to == "domain" => {
            then.mistakes.add(line, "`generalise: domain` is for a field of `format: email`");
            return None;
        }
        FieldType::Text => return Some(Then::Word(to.to_owned())),
        FieldType::Integer => 0,
        FieldType::Decimal { scale, .. } => *scale,
        _ => {
            then.mistakes.add(line, "`generalise` is for text and numbers");
            return None;
        }
    };
    match parse_number(to) {
        Some((unscaled @ 1.., scale)) if scale <= most_digits => {
            Some(Then::Multiple { unscaled, scale })
        }
        _ => {
            let message = format!(
                "`generalise` of a number must be a number above 0 that is no finer, not {to:?}"
            );
            then.mistakes.add(line, message);
            None
        }
    }
}

/// Gives the clock and the personal fields of a private dataset what the file leaves open.
pub(super) fn fill_in(contract: &mut Contract) {
    let Some(privacy) = &mut contract.privacy else { return };
    if privacy.clock.is_empty() {
        let has_usual = contract.fields.iter().any(|field| field.name == USUAL_CLOCK);
        let business_date = &contract.business_date.field;
        privacy.clock = if has_usual { USUAL_CLOCK.to_owned() } else { business_date.clone() };
    }
    for field in &mut contract.fields {
        fill_in_field(field);
    }
}

/// A personal field without a policy is forgotten; what stands in it goes with it.
fn fill_in_field(field: &mut Field) {
    if field.classification.is_some() && field.privacy.is_none() {
        let then = Then::Null;
        field.privacy.after = Some(Forget { after_days: DEFAULT_AFTER_DAYS, then });
    } else if field.privacy.is_none()
        && let FieldType::Struct(members) = &mut field.data_type
    {
        members.iter_mut().for_each(fill_in_field);
    }
}

/// What stands around a field.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    /// Whether a struct around it has a class of personal data.
    is_personal: bool,
    /// Days after which a struct around it goes.
    goes_after_days: Option<u32>,
    /// Path of the list it stands in.
    list: Option<&'a str>,
}

impl Lint<'_> {
    /// Notes every mistake about personal fields.
    pub(super) fn check_privacy(&self) {
        if let (Some(privacy), Some(line)) = (&self.contract.privacy, self.lines.privacy) {
            self.check_dataset_privacy(privacy, line);
        }
        for field in &self.contract.fields {
            self.check_personal(field, Around::default());
        }
        self.check_uses_of_personal_fields();
    }

    fn check_dataset_privacy(&self, privacy: &Privacy, line: usize) {
        self.check_use(line, "the clock field", &privacy.clock, "a timestamp", |t| {
            matches!(t, FieldType::Timestamp(_))
        });
        for name in &privacy.subject {
            let Some(field) = self.field(line, "the subject field", name) else { continue };
            if !matches!(field.data_type, FieldType::Text) || field.derived.is_some() {
                let message = format!("the subject field `{name}` must be a text that is read");
                self.mistakes.add(line, message);
            }
        }
        for path in &privacy.quasi_identifiers {
            let first = path.split('.').next().unwrap_or_default();
            let top = self.field(line, "the quasi-identifier", first);
            if top.is_some() && self.contract.fields_down_to(path).is_empty() {
                let message =
                    format!("the quasi-identifier `{path}` is no field, or stands in a list");
                self.mistakes.add(line, message);
            }
        }
    }

    fn check_personal(&self, field: &Field, around: Around<'_>) {
        let is_private = self.contract.privacy.is_some();
        let is_personal = around.is_personal || field.classification.is_some();
        let line = if self.lines.has_setting(&field.path, "privacy") {
            self.lines.setting(&field.path, "privacy")
        } else {
            self.lines.field(&field.path)
        };
        let path = &field.path;
        let say = |message: String| self.mistakes.add(line, message);
        if !field.privacy.is_none() {
            if !is_private {
                say(format!("`{path}` has `privacy`, but the dataset has none"));
            }
            if !is_personal {
                say(format!("`{path}` has `privacy`, so it needs a `classification`"));
            }
        }
        if let Some(list) = around.list
            && is_private
            && (field.classification.is_some() || !field.privacy.is_none())
        {
            say(format!("`{path}` stands in a list: its class and privacy belong to `{list}`"));
            return;
        }
        if let Some(forget) = &field.privacy.after {
            self.check_forget(field, forget, around, line);
        }
        let goes_after_days = field.privacy.after.as_ref().map(|forget| forget.after_days);
        let inside = Around {
            is_personal,
            goes_after_days: goes_after_days.or(around.goes_after_days),
            list: around.list,
        };
        match &field.data_type {
            FieldType::Struct(members) => {
                members.iter().for_each(|member| self.check_personal(member, inside));
            }
            FieldType::List { element, .. } => {
                self.check_personal(element, Around { list: Some(path), ..inside });
            }
            _ => {}
        }
    }

    fn check_forget(&self, field: &Field, forget: &Forget, around: Around<'_>, line: usize) {
        let path = &field.path;
        let say = |message: String| self.mistakes.add(line, message);
        if field.required && matches!(forget.then, Then::Drop | Then::Null) {
            say(format!(
                "`{path}` is required, it cannot become NULL: say what stays of it in `privacy`"
            ));
        }
        if forget.then == Then::Drop && (field.derived.is_some() || path.contains('.')) {
            say(format!("`drop` is for top-level fields that are read: say `null` of `{path}`"));
        }
        if around.goes_after_days.is_some_and(|days| days <= forget.after_days) {
            say(format!(
                "`{path}` has a policy that never comes to pass: its struct goes before it"
            ));
        }
        if around.goes_after_days.is_none()
            && matches!(field.data_type, FieldType::Struct(_) | FieldType::List { .. })
            && !matches!(forget.then, Then::Drop | Then::Null)
        {
            say(format!("`{path}` can only be dropped or become NULL as a whole"));
        }
    }

    /// What rows stand or fall with must stay as it was judged.
    fn check_uses_of_personal_fields(&self) {
        let Contract { key, version_field, business_date, unique, .. } = self.contract;
        let clock = self.contract.privacy.as_ref().map(|privacy| privacy.clock.as_str());
        for field in self.contract.fields.iter().filter(|field| !field.privacy.is_none()) {
            let name = &field.name;
            let what = if key.contains(name) {
                "a key field"
            } else if name == version_field {
                "the version field"
            } else if *name == business_date.field
                || matches!(field.derived, Some(Derived::BusinessDate))
            {
                "the business date"
            } else if Some(name.as_str()) == clock {
                "the clock of its privacy"
            } else if matches!(field.derived, Some(Derived::MissingFields)) {
                "what is known of missing fields"
            } else if field.privacy.after.is_some()
                && unique.iter().any(|rule| rule.fields.contains(name))
            {
                "compared by a rule over several rows"
            } else {
                continue;
            };
            let line = self.lines.field(&field.path);
            self.mistakes.add(
                line,
                format!("`{name}` is {what}, it cannot be forgotten: it has no `privacy`"),
            );
        }
    }
}
