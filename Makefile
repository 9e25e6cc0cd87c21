# What a contributor does, one target each. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
# Conformance data that some tests read; where it is absent they are skipped, or fail under REQUIRE_ALL=1.
PSD_SHARED ?= $(abspath ../shared)

.DEFAULT_GOAL := help
KUBE ?= 1.37.2
ASSETS = $(BIN)/python tests/cluster/assets/build.py --kube $(KUBE)

.PHONY: help run assets test unit lint format bench image mutants lock venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: $(STAMP) ## serve admission on https://127.0.0.1:8443 and the page on http://127.0.0.1:8080, and show one review
	$(BIN)/pod-security-defaulter serve --self-signed .certs --preview-port 8080 --demo

test: lint ## everything that CI requires: lint, all tests, 100 % branch coverage of patches/
	@test -n "$$KUBEBUILDER_ASSETS" || $(ASSETS) --if-go
	$(BIN)/pytest -n $(WORKERS) -m 'not cluster and not image and not browser' --cov --cov-report=
	@$(BIN)/coverage report --include='patches/*' --fail-under=100
	$(BIN)/pytest -n $(WORKERS) -m browser
	$(BIN)/pytest -m image
	$(BIN)/pytest -m cluster

assets: $(STAMP) ## build a control plane for the tests with Go, once, about 10 min (KUBE=1.34.4 for another version)
	$(ASSETS)

unit: $(STAMP) ## the quick tests only, in under a minute
	$(BIN)/pytest -n $(WORKERS) -q -m 'not slow and not cluster and not image and not browser'

lint: $(STAMP) ## ruff, mypy --strict and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## rewrite the sources as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure time and memory per review
	$(BIN)/python -m bench

# IMAGE_FLAGS are for the builder: `--secret id=pip.conf,src=FILE` for another package index.
BUILDER ?= $(firstword $(foreach tool,buildah docker,$(shell command -v $(tool))))
IMAGE ?= pod-security-defaulter:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

image: ## build the container image with buildah or docker (BASE=… on another image of Python)
	@test -n '$(BUILDER)' || { echo 'buildah or docker is needed' >&2; exit 1; }
	$(BUILDER) build $(if $(findstring buildah,$(BUILDER)),--timestamp $(EPOCH)) $(if $(BASE),--build-arg BASE='$(BASE)') \
		--build-arg VERSION='$(lastword $(subst :, ,$(IMAGE)))' --build-arg SOURCE_DATE_EPOCH=$(EPOCH) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) --tag '$(IMAGE)' $(IMAGE_FLAGS) .

mutants: $(STAMP) ## change patches/ a little, 300 times, and see whether a test notices (long)
	PSD_SHARED='$(PSD_SHARED)' $(BIN)/python bench/mutants.py --workers $(WORKERS)

# One resolution for all Pythons and platforms; no address or path of the machine that ran it goes into the files.
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock'

lock: $(STAMP) ## pin the newest allowed dependencies, with hashes
	$(COMPILE) --upgrade --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --upgrade --constraints requirements-dev.lock --output-file requirements.lock pyproject.toml
	printf 'setuptools\nwheel\n' | $(COMPILE) --upgrade --constraints requirements-dev.lock --output-file requirements-build.lock -

venv: $(STAMP) ## create or update .venv from the lock (the other targets do so when they need it)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	PYTHONWARNINGS="ignore:Editable installation" $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation -e .
	@touch $@

clean: ## remove everything that is made, .venv and .certs included
	rm -rf $(VENV) .certs build dist *.egg-info mutants .coverage .coverage.* htmlcov
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find patches webhook tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
