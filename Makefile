# Everything one does here. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# The first Python on the PATH that runs and is new enough. Version managers leave names that exist and fail.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
RUNTIMES := .runtimes/python3.12/.ready .runtimes/python3.10/.ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
CODE := template sandbox tools tests benchmarks
# The Serverless Devs tool, where Node.js is. Without it the demo renders with Jinja2 and some tests are skipped.
TOOL := $(if $(shell command -v node && command -v npm),node_modules/.ready)

.PHONY: help setup demo sandbox test check fuzz mutants bench package docs clean

help: ## Say what there is to make
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 18

setup: .venv/.ready $(RUNTIMES) $(TOOL) ## Install what the other commands need, into this folder only

demo: setup ## See the main job run between two simulated clouds, and the books balance
	@$(BIN)/python -m sandbox.demo

sandbox: setup ## Play with both clouds on this machine until Ctrl-C
	@$(BIN)/python -m sandbox

test: setup ## Run every test
	$(BIN)/pytest --cov --cov-fail-under=95

check: setup ## Lint, check types, then run every test
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy template/code
	$(BIN)/mypy template/status.py template/policies/show.py
	$(BIN)/mypy sandbox tools benchmarks
	@$(MAKE) --no-print-directory test

fuzz: setup ## Try thousands of fault schedules: no key may be dropped
	SCHEDULES=$(or $(SCHEDULES),4000) $(BIN)/pytest -k "law1 or interleaving"

mutants: setup .venv/.mutants ## Change the core in some thousand places (MODULES="state walk"), and tell what no test notices
	@nice $(BIN)/python -m tools.mutants $(MODULES)

bench: setup .venv/.bench ## Measure the function against the vendor's way, and count the requests of replay and reconcile
	@PYTHONPATH=template/code $(BIN)/python -m benchmarks.speed
	@PYTHONPATH=template/code $(BIN)/python -m benchmarks.costs

package: setup ## Build the package that `s init` and the registry take, into dist/
	@$(BIN)/python -m tools.package

docs: setup ## Bring the generated tables in step with publish.yaml and the code
	@PYTHONPATH=template/code $(BIN)/python -m tools.documents

clean: ## Remove all that `make` made
	rm -rf .venv .runtimes dist node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or newer, and none was found. Install it (Debian, Ubuntu:" \
		"apt install python3 python3-venv), or name yours: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments." \
		"Install what is missing (Debian, Ubuntu: apt install python3-venv), or name another: make PYTHON=..."; exit 1; }
	@echo "Setting up .venv, once (about a minute) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) -r $< || { echo "The packages could not be installed: is the Python package index reachable?"; exit 1; }
	@touch $@

.venv/.bench: requirements-bench.txt .venv/.ready
	@$(PIP) -r $<
	@touch $@

.venv/.mutants: requirements-mutants.txt .venv/.ready
	@$(PIP) -r $<
	@touch $@

# The very libraries that Function Compute has built in; the function's process sees these and nothing else.
.runtimes/%/.ready: sandbox/runtimes/%.txt .venv/.ready
	@echo "Setting up the libraries of Function Compute's $* ..."
	@rm -rf .runtimes/$*
	@$(PIP) --target .runtimes/$* -r $< 2>/dev/null || { echo "The libraries of $* could not be installed:"; \
		$(PIP) --target .runtimes/$* -r $<; exit 1; }
	@touch $@

node_modules/.ready: package-lock.json package.json
	@echo "Setting up the Serverless Devs tool ..."
	@npm ci --silent --no-fund --no-audit || { echo "The tool could not be installed: is the npm registry reachable?"; exit 1; }
	@touch $@
