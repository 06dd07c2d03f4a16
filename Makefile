# Two commands: `make train` and `make test`. Both install what they need into .venv the first time.
#
#   make train PYTHON=python3.12                                            another Python (3.11 to 3.13)
#   make train PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"   a build of torch without CUDA

PYTHON ?= python3
VENV ?= .venv
PRESET ?= connect4-quick
PIP_OPTIONS ?=
PARALLEL ?= --numprocesses=2 --dist=loadfile --no-loadscope-reorder
INSTALLED = $(VENV)/installed

.PHONY: train test test-slow test-all lint clean
.DEFAULT_GOAL := help

help:
	@echo "make train       learn Connect Four from nothing (about ten minutes), then say how to play it"
	@echo "make test        run the quick tests (a few minutes)"
	@echo "make test-slow   run the others: long proofs, outside programs, whole processes"
	@echo "make test-all    run both"
	@echo "make lint        check style and format"

train: $(INSTALLED)
	$(VENV)/bin/selfplay train $(PRESET)

test: $(INSTALLED)
	$(VENV)/bin/python -m pytest -m "not slow" $(PARALLEL)

test-slow: $(INSTALLED)
	$(VENV)/bin/python -m pytest -m slow $(PARALLEL)

test-all: test test-slow

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

$(INSTALLED): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d: make train PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) --constraint constraints.txt --editable ".[dev,openvino]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
