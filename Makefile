# Each target does its own set-up in .venv; all it needs is a Python of 3.11 or newer.

PYTHON ?= python3
FILE ?=
ARGS ?=

.PHONY: help test test-large check demo bench clean

help:
	@echo "make test           all checks and tests (up to ten minutes on two cores)"
	@echo "make test-large     sizes with nodes dead, 10 GiB in and out, crashes and faults (40 GiB of disk, half an hour)"
	@echo "make check          the quick ones: lint, types, import floors, unit and contract tests"
	@echo "make demo [FILE=]   a cluster of real processes stores a file, loses a node and gives every byte back"
	@echo "make bench [ARGS=]  a cluster of three nodes on this machine, measured; bench/ has more"
	@echo "make clean          remove the environment and all caches"

test: .venv/dev.stamp
	@.venv/bin/python tools/check.py all

test-large: .venv/dev.stamp
	@.venv/bin/pytest -q -s tests/large

check: .venv/dev.stamp
	@.venv/bin/python tools/check.py quick

demo: .venv/runtime.stamp
	@.venv/bin/shoal demo $(if $(FILE),"$(FILE)")

bench: .venv/runtime.stamp
	@.venv/bin/python bench/cluster.py $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

.venv/%.stamp: pyproject.toml tools/bootstrap.py
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: install Python 3.11 or newer, or name one with PYTHON=..." >&2; exit 1; }
	@echo "setting up .venv ($*)"
	@$(PYTHON) tools/bootstrap.py $*
