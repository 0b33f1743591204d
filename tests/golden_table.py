#!/usr/bin/env python3
"""Verifies every golden model on every tier of this machine, and exactly, and prints the largest errors as a table.

usage: golden_table.py SLUICE [FOLDER]
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = [("scalar", []), ("avx2", []), ("avx512", []), ("amx", []), ("exact", ["--exact"])]
NOT_ON_THIS_MACHINE = 78


def verify(program, folder, isa, flags):
    command = [program, "verify", folder, "--reference", folder / "golden.safetensors", "--json", *flags]
    if isa != "exact":
        command += ["--isa", isa]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == NOT_ON_THIS_MACHINE:
        return None
    if not done.stdout:
        return {"ok": False, "why": done.stderr.strip()}
    return json.loads(done.stdout)


def holds_model(folder):
    return (folder / "config.json").exists() or any(folder.glob("*.gguf"))


def cell(result):
    if result is None:
        return "-"
    if "why" in result:
        return "ERROR"
    return f"{result['logits']['error']:.1e}{'' if result['ok'] else ' DIFFERS'}"


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    goldens = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "tests" / "golden"
    folders = sorted(path.parent for path in goldens.glob("*/golden.safetensors") if holds_model(path.parent))
    failures = []
    print("| golden | " + " | ".join(name for name, _ in RUNS) + " | tolerance | experts | greedy |")
    print("|---|" + "---|" * (len(RUNS) + 3))
    for folder in folders:
        results = [verify(program, folder, isa, flags) for isa, flags in RUNS]
        failures += [f"{folder.name}: {r.get('why', 'differs')}" for r in results if r and not r["ok"]]
        done = [r for r in results if r and "why" not in r]
        router = max((r["router"]["differences"] for r in done), default=0)
        choices = done[0]["router"]["choices"] if done else 0
        greedy = min((r["greedy"]["equal"] for r in done), default=0)
        tolerance = f"{done[0]['tolerance']:.1e}" if done else "-"
        print(f"| {folder.name} | " + " | ".join(map(cell, results)) +
              f" | {tolerance} | {choices - router} of {choices} | {greedy} |", flush=True)
    print(f"\n{len(folders)} goldens, {len(failures)} failures")
    print("\n".join(failures))
    return 1 if failures or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
