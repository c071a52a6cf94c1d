# Needs only make and Python 3.11 or newer; every target sets up .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PEERS := .venv-peers
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup test lint format demo train evaluate bench peers constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install everything, at the versions of constraints.txt, into .venv

# Without build isolation the project is built by the pinned setuptools, not by the newest one.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is Python %d.%d; 3.11 or newer is needed: make PYTHON=..." % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev,solver,tune,scheduler]'
	@touch $@

test: lint ## ruff, mypy and all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## rewrite the sources the way lint wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(READY) ## one episode of the default factory under ATCS: KPIs and a Gantt picture
	$(BIN)/python -m examples.demo

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

constraints: $(READY) ## write the versions in .venv to constraints.txt
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --all --exclude pip --exclude changeover-optimiser | sed 's/+cpu$$//' | LC_ALL=C sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## remove all that can be made again, .venv included
	rm -rf $(VENV) $(PEERS) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
