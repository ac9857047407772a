# The two commands of the README, and the pieces they are made of. Each is safe to repeat.
FUZZED := $(basename $(notdir $(wildcard fuzz/*.cc)))
.PHONY: demo test build setup setup-tests check unit postgres asan tsan system bench-http bench-serving bench-rollout fuzz $(addprefix fuzz-,$(FUZZED)) tidy clean
.DEFAULT_GOAL := build

export OMP_WAIT_POLICY := passive
MILLRACE := build/release/bin/millrace

setup:
	@tools/setup/install

setup-tests:
	@tools/setup/install tests

build: setup
	@[ -f build/release/build.ninja ] || cmake --preset release
	@cmake --build --preset release --target millrace

# Six months of flights run themselves; ends with a table, report.html and bench/flights.json.
demo: build
	@examples/flights/demo $(MILLRACE)

test: setup-tests
	@tools/check

check: test

# The pieces of tools/check, for one at a time.
unit postgres asan tsan system tidy: setup-tests
	@tools/check $@

# Requests a second of an empty handler: the floor under every serving figure.
bench-http: build
	@cmake --build --preset release --target net_floor
	@build/release/bench/net/net_floor

# Rates, latencies and memory of serving beside nginx, FastAPI, MLServer, BentoML, Ray Serve, MLflow and Triton.
bench-serving: setup-tests build
	@tools/setup/install bench
	@bench/serving/peers/install
	@cmake --build --preset release --target serving_load
	@.venv/bin/python bench/serving/beside_peers.py --json bench/serving/peers.json

# How long one server takes to bring a version to 1,000 simulated replicas and to 20 real ones.
bench-rollout: setup-tests build
	@.venv/bin/python bench/rollout/rollout.py --json bench/rollout.json

# A minute of arbitrary bytes at each reader of what strangers send, under ASan and UBSan: fuzz/NAME.cc.
FUZZ_SECONDS := 60
fuzz: $(addprefix fuzz-,$(FUZZED))
$(addprefix fuzz-,$(FUZZED)): fuzz-%: setup
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
	@cmake --build --preset fuzz --target $*_fuzz
	@mkdir -p build/fuzz/corpus/$*
	@build/fuzz/fuzz/$*_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=4096 build/fuzz/corpus/$* $(wildcard fuzz/$*.seeds)

clean:
	rm -rf build demo-home report.html
