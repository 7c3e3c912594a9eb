"""duckdb, pyarrow and polars open `latest/` and see what the run said it published."""

from datetime import date, datetime, timezone
from decimal import Decimal

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet
import pytest

DECIMALS = {"total_amount": (18, 3), "tax_amount": (18, 3), "settlement_amount": (38, 9)}


# One function a reader: (rows by day, sums of the decimals, rows where a filter holds).


def by_duckdb(files):
    rows = duckdb.read_parquet([str(file) for file in files])
    days = rows.aggregate("CAST(order_date AS VARCHAR), count(*)", "order_date").fetchall()
    sums = rows.aggregate(", ".join(f"sum({name})" for name in DECIMALS)).fetchall()[0]

    def count(column, operator, value):
        return rows.filter(f"{column} {operator} {value}").aggregate("count(*)").fetchall()[0][0]

    return dict(days), dict(zip(DECIMALS, sums)), count


def by_pyarrow(files):
    dataset = pyarrow.dataset.dataset([str(file) for file in files], format="parquet")
    table = dataset.to_table(columns=["order_date", *DECIMALS])
    days = {str(day): rows for day, rows in zip(*counted(table["order_date"]))}
    sums = {name: pc.sum(table[name]).as_py() for name in DECIMALS}

    def count(column, operator, value):
        field = pc.field(column)
        value = pa.scalar(value, pa.decimal128(*DECIMALS[column]))
        return dataset.count_rows(filter=field < value if operator == "<" else field >= value)

    return days, sums, count


def counted(column):
    counts = pc.value_counts(column)
    return counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def by_polars(files):
    rows = polars.scan_parquet(files)
    days = rows.group_by("order_date").len().collect()
    # Added up here, not by polars: what is tested is what it read.
    columns = rows.select(*DECIMALS).collect()
    sums = {name: sum(columns[name].drop_nulls().to_list(), Decimal(0)) for name in DECIMALS}

    def count(column, operator, value):
        value = polars.lit(value, dtype=polars.Decimal(*DECIMALS[column]))
        column = polars.col(column)
        holds = column < value if operator == "<" else column >= value
        return rows.filter(holds).select(polars.len()).collect().item()

    return {str(day): number for day, number in days.iter_rows()}, sums, count


READERS = [by_duckdb, by_pyarrow, by_polars]


@pytest.fixture(scope="module")
def files(published):
    files = published.project.latest("parquet")
    assert files, "the run left no latest/"
    return files


@pytest.mark.parametrize("read", READERS)
def test_rows_of_each_day_are_the_runs(read, published, files):
    days, _, _ = read(files)
    stated = {day: rows for day, rows in published.rows_by_day("parquet").items() if rows}
    assert days == stated
    assert sum(days.values()) == published.summary["ledger"]["written"]


@pytest.mark.parametrize("read", READERS)
def test_decimal_sums_are_the_runs_to_the_last_digit(read, published, files):
    _, sums, _ = read(files)
    assert sums == published.sums("parquet")
    assert all(isinstance(total, Decimal) and total for total in sums.values())


@pytest.mark.parametrize("column", DECIMALS)
def test_filters_find_the_same_rows(column, files):
    """A filter skips row groups by their statistics: wrong ones lose rows here and nowhere else."""
    values = []
    for file in files:
        values += pyarrow.parquet.read_table(file)[column].drop_null().to_pylist()
    values.sort()
    middle = values[len(values) // 2]
    for operator, bound in [("<", Decimal(0)), (">=", middle), (">=", values[-1]), ("<", middle)]:
        expected = sum(v < bound if operator == "<" else v >= bound for v in values)
        found = {read.__name__: read(files)[2](column, operator, bound) for read in READERS}
        assert found == dict.fromkeys(found, expected), f"{column} {operator} {bound}"
    assert 0 < sum(v >= middle for v in values) <= len(values)


def test_types_are_the_contracts(files):
    text, micros = pa.string(), pa.timestamp("us", tz="UTC")
    item = {"product_id": text, "quantity": pa.int64(), "unit_price": pa.decimal128(18, 4)}
    address = {"country": text, "city": text, "postal_code": text}
    expected = {
        "order_id": text,
        "customer_id": text,
        "order_date": pa.date32(),
        "status": text,
        "currency": text,
        **{name: pa.decimal128(*form) for name, form in DECIMALS.items()},
        "items": [item],
        "coupon_codes": [text],
        "shipping_address": address,
        "customer_email": text,
        "gift_message": text,
        "is_gift": pa.bool_(),
        "receipt_digest": pa.binary(),
        "delivery_date": pa.date32(),
        "created_at": micros,
        "created_at_offset_minutes": pa.int64(),
        "updated_at": micros,
        "time_zone": text,
        "missing_fields": [text],
    }
    for file in files:
        schema = pyarrow.parquet.read_schema(file)
        assert {field.name: plain(field.type) for field in schema} == expected, file
        assert schema.names == list(expected), file


def plain(form):
    """A nested type as Python lists and dicts, without the nullability and names of elements."""
    if pa.types.is_list(form):
        return [plain(form.value_type)]
    if pa.types.is_struct(form):
        return {form.field(i).name: plain(form.field(i).type) for i in range(form.num_fields)}
    return form


def test_every_file_has_the_same_schema(files):
    """Metadata included, a day without rows included."""
    schemas = [pyarrow.parquet.read_schema(file) for file in files]
    assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)


def test_small_decimals_are_stored_as_64_bit_integers(files):
    """BI tools read INT64 decimals everywhere; wider ones are fixed-length bytes."""
    columns = pyarrow.parquet.ParquetFile(files[0]).schema
    physical = {columns.column(i).name: columns.column(i).physical_type for i in range(len(columns))}
    assert physical["total_amount"] == "INT64"
    assert physical["settlement_amount"] == "FIXED_LEN_BYTE_ARRAY"
    assert physical["created_at"] == "INT64"


def test_readers_agree_on_instants(files):
    """As µs since 1970 UTC: whatever zone a reader likes to show."""
    names = [str(file) for file in files]
    query = "SELECT order_id, epoch_us(created_at), epoch_us(updated_at) FROM read_parquet(?)"
    duck = {key: instants for key, *instants in duckdb.execute(query, [names]).fetchall()}

    table = pa.concat_tables([pyarrow.parquet.read_table(name) for name in names])
    columns = [table[name].cast(pa.int64()).to_pylist() for name in ("created_at", "updated_at")]
    arrow = {key: list(instants) for key, *instants in zip(table["order_id"].to_pylist(), *columns)}

    instants = [polars.col(name).dt.epoch("us") for name in ("created_at", "updated_at")]
    frame = polars.read_parquet(files).select("order_id", *instants)
    assert duck == arrow == {key: list(instants) for key, *instants in frame.iter_rows()}

    earliest = min(created for created, _ in arrow.values()) / 1_000_000
    assert datetime.fromtimestamp(earliest, timezone.utc).date() >= date(2000, 1, 1)


def test_rows_are_in_key_order_and_keys_are_unique(files):
    seen = set()
    for file in files:
        keys = pyarrow.parquet.read_table(file, columns=["order_id"])["order_id"].to_pylist()
        assert keys == sorted(keys, key=str.encode), file
        assert not seen & set(keys), file
        seen |= set(keys)


def test_the_folder_of_a_day_holds_that_day(files):
    for file in files:
        days = pyarrow.parquet.read_table(file, columns=["order_date"])["order_date"].to_pylist()
        assert {f"dt={day}" for day in days} <= {file.parent.name}, file
