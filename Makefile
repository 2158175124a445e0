# Set-up needs Python 3.11+, make and a network to a package index. Everything goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are processors: tests often wait for processes that they start. In their own order, so that
# the long files of building and hub do not come last.
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST_ARGS ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder --hypothesis-profile=ci
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WITH_FFMPEG = LD_LIBRARY_PATH="$$($(BIN)/python tools/link_ffmpeg.py $(VENV)/ffmpeg)"
OLDEST := $(VENV)/oldest
BENCH := build/bench
# Those that the tests need anyway; tools/bench/peers/requirements.txt has all.
READERS := limit decoders bare prefetch audio_flan audio_flan-shuffled audio_flan-datasets datasets-torchcodec \
	datasets-soundfile datasets-webdataset webdataset lhotse

.PHONY: demo test test-slow lint types cover test-oldest bench cards reference clean

demo: $(VENV)/demo.stamp  ## make a small corpus offline and stream it
	$(BIN)/audio-flan demo demo

test: lint types  ## linter, types, and all tests but the slow ones
	$(WITH_FFMPEG) $(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow"

test-slow: $(VENV)/test.stamp  ## the other tests: crashes, faults, other versions, clusters, the documents; CI runs both
	$(WITH_FFMPEG) $(BIN)/python -m pytest $(PYTEST_ARGS) -m slow

cover: $(VENV)/test.stamp  ## all tests, twice as long: branches that they reach, processes that they start included
	$(BIN)/coverage erase
	$(WITH_FFMPEG) $(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-oldest: $(OLDEST)/test.stamp  ## the quick tests with the oldest packages that pyproject.toml allows, without torch
	$(OLDEST)/bin/python -m pytest $(PYTEST_ARGS) -m "not slow and not torch"

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

bench: $(VENV)/test.stamp  ## every benchmark in small, to see that it runs; figures want their default sizes and a quiet machine
	rm -rf $(BENCH)
	$(BIN)/python tools/bench/stream.py --clips 20 --rounds 2 --formats FLAC
	$(BIN)/python tools/bench/decode_threads.py --clips 20 --rounds 2 --formats FLAC
	$(BIN)/python tools/bench/build.py --clips 200 --rounds 2
	$(BIN)/python tools/bench/build_memory.py --scale 0.01
	$(BIN)/python tools/bench/audio_store.py --ids 100000 --clips 20 --rounds 2
	$(BIN)/python tools/bench/memory.py --clips 10 --epochs 3
	$(BIN)/python tools/bench/compare_peers.py --clips 20 --rounds 1 --settings local latency --readers $(READERS)
	$(WITH_FFMPEG) $(BIN)/python tools/bench/hub.py --rounds 1
	$(BIN)/python tools/bench/generate.py $(BENCH) --rows 100000
	$(BIN)/python tools/bench/metadata.py $(BENCH) --rounds 1
	$(BIN)/python tools/bench/shuffle.py $(BENCH)
	rm -rf $(BENCH)

cards: $(VENV)/test.stamp  ## the card of the demo corpus and the figures in dataset_card/, anew
	$(BIN)/python tools/dataset_card.py

reference: $(VENV)/test.stamp  ## the page of configs in docs/reference/, anew
	$(BIN)/python tools/config_reference.py

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

# uv alone finds the oldest versions that go together.
$(OLDEST)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(PIP) uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(OLDEST)
	printf '%s; python_version < "3"\n' torch torchdata > $(OLDEST)/left-out.txt
	$(BIN)/uv pip install --quiet --python $(OLDEST) --resolution lowest-direct --override $(OLDEST)/left-out.txt \
		-e '.[demo,report,cluster,dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist
