# Everything a person or CI runs. Each target does all the set-up it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
.DEFAULT_GOAL := help

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

.venv/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup: .venv/.ready ## .venv with the program, rclone and the development tools; quick when nothing changed

demo: setup ## a real backup to a local QingStor server, with progress, then a verified restore
	$(BIN)/python -m tests.demo

# The tests of the local QingStor pass once for each state of these files; `verified.sha256` says for which.
test: SERVER = $(sort $(wildcard tests/qingstor_server/*.py tests/server/*.py)) requirements-dev.lock
test: VERIFIED = tests/server/verified.sha256
test: setup ## the whole test suite; what tests the local QingStor itself only when that has changed
	@# The program is started hundreds of times, which is slow where Python may not keep its bytecode by itself.
	@$(BIN)/python -m compileall -q adapter rclone_conf tests
	@sha256sum $(SERVER) > .venv/server.sha256
	@# Much of the time is waiting, so there are more workers than cores; the longest tests begin first (tests/conftest.py).
	$(BIN)/pytest -n 6 --maxschedchunk 1 -m "not deep and not system$$(cmp -s .venv/server.sha256 $(VERIFIED) && echo ' and not server')"
	@cmp -s .venv/server.sha256 $(VERIFIED) || cp .venv/server.sha256 $(VERIFIED)

test-system: setup ## with programs of Debian's that use rclone: restic
	$(BIN)/pytest -n 2 --maxschedchunk 1 -m system tests/system

test-live: setup ## the whole chain at a real QingStor account, with the keys and the bucket in the environment
	@$(BIN)/python -m tests.live

# Other rclones, each in a directory of its own, for what must be the same with all of them.
OTHERS := $(patsubst tests/rclone/rclone-%.lock,.venv/rclone-%/bin/rclone,$(wildcard tests/rclone/rclone-*.lock))
.venv/rclone-%/bin/rclone: tests/rclone/rclone-%.lock | setup
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--target .venv/rclone-$*/lib --requirement $<
	mkdir -p .venv/rclone-$*/bin
	cp .venv/rclone-$*/lib/bin/rclone $@

test-deep: setup $(OTHERS) ## the long runs: property tests, fuzzing, torture, other rclones
	HYPOTHESIS_PROFILE=deep $(BIN)/pytest -n 2 --timeout 3600 -m "not system"

golden: setup ## record the logs of another rclone: make golden RCLONE=path
	$(BIN)/python -m tests.golden.record --rclone $(or $(RCLONE),$(BIN)/rclone)

lint: setup ## format and lint, checked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: setup ## strict types
	$(BIN)/mypy

check: lint type test ## format, lint, types, tests; CI runs this and test-system

fmt: setup ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup ## resolve the dependencies anew and write both locks
	$(BIN)/python -m venv .venv/lock && .venv/lock/bin/pip install --quiet pip-tools
	.venv/lock/bin/pip-compile $(LOCK) --output-file requirements.lock pyproject.toml
	.venv/lock/bin/pip-compile $(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

LOCK := --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-annotate

clean: ## forget the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup demo test test-system test-live test-deep golden lint type check fmt lock clean
