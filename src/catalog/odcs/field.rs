//! One property of the file as one [`Field`], with what lies inside it.
//!
//! Checks what can be told from the property alone; what needs other fields is `lint`'s.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::checks;
use super::derived::read_derived;
use super::lint::Lines;
use super::mistakes::{Mistakes, did_you_mean};
use super::money::read_money;
use super::privacy;
use super::section::Section;
use super::timestamp;
use super::yaml::Node;
use crate::catalog::contract::{Checks, Field, FieldType, Normalize, SourcePaths};

/// Where a property stands.
pub(super) enum Place<'a> {
    /// A column.
    Top,
    /// A member of the struct with this path.
    Member(&'a str),
    /// The element of the list with this path.
    Element(&'a str),
}

/// Name of the column that the folders of the days add to every reader's table.
const PARTITION_COLUMN: &str = "dt";

/// Keys of the standard that say nothing about the values.
const PROSE_KEYS: &[&str] = &[
    "id",
    "physicalName",
    "businessName",
    "deprecated",
    "synonyms",
    "authoritativeDefinitions",
    "tags",
    "semanticType",
    "criticalDataElement",
    "transformSourceObjects",
    "transformLogic",
    "transformDescription",
    "relationships",
];

/// Keys of the standard that `read` asks for.
const KEYS: &[&str] = &[
    "name",
    "logicalType",
    "logicalTypeOptions",
    "physicalType",
    "description",
    "required",
    "primaryKey",
    "primaryKeyPosition",
    "classification",
    "examples",
    "enum",
    "items",
    "properties",
    "customProperties",
];

/// The field that `node` describes, and its position in the key when it is part of it.
pub(super) fn read(
    node: &Node,
    place: &Place<'_>,
    lines: &mut Lines,
    mistakes: &Mistakes<'_>,
) -> Option<(Field, Option<u32>)> {
    let mut section = Section::new(node, "a field", mistakes)?;
    let (name, path) = match place {
        Place::Element(list) => ("element", format!("{list}[]")),
        Place::Top | Place::Member(_) => {
            let Some((name, line)) = section.required_text("name") else {
                section.finish(&[PROSE_KEYS, KEYS].concat());
                return None;
            };
            check_name(name, line, mistakes);
            match place {
                Place::Member(parent) => (name, format!("{parent}.{name}")),
                _ => (name, name.to_owned()),
            }
        }
    };
    section.what = format!("field `{path}`");
    if matches!(place, Place::Top) && name.eq_ignore_ascii_case(PARTITION_COLUMN) {
        section.mistake("name", "a field may not be called `dt`: the folders of the days are");
    }
    if let Some(earlier) = lines.add_field(&path, section.line) {
        let message = format!("field `{path}` stands on line {earlier} already");
        section.mistake("name", message);
    }

    let custom = section.custom_properties();
    for setting in ["localTime", "derived", "money"] {
        lines.add_setting(&path, setting, custom.line_of(setting));
    }
    if custom.has("privacy") {
        lines.add_setting(&path, "privacy", custom.line_of("privacy"));
    }
    let derived = read_derived(&custom);
    let money = read_money(&custom, place, derived.is_some());
    let typed = read_type(&section, &custom, &path, place, lines);
    let normalize = read_normalize(&custom, typed.as_ref().map(|(data_type, _)| data_type));
    let one_of = read_enum(&section, typed.as_ref().map(|(data_type, _)| data_type));
    check_enum_survives(&section, &one_of, &normalize);
    let coerce = custom.boolean("coerce");
    if coerce && typed.as_ref().is_some_and(|(data_type, _)| !can_coerce(data_type)) {
        custom.mistake(
            "coerce",
            format!("`coerce` is for text, numbers and booleans, not for {}", section.what),
        );
    }
    if derived.is_some() {
        if !matches!(place, Place::Top) {
            custom.mistake("derived", "only top-level fields can be derived");
        }
        for key in ["source", "normalize", "coerce"].into_iter().filter(|key| custom.has(key)) {
            let message = format!("{} is derived, it is not read: it has no `{key}`", section.what);
            custom.mistake(key, message);
        }
    }
    let privacy = privacy::read_field(
        &custom,
        name,
        typed.as_ref().map(|(data_type, _)| data_type),
        typed.as_ref().and_then(|(_, checks)| checks.format),
    );
    let source = read_source(&custom, name, place, derived.is_some());
    let key_position = read_key(&section, place);
    let description = section.prose("description");
    let required = section.boolean("required");
    let classification = section.text("classification").map(|(class, _)| class.to_owned());
    let examples = section.texts("examples").into_iter().map(|(text, _)| text.to_owned()).collect();
    if typed.is_none() {
        // Which keys it may have is not known; the mistake in its type is noted.
        custom.finish(&["epoch", "localTime"]);
        section.finish(&[PROSE_KEYS, KEYS].concat());
    } else {
        custom.finish(&[]);
        section.finish(PROSE_KEYS);
    }
    let (data_type, checks) = typed?;
    let field = Field {
        name: name.to_owned(),
        path: Arc::from(path.as_str()),
        description,
        data_type,
        required,
        source,
        derived,
        coerce,
        normalize,
        checks: Checks { one_of, ..checks },
        money,
        classification,
        privacy,
        examples,
    };
    Some((field, key_position))
}

/// Names are words that SQL, CSV headers and expressions take without quotes.
pub(super) fn check_name(name: &str, line: usize, mistakes: &Mistakes<'_>) {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word {
        mistakes.add(line, format!("the name {name:?} must be letters, digits and `_`"));
    }
}

/// The zone must be one of the bundled database.
pub(super) fn check_zone(zone: &str, line: usize, mistakes: &Mistakes<'_>) {
    if TimeZone::get(zone).is_err() {
        let known: Vec<String> = jiff::tz::db().available().map(|z| z.to_string()).collect();
        let hint = did_you_mean(zone, known.iter().map(String::as_str));
        mistakes.add(line, format!("the time zone {zone:?} is not known{hint}"));
    }
}

#[derive(Clone, Copy)]
enum Logical {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
    Timestamp,
    List,
    Struct,
}

const LOGICAL_TYPES: &[(&str, Logical)] = &[
    ("string", Logical::Text),
    ("integer", Logical::Integer),
    ("number", Logical::Number),
    ("boolean", Logical::Boolean),
    ("date", Logical::Date),
    ("timestamp", Logical::Timestamp),
    ("array", Logical::List),
    ("object", Logical::Struct),
];

fn read_type(
    section: &Section<'_, '_>,
    custom: &Section<'_, '_>,
    path: &str,
    place: &Place<'_>,
    lines: &mut Lines,
) -> Option<(FieldType, Checks)> {
    let mistakes = section.mistakes;
    if !section.has("logicalType") {
        mistakes.add(section.line, format!("{} has no `logicalType`", section.what));
    }
    let logical = section.word("logicalType", LOGICAL_TYPES);
    let physical = section.text("physicalType");
    let all_options = section.section("logicalTypeOptions");
    let options = all_options.as_ref();
    let mut checks = Checks::default();
    let data_type = match logical? {
        Logical::Text if physical.is_some_and(|(name, _)| name == "binary") => FieldType::Binary,
        Logical::Text => {
            checks = options.map(checks::of_text).unwrap_or_default();
            FieldType::Text
        }
        Logical::Integer => {
            checks = options.map(|o| checks::of_number(o, 0)).unwrap_or_default();
            FieldType::Integer
        }
        Logical::Number => {
            let (precision, scale) = read_decimal(section, physical)?;
            checks = options.map(|o| checks::of_number(o, scale)).unwrap_or_default();
            FieldType::Decimal { precision, scale }
        }
        Logical::Boolean => FieldType::Boolean,
        Logical::Date => FieldType::Date,
        Logical::Timestamp => {
            FieldType::Timestamp(timestamp::read(section, options, custom, place))
        }
        Logical::List => {
            checks = options.map(checks::of_list).unwrap_or_default();
            let set = options.is_some_and(|o| o.boolean("uniqueItems"));
            if !section.has("items") {
                mistakes.add(section.line, format!("{} has no `items`", section.what));
            }
            let element = section.get("items")?;
            let (element, _) = read(element, &Place::Element(path), lines, mistakes)?;
            FieldType::List { element: Box::new(element), set }
        }
        Logical::Struct => {
            let properties = section.list("properties");
            if properties.is_empty() {
                mistakes.add(section.line, format!("{} has no `properties`", section.what));
            }
            let mut read_member = |node| read(node, &Place::Member(path), lines, mistakes);
            let members: Vec<_> = properties.iter().map(&mut read_member).collect();
            let members = members.into_iter().map(|member| member.map(|(field, _)| field));
            FieldType::Struct(members.collect::<Option<_>>()?)
        }
    };
    if let Some((name, line)) = physical
        && !matches!(data_type, FieldType::Decimal { .. } | FieldType::Binary)
    {
        let message = "`physicalType` is `decimal(precision,scale)` for a number, `binary` for a \
                       string of bytes, and absent for the rest";
        mistakes.add(line, format!("{message}, not {name:?}"));
    }
    if let Some(options) = all_options {
        checks::finish(options, &data_type);
    }
    Some((data_type, checks))
}

fn read_decimal(section: &Section<'_, '_>, physical: Option<(&str, usize)>) -> Option<(u8, u8)> {
    let Some((text, line)) = physical else {
        let message = format!("{} needs a `physicalType` like decimal(18,3)", section.what);
        section.mistakes.add(section.line, message);
        return None;
    };
    let digits = |text: &str| text.trim().parse::<u8>().ok();
    let parts = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
    let parsed = parts.and_then(|parts| parts.split_once(','));
    let parsed = parsed.and_then(|(precision, scale)| Some((digits(precision)?, digits(scale)?)));
    let why = match parsed {
        None => format!("`physicalType` of {} must be like decimal(18,3)", section.what),
        Some((0, _) | (39.., _)) => "a decimal has a precision from 1 to 38".to_owned(),
        Some((precision, scale)) if scale > precision => {
            "a decimal's scale may not exceed its precision".to_owned()
        }
        Some(_) => return parsed,
    };
    section.mistakes.add(line, format!("{why}, not {text:?}"));
    None
}

fn read_normalize(custom: &Section<'_, '_>, data_type: Option<&FieldType>) -> Vec<Normalize> {
    let words = [
        ("trim", Normalize::Trim),
        ("lowercase", Normalize::Lowercase),
        ("uppercase", Normalize::Uppercase),
        ("emptyToNull", Normalize::EmptyToNull),
    ];
    let steps = custom.words("normalize", &words);
    if !steps.is_empty() && data_type.is_some_and(|t| !matches!(t, FieldType::Text)) {
        custom.mistake("normalize", format!("`normalize` is for text, {} is none", custom.what));
    }
    if steps.contains(&Normalize::Lowercase) && steps.contains(&Normalize::Uppercase) {
        custom.mistake("normalize", "`lowercase` and `uppercase` undo each other");
    }
    steps
}

fn can_coerce(data_type: &FieldType) -> bool {
    matches!(
        data_type,
        FieldType::Text | FieldType::Integer | FieldType::Decimal { .. } | FieldType::Boolean
    )
}

/// The closed list of a text.
fn read_enum(section: &Section<'_, '_>, data_type: Option<&FieldType>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for node in section.list("enum") {
        let what = format!("an `enum` entry of {}", section.what);
        let Some(entry) = Section::new(node, what, section.mistakes) else { continue };
        if let Some((value, line)) = entry.required_text("value") {
            if values.iter().any(|earlier| earlier == value) {
                section.mistakes.add(line, format!("{value:?} stands twice in `enum`"));
            }
            values.push(value.to_owned());
        }
        entry.finish(&[
            "id",
            "label",
            "description",
            "tags",
            "customProperties",
            "authoritativeDefinitions",
        ]);
    }
    if section.has("enum") && data_type.is_some_and(|t| !matches!(t, FieldType::Text)) {
        section.mistake("enum", format!("`enum` is for text, {} is none", section.what));
    }
    values
}

/// A value that normalising changes could never be found.
fn check_enum_survives(section: &Section<'_, '_>, values: &[String], steps: &[Normalize]) {
    for value in values {
        let normal = steps.iter().fold(value.clone(), |text, step| match step {
            Normalize::Trim => text.trim().to_owned(),
            Normalize::Lowercase => text.to_lowercase(),
            Normalize::Uppercase => text.to_uppercase(),
            Normalize::EmptyToNull => text,
        });
        if normal != *value || (value.is_empty() && steps.contains(&Normalize::EmptyToNull)) {
            let message = format!("{value:?} in `enum` is never found: `normalize` changes it");
            section.mistake("enum", message);
        }
    }
}

fn read_source(
    custom: &Section<'_, '_>,
    name: &str,
    place: &Place<'_>,
    is_derived: bool,
) -> SourcePaths {
    let given = custom.section("source");
    let (mut dynamodb, mut mongodb) = (None, None);
    if let Some(section) = given {
        let path = |key| section.text(key).map(|(path, _)| path.to_owned());
        (dynamodb, mongodb) = (path("dynamodb"), path("mongodb"));
        for path in [&dynamodb, &mongodb].into_iter().flatten() {
            if path.split('.').any(str::is_empty) {
                let message = format!("the source path {path:?} has an empty part");
                section.mistakes.add(section.line, message);
            }
            if matches!(place, Place::Member(_)) && path.contains('.') {
                let message = format!(
                    "the source path {path:?} must be one name: only top-level fields descend"
                );
                section.mistakes.add(section.line, message);
            }
        }
        if matches!(place, Place::Element(_)) {
            section.mistakes.add(section.line, "the element of a list has no `source`");
        }
        section.finish(&[]);
    }
    if is_derived || matches!(place, Place::Element(_)) {
        return SourcePaths::default();
    }
    let split = |path: Option<String>| {
        path.as_deref().unwrap_or(name).split('.').map(str::to_owned).collect()
    };
    SourcePaths { dynamodb: split(dynamodb), mongodb: split(mongodb) }
}

fn read_key(section: &Section<'_, '_>, place: &Place<'_>) -> Option<u32> {
    let is_key = section.boolean("primaryKey");
    let position = section.count("primaryKeyPosition");
    if is_key && !matches!(place, Place::Top) {
        section.mistake("primaryKey", "only top-level fields can be part of the key");
        return None;
    }
    if position.is_some() && !is_key {
        let message = format!("{} has a key position without `primaryKey: true`", section.what);
        section.mistake("primaryKeyPosition", message);
    }
    // Positions begin at 1, so 0 stands for none.
    is_key.then(|| position.unwrap_or(0))
}
