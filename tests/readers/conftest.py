"""A published run to look at: the sample job, run once by the built binary in a copy of the project."""

import decimal
import json
import os
import shutil
import subprocess
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

# 28 digits by default, and then it rounds: here a sum is exact or an error.
decimal.getcontext().prec = 80
decimal.getcontext().traps[decimal.Inexact] = True

# The pinned tzdata package, not whatever this machine has.
zoneinfo.reset_tzpath(to=())

ROOT = Path(__file__).resolve().parents[2]
JOB = "orders-daily"
AS_OF = "2026-08-03T06:00:00Z"


def consign_binary() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = Path(os.environ.get("CONSIGN_BIN", target / "debug" / "consign"))
    if not binary.is_file():
        pytest.exit(f"{binary} is not there: run scripts/test, or cargo build first", returncode=2)
    return binary


@dataclass
class Project:
    """A copy of the project that a run may write into."""

    root: Path

    @classmethod
    def copy_to(cls, root: Path) -> "Project":
        for folder in ("jobs", "schemas", "samples"):
            shutil.copytree(ROOT / folder, root / folder)
        return cls(root)

    def consign(self, *arguments, expect=0) -> subprocess.CompletedProcess:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CONSIGN_")}
        done = subprocess.run(
            [consign_binary(), "--project", str(self.root), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.root,
            env=environment,
            timeout=600,
        )
        assert done.returncode == expect, (
            f"consign {' '.join(map(str, arguments))} gave {done.returncode}, not {expect}\n"
            f"{done.stderr[-4000:]}"
        )
        return done

    def run(self, *arguments) -> dict:
        done = self.consign("run", JOB, "--as-of", AS_OF, "--json", *arguments)
        return json.loads(done.stdout)

    @property
    def target(self) -> Path:
        return self.root / "out" / "exported_orders"

    def latest(self, extension: str) -> list[Path]:
        return sorted((self.target / "latest").glob(f"dt=*/*.{extension}"))


@dataclass
class Published:
    """A project with a run published in it, and what the run said."""

    project: Project
    summary: dict

    def sums(self, extension: str) -> dict:
        """The sums that the run stated for the files of one format, added up."""
        total = {}
        for file in self.summary["files"]:
            if file["format"] == extension:
                for column, text in file["sums"].items():
                    total[column] = total.get(column, Decimal(0)) + Decimal(text)
        return total

    def rows_by_day(self, extension: str) -> dict:
        rows = {}
        for file in self.summary["files"]:
            if file["format"] == extension:
                rows[file["dt"]] = rows.get(file["dt"], 0) + file["rows"]
        return rows


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Published:
    project = Project.copy_to(tmp_path_factory.mktemp("published"))
    return Published(project, project.run())


@pytest.fixture
def project(tmp_path) -> Project:
    return Project.copy_to(tmp_path)
