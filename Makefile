# make book · make test · make teaching · make handout · make notebooks · make bench · make hosted · make data · make lock
# (PYTHON=… picks another interpreter)
.DELETE_ON_ERROR:
.PHONY: book test teaching handout env lock bench hosted data notebooks microarrays clean

PYTHON ?= python3
BIN := .venv/bin
TORCH := 2.13.0
PIP := -m pip --disable-pip-version-check --quiet

# Tests and benches run side by side, so one thread each; tools/build.py does the same for chapters.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

book: env
	$(BIN)/python tools/build.py

teaching: env
	$(BIN)/python tools/teaching.py

handout: book
	$(BIN)/python tools/handout.py

test: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python tools/claims.py --check
	$(BIN)/python tools/pairs.py --check
	$(BIN)/python tools/pairs.py --replay
	$(BIN)/python -m pytest -n 2

# Re-executes what changed and stores the outputs in chapters/*.ipynb, which are committed.
notebooks: env
	$(BIN)/python tools/pairs.py --sync

bench: env
	$(BIN)/python -m pytest -s tests/benchmarks

# Colab's and Binder's environments as far as they can be had here, several GB; ALL=1 runs every chapter in both.
hosted: env
	$(BIN)/python -m pytest -s tests/hosted --torch $(TORCH) $(if $(ALL),--all)

data: env
	$(BIN)/python -m xsg data

# What abagen makes of simulated microarrays under PYTHON, against checksums from its own day: the tests, then all 830
# runs (some ten minutes), in an environment of their own.
microarrays:
	$(PYTHON) -m venv _build/microarrays
	_build/microarrays/bin/python $(PIP) install abagen filelock nilearn pooch pytest requests scikit-learn tqdm
	PYTHONPATH=. _build/microarrays/bin/python -m pytest tests/data/test_abagen_shim.py tests/data/test_microarrays.py \
	  tests/data/test_make_expression.py
	PYTHONPATH=. _build/microarrays/bin/python tools/abagen_reference.py

# The environment is rebuilt only when what defines it changes.
env: .venv/stamp
.venv/stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "xsg needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up .venv from requirements.lock (a minute or two, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) install -r requirements.lock
	$(BIN)/python $(PIP) install --no-deps -e .
	@touch $@

# Exact versions from a fresh resolve of pyproject.toml. Left out is what only some platforms have: the local part of
# torch's version (+cpu) and the GPU libraries that some of its builds bring along.
lock:
	rm -rf _build/lock && mkdir -p _build/lock
	$(PYTHON) -m venv _build/lock/venv
	_build/lock/venv/bin/python $(PIP) install '.[book,test]' torch==$(TORCH)
	@{ echo "# Made by 'make lock' from pyproject.toml; what make, Binder and CI install."; \
	   _build/lock/venv/bin/python $(PIP) freeze --exclude xsg --exclude pip | sed -E 's/[+][a-z0-9.]+$$//' \
	   | grep -vE '^(nvidia|cuda|triton)'; } > _build/lock/requirements.lock
	mv _build/lock/requirements.lock requirements.lock
	rm -rf _build/lock

clean:
	rm -rf _build
