"""The rules of `rules.py` in plain Python, for contenders that have a dict for each order."""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

import rules

FIRST, LAST = date.fromisoformat(rules.FIRST_DAY), date.fromisoformat(rules.LAST_DAY)
STATUSES, CURRENCIES = frozenset(rules.STATUSES), frozenset(rules.CURRENCIES)
ORDER_ID, CUSTOMER_ID, PRODUCT_ID, COUNTRY, EMAIL, LEGACY_ID = (
    re.compile(pattern).match
    for pattern in (
        rules.ORDER_ID,
        rules.CUSTOMER_ID,
        rules.PRODUCT_ID,
        rules.COUNTRY,
        rules.EMAIL,
        rules.LEGACY_ID,
    )
)
SMALLEST_TOTAL, TOLERANCE = Decimal(rules.SMALLEST_TOTAL), Decimal(rules.TOLERANCE)
THOUSANDTH = Decimal("0.001")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
zone = cache(ZoneInfo)
NEW_YORK = zone(rules.BUSINESS_ZONE)

LINE = pa.struct([("product_id", pa.string()), ("quantity", pa.int64()), ("unit_price", pa.decimal128(18, 4))])
ADDRESS = pa.struct([("country", pa.string()), ("city", pa.string()), ("postal_code", pa.string())])
SCHEMA = pa.schema([
    ("order_id", pa.string()), ("customer_id", pa.string()), ("status", pa.string()), ("currency", pa.string()),
    ("total_amount", pa.decimal128(18, 3)), ("tax_amount", pa.decimal128(18, 3)),
    ("settlement_amount", pa.decimal128(38, 9)), ("items", pa.list_(LINE)), ("coupon_codes", pa.list_(pa.string())),
    ("shipping_address", ADDRESS), ("customer_email", pa.string()), ("gift_message", pa.string()),
    ("is_gift", pa.bool_()), ("receipt_digest", pa.binary()), ("delivery_date", pa.date32()),
    ("created_at", pa.timestamp("us", "UTC")), ("updated_at", pa.timestamp("us", "UTC")),
    ("time_zone", pa.string()), ("order_date", pa.date32()),
])  # fmt: skip


def instant(value, zone_name) -> datetime:
    """Text with or without an offset, seconds since 1970, or a datetime in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
        return value if value.tzinfo else value.replace(tzinfo=zone(zone_name))
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc)
    return EPOCH + int(value * 1_000_000) * MICROSECOND


def fits(amount: Decimal | None) -> bool:
    return amount is None or amount == amount.quantize(THOUSANDTH)


def verdict(order: dict) -> str:
    total, tax, address = order["total_amount"], order["tax_amount"], order["shipping_address"]
    email, message, items = order["customer_email"], order["gift_message"], order["items"]
    if not FIRST <= order["order_date"] <= LAST or LEGACY_ID(order["order_id"]) or total < SMALLEST_TOTAL:
        return "excluded"
    holds = (
        ORDER_ID(order["order_id"])
        and CUSTOMER_ID(order["customer_id"])
        and order["status"] in STATUSES
        and order["currency"] in CURRENCIES
        and fits(total)
        and fits(tax)
        and total >= 0
        and (tax is None or 0 <= tax <= total)
        and items
        and all(
            PRODUCT_ID(line["product_id"])
            and 1 <= line["quantity"] <= rules.MOST_PIECES
            and (line["unit_price"] is None or line["unit_price"] >= 0)
            for line in items
        )
        and (address is None or COUNTRY(address["country"]))
        and (email is None or EMAIL(email))
        and (message is None or len(message) <= rules.LONGEST_GIFT_MESSAGE)
        and order["updated_at"] >= order["created_at"]
    )
    return "written" if holds else "rejected"


def warned(order: dict) -> bool:
    prices = [line["unit_price"] for line in order["items"]]
    if None in prices:
        return False
    cost = sum(line["quantity"] * price for line, price in zip(order["items"], prices))
    return abs(order["total_amount"] - cost) > TOLERANCE


def publish(orders, out) -> None:
    """Judges every order and writes those that hold."""
    newest = {}
    for order in orders:
        other = newest.get(order["order_id"])
        if other is None or other["updated_at"] < order["updated_at"]:
            newest[order["order_id"]] = order
    ledger = {"written": 0, "excluded": 0, "rejected": 0}
    written, differ = [], 0
    for order in newest.values():
        order["order_date"] = order["created_at"].astimezone(NEW_YORK).date()
        what = verdict(order)
        ledger[what] += 1
        if what == "written":
            written.append(order)
            differ += warned(order)
    with pq.ParquetWriter(out, SCHEMA, compression="zstd", compression_level=rules.ZSTD_LEVEL) as writer:
        for start in range(0, len(written), rules.ROW_GROUP_ROWS):
            writer.write_table(pa.Table.from_pylist(written[start : start + rules.ROW_GROUP_ROWS], SCHEMA))
    rules.say(ledger, warned=differ)
