"""pyspark: a DynamoDB export to Parquet on this machine alone.

The job runs once more than it is measured, in one session: Spark compiles its plans as it goes, and the
first run is far slower. Its Java process is a child that nobody waits for, so it is asked here.
"""

import os
import resource
import shutil
import time
from pathlib import Path

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as f

import rules

ITEM = """STRUCT<
    order_id: STRUCT<S: STRING, N: STRING>, customer_id: STRUCT<S: STRING>, status: STRUCT<S: STRING>,
    currency: STRUCT<S: STRING>, total_amount: STRUCT<N: STRING>, tax_amount: STRUCT<N: STRING>,
    settlement_amount: STRUCT<N: STRING>,
    items: STRUCT<L: ARRAY<STRUCT<M: STRUCT<
        product_id: STRUCT<S: STRING>, quantity: STRUCT<N: STRING>, unit_price: STRUCT<N: STRING>>>>>,
    coupon_codes: STRUCT<SS: ARRAY<STRING>>,
    shipping_address: STRUCT<M: STRUCT<
        country: STRUCT<S: STRING>, city: STRUCT<S: STRING>, postal_code: STRUCT<S: STRING, N: STRING>>>,
    customer_email: STRUCT<S: STRING>, gift_message: STRUCT<S: STRING>, is_gift: STRUCT<BOOL: BOOLEAN>,
    receipt_digest: STRUCT<B: STRING>, delivery_date: STRUCT<S: STRING>, created_at: STRUCT<S: STRING>,
    updated_at: STRUCT<S: STRING, N: STRING>, time_zone: STRUCT<S: STRING>>"""

PARSED = rf"""
SELECT
    trim(coalesce(Item.order_id.S, Item.order_id.N)) AS order_id,
    trim(Item.customer_id.S) AS customer_id,
    lower(trim(Item.status.S)) AS status,
    upper(trim(Item.currency.S)) AS currency,
    CAST(Item.total_amount.N AS DECIMAL(18, 3)) AS total_amount,
    CAST(Item.tax_amount.N AS DECIMAL(18, 3)) AS tax_amount,
    CAST(Item.settlement_amount.N AS DECIMAL(38, 9)) AS settlement_amount,
    -- A cast rounds; an amount that is finer than its column must not pass.
    CAST(Item.total_amount.N AS DECIMAL(38, 9)) = CAST(Item.total_amount.N AS DECIMAL(18, 3))
        AND coalesce(CAST(Item.tax_amount.N AS DECIMAL(38, 9)) = CAST(Item.tax_amount.N AS DECIMAL(18, 3)), true)
        AS amounts_fit,
    transform(Item.items.L, line -> named_struct(
        'product_id', line.M.product_id.S,
        'quantity', CAST(line.M.quantity.N AS BIGINT),
        'unit_price', CAST(line.M.unit_price.N AS DECIMAL(18, 4)))) AS items,
    Item.coupon_codes.SS AS coupon_codes,
    CASE WHEN Item.shipping_address.M IS NOT NULL THEN named_struct(
        'country', upper(trim(Item.shipping_address.M.country.S)),
        'city', Item.shipping_address.M.city.S,
        'postal_code', coalesce(Item.shipping_address.M.postal_code.S, Item.shipping_address.M.postal_code.N)
    ) END AS shipping_address,
    nullif(trim(Item.customer_email.S), '') AS customer_email,
    Item.gift_message.S AS gift_message,
    Item.is_gift.BOOL AS is_gift,
    unbase64(Item.receipt_digest.B) AS receipt_digest,
    CAST(Item.delivery_date.S AS DATE) AS delivery_date,
    CASE WHEN Item.created_at.S RLIKE r'{rules.TIME_WITH_OFFSET}'
        THEN CAST(Item.created_at.S AS TIMESTAMP)
        ELSE to_utc_timestamp(CAST(Item.created_at.S AS TIMESTAMP), Item.time_zone.S) END AS created_at,
    coalesce(
        CAST(Item.updated_at.S AS TIMESTAMP),
        timestamp_micros(CAST(CAST(Item.updated_at.N AS DECIMAL(16, 6)) * 1000000 AS BIGINT))
    ) AS updated_at,
    Item.time_zone.S AS time_zone
FROM export
"""

JUDGED = rf"""
WITH parsed AS ({PARSED}),
numbered AS (
    SELECT *,
        CAST(from_utc_timestamp(created_at, '{rules.BUSINESS_ZONE}') AS DATE) AS order_date,
        row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC) AS copy
    FROM parsed
)
SELECT *,
    CASE
        WHEN order_date NOT BETWEEN DATE '{rules.FIRST_DAY}' AND DATE '{rules.LAST_DAY}'
            OR order_id RLIKE r'{rules.LEGACY_ID}'
            OR total_amount < {rules.SMALLEST_TOTAL} THEN 'excluded'
        WHEN order_id RLIKE r'{rules.ORDER_ID}'
            AND customer_id RLIKE r'{rules.CUSTOMER_ID}'
            AND status IN {tuple(rules.STATUSES)}
            AND currency IN {tuple(rules.CURRENCIES)}
            AND amounts_fit AND total_amount >= 0
            AND coalesce(tax_amount BETWEEN 0 AND total_amount, true)
            AND size(items) > 0
            AND forall(items, line ->
                line.product_id RLIKE r'{rules.PRODUCT_ID}'
                AND line.quantity BETWEEN 1 AND {rules.MOST_PIECES}
                AND coalesce(line.unit_price >= 0, true))
            AND (shipping_address IS NULL OR shipping_address.country RLIKE r'{rules.COUNTRY}')
            AND coalesce(customer_email RLIKE r'{rules.EMAIL}', true)
            AND coalesce(length(gift_message) <= {rules.LONGEST_GIFT_MESSAGE}, true)
            AND updated_at >= created_at THEN 'written'
        ELSE 'rejected'
    END AS verdict,
    abs(total_amount - aggregate(items, CAST(0 AS DECIMAL(30, 4)), (sum, line) ->
        CAST(sum + CAST(line.quantity AS DECIMAL(10, 0)) * line.unit_price AS DECIMAL(30, 4))))
        > {rules.TOLERANCE} AS warned
FROM numbered WHERE copy = 1
"""


def job(spark: SparkSession, files: list[Path], out: Path) -> tuple[dict, int]:
    export = spark.read.schema(f"Item {ITEM}").json([str(file) for file in files])
    export.createOrReplaceTempView("export")
    # Counted while they are written: one pass, and nothing is cached.
    counts = Observation()
    judged = spark.sql(JUDGED).observe(
        counts,
        *(f.count_if(f.col("verdict") == name).alias(name) for name in ("written", "excluded", "rejected")),
        f.count_if(f.expr("warned AND verdict = 'written'")).alias("warned"),
    )
    written = judged.where("verdict = 'written'").drop("amounts_fit", "copy", "verdict", "warned")
    written.write.mode("overwrite").parquet(str(out))
    ledger = counts.get
    return ledger, ledger.pop("warned")


def java_process() -> Path:
    (child,) = Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
    return Path("/proc", child)


def cpu_seconds() -> float:
    """Of this process and of the Java process, which has no children."""
    ticks = java_process().joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    own = resource.getrusage(resource.RUSAGE_SELF)
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") + own.ru_utime + own.ru_stime


def peak_rss_bytes() -> int:
    lines = java_process().joinpath("status").read_text().splitlines()
    (java_kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return (java_kib + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


asked = rules.arguments()
scratch = asked.out.with_suffix(".spark")
spark = (
    SparkSession.builder.master(f"local[{asked.threads}]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.log.level", "ERROR")
    .config("spark.local.dir", str(scratch))
    .config("spark.driver.memory", "4g")
    .config("spark.driver.extraJavaOptions", f"-XX:ActiveProcessorCount={asked.threads}")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", asked.threads)
    .config("spark.sql.parquet.compression.codec", "zstd")
    .config("spark.hadoop.parquet.compression.codec.zstd.level", rules.ZSTD_LEVEL)
    .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    .getOrCreate()
)
job(spark, asked.files, asked.out)
measured = []
for _ in range(asked.runs):
    began, used = time.monotonic(), cpu_seconds()
    ledger, warned = job(spark, asked.files, asked.out)
    wall, cpu = time.monotonic() - began, cpu_seconds() - used
    measured.append({"wall_seconds": wall, "cpu_seconds": cpu, "peak_rss_bytes": peak_rss_bytes()})
spark.stop()
shutil.rmtree(scratch, ignore_errors=True)
rules.say(ledger, warned=warned, measured=measured)
