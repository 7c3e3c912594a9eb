"""What a contender's files say, so that all can be held against each other.

`facts.py parquet FOLDER-OR-FILE` and `facts.py csv FOLDER-OR-FILE` print one JSON document. Sums are exact and
instants are microseconds since 1970, so two contenders agree to the last digit or not at all.
"""

import json
import sys
from pathlib import Path

import duckdb

OF_CSV = """
    count(*) AS rows,
    sum(total_amount::DECIMAL(18, 3))::VARCHAR AS total_amount,
    min(epoch_us(created_at::TIMESTAMPTZ)) AS first_created_at,
    max(epoch_us(created_at::TIMESTAMPTZ)) AS last_created_at
"""
OF_PARQUET = f"""
    {OF_CSV},
    sum(tax_amount)::VARCHAR AS tax_amount,
    sum(settlement_amount)::VARCHAR AS settlement_amount,
    sum(len(items))::BIGINT AS items,
    sum(list_sum(list_transform(items, lambda line: line.quantity)))::BIGINT AS pieces,
    sum(epoch_us(updated_at)::HUGEINT)::VARCHAR AS updated_at,
    sum(len(coupon_codes))::BIGINT AS coupons,
    count(shipping_address.country) AS addresses,
    count(shipping_address.postal_code) AS postal_codes,
    count(customer_email) AS emails,
    sum(length(gift_message))::BIGINT AS letters_of_gift_messages,
    count_if(is_gift) AS gifts,
    sum(octet_length(receipt_digest))::BIGINT AS bytes_of_digests,
    sum(datediff('day', DATE '1970-01-01', delivery_date))::BIGINT AS delivery_days
"""


def grouped(connection, source: str, column: str) -> dict:
    rows = connection.execute(f"SELECT {column}::VARCHAR, count(*) FROM {source} GROUP BY 1 ORDER BY 1").fetchall()
    return dict(rows)


def facts(kind: str, path: Path) -> dict:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = f"{path}/**/*.{kind}" if path.is_dir() else path
        if kind == "csv":
            source, columns = f"read_csv('{files}', header = true, all_varchar = true, hive_partitioning = false)", OF_CSV
        else:
            source, columns = f"read_parquet('{files}', hive_partitioning = false)", OF_PARQUET
        result = connection.execute(f"SELECT {columns} FROM {source}")
        found = dict(zip((column[0] for column in result.description), result.fetchone()))
        for column in ("order_date", "status", "currency"):
            found[f"rows_by_{column}"] = grouped(connection, source, column)
        return found


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1], Path(sys.argv[2]))))
