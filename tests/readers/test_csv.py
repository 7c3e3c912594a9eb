"""The CSV says what the Parquet says, to readers that know nothing of each other."""

import csv
import json
from datetime import datetime, timezone
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

DECIMALS = ["total_amount", "tax_amount", "settlement_amount"]


@pytest.fixture(scope="module")
def parquet_rows(published):
    tables = [pyarrow.parquet.read_table(file) for file in published.project.latest("parquet")]
    # Instants as numbers: Python's datetime would do, but not for every zone of the machine.
    rows = pa.concat_tables(tables)
    for name in ("created_at", "updated_at"):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, name, rows[name].cast(pa.int64()))
    return {row["order_id"]: row for row in rows.to_pylist()}


@pytest.fixture(scope="module")
def csv_rows(published):
    """By duckdb, every column as text: an unquoted empty field is None, a quoted one is ''."""
    files = [str(file) for file in published.project.latest("csv")]
    assert files, "the run left no CSV in latest/"
    rows = duckdb.sql(
        f"SELECT * FROM read_csv({files}, all_varchar = true, header = true, delim = ',', "
        "quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
        "parallel = false, hive_partitioning = false, max_line_size = 20000000)"
    )
    return {row[0]: dict(zip(rows.columns, row)) for row in rows.fetchall()}


def python_rows(published):
    for file in published.project.latest("csv"):
        with file.open(newline="", encoding="utf-8") as text:
            yield from csv.DictReader(text, strict=True)


def test_rows_and_columns_are_the_parquets(parquet_rows, csv_rows, published):
    assert csv_rows.keys() == parquet_rows.keys()
    rows = list(python_rows(published))
    assert len(rows) == published.summary["ledger"]["written"]
    assert list(rows[0]) == list(next(iter(parquet_rows.values())))


def test_python_reads_what_duckdb_reads(csv_rows, published):
    for row in python_rows(published):
        assert row == {name: text or "" for name, text in csv_rows[row["order_id"]].items()}


def test_sums_are_the_runs(csv_rows, published):
    stated = published.sums("csv")
    assert stated == published.sums("parquet")
    for name in DECIMALS:
        values = [Decimal(row[name]) for row in csv_rows.values() if row[name] is not None]
        assert sum(values, Decimal(0)) == stated[name]


def test_null_and_the_empty_text_are_told_apart(parquet_rows, csv_rows):
    texts = ["gift_message", "customer_email", "time_zone"]
    for key, row in parquet_rows.items():
        assert {n: csv_rows[key][n] for n in texts} == {n: row[n] for n in texts}, key
    messages = {row["gift_message"] for row in parquet_rows.values()}
    assert None in messages and "" in messages, "the samples no longer hold both"


def test_numbers_are_written_in_full(parquet_rows, csv_rows):
    for key, row in parquet_rows.items():
        for name in DECIMALS:
            # As text: the scale is part of what is written, and there is no exponent.
            text = csv_rows[key][name]
            assert text == (None if row[name] is None else f"{row[name]:f}"), (key, name)


def test_instants_are_written_in_utc(parquet_rows, csv_rows):
    for key, row in parquet_rows.items():
        for name in ("created_at", "updated_at"):
            text = csv_rows[key][name]
            assert text.endswith("Z"), (key, name, text)
            instant = datetime.fromisoformat(text).astimezone(timezone.utc)
            since = instant - datetime(1970, 1, 1, tzinfo=timezone.utc)
            micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
            assert micros == row[name], (key, name)


def test_nested_values_are_json(parquet_rows, csv_rows):
    for key, row in parquet_rows.items():
        items = json.loads(csv_rows[key]["items"], parse_float=Decimal, parse_int=Decimal)
        assert [exact(item) for item in items] == [exact(item) for item in row["items"]], key
        codes = csv_rows[key]["coupon_codes"]
        assert (codes and json.loads(codes)) == row["coupon_codes"], key
        assert json.loads(csv_rows[key]["missing_fields"]) == row["missing_fields"], key


def exact(item):
    price = item.get("unit_price")
    return {**item, "quantity": int(item["quantity"]), "unit_price": price and Decimal(price)}


def test_the_files_are_utf_8_without_a_mark(published):
    for file in published.project.latest("csv"):
        content = file.read_bytes()
        assert not content.startswith(b"\xef\xbb\xbf"), file
        content.decode("utf-8", "strict")
