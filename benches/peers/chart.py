"""The figures as bars: rows a second by wall time, one and two threads, as one SVG without anything else.

Colours follow the reader's light or dark mode; the background is left to the page.
"""

from html import escape

PANELS = (
    ("export-1", "DynamoDB export, one .json.gz, to Parquet"),
    ("export-8", "DynamoDB export, eight .json.gz, to Parquet"),
    ("dump", "mongodump, one .bson, to Parquet"),
)
WIDTH, LEFT, RIGHT = 760, 150, 90
MARGIN = 16
BAR, GAP, BETWEEN = 9, 2, 11
HEAD, PANEL_HEAD, PANEL_FOOT, FOOT = 56, 34, 14, 22

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-weight: 600; }
  .ours { font-weight: 700; }
  .quiet, .value { fill: #59636e; font-size: 11px; }
  .axis { stroke: #d1d9e0; }
  .one { fill: #8c959f; } .two { fill: #c4cbd2; }
  .ours-one { fill: #0969da; } .ours-two { fill: #79b8ff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet, .value { fill: #9198a1; }
    .axis { stroke: #3d444d; }
    .one { fill: #7d8590; } .two { fill: #484f58; }
    .ours-one { fill: #58a6ff; } .ours-two { fill: #1f6feb; }
  }
"""


def draw(told: dict, contenders: dict) -> str:
    """Panels of the groups that were measured, the fastest contender first."""
    panels = [(title, rows(told, contenders, group)) for group, title in PANELS]
    panels = [(title, found) for title, found in panels if found]
    most = max((rate for _, found in panels for _, rates in found for rate in rates.values()), default=1)
    parts, top = heading(), HEAD
    for title, found in panels:
        parts.append(text(0, top + 14, title, "panel"))
        top += PANEL_HEAD
        start = top
        for name, rates in found:
            height = len(rates) * (BAR + GAP) - GAP
            parts.append(text(LEFT - 10, top + height / 2 + 4.5, name, "ours" if name == "consign" else "", "end"))
            parts += bars(name, rates, top, most)
            top += height + BETWEEN
        parts.append(f'<line class="axis" x1="{LEFT - 0.5}" x2="{LEFT - 0.5}" y1="{start - 5}" y2="{top - 6}"/>')
        top += PANEL_FOOT
    parts.append(text(0, top + 10, f"{told['rows']:,} rows; {told['machine']}; {told['date']}", "quiet"))
    body = "\n".join(parts)
    width, height = WIDTH + 2 * MARGIN, top + FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-{MARGIN} 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        f'role="img" aria-label="Rows a second of consign and its peers">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )


def rows(told: dict, contenders: dict, group: str) -> list[tuple[str, dict]]:
    """Rows a second of each contender by its number of threads."""
    found = {}
    for result in told["results"]:
        if result["group"] == group:
            one = contenders[result["key"]]
            found.setdefault(one.name, {})[one.threads] = result["rows"] / result["median"]["wall_seconds"]
    return sorted(found.items(), key=lambda entry: -max(entry[1].values()))


def heading() -> list[str]:
    legend, parts = WIDTH - 232, [text(0, 20, "Rows a second, the same rules and the same result", "title")]
    for number, (label, ours, other) in enumerate((("1 thread", "ours-one", "one"), ("2 threads", "ours-two", "two"))):
        left = legend + number * 116
        parts.append(f'<rect class="{ours}" x="{left}" y="32" width="12" height="{BAR}" rx="2"/>')
        parts.append(f'<rect class="{other}" x="{left + 15}" y="32" width="12" height="{BAR}" rx="2"/>')
        parts.append(text(left + 34, 41, label, "quiet"))
    return parts


def bars(name: str, rates: dict, top: float, most: float) -> list[str]:
    parts = []
    for number, (threads, rate) in enumerate(sorted(rates.items())):
        kind = ("ours-" if name == "consign" else "") + ("one" if threads == 1 else "two")
        width, y = rate / most * (WIDTH - LEFT - RIGHT), top + number * (BAR + GAP)
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
        parts.append(text(LEFT + width + 6, y + 8.5, f"{round(rate, -3 if rate >= 100_000 else -2):,.0f}", "value"))
    return parts


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
