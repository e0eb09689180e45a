# Every target sets up what it needs in .venv; the stamps are renewed when pyproject.toml changes.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
SOURCES := pellucid tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format types bench clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(RUNTIME) ## Train the textbook's convnet on MNIST and tell its test accuracy
	$(BIN)/pellucid train --data mnist --network textbook --epochs 5 --batch-size 64 \
		--optimizer rmsprop --seed 0

test: $(DEV) ## Run the tests
	$(BIN)/python -m pytest

check: lint types test ## Lint, format check, types and tests

lint: $(DEV) ## Lint, and check the format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(DEV) ## Format the sources, and mend what the linter can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

types: $(DEV) ## Check the types
	$(BIN)/mypy

bench: $(RUNTIME) ## Measure Pellucid against its peers, and keep the tables in benchmarks/results
	$(BIN)/python -m benchmarks.environments
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.mobilenet
	$(BIN)/python -m benchmarks.figures
	$(BIN)/python -m benchmarks.cifar10

clean: ## Remove the environments and the caches of the tools
	rm -rf $(VENV) .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(RUNTIME): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(RUNTIME) $@

$(BIN)/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Setting up $(VENV) with $$($$python --version)"; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "Pellucid needs Python 3.11 or newer, and none is on the PATH." >&2; \
	echo "Install one (python.org, your package manager, pyenv, uv) and run make again." >&2; \
	exit 1
