# Everything a person does by hand and CI does by script. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMPS = .stamps
# for machines: make demo HEADLESS=1 runs every cell of the quickstart, prints what it shows, opens no browser
DEMO_FLAGS = $(if $(HEADLESS),--headless,)
PIP = $(BIN)/pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint format types layers front front-check docs bench clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/demo: $(BIN)/python pyproject.toml
	$(PIP) install -e ".[demo]"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test: $(BIN)/python pyproject.toml
	$(PIP) install -e ".[test]"
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/demo

$(STAMPS)/browser:
	@sh tests/browser/install_chromium.sh
	@mkdir -p $(STAMPS) && touch $@

demo: $(STAMPS)/demo ## open the quickstart in JupyterLab
	$(BIN)/jobkernel demo $(DEMO_FLAGS)

test: $(STAMPS)/test $(STAMPS)/browser lint types layers ## install what tests need, then run everything
	$(BIN)/pytest -m "not slow and not browser"
	$(BIN)/pytest -m "browser and not slow"

test-fast: $(STAMPS)/test ## unit and property tests only
	$(BIN)/pytest tests/unit tests/property

lint: $(STAMPS)/test ## ruff, without changing anything
	$(BIN)/ruff check jobkernel tests hatch_build.py
	$(BIN)/ruff format --check jobkernel tests hatch_build.py

format: $(STAMPS)/test ## ruff, changing what can be changed
	$(BIN)/ruff check --fix jobkernel tests hatch_build.py
	$(BIN)/ruff format jobkernel tests hatch_build.py

types: $(STAMPS)/test ## mypy, strict
	$(BIN)/mypy

layers: $(STAMPS)/test ## the floors of docs/architecture.md
	$(BIN)/lint-imports

front: $(STAMPS)/test ## build the front end (needs Node)
	cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm install --immutable
	cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm build:prod

front-check: front ## the committed front end is what its source builds
	cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm test
	git diff --exit-code -- jobkernel/labextension jobkernel/static

docs: $(STAMPS)/test ## write the generated pages
	$(BIN)/python -m tests.compat.report

bench: $(STAMPS)/test ## figures beside real Dagster, as ratios; writes bench-results/*.json
	$(BIN)/python -m tests.benchmarks

clean: ## remove what was made here
	rm -rf $(VENV) $(STAMPS) dist build
