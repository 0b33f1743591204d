#!/usr/bin/env python3
"""Fails on an #include, or a library in a CMakeLists.txt, that the layer table of ARCHITECTURE.md does not allow.

The table has one row for each folder of src/: | `folder/` | purpose | folders it may use |. Everything may use base.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(\w+)/` \|.*\|([^|]*)\|\s*$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
DEPS = re.compile(r"sluice_library\([^)]*?\bDEPS\b([^)]*?)(?:\bLIBS\b[^)]*)?\)", re.S)


def read_table():
    table = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        if row := ROW.match(line):
            table[row[1]] = set(re.findall(r"\w+", row[2])) | {"base", row[1]}
    return table


def check_source(path, allowed, folders):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        where = f"{path.relative_to(ROOT)}:{number}"
        name = include[2]
        top = name.split("/")[0]
        if include[1] == '"' and (".." in name or not (ROOT / "src" / name).exists()):
            yield f'{where}: "{name}" is not a path below src/'
        elif "/" in name and top in folders and top not in allowed:
            yield f"{where}: {path.relative_to(ROOT / 'src').parts[0]} may not include {name}"


def check_cmake(path, allowed):
    for deps in DEPS.findall(path.read_text()):
        for name in re.findall(r"\w+", deps):
            if name not in allowed:
                yield f"{path.relative_to(ROOT)}: the table does not let {path.parent.name} use {name}"


def main():
    table = read_table()
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    errors = [f"ARCHITECTURE.md: the layer table has no row for src/{name}" for name in sorted(folders - table.keys())]
    count = 0
    for folder in sorted(folders & table.keys()):
        for path in sorted((ROOT / "src" / folder).rglob("*")):
            if path.suffix in (".cc", ".h", ".inc", ".S"):
                count += 1
                errors += check_source(path, table[folder], folders)
            elif path.name == "CMakeLists.txt":
                errors += check_cmake(path, table[folder])
    print("\n".join(errors) or f"{count} files of {len(folders)} folders keep to the layer table")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())
