# Two commands matter: `make run` and `make test`. Everything lands in .venv and in instance/ (or MATCHMAKER_INSTANCE).
PYTHON ?= python3
BIN = .venv/bin
COLLECTIONS ?=
LISTINGS ?=
SIZES ?=
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run setup install test quick lint types unit messages test-crash bench bench-scale bench-fusion bench-pages clean

run: .venv/installed
	@$(BIN)/matchmaker setup --sample
	@exec $(BIN)/matchmaker serve

setup: .venv/installed
	@$(BIN)/matchmaker setup

install: .venv/installed

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Matchmaker needs Python 3.11 or newer. Say where it is: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv .venv

# Torch comes first: what depends on it then takes the pinned build instead of looking for a larger one.
.venv/installed: .venv/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing into .venv; the first time takes a few minutes."
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .[test]
	@touch $@

test: lint types unit

lint: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-for-tests
	$(BIN)/mypy

# One process a processor, but no more than memory for models allows; whoever is done takes over from the others.
unit: .venv/installed-for-tests
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist worksteal

# What can be tested without a browser, a second database and a model: for while you work.
quick: .venv/installed-for-tests
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist worksteal -m "not browser and not postgresql and not model"

# The texts of pages and errors in every language: adds new ones, drops old ones, says what is to be translated.
messages: .venv/installed
	@$(BIN)/python -m matchmaker.translations.extracting

# Crashes, damage and restarts in full: what README's table of faults counts. Takes about a quarter of an hour.
test-crash: .venv/installed-for-tests
	$(BIN)/pytest tests/crash --full -rP --numprocesses logical --maxprocesses 4 --dist worksteal

# Quality on the sample collection and every folder under COLLECTIONS, then speed over the files under LISTINGS.
bench: .venv/installed
	$(BIN)/python -m benchmarks.quality $(COLLECTIONS)
	$(BIN)/python -m benchmarks.speed $(LISTINGS)
	$(BIN)/python -m benchmarks.evidence

# What searches and changes cost as the catalogue grows; also draws docs/scale.svg.
bench-scale: .venv/installed
	@test -d "$(LISTINGS)" && test -d "$(COLLECTIONS)" || \
		{ echo "Say where real texts are: make bench-scale LISTINGS=FOLDER COLLECTIONS=FOLDER"; exit 2; }
	$(BIN)/python -m benchmarks.scale $(LISTINGS) $(COLLECTIONS) $(SIZES)

# What twenty people at once wait for a listing's page and for a form to be saved.
bench-pages: .venv/installed
	$(BIN)/python -m benchmarks.pages

# Other ways to fuse the legs, and vectors of passages, on the collections under COLLECTIONS (decisions 4 and 6).
bench-fusion: .venv/installed
	$(BIN)/python -m benchmarks.fusion $(COLLECTIONS)
	$(BIN)/python -m benchmarks.passages $(COLLECTIONS)

clean:
	rm -rf .venv
