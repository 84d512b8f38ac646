# Everything that one does with this repository. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup wasm wasm-trap tools run up down test test-fast test-large bench bench-ledger lint fmt

# The programs are run from here, wherever else a shell may send builds.
export CARGO_TARGET_DIR := $(CURDIR)/target
WASM := target/actgate.wasm

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: ## Bring what the demo and the tests need into .run
	@demo/setup.sh

# The body callback of plugin/abi/src/body.rs takes the place of the SDK's: the names are of one length.
finish = LC_ALL=C sed -e 's/proxy_on_request_body/aside_on_request_body/g' -e 's/gated_on_request_body/proxy_on_request_body/g' \
	target/wasm32-wasip1/wasm/actgate_plugin.wasm > $(1).tmp && mv $(1).tmp $(1)

wasm: ## Build the plugin: target/actgate.wasm
	cargo build --package actgate-plugin --profile wasm --target wasm32-wasip1
	@$(call finish,$(WASM))

wasm-trap: ## Build the plugin with a fault on demand, for the tests alone: target/actgate-trap.wasm
	cargo build --package actgate-plugin --profile wasm --target wasm32-wasip1 --features trap
	@$(call finish,target/actgate-trap.wasm)

tools: ## Build the actgate and actgate-demo commands
	cargo build --package actgate-harness --package actgate-control --package actgate-demo --bins

run: setup wasm tools ## Play an agent session against a real Envoy, and stay up (ONCE=1: do not stay; GATEWAY=wasmtime: without Envoy)
	@target/debug/actgate-demo run $(if $(filter 1,$(ONCE)),--once) $(if $(GATEWAY),--gateway $(GATEWAY))

up: setup wasm tools ## Start the demo in the background; addresses in .run/env (GATEWAY=wasmtime: without Envoy)
	@target/debug/actgate-demo up $(if $(GATEWAY),--gateway $(GATEWAY))

down: ## End what `make up` started
	@if [ -x target/debug/actgate-demo ]; then target/debug/actgate-demo down; fi

test: setup wasm-trap wasm tools ## Every test, those against a real Envoy and real servers included
	@.ci/tools nextest
	PATH="$(CURDIR)/.run/cargo/bin:$$PATH" cargo nextest run $(if $(CI),--profile ci)
	cargo test --quiet --package actgate-tests --test cases

test-fast: ## The tests that need neither Envoy nor servers
	cargo test --quiet --package actgate-token --package actgate-call --package actgate-authz --package actgate-ledger --package actgate-harness
	cargo test --quiet --package actgate-tests --test cases -- native

test-large: setup wasm tools ## Push packs of 1000 MiB through a real Envoy, and 1 GiB through serve (ACTGATE_LARGE_MIB: another size; a refusal draws off 1 GiB at most)
	ACTGATE_LARGE_MIB=$${ACTGATE_LARGE_MIB:-1000} cargo test --package actgate-tests --test e2e_git -- large --nocapture
	ACTGATE_LARGE_MIB=$${ACTGATE_LARGE_MIB:-1024} cargo test --package actgate-tests --test e2e_serve -- large --nocapture

bench: setup wasm ## What the plugin costs in a real Envoy (BENCH=--quick: does it work; see docs/performance.md)
	@cargo build --quiet --package actgate-bench --package actgate-control --bins
	@mkdir -p .run/control
	@target/debug/actgate-control keygen --config demo/control.yaml > .run/control/grants.jwks.json
	@cargo build --quiet --release --package actgate-harness --bin actgate --package actgate-bench --example pass_through
	@target/debug/actgate-bench $(BENCH)

bench-ledger: setup ## Ten million records in the ledger's store, every kind of question (ACTGATE_LEDGER_ROWS: another size)
	cargo test --release --package actgate-control --test ledger_scale -- --ignored --nocapture --test-threads 1

lint: ## Formatting, clippy on every package, licences and dependency rules
	@.ci/tools deny
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --package actgate-bench --all-targets -- -D warnings
	cargo clippy --package actgate-plugin --package actgate-abi --target wasm32-wasip1 -- -D warnings
	PATH="$(CURDIR)/.run/cargo/bin:$$PATH" cargo deny --log-level error check bans licenses sources

fmt: ## Format everything
	cargo fmt --all
