# All that a developer, CI and a curious stranger need. `make help` tells.
UV ?= .make/uv
SCENARIO ?= tests/e2e
BIN := .venv/bin
SOURCES := core wire services operator cli tests tools bench

.DEFAULT_GOAL := help
.PHONY: help setup demo faults campaign test check lint types imports format generate i18n bench live-pages screenshots e2e images clean

##@ Use
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.done ## make .venv with everything; .venv/bin/dicomrs is the command
	@echo "ready: $(BIN)/dicomrs --help"

demo: .venv/.done ## the main job on loopback: scanner -> router -> target, with the target down for a while
	$(BIN)/dicomrs demo

##@ Develop
test: .venv/.done ## all tests; those whose real peer is not installed are listed at the end
	$(BIN)/pytest $(OPTIONS)

faults: .venv/.done ## the campaign in short: kills, power cuts, full disks, bad peers (some minutes; needs root for mounts)
	PYTHONPATH=tests $(BIN)/python -m support.campaign short $(OPTIONS)

campaign: .venv/.done ## the campaign in full, written to docs/proof.md (more than an hour; needs root, dcmtk, orthanc)
	PYTHONPATH=tests $(BIN)/python -m support.campaign

check: lint types imports test ## all that CI runs

lint: .venv/.done ## ruff: style and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: .venv/.done ## mypy, strict
	$(BIN)/mypy

imports: .venv/.done ## arrows between packages point one way
	$(BIN)/lint-imports

format: .venv/.done ## put the code into its format
	$(BIN)/ruff check --fix --select I $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

generate: .venv/.done ## write what is made from the route model: the definition of ClinicRoute
	$(BIN)/python -m dicomrs_operator.crd charts/dicomrs-crds/templates/clinicroutes.yaml

i18n: .venv/.done ## bring the dashboard's catalogues in line with its texts; then translate what is new in the .po files
	$(BIN)/python tools/catalogues.py

bench: .venv/.done ## speed beside DCMTK, Orthanc and the machine's limit, in turn (needs both; half an hour)
	PYTHONPATH=.:tests $(BIN)/python -m bench $(OPTIONS)

live-pages: .venv/.done ## images arrive while 200 pages of the dashboard are open, and while none is (some minutes); docs/dashboard.md
	PYTHONPATH=.:tests $(BIN)/python -m bench.live_pages $(OPTIONS)

screenshots: .venv/.done ## every page of the dashboard into docs/screenshots/ (needs chromium, dcmtk, orthanc)
	PYTHONPATH=tests $(BIN)/python -m support.screenshots

e2e: .venv/.done ## the whole on a kind cluster with a clinic's networks (needs kind, kubectl, helm, docker or podman; some minutes)
	$(BIN)/pytest --timeout=900 --timeout-method=signal $(OPTIONS) $(SCENARIO)

images: ## the container images, in docker or podman, and what each consists of (dist/); docs/images.md
	python3 tools/images.py $(OPTIONS)

clean: ## remove what make made
	rm -rf .venv .make dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.make/uv: tools/bootstrap_uv.py
	python3 tools/bootstrap_uv.py $@

.venv/.done: uv.lock pyproject.toml core/pyproject.toml wire/pyproject.toml services/scp/pyproject.toml \
             services/scu/pyproject.toml services/dashboard/pyproject.toml operator/pyproject.toml cli/pyproject.toml \
             $(filter .make/uv,$(UV))
	$(UV) sync --system-certs --locked --all-packages # hospitals inspect TLS with certificates of their own
	@touch $@
