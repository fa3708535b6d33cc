# What a developer does with this tree. `make` alone prints the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Two targets must not install into one environment at the same time; pytest runs its own workers.
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Setuptools warns at every editable installation that it is one.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check --quiet

# Options for pytest, for example: make test TESTS="-k tlv -x"
TESTS ?=
# How many tests run at a time: one more than there are processors, since the tests that talk to
# pcscd, a browser or a server, one group each, wait for most of their time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# Seconds that `make fuzz` runs.
FUZZ_SECONDS ?= 60
# The longest that one test of `make soak` may take, in seconds.
SOAK_TIMEOUT ?= 14400
# Seconds that `make soak` fuzzes after the tests.
SOAK_FUZZ_SECONDS ?= 3600
# Set it to anything to leave the system's packages alone.
NO_SYSTEM_PACKAGES ?=

# What the interop tests talk to, and what building pyscard needs (it has no Linux wheel).
SYSTEM_PACKAGES := pcscd libccid vsmartcard-vpcd vsmartcard-vpicc opensc pcsc-tools softhsm2 openssl \
	opensc-pkcs11 libengine-pkcs11-openssl curl gnutls-bin openssh-client default-jdk-headless \
	chromium libnss3-tools xvfb xdotool tshark fonts-ipamj-mincho zsh fish \
	gcc libc6-dev swig libpcsclite-dev
# They start services of the machine when they are installed, or are large: only where every interop
# test must run.
SYSTEM_PACKAGES += $(if $(filter 1,$(JUKICARD_REQUIRE_INTEROP)),openssh-server postgresql golang-go \
	golang-golang-x-mod-dev)
# Of Debian's own Python, two parts are packages for themselves.
HAS_VENV := import ensurepip, venv
HAS_HEADERS := import os, sysconfig; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- environment ---------------------------------------------------------------------------------

# A stamp file stands for a finished installation, so that an interrupted one is done again.
BASE := $(VENV)/.installed-base
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
PCSC := $(VENV)/.installed-pcsc
FUZZ := $(VENV)/.installed-fuzz
YUBIKIT := $(VENV)/yubikit/.installed

$(BASE): pyproject.toml constraints.txt
	@echo "Installing into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "This needs Python 3.11 or newer with venv (on Debian: the package python3-venv)." >&2; \
		exit 1; }
	@$(PIP) install -c constraints.txt pip setuptools wheel
	@$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(DEMO): $(BASE)
	@echo "Installing the terminal's database into $(VENV)"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[terminal]'
	@touch $@

$(DEV): $(BASE)
	@echo "Installing the developer's tools into $(VENV)"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev,fleet,hsm,paper,sign,terminal,ledger-postgresql,web,completion]'
	@touch $@

$(PCSC): $(BASE)
	@echo "Building pyscard in $(VENV)"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[pcsc]'
	@touch $@

$(FUZZ): $(DEV)
	@echo "Installing atheris into $(VENV)"
	@$(PIP) install -c constraints.txt atheris
	@touch $@

# A stranger's SCP03, for tests only: in an environment of its own, nothing of it comes near ours.
$(YUBIKIT): $(PCSC)
	@echo "Installing yubikey-manager into $(@D)"
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@PIP_CONSTRAINT=$(abspath constraints.txt) $(subst $(BIN),$(@D)/bin,$(PIP)) install -c constraints.txt yubikey-manager
	@touch $@

.PHONY: venv
venv: $(BASE) ## make .venv with the base dependencies; nothing is compiled, no root needed

# -- for everybody -------------------------------------------------------------------------------

# Two acts: a card by itself, and a resident's life, for which the terminal keeps a database (SQLite).
.PHONY: demo
demo: $(DEMO) ## show a card at work, then a resident's life with one; needs Python only
	@$(BIN)/jukicard demo
	@$(BIN)/python examples/resident_life.py

# All workers must collect the same tests in the same order, also where a set decides it: one seed
# for all, another one for each run, so that whatever depends on it shows.
.PHONY: test
test: system-packages $(DEV) ## run all tests; installs what the interop tests need, when it may
	@if type gcc swig &>/dev/null && test -e /usr/include/PCSC/winscard.h \
		&& $(BIN)/python -c '$(HAS_HEADERS)' 2>/dev/null; then \
		$(MAKE) --no-print-directory $(PCSC) $(YUBIKIT); \
	else \
		echo "gcc, swig, libpcsclite-dev or Python's headers are missing: pyscard is not built, tests that need it are skipped."; \
	fi
	@export PYTHONHASHSEED=$${PYTHONHASHSEED:-$$RANDOM}; \
	echo "PYTHONHASHSEED=$$PYTHONHASHSEED"; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

# Everything at its full length: all matrices, all repetitions. CI runs a part of each.
.PHONY: soak
soak: export JUKICARD_SOAK := 1
soak: export HYPOTHESIS_PROFILE ?= soak
soak: export PYTEST_ADDOPTS := --timeout=$(SOAK_TIMEOUT)
soak: test $(FUZZ) ## run all tests at their full length, then fuzz: some hours
	@$(BIN)/python tests/fuzz/run_atheris.py -max_total_time=$(SOAK_FUZZ_SECONDS)

# Root, or sudo without a password, installs; anybody else is told what will be missing.
.PHONY: system-packages
system-packages: ## install the Debian packages that the interop tests talk to, when it may
	@missing=(); \
	for package in $(SYSTEM_PACKAGES); do \
		[[ "$$(dpkg-query --show --showformat='$${Status}' $$package 2>&1)" == *'ok installed' ]] \
			|| missing+=($$package); \
	done; \
	$(PYTHON) -c '$(HAS_VENV)' 2>/dev/null || missing+=(python3-venv); \
	$(PYTHON) -c '$(HAS_HEADERS)' 2>/dev/null || missing+=(python3-dev); \
	if test $${#missing[@]} -eq 0; then exit 0; fi; \
	if test -n "$(NO_SYSTEM_PACKAGES)" || ! command -v apt-get >/dev/null; then may=no; \
	elif test "$$(id -u)" -eq 0; then may=yes; root=(); \
	elif sudo -n true 2>/dev/null; then may=yes; root=(sudo -n); \
	else may=no; fi; \
	if test $$may = no; then \
		echo "May not install $${missing[*]}: the interop tests that need them (virtual reader, OpenSC, SoftHSM, pyscard) are skipped."; \
		exit 0; \
	fi; \
	echo "Installing $${missing[*]}"; \
	"$${root[@]}" apt-get update -qq; \
	"$${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$${missing[@]}"

# -- for developers ------------------------------------------------------------------------------

.PHONY: check
check: lint types imports docs tree ## everything that is checked without running the product

.PHONY: lint
lint: $(DEV) ## ruff: layout and rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

.PHONY: types
types: $(DEV) ## mypy, strict
	@$(BIN)/mypy

.PHONY: imports
imports: $(DEV) ## who may import whom
	@PYTHONPATH=.:host $(BIN)/lint-imports

.PHONY: tree
tree: $(DEV) ## what may not be in the tree: paths of one machine, registry hosts, loose versions
	@$(BIN)/python -m pytest -q tests/architecture/test_repository.py

.PHONY: docs
docs: $(DEV) ## build the manual into docs/_build/html
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

.PHONY: texts
texts: $(DEV) ## compile what people are told in Japanese (host/jukihost/locale)
	@$(BIN)/pybabel -q compile -d host/jukihost/locale -D jukihost

.PHONY: format
format: $(DEV) ## rewrite the layout and whatever ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(BASE) ## measure
	@$(BIN)/python -m benchmarks

# Minutes, and some gigabytes of disk where temporary files lie. For example ENTRIES=10000000.
ENTRIES ?= 1000000
.PHONY: bench-ledger
bench-ledger: $(DEV) ## measure the ledger and the log of uses: minutes, and a server that it starts
	@$(BIN)/python -m benchmarks.identify
	@$(BIN)/python -m benchmarks.bulk
	@$(BIN)/python -m benchmarks.ledger
	@$(BIN)/python -m benchmarks.uselog --entries $(ENTRIES)

.PHONY: fuzz
fuzz: $(FUZZ) ## coverage-guided fuzzing for FUZZ_SECONDS
	@$(BIN)/python tests/fuzz/run_atheris.py -max_total_time=$(FUZZ_SECONDS)

.PHONY: clean
clean: ## remove what was built, and the environment
	@rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -prune -exec rm -rf {} +
