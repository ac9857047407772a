# The two commands of the README, and the pieces they are made of. Each is safe to repeat.
.PHONY: demo test build setup setup-tests check unit postgres asan tsan system bench-http fuzz-search fuzz-otlp tidy clean
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

# A minute of arbitrary text at the filter language, under ASan and UBSan.
FUZZ_SECONDS := 60
fuzz-search: setup
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
	@cmake --build --preset fuzz --target search_fuzz
	@mkdir -p build/fuzz/corpus/search
	@build/fuzz/fuzz/search_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=4096 build/fuzz/corpus/search fuzz/search_filter.seeds

fuzz-otlp: setup
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
	@cmake --build --preset fuzz --target otlp_fuzz
	@mkdir -p build/fuzz/corpus/otlp
	@build/fuzz/fuzz/otlp_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=4096 build/fuzz/corpus/otlp

clean:
	rm -rf build demo-home report.html
