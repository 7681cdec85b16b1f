# make run: everything, from a fresh clone to a routed answer.  make test: every test.
# The other targets: stop, check, bench, bench-eval, bench-router, bench-code, setup, clean.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Idle threads sleep instead of spinning: kinder to a machine that does other things too.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: run stop test check bench bench-eval bench-router bench-code setup clean

run: setup
	@hone run

stop: setup
	@hone down --all

test: setup
	@pytest $(TESTS)

check: setup
	@ruff format --check .
	@ruff check .
	@mypy
	@lint-imports

bench: setup
	@python -m bench.spine

bench-eval: setup
	@python -m bench.evaluation

bench-router: setup
	@python -m bench.router

bench-code: setup
	@python -m bench.code

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh "$(PYTHON)" "$(VENV)"

clean:
	rm -rf $(VENV) artifacts
