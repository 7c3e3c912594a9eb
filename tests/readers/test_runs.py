"""What a run promises about running again, and what verify notices."""

import hashlib
import shutil

import pytest


def hashes(summary):
    """SHA-256 of every data file by its place, without the run's own folder name."""
    run = f"v-{summary['run_id']}/"
    return {file["path"].replace(run, ""): file["sha256"] for file in summary["files"]}


def test_any_number_of_threads_writes_the_same_bytes(published, tmp_path):
    one, two = (type(published.project).copy_to(tmp_path / name) for name in ("one", "two"))
    first, second = one.run("--threads", "1"), two.run("--threads", "2")
    assert first["run_id"] != second["run_id"]
    assert hashes(first) == hashes(second) == hashes(published.summary)
    assert first["ledger"] == second["ledger"]
    for summary, project in ((first, one), (second, two)):
        for file in summary["files"] + summary["quarantine_files"]:
            content = (project.target / file["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file["path"]
            assert len(content) == file["bytes"], file["path"]


def test_the_same_slice_again_publishes_nothing(published):
    before = {path: path.stat().st_mtime_ns for path in everything(published.project.target)}
    again = published.project.run()
    assert again["outcome"] == "already_published"
    assert again["run_id"] == published.summary["run_id"]
    assert again["commit"] == published.summary["commit"]
    after = {path: path.stat().st_mtime_ns for path in everything(published.project.target)}
    assert after == before


def test_a_dry_run_writes_nothing(project):
    summary = project.run("--dry-run")
    assert summary["outcome"] == "dry_run"
    assert summary.get("commit") is None
    assert not project.target.exists() or everything(project.target) == []


def test_latest_is_what_the_record_names(published):
    target = published.project.target
    hashed = {
        f"latest/dt={file['dt']}/{file['path'].rsplit('/')[-1]}": file["sha256"]
        for file in published.summary["files"]
    }
    latest = {
        str(path.relative_to(target)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in everything(target / "latest")
        if not path.name.startswith("_")
    }
    assert latest == hashed
    assert sorted(latest) == sorted(published.summary["latest"])


def test_verify_passes_what_a_run_published(published):
    published.project.consign("verify", published.project.target)


@pytest.mark.parametrize("extension", ["parquet", "csv"])
def test_verify_fails_on_one_changed_byte(published, tmp_path, extension):
    target, place = copied(published, tmp_path, extension)
    file = target / place
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x01
    overwrite(file, content)
    done = published.project.consign("verify", target, expect=7)
    assert place in done.stdout + done.stderr


def test_verify_fails_on_a_missing_file(published, tmp_path):
    target, place = copied(published, tmp_path, "parquet")
    (target / place).unlink()
    done = published.project.consign("verify", target, expect=7)
    assert place in done.stdout + done.stderr


def test_a_cut_source_publishes_nothing(project):
    cut = sorted((project.root / "samples").rglob("*.json.gz"))[0]
    overwrite(cut, cut.read_bytes()[:-20])
    done = project.consign("run", "orders-daily", "--json", expect=7)
    assert cut.name in done.stderr
    assert done.stdout.strip() == ""
    assert not list(project.target.glob("_log/*")) and not project.latest("parquet")


def test_too_many_rejects_publish_nothing(project):
    job = project.root / "jobs" / "orders-daily.toml"
    lines = job.read_text().splitlines()
    job.write_text("\n".join("max_rows = 1" if "max_percent" in l else l for l in lines) + "\n")
    project.consign("run", "orders-daily", expect=3)
    assert not list(project.target.glob("_log/*")) and not project.latest("parquet")


def test_a_mistyped_key_points_at_its_line(project):
    job = project.root / "jobs" / "orders-daily.toml"
    job.write_text(job.read_text().replace("\nlatest = true", "\nlatets = true"))
    line = job.read_text().splitlines().index("latets = true") + 1
    done = project.consign("run", "orders-daily", expect=2)
    assert f"{line}" in done.stderr and "latest" in done.stderr


def everything(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def copied(published, folder, extension):
    """A copy of the dataset, and the place of its largest data file of a format."""
    target = folder / "dataset"
    shutil.copytree(published.project.target, target)
    files = [file for file in published.summary["files"] if file["format"] == extension]
    return target, max(files, key=lambda file: file["bytes"])["path"]


def overwrite(path, content):
    """Published files may be read-only, and links to each other."""
    path.unlink()
    path.write_bytes(content)
