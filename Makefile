# Commands only; the work is in `python -m competitions`. `make` alone prints this help.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
CLI = $(PY) -m competitions
NAMES := news flight mgtv tencent
# As a range, outside the lock: its builds differ by platform.
TORCH := torch>=2.9,<3
# Some systems have a NAME or a RUN in the environment.
NAMED := $(findstring command,$(origin NAME))
# What a person gives is handed over by the environment and quoted there: make would take a $ in it for a variable, the
# shell a quote for its end. ARGS alone is words of the shell.
override RAW := $(value RAW)
override FROM := $(value FROM)
override STORAGE := $(value STORAGE)
override CLUSTER := $(value CLUSTER)
override NAME := $(value NAME)
override KIND := $(value KIND)
override RUNG := $(value RUNG)
override LAW := $(value LAW)
override SCALE := $(value SCALE)
override SEED := $(value SEED)
override TRIALS := $(value TRIALS)
override MINUTES := $(value MINUTES)
override SCORE := $(value SCORE)
override RUN := $(if $(findstring command,$(origin RUN)),$(value RUN))
export RAW FROM STORAGE CLUSTER NAME KIND RUNG LAW SCALE SEED TRIALS MINUTES SCORE RUN
RAW_OPTION = $${RAW:+--raw "$$RAW"}
SCALE_OPTION = $${SCALE:+--scale "$$SCALE"}
LAW_OPTION = $${LAW:+--law "$$LAW"}
SEED_OPTION = $${SEED:+--seed "$$SEED"}
INPUT = $(RAW_OPTION) $(SCALE_OPTION) $(SEED_OPTION)
ON_CLUSTER = $(if $(CLUSTER),RECSYS_CLUSTER="$$CLUSTER")
STUDY = $${TRIALS:+--trials "$$TRIALS"} $${MINUTES:+--minutes "$$MINUTES"}

.DEFAULT_GOAL := help
.PHONY: help install install-torch all $(NAMES) notebooks site runs new test test-nightly test-all test-fast lint format clean
TARGETS := $(foreach verb,data standin look simulate tune ladder rung ablate compare base blend lb report figures submit recommend serve test,$(NAMES:%=$(verb)-%))
.PHONY: $(TARGETS)

# The table that `make` prints: a competition's line is the title of its README, a verb's the comment at its target.
ROW = printf '  %-20s %s\n'
LISTED = grep -E '^(\# )?[a-zA-Z-]+:.*\#\# ' $(firstword $(MAKEFILE_LIST)) | sed 's/^\# //'
VERBS = | awk -F ':.*\#\# ' '{printf "  make %-15s %s\n", $$1, $$2}'

help: ## This text
	@echo "Competitions: raw files to a checked submission and a report"
	@for name in $(NAMES); do $(ROW) "make $$name" "$$(sed -n '1s/^\# [^:]*: //p' competitions/$$name/README.md)"; done
	@echo && echo "Commands of a competition; NAME is one of: $(NAMES)" && $(LISTED) | grep -- '-NAME:' $(VERBS)
	@echo && echo "The workspace" && $(LISTED) | grep -v 'NAME:' $(VERBS)
	@echo && echo "Variables"
	@$(ROW) "ARGS=a.b=c" "one or more settings of the run, and other options"
	@$(ROW) "RAW=DIR" "the host's files; default data/NAME/raw, else simulated"
	@$(ROW) "SCALE=.1 SEED=0" "size of the simulated data (1: the host's size), seed"
	@$(ROW) "SCORE=.253 RUN=last" "for lb-NAME: the board's score, and whose it is"
	@$(ROW) "LAW=round2" "tencent: with conversions, as in the second round"
	@$(ROW) "TRIALS= MINUTES=" "for tune-NAME; STORAGE=postgresql+psycopg://..."
	@$(ROW) "CLUSTER=tcp://..." "a Dask cluster that computes the steps"
	@echo && echo "More: $(PY) -m competitions --help"

# pip blames the first package of a list where it reaches no index at all: whether pip itself is to be had there tells.
PROBE = $(PY) -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir --retries 0 --timeout 15 --dest $(VENV)/probe pip
NO_INDEX = error: No package index can be reached. Nothing was installed: check the network and the proxy, or name an \
index with PIP_INDEX_URL, then run make install again. (What pip said: $(VENV)/pip.log)
PIP = $(PY) -m pip install --quiet --disable-pip-version-check
EXPLAIN = if $(PROBE) > /dev/null 2>&1; then cat $(VENV)/pip.log; else echo "$(NO_INDEX)"; fi >&2

install: $(VENV)/installed ## Install everything from requirements.lock

install-torch: $(VENV)/torch ## And PyTorch: tencent, networks, tests (done by need)

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, {v.major}.{v.minor} found: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install it first (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@$(PIP) -r requirements.lock 2> $(VENV)/pip.log || { $(EXPLAIN); exit 1; }
	@touch $@

$(VENV)/torch: $(VENV)/installed
	@echo "Installing PyTorch, which this needs (hundreds of MB; with CUDA some GB)" >&2
	@$(PIP) "$(TORCH)" 2> $(VENV)/pip.log || { $(EXPLAIN); exit 1; }
	@touch $@

# What needs PyTorch: tencent, the networks among the methods of news and mgtv, the tests and the linters of all.
tencent all test test-nightly test-fast lint $(NAMES:%=test-%): $(VENV)/torch
$(foreach verb,ladder rung,$(verb)-news $(verb)-mgtv): $(VENV)/torch
$(foreach verb,look simulate tune ladder rung ablate blend,$(verb)-tencent): $(VENV)/torch

$(NAMES): $(VENV)/installed
	@$(ON_CLUSTER) $(CLI) run $@ $(INPUT) $(LAW_OPTION) $(ARGS)

all: $(VENV)/installed ## The four pipelines, one after the other
	@for name in $(NAMES); do echo "== $$name"; law=; [ $$name = tencent ] && law=$$LAW; \
	$(ON_CLUSTER) $(CLI) run $$name $(INPUT) $${law:+--law "$$law"} $(ARGS) || exit 1; done

# data-NAME: ## Download the host's files, or say how (ARGS=--check)
$(NAMES:%=data-%): data-%: $(VENV)/installed
	@$(CLI) data $* $(RAW_OPTION) $(ARGS)

# standin-NAME: ## A public data set in the host's layout (FROM=DIR)
$(NAMES:%=standin-%): standin-%: $(VENV)/installed
	@$(CLI) standin $* $${FROM:+--from "$$FROM"} $(ARGS)

# look-NAME: ## A page on the raw files
$(NAMES:%=look-%): look-%: $(VENV)/installed
	@$(CLI) look $* $(INPUT) $(LAW_OPTION) $(ARGS)

# simulate-NAME: ## Simulate raw files, compare with the host's (SCALE=)
$(NAMES:%=simulate-%): simulate-%: $(VENV)/installed
	@$(CLI) simulate $* $(SCALE_OPTION) $(SEED_OPTION) $(LAW_OPTION) --describe $(ARGS)

# tune-NAME: ## Tune parameters; gains go to tuned.toml (TRIALS=)
$(NAMES:%=tune-%): tune-%: $(VENV)/installed
	@$(if $(STORAGE),RECSYS_STORAGE="$$STORAGE") $(ON_CLUSTER) $(CLI) tune $* $(STUDY) $(INPUT) $(LAW_OPTION) $(ARGS)

# ladder-NAME: ## Every method, from popularity up (minutes)
$(NAMES:%=ladder-%): ladder-%: $(VENV)/installed
	@$(ON_CLUSTER) $(CLI) ladder $* $(INPUT) $(LAW_OPTION) $(ARGS)

# rung-NAME: ## One method: its score, formula, code (RUNG=als)
$(NAMES:%=rung-%): rung-%: $(VENV)/installed
	@$(ON_CLUSTER) $(CLI) ladder $* --only "$$RUNG" $(INPUT) $(LAW_OPTION) $(ARGS)

# ablate-NAME: ## What each block of features adds, paired (minutes)
$(NAMES:%=ablate-%): ablate-%: $(VENV)/installed
	@$(ON_CLUSTER) $(CLI) ablate $* $(INPUT) $(LAW_OPTION) $(ARGS)

notebooks: $(VENV)/kernel ## Run the notebooks, plots and all (minutes)
	@$(PY) -m tests.benches.notebooks
	@echo "Open them with the kernel $(PY) (Jupyter, VS Code)"

# As ranges, outside the lock: nothing else needs a kernel.
$(VENV)/kernel: $(VENV)/installed
	@$(PY) -m pip install --quiet --disable-pip-version-check "ipykernel>=7,<8" "nbclient>=0.10,<1"
	@touch $@

SITE := build/site-venv

site: $(SITE)/installed ## The pages as a website, in build/site
	@$(SITE)/bin/python tests/benches/site/build.py
	@echo "Open build/site/index.html, or serve it: $(PYTHON) -m http.server -d build/site"

$(SITE)/installed: tests/benches/site/requirements.txt
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

runs: $(VENV)/installed ## Every run, with CV, board, disk use (ARGS="--remove RUN")
	@$(CLI) runs $(ARGS)

# compare-NAME: ## The last run beside the one before the edit (ARGS="run1 run2 run3")
$(NAMES:%=compare-%): compare-%: $(VENV)/installed
	@$(CLI) compare $(or $(foreach run,$(filter-out --%,$(ARGS)),$(if $(findstring /,$(run)),,$*/)$(run)),$*) $(filter --%,$(ARGS))

# base-NAME: ## The run that others are compared with (ARGS=RUN)
$(NAMES:%=base-%): base-%: $(VENV)/installed
	@$(CLI) base $* $(ARGS)

# blend-NAME: ## Mix runs, write a checked submission (ARGS="run1 run2")
$(NAMES:%=blend-%): blend-%: $(VENV)/installed
	@$(CLI) blend $* $(ARGS)

# lb-NAME: ## Record the board's score of a run (SCORE=.253 RUN=last)
$(NAMES:%=lb-%): lb-%: $(VENV)/installed
	@$(CLI) lb $(ARGS) -- $(if $(findstring /,$(RUN)),"$$RUN","$*/$${RUN:-last}") "$$SCORE"

# report-NAME: ## Rewrite the last run's report
$(NAMES:%=report-%): report-%: $(VENV)/installed
	@$(CLI) report $*/last $(ARGS)

# figures-NAME: ## Update FIGURES.md and LEARNING.md from the records of runs
.PHONY: figures-learning
$(NAMES:%=figures-%) figures-learning: figures-%: $(VENV)/installed
	@$(PY) -m tests.benches.figures $* $(ARGS)

# recommend-NAME: ## A list for a user, by the last run (READ="6919 6512": ids of items, oldest first)
$(NAMES:%=recommend-%): recommend-%: $(VENV)/installed
	@$(CLI) recommend $* $(READ) $(ARGS)

# serve-NAME: ## Serve the last run over HTTP (news, new ones of lists)
$(NAMES:%=serve-%): serve-%: $(VENV)/installed
	@OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(CLI) serve $* $(ARGS)

# submit-NAME: ## Check the last submission and upload it, or say how
$(NAMES:%=submit-%): submit-%: $(VENV)/installed
	@$(CLI) submit $* $(ARGS)

PYTEST = OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(PY) -m pytest -q -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

new: $(VENV)/installed ## Add a new competition that runs (NAME=x KIND=one|several|rows)
	@$(if $(NAMED),,echo "error: Give a name: make new NAME=music25" >&2; exit 1;) $(CLI) new "$$NAME" $${KIND:+--kind "$$KIND"} $(ARGS)

# In as many processes as there are cores, 4 at most; ARGS="-n 0": in one.
test: $(VENV)/installed ## The tests (five minutes)
	@$(PYTEST) -m "not nightly" $(ARGS)

test-nightly: $(VENV)/installed ## The longer tests
	@$(PYTEST) -m nightly $(ARGS)

test-all: test test-nightly ## Both, as CI does

test-fast: $(VENV)/installed ## Fast unit tests (under a minute)
	@$(PYTEST) tests/unit -m "not slow" $(ARGS)

# test-NAME: ## All tests of one competition
$(NAMES:%=test-%): test-%: $(VENV)/installed
	@$(PYTEST) -m $* $(ARGS)

lint: $(VENV)/installed ## ruff and mypy
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

format: $(VENV)/installed ## Format the source with ruff
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

clean: ## Remove build/ (raw data and board scores stay)
	rm -rf build
