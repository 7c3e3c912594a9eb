"""Published orders as one Arrow file, for the writers: `orders_table.py FOLDER OUT`."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

files = sorted(Path(sys.argv[1]).rglob("*.parquet"))
table = pa.concat_tables(pq.read_table(file, partitioning=None) for file in files).combine_chunks()
with pa.ipc.new_file(sys.argv[2], table.schema) as writer:
    writer.write_table(table, max_chunksize=16_384)
