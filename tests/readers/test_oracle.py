"""What was published against what the sources say, and where every single row went."""

import base64
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet
import pytest

import oracle

FIRST, LAST = date(2026, 8, 1), date(2026, 8, 2)


@pytest.fixture(scope="module")
def fate(published):
    """Every source row, by what became of it."""
    project = published.project
    rows = oracle.read_sources(project.root, "orders-daily")
    tables = [pyarrow.parquet.read_table(file) for file in project.latest("parquet")]
    table = pa.concat_tables(tables)
    for name in ("created_at", "updated_at"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(pa.int64()))
    written = {row["order_id"]: row for row in table.to_pylist()}

    shown = project.consign("quarantine", "show", project.target, "--json").stdout
    quarantine = [json.loads(line) for line in shown.splitlines()]
    refused = {place_of(row): row for row in quarantine}
    assert len(refused) == len(quarantine), "a source row is in the quarantine twice"

    deciding, older = oracle.newest_copies(rows)
    left_out = {row.place: oracle.exclusion(row, FIRST, LAST) for row in deciding}
    return SimpleNamespace(
        rows=rows,
        deciding=deciding,
        older=older,
        written=written,
        refused=refused,
        excluded={place: rule for place, rule in left_out.items() if rule},
        ledger=published.summary["ledger"],
    )


def place_of(refused):
    """The place of a quarantined row, as `SourceRow.place` has it."""
    return (file_of(refused["split"]), refused["offset_bytes"])


def file_of(split_name):
    """`data/a.json.gz` and `orders.bson[0..4096]` as `a.json.gz` and `orders.bson`."""
    return split_name.split("[")[0].rsplit("/")[-1]


def test_every_row_that_was_read_is_counted_once(fate):
    ledger = fate.ledger
    assert ledger["read"] == len(fate.rows)
    parts = ("written", "quarantined", "excluded", "deduplicated")
    assert ledger["read"] == sum(ledger[part] for part in parts)
    by_file = Counter()
    for split in ledger["by_split"]:
        by_file[file_of(split["name"])] += split["read"]
    assert +by_file == Counter(row.place[0] for row in fate.rows)


def test_every_row_is_in_exactly_one_place(fate):
    """Older copies are deduplicated; of the rest each is excluded, or refused, or published."""
    published = []
    for row in fate.deciding:
        refused, excluded = row.place in fate.refused, row.place in fate.excluded
        assert not (refused and excluded), f"{row.place} is refused, and a rule leaves it out"
        if not refused and not excluded:
            published.append(oracle.key_of(row))
    assert Counter(published) == Counter(fate.written.keys())
    assert not [row.place for row in fate.older if row.place in fate.refused]
    assert fate.refused.keys() <= {row.place for row in fate.deciding}

    ledger = fate.ledger
    assert ledger["written"] == len(published)
    assert ledger["quarantined"] == len(fate.refused)
    assert ledger["deduplicated"] == len(fate.older)
    assert ledger["excluded"] == len(fate.excluded)
    assert ledger["excluded_by_rule"] == Counter(fate.excluded.values())


def test_the_samples_show_every_fate(fate):
    """Else the tests above say little."""
    fates = (fate.written, fate.refused, fate.excluded, fate.older)
    assert all(len(rows) > 30 for rows in fates), [len(rows) for rows in fates]
    assert len(set(fate.excluded.values())) == 3


def test_every_amount_is_the_sources(fate):
    for row, written in pairs(fate):
        for name, form in (
            ("total_amount", (18, 3)),
            ("tax_amount", (18, 3)),
            ("settlement_amount", (38, 9)),
        ):
            expected = oracle.decimal_of(row.get(name), *form)
            assert written[name] == expected, (row.place, name)
            # Not merely equal as published: equal to the source's own digits.
            assert expected is None or expected == oracle.exact_number(row.get(name))


def test_every_item_is_the_sources(fate):
    for row, written in pairs(fate):
        items = [
            {
                "product_id": item["product_id"],
                "quantity": int(oracle.exact_number(item["quantity"])),
                "unit_price": oracle.decimal_of(item.get("unit_price"), 18, 4),
            }
            for item in row.get("items")
        ]
        assert written["items"] == items, row.place


def test_every_instant_and_day_is_the_sources(fate):
    for row, written in pairs(fate):
        created = written["created_at"], written["created_at_offset_minutes"]
        assert created == oracle.created_at(row), row.place
        assert written["updated_at"] == oracle.updated_at(row)[0], row.place
        assert written["order_date"] == oracle.business_date(row), row.place


def test_missing_null_and_empty_stay_apart(fate):
    seen = set()
    for row, written in pairs(fate):
        assert written["missing_fields"] == oracle.missing_fields(row), row.place
        message = row.get("gift_message")
        seen.add("missing" if message is oracle.ABSENT else message if not message else "text")
        assert written["gift_message"] == (None if message is oracle.ABSENT else message)
    assert seen == {"missing", None, "", "text"}


def test_texts_sets_and_bytes_are_the_sources(fate):
    for row, written in pairs(fate):
        assert written["customer_id"] == row.get("customer_id").strip(), row.place
        assert written["status"] == row.get("status").strip().lower(), row.place
        assert written["currency"] == row.get("currency").strip().upper(), row.place
        codes, digest = (present(row.get(name)) for name in ("coupon_codes", "receipt_digest"))
        assert written["coupon_codes"] == (codes if codes is None else sorted(codes)), row.place
        assert written["receipt_digest"] == digest, row.place


def test_a_refused_row_is_kept_with_its_bytes_and_reasons(fate):
    by_place = {row.place: row for row in fate.rows}
    for place, refused in fate.refused.items():
        assert base64.b64decode(refused["raw_base64"]) == by_place[place].raw, place
        assert refused["reasons"], place
        assert all(reason["code"] for reason in refused["reasons"]), place


def test_exact_sums_of_the_sources_are_the_runs(fate, published):
    """The exactness certificate, drawn up by somebody else."""
    sums = {name: Decimal(0) for name in ("total_amount", "tax_amount", "settlement_amount")}
    for row, _ in pairs(fate):
        for name in sums:
            sums[name] += oracle.exact_number(row.get(name)) or 0
    assert sums == published.sums("parquet")


def pairs(fate):
    """Published rows with the source row that decides for their key."""
    for row in fate.deciding:
        if row.place not in fate.refused and row.place not in fate.excluded:
            yield row, fate.written[oracle.key_of(row)]


def present(value):
    return None if value is oracle.ABSENT else value
