.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
READY := $(VENV)/.ready
READY_TO_TRAIN := $(VENV)/.ready-to-train
INSTALL = $(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt
TORCH = $(shell sed -n 's/^torch==//p' constraints.txt)
CONFIG ?= configs/dataprep/demo.yaml
JOB = $(RUN) jobs.$@ --config $(CONFIG) $(addprefix --set ,$(SET))

EMPTY :=
COMMAS = $(subst $(EMPTY) $(EMPTY),$(EMPTY),$(patsubst %,"%"$(COMMA),$(1)))
COMMA := ,

##@ Everyday
.PHONY: help demo test check format
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	     /^[a-z-]+:.*## / {printf "  \033[36m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nVariables: CONFIG=file.yaml  SET="key=value key=value"  REQUESTS=list.txt  MASTER=spark://…  PYTHON=python3.12\n'

demo: $(READY) ## Set up, write the sample corpora, run the whole main job on them
	@$(RUN) jobs.samples --config configs/dataprep/demo.yaml
	@$(RUN) jobs.prepare --config configs/dataprep/demo.yaml

test: $(READY_TO_TRAIN) ## Set up, then run the tests
	@OMP_NUM_THREADS=1 $(RUN) pytest -q $(TESTS)

check: $(READY_TO_TRAIN) ## Format check, lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(READY) ## Format and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

##@ Data pipeline (CONFIG=configs/dataprep/….yaml SET="key=value …")
.PHONY: prepare annotate calibrate dedup dedup-curve shards plan report compare keep remove utterances samples
prepare: $(READY) ## The whole pipeline: corpora in; shards, ledger and report out
	@$(JOB)

annotate: $(READY) ## Only read and measure
	@$(JOB)

calibrate: $(READY) ## Compute thresholds and stop words per locale from reference corpora
	@$(JOB)

dedup: $(READY) ## Up to the deduplication decisions
	@$(JOB)

dedup-curve: $(READY) ## Print which pairs a preset finds: PRESET=default|fineweb|audit|all NUM_BANDS=… ROWS=… SHINGLES=…
	@$(RUN) jobs.dedup_curve --preset $(or $(PRESET),default) $(if $(NUM_BANDS),--num-bands $(NUM_BANDS)) \
	  $(if $(ROWS),--rows-per-band $(ROWS)) $(if $(SHINGLES),--shingles $(SHINGLES))

shards: $(READY) ## Up to the shards, from what is committed
	@$(JOB)

plan: $(READY) ## Print the balance plan other settings would give: make plan CONFIG=… METHOD=unimax ALPHA=… SET="balance.…"
	@$(JOB)$(if $(METHOD), --set balance.method=$(METHOD))$(if $(ALPHA), --set balance.alpha=$(ALPHA))

report: $(READY) ## Write the report of a finished run again
	@$(JOB)

compare: $(READY) ## What changed between two finished runs: make compare A=runs/one B=runs/other
	@$(RUN) jobs.compare '$(A)' '$(B)'

keep: $(READY) ## Keep what was dropped, from the next prepare on: make keep CONFIG=… IDS="id id" BY=name REASON="…"
	@$(JOB)$(if $(IDS), --set 'keep.ids=[$(call COMMAS,$(IDS))]')$(if $(BY), --set 'keep.by=$${BY}')$(if \
	  $(REASON), --set 'keep.reason=$${REASON}')

remove: $(READY) ## Take documents out of a finished run: make remove CONFIG=… REQUESTS=list.txt
	@$(JOB)$(if $(REQUESTS), --set 'removals=["$(REQUESTS)"]')

utterances: $(READY) ## In-domain utterances: window, floor, unique with frequencies, encrypted shards
	@$(JOB)

samples: $(READY) ## Write the sample corpora of the demo
	@$(JOB)

##@ Training (CONFIG=configs/training/….yaml SET="key=value …")
.PHONY: estimate pretrain tune search export
estimate: $(READY) ## Print memory, days, cost: PRESET=9.7b GPUS=64 GPU=h200 TOKENS=900e9 PRICE=… MFU=|TFLOPS=… SEQ=… MICRO=…
	@$(RUN) jobs.estimate --preset '$(PRESET)' --gpus '$(GPUS)' --gpu '$(GPU)' --tokens '$(TOKENS)' \
	  $(if $(PRICE),--price '$(PRICE)') $(if $(MFU),--mfu '$(MFU)') $(if $(TFLOPS),--tflops '$(TFLOPS)') \
	  $(if $(SEQ),--seq '$(SEQ)') $(if $(MICRO),--micro '$(MICRO)')

pretrain: $(READY_TO_TRAIN) ## Pretrain a model on shards, or go on: make pretrain CONFIG=configs/training/tiny.yaml NPROC=2
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(RUN) jobs.pretrain --config $(CONFIG) --nproc $(or $(NPROC),1) \
	  $(addprefix --set ,$(SET))

tune: $(READY_TO_TRAIN) ## Measure which micro-batch, ZeRO stage, … train fastest here: make tune CONFIG=… NPROC=2 SET="tune.timed_steps=9"
	@$(JOB) --set tune.num_processes=$(or $(NPROC),1)

search: $(READY_TO_TRAIN) ## Search learning rate, schedule, batch, or go on: make search CONFIG=configs/training/search-tiny.yaml
	@$(JOB)

export: $(READY_TO_TRAIN) ## Write a trained encoder for transformers: make export FROM=runs/tiny TO=exports/tiny TOKENIZER=…
	@$(RUN) jobs.export --from '$(FROM)' --to '$(TO)' $(if $(TOKENIZER),--tokenizer '$(TOKENIZER)')

##@ Upkeep
.PHONY: setup bench golden screenshots lock clean
setup: $(READY) ## Make the environment: packages as locked, and a Java if the machine has none

# pip rather than another installer: it honours the indexes and wheel folders that the machine is set up for.
$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; Python 3.11 or later is needed." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $(PYTHON) is older than 3.11, which Spark 4.3 needs; pass PYTHON=python3.11." >&2; exit 2; }
	@echo "setting up $(VENV) (a minute or two, once) …"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[dataprep,dev]'
	@$(RUN) jobs.java
	@$(RUN) jobs.class_archive
	@touch $@

# torch comes first: DeepSpeed looks for it when it is installed. Without a GPU the CPU build is taken where there is one, for
# the other brings gigabytes of CUDA.
$(READY_TO_TRAIN): $(READY)
	@echo "adding torch and DeepSpeed to $(VENV) (some minutes, once) …"
	@$(INSTALL) setuptools wheel
	@command -v nvidia-smi >/dev/null || $(INSTALL) 'torch==$(TORCH)+cpu' 2>/dev/null || true
	@$(INSTALL) torch
	@DS_BUILD_OPS=0 $(INSTALL) --no-build-isolation deepspeed
	@$(INSTALL) -e '.[dataprep,dev,training,export,search]'
	@touch $@

bench: $(READY) ## Throughput of kernels, annotation and the whole run beside its floors
	@$(RUN) benchmarks.bench_kernels
	@$(RUN) benchmarks.bench_pipeline

golden: $(READY) ## Rewrite the golden file of the hash family; review the difference before you commit it
	@$(RUN) tests.dataprep.kernels.golden

screenshots: demo ## Take the pictures of the README from the report of the demo; needs Chromium
	@$(RUN) docs.screenshots

lock: $(READY) ## Resolve constraints.txt anew
	@$(VENV)/bin/pip install --quiet uv
	@$(VENV)/bin/uv pip compile --universal --python-version 3.11 pyproject.toml --all-extras \
	  --no-header --no-annotate --upgrade -q -o constraints.txt

clean: ## Remove runs, samples and caches; the environment stays
	rm -rf runs samples .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
