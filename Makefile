# Two commands matter: `make course` and `make lab`. Everything else serves them.
PYTHON ?= python3.11
VENV   ?= .venv
# Two workers with one numerical thread each: on a laptop, spinning threads cost more than they give.
# What runs from here is no student's try at an exercise; JupyterLab (make lab) keeps progress.
RUN     = OMP_NUM_THREADS=1 XAILAB_PROGRESS=off $(VENV)/bin/python
NBVAL   = --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-kernel-startup-timeout=120
STAMP   = $(VENV)/.installed
HERE    = {'headers': {'Content-Security-Policy': \"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws:\"}}

.DEFAULT_GOAL := help
.PHONY: help course lab editions test test-unit test-notebooks test-editions test-browser site apps dist bench bench-widgets mutation test-versions audit lint format clean-notebooks clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

course: $(STAMP)  ## install if needed, run every notebook, write the pages to build/course
	$(RUN) -m xailab.course build --out build/course

lab: $(STAMP)  ## open the course in JupyterLab, on this computer only
	$(VENV)/bin/jupyter lab --ip=127.0.0.1 notebooks

editions: $(STAMP)  ## student, solutions and teacher editions of every notebook, in build/editions
	$(RUN) -m xailab.editions --out build/editions

# CI (the variable is set) also opens every student edition in a browser, and its root may be given
# Debian's Chromium; elsewhere nothing is installed unasked, and what is missing is skipped by name. It
# also runs the unit tests with the lowest versions, which are fetched while the others are tested.
test: lint  ## everything that must hold: style, unit tests, every notebook
	$(MAKE) $(if $(CI),-j2 build/venv-lowest/.installed) test-unit
	@if [ -n "$(CI)" ] && $(CHROMIUM) && [ -e $(VENV)/.installed-browser ]; \
		then $(MAKE) test-editions BLANK="echo The browser has run the student edition, blank."; \
		else $(MAKE) test-editions; fi
	$(if $(CI),$(MAKE) test-versions)

CHROMIUM = (command -v chromium || command -v google-chrome) >/dev/null
WHERE = $(if $(CI),,-m 'not course')
# Files share what they make once, so a file stays with one worker; the browser's, the longest, go first.
BY_FILE = --dist loadfile --no-loadscope-reorder
test-unit: $(STAMP)
	@[ -z "$(CI)" ] || [ "$$(id -u)" != 0 ] || $(CHROMIUM) \
		|| (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1 \
		|| echo "Chromium cannot be had: the browser tests will say so and skip."
	@[ -z "$(CI)" ] || ! which npm >/dev/null 2>&1 || $(MAKE) --no-print-directory $(VENV)/.installed-site \
		|| echo "Sphinx cannot be had: the site's tests will say so and skip."
	@! $(CHROMIUM) || $(MAKE) --no-print-directory $(VENV)/.installed-browser \
		|| echo "Playwright cannot be had: the browser tests will say so and skip."
	$(RUN) -m pytest -q tests $(WHERE) -n 2 $(BY_FILE) -rs

test-notebooks: $(STAMP)  ## only the notebooks as they are committed, a third of the time of test-editions
	$(RUN) -m pytest -q notebooks $(NBVAL) -n 2 --dist loadscope

BLANK = $(RUN) -m pytest -q build/test-editions/student $(NBVAL) -n 2 --dist loadscope
test-editions: $(STAMP)  ## the solutions edition must print the same again, the student edition run blank
	rm -rf build/test-editions
	$(RUN) -m xailab.editions --out build/test-editions
	$(RUN) -m pytest -q build/test-editions/solutions --nbval --nbval-sanitize-with tests/nbval.cfg \
		$(filter-out --nbval-lax,$(NBVAL)) -n 2 --dist loadscope
	$(BLANK)

test-browser: $(VENV)/.installed-site $(VENV)/.installed-browser  ## sliders and site in a real browser
	$(CHROMIUM) || $(VENV)/bin/playwright install chromium
	$(RUN) -m pytest -q tests/browser -rs -n 2 $(BY_FILE)

site: $(VENV)/.installed-site  ## the course as a website without a server, in build/site (needs npm)
	$(RUN) -m xailab.website --out build/site

# The policy keeps Voila's template from asking another host for its icons.
apps: $(VENV)/.installed-classroom  ## the notebooks without code, sliders alive, on this computer only
	$(RUN) -m voila --Voila.ip=127.0.0.1 --no-browser --strip_sources=True --Voila.tornado_settings="$(HERE)" notebooks

dist: $(STAMP)  ## a zip for machines without network: the course and all wheels, in build/
	$(RUN) -m xailab.offline

bench: $(VENV)/.installed-bench $(VENV)/.installed-browser  ## time everything beside its peers, write the table into the README (20 minutes)
	$(RUN) tests/benchmarks/run.py

mutation: $(STAMP)  ## break the formulas one at a time; do the tests notice?
	$(RUN) tests/support/mutations.py

bench-widgets: $(VENV)/.installed-browser  ## how fast the sliders are, measured in the browser
	$(RUN) tests/benchmarks/bench_widgets.py

# e.g. make test-versions BOUND=lowest: the unit tests in an environment of its own, in build/
BOUND ?= lowest
test-versions: build/venv-$(BOUND)/.installed  ## the unit tests with the lowest (or BOUND=highest) versions that are allowed
	OMP_NUM_THREADS=1 XAILAB_PROGRESS=off PYTHONPATH="$(CURDIR)" build/venv-$(BOUND)/bin/python -m pytest -q tests \
		--ignore tests/browser -m 'not course' -n 2 --dist loadfile

# Without what is installed from here, which is on no index; a CPU build has the advisories of its version.
audit: $(STAMP)  ## known advisories about the installed packages (needs the web); one not answered for is a failure
	$(PYTHON) -m venv build/venv-audit
	build/venv-audit/bin/python -m pip install --quiet pip-audit
	$(VENV)/bin/python -m pip freeze --exclude-editable > build/installed.txt
	sed 's/+.*//' build/installed.txt > build/audited.txt
	build/venv-audit/bin/pip-audit --strict --no-deps --disable-pip --requirement build/audited.txt

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(STAMP)  ## format code and notebooks
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean-notebooks: $(STAMP)  ## run every notebook and keep only its text outputs
	$(RUN) -m xailab.course refresh

clean:  ## remove what was built, not what was installed, and not the editions: somebody may work in them
	find build -mindepth 1 -maxdepth 1 ! -name editions -exec rm -rf {} + 2>/dev/null || true
	rm -rf .pytest_cache .ruff_cache

$(STAMP): pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@

# the versions that are listed, and no xailab: the tests take it from here
build/venv-%/.installed: tests/constraints-%.txt
	$(PYTHON) -m venv build/venv-$*
	build/venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@

# one optional set of tools, by its name in pyproject.toml
$(VENV)/.installed-%: $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --editable '.[$*]'
	touch $@
