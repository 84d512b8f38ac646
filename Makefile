# Everything that one does with this repository. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup wasm tools run up down

# The programs are run from here, wherever else a shell may send builds.
export CARGO_TARGET_DIR := $(CURDIR)/target
WASM := target/actgate.wasm

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: ## Bring what the demo and the tests need into .run
	@demo/setup.sh

wasm: ## Build the plugin: target/actgate.wasm
	cargo build --package actgate-plugin --profile wasm --target wasm32-wasip1
	@cp target/wasm32-wasip1/wasm/actgate_plugin.wasm $(WASM)

tools: ## Build the actgate and actgate-demo commands
	cargo build --package actgate-harness --package actgate-demo --bins

run: setup wasm tools ## Play an agent session against a real Envoy, and stay up (ONCE=1: do not stay)
	@target/debug/actgate-demo run $(if $(filter 1,$(ONCE)),--once)

up: setup wasm tools ## Start the demo in the background; addresses in .run/env
	@target/debug/actgate-demo up

down: ## End what `make up` started
	@if [ -x target/debug/actgate-demo ]; then target/debug/actgate-demo down; fi
