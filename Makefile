# What a contributor does, one target each. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
TOOLS := $(VENV)/.tools
WORKERS ?= 2
# What `make test` requires of webhook/, in per cent, branches included. What runs in a cluster runs in processes of its
# own and is not counted. patches/ has 100.
WEBHOOK_COVERAGE := 88
# Conformance data that some tests read; where it is absent they are skipped, or fail under REQUIRE_ALL=1.
PSD_SHARED ?= $(abspath ../shared)

.DEFAULT_GOAL := help
KUBE ?= 1.37.2
ASSETS = $(BIN)/python tests/cluster/assets/build.py --kube $(KUBE)

.PHONY: help run assets test shuffled unit compiled wheels lint format tables fields bench image mutants lock venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: $(RUNTIME) ## serve admission on https://127.0.0.1:8443 and the page on http://127.0.0.1:8080, and show one review
	$(BIN)/pod-security-defaulter serve --self-signed .certs --preview-port 8080 --demo

assets: $(TOOLS) ## build a control plane for the tests with Go, about 10 minutes, once, and a node, 5 more where it can run
	$(ASSETS)
	$(ASSETS) --node --if-possible

# SHUFFLE is for `make shuffled`.
WITHOUT_MACHINERY := not install and not cluster and not image and not browser and not node
test: lint ## everything that CI requires: lint, all tests, the coverage of patches/ and webhook/
	@echo '--- control plane: built with Go where it is missing, about 10 minutes, once'
	@test -n "$$KUBEBUILDER_ASSETS" || $(ASSETS) --if-possible
	@echo '--- node: built with Go where it is missing and can run, about 5 minutes, once'
	@test -n "$$KUBEBUILDER_ASSETS" || $(ASSETS) --node --if-possible
	@echo '--- tests that need nothing but Python'
	$(BIN)/pytest $(SHUFFLE) -n $(WORKERS) -m '$(WITHOUT_MACHINERY)' --cov --cov-report=
	@echo '--- their coverage: patches/, then webhook/'
	@$(BIN)/coverage report --include='patches/*' --fail-under=100
	@$(BIN)/coverage report --include='webhook/*' --fail-under=$(WEBHOOK_COVERAGE)
	@echo '--- the same tests on the compiled form, which takes about a minute to make'
	@$(MAKE) --no-print-directory compiled
	@echo '--- installation from the locks, with the oldest pip and the newest: a minute or two'
	$(BIN)/pytest $(SHUFFLE) -m install
	@echo '--- page in Chromium'
	$(BIN)/pytest $(SHUFFLE) -n $(WORKERS) -m browser
	@echo '--- container image'
	$(BIN)/pytest $(SHUFFLE) -m image
	@echo '--- tests against a real API server: about 12 minutes'
	$(BIN)/pytest $(SHUFFLE) -m cluster
	@echo '--- servers on a real node: about 4 minutes'
	$(BIN)/pytest $(SHUFFLE) -m node

shuffled: ## `make test` in an order of the day; SEED=N repeats that of a run which printed N
	@$(MAKE) --no-print-directory test SHUFFLE='-p randomly $(if $(SEED),--randomly-seed=$(SEED))'

unit: $(TOOLS) ## the quick tests only, in under a minute
	$(BIN)/pytest -n $(WORKERS) -q -m 'not slow and $(WITHOUT_MACHINERY)'

# Beside the sources, not among them, where it would outlive a change of theirs. What the tests start runs it too.
COMPILED := $(CURDIR)/.compiled
HEADERS = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
compiled: $(TOOLS) ## make the compiled form, and run the tests that need nothing but Python on it
	@if command -v cc >/dev/null && test -e '$(HEADERS)/Python.h'; then \
		rm -rf $(COMPILED) build && \
		PSD_COMPILE=1 $(INSTALL) --no-index --no-deps --no-build-isolation --target $(COMPILED) . && \
		PSD_FORM=compiled PYTHONSAFEPATH=1 PYTHONPATH=$(COMPILED):$(CURDIR) \
		$(BIN)/pytest $(SHUFFLE) -n $(WORKERS) -o pythonpath='.compiled .' -m 'not interpreted and $(WITHOUT_MACHINERY)'; \
	else \
		echo 'not tested compiled: `apt-get install gcc libc6-dev python3-dev`'; test -z "$$REQUIRE_ALL"; \
	fi

lint: $(TOOLS) ## ruff, mypy --strict and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(TOOLS) ## rewrite the sources as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: $(TOOLS) ## make the tables of docs/ and of the page from the checks, defaults, reasons and settings
	$(BIN)/python -m tools.tables

fields: $(TOOLS) ## read the fields that pods have from the API server of `make assets`, for the preview
	$(BIN)/python -m tools.fields

bench: $(RUNTIME) ## measure time and memory per review
	$(BIN)/python -m bench
	@if command -v go >/dev/null; then $(BIN)/python -m bench.admission; \
		else echo 'no Go on the PATH: not compared with other webhooks'; fi

wheels: $(TOOLS) ## make dist/: the archive of the sources, the wheel for any platform, and the compiled one for this platform
	rm -rf build dist
	$(BIN)/python -c 'from setuptools import build_meta; build_meta.build_sdist("dist")'
	$(BIN)/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist .
	PSD_COMPILE=1 $(BIN)/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist .

# IMAGE_FLAGS are for the builder: `--secret id=pip.conf,src=FILE` for another package index.
BUILDER ?= $(firstword $(foreach tool,buildah docker,$(shell command -v $(tool))))
IMAGE ?= pod-security-defaulter:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

image: ## build the container image with buildah or docker (BASE=… COMPILER=… on other images of Python)
	@test -n '$(BUILDER)' || { echo 'buildah or docker is needed' >&2; exit 1; }
	$(BUILDER) build $(if $(findstring buildah,$(BUILDER)),--timestamp $(EPOCH)) $(if $(BASE),--build-arg BASE='$(BASE)') $(if $(COMPILER),--build-arg COMPILER='$(COMPILER)') \
		--build-arg VERSION='$(lastword $(subst :, ,$(IMAGE)))' --build-arg SOURCE_DATE_EPOCH=$(EPOCH) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) --tag '$(IMAGE)' $(IMAGE_FLAGS) .

mutants: $(TOOLS) ## change patches/ a little, 300 times, and see whether a test notices (long)
	PSD_SHARED='$(PSD_SHARED)' $(BIN)/python bench/mutants.py --workers $(WORKERS)

# One resolution for all Pythons and platforms; no address or path of the machine that ran it goes into the files.
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock'

lock: $(TOOLS) ## pin the newest allowed dependencies, with hashes
	$(COMPILE) --upgrade --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --upgrade --constraints requirements-dev.lock --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --constraints requirements-dev.lock --extra compile --output-file requirements-compile.lock pyproject.toml
	printf 'setuptools\nwheel\n' | $(COMPILE) --upgrade --constraints requirements-dev.lock --output-file requirements-build.lock -

venv: $(TOOLS) ## create or update .venv with all that development needs (the other targets do so when they need it)

# A complete lock needs no resolver: what a registry has newest plays no part (--no-deps), every byte is one whose hash
# is in a lock, and no archive is built, which would fetch tools of its own.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --no-deps --require-hashes --only-binary :all:

$(RUNTIME): requirements-build.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'installing what runs into $(VENV), from requirements.lock'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) $(LOCKED) -r requirements-build.lock -r requirements.lock
	@PYTHONWARNINGS='ignore:Editable installation' $(INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): $(RUNTIME) requirements-dev.lock
	@echo 'installing the tools of development into $(VENV), from requirements-dev.lock'
	@$(INSTALL) $(LOCKED) -r requirements-dev.lock
	@touch $@

clean: ## remove everything that is made, .venv and .certs included
	rm -rf $(VENV) .certs .compiled build dist *.egg-info mutants .coverage .coverage.* htmlcov
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find patches webhook tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +
