# `make` alone lists the commands. Variables: PYTHON (the interpreter to build on), CORES, ARGS
# (further words for snakemake or pytest, such as ARGS="--configfile config/full.yaml").
PYTHON ?= python3
CORES ?= all
CONFIG ?= config/config.yaml
BIN := .venv/bin
READY := .venv/.ready
FLOWER := .venv-flower
SELF := $(realpath $(lastword $(MAKEFILE_LIST)))

ifneq ($(SELF),$(CURDIR)/Makefile)
$(error $(CURDIR): not the folder of this Makefile; type: make -C $(dir $(SELF)) $(MAKECMDGOALS))
endif

.PHONY: help install reproduce report test test-all flower test-flower lint bench evidence lock envs schema clean FORCE

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

install: $(READY) ## create .venv from requirements.lock, if it is not up to date

# Rich draws bars on a terminal but is silent in a pipe; a pipe gets one plain line for each finished job.
reproduce: $(READY) ## make every table and figure of the default config under results/
	@if [ -t 1 ]; then show="--logger rich"; else show="--quiet host rules"; fi; \
	set -x; $(BIN)/snakemake --cores $(CORES) $$show $(ARGS)

# The report shows existing results and starts no job. CONFIG names another config: one file with any name,
# or several words as a shell reads them. The recipe reads CONFIG from its environment, since make must not
# interpret any character of it.
report: export CONFIG := $(CONFIG)
report: $(READY) ## put all results on one page, results/<name>/report.html
	@if [ -e "$$CONFIG" ]; then set -- "$$CONFIG"; else eval "set -- $$CONFIG"; fi; \
	set -- $${1+--configfile} "$$@" --report-stylesheet "$$(pwd)/workflow/report/report.css" $(ARGS); \
	page=$$($(BIN)/python workflow/report/page.py "$$@") && set -x && \
	$(BIN)/snakemake --report "$$page" "$$@"

# One worker a core, at most 8, in the order of tests/conftest.py; ARGS=-n0 runs all in one process.
test: $(READY) ## run the tests on all cores (ARGS="tests/plan" for some)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

# One after the other: some tests measure how fast a job saves, and they share one SLURM cluster.
test-all: test test-flower ## run the tests, and those that take minutes or start SLURM
	$(BIN)/python -m pytest -m "long or slurm" $(ARGS)
	$(FLOWER)/bin/python -m pytest -n0 -m long tests/flower $(ARGS)

lint: $(READY) ## check style, types and workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules/
	$(BIN)/snakemake --lint
	$(BIN)/python envs/render.py --check

bench: $(READY) ## time the hot parts (6 minutes; ARGS="step forward" for some)
	$(BIN)/python -m benchmarks.bench $(ARGS)

flower: $(FLOWER)/.ready ## run ZOWarmUp on three real clients (Flower), and compare with the simulation
	$(FLOWER)/bin/python -W ignore tools/flower_demo.py $(ARGS)

test-flower: $(FLOWER)/.ready ## run the tests of real clients in their own environment
	$(FLOWER)/bin/python -m pytest -n0 tests/flower $(ARGS)

evidence: $(READY) ## copy the results that the documentation quotes to docs/evidence/
	$(BIN)/python workflow/evidence/pages.py
	$(BIN)/python workflow/evidence/commands.py

# Pins that still fit stay; ARGS=--upgrade takes the newest. "fewest" asks for one version of a package on
# every Python, so that results do not depend on the Python. Flower needs older versions of rich and
# certifi; the rest of its lock has the versions of requirements.lock, so that both give the same bits.
LOCK = $(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" --quiet $(ARGS)
lock: $(READY) ## resolve pyproject.toml anew into both locks and envs/
	$(LOCK) --extra slurm --output-file requirements.lock
	sed -nE '/^(rich|certifi)==/d; s/^([a-z0-9-]+==[^ ]+)( ;.*[^ \])? *\\$$/\1\2/p' requirements.lock > .venv/pins.txt
	$(LOCK) --extra flower-simulation --constraint .venv/pins.txt --output-file requirements-flower.lock
	$(BIN)/python envs/render.py

envs: $(READY) ## render the conda environments from requirements.lock
	$(BIN)/python envs/render.py

schema: $(READY) ## render config/schema.json, by which editors check configs
	$(BIN)/python config/render_schema.py

clean: ## remove .venv and the tools' caches; results/ stays
	rm -rf .venv $(FLOWER) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A moved or copied .venv, or one whose Python is gone, imports other code or none: make builds it again.
# The check costs one start of Python.
IMPORTS_THIS := $(shell $(BIN)/python -I -c \
  'import os, zowarmup; print(os.path.samefile(zowarmup.__path__[0], "zowarmup"))' 2>/dev/null)
ifneq ($(IMPORTS_THIS),True)
$(READY): FORCE
endif

# The first lines of scripts in .venv name its path.
BUILT_HERE := head -n 2 $(BIN)/pip 2>/dev/null | grep -qF "$$(pwd -P)/$(BIN)/python"

# pip fetches the uv that the lock names; uv then installs the rest of the lock and checks all hashes, also
# of the packages that build an sdist. It compiles bytecode now, because jobs are short and many, and some
# machines forbid to write it later.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "zowarmup needs Python 3.11 or newer, and $(PYTHON) is not; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
	  "$(PYTHON) cannot create virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@PYTHONPATH=. $(PYTHON) -m zowarmup.common.preflight
	@if { [ -L .venv ] || [ -f .venv ]; } && ! { $(BUILT_HERE); }; then echo \
	  ".venv is not a folder of this checkout but $$(readlink -m .venv); type: rm .venv && make $(MAKECMDGOALS)"; exit 1; fi
	@$(BUILT_HERE) && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@sed -n '/^uv==/,/^    # via/p' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip sync --python $(BIN)/python --compile-bytecode --require-hashes \
	  --preview-features build-dependency-hashes --require-build-hashes \
	  --build-constraints requirements.lock requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# The environment of Flower, beside .venv: its lock holds other versions of a few packages.
$(FLOWER)/.ready: requirements-flower.lock pyproject.toml $(READY)
	$(PYTHON) -m venv --clear $(FLOWER)
	$(BIN)/uv pip sync --python $(FLOWER)/bin/python --compile-bytecode --require-hashes \
	  --preview-features build-dependency-hashes --require-build-hashes \
	  --build-constraints requirements-flower.lock requirements-flower.lock
	$(BIN)/uv pip install --quiet --python $(FLOWER)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@
