# `make demo` and `make test` do all set-up themselves; see scripts/setup.sh for PYTHON, TORCH and
# VENV_ARGS.

SHELL := /bin/bash
VENV := .venv
STAMP := $(VENV)/.fiftyone-ntt-installed
DEMO_ARGS ?= --no-app
PYTEST_ARGS ?=
# Processes that share the tests' files; each has a database of its own. If one dies, a new one would
# be waited for in vain: the run fails at once.
WORKERS ?= 2
SHARED := -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# Empty (make test CHROMIUM=): no browser is installed, and the tests that drive one are left out.
CHROMIUM ?= install
COMPARE_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long compare-formats compare-prelabels lint format script pictures clean distclean

help: ## show this
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

setup: $(STAMP) ## install everything into .venv (once)

$(STAMP): pyproject.toml scripts/setup.sh scripts/mongod.py app/package-lock.json
	scripts/setup.sh
	@touch $@

demo: setup ## run the demo; on a machine with a display: make demo DEMO_ARGS=
	$(VENV)/bin/fiftyone-ntt demo $(DEMO_ARGS)

test: lint ## lint, then run all tests, and the docstrings' examples
	$(VENV)/bin/python -m pytest $(SHARED) -m "not timed and not app" $(PYTEST_ARGS)
	$(if $(CHROMIUM),$(VENV)/bin/python -m pytest -m app)
	FIFTYONE_NTT_UNCHECKED=1 $(VENV)/bin/python -m pytest -m timed

test-long: setup ## what `test` holds a small instance of, at full size; takes minutes
	FIFTYONE_NTT_ROUNDS=50 $(VENV)/bin/python -m pytest tests/dataset/runs/test_concurrent_writing.py
	FIFTYONE_NTT_KILLS=20 $(VENV)/bin/python -m pytest -o faulthandler_timeout=0 \
		tests/coco/test_folder_work.py
	FIFTYONE_NTT_MUTATIONS=10000 $(VENV)/bin/python -m pytest -o faulthandler_timeout=0 \
		tests/coco/test_mutated_files.py tests/store/test_mutated_files.py tests/protocols/test_mutated_files.py
	FIFTYONE_NTT_SCENES=200 $(VENV)/bin/python -m pytest tests/formats
	FIFTYONE_NTT_SWEEPS=1 $(VENV)/bin/python -m pytest -s -o faulthandler_timeout=0 \
		tests/demo/test_review_marks.py
	FIFTYONE_NTT_EDITS=1 $(VENV)/bin/python -m pytest tests/app/test_app_edits.py

compare-formats: setup ## what labelling tools write and draw, against our readers; installs the tools
	$(VENV)/bin/python -m scripts.compare_formats $(COMPARE_ARGS)

compare-prelabels: setup ## what labelling tools read of pre-labels, draw and save; installs the tools
	$(VENV)/bin/python -m scripts.compare_prelabels $(COMPARE_ARGS)

lint: setup ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup ## let ruff mend what it can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

script: setup ## build the plugin's script, fiftyone_ntt/plugin/app.js, from app/src
	cd app && npm run --silent build

pictures: setup ## take the README's pictures anew
	$(VENV)/bin/python -m pytest -m app
	$(VENV)/bin/fiftyone-ntt demo --no-app
	$(VENV)/bin/python scripts/pictures.py

clean: ## remove caches and build results
	rm -rf build dist __pycache__ .mypy_cache .pytest_cache .ruff_cache
	find fiftyone_ntt tests scripts training -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## and the virtual environment
	rm -rf $(VENV) app/node_modules
