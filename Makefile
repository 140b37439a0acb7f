# Verbs only; the work is in `python -m competitions`. `make` alone prints this help.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SEED ?= 0
RUN = $(PY) -m competitions
NAMES := news flight mgtv tencent
# As a range, outside the lock: its builds differ by platform.
TORCH := torch>=2.9,<3
INPUT = $(if $(RAW),--raw "$(RAW)") $(if $(SCALE),--scale $(SCALE)) --seed $(SEED)

.DEFAULT_GOAL := help
.PHONY: help install $(NAMES) $(NAMES:%=simulate-%) $(NAMES:%=ladder-%) test lint format bench clean

help: ## This text
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'
	@echo
	@echo "  RAW=DIR the host's files   SCALE=0.1 size of simulated data   SEED=0   ARGS=\"--set a.b=c\" any setting"

install: $(VENV)/installed ## The environment, from requirements.lock

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, {v.major}.{v.minor} found: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install it first (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock "$(TORCH)"
	@touch $@

news: ## News: raw files to a checked submission (RAW= SCALE= SEED= ARGS=)
flight: ## Flight: the same
mgtv: ## MGTV: the same
tencent: ## Tencent: the same
$(NAMES): $(VENV)/installed
	@$(RUN) run $@ $(INPUT) $(ARGS)

simulate-news: ## News: write simulated raw files and print how they compare with the host's (SCALE= SEED=)
simulate-flight: ## Flight: the same
simulate-mgtv: ## MGTV: the same
simulate-tencent: ## Tencent: the same
$(NAMES:%=simulate-%): simulate-%: $(VENV)/installed
	@$(RUN) simulate $* $(if $(SCALE),--scale $(SCALE)) --seed $(SEED) --describe $(ARGS)

ladder-news: ## News: what each channel, feature block and model adds (minutes)
ladder-flight: ## Flight: the same
ladder-mgtv: ## MGTV: the same
ladder-tencent: ## Tencent: the same
$(NAMES:%=ladder-%): ladder-%: $(VENV)/installed
	@$(RUN) ladder $* $(INPUT) $(ARGS)

test: $(VENV)/installed ## All tests
	@$(PY) -m pytest -q $(ARGS)

lint: $(VENV)/installed ## ruff and mypy
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

format: $(VENV)/installed ## Let ruff rewrite the source
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: $(VENV)/installed ## Timings side by side (minutes)
	@$(PY) -m tests.benches $(ARGS)

clean: ## Remove build/ (raw data stays)
	rm -rf build
