# make repro   the study of params.yaml, from pinned inputs to the report
# make test    the tests
# make ui      the MLflow UI on the runs
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
STUDY ?= sample
MIRROR ?=
AUDIT ?= .venv-audit
PORT ?= 5000

# recipes read them from the environment: a value is never shell text
export STUDY MIRROR PORT
export PATH := $(abspath $(VENV))/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: install repro test check ui params snapshot lock sbom audit
.DEFAULT_GOAL := repro

$(VENV)/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet $(TORCH)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r requirements.lock
	@touch $@

install: $(VENV)/.installed

repro: $(VENV)/.installed
	@dvc pull --quiet data.dvc encoder.dvc
	dvc repro
	@python -m stages.summary

# params.yaml becomes another study's: make params STUDY=real
params: $(VENV)/.installed
	@python -m stages.compose -- "$$STUDY"

# fetch the data of the study of params.yaml from the hub, or from MIRROR in the hub's layout
snapshot: $(VENV)/.installed
	@test -d encoder || dvc pull --quiet encoder.dvc
	python -m stages.snapshot $${MIRROR:+--mirror "$$MIRROR"}
	python -m stages.drift
	dvc add --quiet data encoder

test: $(VENV)/.installed
	python -m pytest -q

check: $(VENV)/.installed
	ruff check .
	ruff format --check .
	mypy

ui: $(VENV)/.installed
	@case "$${MLFLOW_TRACKING_URI:-sqlite:}" in http*) echo "error: the runs are on a server; open it in a browser, its address is MLFLOW_TRACKING_URI" >&2; exit 1;; esac
	@python -c 'import os, socket, sys; p = int(os.environ["PORT"]); s = socket.socket(); sys.exit(s.connect_ex(("127.0.0.1", p)) == 0 and f"error: port {p} is in use; choose another: make ui PORT={p + 1}")'
	@MLFLOW_BACKEND_STORE_URI="$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}" mlflow ui --host 127.0.0.1 --port "$$PORT" --workers 1

# write requirements.lock anew from requirements.in (needs uv)
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --override requirements.torch-elsewhere --quiet \
	  requirements.in --output-file requirements.lock

# a software bill of materials of what is locked: build/sbom.cdx.json, CycloneDX
sbom: $(AUDIT)/.installed
	@mkdir -p build
	@{ cat requirements.lock; echo "$(TORCH)"; } | $(AUDIT)/bin/cyclonedx-py requirements - \
	  --output-reproducible --output-format JSON --output-file build/sbom.cdx.json
	@echo build/sbom.cdx.json

# known vulnerabilities of what is locked: tells, and never fails
audit: $(AUDIT)/.installed
	@AUDIT=$(AUDIT) bash .ci/audit

$(AUDIT)/.installed:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --disable-pip-version-check --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@
