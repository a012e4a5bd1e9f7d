#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

"""Checks in the machine code that no chain of a vector kernel lives on the stack.

check_spills.py BUILD...: reads the objects of built presets that instantiate src/kern/vec/. In
every function that is a tile or an outer product, an innermost loop with fused multiply-adds on
vectors must neither touch the stack nor store a vector: its sums stay in registers. A check that
finds nothing to look at is none: every function tile_<M>x<N> must have such a loop with M * N
multiply-adds, and each file at least one for the outer product. Prints one line for each file;
--self-test checks the checker.
"""

import json
import pathlib
import re
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
TILE = re.compile(r"^tile_(\d+)x(\d+)\b")
CHAINS = re.compile(r"tile|outer")


class X86:
    fma = re.compile(r"^vfn?madd\d+p[sd]$")
    jump = re.compile(r"^j[a-z]+$")
    target = re.compile(r"^([0-9a-f]+)\b")
    store = re.compile(r"^%[yz]mm\d+,[^%]*\(")
    frame = re.compile(r"mov\s+%rsp,%rbp")

    @staticmethod
    def stack(framed):
        return re.compile(r"\(%r[sb]p[,)]" if framed else r"\(%rsp[,)]")


class Arm:
    fma = re.compile(r"^fml[as]$")
    jump = re.compile(r"^(b|b\.[a-z]+|cbn?z|tbn?z)$")
    target = re.compile(r"([0-9a-f]+) <")
    store = re.compile(r"^[qdv]\d+.*\[")  # of str, stp, st1
    frame = re.compile(r"mov\s+x29, sp")

    @staticmethod
    def stack(framed):
        return re.compile(r"\[(sp|x29)\b" if framed else r"\[sp\b")


def disassemble(objdump, path):
    command = [objdump, "-d", "--no-show-raw-insn", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions(text):
    """(name, [(address, mnemonic, operands)]) for each function."""
    name, lines = None, []
    for line in text.splitlines():
        start = FUNCTION.match(line)
        if start:
            if name:
                yield name, lines
            name, lines = start[1], []
            continue
        match = LINE.match(line)
        if match:
            lines.append((int(match[1], 16), match[2], match[3]))
    if name:
        yield name, lines


def inner_loops(machine, lines):
    """Ranges of indices from the target of a jump backwards to the jump, no such range inside."""
    index = {address: i for i, (address, _, _) in enumerate(lines)}
    loops = []
    for i, (address, mnemonic, operands) in enumerate(lines):
        target = machine.target.search(operands) if machine.jump.match(mnemonic) else None
        if target and int(target[1], 16) <= address and int(target[1], 16) in index:
            loops.append((index[int(target[1], 16)], i))
    return [a for a in loops
            if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]


def is_store(machine, mnemonic, operands):
    if machine is Arm:
        return mnemonic.startswith("st") and bool(machine.store.match(operands.lstrip("{")))
    return mnemonic.startswith("vmov") and bool(machine.store.match(operands))


def look(machine, text):
    """(loops in tiles, loops in outer products, [sentence about a fault])"""
    n_tile, n_outer, faults, n_tiles = 0, 0, [], 0
    for name, lines in functions(text):
        if not CHAINS.search(name):
            continue
        framed = any(machine.frame.search(f"{m} {o}") for _, m, o in lines)
        stack = machine.stack(framed)
        most = 0
        for first, last in inner_loops(machine, lines):
            loop = lines[first:last + 1]
            n_fma = sum(bool(machine.fma.match(m)) for _, m, _ in loop)
            if n_fma == 0:
                continue
            most = max(most, n_fma)
            n_tile, n_outer = n_tile + ("tile" in name), n_outer + ("outer" in name)
            for _, m, operands in loop:
                if stack.search(operands) or is_store(machine, m, operands):
                    faults.append(f"{name}: a loop of {n_fma} multiply-adds has \"{m} {operands}\"")
        tile = TILE.match(name)
        if tile:
            n_tiles += 1
            wanted = int(tile[1]) * int(tile[2])
            if most < wanted:
                faults.append(f"{name}: no loop of {wanted} multiply-adds, the longest has {most}")
    if n_tiles < 6 or n_outer < 1:
        faults.append(f"only {n_tiles} functions tile_<M>x<N>, {n_outer} loops of an outer product")
    return n_tile, n_outer, faults


def objects(build):
    """(source, object, objdump's name, machine) of the files that instantiate the templates."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if "/src/kern/" in str(source) and '"kern/vec/' in source.read_text():
            compiler = pathlib.Path(entry["command"].split()[0]).name
            arm = compiler.startswith("aarch64")
            yield (source, build / entry["output"],
                   "aarch64-linux-gnu-objdump" if arm else "objdump", Arm if arm else X86)


def check(build):
    """Prints; returns whether all is well."""
    ok, n = True, 0
    for source, path, objdump, machine in objects(build):
        n_tile, n_outer, faults = look(machine, disassemble(objdump, path))
        print(f"{build}: {source.name}: {n_tile} loops in tiles, {n_outer} in outer products, "
              f"{len(faults)} faults")
        for fault in faults:
            print(f"{build}: {source.name}: {fault}")
        ok, n = ok and not faults, n + 1
    if n == 0:
        print(f"{build}: no file instantiates src/kern/vec/")
    return ok and n > 0


def listing(tile, outer="vfmadd231ps %ymm1,%ymm2,%ymm3"):
    """A disassembly in which only tile_6x1 and outer_block hold what is given."""
    def function(name, at, body):
        rows = [f"{at:016x} <{name}>:"]
        for i, line in enumerate([*body, "jne"]):
            operand = f" {at:x} <{name}>" if line == "jne" else ""
            rows.append(f"  {at + 4 * i:x}:\t{line}{operand}")
        return rows
    fma = "vfmadd231ps (%rax),%ymm2,%ymm3"
    rows = []
    for m in range(1, 6):
        rows += function(f"tile_{m}x1", 0x1000 * m, [fma] * m)
    rows += function("tile_6x1", 0x6000, [fma] * 5 + [tile])
    rows += function("outer_block", 0x7000, [outer])
    return "\n".join(rows)


def self_test():
    fma = "vfmadd231ps %ymm1,%ymm2,%ymm3"
    wanted = {
        listing(fma): 0,
        listing("vfmadd231ps 0x40(%rsp),%ymm2,%ymm3"): 1,
        listing("vfmadd231ps 0x40(%rbp),%ymm2,%ymm3"): 0,  # a pointer like others
        listing("vmovaps %ymm4,0x20(%rax,%rcx,1)"): 2,      # a store, and too few multiply-adds
        listing("vmovaps 0x20(%rax,%rcx,1),%ymm4"): 1,      # too few
        listing(fma, "vaddps %ymm1,%ymm2,%ymm3"): 1,
        listing(fma, "vfmadd231ps (%rsp,%rax,4),%ymm2,%ymm3"): 1,
        "": 1,
    }
    ok = True
    for text, n in wanted.items():
        faults = look(X86, text)[2]
        if len(faults) != n:
            print(f"the check is wrong: {n} faults wanted, found {faults}")
            ok = False
    print("ok" if ok else "not ok")
    return ok


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 0 if self_test() else 1
    if len(sys.argv) < 2:
        print(__doc__.splitlines()[2], file=sys.stderr)
        return 2
    return 0 if all([check(pathlib.Path(build)) for build in sys.argv[1:]]) else 1


if __name__ == "__main__":
    sys.exit(main())
