# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# The front door. Each target installs what it needs on Debian 12 when run as root, or says what to run.
.PHONY: all test lint clean
JOBS ?= $(shell nproc)

all:
	@tools/setup.sh pkg-config libjansson-dev
	@cmake --preset release > /dev/null
	@cmake --build build -j $(JOBS)

# The suite three times: optimised, with sanitizers, with the portable kernels only.
test:
	@tools/setup.sh pkg-config libjansson-dev libcmocka-dev
	@tools/check_layers.py
	@cmake --preset asan > /dev/null
	@cmake --build build/asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure
	@cmake --preset dev > /dev/null
	@cmake --build build/dev -j $(JOBS)
	@PSQ_CPU=ref ctest --test-dir build/dev --output-on-failure
	@ctest --test-dir build/dev --output-on-failure

lint:
	@tools/setup.sh clang-format-14
	@tools/check_layers.py
	@clang-format-14 --dry-run -Werror $$(git ls-files '*.c' '*.h')

clean:
	@rm -rf build
