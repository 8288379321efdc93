# Yiwang needs Rust, Node and a C compiler. `make run` starts the demonstration city on http://localhost:8151.

TARGET := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(TARGET)/release/yiwang

.DEFAULT_GOAL := help
.PHONY: help run build web test bench clean-data

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 18

run: build ## build and start the demonstration city on http://localhost:8151
	@exec "$(BINARY)" demo --pack packs/huaian

build: web ## the release binary, with the web assets inside
	cargo build --release -p yiwang -p yiwang-verify

web: web/dist/.stamp ## the web assets, only when their sources changed

# The stamp lies in dist, so a deleted dist is built again. The folder itself is an input: it changes when a file goes away.
web/dist/.stamp: web/package.json web/package-lock.json web/build.mjs web/tsconfig.json web/src $(wildcard web/src/* web/src/*/*)
	cd web && npm ci && npm run build
	@touch $@

test: ## everything that must hold, in one go (cargo xtask test [STEP…] runs single steps)
	cargo xtask test

bench: ## measure the running times the project promises
	cargo run --release -p bench

clean-data: ## delete the local city: its database, files and keys
	rm -rf data
