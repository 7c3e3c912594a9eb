"""What the contract says of an order, as far as every peer can say it, and how contenders are called.

A contender reads files of orders and does this, in this order:

1. parse every column of the contract but `missing_fields` and `created_at_offset_minutes`;
2. of several rows of an order, keep the one that was updated last;
3. exclude orders of other days in New York, test orders and card checks;
4. reject an order that breaks a check;
5. count the orders whose total is not the sum of their items;
6. write the rest to one Parquet file, and say on standard output what became of every row.
"""

import argparse
import json
from pathlib import Path

FIRST_DAY, LAST_DAY = "2026-08-01", "2026-08-02"
BUSINESS_ZONE = "America/New_York"

STATUSES = ["pending", "paid", "shipped", "delivered", "cancelled", "returned"]
CURRENCIES = ["USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "KWD"]
ORDER_ID = r"^(ord_[a-z0-9]{4,32}|[0-9]{1,18})$"
CUSTOMER_ID = r"^cust_[a-z0-9]{3,32}$"
PRODUCT_ID = r"^prod_[a-z0-9]+$"
COUNTRY = r"^[A-Z]{2}$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
TIME_WITH_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})$"
LEGACY_ID = r"^[0-9]{1,3}$"
LONGEST_GIFT_MESSAGE = 500
MOST_PIECES = 10_000
SMALLEST_TOTAL = "1.00"
TOLERANCE = "0.01"

# A row group of 64 MB, which is what consign writes, holds about as many of these orders.
ROW_GROUP_ROWS = 147_456
ZSTD_LEVEL = 1


def arguments() -> argparse.Namespace:
    """The command line of every contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="of a contender that measures itself")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+")
    return parser.parse_args()


def say(ledger: dict, **more) -> None:
    """What became of every row, as the command reads it: one line of JSON."""
    print(json.dumps({"ledger": ledger, **more}))
