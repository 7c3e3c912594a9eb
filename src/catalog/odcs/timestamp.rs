//! How instants may be written, and what a time without an offset means: `epoch` and `localTime`.
//!
//! Does not own the field that holds them (`field`) nor resolving a time (`transform`).

use super::checks;
use super::field::{Place, check_zone};
use super::section::Section;
use crate::catalog::contract::{
    EpochUnit, GapFold, LocalTime, TextZone, TimestampType, WrittenOffset,
};

/// Form and range of the timestamp that `section` describes.
pub(super) fn read(
    section: &Section<'_, '_>,
    options: Option<&Section<'_, '_>>,
    custom: &Section<'_, '_>,
    place: &Place<'_>,
) -> TimestampType {
    let (min_micros, max_micros) = match options {
        Some(options) => checks::of_timestamp(options),
        None => {
            let message = format!(
                "{} needs `logicalTypeOptions` with the `minimum` and `maximum` instant",
                section.what
            );
            section.mistakes.add(section.line, message);
            (0, 0)
        }
    };
    let epoch = custom.word(
        "epoch",
        &[
            ("seconds", EpochUnit::Seconds),
            ("milliseconds", EpochUnit::Milliseconds),
            ("microseconds", EpochUnit::Microseconds),
        ],
    );
    let local = custom.section("localTime").and_then(read_local_time);
    if custom.has("localTime") && !matches!(place, Place::Top) {
        custom.mistake("localTime", "only top-level fields can have `localTime`");
    }
    TimestampType { epoch, local, min_micros, max_micros }
}

fn read_local_time(section: Section<'_, '_>) -> Option<LocalTime> {
    let words =
        &[("reject", GapFold::Reject), ("earlier", GapFold::Earlier), ("later", GapFold::Later)];
    for key in ["gap", "fold"] {
        if !section.has(key) {
            section.mistake(key, format!("{} has no `{key}`", section.what));
        }
    }
    let (gap, fold) = (section.word("gap", words), section.word("fold", words));
    let offset = section
        .word("offset", &[("trust", WrittenOffset::Trust), ("reject", WrittenOffset::Reject)]);
    let fixed = section.text("zone");
    let field = section.text("zoneField");
    let default = section.text("default");
    for (zone, line) in [fixed, default].into_iter().flatten() {
        check_zone(zone, line, section.mistakes);
    }
    let zone = match (fixed, field) {
        (Some((zone, _)), None) if default.is_none() => Some(TextZone::Fixed(zone.to_owned())),
        (None, Some((field, _))) => Some(TextZone::Field {
            field: field.to_owned(),
            default: default.map(|(zone, _)| zone.to_owned()),
        }),
        _ => {
            let message = "`localTime` has either a `zone`, or a `zoneField` and maybe a `default`";
            section.mistakes.add(section.line, message);
            None
        }
    };
    section.finish(&[]);
    let offset = offset.unwrap_or(WrittenOffset::Trust);
    Some(LocalTime { zone: zone?, gap: gap?, fold: fold?, offset })
}
