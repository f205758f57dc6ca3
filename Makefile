# Custody. Every target makes what it needs (a virtual environment in .venv included), needs no
# root, and works as root too. `make help` lists them.

BIN := .venv/bin
# How long the bounded proofs of `make prove` may take together, in seconds.
PROVE_SECONDS ?= 900
WORKERS ?= auto
TEST_ARGS ?=
export PROVE_SECONDS

.DEFAULT_GOAL := help
.PHONY: help demo serve test check lint types layers length names locked fast real providers prove bench bench-smoke container docs lock clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: .venv/demo.stamp ## see the main job end to end, with a real PostgreSQL
	@$(BIN)/custody demo

CONFIG ?= custody.toml
serve: .venv/demo.stamp ## run the gateway with CONFIG=custody.toml (made here if absent)
	@test -e $(CONFIG) || $(BIN)/custody init $(dir $(CONFIG))
	@exec $(BIN)/custody serve -c $(CONFIG)

test: ## everything that must hold, in under ten minutes; one half runs though the other failed
	@$(MAKE) --no-print-directory --keep-going check real

check: lint types layers length names locked fast ## style, types, floors, names and the fast tests, in under two minutes

lint: .venv/dev.stamp
	@echo "== style: ruff"
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types: .venv/dev.stamp
	@echo "== types: mypy --strict"
	@$(BIN)/mypy

layers: .venv/dev.stamp
	@echo "== floors: import-linter"
	@$(BIN)/lint-imports
	@$(BIN)/python tools/faces.py

length: .venv/dev.stamp
	@echo "== length: no file over 400 lines, no room over 20 files"
	@$(BIN)/python tools/file_length.py src tests bench tools

names: .venv/dev.stamp
	@echo "== names: one for one thing, and nouns for modules"
	@$(BIN)/python tools/names.py src/custody

locked: .venv/dev.stamp
	@echo "== lock: it has all that pyproject.toml asks for"
	@$(BIN)/python tools/lock.py check
	@$(BIN)/python -m tools.runtime_lock check

fast: .venv/dev.stamp
	@echo "== fast tests, in random order (TEST_ARGS='-p no:randomly' for the written one)"
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m "not real and not provider and not prove" $(TEST_ARGS)

real: .venv/dev.stamp
	@echo "== tests against a real PostgreSQL"
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m "real and not provider and not prove" $(TEST_ARGS)

providers: .venv/dev.stamp ## tests against real identity providers, vaults and browsers that are here
	@$(BIN)/pytest -q -rs -m "provider" tests/providers tests/packaging $(TEST_ARGS)

prove: .venv/dev.stamp ## the long proofs, within PROVE_SECONDS
	@$(BIN)/python tools/prove.py

bench: .venv/dev.stamp ## measure direct, PgBouncer and Custody side by side; writes docs/performance.md
	@$(BIN)/python -m bench.run

bench-smoke: .venv/dev.stamp ## the same in seconds; proves that it runs, measures nothing
	@$(BIN)/python -m bench.run --smoke

container: .venv/dev.stamp ## build the container image, from BASE where one is named
	@tools/container $(BASE)

docs: .venv/dev.stamp ## write the generated parts of docs/
	@$(BIN)/python tools/write_docs.py

lock: .venv/dev.stamp ## write requirements-dev.lock anew, with the newest that pyproject.toml allows
	@$(BIN)/python tools/lock.py write
	@$(BIN)/python -m tools.runtime_lock write

clean: ## remove .venv and every cache
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/demo.stamp: pyproject.toml tools/environment
	@tools/environment demo

.venv/dev.stamp: pyproject.toml $(wildcard requirements-dev.lock) tools/environment
	@tools/environment dev
