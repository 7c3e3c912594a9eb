"""One Arrow table of orders into a file, by polars, pyarrow or DuckDB, on one thread.

`writers.py TOOL FORMAT --out OUT ORDERS.arrow`. The table is in memory before the clock starts; what a
tool does to take it over counts.
"""

import os
import resource
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "1"

import pyarrow as pa  # noqa: E402

import rules  # noqa: E402

# CSV has no lists and no structs.
FLAT = [
    "order_id", "customer_id", "order_date", "status", "currency", "total_amount", "customer_email", "created_at",
]  # fmt: skip


def by_pyarrow(table: pa.Table, kind: str, out: str) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    if kind == "csv":
        pyarrow.csv.write_csv(table, out)
    else:
        level = rules.ZSTD_LEVEL if kind == "zstd" else None
        pyarrow.parquet.write_table(
            table, out, compression=kind, compression_level=level, row_group_size=rules.ROW_GROUP_ROWS
        )


def by_polars(table: pa.Table, kind: str, out: str) -> None:
    frame = polars.from_arrow(table)
    if kind == "csv":
        frame.write_csv(out)
    else:
        level = rules.ZSTD_LEVEL if kind == "zstd" else None
        frame.write_parquet(out, compression=kind, compression_level=level, row_group_size=rules.ROW_GROUP_ROWS)


def by_duckdb(table: pa.Table, kind: str, out: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("orders", table)
        if kind == "csv":
            options = "FORMAT csv, HEADER"
        else:
            level = f", COMPRESSION_LEVEL {rules.ZSTD_LEVEL}" if kind == "zstd" else ""
            options = f"FORMAT parquet, COMPRESSION {kind}, ROW_GROUP_SIZE {rules.ROW_GROUP_ROWS}{level}"
        connection.execute(f"COPY orders TO '{out}' ({options})")


tool, kind = sys.argv.pop(1), sys.argv.pop(1)
asked = rules.arguments()
if tool == "polars":
    import polars
elif tool == "duckdb":
    import duckdb
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
with pa.ipc.open_file(pa.OSFile(str(asked.files[0]))) as reader:
    table = reader.read_all()
if kind == "csv":
    table = table.select(FLAT)
write = {"pyarrow": by_pyarrow, "polars": by_polars, "duckdb": by_duckdb}[tool]

began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
write(table, kind, str(asked.out))
wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
rules.say(None, measured=[{"wall_seconds": wall, "cpu_seconds": cpu, "peak_rss_bytes": after.ru_maxrss * 1024}])
