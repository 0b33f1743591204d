#!/usr/bin/env python3
"""Fails on a source file that has grown too long: 900 lines, 1200 in src/kernels."""
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("src", "include", "tests", "fuzz", "bench")


def limit(path):
    return 1200 if path.is_relative_to(ROOT / "src" / "kernels") else 900


def main():
    files = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in (".cc", ".h", ".cpp", ".py", ".sh")]
    lengths = {path: len(path.read_text(errors="replace").splitlines()) for path in files}
    errors = [f"{path.relative_to(ROOT)}: {n} lines, the limit is {limit(path)}" for path, n in lengths.items() if n > limit(path)]
    print("\n".join(errors) or f"{len(files)} files, median {statistics.median(lengths.values()):.0f} lines, longest {max(lengths.values())}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
