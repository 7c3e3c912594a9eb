"""Who takes part: the command of each, and what must be known to read its figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """One row of a table."""

    group: str
    name: str
    threads: int
    package: str
    script: str | None = None
    """A file beside this one, or an example of the project that is a program; a run of `consign` has none."""
    arguments: tuple = ()
    notes: tuple = ()

    @property
    def key(self) -> str:
        return f"{self.group}-{self.name}-{self.threads}".replace(" + ", "-")


GROUPS = {
    "export-1": "A DynamoDB export in one file (.json.gz) to Parquet",
    "export-8": "A DynamoDB export in eight files (.json.gz) to Parquet",
    "dump": "A mongodump (.bson) to Parquet",
    "write-zstd": "One Arrow table of orders to Parquet, zstd 1",
    "write-snappy": "The same table to Parquet, snappy",
    "write-csv": "Eight flat columns of the table to CSV",
}

NOTES = {
    "more": "Does more than the others: judges every rule of the contract, keeps refused rows with their reasons, "
    "tells missing from null, sorts by key, writes a file for each day, reads each file again, hashes input and "
    "output, and publishes in one step.",
    "rounds": "Its cast of text to decimal rounds; that an amount is not finer than its column is compared after it.",
    "zones": "Takes a time zone as an argument, not as a column: local times are resolved zone by zone.",
    "tables": "Holds all orders in tables, which it would put on disk when memory runs out.",
    "memory": "Holds the whole table in memory.",
    "base64": "Has no function for base64; Python decodes that column.",
    "dicts": "A Python dict for each order, on one thread; all orders are in memory.",
    "spark": "Runs in one process for all its runs, after one run that is not counted; start-up is not counted. "
    "Memory is that of Python and Java together.",
    "types": "Has one type for a field and makes null of any other, so it reads the dump three times and puts the "
    "columns together. A fraction in a whole number's field would be cut off without a word.",
    "structs": "Cannot tell a missing struct from one of nulls.",
    "older": "With pyarrow 25.0.1, the newest that it takes.",
    "takes over": "Taking the Arrow table over counts.",
    "writes more": "By `examples/write_orders`. Does what it does in a run: a file for each day, sums, hashes, and a check "
    "that keys ascend.",
}

MONGOARROW = ("zones", "memory", "types", "structs", "older")
POLARS, PYARROW = ("rounds", "zones", "memory"), ("zones", "base64", "memory")


def exports() -> list[Contender]:
    """Who is left out: boto3 with eight files, which are one file after the other to it, and
    Spark with two threads on one file, of which it makes one task."""
    rows = []
    for group, spark_threads in (("export-1", 1), ("export-8", 2)):
        for name, package, script, notes in (
            ("consign", "consign", None, ("more",)),
            ("DuckDB", "duckdb", "duckdb_export.py", ("rounds", "tables")),
            ("polars", "polars", "polars_export.py", POLARS),
            ("pyarrow", "pyarrow", "pyarrow_export.py", PYARROW),
        ):
            rows += [Contender(group, name, threads, package, script, notes=notes) for threads in (1, 2)]
        spark = Contender(group, "pyspark", spark_threads, "pyspark", "spark_export.py", notes=("rounds", "spark"))
        rows.append(spark)
    rows.append(Contender("export-1", "orjson + boto3", 1, "boto3", "boto3_export.py", notes=("dicts",)))
    return rows


def dumps() -> list[Contender]:
    return [
        Contender("dump", "consign", 1, "consign", notes=("more",)),
        Contender("dump", "consign", 2, "consign", notes=("more",)),
        Contender("dump", "pymongoarrow", 1, "pymongoarrow", "pymongoarrow_dump.py", notes=MONGOARROW),
        Contender("dump", "pymongo", 1, "pymongo", "pymongo_dump.py", notes=("dicts",)),
    ]


def writers() -> list[Contender]:
    rows = []
    for kind in ("zstd", "snappy", "csv"):
        group = f"write-{kind}"
        rows.append(Contender(group, "consign", 1, "consign", "write_orders", (kind,), ("writes more",)))
        rows += [
            Contender(group, tool, 1, tool.lower(), "writers.py", (tool.lower(), kind), ("takes over",))
            for tool in ("polars", "pyarrow", "DuckDB")
        ]
    return rows


def chosen(only: list[str]) -> list[Contender]:
    """All, or those whose name, package or group begins with one of the words."""
    everyone = exports() + dumps() + writers()
    for word in only:
        if not any(takes(contender, word) for contender in everyone):
            raise SystemExit(f"scripts/bench-peers: no contender is called {word}")
    ordered = sorted(everyone, key=lambda one: list(GROUPS).index(one.group))
    return [one for one in ordered if not only or any(takes(one, word) for word in only)]


def takes(contender: Contender, word: str) -> bool:
    names = (contender.name, contender.package, contender.group, *contender.name.split(" + "))
    return any(name.lower().startswith(word.lower()) for name in names)
