"""The rules of `rules.py` in pyarrow's compute functions, for contenders that have an Arrow table.

The table has the columns of the contract, amounts as `decimal128(38, 9)` and no day yet.
"""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import rules

EXACT, MONEY, PRICE = pa.decimal128(38, 9), pa.decimal128(18, 3), pa.decimal128(18, 4)
UTC = pa.timestamp("us", "UTC")


def all_of(*masks):
    """True where every mask is, false elsewhere: a null is no yes."""
    result = masks[0]
    for mask in masks[1:]:
        result = pc.and_kleene(result, mask)
    return pc.fill_null(result, False)


def absent_or(column, mask):
    return pc.or_kleene(pc.is_null(column), mask)


def matches(column, pattern):
    return pc.match_substring_regex(column, pattern)


def between(column, low, high):
    return pc.and_kleene(pc.greater_equal(column, low), pc.less_equal(column, high))


def scaled(column, kind):
    """A decimal with fewer places, and whether each value has no more than those."""
    narrow = pc.cast(column, options=pc.CastOptions(kind, allow_decimal_truncate=True))
    return narrow, absent_or(column, pc.equal(pc.cast(narrow, EXACT), column))


def instants(texts, zones):
    """ISO 8601 as instants; without an offset it is a time in its row's zone.

    A zone is an argument to pyarrow, never a column, so each zone is asked.
    """
    with_offset = pc.fill_null(matches(texts, rules.TIME_WITH_OFFSET), True)
    result = pc.cast(pc.if_else(with_offset, texts, None), UTC)
    for zone in pc.unique(pc.filter(zones, pc.invert(with_offset))).to_pylist():
        here = pc.and_(pc.invert(with_offset), pc.fill_null(pc.equal(zones, zone), False))
        local = pc.cast(pc.filter(texts, here), pa.timestamp("us"))
        known = pc.cast(pc.assume_timezone(local, zone, ambiguous="earliest"), UTC)
        result = pc.replace_with_mask(result, here, known)
    return result


def newest(table: pa.Table) -> pa.Table:
    """Of several rows of an order, the one that was updated last."""
    rows = pc.sort_indices(table, [("order_id", "ascending"), ("updated_at", "descending")])
    ids = table["order_id"].combine_chunks().take(rows)
    first = pa.concat_arrays([pa.array([True]), pc.not_equal(ids[1:], ids[:-1])])
    return table.take(rows.filter(first))


def judge_lines(items: pa.ListArray):
    """Whether every line of an order holds, and what the lines cost together."""
    lines, orders = items.flatten(), pc.list_parent_indices(items)
    product, quantity, price = (lines.field(name) for name in ("product_id", "quantity", "unit_price"))
    line_holds = all_of(
        matches(product, rules.PRODUCT_ID),
        between(quantity, 1, rules.MOST_PIECES),
        absent_or(price, pc.greater_equal(price, pa.scalar(0, PRICE))),
    )
    broken = pc.unique(pc.filter(orders, pc.invert(line_holds)))
    numbers = pa.array(range(len(items)), orders.type)
    holds = pc.and_(pc.greater(pc.list_value_length(items), 0), pc.invert(pc.is_in(numbers, broken)))
    # The sum of an order with a line without a price is null.
    costs = pa.table({"order": orders, "cost": pc.multiply(pc.cast(quantity, pa.decimal128(19, 0)), price)})
    keep_nulls = pc.ScalarAggregateOptions(skip_nulls=False)
    sums = costs.group_by("order").aggregate([("cost", "sum", keep_nulls)]).combine_chunks()
    placed = pc.scatter(sums["cost_sum"].combine_chunks(), sums["order"].combine_chunks(), max_index=len(items) - 1)
    # A sum has 38 digits, and no digit would be left to subtract with.
    return holds, pc.cast(placed, pa.decimal128(30, 4))


def publish(table: pa.Table, out) -> None:
    """Judges every order and writes those that hold."""
    table = newest(table).combine_chunks()
    total, total_fits = scaled(table["total_amount"], MONEY)
    tax, tax_fits = scaled(table["tax_amount"], MONEY)
    local = pc.local_timestamp(pc.cast(table["created_at"], pa.timestamp("us", rules.BUSINESS_ZONE)))
    day = pc.cast(pc.floor_temporal(local, unit="day"), pa.date32())
    first, last = (pc.cast(pa.scalar(text), pa.date32()) for text in (rules.FIRST_DAY, rules.LAST_DAY))
    zero, least, tolerance = (pc.cast(pa.scalar(text), MONEY) for text in ("0", rules.SMALLEST_TOTAL, rules.TOLERANCE))
    lines_hold, cost = judge_lines(table["items"].combine_chunks())
    country = pc.struct_field(table["shipping_address"], "country")
    excluded = pc.or_(
        pc.invert(between(day, first, last)),
        pc.or_(matches(table["order_id"], rules.LEGACY_ID), pc.less(total, least)),
    )
    holds = all_of(
        matches(table["order_id"], rules.ORDER_ID),
        matches(table["customer_id"], rules.CUSTOMER_ID),
        pc.is_in(table["status"], pa.array(rules.STATUSES)),
        pc.is_in(table["currency"], pa.array(rules.CURRENCIES)),
        total_fits,
        tax_fits,
        pc.greater_equal(total, zero),
        absent_or(tax, between(tax, zero, total)),
        lines_hold,
        absent_or(table["shipping_address"], matches(country, rules.COUNTRY)),
        absent_or(table["customer_email"], matches(table["customer_email"], rules.EMAIL)),
        absent_or(
            table["gift_message"],
            pc.less_equal(pc.utf8_length(table["gift_message"]), rules.LONGEST_GIFT_MESSAGE),
        ),
        pc.greater_equal(table["updated_at"], table["created_at"]),
    )
    written = pc.and_(pc.invert(excluded), holds)
    warned = pc.greater(pc.abs(pc.subtract(total, cost)), tolerance)
    orders = (
        table.set_column(table.schema.get_field_index("total_amount"), "total_amount", total)
        .set_column(table.schema.get_field_index("tax_amount"), "tax_amount", tax)
        .append_column("order_date", day)
        .filter(written)
    )
    pq.write_table(
        orders,
        out,
        compression="zstd",
        compression_level=rules.ZSTD_LEVEL,
        row_group_size=rules.ROW_GROUP_ROWS,
    )
    count = {
        "written": orders.num_rows,
        "excluded": pc.sum(excluded).as_py(),
        "rejected": pc.sum(pc.and_(pc.invert(excluded), pc.invert(holds))).as_py(),
    }
    rules.say(count, warned=pc.sum(pc.and_(written, pc.fill_null(warned, False))).as_py())
