# Two commands matter: `make course` and `make test`. Without make: python -m xailab.course --help
PYTHON ?= python3
VENV   ?= .venv
STAMP   = $(VENV)/.installed
# One numerical thread for each of two workers. What runs from here is no student's try at an exercise.
RUN     = OMP_NUM_THREADS=1 XAILAB_PROGRESS=off $(VENV)/bin/python
# In CI, and only there, the tests in a browser belong to `make test`.
BROWSER := $(if $(CI),$(shell command -v chromium || command -v google-chrome))

.DEFAULT_GOAL := help
.PHONY: help course lab pages site slides editions apps offline test test-unit test-notebooks test-blank \
	test-networks test-browser test-versions bench bench-widgets mutation audit lint format refresh clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

course: $(STAMP)  ## install if needed, run every notebook, write the pages to build/course
	$(RUN) -m xailab.course build

# make lab EDITION=solutions or teacher: the same with answers
EDITION ?= student
lab: $(STAMP)  ## open a working copy of the notebooks in JupyterLab, on this computer only
	$(VENV)/bin/python -m xailab.course lab --edition $(EDITION)

pages: $(STAMP)  ## pages of the notebooks as they are, without running them, in build/pages
	$(RUN) -m xailab.course pages

editions: $(STAMP)  ## student, solutions and teacher editions of every notebook, in build/editions
	$(RUN) -m xailab.course editions

slides: $(STAMP)  ## the figures of every notebook, one to a screen, in build/slides
	$(RUN) -m xailab.course slides

# make site AUDIENCE=students: without the teacher's guide and without editions that have answers
AUDIENCE ?= all
site: $(VENV)/.installed-site  ## the course as a website without a server, in build/site (needs npm)
	$(RUN) -m xailab.course site --audience $(AUDIENCE)

# The policy keeps Voila's template from asking another host for its icons.
POLICY = default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws:
apps: $(VENV)/.installed-classroom  ## the notebooks without code, sliders alive, on this computer only
	$(RUN) -m voila --Voila.ip=127.0.0.1 --no-browser --strip_sources=True \
		--Voila.tornado_settings="{'headers': {'Content-Security-Policy': \"$(POLICY)\"}}" notebooks

offline: $(STAMP)  ## a zip for machines without network: the course and all wheels, in build/
	$(RUN) -m xailab.course offline

# --- tests --------------------------------------------------------------------------------------

# CI also tests the lowest versions that are allowed, and installs them while the others are tested.
ifdef CI
test: lint
	$(MAKE) -j2 test-unit build/venv-lowest/.installed
	$(MAKE) test-notebooks $(if $(BROWSER),,test-blank) test-versions
else
test: lint test-unit test-notebooks test-blank  ## what must hold: style, unit tests, every notebook
endif

lint: $(STAMP)  ## style and types
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m mypy

# tests/conftest.py says which tests stay with one worker.
BY_FILE = -n 2 --dist loadscope --no-loadscope-reorder -rs
NETWORKS = tests/course/test_other_networks.py
test-unit: $(STAMP) $(if $(BROWSER),$(VENV)/.installed-browser $(VENV)/.installed-site)
	$(RUN) -m pytest -q tests --ignore $(NETWORKS) $(if $(BROWSER),,--ignore tests/browser) $(BY_FILE)

# The longest notebooks begin, so that both workers end together.
LONGEST = $(foreach n,07 06 04 03 08 11 10,$(wildcard notebooks/$(n)_*.ipynb))
ALL     = $(LONGEST) $(filter-out $(LONGEST),$(wildcard notebooks/[0-9]*.ipynb))
NBVAL   = --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-kernel-startup-timeout=120 \
	--nbval-sanitize-with tests/nbval.cfg -n 2 --dist loadscope --no-loadscope-reorder
test-notebooks: $(STAMP)  ## the notebooks print the committed numbers
	$(RUN) -m pytest -q $(ALL) $(NBVAL)

test-blank: $(STAMP)  ## the student edition runs with its blanks empty
	rm -rf build/gate
	$(RUN) -m xailab.course editions --only student --out build/gate
	$(RUN) -m pytest -q $(ALL:notebooks/%=build/gate/student/%) $(NBVAL)

test-networks: $(STAMP)  ## notebooks 04 to 07 and 09 with ResNet50 and VGG16 of random weights
	$(RUN) -m pytest -q $(NETWORKS) -n 2

test-browser: $(VENV)/.installed-site $(VENV)/.installed-browser  ## sliders and site in a real browser
	command -v chromium || command -v google-chrome || $(VENV)/bin/python -m playwright install chromium
	$(RUN) -m pytest -q tests/browser $(BY_FILE)

# e.g. make test-versions BOUND=highest: the unit tests in an environment of its own, in build/.
# A wheel is built with the newest tools, so its test stays out.
BOUND ?= lowest
test-versions: build/venv-$(BOUND)/.installed  ## the unit tests with the lowest versions that are allowed
	OMP_NUM_THREADS=1 XAILAB_PROGRESS=off PYTHONPATH="$(CURDIR)" build/venv-$(BOUND)/bin/python \
		-m pytest -q tests --ignore $(NETWORKS) --ignore tests/browser --ignore tests/course/test_wheel.py $(BY_FILE)

mutation: $(STAMP)  ## break the formulas one at a time; do the tests notice?
	$(RUN) tests/support/mutations.py

bench: $(VENV)/.installed-bench $(VENV)/.installed-browser  ## time everything, write tests/benchmarks/RESULTS.md
	$(RUN) tests/benchmarks/run.py

bench-widgets: $(VENV)/.installed-browser  ## how fast the sliders are, measured in the browser
	$(RUN) tests/benchmarks/bench_widgets.py

# Without what is installed from here, which is on no index; a CPU build has the advisories of its version.
audit: $(STAMP)  ## known advisories about the installed packages (needs the web)
	$(PYTHON) -m venv build/venv-audit
	build/venv-audit/bin/python -m pip install --quiet pip-audit
	$(VENV)/bin/python -m pip freeze --exclude-editable > build/installed.txt
	sed 's/+.*//' build/installed.txt > build/audited.txt
	build/venv-audit/bin/pip-audit --strict --no-deps --disable-pip --requirement build/audited.txt

# --- upkeep -------------------------------------------------------------------------------------

format: $(STAMP)  ## format the code
	$(VENV)/bin/python -m ruff check --fix .
	$(VENV)/bin/python -m ruff format .

refresh: $(STAMP)  ## run every notebook and keep of it what is committed
	$(RUN) -m xailab.course refresh

clean:  ## remove what was built, but not the editions, in which somebody may work
	find build -mindepth 1 -maxdepth 1 ! -name editions -exec rm -rf {} + 2>/dev/null || true
	rm -rf .pytest_cache .ruff_cache

# --- installation -------------------------------------------------------------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
		"The course needs Python 3.11 or newer; $(PYTHON) is older or missing. Try: make PYTHON=python3.12 course" \
		>&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable '.[course,test]'
	touch $@

# one optional set of tools, by its name in pyproject.toml
$(VENV)/.installed-%: $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --editable '.[$*]'
	touch $@

# the versions that are listed, and no xailab: the tests take it from here
build/venv-%/.installed: tests/constraints-%.txt
	$(PYTHON) -m venv build/venv-$*
	build/venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
