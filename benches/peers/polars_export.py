"""polars: a DynamoDB export to Parquet, by `scan_lines` and `str.json_decode`.

`scan_ndjson` takes seven times as long for these nested items.
"""

import os

import rules

asked = rules.arguments()
os.environ["POLARS_MAX_THREADS"] = str(asked.threads)

import polars as pl  # noqa: E402 (it reads the number of threads when it is imported)

TEXT, NUMBER = pl.Struct({"S": pl.String}), pl.Struct({"N": pl.String})
TEXT_OR_NUMBER = pl.Struct({"S": pl.String, "N": pl.String})
LINE = pl.Struct({"product_id": TEXT, "quantity": NUMBER, "unit_price": NUMBER})
ADDRESS = pl.Struct({"country": TEXT, "city": TEXT, "postal_code": TEXT_OR_NUMBER})
ITEM = pl.Struct({
    "order_id": TEXT_OR_NUMBER, "customer_id": TEXT, "status": TEXT, "currency": TEXT,
    "total_amount": NUMBER, "tax_amount": NUMBER, "settlement_amount": NUMBER,
    "items": pl.Struct({"L": pl.List(pl.Struct({"M": LINE}))}),
    "coupon_codes": pl.Struct({"SS": pl.List(pl.String)}),
    "shipping_address": pl.Struct({"M": ADDRESS}),
    "customer_email": TEXT, "gift_message": TEXT, "is_gift": pl.Struct({"BOOL": pl.Boolean}),
    "receipt_digest": pl.Struct({"B": pl.String}), "delivery_date": TEXT, "created_at": TEXT,
    "updated_at": TEXT_OR_NUMBER, "time_zone": TEXT,
})  # fmt: skip
MONEY, EXACT = pl.Decimal(18, 3), pl.Decimal(38, 9)
UTC = pl.Datetime("us", "UTC")


def field(name: str, tag: str = "S") -> pl.Expr:
    return pl.col(name).struct.field(tag)


def member(name: str, tag: str = "S") -> pl.Expr:
    return field("shipping_address", "M").struct.field(name).struct.field(tag)


def line(name: str, tag: str) -> pl.Expr:
    return pl.element().struct.field("M").struct.field(name).struct.field(tag)


def instant(text: pl.Expr) -> pl.Expr:
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC")


def parsed(files: list) -> pl.DataFrame:
    total, tax = field("total_amount", "N"), field("tax_amount", "N")
    created, with_offset = field("created_at"), field("created_at").str.contains(rules.TIME_WITH_OFFSET)
    epoch_us = (field("updated_at", "N").cast(pl.Decimal(28, 6)) * 1_000_000).cast(pl.Int64)
    return (
        pl.scan_lines(files)
        .select(pl.col("line").str.json_decode(pl.Struct({"Item": ITEM})).struct.field("Item"))
        .select(pl.col("Item").struct.unnest())
        .select(
            order_id=pl.coalesce(field("order_id"), field("order_id", "N")).str.strip_chars(),
            customer_id=field("customer_id").str.strip_chars(),
            status=field("status").str.strip_chars().str.to_lowercase(),
            currency=field("currency").str.strip_chars().str.to_uppercase(),
            total_amount=total.cast(MONEY),
            tax_amount=tax.cast(MONEY),
            settlement_amount=field("settlement_amount", "N").cast(EXACT),
            # A cast rounds; an amount that is finer than its column must not pass.
            amounts_fit=(total.cast(EXACT) == total.cast(MONEY).cast(EXACT))
            & (tax.cast(EXACT) == tax.cast(MONEY).cast(EXACT)).fill_null(True),
            items=field("items", "L").list.eval(
                pl.struct(
                    product_id=line("product_id", "S"),
                    quantity=line("quantity", "N").cast(pl.Int64),
                    unit_price=line("unit_price", "N").cast(pl.Decimal(18, 4)),
                )
            ),
            coupon_codes=field("coupon_codes", "SS"),
            shipping_address=pl.when(field("shipping_address", "M").is_not_null()).then(
                pl.struct(
                    country=member("country").str.strip_chars().str.to_uppercase(),
                    city=member("city"),
                    postal_code=pl.coalesce(member("postal_code"), member("postal_code", "N")),
                )
            ),
            customer_email=field("customer_email").str.strip_chars().replace("", None),
            gift_message=field("gift_message"),
            is_gift=field("is_gift", "BOOL"),
            receipt_digest=field("receipt_digest", "B").str.decode("base64"),
            delivery_date=field("delivery_date").str.to_date("%Y-%m-%d"),
            created_at=instant(pl.when(with_offset).then(created)),
            created_locally=pl.when(~with_offset).then(created).str.to_datetime(time_unit="us"),
            updated_at=pl.coalesce(instant(field("updated_at")), epoch_us.cast(UTC)),
            time_zone=field("time_zone"),
        )
        .collect(engine="streaming")
    )


def resolved(orders: pl.DataFrame) -> pl.DataFrame:
    """Local times as instants: a zone is an argument to polars, never a column, so each zone is asked."""
    zones = orders.filter(pl.col("created_locally").is_not_null())["time_zone"].drop_nulls().unique()
    instants = [
        pl.when(pl.col("time_zone") == zone)
        .then(pl.col("created_locally"))
        .dt.replace_time_zone(zone, ambiguous="earliest")
        .dt.convert_time_zone("UTC")
        for zone in zones
    ]
    return orders.with_columns(created_at=pl.coalesce(pl.col("created_at"), *instants)).with_columns(
        order_date=pl.col("created_at").dt.convert_time_zone(rules.BUSINESS_ZONE).dt.date()
    )


def newest(orders: pl.DataFrame) -> pl.DataFrame:
    kept = (
        orders.select("order_id", "updated_at")
        .with_row_index("row")
        .sort("updated_at", descending=True)
        .unique("order_id", keep="first")["row"]
    )
    return orders[kept.sort()]


def judged(orders: pl.DataFrame) -> pl.DataFrame:
    col, part = pl.col, pl.element().struct.field
    lines_hold = col("items").list.eval(
        part("product_id").str.contains(rules.PRODUCT_ID)
        & part("quantity").is_between(1, rules.MOST_PIECES)
        & (part("unit_price") >= 0).fill_null(True)
    )
    costs = col("items").list.eval(part("quantity").cast(pl.Decimal(18, 0)) * part("unit_price"))
    all_priced = costs.list.drop_nulls().list.len() == col("items").list.len()
    excluded = (
        ~col("order_date").is_between(pl.lit(rules.FIRST_DAY).str.to_date(), pl.lit(rules.LAST_DAY).str.to_date())
        | col("order_id").str.contains(rules.LEGACY_ID)
        | (col("total_amount") < pl.lit(rules.SMALLEST_TOTAL).cast(MONEY))
    )
    holds = (
        col("order_id").str.contains(rules.ORDER_ID)
        & col("customer_id").str.contains(rules.CUSTOMER_ID)
        & col("status").is_in(rules.STATUSES)
        & col("currency").is_in(rules.CURRENCIES)
        & col("amounts_fit")
        & (col("total_amount") >= 0)
        & col("tax_amount").is_between(0, col("total_amount")).fill_null(True)
        & (col("items").list.len() > 0)
        & lines_hold.list.all()
        & (
            col("shipping_address").is_null()
            | col("shipping_address").struct.field("country").str.contains(rules.COUNTRY)
        )
        & col("customer_email").str.contains(rules.EMAIL).fill_null(True)
        & (col("gift_message").str.len_chars() <= rules.LONGEST_GIFT_MESSAGE).fill_null(True)
        & (col("updated_at") >= col("created_at"))
    )
    return orders.with_columns(
        verdict=pl.when(excluded)
        .then(pl.lit("excluded"))
        .when(holds)
        .then(pl.lit("written"))
        .otherwise(pl.lit("rejected")),
        warned=all_priced & ((col("total_amount") - costs.list.sum()).abs() > pl.lit(rules.TOLERANCE).cast(MONEY)),
    )


orders = judged(newest(resolved(parsed(asked.files))))
written = orders.filter(pl.col("verdict") == "written")
written.lazy().drop("amounts_fit", "created_locally", "verdict", "warned").sink_parquet(
    asked.out,
    compression="zstd",
    compression_level=rules.ZSTD_LEVEL,
    row_group_size=rules.ROW_GROUP_ROWS,
)
rules.say(dict(orders["verdict"].value_counts().iter_rows()), warned=int(written["warned"].sum()))
