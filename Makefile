# Verbs only; the work is in `python -m competitions`. `make` alone prints this help.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SEED ?= 0
WORKERS ?= 1
RUN = $(PY) -m competitions
NAMES := news flight mgtv tencent
# As a range, outside the lock: its builds differ by platform.
TORCH := torch>=2.9,<3
# What a person gives is handed over by the environment and quoted there: make would take a $ in it for a variable, the
# shell a quote for its end. ARGS alone is words of the shell.
GIVEN := RAW SCALE SEED LAW TRIALS MINUTES WORKERS STORAGE CLUSTER FROM
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)
RAW_OPTION = $${RAW:+--raw "$$RAW"}
SCALE_OPTION = $${SCALE:+--scale "$$SCALE"}
LAW_OPTION = $${LAW:+--law "$$LAW"}
INPUT = $(RAW_OPTION) $(SCALE_OPTION) --seed "$$SEED"
STUDY = $${TRIALS:+--trials "$$TRIALS"} $${MINUTES:+--minutes "$$MINUTES"} --workers "$$WORKERS"

.DEFAULT_GOAL := help
.PHONY: help install all $(NAMES) runs dashboard test test-nightly test-all test-fast lint format bench clean
.PHONY: $(foreach verb,data standin look simulate tune ladder report submit serve test,$(NAMES:%=$(verb)-%))

help: ## This text
	@grep -E '^(# )?[a-zA-Z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/^# //' | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'
	@echo
	@echo "  NAME is one of: $(NAMES)"
	@echo "  RAW=DIR the host's files   SCALE=0.1 size of simulated data   SEED=0   ARGS=\"--set a.b=c\" any setting"
	@echo "  TRIALS=20 MINUTES=20 WORKERS=2 STORAGE=postgresql+psycopg://... for tune-*   CLUSTER=tcp://host:8786 a Dask cluster"
	@echo "  LAW=screening for flight, simulate-flight, ladder-flight: travellers who choose by rules, not by a logit"
	@echo "  LAW=round2 for tencent, simulate-tencent, ladder-tencent: users who convert as well, as in the second round"
	@echo "  Run two against each other: $(PY) -m competitions compare news/last~1 news/last; more: $(PY) -m competitions --help"

# pip blames the first package of a list where it reaches no index at all: whether pip itself is to be had there tells.
PROBE = $(PY) -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir --retries 0 --timeout 15 --dest $(VENV)/probe pip
NO_INDEX = error: No package index can be reached, so nothing was installed: check the network and the proxy, or name an \
index with PIP_INDEX_URL, then run make install again. (What pip said: $(VENV)/pip.log)
EXPLAIN = if $(PROBE) > /dev/null 2>&1; then cat $(VENV)/pip.log; else echo "$(NO_INDEX)"; fi >&2

install: $(VENV)/installed ## The environment, from requirements.lock

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, {v.major}.{v.minor} found: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install it first (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock "$(TORCH)" 2> $(VENV)/pip.log || { $(EXPLAIN); exit 1; }
	@touch $@

# NAME: ## Raw files to a checked submission and a report (RAW= SCALE= SEED= ARGS=)
$(NAMES): $(VENV)/installed
	@$(if $(CLUSTER),RECSYS_CLUSTER="$$CLUSTER") $(RUN) run $@ $(INPUT) $(LAW_OPTION) $(ARGS)

all: $(VENV)/installed ## The four pipelines, one after the other
	@for name in $(NAMES); do echo "== $$name"; $(RUN) run $$name $(INPUT) || exit 1; done

# data-NAME: ## Fetch the host's files, or how to get them, and a check of what is there (ARGS=--check)
$(NAMES:%=data-%): data-%: $(VENV)/installed
	@$(RUN) data $* $(RAW_OPTION) $(ARGS)

# standin-NAME: ## Lay a public data set out in the host's layout, with its truth (FROM=DIR)
$(NAMES:%=standin-%): standin-%: $(VENV)/installed
	@$(RUN) standin $* $${FROM:+--from "$$FROM"} $(ARGS)

# look-NAME: ## One offline page on the raw files, before any model: rows, missing, distributions (RAW= SCALE=)
$(NAMES:%=look-%): look-%: $(VENV)/installed
	@$(RUN) look $* $(INPUT) $(LAW_OPTION) $(ARGS)

# simulate-NAME: ## Write simulated raw files and print how they compare with the host's (SCALE= SEED=)
$(NAMES:%=simulate-%): simulate-%: $(VENV)/installed
	@$(RUN) simulate $* $(SCALE_OPTION) --seed "$$SEED" $(LAW_OPTION) --describe $(ARGS)

# tune-NAME: ## Search each ranker's parameters and the blend; gains go to tuned.toml (TRIALS= MINUTES= WORKERS=)
$(NAMES:%=tune-%): tune-%: $(VENV)/installed
	@$(if $(STORAGE),RECSYS_STORAGE="$$STORAGE") $(RUN) tune $* $(STUDY) $(INPUT) $(ARGS)

dashboard: $(VENV)/installed ## The studies in optuna-dashboard, which is optional (ARGS=news: of one competition)
	@$(if $(STORAGE),RECSYS_STORAGE="$$STORAGE") $(RUN) dashboard $(ARGS)

# ladder-NAME: ## From popularity to the full pipeline, rung by rung, with score, time and memory (minutes)
$(NAMES:%=ladder-%): ladder-%: $(VENV)/installed
	@$(RUN) ladder $* $(INPUT) $(LAW_OPTION) $(ARGS)

runs: $(VENV)/installed ## Every run, newest first, with CV, leaderboard and how they agree
	@$(RUN) runs $(ARGS)

# report-NAME: ## Write the newest run's report.html anew, with what was tuned and climbed since
$(NAMES:%=report-%): report-%: $(VENV)/installed
	@$(RUN) report $*/last $(ARGS)

# serve-NAME: ## Export the newest run's models; latency, requests a second, what a smaller model costs
$(NAMES:%=serve-%): serve-%: $(VENV)/installed
	@$(RUN) serve $* $(RAW_OPTION) $(ARGS)

# submit-NAME: ## Check the newest run's submission once more; hand it in (flight), or say where to upload it
$(NAMES:%=submit-%): submit-%: $(VENV)/installed
	@$(RUN) submit $* $(RAW_OPTION) $(ARGS)

PYTEST = OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(PY) -m pytest -q -n logical --maxprocesses 4 --dist loadgroup

test: $(VENV)/installed ## The tests, in as many processes as there are cores, 4 at most: five minutes (ARGS="-n 0": in one)
	@$(PYTEST) -m "not nightly" $(ARGS)

test-nightly: $(VENV)/installed ## What is too long for that
	@$(PYTEST) -m nightly $(ARGS)

test-all: test test-nightly ## Both, as CI does

test-fast: $(VENV)/installed ## Unit tests without clusters, databases, hosts, simulations and trainings: in a minute
	@$(PYTEST) tests/unit -m "not slow" $(ARGS)

# test-NAME: ## One competition: unit tests, contract and golden numbers, the nightly ones too
$(NAMES:%=test-%): test-%: $(VENV)/installed
	@$(PYTEST) -m $* $(ARGS)

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
