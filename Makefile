# `make` prints this list. Everything installs itself into .venv; nothing else is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help run reset test test-all check lint types walls pages format chaos bench bench-large bench-peers docs migrate migration clean

help: ## show what can be done
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.runtime: requirements.lock deploy/local/bootstrap.sh
	@bash deploy/local/bootstrap.sh $(PYTHON) requirements.lock
	@touch $@

.venv/.development: requirements-dev.lock deploy/local/bootstrap.sh
	@bash deploy/local/bootstrap.sh $(PYTHON) requirements-dev.lock
	@touch .venv/.runtime $@

run: .venv/.runtime ## start the whole platform with the demo province; Ctrl-C stops it
	@$(BIN)/python -m deploy.local

reset: .venv/.runtime ## throw the demo's data away
	@$(BIN)/python -m deploy.local reset

check: .venv/.development ## static checks: ruff, mypy, walls, generated docs
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types walls pages

lint:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types:
	@$(BIN)/mypy

walls:
	@$(BIN)/lint-imports --no-cache

pages:
	@$(BIN)/python -m docs --check

format: .venv/.development ## let ruff order and format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

test: check ## everything that must be green, under 10 minutes on 2 cores
	@$(BIN)/python -m tests

test-all: check ## tests of tier B too, and what downloads
	@$(BIN)/python -m tests --all

chaos: .venv/.development ## ten minutes of kills against the ledger, with its figures (MINUTES=10)
	@$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10)

bench: .venv/.development ## measure against the named peers, side by side
	@$(BIN)/python -m bench

bench-large: .venv/.development ## measure with millions of rows (docs/bench-large.md)
	@$(BIN)/python -m bench --large

bench-peers: .venv/.development ## unpack nginx, wrk, blackbox_exporter from Debian packages, without privilege
	@$(BIN)/python -m bench.peers

docs: .venv/.development ## generate docs/*.md and the contract snapshots anew
	@$(BIN)/python -m docs

migration: .venv/.development ## draft a migration: make migration SERVICE=filing NAME=add_queue
	@$(BIN)/python -m deploy.local migration $(SERVICE) $(NAME)

clean: ## remove the virtual environment and caches
	@rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis build
