# Needs make and Python 3.11 or newer, nothing else: the first target that is run puts the rest into .venv.

PYTHON ?= python3
VENV := .venv
# Written once everything is installed; older than its prerequisites, it says that the environment is out of date.
INSTALLED := $(VENV)/.installed
# More arguments for the command of a target: make test ARGS="-k detect -x"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format clean

help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(INSTALLED)  ## Hear a made scene with the shipped model, then train a small one to do so
	$(VENV)/bin/aed demo $(ARGS)

test: $(INSTALLED)  ## Run the default tests; with AED_DATA_ROOT set, also those on real recordings
	$(VENV)/bin/python -m pytest $(ARGS)

test-all: $(INSTALLED)  ## Run every test, the slow ones too
	$(VENV)/bin/python -m pytest -m "" $(ARGS)

lint: $(INSTALLED)  ## Check style, format and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(INSTALLED)  ## Put the code into its format and mend what can be mended by itself
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:  ## Remove the environment and all caches
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "aed: error: there is no '$(PYTHON)'; name a Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' \
		|| { echo "aed: error: expected Python 3.11 or newer, got $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): about 5 GB, most of it torch; a few minutes the first time"
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
