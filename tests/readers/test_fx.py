"""Amounts in dollars against an independent computation in Python's decimal."""

import csv
import hashlib
import json
import random
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal

import bson
import pyarrow.dataset
import pytest
from bson.decimal128 import Decimal128

import oracle
from conftest import AS_OF, ROOT, Project

# Exact enough for any product here, and a quotient of 100 digits before the one rounding.
LONG = Context(prec=100, rounding=ROUND_HALF_EVEN)
MAX_AGE = 7


def rates_of_ecb(path):
    """{currency: {day: (dollars for one euro, units for one euro)}} of a file of the bank."""
    rates = {}
    for line in csv.DictReader(path.read_text().splitlines()):
        day, usd = date.fromisoformat(line.pop("Date")), line.pop("USD")
        if usd == "N/A":
            continue
        line = {code: rate for code, rate in line.items() if code and rate not in ("N/A", None)}
        for code, rate in {"EUR": "1", **line}.items():
            rates.setdefault(code, {})[day] = (Decimal(usd), Decimal(rate))
    return rates


def rate_of(rates, currency, day):
    """(dollars, units, day of the rate) for an order of `day`, or None."""
    if currency == "USD":
        return Decimal(1), Decimal(1), day
    for age in range(MAX_AGE + 1):
        found = rates.get(currency, {}).get(day - timedelta(days=age))
        if found:
            return *found, day - timedelta(days=age)
    return None


def rounded(amount, dollars, units, digits):
    exact = LONG.divide(LONG.multiply(amount, dollars), units)
    return exact.quantize(Decimal(1).scaleb(-digits), context=LONG)


def published_rows(project, target):
    files = sorted((project.root / target / "latest").glob("dt=*/*.parquet"))
    return pyarrow.dataset.dataset([str(file) for file in files]).to_table().to_pylist()


@pytest.fixture(scope="module")
def in_dollars(tmp_path_factory):
    """A copy of the project with the sample orders published in dollars."""
    project = Project.copy_to(tmp_path_factory.mktemp("fx"))
    run = project.consign("run", "orders-usd", "--as-of", AS_OF, "--json").stdout
    return project, json.loads(run)


def test_every_total_and_the_sums_are_those_of_decimal(in_dollars):
    project, summary = in_dollars
    file = project.root / "samples" / "fx" / "eurofxref-hist.csv"
    rates, sha256 = rates_of_ecb(file), hashlib.sha256(file.read_bytes()).hexdigest()
    deciding, _ = oracle.newest_copies(oracle.read_sources(project.root, "orders-usd"))
    sources = {oracle.key_of(row): row for row in deciding}
    written = published_rows(project, "out/exported_orders_usd")
    assert len(written) == summary["ledger"]["written"] > 2_500

    total = {"total_amount_usd": Decimal(0), "fx_rate": Decimal(0)}
    for row in written:
        source = sources[row["order_id"]]
        amount = oracle.exact_number(source.get("total_amount"))
        currency = source.get("currency").strip().upper()
        dollars, units, day = rate_of(rates, currency, oracle.business_date(source))
        assert (row["total_amount"], row["currency"]) == (amount, currency)
        assert row["total_amount_usd"] == rounded(amount, dollars, units, 4), row["order_id"]
        assert row["fx_rate"] == rounded(Decimal(1), dollars, units, 12), row["order_id"]
        assert row["fx_rate_date"] == day, row["order_id"]
        assert row["fx_source"] == ("definition" if currency == "USD" else sha256)
        for name in total:
            total[name] += row[name]

    for extension in ("parquet", "csv"):
        files = [f for f in summary["files"] if f["format"] == extension]
        for name, expected in total.items():
            assert sum((Decimal(f["sums"][name]) for f in files), Decimal(0)) == expected, name
    used = {code: use["rows"] for code, use in summary["fx"]["by_currency"].items()}
    assert used == Counter(row["currency"] for row in written)
    assert summary["fx"]["sha256"] == sha256


def test_version_2_refuses_what_version_1_does_and_what_cannot_be_converted(in_dollars, published):
    project, summary = in_dollars
    finer = summary["reasons"].pop("amount_too_fine")
    unknown = summary["reasons"].pop("currency_unknown")
    assert (finer, unknown) == (2, 6)
    assert summary["reasons"] == published.summary["reasons"]
    assert summary["ledger"]["written"] == published.summary["ledger"]["written"] - finer


def test_random_amounts_and_rates_are_converted_as_decimal_does(tmp_path):
    chance = random.Random(20260803)
    first = date(2026, 3, 1)
    days = [first + timedelta(days=n) for n in range(60)]
    codes = ["JPY", "GBP", "CHF", "KWD", "HUF", "IDR", "CLP"]
    digits = {"JPY": 0, "CLP": 0, "KWD": 3}
    lines = ["Date,USD," + ",".join(codes) + ","]
    for day in days:
        # Weekends, and gaps of single currencies, some of them longer than a week.
        if day.weekday() < 5:
            quote = [
                "N/A" if chance.random() < 0.4 else f"{chance.uniform(0.2, 20_000):.6g}"
                for _ in codes
            ]
            lines.append(f"{day},{chance.uniform(0.9, 1.3):.4f}," + ",".join(quote) + ",")
    assert not any("e" in line.split(",", 1)[1] for line in lines[1:])

    for folder in ("jobs", "schemas/sales", "dump"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "rates.csv").write_text("\n".join(lines) + "\n")
    contract = (ROOT / "tests" / "data" / "sales.odcs.yaml").read_text()
    (tmp_path / "schemas" / "sales" / "v1.odcs.yaml").write_text(contract)
    (tmp_path / "jobs" / "sales.toml").write_text(
        '[job]\ndataset = "sales@1"\n[days]\nfound = true\n'
        '[[source]]\nkind = "mongodump"\nurl = "dump/sales.bson"\nexpected_rows = 3000\n'
        '[fx]\nrates = "rates.csv"\n[target]\nurl = "out"\n[[sink]]\nformat = "parquet"\n'
        "[reject]\nmax_percent = 100\n"
    )
    sales = {}
    for number in range(3_000):
        currency = chance.choice(["USD", "EUR", *codes])
        scale = digits.get(currency, 2)
        size = 10 ** chance.randint(1, 12)
        amount = Decimal(chance.randint(-size, size)).scaleb(-scale)
        sales[f"s{number:05}"] = amount, currency, chance.choice(days)
    with (tmp_path / "dump" / "sales.bson").open("wb") as dump:
        for key, (amount, currency, day) in sales.items():
            at = datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)
            row = {"id": key, "amount": Decimal128(amount), "currency": currency}
            dump.write(bson.encode({**row, "created_at": at, "updated_at": at}))
    metadata = {"indexes": [], "collectionName": "sales"}
    (tmp_path / "dump" / "sales.metadata.json").write_text(json.dumps(metadata))

    project = Project(tmp_path)
    summary = json.loads(project.consign("run", "sales", "--as-of", AS_OF, "--json").stdout)
    rates = rates_of_ecb(tmp_path / "rates.csv")
    written = {row["id"]: row for row in published_rows(project, "out")}
    missing = 0
    for key, (amount, currency, day) in sales.items():
        found = rate_of(rates, currency, day)
        if found is None:
            assert key not in written, key
            missing += 1
            continue
        dollars, units, rate_day = found
        assert written[key]["amount_usd"] == rounded(amount, dollars, units, 4), key
        assert written[key]["fx_rate_date"] == rate_day, key
    assert 0 < missing == summary["reasons"]["fx_rate_missing"]
    assert len(written) == len(sales) - missing > 2_000
