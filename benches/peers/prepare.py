"""The same orders for every contender, and what must become of them.

The generator's `--dirty-percent 0` leaves out rows that are no order at all: what a reader makes of broken
JSON, of text in place of a number or of an impossible date differs between peers, and most of them give up
the whole file. What is left still has to be decided: older copies, orders of other days, test orders,
card checks, states that are in no list, totals that are not the sum of their items, local times.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import rules

HERE = Path(__file__).parent
AS_OF = "2026-08-03T06:00:00Z"
SOURCES = {"export-1": "dynamodb_export", "export-8": "dynamodb_export", "dump": "mongodump"}
SEED = 1
JOB = """\
[job]
dataset = "exported_orders@1"
description = "Orders for the comparison with peers."

[days]
first = "{first}"
last = "{last}"

[[source]]
kind = "{kind}"
url = "{source}"

[target]
url = "{target}"
latest = true

[[sink]]
format = "parquet"
"""


@dataclass
class Inputs:
    """Where everything is, and what consign published of it."""

    root: Path
    folder: Path
    consign: str
    writer: str
    pythons: dict
    environment: dict
    rows: int = 0
    sources: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    expected: dict = field(default_factory=dict)


def inputs(root: Path, orders: int) -> Inputs:
    folder = Path(os.environ["BENCH_TARGET"]) / "bench" / "peers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = Inputs(
        root=root,
        folder=folder,
        consign=os.environ["CONSIGN_BIN"],
        writer=os.environ["WRITE_ORDERS_BIN"],
        pythons={"peers": os.environ["PEERS_PYTHON"], "pymongoarrow": os.environ["PYMONGOARROW_PYTHON"]},
        environment={name: value for name, value in os.environ.items() if not name.startswith("CONSIGN_")}
        | {"SPARK_LOCAL_IP": "127.0.0.1", "PYTHONWARNINGS": "ignore"},
    )
    for group, kind in SOURCES.items():
        generate(made, group, kind, orders)
    reference(made)
    return made


def generate(made: Inputs, group: str, kind: str, orders: int) -> None:
    words = [os.environ["GENERATE_ORDERS_BIN"], "--out", str(made.folder / group), "--orders", str(orders)]
    words += ["--seed", str(SEED), "--dirty-percent", "0"]
    words += ["--format", "mongodb"] if kind == "mongodump" else ["--format", "dynamodb", "--files", group[-1]]
    said = json.loads(output(words))
    made.sources[group] = Path(said["location"])
    made.rows = said["rows"]
    data = made.sources[group] / "data"
    made.files[group] = sorted(data.iterdir()) if data.is_dir() else [made.sources[group]]


def reference(made: Inputs) -> None:
    """What consign publishes of each input; all three must be the same."""
    for group in SOURCES:
        out = made.folder / "reference" / group
        said = json.loads(output(consign_command(made, group, out, threads=2)))
        made.expected[group] = facts(made, "parquet", out / "latest") | consign_ledger(said)
        if made.expected[group] != made.expected["export-1"]:
            raise SystemExit(f"scripts/bench-peers: consign publishes something else of {group} than of export-1")
    table = made.folder / "orders.arrow"
    latest = made.folder / "reference" / "export-1" / "latest"
    output([made.pythons["peers"], str(HERE / "orders_table.py"), str(latest), str(table)])
    for kind in ("zstd", "snappy", "csv"):
        made.files[f"write-{kind}"] = [table]
        made.expected[f"write-{kind}"] = made.expected["export-1"]


def consign_command(made: Inputs, group: str, out: Path, threads: int) -> list[str]:
    """A project of its own, so that no state of another run is found."""
    project = out.with_name(f"{out.name}.project")
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(made.root / "schemas", project / "schemas")
    (project / "jobs").mkdir()
    job = JOB.format(
        first=rules.FIRST_DAY, last=rules.LAST_DAY, kind=SOURCES[group], source=made.sources[group], target=out
    )
    (project / "jobs" / "orders.toml").write_text(job)
    options = ["--as-of", AS_OF, "--threads", str(threads), "--fresh", "--json"]
    return [made.consign, "--project", str(project), "--quiet", "run", "orders", *options]


def consign_ledger(said: dict) -> dict:
    rows = said["ledger"]
    return {
        "ledger": {"written": rows["written"], "excluded": rows["excluded"], "rejected": rows["quarantined"]},
        "warned": said["warnings"].get("total_matches_items", 0),
    }


def facts(made: Inputs, kind: str, path: Path) -> dict:
    return json.loads(output([made.pythons["peers"], str(HERE / "facts.py"), kind, str(path)]))


def output(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"scripts/bench-peers: {' '.join(words)} gave {done.returncode}\n{done.stderr[-8000:]}")
    return done.stdout
