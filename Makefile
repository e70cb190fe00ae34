# Every target works on a fresh machine with git, make, curl and any Node >= 18 with npm.
# Variables given to make reach the command through its environment: `make demo LOG=kafka SECONDS=60`.

NODE_BIN := $(CURDIR)/.tooling/node_modules/node/bin
export PATH := $(NODE_BIN):$(PATH)
export SHARED_DATA ?= $(abspath $(CURDIR)/../shared/data)

# Environment variables count as much as variables on make's command line.
PASSED := LOG SECONDS USERS EVENTS_PER_SECOND PORT SEED DATA_DIR
$(foreach name,$(PASSED),$(if $(filter undefined,$(origin $(name))),,$(eval export $(name))))

.DEFAULT_GOAL := help
.PHONY: help ready build demo test check bench clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

ready:
	@sh infra/build/bootstrap.sh

demo: ready ## run the whole loop on a real sample (LOG=kafka for a real Kafka, SECONDS=60 to end by itself)
	@./freshet demo $(ARGS)

test: ready ## check, then every test, integration tests included (installs JDK, Maven, Chromium when root)
	@sh infra/build/test-engines.sh
	@npm test --silent

check: ready ## format, lint, types, generated files, tidiness, unit tests: under a minute
	@npm run --silent check

bench: ready ## run a benchmark (NAME=table), or list them
	@./freshet bench $(NAME) $(ARGS)

build: ready ## install what is locked and build the WebAssembly kernels
	@npm run --silent build

clean: ## remove what was built (packages and data stay)
	rm -rf .build coverage
	find streams trainers serving -type d -path '*/kernel/build' -prune -exec rm -rf {} +
