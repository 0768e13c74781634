# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready

PLAYWRIGHTS_OWN = import os, playwright.sync_api as p; \
	own = p.sync_playwright().start(); there = os.path.exists(own.chromium.executable_path); \
	own.stop(); raise SystemExit(not there)

.PHONY: help install demo quick test slow browser chromium lint types check bench clean

help:            ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## set up .venv with pinned versions; leaves .venv/bin/fdaclip

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("fdaclip needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make install PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@echo "installing fdaclip and its tools into $(VENV) (about 1.8 GB on disk, a minute or two)"
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,docs,starter]'
	@touch $@

demo: install    ## the main job end to end, nothing to download (under 6 minutes on 2 cores)
	$(BIN)/fdaclip demo --out build/demo

quick: install   ## the same, smaller (under 90 seconds)
	$(BIN)/fdaclip demo --quick --out build/demo-quick

test: install    ## the fast tests
	$(BIN)/python -m pytest

slow: install    ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

browser: install ## the web page's tests, in a real Chromium
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@$(MAKE) -s chromium
	$(BIN)/python -m pytest -m browser

# One of the system or of Playwright; installed only where that is one command and may be done.
chromium:
	@if [ -x /usr/bin/chromium ] || $(BIN)/python -c '$(PLAYWRIGHTS_OWN)'; then :; \
	elif [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
		echo "no Chromium here: installing Debian's"; apt-get -q update && apt-get -qy install chromium; \
	else \
		echo "no Chromium found. Install it as /usr/bin/chromium (Debian: apt install chromium)," >&2; \
		echo "or fetch Playwright's own: $(BIN)/playwright install --with-deps chromium" >&2; exit 1; fi

lint: install    ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install   ## mypy, strict
	$(BIN)/mypy

check: test lint types  ## everything that CI runs

bench: install   ## one table of speed beside peers and limits, into docs/performance.md (15 minutes)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/bench.py

clean:           ## remove what was built; the library folders of users are elsewhere
	rm -rf build $(VENV)
