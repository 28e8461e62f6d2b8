# The front door. Each target builds .venv from the hashed lock first; nothing else is needed but Python ≥ 3.11 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEER := .venv-surprise
DATA := $(or $(RECSYS_DATA),data)

.PHONY: help run test slow check dev serve bench bench-serving bench-surprise lock sample clean
.DEFAULT_GOAL := help

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.ready ## the whole graph on the embedded sample, to published recommendations
	$(BIN)/recsys run --dataset sample

test: $(VENV)/.ready ## the fast tests, two files at a time
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

slow: $(VENV)/.ready ## more whole runs, and quality floors on real data from RECSYS_DATASETS
	$(BIN)/pytest -m slow -o faulthandler_timeout=1800

check: $(VENV)/.ready ## linters, types, layers, lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_lock.py

dev: $(VENV)/.ready ## Dagster's web UI with its daemon on http://127.0.0.1:3000
	$(BIN)/recsys dev

serve: $(VENV)/.ready ## the API and the web app on http://127.0.0.1:8000, over what is published
	$(BIN)/recsys serve

bench: $(VENV)/.ready ## time and memory of each stage on generated data of 25 million ratings
	$(BIN)/python -m recsys_assets_tests.bench

bench-serving: $(VENV)/.ready ## requests a second, latency and memory of the server, with wrk, over five minutes
	$(BIN)/python -m recsys_assets_tests.bench.serving

bench-surprise: $(VENV)/.ready $(PEER)/.ready ## Surprise in an environment of its own and our models, on ML-100K's five folds
	$(PEER)/bin/python -m recsys_assets_tests.bench.surprise_peer $(DATA)/bench/surprise.json
	$(BIN)/python -m recsys_assets_tests.bench.stars $(DATA)/bench/surprise.json

lock: ## resolve pyproject's ranges again into requirements.lock
	$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv lock --quiet --upgrade
	$(BIN)/uv export --quiet --no-emit-project --extra serve --format requirements-txt --output-file requirements.lock

sample: $(VENV)/.ready ## write data/sample again from its generator
	$(BIN)/python -m recsys_assets.sample

clean: ## remove everything the graph has made; what users gave and who is forgotten stay
	rm -rf $(foreach folder,raw downloads warehouse artifacts models mlflow published reports dagster bench,$(DATA)/$(folder))

# uv comes from the lock too, so that every byte of the environment is checked against a hash.
$(VENV)/.ready: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	grep -A1000 '^uv==' requirements.lock | awk 'NR > 1 && /^[^ ]/ {exit} {print}' > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# A peer to measure against, never a dependency: it wants NumPy 1 and comes as source, so a C compiler must be there.
$(PEER)/.ready: | $(VENV)/.ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEER)
	VIRTUAL_ENV=$(PEER) $(BIN)/uv pip install --quiet scikit-surprise==1.1.4 numpy==1.26.4 scipy==1.17.1 joblib==1.6.0
	touch $@
