# The few commands people type. Pass arguments on with ARGS, e.g. `make demo ARGS="--listen 0.0.0.0:8080"`.

ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint schemas

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start everything with demo data, and print the dashboards' URL and keys
	@scripts/setup.sh
	@cargo run --release --locked --bin capsule-ledger -- up --demo $(ARGS)

test: ## Run every test, against the real servers and a real browser
	@scripts/setup.sh --tests
	cargo build --workspace --bins --examples --locked
	$${CARGO_TARGET_DIR:-target}/debug/with-servers cargo test --workspace --locked $(ARGS)

bench: ## Measure, side by side with peers; ARGS="store single" runs some only, FEATURES=peers adds the larger peers (with protoc)
	@scripts/setup.sh
	cargo build --release --locked -p cli -p benchmarks --bins $(addprefix --features benchmarks/,$(FEATURES))
	$${CARGO_TARGET_DIR:-target}/release/benchmarks $(ARGS)

lint: ## Check format and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked $(ARGS) -- -D warnings

schemas: ## Write the published contracts anew from the types
	cargo run --quiet --locked -p api --example publish_schemas
