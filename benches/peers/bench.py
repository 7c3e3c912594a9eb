"""Runs every contender over the same orders, holds their results against each other, writes the figures down.

`scripts/bench-peers` makes what it needs and calls it. Each run is a process of its own; its wall time, the
CPU seconds of all its threads and its peak memory are what the kernel says of it when it ends.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import contenders
import prepare
import report
from contenders import Contender
from prepare import Inputs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE_SECONDS = 900


class Failure(SystemExit):
    """Ends the command with what went wrong."""

    def __init__(self, message: str):
        super().__init__(f"scripts/bench-peers: {message}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench-peers", description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=int(os.environ.get("BENCH_ORDERS", 300_000)))
    parser.add_argument("--runs", type=int, default=3, help="times that each contender runs")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[],
        help="contenders or groups, by comma; the documents stay as they are",
    )
    parser.add_argument("--dry", action="store_true", help="leave benches/README.md and the chart as they are")
    return parser.parse_args()


def command(one: Contender, inputs: Inputs, out: Path, runs: int) -> list[str]:
    if one.script is None:
        return prepare.consign_command(inputs, one.group, out / "out", one.threads)
    options = [f"--threads={one.threads}", f"--runs={runs}", f"--out={out / 'out'}"]
    words = [*one.arguments, *options, *map(str, inputs.files[one.group])]
    if not one.script.endswith(".py"):
        return [inputs.writer, *words]
    python = inputs.pythons["pymongoarrow" if one.package == "pymongoarrow" else "peers"]
    return [python, str(HERE / one.script), *words]


def run(one: Contender, inputs: Inputs, out: Path, runs: int) -> tuple[dict, list[dict]]:
    """One process: what it said, and what it took, or says that its runs took."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    words = command(one, inputs, out, runs)
    with (out / "stdout").open("wb") as stdout, (out / "stderr").open("wb") as stderr:
        began = time.monotonic()
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=inputs.environment)
        patience = threading.Timer(PATIENCE_SECONDS, child.kill)
        patience.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        # It was waited for here; without this, Popen would wait again.
        child.returncode = os.waitstatus_to_exitcode(status)
        patience.cancel()
    if child.returncode != 0:
        errors = (out / "stderr").read_text(errors="replace")
        raise Failure(f"{one.key} gave {child.returncode}: {' '.join(words)}\n{errors[-8000:]}")
    told = (out / "stdout").read_text()
    said = json.loads(told if one.script is None else told.splitlines()[-1])
    figures = {
        "wall_seconds": wall,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_rss_bytes": used.ru_maxrss * 1024,
    }
    return said, said.get("measured", [figures])


def facts(one: Contender, inputs: Inputs, said: dict, out: Path) -> dict:
    """What was published and what became of the other rows."""
    if one.script is None:
        found = prepare.facts(inputs, "parquet", out / "out" / "latest")
        return found | prepare.consign_ledger(said)
    found = prepare.facts(inputs, "csv" if one.group == "write-csv" else "parquet", out / "out")
    return found | ({} if said["ledger"] is None else {"ledger": said["ledger"], "warned": said["warned"]})


def differences(found: dict, expected: dict) -> list[str]:
    return [
        f"  {name}: {found[name]!r}, expected {expected[name]!r}" for name in found if found[name] != expected[name]
    ]


def measure(one: Contender, inputs: Inputs, runs: int) -> dict:
    """All runs of a contender; the last one's files are compared with what consign published.

    Spark makes its runs in one process and tells of each, everyone else makes one in a process.
    """
    out = inputs.folder / "out"
    measured = []
    while len(measured) < runs:
        said, figures = run(one, inputs, out, runs)
        measured += figures
    if wrong := differences(facts(one, inputs, said, out), inputs.expected[one.group]):
        raise Failure(f"{one.key} does not agree with consign:\n" + "\n".join(wrong))
    rows = inputs.expected[one.group]["rows"] if one.group.startswith("write-") else inputs.rows
    return {"key": one.key, "group": one.group, "rows": rows, "written_bytes": size(out / "out"), "runs": measured}


def size(written: Path) -> int:
    folder = written / "_data" if (written / "_data").is_dir() else written
    files = [file for suffix in ("parquet", "csv") for file in folder.rglob(f"*.{suffix}")]
    return written.stat().st_size if written.is_file() else sum(file.stat().st_size for file in files)


def main() -> None:
    asked = arguments()
    chosen = contenders.chosen(asked.only)
    inputs = prepare.inputs(ROOT, asked.orders)
    results = []
    for number, one in enumerate(chosen, start=1):
        began = time.monotonic()
        results.append(measure(one, inputs, asked.runs))
        best = min(run["wall_seconds"] for run in results[-1]["runs"])
        print(
            f"[{number:2}/{len(chosen)}] {one.key:26} {best:7.2f} s at best, {time.monotonic() - began:4.0f} s in all",
            file=sys.stderr,
        )
    figures = report.figures(inputs, asked, results)
    target = inputs.folder.parent / "peers.json"
    target.write_text(json.dumps(figures, indent=2) + "\n")
    if not asked.only and not asked.dry:
        report.write(ROOT, figures, chosen)
    print(f"{target}: all agree")


if __name__ == "__main__":
    main()
