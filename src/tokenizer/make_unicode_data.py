#!/usr/bin/env python3
"""Writes unicode_data.cc: general categories and scripts as sorted runs.

Needs the Python packages unicodedata2 and fonttools of the wanted Unicode version (now 16.0, the version that
the reference tokenizer libraries use).  Usage: make_unicode_data.py > unicode_data.cc
"""
import unicodedata2 as ucd
from fontTools.unicodedata import Scripts

CATEGORIES = ["Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
              "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"]


def runs(value_of):
    out, last = [], None
    for cp in range(0x110000):
        value = value_of(cp)
        if value != last:
            out.append((cp, value))
            last = value
    return out


def script_of():
    table = ["Zzzz"] * 0x110000
    for i, start in enumerate(Scripts.RANGES):
        end = Scripts.RANGES[i + 1] if i + 1 < len(Scripts.RANGES) else 0x110000
        table[start:end] = [Scripts.VALUES[i]] * (end - start)
    return table


def emit(items, width):
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > width:
            print(line)
            line = " "
        line += " " + item + ","
    print(line)


categories = runs(lambda cp: CATEGORIES.index(ucd.category(chr(cp))))
table = script_of()
codes = sorted(set(table) - {"Zzzz"})
names = ["Unknown"] + [Scripts.NAMES[c] for c in codes]
scripts = runs(lambda cp: 0 if table[cp] == "Zzzz" else 1 + codes.index(table[cp]))

print(f"// Made by make_unicode_data.py from the Unicode Character Database {ucd.unidata_version}.")
print("// Copyright Unicode, Inc.; https://www.unicode.org/terms_of_use.html")
print('#include "tokenizer/unicode_data.h"\n')
print("namespace sluice::tokenizer {\n")
print("// clang-format off")
print("const uint32_t kCategoryRuns[] = {")
emit((f"{cp << 5 | value:#x}" for cp, value in categories), 118)
print("};\nconst size_t kCategoryRunCount = std::size(kCategoryRuns);\n")
print("const uint32_t kScriptRuns[] = {")
emit((f"{cp << 8 | value:#x}" for cp, value in scripts), 118)
print("};\nconst size_t kScriptRunCount = std::size(kScriptRuns);\n")
print("const std::string_view kScriptNames[] = {")
emit((f'"{n}"' for n in names), 118)
print("};\nconst size_t kScriptCount = std::size(kScriptNames);")
print("// clang-format on\n")
print("}  // namespace sluice::tokenizer")
