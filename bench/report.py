# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What a run prints and writes: a line per measurement, the table of goals, a JSON file."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
from dataclasses import asdict
from typing import Any

from beside import Share, run_command
from configs import ONNX, PACKSEQ, TORCH
from goals import GOALS, PEERS, Goal, Results, growth
from measure import Measurement, Spread, Stream, spread

CROWDED = 0.1  # from then on a figure says something about the neighbours too
ROOT = pathlib.Path(__file__).resolve().parent.parent


# ---- lines


def ratio_text(ratio: Spread) -> str:
    return f"{ratio.median:5.2f}x ({ratio.q1:.2f}-{ratio.q3:.2f})"


def speed_text(m: Measurement, stream: Stream) -> str:
    if stream in m.void:
        return " void"
    return f"{m.gflops(stream):5.1f}" if stream in m.rounds else "    -"


def peer_line(m: Measurement, threads: int, part: str) -> str:
    """GFLOP/s of packseq, then of each peer at its best number of threads."""
    ours = Stream(PACKSEQ, threads, part)
    texts = [f"packseq {speed_text(m, ours)}"]
    names = (*TORCH, ONNX) if part == "ragged" else ("torch padded",)
    for name in names:
        best = m.best((name,), threads, part)
        shown = best or Stream(name, threads, part)
        texts.append(f"{name} {speed_text(m, shown)}")
    best = m.best(names, threads, part)
    if best and ours in m.rounds:
        texts.append(ratio_text(m.ratio(best, ours)))
    return "  ".join(texts)


def peer_lines(m: Measurement, max_threads: int) -> list[str]:
    lines = []
    for part in m.plan.parts:
        for threads in sorted({1, max_threads}):
            lines.append(f"  {part:7} {threads} thr  {peer_line(m, threads, part)}")
    return lines


def threads_lines(m: Measurement, max_threads: int) -> list[str]:
    one, more = Stream(PACKSEQ, 1), Stream(PACKSEQ, max_threads)
    if one not in m.rounds or more not in m.rounds:
        return []
    return [f"  1 thr {speed_text(m, one)}  {max_threads} thr {speed_text(m, more)} GFLOP/s  "
            f"{ratio_text(m.ratio(one, more))}"]


def growth_lines(m: Measurement, _max_threads: int) -> list[str]:
    lines = []
    for name in dict.fromkeys(s.name for s in m.rounds):
        rows = {s.part: 1e6 * m.median(s) / m.plan.parts[s.part].work.n_rows
                for s in m.rounds if s.name == name}
        text = "  ".join(f"{part} {us:.3g}" for part, us in rows.items())
        lines.append(f"  {name:12} us per row: {text}")
    return lines if m.void else [*lines, f"  longest against shortest: {growth(m):.2f}x"]


def convert_lines(m: Measurement, _max_threads: int) -> list[str]:
    labels = {Stream(PACKSEQ, 1): "packseq", Stream(PACKSEQ, 1, "memcpy"): "memcpy",
              Stream("torch padded", 1): "torch"}
    return ["  " + "  ".join(f"{labels[s]} {1e3 * m.median(s):.4g} ms" for s in m.rounds)]


LINES = {"peers": peer_lines, "beside": peer_lines, "threads": threads_lines,
         "growth": growth_lines, "convert": convert_lines}


def crowded_text(m: Measurement) -> str:
    if m.crowded < CROWDED:
        return ""
    return f"; CROWDED: processes waited for a core {100 * m.crowded:.0f} % of the time"


def print_measurement(m: Measurement, max_threads: int) -> None:
    work = next(iter(m.plan.parts.values())).work
    print(f"{m.plan.name}: {work.n_rows} rows, longest {work.n_steps}, "
          f"fill {100 * work.fill:.0f} %{crowded_text(m)}")
    for stream, why in m.void.items():
        print(f"  VOID {stream}: {why}")
    if m.rounds:
        print("\n".join(LINES[m.plan.group](m, max_threads)), flush=True)


def print_share(share: Share) -> None:
    print(f"share {share.name} {share.mode}, {share.kernels}: {share.gflops:.1f} of "
          f"{share.peak_gflops:.1f} GFLOP/s, {100 * share.share:.1f} %", flush=True)


def print_goal(goal: Goal, results: Results) -> None:
    print(f"{goal.text}")
    figures = list(goal.figures(results))
    for f in figures:
        print(f"  {'pass ' if f.passed else 'SHORT'}  {f.label}: {f.text}")
    if not figures:
        print("  not measured")


def print_goals(results: Results) -> None:
    print("\nGoals")
    for goal in GOALS:
        print_goal(goal, results)


# ---- the file


def first_line(path: str, prefix: str) -> str:
    with open(path, encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(prefix)), "")


def machine() -> dict[str, Any]:
    return {"cpu": first_line("/proc/cpuinfo", "model name") or platform.processor(),
            "cores": len(os.sched_getaffinity(0)), "system": platform.platform(),
            "memory": first_line("/proc/meminfo", "MemTotal")}


def commit() -> str:
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], check=False,
                          capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def versions(contenders: dict[str, str]) -> dict[str, Any]:
    return {**contenders, "python": platform.python_version(), "commit": commit(),
            "command": run_command("info")}


def stream_json(m: Measurement, stream: Stream) -> dict[str, Any]:
    found: dict[str, Any] = {**asdict(stream), "errors": m.errors.get(stream),
                             "facts": m.facts.get(stream)}
    if stream in m.void:
        found["void"] = m.void[stream]
    if stream in m.rounds:
        found.update(asdict(spread(m.rounds[stream])), rounds=m.rounds[stream])
        if m.plan.group != "convert":
            found["gflops"] = m.gflops(stream)
    return found


def ratio_json(m: Measurement, max_threads: int) -> list[dict[str, Any]]:
    """packseq against the best peer, of paired turns."""
    found = []
    for part, job in m.plan.parts.items():
        for threads in sorted({1, max_threads}):
            ours = Stream(PACKSEQ, threads, part)
            best = m.best(PEERS.get(job.mode, ()), threads, part)
            if best and ours in m.rounds:
                found.append({"part": part, "threads": threads, "best": best.name,
                              "best_threads": best.threads, **asdict(m.ratio(best, ours))})
    return found


def measurement_json(m: Measurement, max_threads: int) -> dict[str, Any]:
    parts = {part: {"cell": job.work.cell, "input": job.work.input, "hidden": job.work.hidden,
                    "mode": job.mode, "sequences": job.work.n_seq, "rows": job.work.n_rows,
                    "longest": job.work.n_steps, "fill": job.work.fill, "flops": job.flops}
             for part, job in m.plan.parts.items()}
    return {"name": m.plan.name, "group": m.plan.group, "crowded": m.crowded,
            "parts": parts,
            "streams": [stream_json(m, s) for s in m.plan.streams],
            "ratios": ratio_json(m, max_threads)}


def results_json(results: Results) -> dict[str, Any]:
    return {"threads": results.max_threads,
            "measurements": [measurement_json(m, results.max_threads)
                             for m in results.measurements],
            "shares": [{**asdict(s), "share": s.share} for s in results.shares],
            "memories": [asdict(m) for m in results.memories],
            "goals": [{"goal": goal.text, "figures": [asdict(f) for f in goal.figures(results)]}
                      for goal in GOALS]}
