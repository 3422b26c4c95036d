# crypto-tracer: `make demo` shows it, `make test` proves it. Both install what they need.

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET_DIR)/release/crypto-tracer
PREFIX ?= /usr/local
STATIC_TARGET := $(shell uname -m)-unknown-linux-gnu
STATIC_BIN := $(TARGET_DIR)/$(STATIC_TARGET)/release/crypto-tracer

# Recording needs root: tests and the demo get it through sudo where the user isn't root and sudo is there.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
RUNNER_VAR := CARGO_TARGET_$(shell uname -m | tr a-z A-Z)_UNKNOWN_LINUX_GNU_RUNNER

# The day of the commit, for `crypto-tracer --version`.
export CRYPTO_TRACER_BUILT := $(shell git log -1 --format=%cs 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test build static install lint check-binary bench fixtures deps deps-test clean

help: ## Say what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Install, build, record a few seconds of real work and show the analysis
	@packaging/demo $(BIN) $(if $(SUDO),"$(SUDO)")

test: deps-test ## Install, build and pass every test
	$(CARGO) test --workspace --no-run --locked
	$(if $(SUDO),$(RUNNER_VAR)="$(SUDO) -E") $(CARGO) test --workspace --locked

build: deps ## Build the release binary (target/release/crypto-tracer)
	$(CARGO) build --release --locked

static: deps ## Build a release binary that needs no library at all
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release --locked --target $(STATIC_TARGET)
	@ls -l $(STATIC_BIN)

check-binary: build static ## Check what the release binaries need at run time, and their size
	@packaging/check-binary $(BIN) $(STATIC_BIN)

install: build ## Install into PREFIX (/usr/local)
	install -D -m 0755 $(BIN) $(DESTDIR)$(PREFIX)/bin/crypto-tracer

lint: deps ## Formatting, clippy and rustdoc, warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features analyze -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features record -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items

bench: deps ## Measure what recording costs (as root; ARGS="calls --rounds 3"): the tables of docs/performance.md
	$(CARGO) bench --bench cost --locked --no-run
	$(if $(SUDO),$(RUNNER_VAR)="$(SUDO) -E") $(CARGO) bench --bench cost --locked -- $(ARGS)

fixtures: build ## Record the fixtures anew and write the golden outputs (read the diff!)
	tests/fixtures/record $(BIN)

deps:
	@packaging/install-deps build

deps-test:
	@packaging/install-deps test

clean: ## Remove what was built
	$(CARGO) clean
