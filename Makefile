# Every target makes its own environment first; `make demo` and `make test` are all a newcomer needs.
.PHONY: demo test test-clients galera check lab bench prove simulate states reference proto
BIN := .venv/bin
SCHEDULES ?= 1000
SEED_FROM ?= 0

demo: ## a cloud of simulated hosts to hurt
	@packaging/bootstrap demo
	@$(BIN)/mainstay demo up

test: ## all that CI runs: quick tests, simulated clouds from fresh seeds, then real hypervisors
	@packaging/bootstrap test
	$(BIN)/pytest -m "not lab and not client and not cluster and not fresh" -n 2 --dist loadfile
	$(BIN)/pytest -m fresh
	$(BIN)/pytest -m "lab and not client and not cluster" -n 2 --dist worksteal

test-clients: ## cloudstack-go, Ansible and cmk, unmodified, against running controllers; wants Go and Python 2.7; minutes
	@packaging/bootstrap test
	$(BIN)/pytest -m client

galera: ## a MariaDB cluster of three nodes, one of which is killed under load
	@packaging/bootstrap test
	$(BIN)/pytest -m cluster

check: ## lint, types, contracts
	@packaging/bootstrap test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lab: ## real hosts that stay up, with the commands to hurt them
	@packaging/bootstrap test
	@$(BIN)/mainstay lab up

bench: ## figures, as ratios to a floor of the same run
	@packaging/bootstrap test
	$(BIN)/python -m tests.bench

bench-scale: ## how much one controller bears: ten thousand agents, their return, the death of a hundred hosts
	@packaging/bootstrap test
	$(BIN)/python -m tests.bench.scale_bench

prove: ## that a VM never runs twice: the model in spin, the shipped lease code in an explorer
	@packaging/bootstrap test
	$(BIN)/python -m tests.prove

simulate: ## clouds from seeds: SCHEDULES=1000 SEED_FROM=0
	@packaging/bootstrap test
	$(BIN)/python -m tests.kit.simulate --schedules $(SCHEDULES) --seed-from $(SEED_FROM)

states: ## draw docs/states from the state tables, write docs/reference from commands and settings
	@packaging/bootstrap demo
	$(BIN)/python packaging/draw_states.py
	$(BIN)/python packaging/write_reference.py

reference: ## write docs/api.md and docs/settings.md from the tables
	@packaging/bootstrap demo
	$(BIN)/python packaging/write_reference.py

proto: ## protobuf stubs from the .proto files
	@packaging/bootstrap test
	$(BIN)/python packaging/make_proto.py
