//! Every mistake that a contract can hold, with its line and what was probably meant.

use consign::catalog::parse_contract;
use consign::error::ErrorKind;

use super::{SOUND, assert_told};

/// What is told about the sound contract with `from` replaced by `to`. Lines are relative to the
/// first changed one.
fn told(from: &str, to: &str) -> Vec<String> {
    assert_eq!(SOUND.matches(from).count(), 1, "{from:?} must stand once");
    let changed = SOUND.replace(from, to);
    let first = SOUND[..SOUND.find(from).unwrap()].matches('\n').count() + 1;
    let Err(error) = parse_contract(&changed, "c.yaml") else { return vec![] };
    assert_eq!(error.kind(), ErrorKind::Usage);
    let relative = |line: &str| {
        let rest = line.strip_prefix("  c.yaml:").unwrap();
        let (number, what) = rest.split_once(": ").unwrap();
        let away = number.parse::<i64>().unwrap() - i64::try_from(first).unwrap();
        format!("{away:+} {what}")
    };
    error.to_string().lines().skip(1).map(relative).collect()
}

fn check(cases: &[(&str, &str, &[&str])]) {
    assert_eq!(told(SOUND, SOUND), [""; 0]);
    assert_told(cases, told);
}

#[test]
fn in_the_file_as_a_whole() {
    check(&[
        (
            "apiVersion: v3.2.0",
            "apiVersion: v3.1.0",
            &[
                "+0 `apiVersion` of the contract must be one of v3.2.0, not \"v3.1.0\" (did you mean \"v3.2.0\"?)",
            ],
        ),
        (
            "kind: DataContract",
            "kind: Dataset",
            &["+0 `kind` of the contract must be one of DataContract, not \"Dataset\""],
        ),
        (
            "id: parcels-v1",
            "idd: parcels-v1",
            &[
                "-2 the contract has no `id`",
                "+0 the contract has no key \"idd\" (did you mean \"id\"?)",
            ],
        ),
        ("version: 1.2.0", "version: 1.2", &["+0 `version` must be like 1.0.0, not \"1.2\""]),
        ("version: 1.2.0", "version: 01.2.0", &["+0 `version` must be like 1.0.0, not \"01.2.0\""]),
        (
            "name: parcels\nversion",
            "name: parcel\nversion",
            &["+0 the contract is called \"parcel\", its dataset \"parcels\""],
        ),
        (
            "status: active",
            "stauts: active",
            &["+0 the contract has no key \"stauts\" (did you mean \"status\"?)"],
        ),
        (
            "status: active",
            "status: active\nstatus: draft",
            &["+1 key `status` stands twice in the contract"],
        ),
        (
            "purpose: Parcels.",
            "porpose: Parcels.",
            &[
                "+0 `description` of the contract has no key \"porpose\" (did you mean \"purpose\"?)",
            ],
        ),
        (
            "status: active",
            "status: !loud active",
            &["+0 tags (`!name`) are not used in contracts"],
        ),
        (
            "status: active",
            "status: &a active\ntenant: *a",
            &["+1 aliases (`*name`) are not used in contracts"],
        ),
        (
            "status: active",
            "status: active\n---",
            &["+1 a contract is one YAML document, a second begins"],
        ),
        (SOUND, "", &["+0 the file is empty"]),
        (SOUND, "- a", &["+0 the contract is a list, it must be a mapping"]),
        (SOUND, "a: [1", &["+0 unclosed bracket '['"]),
        (SOUND, "[a]: 1", &["+0 a key must be a single word"]),
    ]);
}

#[test]
fn in_the_dataset() {
    check(&[
        (
            "property: versionField",
            "property: versionFeild",
            &[
                "-3 the dataset has no `versionField`",
                "+0 the dataset has no custom property \"versionFeild\" (did you mean \"versionField\"?)",
            ],
        ),
        (
            "property: versionField\n",
            "property: versionField\n        note: x\n",
            &["+1 a custom property of the dataset has no key \"note\""],
        ),
        (
            "value: updated_at",
            "value: update_at",
            &[
                "+0 the version field `update_at` is no top-level field (did you mean \"updated_at\"?)",
            ],
        ),
        (
            "value: updated_at",
            "value: status",
            &[
                "+0 the version field `status` must be a timestamp or integer",
                "+0 the version field `status` must be required",
            ],
        ),
        (
            "value: updated_at",
            "value: offset_minutes",
            &[
                "+0 the version field `offset_minutes` must be required",
                "+0 the version field `offset_minutes` must be read, it is derived",
            ],
        ),
        (
            "{field: created_at, zone: Europe/Berlin}",
            "{field: creatd_at, zone: Europe/Berlin}",
            &[
                "+0 the business date's field `creatd_at` is no top-level field (did you mean \"created_at\"?)",
            ],
        ),
        (
            "{field: created_at, zone: Europe/Berlin}",
            "{field: weight, zone: Europe/Berlin}",
            &[
                "+0 the business date's field `weight` must be a timestamp",
                "+0 the business date's field `weight` must be required",
            ],
        ),
        (
            "{field: created_at, zone: Europe/Berlin}",
            "{field: created_at, zone: Europe/Belrin}",
            &["+0 the time zone \"Europe/Belrin\" is not known (did you mean \"Europe/Berlin\"?)"],
        ),
        (
            "{field: created_at, zone: Europe/Berlin}",
            "created_at",
            &["+0 `businessDate` of the dataset is a single value, it must be a mapping"],
        ),
        (
            "{field: created_at, zone: Europe/Berlin}",
            "{field: created_at}",
            &["+0 `businessDate` of the dataset has no `zone`"],
        ),
        (
            "maxDepth: 20",
            "maxDepht: 20",
            &["+0 `limits` of the dataset has no key \"maxDepht\" (did you mean \"maxDepth\"?)"],
        ),
        ("maxDepth: 20", "maxDepth: 0", &["+0 `maxDepth` of 0 would refuse every row"]),
        (
            "maxDepth: 20",
            "maxDepth: -1",
            &["+0 `maxDepth` of `limits` of the dataset must be a whole number in range"],
        ),
        (
            "maxDepth: 20",
            "maxDepth: 5000000000",
            &["+0 `maxDepth` of `limits` of the dataset must be a whole number in range"],
        ),
        (
            "        primaryKey: true\n",
            "",
            &["-14 the dataset has no key: no field has `primaryKey: true`"],
        ),
        (
            "primaryKey: true",
            "primaryKey: true\n        primaryKeyPosition: 2",
            &["-3 key field `parcel_id` must have `primaryKeyPosition: 1`: positions run from 1"],
        ),
        (
            "        required: true\n        primaryKey: true",
            "        primaryKey: true",
            &["-2 a key field `parcel_id` must be required"],
        ),
        (
            "      - name: is_fragile\n",
            "      - name: is_fragile\n        primaryKey: true\n",
            &[
                "-36 key field `parcel_id` must have `primaryKeyPosition: 1`: positions run from 1",
                "+0 key field `is_fragile` must have `primaryKeyPosition: 2`: positions run from 1",
                "+0 a key field `is_fragile` must be text or integer",
                "+0 a key field `is_fragile` must be required",
            ],
        ),
        (
            "      - name: is_fragile\n",
            "      - name: is_fragile\n        primaryKeyPosition: 1\n",
            &["+1 field `is_fragile` has a key position without `primaryKey: true`"],
        ),
    ]);
}

#[test]
fn in_names_and_types() {
    check(&[
        (
            "- name: status",
            "- name: parcel status",
            &["+0 the name \"parcel status\" must be letters, digits and `_`"],
        ),
        (
            "- name: status",
            "- name: 1status",
            &["+0 the name \"1status\" must be letters, digits and `_`"],
        ),
        (
            "- name: status",
            "- name: dt",
            &["+0 a field may not be called `dt`: the folders of the days are"],
        ),
        ("- name: status", "- name: Weight", &["+14 field `weight` stands on line 31 already"]),
        (
            "- name: city",
            "- name: country",
            &["+0 field `address.country` stands on line 96 already"],
        ),
        (
            "- name: status",
            "- nmae: status",
            &[
                "+0 a field has no `name`",
                "+0 a field has no key \"nmae\" (did you mean \"name\"?)",
            ],
        ),
        (
            "logicalType: boolean",
            "logicalType: bool",
            &[
                "+0 `logicalType` of field `is_fragile` must be one of string, integer, number, boolean, date, timestamp, array, object, not \"bool\"",
            ],
        ),
        (
            "logicalType: boolean",
            "logicaltype: boolean",
            &[
                "-1 field `is_fragile` has no `logicalType`",
                "+0 field `is_fragile` has no key \"logicaltype\" (did you mean \"logicalType\"?)",
            ],
        ),
        (
            "logicalType: boolean",
            "logicalType: boolean\n        physicalType: bit",
            &[
                "+1 `physicalType` is `decimal(precision,scale)` for a number, `binary` for a string of bytes, and absent for the rest, not \"bit\"",
            ],
        ),
        (
            "logicalType: boolean",
            "logicalType: boolean\n        unique: true",
            &["+1 field `is_fragile` has no key \"unique\""],
        ),
        (
            "decimal(9,3)",
            "decimal(9)",
            &["+0 `physicalType` of field `weight` must be like decimal(18,3), not \"decimal(9)\""],
        ),
        (
            "decimal(9,3)",
            "decimal(39,3)",
            &["+0 a decimal has a precision from 1 to 38, not \"decimal(39,3)\""],
        ),
        (
            "decimal(9,3)",
            "decimal(9,10)",
            &["+0 a decimal's scale may not exceed its precision, not \"decimal(9,10)\""],
        ),
        (
            "        physicalType: decimal(9,3)\n",
            "",
            &["-2 field `weight` needs a `physicalType` like decimal(18,3)"],
        ),
        (
            "required: false",
            "required: maybe",
            &["+0 `required` of field `weight` must be true or false"],
        ),
        (
            "- name: town\n",
            "- name: town\n              primaryKey: true\n",
            &["+1 only top-level fields can be part of the key"],
        ),
        (
            "            - name: town\n              logicalType: string\n            - name: fee\n              logicalType: number\n              physicalType: decimal(9,2)\n",
            "",
            &["-3 field `stops[]` has no `properties`"],
        ),
        (
            "        items:\n          logicalType: object\n",
            "        itmes:\n          logicalType: object\n",
            &[
                "-2 field `stops` has no `items`",
                "+0 field `stops` has no key \"itmes\" (did you mean \"items\"?)",
            ],
        ),
    ]);
}

#[test]
fn in_checks() {
    check(&[
        (
            "p[0-9]+",
            "p[0-9+",
            &[
                "+0 `pattern` of `logicalTypeOptions` of field `parcel_id` is no regular expression: unclosed character class",
            ],
        ),
        (
            "p[0-9]+",
            "p)(",
            &[
                "+0 `pattern` of `logicalTypeOptions` of field `parcel_id` is no regular expression: unopened group",
            ],
        ),
        (
            "minLength: 2, maxLength: 10",
            "minLength: 12, maxLength: 10",
            &[
                "+0 `minLength` of `logicalTypeOptions` of field `status` is greater than its `maxLength`",
            ],
        ),
        (
            "minLength: 2, maxLength: 10",
            "minLenght: 2, maxLength: 10",
            &[
                "+0 `logicalTypeOptions` of field `status` has no key \"minLenght\" (did you mean \"minLength\"?)",
            ],
        ),
        (
            "minLength: 2, maxLength: 10",
            "minLength: two, maxLength: 10",
            &[
                "+0 `minLength` of `logicalTypeOptions` of field `status` must be a whole number in range",
            ],
        ),
        (
            "minLength: 2, maxLength: 10",
            "minimum: 2",
            &["+0 `logicalTypeOptions` of field `status` has no key \"minimum\""],
        ),
        (
            "format: uuid",
            "format: uid",
            &[
                "+0 `format` of `logicalTypeOptions` of field `reference` must be one of email, uuid, not \"uid\" (did you mean \"uuid\"?)",
            ],
        ),
        (
            "minimum: 0.001",
            "minimum: 0.0001",
            &[
                "+0 `minimum` of `logicalTypeOptions` of field `weight` has more digits after the point than its field, not \"0.0001\"",
            ],
        ),
        (
            "minimum: 0.001",
            "minimum: 1e3",
            &[
                "+0 `minimum` of `logicalTypeOptions` of field `weight` must be a number written with digits and a point, not \"1e3\"",
            ],
        ),
        (
            "minimum: 0.001",
            "minimum: 71",
            &[
                "+0 `minimum` of `logicalTypeOptions` of field `weight` is greater than its `maximum`",
            ],
        ),
        (
            "{minimum: 1}",
            "{minimum: 0.5}",
            &[
                "+0 `minimum` of `logicalTypeOptions` of field `pieces` has more digits after the point than its field, not \"0.5\"",
            ],
        ),
        (
            "{minimum: 1}",
            "{exclusiveMinimum: 0}",
            &["+0 `logicalTypeOptions` of field `pieces` has no key \"exclusiveMinimum\""],
        ),
        (
            "maximum: \"70\"",
            "maximum: 99999999999999999999999999999999999999",
            &["+0 `maximum` of `logicalTypeOptions` of field `weight` is beyond its field"],
        ),
        (
            "minItems: 1",
            "minItems: 6",
            &[
                "+0 `minItems` of `logicalTypeOptions` of field `marks` is greater than its `maxItems`",
            ],
        ),
        (
            "maximum: \"2100-01-01T00:00:00Z\"",
            "maximum: \"1999-01-01T00:00:00Z\"",
            &[
                "+0 `minimum` of `logicalTypeOptions` of field `created_at` is greater than its `maximum`",
            ],
        ),
        (
            "maximum: \"2100-01-01T00:00:00Z\"",
            "maximum: \"2100-01-01\"",
            &[
                "+0 `maximum` of `logicalTypeOptions` of field `created_at` must be an instant like 2000-01-01T00:00:00Z, not \"2100-01-01\"",
            ],
        ),
        (
            ", maximum: \"2100-01-01T00:00:00Z\"",
            "",
            &["+0 `logicalTypeOptions` of field `created_at` has no `maximum`"],
        ),
        (
            "        logicalTypeOptions: {minimum: \"2000-01-01T00:00:00Z\", maximum: \"2100-01-01T00:00:00Z\"}\n",
            "",
            &[
                "-3 field `created_at` needs `logicalTypeOptions` with the `minimum` and `maximum` instant",
            ],
        ),
        ("value: lost", "value: sent", &["+0 \"sent\" stands twice in `enum`"]),
        (
            "value: lost",
            "value: Lost",
            &["-2 \"Lost\" in `enum` is never found: `normalize` changes it"],
        ),
        (
            "value: lost",
            "vlaue: lost",
            &[
                "+0 an `enum` entry of field `status` has no `value`",
                "+0 an `enum` entry of field `status` has no key \"vlaue\" (did you mean \"value\"?)",
            ],
        ),
        (
            "      - name: is_fragile\n",
            "      - name: is_fragile\n        enum: [{value: yes}]\n",
            &["+1 `enum` is for text, field `is_fragile` is none"],
        ),
        (
            "      - name: is_fragile\n",
            "      - name: is_fragile\n        logicalTypeOptions: {pattern: y}\n",
            &["+1 `logicalTypeOptions` of field `is_fragile` has no key \"pattern\""],
        ),
    ]);
}

#[test]
fn in_custom_properties() {
    check(&[
        (
            "[trim, lowercase]",
            "[trim, lowcase]",
            &[
                "+0 `normalize` of field `status` must be one of trim, lowercase, uppercase, emptyToNull, not \"lowcase\" (did you mean \"lowercase\"?)",
            ],
        ),
        (
            "[trim, lowercase]",
            "[uppercase, lowercase]",
            &["-1 `lowercase` and `uppercase` undo each other"],
        ),
        (
            "[trim, lowercase]",
            "trim",
            &["+0 `normalize` of field `status` is a single value, it must be a list"],
        ),
        (
            "property: coerce",
            "property: coerse",
            &["+0 field `weight` has no custom property \"coerse\" (did you mean \"coerce\"?)"],
        ),
        (
            "property: coerce",
            "property: normalize",
            &["+1 `normalize` of field `weight` is a single value, it must be a list"],
        ),
        (
            "- property: coerce\n            value: true",
            "- property: coerce",
            &["+0 a custom property of field `weight` has no `value`"],
        ),
        (
            "property: epoch",
            "property: coerce",
            &["+1 `coerce` of field `updated_at` must be true or false"],
        ),
        (
            "value: milliseconds",
            "value: millis",
            &[
                "+0 `epoch` of field `updated_at` must be one of seconds, milliseconds, microseconds, not \"millis\"",
            ],
        ),
        (
            "gap: later",
            "gap: latter",
            &[
                "+0 `gap` of `localTime` of field `created_at` must be one of reject, earlier, later, not \"latter\" (did you mean \"later\"?)",
            ],
        ),
        ("gap: later, ", "", &["+0 `localTime` of field `created_at` has no `gap`"]),
        (
            "zoneField: zone, ",
            "zoneField: zoen, ",
            &[
                "-1 `zoneField` of `created_at`: `zoen` is no top-level field (did you mean \"zone\"?)",
            ],
        ),
        (
            "zoneField: zone, ",
            "zoneField: pieces, ",
            &["-1 `zoneField` of `created_at`: `pieces` must be a text that is read"],
        ),
        (
            "zoneField: zone, ",
            "zone: UTC, ",
            &["+0 `localTime` has either a `zone`, or a `zoneField` and maybe a `default`"],
        ),
        (
            "default: Europe/Paris",
            "default: Europe/Pariss",
            &["+0 the time zone \"Europe/Pariss\" is not known (did you mean \"Europe/Paris\"?)"],
        ),
        (
            "{dynamodb: pk, mongodb: _id}",
            "{dynamo: pk, mongodb: _id}",
            &[
                "+0 `source` of field `parcel_id` has no key \"dynamo\" (did you mean \"dynamodb\"?)",
            ],
        ),
        (
            "{dynamodb: pk, mongodb: _id}",
            "{dynamodb: a..b}",
            &["+0 the source path \"a..b\" has an empty part"],
        ),
        (
            "{mongodb: town}",
            "{mongodb: in.town}",
            &["+0 the source path \"in.town\" must be one name: only top-level fields descend"],
        ),
        (
            "value: businessDate",
            "value: bussinessDate",
            &[
                "+0 `derived` of field `sent_date` must be one of businessDate, missingFields, not \"bussinessDate\" (did you mean \"businessDate\"?)",
            ],
        ),
        (
            "value: businessDate",
            "value: missingFields",
            &["-1 `sent_date` holds names, it must be an array of string"],
        ),
        (
            "value: missingFields",
            "value: businessDate",
            &["-1 `absent` is the business date, it must be a date"],
        ),
        (
            "{offsetMinutes: created_at}",
            "{offsetMinutes: create_at}",
            &[
                "-1 `offsetMinutes` of `offset_minutes`: `create_at` is no top-level field (did you mean \"created_at\"?)",
            ],
        ),
        (
            "{offsetMinutes: created_at}",
            "{offsetMinutes: zone}",
            &["-1 `offsetMinutes` of `offset_minutes`: `zone` must be a timestamp"],
        ),
        (
            "{offsetMinutes: created_at}",
            "businessDate",
            &["-1 `offset_minutes` is the business date, it must be a date"],
        ),
        (
            "value: missingFields",
            "value: missingFields\n          - property: coerce\n            value: false",
            &["+1 field `absent` is derived, it is not read: it has no `coerce`"],
        ),
    ]);
}

#[test]
fn in_columns_derived_from_a_time() {
    let derived = "{offsetMinutes: created_at}";
    check(&[
        (
            derived,
            "{timeVerdict: created_at}",
            &["-1 `offset_minutes` holds a word, it must be a string"],
        ),
        (
            derived,
            "{timeZone: created_at}",
            &["-1 `offset_minutes` holds the name of a zone, it must be a string"],
        ),
        (
            derived,
            "{timeVerdict: created_at, timeZone: created_at}",
            &[
                "-1 `offset_minutes` holds a word, it must be a string",
                "+0 `derived` of field `offset_minutes` must have one of offsetMinutes, timeVerdict, timeZone, usd, fxRate, fxRateDate, fxSource",
            ],
        ),
        (
            derived,
            "{}",
            &[
                "+0 `derived` of field `offset_minutes` must have one of offsetMinutes, timeVerdict, timeZone, usd, fxRate, fxRateDate, fxSource",
            ],
        ),
        (
            derived,
            "{timeVerdikt: created_at}",
            &[
                "+0 `derived` of field `offset_minutes` must have one of offsetMinutes, timeVerdict, timeZone, usd, fxRate, fxRateDate, fxSource",
                "+0 `derived` of field `offset_minutes` has no key \"timeVerdikt\" (did you mean \"timeVerdict\"?)",
            ],
        ),
        (
            "logicalType: integer\n        customProperties:\n          - property: derived\n            value: {offsetMinutes: created_at}",
            "logicalType: string\n        customProperties:\n          - property: derived\n            value: {timeVerdict: updated_at}",
            &["+2 `offset_minutes`: without `localTime` all of `updated_at` is exact"],
        ),
        (
            "logicalType: integer\n        customProperties:\n          - property: derived\n            value: {offsetMinutes: created_at}",
            "logicalType: string\n        customProperties:\n          - property: derived\n            value: {timeZone: updated_at}",
            &["+2 `offset_minutes`: without `localTime` no zone of `updated_at` is known"],
        ),
        (
            "logicalType: integer\n        customProperties:\n          - property: derived\n            value: {offsetMinutes: created_at}",
            "logicalType: string\n        required: true\n        customProperties:\n          - property: derived\n            value: {timeZone: created_at}",
            &["+3 `offset_minutes` is required, but it is null where no zone is known"],
        ),
        (
            "gap: later, fold: reject}",
            "gap: later, fold: reject, offset: keep}",
            &[
                "+0 `offset` of `localTime` of field `created_at` must be one of trust, reject, not \"keep\"",
            ],
        ),
        ("gap: later, fold: reject}", "gap: later, fold: reject, offset: reject}", &[]),
    ]);
}

#[test]
fn in_rules() {
    check(&[
        (
            "- name: heavy",
            "- nmae: heavy",
            &["+0 a rule has no `name`", "+0 a rule has no key \"nmae\" (did you mean \"name\"?)"],
        ),
        (
            "- name: heavy",
            "- name: one_reference",
            &["+8 rule `one_reference` stands on line 140 already"],
        ),
        (
            "- name: heavy",
            "- name: outside_window",
            &["+0 a rule may not be called `outside_window`: the ledger uses it"],
        ),
        (
            "- name: heavy",
            "- name: deleted_in_source",
            &["+0 a rule may not be called `deleted_in_source`: the ledger uses it"],
        ),
        (
            "arguments: {properties: [reference]}",
            "arguments: {properties: [reference], whenNull: reject}",
            &[
                "+0 `whenNull` of `arguments` of rule `one_reference` must be one of keep, act, not \"reject\"",
            ],
        ),
        (
            "metric: duplicateValues",
            "metric: duplicateValues\n        severity: warning",
            &[
                "+1 `severity` of rule `one_reference` must be one of reject, exclude, warn, not \"warning\"",
            ],
        ),
        (
            "type: custom",
            "type: costum",
            &[
                "+0 `type` of rule `heavy` must be one of custom, library, not \"costum\" (did you mean \"custom\"?)",
            ],
        ),
        ("        type: custom\n", "", &["-1 rule `heavy` has no `type`"]),
        (
            "type: custom",
            "type: sql",
            &["+0 `type` of rule `heavy` must be one of custom, library, not \"sql\""],
        ),
        (
            "engine: consign",
            "engine: soda",
            &["+0 `engine` of rule `heavy` must be one of consign, not \"soda\""],
        ),
        (
            "severity: exclude",
            "severity: exclud",
            &[
                "+0 `severity` of rule `heavy` must be one of reject, exclude, warn, not \"exclud\" (did you mean \"exclude\"?)",
            ],
        ),
        ("        severity: exclude\n", "", &["-3 rule `heavy` has no `severity`"]),
        (
            "        description: The carrier takes no more.\n",
            "",
            &["-4 rule `heavy` has no `description`: people need its reason"],
        ),
        (
            "whenNull: act",
            "whenNul: act",
            &[
                "+0 `implementation` of rule `heavy` has no key \"whenNul\" (did you mean \"whenNull\"?)",
            ],
        ),
        (
            "whenNull: act",
            "whenNull: reject",
            &[
                "+0 `whenNull` of `implementation` of rule `heavy` must be one of keep, act, not \"reject\"",
            ],
        ),
        (
            "expression: weight > 60.5",
            "expresion: weight > 60.5",
            &[
                "+0 `implementation` of rule `heavy` has no `expression`",
                "+0 `implementation` of rule `heavy` has no key \"expresion\" (did you mean \"expression\"?)",
            ],
        ),
        (
            "weight > 60.5",
            "weigth > 60.5",
            &[
                "+0 the expression of rule `heavy`: there is no field `weigth` (did you mean \"weight\"?)",
            ],
        ),
        (
            "weight > 60.5",
            "weight > ",
            &["+0 the expression of rule `heavy`: column 9: a value is missing"],
        ),
        (
            "weight > 60.5",
            "weight + 60.5",
            &["+0 the expression of rule `heavy`: it must be true or false, it is a number"],
        ),
        (
            "weight > 60.5",
            "weight > 'x'",
            &[
                "+0 the expression of rule `heavy`: `weight` is a number, `'x'` is a text: they cannot be compared",
            ],
        ),
        (
            "weight > 60.5",
            "sum(stops.fe) > 1",
            &[
                "+0 the expression of rule `heavy`: there is no field `stops.fe` (did you mean \"fee\"?)",
            ],
        ),
        (
            "metric: duplicateValues",
            "metric: duplicateValue",
            &[
                "+0 `metric` of rule `one_reference` must be one of duplicateValues, not \"duplicateValue\" (did you mean \"duplicateValues\"?)",
            ],
        ),
        (
            "mustBe: 0",
            "mustBe: 1",
            &["+0 `mustBe` of rule `one_reference` must be one of 0, not \"1\""],
        ),
        (
            "[reference]",
            "[refrence]",
            &[
                "+0 rule `one_reference`: `refrence` is no top-level field (did you mean \"reference\"?)",
            ],
        ),
        (
            "[reference]",
            "[marks]",
            &["+0 rule `one_reference`: `marks` is a list or struct, it cannot be unique"],
        ),
        ("[reference]", "[]", &["+0 rule `one_reference` names no `properties`"]),
    ]);
}

#[test]
fn all_at_once() {
    let broken = SOUND
        .replace("version: 1.2.0", "version: one")
        .replace("status: active", "stauts: active")
        .replace("maxDepth: 20", "maxDepht: 20")
        .replace("zone: Europe/Berlin", "zone: Europe/Berln")
        .replace("p[0-9]+", "p[0-9")
        .replace("lowercase", "lowcase")
        .replace("decimal(9,3)", "decimal(93)")
        .replace("property: coerce", "property: coerse")
        .replace("logicalType: boolean", "logicalType: bool")
        .replace("minItems: 1", "minItems: 9")
        .replace("{zoneField: zone,", "{zonefield: zone,")
        .replace("value: milliseconds", "value: millis")
        .replace("weight > 60.5", "pieces > > 1")
        .replace("[reference]", "[refrence]");
    insta::assert_snapshot!(parse_contract(&broken, "schemas/parcels/v1.odcs.yaml").unwrap_err());
}
