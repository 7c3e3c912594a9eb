"""What the sources say, read by code that shares nothing with the program.

Knows the two source formats and the few rules of the `exported_orders` contract that decide
which row of a key is the newest and which rows are left out. Does not judge the rest: a row that
was refused is taken from the quarantine, and everything else must be published.
"""

import base64
import gzip
import json
import re
import struct
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bson.binary import Binary
from bson.decimal128 import Decimal128

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2000, 2100))
BUSINESS_ZONE = ZoneInfo("America/New_York")
OPTIONAL = (
    "tax_amount settlement_amount coupon_codes shipping_address customer_email gift_message "
    "is_gift receipt_digest delivery_date time_zone"
).split()


class Unreadable:
    """In place of a value that stands twice or is no value of its format."""


UNREADABLE = Unreadable()
ABSENT = object()


@dataclass(frozen=True)
class Number:
    """A number of DynamoDB, as it is written."""

    text: str


@dataclass(frozen=True)
class Instant:
    """A BSON date."""

    millis: int


@dataclass
class SourceRow:
    """One row of a source, in the order that decides between equal versions."""

    source: int
    file: str
    ordinal: int
    offset: int
    raw: bytes
    fields: dict | None

    @property
    def place(self):
        return (self.file, self.offset)

    def get(self, name):
        """The value of a top-level contract field, or ABSENT, or UNREADABLE."""
        if self.fields is None:
            return UNREADABLE
        if self.is_mongodb:
            if name == "order_id":
                return self.fields.get("_id", ABSENT)
            if name == "shipping_address":
                shipping = self.fields.get("shipping", ABSENT)
                return shipping.get("address", ABSENT) if isinstance(shipping, dict) else shipping
        return self.fields.get(name, ABSENT)

    @property
    def is_mongodb(self):
        return ".bson" in self.file


# The sources of a job.


def read_sources(project: Path, job: str) -> list[SourceRow]:
    """Every row of every source of a job, in the order in which the sources have them."""
    sources = tomllib.loads((project / "jobs" / f"{job}.toml").read_text())["source"]
    readers = {"dynamodb_export": dynamodb_export_rows, "mongodump": mongodump_rows}
    rows = []
    for number, source in enumerate(sources):
        rows += readers[source["kind"]](number, project / source["url"])
    return rows


def dynamodb_export_rows(source: int, folder: Path):
    for line in (folder / "manifest-files.json").read_text().splitlines():
        name = Path(json.loads(line)["dataFileS3Key"]).name
        offset = ordinal = 0
        for raw in gzip.decompress((folder / "data" / name).read_bytes()).splitlines(keepends=True):
            text = raw.rstrip(b"\r\n")
            if text.strip():
                yield SourceRow(source, name, ordinal, offset, text, dynamodb_item(text))
                ordinal += 1
            offset += len(raw)


def mongodump_rows(source: int, path: Path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    offset = ordinal = 0
    while offset < len(data):
        (size,) = struct.unpack_from("<i", data, offset)
        raw = data[offset : offset + size]
        assert len(raw) == size, f"{path} is cut"
        yield SourceRow(source, path.name, ordinal, offset, raw, mongodb_document(raw))
        offset, ordinal = offset + size, ordinal + 1


# Values of DynamoDB JSON.


def dynamodb_item(line: bytes) -> dict | None:
    try:
        item = json.loads(line.decode(), object_pairs_hook=without_repeats)["Item"]
        return {name: dynamodb_value(value) for name, value in item.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def without_repeats(pairs):
    result = {}
    for name, value in pairs:
        result[name] = UNREADABLE if name in result else value
    return result


def dynamodb_value(tagged):
    if tagged is UNREADABLE:
        return UNREADABLE
    ((tag, value),) = tagged.items()
    match tag:
        case "N":
            return Number(value)
        case "NS":
            return [Number(number) for number in value]
        case "B":
            return bytes_of_base64(value)
        case "NULL":
            return None
        case "L":
            return [dynamodb_value(element) for element in value]
        case "M":
            return {name: dynamodb_value(member) for name, member in value.items()}
        case _:
            return value


def bytes_of_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return UNREADABLE


# Values of BSON.


def mongodb_document(raw: bytes) -> dict | None:
    try:
        return bson_members(raw)
    except (ValueError, struct.error, IndexError):
        return None


def bson_members(raw: bytes) -> dict:
    if raw[-1] != 0:
        raise ValueError("a document does not end where it says")
    members, at = {}, 4
    while raw[at] != 0:
        kind = raw[at]
        end = raw.index(0, at + 1)
        name = raw[at + 1 : end].decode()
        value, at = bson_value(kind, raw, end + 1)
        members[name] = UNREADABLE if name in members else value
    return members


def bson_value(kind: int, raw: bytes, at: int):
    def number(form, size):
        return struct.unpack_from(form, raw, at)[0], at + size

    match kind:
        case 0x01:
            return number("<d", 8)
        case 0x02:
            (size,) = struct.unpack_from("<i", raw, at)
            text = raw[at + 4 : at + 4 + size - 1]
            return decoded(text), at + 4 + size
        case 0x03 | 0x04:
            (size,) = struct.unpack_from("<i", raw, at)
            members = bson_members(raw[at : at + size])
            return (members if kind == 0x03 else list(members.values())), at + size
        case 0x05:
            size, subtype = struct.unpack_from("<iB", raw, at)
            content = raw[at + 5 : at + 5 + size]
            return bytes(Binary(content, subtype)), at + 5 + size
        case 0x07:
            return ("object_id", raw[at : at + 12]), at + 12
        case 0x08:
            return raw[at] == 1, at + 1
        case 0x09:
            millis, end = number("<q", 8)
            return Instant(millis), end
        case 0x0A:
            return None, at
        case 0x10:
            return number("<i", 4)
        case 0x11:
            value, end = number("<Q", 8)
            return ("timestamp", value), end
        case 0x12:
            return number("<q", 8)
        case 0x13:
            return Decimal128.from_bid(raw[at : at + 16]).to_decimal(), at + 16
        case _:
            raise ValueError(f"BSON type {kind} is not in the samples")


def decoded(text: bytes):
    try:
        return text.decode()
    except UnicodeDecodeError:
        return UNREADABLE


# What the contract makes of a value. None: null or not readable as its type.


def key_of(row: SourceRow) -> str | None:
    value = row.get("order_id")
    if isinstance(value, str):
        return value.strip() or None
    number = exact_number(value)
    if number is None or number != number.to_integral_value():
        return None
    return str(int(number))


def exact_number(value) -> Decimal | None:
    """The number a source value stands for, without rounding; text is not a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Number):
        value = Decimal(value.text) if re.fullmatch(NUMBER, value.text) else None
    if isinstance(value, float):
        # A double stands for a number only where it is a whole one that it can tell apart.
        value = Decimal(value) if value.is_integer() and abs(value) <= 2**53 else None
    if isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    return value


def decimal_of(value, precision: int, scale: int) -> Decimal | None:
    number = exact_number(value)
    if number is None or abs(number) >= Decimal(10) ** (precision - scale):
        return None
    try:
        return number.quantize(
            Decimal(1).scaleb(-scale), context=Context(prec=80, traps=[Inexact])
        )
    except Inexact:
        return None


NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"

TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?"
)


def timestamp_of(value, epoch_seconds: bool, zone_name=None):
    """(µs since 1970 UTC, offset in minutes), or None."""
    if isinstance(value, Instant):
        return in_range(value.millis * 1000, 0)
    if isinstance(value, str):
        return timestamp_of_text(value, zone_name)
    number = exact_number(value) if epoch_seconds else None
    if number is None:
        return None
    micros = number * 1_000_000
    return in_range(int(micros), 0) if micros == int(micros) else None


def timestamp_of_text(text: str, zone_name):
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    *fields, fraction, offset = found.groups()
    fraction = (fraction or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        return None
    try:
        local = datetime(*map(int, fields), int(fraction[:6]))
    except ValueError:
        return None
    if offset is None:
        offset_minutes = zone_offset_minutes(local, zone_name)
        if offset_minutes is None:
            return None
    elif offset in "Zz":
        offset_minutes = 0
    else:
        digits = offset[1:].replace(":", "")
        offset_minutes = int(digits[:2]) * 60 + int(digits[2:])
        offset_minutes *= -1 if offset[0] == "-" else 1
    utc = local.replace(tzinfo=timezone.utc) - timedelta(minutes=offset_minutes)
    return in_range((utc - EPOCH) // MICROSECOND, offset_minutes)


def zone_offset_minutes(local: datetime, zone_name) -> int | None:
    """Offset of a local time: the earlier of two, none for a time that never happened."""
    try:
        zone = ZoneInfo(zone_name) if isinstance(zone_name, str) else None
    except (ZoneInfoNotFoundError, ValueError):
        zone = None
    if zone is None:
        return None
    resolved = local.replace(tzinfo=zone, fold=0)
    back = resolved.astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None)
    return int(resolved.utcoffset() / timedelta(minutes=1)) if back == local else None


def in_range(micros: int, offset_minutes: int):
    earliest, latest = ((bound - EPOCH) // MICROSECOND for bound in (EARLIEST, LATEST))
    return (micros, offset_minutes) if earliest <= micros <= latest else None


def created_at(row: SourceRow):
    return timestamp_of(row.get("created_at"), False, row.get("time_zone"))


def updated_at(row: SourceRow):
    return timestamp_of(row.get("updated_at"), True)


def business_date(row: SourceRow) -> date | None:
    created = created_at(row)
    if created is None:
        return None
    return (EPOCH + created[0] * MICROSECOND).astimezone(BUSINESS_ZONE).date()


def missing_fields(row: SourceRow) -> list[str]:
    return sorted(name for name in OPTIONAL if row.get(name) is ABSENT)


def exclusion(row: SourceRow, first: date, last: date) -> str | None:
    """The rule that leaves the row out, the first in order."""
    day = business_date(row)
    if day is not None and not first <= day <= last:
        return "outside_window"
    key = key_of(row)
    if key is not None and re.fullmatch(r"[0-9]+", key) and int(key) < 1000:
        return "legacy_ids_2024_policy"
    total = decimal_of(row.get("total_amount"), 18, 3)
    if total is not None and total < 1:
        return "minimum_order_amount"
    return None


def newest_copies(rows: list[SourceRow]):
    """(rows that decide, older copies): rows whose key or version cannot be read stand alone."""
    alone, copies = [], {}
    for order, row in enumerate(rows):
        key, version = key_of(row), updated_at(row)
        if key is None or version is None:
            alone.append(row)
        else:
            copies.setdefault(key, []).append((version[0], order, row))
    newest, older = [], []
    for versions in copies.values():
        versions.sort(key=lambda version: version[:2])
        older += [row for _, _, row in versions[:-1]]
        newest.append(versions[-1][2])
    return alone + newest, older
