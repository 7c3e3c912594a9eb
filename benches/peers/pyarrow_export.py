"""pyarrow: a DynamoDB export to Parquet, by its JSON reader with an explicit schema."""

import base64

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

import rules
from arrow_rules import EXACT, PRICE, UTC, instants, publish

TEXT, NUMBER = pa.struct({"S": pa.string()}), pa.struct({"N": pa.string()})
TEXT_OR_NUMBER = pa.struct({"S": pa.string(), "N": pa.string()})
LINE = pa.struct({"product_id": TEXT, "quantity": NUMBER, "unit_price": NUMBER})
ADDRESS = pa.struct({"country": TEXT, "city": TEXT, "postal_code": TEXT_OR_NUMBER})
ITEM = pa.struct({
    "order_id": TEXT_OR_NUMBER, "customer_id": TEXT, "status": TEXT, "currency": TEXT,
    "total_amount": NUMBER, "tax_amount": NUMBER, "settlement_amount": NUMBER,
    "items": pa.struct({"L": pa.list_(pa.struct({"M": LINE}))}),
    "coupon_codes": pa.struct({"SS": pa.list_(pa.string())}),
    "shipping_address": pa.struct({"M": ADDRESS}),
    "customer_email": TEXT, "gift_message": TEXT, "is_gift": pa.struct({"BOOL": pa.bool_()}),
    "receipt_digest": pa.struct({"B": pa.string()}), "delivery_date": TEXT, "created_at": TEXT,
    "updated_at": TEXT_OR_NUMBER, "time_zone": TEXT,
})  # fmt: skip
MILLION = pc.cast(pa.scalar("1000000"), pa.decimal128(7, 0))


def read(file, threaded: bool) -> pa.Table:
    with pa.input_stream(str(file), compression="gzip") as stream:
        return pyarrow.json.read_json(
            stream,
            read_options=pyarrow.json.ReadOptions(use_threads=threaded, block_size=1 << 24),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema({"Item": ITEM}), unexpected_field_behavior="ignore"
            ),
        )


def decimals(texts, kind=EXACT):
    return pc.cast(texts, kind)


def decoded(texts):
    """base64, of which pyarrow has no function."""
    values = texts.to_pylist()
    return pa.array([text and base64.b64decode(text) for text in values], pa.binary())


def parsed(item: pa.StructArray) -> pa.Table:
    def field(*path):
        return pc.struct_field(item, list(path))

    lists = field("items", "L")
    line = lists.values
    items = pa.ListArray.from_arrays(
        lists.offsets,
        pa.StructArray.from_arrays(
            [
                pc.struct_field(line, ["M", "product_id", "S"]),
                pc.cast(pc.struct_field(line, ["M", "quantity", "N"]), pa.int64()),
                decimals(pc.struct_field(line, ["M", "unit_price", "N"]), PRICE),
            ],
            names=["product_id", "quantity", "unit_price"],
        ),
    )
    address = field("shipping_address", "M")
    seconds = decimals(field("updated_at", "N"), pa.decimal128(16, 6))
    epoch_us = pc.cast(pc.multiply(seconds, MILLION), pa.int64())
    email = pc.utf8_trim_whitespace(field("customer_email", "S"))
    return pa.table({
        "order_id": pc.utf8_trim_whitespace(pc.coalesce(field("order_id", "S"), field("order_id", "N"))),
        "customer_id": pc.utf8_trim_whitespace(field("customer_id", "S")),
        "status": pc.utf8_lower(pc.utf8_trim_whitespace(field("status", "S"))),
        "currency": pc.utf8_upper(pc.utf8_trim_whitespace(field("currency", "S"))),
        "total_amount": decimals(field("total_amount", "N")),
        "tax_amount": decimals(field("tax_amount", "N")),
        "settlement_amount": decimals(field("settlement_amount", "N")),
        "items": items,
        "coupon_codes": field("coupon_codes", "SS"),
        "shipping_address": pa.StructArray.from_arrays(
            [
                pc.utf8_upper(pc.utf8_trim_whitespace(pc.struct_field(address, ["country", "S"]))),
                pc.struct_field(address, ["city", "S"]),
                pc.coalesce(
                    pc.struct_field(address, ["postal_code", "S"]), pc.struct_field(address, ["postal_code", "N"])
                ),
            ],
            names=["country", "city", "postal_code"],
            mask=pc.is_null(address),
        ),
        "customer_email": pc.if_else(pc.equal(email, ""), None, email),
        "gift_message": field("gift_message", "S"),
        "is_gift": field("is_gift", "BOOL"),
        "receipt_digest": decoded(field("receipt_digest", "B")),
        "delivery_date": pc.cast(field("delivery_date", "S"), pa.date32()),
        "created_at": instants(field("created_at", "S"), field("time_zone", "S")),
        "updated_at": pc.coalesce(pc.cast(field("updated_at", "S"), UTC), pc.cast(epoch_us, UTC)),
        "time_zone": field("time_zone", "S"),
    })  # fmt: skip


asked = rules.arguments()
pa.set_cpu_count(asked.threads)
pa.set_io_thread_count(asked.threads)
tables = []
for file in asked.files:
    # An export has a file without items, and of nothing pyarrow makes an error.
    with pa.input_stream(str(file), compression="gzip") as stream:
        if not stream.read(1):
            continue
    tables.append(read(file, asked.threads > 1))
publish(parsed(pa.concat_tables(tables)["Item"].combine_chunks()), asked.out)
