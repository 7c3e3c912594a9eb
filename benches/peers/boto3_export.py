"""orjson and boto3's TypeDeserializer: a DynamoDB export to Parquet as awswrangler reads items."""

import base64
import gzip
from datetime import date

import orjson
from boto3.dynamodb.types import TypeDeserializer

import rules
from dict_rules import SCHEMA, instant, publish

WANTED = frozenset(SCHEMA.names)
deserialize = TypeDeserializer().deserialize


def binary(value: dict) -> bytes | None:
    """What TypeDeserializer wants decoded already, as botocore does."""
    return base64.b64decode(value["B"]) if "B" in value else None


def order(line: bytes) -> dict:
    attributes = orjson.loads(line)["Item"]
    digest = binary(attributes.pop("receipt_digest", {}))
    item = {name: deserialize(value) for name, value in attributes.items() if name in WANTED}
    address, coupons = item.get("shipping_address"), item.get("coupon_codes")
    delivery, zone = item.get("delivery_date"), item.get("time_zone")
    return {
        "order_id": str(item["order_id"]).strip(),
        "customer_id": item["customer_id"].strip(),
        "status": item["status"].strip().lower(),
        "currency": item["currency"].strip().upper(),
        "total_amount": item["total_amount"],
        "tax_amount": item.get("tax_amount"),
        "settlement_amount": item.get("settlement_amount"),
        "items": [
            {
                "product_id": line["product_id"],
                "quantity": int(line["quantity"]),
                "unit_price": line.get("unit_price"),
            }
            for line in item["items"]
        ],
        "coupon_codes": coupons and list(coupons),
        "shipping_address": address
        and {
            "country": address["country"].strip().upper(),
            "city": address.get("city"),
            "postal_code": (postal := address.get("postal_code")) and str(postal),
        },
        "customer_email": (item.get("customer_email") or "").strip() or None,
        "gift_message": item.get("gift_message"),
        "is_gift": item.get("is_gift"),
        "receipt_digest": digest,
        "delivery_date": delivery and date.fromisoformat(delivery),
        "created_at": instant(item["created_at"], zone),
        "updated_at": instant(item["updated_at"], zone),
        "time_zone": zone,
    }


def orders(files):
    for file in files:
        with gzip.open(file) as lines:
            yield from map(order, lines)


asked = rules.arguments()
publish(orders(asked.files), asked.out)
