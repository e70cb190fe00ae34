# Every target works on a fresh machine with git, make, curl and any Node >= 18 with npm.
# Variables: `make demo LOG=kafka SECONDS=60 USERS=200 PORT=8081`; ARGS passes anything else on.

NODE_BIN := $(CURDIR)/.tooling/node_modules/node/bin
export PATH := $(NODE_BIN):$(PATH)
export SHARED_DATA ?= $(abspath $(CURDIR)/../shared/data)

# Those that the demo takes as flags; environment variables count as much as variables on make's command line.
flag = $(if $($(1)),$(2) $($(1)))
DEMO_FLAGS = $(call flag,LOG,--log) $(call flag,SECONDS,--seconds) $(call flag,USERS,--users) \
  $(call flag,EVENTS_PER_SECOND,--events-per-second) $(call flag,SEED,--seed)
ifdef PORT
export FRESHET_GATEWAY_PORT := $(PORT)
endif

.DEFAULT_GOAL := help
.PHONY: help ready build demo test drills check bench references clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

ready:
	@sh infra/build/bootstrap.sh

demo: ready ## run the whole loop on a real sample (LOG=kafka for a real Kafka, SECONDS=60 to end by itself)
	@./freshet demo $(strip $(DEMO_FLAGS) $(ARGS))

test: ready ## check, then every test, integration tests included (installs JDK, Maven, Chromium when root)
	@sh infra/build/test-engines.sh
	@npm test --silent

DRILLS ?= kill-shard kill-trainer kill-joiner kill-encoder kill-serving kill-broker pause-shard rebalance full-disk
MOMENTS ?= 20
drills: ready ## break a real deployment on Kafka, every drill at MOMENTS=20 random moments (DRILLS="kill-shard ...")
	@sh infra/build/test-engines.sh
	@for drill in $(DRILLS); do ./freshet drill $$drill --moments $(MOMENTS) $(ARGS) || exit 1; done

check: ready ## format, lint, types, generated files, tidiness, unit tests: under a minute
	@npm run --silent check

bench: ready ## run a benchmark (NAME=table), or list them
	@./freshet bench $(NAME) $(ARGS)

references: ## PyTorch and LightGBM in .build/references, which `make bench NAME=train` and `NAME=quality` compare with (Python 3.10 or newer)
	@sh infra/bench/references/install.sh

build: ready ## install what is locked and build the WebAssembly kernels
	@npm run --silent build

clean: ## remove what was built (packages and data stay)
	rm -rf .build coverage
	find streams trainers serving -type d -path '*/kernel/build' -prune -exec rm -rf {} +
