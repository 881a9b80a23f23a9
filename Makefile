# make book · make test · make teaching · make handout · make notebooks · make bench · make bench-table · make peers · make hosted · make dist · make data · make lock
# (PYTHON=… picks another interpreter)
.DELETE_ON_ERROR:
.PHONY: book test teaching handout env lock bench bench-table peers hosted dist data notebooks microarrays clean

PYTHON ?= python3
BIN := .venv/bin
TORCH := 2.13.0
CPU_TORCH := https://download.pytorch.org/whl/cpu
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

# The benchmark's table, experiments/benchmark.csv, where code or data have changed; twenty minutes on one core.
bench-table: env
	$(BIN)/python experiments/benchmark.py

# Packages of others beside ours on the same inputs, each in an environment of its own over this one; prints ratios.
peers: env
	$(BIN)/python experiments/peers.py

# Colab's and Binder's environments as far as they can be had here, several GB; ALL=1 runs every chapter in both.
hosted: env
	$(BIN)/python -m pytest -s tests/hosted --torch $(TORCH) $(if $(ALL),--all)

# Wheel and sdist, as they go to the package index, and what that thinks of them (twine in an environment of its own).
dist: env
	rm -rf _build/dist
	$(BIN)/python -m hatchling build --directory _build/dist
	$(PYTHON) -m venv _build/twine
	_build/twine/bin/python $(PIP) install twine
	_build/twine/bin/python -m twine check --strict _build/dist/*

data: env
	$(BIN)/python -m xsg data

# What abagen makes of simulated microarrays under PYTHON, against checksums from its own day: the tests, then all 830
# runs (some ten minutes), in an environment of their own.
microarrays:
	$(PYTHON) -m venv _build/microarrays
	_build/microarrays/bin/python $(PIP) install abagen filelock nilearn pooch pytest requests scikit-learn tqdm
	PYTHONPATH=. _build/microarrays/bin/python -m pytest tests/genes/test_abagen_shim.py tests/genes/test_microarrays.py \
	  tests/data/test_make_expression.py tests/data/test_abagen_suite.py
	PYTHONPATH=. _build/microarrays/bin/python tools/abagen_reference.py

# The environment is rebuilt only when what defines it changes. torch comes first: on Linux without an NVIDIA GPU its CPU
# build, if that answers within seconds, for the index's own brings GPU libraries of several gigabytes. All else is in the
# lock with its digests, hatchling for the last step too.
env: .venv/stamp
.venv/stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' 2>/dev/null || { \
	  echo "xsg's environment needs Python 3.11.5 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up .venv from requirements.lock (some minutes, once)"
	$(PYTHON) -m venv .venv
	@{ [ "$$(uname -s)" = Linux ] && [ ! -e /dev/nvidiactl ] && ! command -v nvidia-smi \
	   && $(BIN)/python $(PIP) index versions torch --index-url $(CPU_TORCH) --timeout 5 --retries 0 \
	   && $(BIN)/python $(PIP) install --no-deps torch==$(TORCH) --index-url $(CPU_TORCH) --timeout 30 --retries 1; \
	 } >/dev/null 2>&1 || $(BIN)/python $(PIP) install torch==$(TORCH)
	$(BIN)/python $(PIP) install --require-hashes -r requirements.lock
	$(BIN)/python $(PIP) install --no-deps --no-build-isolation -e .
	$(BIN)/python $(PIP) check
	@touch $@

# Exact versions from a fresh resolve of pyproject.toml, the same on every platform and Python, with the digests of all
# files. Left out are torch, which comes first and by version, and the GPU libraries that some of its builds bring along.
lock:
	rm -rf _build/lock && mkdir -p _build/lock
	$(PYTHON) -m venv _build/lock/venv
	_build/lock/venv/bin/python $(PIP) install uv
	echo 'torch==$(TORCH)' > _build/lock/torch.txt
	_build/lock/venv/bin/uv pip compile pyproject.toml --extra book --extra test --constraint _build/lock/torch.txt \
	  --universal --fork-strategy fewest --python-version 3.11.5 --generate-hashes \
	  --no-annotate --no-header --quiet --output-file _build/lock/all
	@{ echo "# Made by 'make lock' from pyproject.toml; what make, Binder and CI install, with the digests of every platform's files."; \
	   echo "# torch==$(TORCH) is installed before, by version only: its builds differ by source and machine, and so do their digests."; \
	   awk '/^[^ #]/ { out = /^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==/ } !out' _build/lock/all; \
	 } > _build/lock/requirements.lock
	mv _build/lock/requirements.lock requirements.lock
	rm -rf _build/lock

clean:
	rm -rf _build
