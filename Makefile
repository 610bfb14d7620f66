# Everything a newcomer needs: `make lab` opens the workbench, `make test` proves the project.
# Python 3.11 or newer with its venv module, and make, are all that must be there before.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# Locks stand beside each other: the lab's is small, the developers' is whole, the peers are apart.
LAB := .venv-lab
DEV := .venv-dev
BENCH := .venv-bench
BIN := $(DEV)/bin
PIP := -m pip --disable-pip-version-check --no-input
# Many tests wait for another process: one worker more than there are processors.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
NBVAL := $(BIN)/python -m pytest -q -p nbval -p no:cacheprovider --nbval --nbval-current-env --numprocesses 2 --dist loadfile notebooks
PLUGINS := $(wildcard extensions/examples/*/pyproject.toml)

.PHONY: help lab demo test check lint types floors notebooks golden bench bench-browser docs pictures matrix types-js clean lock python

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer was found" >&2; \
	  echo "  help: apt-get install python3 python3-venv   (or: make PYTHON=/path/to/python3.12 ...)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) has no venv module" >&2; \
	  echo "  help: apt-get install python3-venv" >&2; exit 2; }

# A stamp is the target: a failed venv leaves half a folder, which --clear empties.
$(LAB)/.stamp: requirements/lab.txt pyproject.toml $(PLUGINS) | python
	$(PYTHON) -m venv --clear $(LAB)
	$(LAB)/bin/python $(PIP) install -q --require-hashes -r requirements/lab.txt
	$(LAB)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e . $(foreach p,$(PLUGINS),-e $(dir $(p)))
	touch $@

$(DEV)/.stamp: requirements/dev.txt pyproject.toml $(PLUGINS) | python
	$(PYTHON) -m venv --clear $(DEV)
	$(DEV)/bin/python $(PIP) install -q --require-hashes -r requirements/dev.txt
	$(DEV)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e . $(foreach p,$(PLUGINS),-e $(dir $(p)))
	touch $@

# The peers bring plugins of pytest, which must not touch the project's own tests.
$(BENCH)/.stamp: requirements/bench.txt pyproject.toml $(PLUGINS) | python
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python $(PIP) install -q --require-hashes -r requirements/bench.txt
	$(BENCH)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e . $(foreach p,$(PLUGINS),-e $(dir $(p)))
	touch $@

lab: $(LAB)/.stamp  ## set everything up and open the workbench on the sample workspace
	@$(LAB)/bin/oneiric-lab -C notebooks/shop allow >/dev/null
	@$(LAB)/bin/oneiric-lab -C notebooks/shop lab

demo: $(LAB)/.stamp  ## tell the same story in the terminal, and end
	@PATH="$(CURDIR)/$(LAB)/bin:$$PATH" bash scripts/demo.sh

# Bytecode once, for the hundreds of processes that tests start: an environment may forbid them to keep
# it. The second part is measured from its first import on, that of our plugin for pytest.
test: $(DEV)/.stamp  ## set everything up and run all tests, notebooks and coverage included
	$(BIN)/python -m coverage erase
	$(BIN)/python -m compileall -q oneiric_lab
	$(BIN)/python -m pytest -q -m "not alone" --cov --cov-report= --numprocesses $(WORKERS)
	$(BIN)/python -m coverage run --append -m pytest -q -m alone
	$(NBVAL)
	$(BIN)/python scripts/coverage_gates.py

check: lint types floors test docs  ## all that CI runs

lint: $(DEV)/.stamp  ## style, spelling, titles of tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/interrogate -q --fail-under 100 --ignore-init-method --ignore-nested-functions --ignore-nested-classes --ignore-private --ignore-semiprivate --ignore-magic -e tests/golden -r '^(Test|main|listen|named|make|step|hold|work|sleeps|raises|block|coroutine|async_|activate)' tests

types: $(DEV)/.stamp  ## mypy strict over package and tests
	$(BIN)/mypy oneiric_lab tests

floors: $(DEV)/.stamp  ## who may import whom
	$(BIN)/lint-imports --no-cache

notebooks: $(DEV)/.stamp  ## run every notebook strictly
	$(NBVAL)

golden: $(DEV)/.stamp  ## write golden files and the pages' examples anew; a change must be meant
	ONEIRIC_GOLDEN=write $(BIN)/python -m pytest -q tests/test_golden.py tests/docs
	git status --short tests/golden docs

bench: $(BENCH)/.stamp  ## measure beside the peers and write docs/explanation/performance.md
	@mkdir -p build
	$(BENCH)/bin/python -m compileall -q oneiric_lab
	$(BENCH)/bin/python -m pytest -q -p no:cacheprovider --benchmark-disable-gc --benchmark-quiet \
	  --benchmark-timer=time.process_time --benchmark-min-time=0.0005 --benchmark-json=build/bench.json tests/bench
	$(BENCH)/bin/python scripts/performance.py build/bench.json docs/explanation/performance.md

bench-browser: $(BENCH)/.stamp  ## measure what is waited for in a browser, beside other tables; writes its page
	$(BENCH)/bin/python -m compileall -q oneiric_lab
	$(BENCH)/bin/python scripts/browser_bench.py docs/explanation/performance-browser.md

docs: $(DEV)/.stamp  ## build the documentation, warnings are errors
	$(BIN)/python -m sphinx -q -n -W -b html docs docs/_build/html

pictures: $(DEV)/.stamp  ## take the pictures of the pages, and of each widget to look at
	$(BIN)/python scripts/pictures.py

matrix: | python  ## the extension in the oldest and newest JupyterLab and Notebook (minutes; not in CI)
	PYTHON=$(PYTHON) bash scripts/matrix.sh

types-js:  ## check the types of the modules of widgets and extension (needs Node; not in CI)
	npx --yes -p typescript@5.9 tsc -p extensions/jupyterlab-oneiric

lock:  ## write the locks anew (needs uv)
	bash scripts/lock.sh

clean:  ## remove what was built
	rm -rf $(LAB) $(DEV) $(BENCH) build dist docs/_build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
