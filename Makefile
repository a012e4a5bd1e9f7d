# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# The front door; CMake does the building. Every target first sees to what it needs (tools/setup.sh).
#   make             build/packseq, build/libpackseq.a and build/libpackseq.so
#   make demo        a picture, a training run, predictions
#   make python      the Python package for work in this tree: build/python-dev/bin/python
#   make test        everything that has to hold, without torch
#   make test-torch  the rest of the Python package, with torch 2.13 in an environment of its own
#   make test-all    both, with one count
#   make test-tsan   the unit tests under ThreadSanitizer
#   make test-arm    the unit tests and kcheck for 64-bit ARM, under qemu
#   make lint        format and style
#   make bench       packseq beside torch and ONNX Runtime; ARGS=--quick and others: bench/README.md
.PHONY: all demo python test test-torch test-all test-tsan test-arm lint bench clean
.NOTPARALLEL:

all:
	@tools/setup.sh build
	@tools/build.sh release

demo: all
	@tools/demo.sh

python:
	@tools/setup.sh build python
	@tools/python.sh tree

test:
	@tools/setup.sh build test python
	@tools/test.sh all

test-torch:
	@tools/setup.sh build python
	@tools/test.sh torch

test-all:
	@tools/setup.sh build test python
	@tools/test.sh both

test-tsan:
	@tools/setup.sh build test
	@tools/test.sh tsan

test-arm:
	@tools/setup.sh build arm
	@tools/test.sh arm

lint:
	@tools/setup.sh lint python
	@tools/lint.sh

bench: all
	@tools/setup.sh bench
	@tools/bench.sh $(ARGS)

clean:
	rm -rf build
