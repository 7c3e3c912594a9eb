"""pymongoarrow: a mongodump to Parquet, by `process_bson_stream`.

It has one type for a field and makes null of a value of another, and MongoDB's fields have several:
so it reads the dump once for each of them, and a column is put together from the readings.
"""

import mmap
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import rules
from arrow_rules import EXACT, PRICE, UTC, instants, publish

warnings.simplefilter("ignore")  # about the size of a type of pyarrow 25

from pymongoarrow.context import PyMongoArrowContext  # noqa: E402
from pymongoarrow.schema import Schema  # noqa: E402
from pymongoarrow.types import BinaryType, Decimal128Type  # noqa: E402

DECIMAL = Decimal128Type()
SLICE_BYTES = 4 << 20
# In the upper half of a Decimal128.
NOT_FINITE, DIGITS_OF_HIGH = np.uint64(0x7800 << 48), np.uint64((1 << 49) - 1)


def items(price) -> pa.DataType:
    line = [("product_id", pa.string()), ("quantity", pa.int64()), ("unit_price", price)]
    return pa.list_(pa.struct(line))


def shipping(postal_code) -> pa.DataType:
    address = [("country", pa.string()), ("city", pa.string()), ("postal_code", postal_code)]
    return pa.struct([("address", pa.struct(address))])


READINGS = [
    Schema({
        "_id": pa.string(), "customer_id": pa.string(), "status": pa.string(), "currency": pa.string(),
        "total_amount": DECIMAL, "tax_amount": DECIMAL, "settlement_amount": DECIMAL,
        "items": items(DECIMAL), "coupon_codes": pa.list_(pa.string()), "shipping": shipping(pa.string()),
        "customer_email": pa.string(), "gift_message": pa.string(), "is_gift": pa.bool_(),
        "receipt_digest": BinaryType(0), "delivery_date": pa.string(),
        "created_at": pa.timestamp("ms"), "updated_at": pa.timestamp("ms"), "time_zone": pa.string(),
    }),
    Schema({
        "_id": pa.int64(), "total_amount": pa.int64(), "tax_amount": pa.int64(),
        "items": items(pa.int64()), "shipping": shipping(DECIMAL),
        "delivery_date": pa.timestamp("ms"), "created_at": pa.string(), "updated_at": pa.int64(),
    }),
    Schema({"_id": DECIMAL}),
]  # fmt: skip


def slices(files):
    """Whole documents, a few megabytes at a time."""
    for file in files:
        with file.open("rb") as dump, mmap.mmap(dump.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = end = 0
            while end < len(data):
                end += int.from_bytes(data[end : end + 4], "little")
                if end - start >= SLICE_BYTES or end == len(data):
                    yield data[start:end]
                    start = end


def read(files) -> list[pa.Table]:
    contexts = [PyMongoArrowContext(schema, allow_invalid=True) for schema in READINGS]
    for part in slices(files):
        for context in contexts:
            context.process_bson_stream(part)
    return [context.finish().combine_chunks() for context in contexts]


def decimals(column) -> pa.Array:
    """Decimal128 as pymongoarrow has it, the 16 bytes of BSON, as decimals."""
    stored = column.storage
    words = np.frombuffer(stored.buffers()[1], "<u8").reshape(-1, 2)[stored.offset : stored.offset + len(stored)]
    valid = stored.is_valid().to_numpy(zero_copy_only=False)
    low, high = words[:, 0], words[:, 1]
    if ((high[valid] & NOT_FINITE) == NOT_FINITE).any():
        raise ValueError("a Decimal128 is not finite")
    scales = 6176 - ((high >> np.uint64(49)) & np.uint64(0x3FFF)).astype(np.int64)
    digits = pa.py_buffer(np.stack([low, high & DIGITS_OF_HIGH], axis=1))
    parts = [pa.nulls(len(stored), EXACT)]
    for scale in np.unique(scales[valid]):
        whole = pa.Array.from_buffers(pa.decimal128(38, int(scale)), len(stored), [None, digits])
        parts.append(pc.cast(pc.if_else(pa.array(valid & (scales == scale)), whole, None), EXACT))
    amount = pc.coalesce(*parts)
    return pc.if_else(pa.array(valid & (high >> np.uint64(63) == 1)), pc.negate(amount), amount)


def whole_text(column) -> pa.Array:
    return pc.cast(pc.cast(decimals(column), pa.int64()), pa.string())


def parsed(first: pa.Table, second: pa.Table, third: pa.Table) -> pa.Table:
    def field(table, *path):
        column = table[path[0]].combine_chunks()
        return pc.struct_field(column, list(path[1:])) if path[1:] else column

    def amount(name):
        return pc.coalesce(decimals(field(first, name)), pc.cast(field(second, name), EXACT))

    def trimmed(name):
        return pc.utf8_trim_whitespace(field(first, name))

    lists, other = field(first, "items"), field(second, "items")
    line = lists.values
    prices = pc.coalesce(decimals(line.field("unit_price")), pc.cast(other.values.field("unit_price"), EXACT))
    lines = [line.field("product_id"), line.field("quantity"), pc.cast(prices, PRICE)]
    country = pc.utf8_upper(pc.utf8_trim_whitespace(field(first, "shipping", "address", "country")))
    postal_code = pc.coalesce(
        field(first, "shipping", "address", "postal_code"),
        whole_text(field(second, "shipping", "address", "postal_code")),
    )
    address = [country, field(first, "shipping", "address", "city"), postal_code]
    epoch_us = pc.multiply(field(second, "updated_at"), 1_000_000)
    email = trimmed("customer_email")
    zone = field(first, "time_zone")
    return pa.table({
        "order_id": pc.utf8_trim_whitespace(pc.coalesce(
            field(first, "_id"), pc.cast(field(second, "_id"), pa.string()), whole_text(field(third, "_id"))
        )),
        "customer_id": trimmed("customer_id"),
        "status": pc.utf8_lower(trimmed("status")),
        "currency": pc.utf8_upper(trimmed("currency")),
        "total_amount": amount("total_amount"),
        "tax_amount": amount("tax_amount"),
        "settlement_amount": decimals(field(first, "settlement_amount")),
        "items": pa.ListArray.from_arrays(
            lists.offsets, pa.StructArray.from_arrays(lines, names=["product_id", "quantity", "unit_price"])
        ),
        "coupon_codes": field(first, "coupon_codes"),
        # A struct that is missing comes as one of nulls.
        "shipping_address": pa.StructArray.from_arrays(
            address, names=["country", "city", "postal_code"], mask=pc.is_null(country)
        ),
        "customer_email": pc.if_else(pc.equal(email, ""), None, email),
        "gift_message": field(first, "gift_message"),
        "is_gift": field(first, "is_gift"),
        "receipt_digest": field(first, "receipt_digest").storage,
        "delivery_date": pc.coalesce(
            pc.cast(field(first, "delivery_date"), pa.date32()), pc.cast(field(second, "delivery_date"), pa.date32())
        ),
        "created_at": pc.coalesce(
            pc.cast(field(first, "created_at"), UTC), instants(field(second, "created_at"), zone)
        ),
        "updated_at": pc.coalesce(pc.cast(field(first, "updated_at"), UTC), pc.cast(epoch_us, UTC)),
        "time_zone": zone,
    })  # fmt: skip


asked = rules.arguments()
pa.set_cpu_count(asked.threads)
pa.set_io_thread_count(asked.threads)
publish(parsed(*read(asked.files)), asked.out)
