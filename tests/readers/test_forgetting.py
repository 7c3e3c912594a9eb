"""Nothing is left of personal data whose time is over: not in a value that a reader gets, not in a
byte of a file, not in a line of a log."""

import base64
import gzip
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import ROOT, Project

# Stands in every personal value, and nowhere else.
MARKER = "arkerword"
PUBLISHED_AT = "2026-08-04T00:00:00Z"
# Ninety days are over for all three days, and so are fourteen since the refused rows were first seen,
# which is told by the clock of the machine.
LONG_AFTER = "2099-01-01T00:00:00Z"
DAYS = ["2026-08-01", "2026-08-02", "2026-08-03"]
ROWS_OF_A_DAY = 30

JOB_FILE = """
[job]
dataset = "people@1"
description = "People of three days."

[days]
first = "2026-08-01"
last = "2026-08-03"

[[source]]
kind = "dynamodb_export"
url = "export"

[target]
url = "out/people"
latest = true

[[sink]]
format = "parquet"

[[sink]]
format = "csv"

[reject]
max_percent = 50
"""


def person(number: int, day: str, paid: str) -> dict:
    return {
        "id": {"S": f"id{number:04}"},
        "email": {"S": f"m{MARKER}.{number:04}@example.org"},
        "member": {"S": f"M{MARKER}-{number:04}"},
        "name": {"S": f'Ann "M{MARKER}" {number},\nthe {number}th'},
        "address": {
            "M": {"country": {"S": "DE"}, "street": {"S": f"M{MARKER} Street {number % 3}"}}
        },
        "notes": {"L": [{"S": "plain"}, {"S": f"m{MARKER} note {number}"}]},
        "paid": {"N": paid},
        "created_at": {"S": f"{day}T12:00:00Z"},
    }


def people(extra: int) -> list[dict]:
    """Orders of every day, of each day one that is refused and `extra` that were not there before."""
    items = []
    for index, day in enumerate(DAYS, start=1):
        numbers = range(100 * index, 100 * index + ROWS_OF_A_DAY + extra)
        items += [person(number, day, "10.50") for number in numbers]
        items.append(person(100 * index + 90, day, "a lot"))
    return items


def write_export(folder: Path, items: list[dict]) -> None:
    """A full export as DynamoDB writes it, of one file."""

    def md5(content: bytes) -> bytes:
        return hashlib.md5(content).digest()

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    lines = "".join(json.dumps({"Item": item}) + "\n" for item in items)
    data = gzip.compress(lines.encode(), mtime=0)
    (folder / "data" / "file-0000.json.gz").write_bytes(data)
    listed = {
        "itemCount": len(items),
        "md5Checksum": base64.b64encode(md5(data)).decode(),
        "etag": md5(data).hex(),
        "dataFileS3Key": "AWSDynamoDB/export/data/file-0000.json.gz",
    }
    summary = {
        "version": "2020-06-30",
        "exportArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/people/export/export",
        "startTime": "2026-08-04T00:00:00.000Z",
        "endTime": "2026-08-04T00:10:00.000Z",
        "exportTime": "2026-08-04T00:00:00.000Z",
        "tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/people",
        "tableId": "00000000-0000-4000-8000-000000000000",
        "s3Bucket": "exports",
        "s3Prefix": None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": "AWSDynamoDB/export/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": len(items),
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }
    for name, text in (
        ("manifest-files", json.dumps(listed) + "\n"),
        ("manifest-summary", json.dumps(summary) + "\n"),
    ):
        (folder / f"{name}.json").write_text(text)
        (folder / f"{name}.md5").write_bytes(base64.b64encode(md5(text.encode())))


class People:
    """A project with people in it, and every word that the program said about them."""

    def __init__(self, root: Path):
        for folder in ("jobs", "schemas/people"):
            (root / folder).mkdir(parents=True)
        shutil.copy(ROOT / "tests/data/people.odcs.yaml", root / "schemas/people/v1.odcs.yaml")
        (root / "jobs" / "people.toml").write_text(JOB_FILE)
        self.project = Project(root)
        self.said = ""

    def consign(self, *arguments) -> dict:
        done = self.project.consign("-vv", *arguments, "--json")
        self.said += done.stdout + done.stderr
        return json.loads(done.stdout)

    def publish_twice(self) -> None:
        """Publishes three days, and again with more people, so that old versions lie about."""
        for extra in (0, 2):
            write_export(self.project.root / "export", people(extra))
            self.consign("run", "people", "--as-of", PUBLISHED_AT)

    def retention(self, command: str, as_of: str) -> dict:
        return self.consign("retention", command, "people", "--as-of", as_of)

    def files(self) -> list[Path]:
        """Every file but what the project was made of: the dataset, and what runs keep for later."""
        made_of = ("export", "jobs", "schemas")
        files = [path for path in self.project.root.rglob("*") if path.is_file()]
        return sorted(
            path
            for path in files
            if path.relative_to(self.project.root).parts[0] not in made_of
        )


def texts_of(value) -> Iterator[bytes]:
    """Every text and every binary value in what a reader gives, however deep."""
    if isinstance(value, str):
        yield value.encode()
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value)
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, (list, tuple)):
        for element in value:
            yield from texts_of(element)


def by_pyarrow(file: Path) -> Iterator[bytes]:
    for column in pa.parquet.read_table(file).columns:
        yield from texts_of(column.to_pylist())


def by_duckdb(file: Path) -> Iterator[bytes]:
    rows = duckdb.read_parquet(str(file))
    # An instant holds no text, and to become one of Python's it would need another package.
    held = [f'"{name}"' for name, kind in zip(rows.columns, rows.types) if "TIME" not in str(kind)]
    yield from texts_of(rows.project(", ".join(held)).fetchall())


def footer(file: Path) -> Iterator[bytes]:
    """What a file says of its columns: names, least and greatest values, what its writer added."""
    metadata = pa.parquet.read_metadata(file)
    yield from texts_of(list((metadata.metadata or {}).items()))
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            found = metadata.row_group(group).column(column)
            yield found.path_in_schema.encode()
            if found.is_stats_set and found.statistics.has_min_max:
                yield from texts_of([found.statistics.min_raw, found.statistics.max_raw])


READERS = {"pyarrow": by_pyarrow, "duckdb": by_duckdb, "footer": footer}


def traces(files: list[Path], word: str) -> set[tuple[str, str]]:
    """Where `word` stands, in whatever case: the file's kind of place, and who found it."""
    found = set()

    def holds(content: bytes) -> bool:
        return word.lower().encode() in content.lower()

    for file in files:
        place = next((part for part in file.parts if part.startswith(("_", "latest"))), "elsewhere")
        kind = f"{place} {file.suffix}"
        if holds(file.read_bytes()):
            found.add((kind, "bytes"))
        if file.suffix == ".parquet":
            for reader, read in READERS.items():
                if any(holds(text) for text in read(file)):
                    found.add((kind, reader))
    return found


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory) -> People:
    """People that were published and then forgotten, with what was found of them on the way."""
    made = People(tmp_path_factory.mktemp("people"))
    made.publish_twice()
    early = made.retention("apply", PUBLISHED_AT)
    assert early["outcome"] == "nothing_to_do"
    made.before = traces(made.files(), MARKER)
    made.planned = made.retention("plan", LONG_AFTER)
    made.still = traces(made.files(), MARKER)
    made.applied = made.retention("apply", LONG_AFTER)
    return made


def test_the_marker_is_found_everywhere_until_retention_is_applied(forgotten):
    for trace in [
        ("_data .parquet", "pyarrow"),
        ("_data .parquet", "duckdb"),
        ("_data .parquet", "footer"),
        ("_data .csv", "bytes"),
        ("latest .parquet", "pyarrow"),
        ("latest .csv", "bytes"),
        ("_quarantine .parquet", "pyarrow"),
        ("_quarantine .parquet", "duckdb"),
    ]:
        assert trace in forgotten.before, f"{trace} in {sorted(forgotten.before)}"
    assert forgotten.planned["outcome"] == "planned"
    assert forgotten.still == forgotten.before, "a plan takes nothing away"


def test_no_byte_of_the_marker_is_left_in_any_file(forgotten):
    assert forgotten.applied["outcome"] == "applied"
    assert [day["dt"] for day in forgotten.applied["days"]] == DAYS
    files = forgotten.files()
    parquet = [file for file in files if file.suffix == ".parquet"]
    assert len(parquet) >= 2 * len(DAYS), "days and their view"
    assert traces(files, MARKER) == set()


def test_no_line_of_a_log_ever_held_the_marker(forgotten):
    assert len(forgotten.said.splitlines()) > 20
    assert MARKER not in forgotten.said.lower()


def test_the_rows_are_all_there_with_what_may_stay(forgotten):
    files = [str(file) for file in forgotten.project.root.glob("out/people/latest/*/*.parquet")]
    rows = duckdb.read_parquet(files)
    counted = rows.aggregate("count(*), count(DISTINCT id), sum(paid)").fetchall()[0]
    expected = len(DAYS) * (ROWS_OF_A_DAY + 2)
    assert counted[:2] == (expected, expected)
    assert str(counted[2]) == f"{expected * 10.5:.2f}"
    stays = rows.aggregate("min(email), max(email), min(name), max(name), count(member)")
    assert stays.fetchall() == [("example.org", "example.org", "Ann", "Ann", 0)]


def test_the_program_proves_the_same(forgotten):
    proof = forgotten.applied["proof"]
    assert proof["hits"] == [] and proof["rows_checked"] == len(DAYS) * (ROWS_OF_A_DAY + 2)
    assert forgotten.retention("apply", LONG_AFTER)["outcome"] == "nothing_to_do"
