# Two commands do all the set-up, each on its own: `make sandbox` and `make test`.
.PHONY: sandbox test bench check fuzz guides mutants sqlx postgres
CARGO ?= cargo
# Only what asks for a database itself: a build needs none, see .sqlx/.
PG_FOUND = $(shell command -v initdb || ls -d "$${SW_PG_BIN:-/nowhere}"/initdb /usr/lib/postgresql/*/bin/initdb 2>/dev/null)

sandbox: postgres ## build everything and start the sandbox
	$(CARGO) build --profile sandbox --package window
	./target/sandbox/single-window sandbox $(ARGS)

test: postgres ## every test, against real PostgreSQL and real windows
	$(CARGO) build --workspace
	$(CARGO) test --workspace --lib --bins --tests -- --show-output $(ARGS)

bench: postgres ## measure this machine, beside its own limits
	$(CARGO) build --release --package window
	./target/release/single-window bench $(ARGS)

check: ## what CI checks besides the tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --offline --log-level error check bans licenses sources

fuzz: ## damaged messages at every reader; SECONDS=n for each, ARGS for targets and flags
	./deploy/fuzz --seconds $(or $(SECONDS),60) $(ARGS)

guides: postgres ## write what commands print now into README and docs and their Chinese pages, where it differs
	$(CARGO) build --workspace --bins
	SW_GUIDES=write $(CARGO) test --package tests --test main -- guides; result=$$?; \
	./deploy/check-translations --copy-code; exit $$result

mutants: ## change the pure rules on purpose: do the tests notice? ARGS for files and flags
	./deploy/mutants $(ARGS)

sqlx: ## refresh .sqlx/ after a query or a migration changed
	./deploy/refresh-queries

# Debian's server programs, when none are found. They are started by the window itself.
postgres:
ifeq ($(strip $(PG_FOUND)),)
	@echo "installing Debian's postgresql (server programs)"
	@if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
	$$SUDO apt-get update -q && \
	$$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql
endif
