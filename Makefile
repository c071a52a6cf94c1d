# Needs only make and Python 3.11 or newer; every target sets up .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DOCS_READY := $(VENV)/docs-ready
RELEASE_READY := $(VENV)/release-ready
PEERS := .venv-peers
PAGES := scheduler/page factory/schedule/gantt_page
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup shell test test-fast coverage lint format wheel docs release demo train evaluate bench peers constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install everything, at the versions of constraints.txt, into .venv

# Without build isolation the project is built by the pinned setuptools, not by the newest one.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is Python %d.%d; 3.11 or newer is needed: make PYTHON=..." % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev,all,cluster]'
	@touch $@

shell: $(READY) ## open a shell in the environment, where `changeover` and `python` are found
	@echo "The commands of the README run here; exit leaves this shell."; PATH="$(CURDIR)/$(BIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(VENV)" $${SHELL:-sh} -i

test: lint ## linters, mypy and all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 10

# For between two edits: without what is marked `slow` (tests/builders/slow_modules.py), under 90 seconds on two idle cores. The first
# run after an edit in `factory`, `envs` or `agents` compiles what the edit concerns, and takes up to some minutes longer.
test-fast: $(READY) ## the tests that take least, in about a minute
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" tests

# Compiled functions are left out: Numba runs them as machine code, which nothing traces (pyproject.toml, tool.coverage).
coverage: $(READY) ## which lines the tests run, as a table and in results/coverage/index.html
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term --cov-report=html

lint: $(READY) ## ruff, mypy, and oxlint for the planner's page and the charts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if test -x $(BIN)/oxlint; then $(BIN)/oxlint --deny-warnings $(PAGES); else echo "oxlint is not installed here: $(PAGES) were not checked"; fi

format: $(READY) ## rewrite the sources the way lint wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Without what an earlier build left: setuptools would pack modules that are gone.
wheel: $(READY) ## build the wheel into dist
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist .
	@rm -rf build; ls dist/*.whl

docs: $(DOCS_READY) ## build the documentation site into site/, with its notebooks executed; a warning or a dead link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python -m docs_site.site_check site
	@echo "Open site/index.html, or run $(BIN)/python -m http.server --directory site"

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[docs]'
	@touch $@

# It refuses uncommitted changes, a version without a heading in CHANGELOG.md, and a tag that exists; TAG=v... if the tag is to exist.
release: $(DOCS_READY) $(RELEASE_READY) ## wheel, sdist, site and checksums of the version in dist/, tried in empty environments; tags and uploads nothing
	$(BIN)/python -m scripts.release $(if $(TAG),--tag $(TAG))

$(RELEASE_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[release]'
	@touch $@

demo: $(READY) ## one episode of the default factory under ATCS: KPIs and a Gantt picture
	$(BIN)/python -m changeover demo

train: $(READY) ## train a policy on the default factory (about seven minutes) and compare it with the tuned rules; goes on where it was interrupted
	$(BIN)/python train.py --config configs/training/quick.toml --out runs/quick $(if $(wildcard runs/quick/config.toml),--resume runs/quick)

evaluate: $(READY) ## every tuned rule and the evolved index on the default factory, with a report in results/microfactory
	$(BIN)/python evaluate.py --factory microfactory --out results/microfactory

bench: $(READY) ## decisions a second, beside other environments where `make peers` has installed them
	$(BIN)/python -m benchmarks.env_speed --json results/env_speed.json

# Their pins and those of this project exclude each other, hence an environment of their own.
peers: $(READY) ## install the environments of others for `make bench`
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -m benchmarks.peers --requirements)

constraints: $(DOCS_READY) $(RELEASE_READY) ## write the versions in .venv to constraints.txt
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --all --exclude pip --exclude changeover-optimiser | sed 's/+cpu$$//' | LC_ALL=C sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## remove all that can be made again, .venv included
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
