"""pymongo: a mongodump to Parquet, a dict for each document."""

from datetime import date, datetime
from decimal import Decimal

import bson
from bson.decimal128 import Decimal128

import rules
from dict_rules import instant, publish


def text(value) -> str | None:
    """Text, or a whole number of any of MongoDB's types, as text."""
    if value is None or isinstance(value, str):
        return value
    return str(int(value.to_decimal() if isinstance(value, Decimal128) else value))


def number(value) -> Decimal | None:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return value if value is None else Decimal(value)


def day(value) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value and date.fromisoformat(value)


def order(document: dict) -> dict:
    address, zone = document["shipping"].get("address"), document.get("time_zone")
    return {
        "order_id": text(document["_id"]).strip(),
        "customer_id": document["customer_id"].strip(),
        "status": document["status"].strip().lower(),
        "currency": document["currency"].strip().upper(),
        "total_amount": number(document["total_amount"]),
        "tax_amount": number(document.get("tax_amount")),
        "settlement_amount": number(document.get("settlement_amount")),
        "items": [
            {
                "product_id": line["product_id"],
                "quantity": int(line["quantity"]),
                "unit_price": number(line.get("unit_price")),
            }
            for line in document["items"]
        ],
        "coupon_codes": document.get("coupon_codes"),
        "shipping_address": address
        and {
            "country": address["country"].strip().upper(),
            "city": address.get("city"),
            "postal_code": text(address.get("postal_code")),
        },
        "customer_email": (document.get("customer_email") or "").strip() or None,
        "gift_message": document.get("gift_message"),
        "is_gift": document.get("is_gift"),
        "receipt_digest": document.get("receipt_digest"),
        "delivery_date": day(document.get("delivery_date")),
        "created_at": instant(document["created_at"], zone),
        "updated_at": instant(document["updated_at"], zone),
        "time_zone": zone,
    }


def orders(files):
    for file in files:
        with file.open("rb") as dump:
            yield from map(order, bson.decode_file_iter(dump))


asked = rules.arguments()
publish(orders(asked.files), asked.out)
