# `make` alone lists what there is. Every target makes .venv first if it is missing or out of date.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := streams schemas producers anonymiser consumers deploy
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

.PHONY: help setup check lint test test-fast simulate crash-ci crash crash-release crash-cluster crash-zombies crash-delayed \
	crash-partitions crash-forgetful crash-controls crash-side-by-side faults demo demo-fortify bench hostile fuzz format lock clean leaks

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(READY) ## make .venv from the hash-pinned requirements

check: lint test ## everything that must be green before a commit lands

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(READY) ## all tests, the real broker included
	$(BIN)/pytest -n 3 --dist loadfile

test-fast: $(READY) ## tests that need no broker
	$(BIN)/pytest -n 2 --dist loadfile -m "not kafka"

crash-ci: $(READY) ## kill everything for some minutes and count; after check in .ci/run
	$(BIN)/python -m tests.crash run --seeds 1 --kills 20 --reports 5000 --rate 35 --each 2

crash: $(READY) ## the same three times, larger, with a full disk
	$(BIN)/python -m tests.crash run --seeds 1,2,3 --kills 20 --reports 20000 --rate 100 --full-disk

crash-release: $(READY) ## rounds up to 1,000 kills and 1,000,000 reports; goes on where it stopped
	$(BIN)/python -m tests.crash release

crash-cluster: $(READY) ## three nodes, 30 of them killed, the leader half of the times (10 min)
	$(BIN)/python -m tests.crash cluster --kills 30

crash-zombies: $(READY) ## a process stands still, is replaced and goes on; 20 rounds, two ways (9 min)
	$(BIN)/python -m tests.crash zombies --rounds 20

crash-delayed: $(READY) ## 200 requests that come late; then a control that must fail (15 min)
	$(BIN)/python -m tests.crash delayed --cases 200
	$(BIN)/python -m tests.crash delayed --cases 60 --seconds 0.1 1.5 --control

crash-partitions: $(READY) ## 30 faults of the network, 5 to 15 s each (8 min)
	$(BIN)/python -m tests.crash partitions --cuts 30

crash-forgetful: $(READY) ## the node is killed until it has forgotten 20 decisions (15 min)
	$(BIN)/python -m tests.crash forgetful --hits 20

crash-controls: $(READY) ## the kill test with one protection taken out: each must be found wrong (15 min)
	$(BIN)/python -m tests.crash controls

crash-side-by-side: $(READY) ## Faust, Faust's exactly_once, aiokafka with care, and ours (12 min)
	$(BIN)/python -m tests.crash side-by-side

demo: $(READY) ## play the whole story on a real broker
	$(BIN)/rivelin demo

demo-fortify: $(READY) ## nine bodies, nineteen OCGs, a year of decisions, on a real broker (1 min)
	$(BIN)/rivelin demo --story fortify

faults: $(READY) ## stop, hold, break and shift parts of a running system: each comes back by itself
	$(BIN)/pytest tests/faults/running_system.py tests/faults/shifted_clock.py

hostile: $(READY) ## 100,000 mutated records, a flood and a poisoned stream: what became of each, and of the others
	$(BIN)/python -m tests.hostile.mutants --records 100000 --seed 1
	$(BIN)/python -m tests.hostile.floods

fuzz: $(READY) ## fuzz four targets, 600 s each; the corpus is kept in ~/.cache/rivelin-fuzz
	for target in submission sealed_part narrative identifier; do \
		$(BIN)/python -m tests.fuzz.run $$target --seconds 600; \
	done

leaks: $(READY) ## 3,000 reports full of canaries, then every byte of the system searched for them
	$(BIN)/python -m tests.leaks

simulate: $(READY) ## ten thousand simulated runs of the commit loops, and every planted bug
	$(BIN)/rivelin simulate faults --seeds 10000
	$(BIN)/rivelin simulate faults --mutants

bench: $(READY) ## measure speed and memory (never part of check)
	$(BIN)/rivelin bench

format: $(READY) ## let ruff rewrite what it safely can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## pin the newest allowed versions, with hashes and without addresses
	$(COMPILE) --upgrade pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) --upgrade pyproject.toml requirements/dev.in --output-file requirements/dev.txt
	$(COMPILE) --upgrade requirements/beside.in --output-file requirements/beside.txt

clean: ## remove what can be made again (never .rivelin: it holds keys and evidence)
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(READY): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	touch $@
