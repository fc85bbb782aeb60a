# Two commands matter: `make course` and `make lab`. Everything else serves them.
PYTHON ?= python3.11
VENV   ?= .venv
# Two workers with one numerical thread each: on a laptop, spinning threads cost more than they give.
RUN     = OMP_NUM_THREADS=1 $(VENV)/bin/python
NBVAL   = --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-kernel-startup-timeout=120
STAMP   = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help course lab test test-unit test-notebooks lint format clean-notebooks clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

course: $(STAMP)  ## install if needed, run every notebook, write the pages to build/course
	$(RUN) -m xailab.course build --out build/course

lab: $(STAMP)  ## open the course in JupyterLab, on this computer only
	$(VENV)/bin/jupyter lab --ip=127.0.0.1 notebooks

test: lint test-unit test-notebooks  ## everything that must hold: style, unit tests, every notebook

test-unit: $(STAMP)
	$(RUN) -m pytest -q tests -n 2

test-notebooks: $(STAMP)
	$(RUN) -m pytest -q notebooks $(NBVAL) -n 2 --dist loadscope

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(STAMP)  ## format code and notebooks
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean-notebooks: $(STAMP)  ## run every notebook and keep only its text outputs
	$(RUN) -m xailab.course refresh

clean:  ## remove what was built, not what was installed
	rm -rf build .pytest_cache .ruff_cache

$(STAMP): pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@
