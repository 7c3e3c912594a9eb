"""The figures of one run: as JSON, as tables in benches/README.md, as a chart."""

import json
import os
import platform
import re
import subprocess
import textwrap
import time
from pathlib import Path
from statistics import median

import chart
from contenders import GROUPS, NOTES, Contender

HERE = Path(__file__).parent
BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"
CHART = "peers.svg"


def figures(inputs, asked, results: list[dict]) -> dict:
    """Everything that a reader needs to repeat or to doubt the figures."""
    for result in results:
        result["median"] = {
            "wall_seconds": median(run["wall_seconds"] for run in result["runs"]),
            "cpu_seconds": median(run["cpu_seconds"] for run in result["runs"]),
            "peak_rss_bytes": max(run["peak_rss_bytes"] for run in result["runs"]),
        }
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(inputs.root),
        "machine": machine(),
        "versions": versions(inputs),
        "orders": asked.orders,
        "rows": inputs.rows,
        "runs": asked.runs,
        "input_bytes": {
            group: sum(file.stat().st_size for file in inputs.files[group])
            for group in ("export-1", "export-8", "dump")
        },
        "published": inputs.expected["export-1"],
        "results": results,
    }


def commit(root: Path) -> str:
    if told := os.environ.get("BENCH_COMMIT"):
        return told
    git = ["git", "-C", str(root)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(
        [*git, "status", "--porcelain", "src", "Cargo.lock"], capture_output=True, text=True
    ).stdout
    return f"{name} with changes" if changed else name


def machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    kib = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    model = cpu[1].strip() if cpu else platform.machine()
    return f"{os.cpu_count()} vCPU {model}, {kib / 2**20:.0f} GiB"


def versions(inputs) -> dict:
    """As they are pinned; consign as it calls itself."""
    pinned = (HERE / "requirements.txt").read_text() + (HERE / "requirements-pymongoarrow.txt").read_text()
    found = dict(reversed(re.findall(r"^([\w-]+)==(\S+)$", pinned, re.MULTILINE)))
    said = subprocess.run([inputs.consign, "--version"], capture_output=True, text=True, check=True).stdout
    return {"consign": said.split()[1]} | found | {"python": platform.python_version()}


def write(root: Path, told: dict, chosen: list[Contender]) -> None:
    """The tables between their markers, and the chart."""
    readme = root / "benches" / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{markdown(told, chosen)}{END}{after}")
    (root / "benches" / CHART).write_text(chart.draw(told, {one.key: one for one in chosen}))


def markdown(told: dict, chosen: list[Contender]) -> str:
    """One table for each group, and the notes that its rows need."""
    used = {note for one in chosen for note in one.notes}
    numbers = {note: number for number, note in enumerate((note for note in NOTES if note in used), start=1)}
    results = {result["key"]: result for result in told["results"]}
    python = told["versions"]["python"]
    times = f"medians of {told['runs']} runs, the highest peak memory" if told["runs"] > 1 else "one run each"
    text = wrapped(
        f"{told['date']}, {told['machine']}, commit `{told['commit']}`, Python {python}. {told['rows']:,} rows of "
        f"{told['orders']:,} orders, of which {told['published']['rows']:,} are published; {times}. The start of a "
        "process counts."
    )
    for group, title in GROUPS.items():
        rows = [one for one in chosen if one.group == group]
        if rows:
            text += f"\n{title}:\n\n" + table(told, group, rows, results, numbers)
    text += f"\n![Rows a second of consign and its peers]({CHART})\n\n"
    return text + "".join(wrapped(f"{number}. {NOTES[note]}", "   ") for note, number in numbers.items())


def wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


def table(told: dict, group: str, rows: list[Contender], results: dict, numbers: dict) -> str:
    ordered = sorted(rows, key=lambda one: (one.threads, results[one.key]["median"]["cpu_seconds"]))
    text = "| contender | threads | wall time | CPU time | rows a CPU second | peak memory |\n" + "|---" * 6 + "|\n"
    for one in ordered:
        taken, count = results[one.key]["median"], results[one.key]["rows"]
        marks = ", ".join(map(str, sorted(numbers[note] for note in one.notes)))
        text += (
            f"| {one.name} {told['versions'][one.package]} <sup>{marks}</sup> | {one.threads} "
            f"| {taken['wall_seconds']:.2f} s | {taken['cpu_seconds']:.2f} s "
            f"| {per_second(count, taken['cpu_seconds'])} | {taken['peak_rss_bytes'] / 2**20:,.0f} MiB |\n"
        )
    return text


def per_second(rows: int, seconds: float) -> str:
    return f"{round(rows / seconds, -3 if rows / seconds >= 100_000 else -2):,.0f}"
