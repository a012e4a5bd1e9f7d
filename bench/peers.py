#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Measures packseq against torch and ONNX Runtime, and against its goals. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import sys
import time
from dataclasses import replace
from typing import Any

from beside import measure_memories, measure_shares
from configs import all_plans
from contender import KINDS
from goals import Results
from measure import Field, Limits
from report import (
    machine,
    print_goals,
    print_measurement,
    print_share,
    results_json,
    versions,
)

FULL = Limits(seconds=5.0, max_rounds=12)
QUICK = Limits(seconds=1.0, max_rounds=4)
RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def parse_arguments() -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="a few configurations, less than two minutes")
    parser.add_argument("--only", metavar="REGEX", type=re.compile,
                        help="measurements whose names it finds, as in 'peers LSTM .* train'; "
                        "'share' and 'memory' are names too")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--threads", metavar="N", type=int, default=min(2, cores),
                        help="most threads of a contender (default %(default)s)")
    parser.add_argument("--seconds", metavar="S", type=float,
                        help="how long a measurement may take (default 5, --quick 1)")
    parser.add_argument("--out", metavar="FILE", type=pathlib.Path,
                        help="where the results go (default bench/results/<time>.json)")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads must be at least 1")
    return arguments


def wanted(arguments: argparse.Namespace, name: str) -> bool:
    return not arguments.only or bool(arguments.only.search(name))


def measure_all(arguments: argparse.Namespace, contenders: Field, results: Results) -> None:
    for plan in all_plans(arguments.threads, arguments.quick):
        if wanted(arguments, plan.name):
            results.measurements.append(contenders.measure(plan))
            print_measurement(results.measurements[-1], arguments.threads)
    if wanted(arguments, "share"):
        for share in measure_shares(arguments.quick):
            results.shares.append(share)
            print_share(share)
    if wanted(arguments, "memory"):
        results.memories = measure_memories()


def load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def write(path: pathlib.Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nresults in {path}")


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(plan.name for plan in all_plans(arguments.threads, arguments.quick)))
        return 0
    limits = QUICK if arguments.quick else FULL
    if arguments.seconds is not None:
        limits = replace(limits, seconds=arguments.seconds)
    contenders = Field(limits, arguments.threads)
    results = Results(arguments.threads)
    before, start = load(), time.time()
    found: dict[str, Any] = {}
    try:
        found = versions({name: contenders.contender(name, 1).ask("version") for name in KINDS})
        print(f"{machine()['cpu']}, load {before[0]}; "
              + ", ".join(f"{name} {found[name]}" for name in KINDS), flush=True)
        measure_all(arguments, contenders, results)
    except KeyboardInterrupt:
        print("stopped; what was measured counts", file=sys.stderr)
    finally:
        contenders.close()
    print_goals(results)
    if contenders.restless:
        print("did not sleep between turns:", ", ".join(sorted(contenders.restless)))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start))
    write(arguments.out or RESULTS / f"{stamp}.json",
          {"time": stamp, "seconds": round(time.time() - start), "machine": machine(),
           "versions": found, "load_before": before, "load_after": load(),
           "restless": sorted(contenders.restless), **results_json(results)})
    return 1 if any(m.void for m in results.measurements) else 0


if __name__ == "__main__":
    sys.exit(main())
