# Set-up needs Python 3.11+, make and a network to a package index. Everything goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are processors: tests often wait for processes that they start. In their own order, so that
# the long files of building and hub do not come last.
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST_ARGS ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint types bench clean

demo: $(VENV)/demo.stamp  ## make a small corpus offline and stream it
	$(BIN)/audio-flan demo demo

test: lint types  ## everything that CI runs
	LD_LIBRARY_PATH="$$($(BIN)/python tools/link_ffmpeg.py $(VENV)/ffmpeg)" $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

bench: $(VENV)/test.stamp  ## clips per second of the stream beside its limits
	$(BIN)/python tools/bench/stream.py

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[demo]'
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(PIP) torch==2.13.0
	$(PIP) -e '.[demo,torch,cluster,dev]'
	touch $(VENV)/demo.stamp $@

clean:
	rm -rf $(VENV) demo build dist
