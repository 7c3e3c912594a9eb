# `just` lists what there is.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list

# Fetch dependencies and build the debug binary.
setup:
    cargo fetch --locked
    cargo build --locked

# Every test, Rust and Python.
test:
    scripts/test

# Format and lint; changes the format, refuses warnings.
lint:
    cargo fmt
    cargo clippy --locked --all-targets -- -D warnings

# What a change must pass.
ci:
    .ci/run

# Run a job with the release binary: `just run orders-daily --json`.
run job="orders-daily" *args="":
    cargo run --release --locked -- run {{ job }} {{ args }}

# Benchmarks; benches/README.md says how to read them.
bench *args="":
    cargo bench --locked {{ args }}

# The comparison with other tools, on an idle machine: `just bench-peers --only duckdb,consign`.
bench-peers *args="":
    scripts/bench-peers {{ args }}

# Runs over a table and a collection that are served from memory, into benches/README.md.
bench-live:
    scripts/bench-live

# The kernels against their calibration, and their ratios against benches/ratios.json: some minutes, an idle machine.
bench-check *args="":
    scripts/bench-check {{ args }}

# The same, written to benches/ratios.json, with the instructions of both decoders.
bench-record:
    scripts/bench-check --record --instructions

# Whole runs of both formats, by files, threads and memory: `just bench-runs --orders 10000000 --runs 1`.
bench-runs *args="":
    scripts/bench-runs {{ args }}

# CPU time of a whole run by module, with perf: `just profile --format mongodb`.
profile *args="":
    scripts/profile {{ args }}

# Both decoders against strict parsers, a minute each: `just fuzz bson 600`.
fuzz *args="":
    scripts/fuzz {{ args }}

# Documentation of the code, and the tables of DATA_CATALOG.md.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
    cargo run --locked -- catalog build
