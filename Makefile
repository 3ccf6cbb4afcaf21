# The targets of this repository; `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# The first Python on the PATH that runs and is new enough. Version managers leave names that exist and fail.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
RUNTIMES := .runtimes/python3.12/.ready .runtimes/python3.10/.ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --no-build-isolation
INSTALL = $(PIP) -c constraints.txt $(1) || { \
	echo "The packages could not be installed: is the Python package index reachable?"; exit 1; }
PYTEST := $(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal
CODE := template sandbox tools tests benchmarks
# Without bytecode, each worker of the tests and each program that they start would compile the code again.
unexport PYTHONDONTWRITEBYTECODE
# The Serverless Devs tool, where Node.js is. Without it the demo renders with Jinja2 and some tests are skipped.
TOOL := $(if $(shell command -v node && command -v npm),node_modules/.ready)

.PHONY: help demo sandbox setup unit test check fuzz mutants bench package docs pictures clean

help: ## List the targets
	@grep -E '^([a-z]+:.*## |##@)' $(MAKEFILE_LIST) \
		| sed -E 's/^##@ (.*)/\n\1/; s/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 18

##@ See and play

demo: .venv/.ready .runtimes/python3.12/.ready $(TOOL) ## Run a whole migration between two simulated clouds, from setup to GO
	@$(BIN)/python -m sandbox.demo

sandbox: .venv/.ready $(RUNTIMES) $(TOOL) ## Simulate both clouds with a project on this machine, to try commands and faults, until Ctrl-C
	@$(BIN)/python -m sandbox

##@ Develop

setup: .venv/.dev $(RUNTIMES) $(RUNTIMES:/.ready=-tests/.ready) $(TOOL:.ready=.dev) ## Install the requirements of tests and checks, in this folder only

unit: .venv/.dev ## Run the quick unit tests, in about a minute (FILE=tests/unit/test_events.py: only this file or folder)
	$(if $(FILE),$(BIN)/pytest -q $(FILE),$(PYTEST) -q -m "not extras and not law and not long" tests/unit \
		$(addprefix --ignore=tests/unit/,jobs ops/migrate ops/canary))

test: setup ## Run the tests on all cores (EXTRAS=1: CI's further tests instead; COVERAGE=1: also measure the coverage)
	$(PYTEST) $(if $(EXTRAS),-m "extras or part") $(if $(COVERAGE),--cov --cov-fail-under=95)

check: setup ## Check the style, language, types and layers of the code
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/python -m tools.language
	$(BIN)/mypy template/code
	$(BIN)/mypy template/ops
	$(BIN)/mypy template/ops.py template/digests.py template/policies/show.py
	$(BIN)/mypy sandbox tools benchmarks
	PYTHONPATH=template/code:template $(BIN)/lint-imports

fuzz: setup ## Test with 20,000 random schedules that no key is dropped, a GO stays true, and the printed next steps lead to a GO
	@# Each law tries its share of them, by what one costs; together they are some more than that.
	@# A test that takes two minutes elsewhere takes an hour here.
	SCHEDULES=$(or $(SCHEDULES),6000) $(PYTEST) -m law --timeout 3600

mutants: setup ## Change 400 random places of the code, one by one, and list the changes that no test detects (NUMBER=100, SEED=7; SEEDS=1: former mistakes)
	@nice $(if $(SEEDS),$(PYTEST) -q -m "" tests/test_mistakes.py,$(BIN)/python -m tools.mutants $(or $(NUMBER),400) $(SEED))

bench: .venv/.bench $(RUNTIMES) ## Benchmark forward and the passes against baselines, count requests, and simulate long passes
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.speed
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.listing
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.costs
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.comparing
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.passes
	@PYTHONPATH=template/code:template $(BIN)/python -m benchmarks.lanes

docs: .venv/.ready ## Generate the tables of the documents, and the conclusions of the stored certificates, from the code
	@PYTHONPATH=template/code:template $(BIN)/python -m tools.documents

pictures: .venv/.bench .runtimes/python3.12/.ready $(TOOL) ## Make the pictures and the demo's certificate in docs/, with Chromium
	@PYTHONPATH=template $(BIN)/python -m tools.pictures

##@ Publish

package: .venv/.ready ## Build the package for `s init` and the registry, in dist/
	@PYTHONPATH=template/code $(BIN)/python -m tools.package

clean: ## Remove everything that `make` created
	rm -rf .venv .runtimes dist node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: requirements.txt constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install Python (Debian, Ubuntu:" \
		"apt install python3 python3-venv), or name yours: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments." \
		"Install the missing packages (Debian, Ubuntu: apt install python3-venv), or name another Python: make PYTHON=..."; exit 1; }
	@echo "Setting up in this folder, once (less than a minute): .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@# What comes as sources only is built by this one; without isolation, so that pip fetches no other for each.
	@$(call INSTALL,setuptools)
	@$(call INSTALL,-r $<)
	@touch $@

# What else goes into .venv: the tests and checks (dev), the benchmarks (bench).
.venv/.%: requirements-%.txt constraints.txt .venv/.ready
	@echo "Installing the packages of requirements-$*.txt ..."
	@$(call INSTALL,-r $<)
	@touch $@

# The very libraries that Function Compute has built in, on its version of Python where this machine has that: the
# function's process sees these and nothing else. And what runs the function's unit tests on them.
.runtimes/%-tests/.ready: sandbox/runtimes/tests.txt sandbox/runtimes/__main__.py .venv/.ready
	@$(BIN)/python -m sandbox.runtimes $* tests
	@touch $@

.runtimes/%/.ready: sandbox/runtimes/%.txt sandbox/runtimes/__main__.py .venv/.ready
	@$(BIN)/python -m sandbox.runtimes $*
	@touch $@

NPM = npm ci --silent --no-fund --no-audit $(1) || { \
	echo "The tool could not be installed: is the npm registry reachable?"; exit 1; }

node_modules/.ready: package-lock.json package.json
	@echo "Installing the Serverless Devs tool ..."
	@$(call NPM,--omit=dev)
	@touch $@

# With what only the tests run. npm begins anew each time.
node_modules/.dev: package-lock.json package.json
	@echo "Installing the Serverless Devs tool and the other programs of the tests ..."
	@$(call NPM)
	@touch node_modules/.ready $@
