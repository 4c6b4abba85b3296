# Everything a developer types. Needs python3 (3.11 or newer), pip and make; a C compiler is welcome, not needed.
#   make demo PYTHON=python3.13 PORT=8080

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
COMPILED := build/compiled
COVERED := src/bicorn/wire/*,src/bicorn/apps/*,src/bicorn/config/*
COVERAGE := 95
# The tests that are to reach every line of COVERED; to measure others would only cost time.
MEASURED := wire apps config server
PYTEST := $(BIN)/python -m pytest
# Several at a time: most of the tests with real processes wait. Who is done takes over tests of who is not.
JOBS ?= 4
AT_ONCE := -n $(JOBS) --dist worksteal
# What a compiled module has no part in is not tested twice.
INTERPRETED_ONLY := $(foreach name,test_build.py test_layers.py test_shape.py cli config doctor process \
	$(foreach what,control dev hooks manager system systemd upgrade,integration/test_$(what).py),--ignore=tests/$(name))

.PHONY: help demo test lint unit coverage others compiled prove prove-manager bench conformance bench-websocket prove-websocket clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed  ## serve a page with an ASGI and a WSGI app on one port
	$(BIN)/bicorn demo $(if $(PORT),--port $(PORT))

test: lint coverage others compiled  ## everything CI runs: lint, types, layers, tests of both readings, coverage

lint: $(VENV)/.dev  ## ruff, mypy and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev  ## the fast tests alone, in seconds
	$(PYTEST) -m "not slow" --ignore=tests/integration

coverage: $(VENV)/.dev  ## the tests of what has to be covered, and whether it is
	$(PYTEST) $(AT_ONCE) --cov --cov-report= $(MEASURED:%=tests/%)
	$(BIN)/coverage report --include="$(COVERED)" --fail-under=$(COVERAGE)

others: $(VENV)/.dev  ## all the other tests, those with real processes among them
	$(PYTEST) $(AT_ONCE) $(MEASURED:%=--ignore=tests/%)

compiled: $(VENV)/.dev  ## the tests again, against the compiled modules
	@$(BIN)/python hatch_build.py --build-lib $(COMPILED); status=$$?; \
	if [ $$status = 3 ]; then echo "make: the compiled modules are not tested: no C compiler works here"; exit 0; fi; \
	[ $$status = 0 ] && BICORN_READING=compiled PYTHONPATH=$(COMPILED) $(PYTEST) $(AT_ONCE) $(INTERPRETED_ONLY)

prove: $(VENV)/.dev  ## install and serve with every Python found, with and without a C compiler
	$(BIN)/python scripts/prove_install.py $(if $(CHROOT),--chroot $(CHROOT))

prove-manager:  ## the process manager under load, with faults, beside its peers: make prove-manager PROOFS="--only reload"
	$(PYTHON) benchmarks/manager/run.py $(PROOFS)

bench:  ## Bicorn and its peers side by side, in an environment of their own: make bench BENCH=--quick
	$(PYTHON) benchmarks/run.py $(BENCH)

conformance:  ## Autobahn's fuzzing client against Bicorn, compiled and not, and its peers: make conformance PROOFS=--quick
	$(PYTHON) benchmarks/websocket/conformance.py $(PROOFS)

bench-websocket:  ## WebSockets on Bicorn and its peers: echoes, a broadcast, idle connections: BENCH=--quick
	$(PYTHON) benchmarks/websocket/run.py $(BENCH)

prove-websocket:  ## hostile and real WebSocket clients, a browser among them
	$(PYTHON) benchmarks/websocket/hostile.py $(PROOFS)
	$(PYTHON) benchmarks/websocket/clients.py $(PROOFS)

clean:  ## remove what was made here
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Debian's python3 may come without ensurepip; its pip can then install pip into the environment from outside.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Bicorn needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet pip; } || { rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing Bicorn into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	@echo "Installing the tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@
