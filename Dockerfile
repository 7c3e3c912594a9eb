# syntax=docker/dockerfile:1

# Builder and runtime share one Debian, so the binary finds the libc it was linked against.
FROM rust:1.95-bookworm AS builder
WORKDIR /build

# Dependencies alone: this layer is built again only when the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && echo '//! Dependencies.' > src/lib.rs \
    && grep -A1 '^\[\[bench\]\]' Cargo.toml | sed -n 's/^name = "\(.*\)"/\1/p' \
       | while read -r bench; do mkdir -p benches && echo 'fn main() {}' > "benches/$bench.rs"; done \
    && cargo build --release --locked --bin consign \
    && rm -rf src benches target/release/deps/*consign* target/release/.fingerprint/consign-*

COPY src src
COPY benches benches
RUN cargo build --release --locked --bin consign \
    && mkdir -p /stage/out /stage/.consign

# No shell, no package manager, user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
WORKDIR /project
COPY --from=builder /build/target/release/consign /usr/local/bin/consign
COPY --from=builder --chown=65532:65532 /stage/ ./
COPY jobs jobs
COPY schemas schemas
COPY samples samples
COPY DATA_CATALOG.md ./
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD ["/usr/local/bin/consign", "--version"]
ENTRYPOINT ["/usr/local/bin/consign"]
CMD ["--help"]
