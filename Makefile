# Every target that needs Python packages builds or mends .venv first, and does no set-up work when it is ready.
#   make voice                      make test ARGS="-k licence"
#   make PYTHON=python3.12 setup    make ACCELERATOR=nvidia setup

.DEFAULT_GOAL := help
.PHONY: help voice test audit lint setup clean distclean
SHELL := /bin/bash
# Compiled modules are kept in .venv whatever the shell asks for: every command starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

ACCELERATOR ?= auto
FOLDERS := timbre training canaries evals judges results
VENV := .venv/bin
# Threads of several workers on two cores wait for each other: with one each, tests of statistics take a third of the time.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# Left unset, PYTHON is the first of these that starts and is new enough; 3.11 is the one the lock was run on.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
SETUP_FLAGS := $(if $(PYTHON),--this-python)
NEW_ENOUGH := import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)

help:  ## What there is to make (this page)
	@echo "Timbre: did this fine-tuned voice get more like its writer, and did it get anything worse?"
	@echo
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z]+:.*##' Makefile
	@echo
	@echo "Start with 'make voice'. Variables: PYTHON (an interpreter, 3.11 or newer),"
	@echo "ACCELERATOR (cpu, nvidia or auto), ARGS (passed to pytest)."

voice: setup  ## Train run1 and run2, evaluate them beside the baseline, gate, and write LOG.md
	@$(VENV)/python -m timbre.voice

test: setup  ## Run the tests (ARGS="-k word" picks some)
	@$(ONE_THREAD) $(VENV)/python -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(ARGS)

audit:  ## Look up the locked packages' known holes (needs a network, and pip-audit on the path)
	@command -v pip-audit >/dev/null || { echo "timbre: no pip-audit; get it with: pipx install pip-audit" >&2; exit 2; }
	pip-audit --no-deps --disable-pip -r locks/$(if $(filter nvidia,$(ACCELERATOR)),nvidia,cpu).txt

lint: setup  ## Check style, format and types
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy --strict $(FOLDERS) benchmarks

setup:  ## Build .venv from its lock, or mend it; nothing when it is ready
	@python=$$(for p in $(PYTHONS); do $$p -c '$(NEW_ENOUGH)' 2>/dev/null && break; done); \
	if [ -z "$$python" ]; then \
		echo "timbre: no Python 3.11 or newer among: $(PYTHONS); name one: make PYTHON=/path/to/python3.11" >&2; \
		exit 2; \
	fi; \
	"$$python" -m timbre.setup_environment --accelerator '$(ACCELERATOR)' $(SETUP_FLAGS)

clean:  ## Remove what the program made: runs, logs, models, report, tables, caches (not LOG.md)
	@made=$$(ls -d runs logs models results/report.html results/*.csv .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis 2>/dev/null); \
	if [ -z "$$made" ]; then echo "timbre: nothing to remove"; else \
		echo "timbre: removing"; du -sh $$made | sed 's/^/  /'; rm -rf $$made; fi
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## The same, and .venv
	@if [ -e .venv ]; then echo "timbre: removing .venv"; rm -rf .venv; fi
