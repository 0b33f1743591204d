#!/usr/bin/env python3
"""Fails where code outside src/model/families/ knows the name of a model family.

A family is data: its builder and its rule tables say all that the rest of the program may learn of it. Tokenizers and
chat formats carry names of their own that happen to be the same, and converters write the published shapes; they are
left out, as are comments, tests and the title of the model that is linked into the program.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FAMILIES = ROOT / "src" / "model" / "families"
LEFT_OUT = (FAMILIES, ROOT / "src" / "tokenizer", ROOT / "src" / "chat", ROOT / "src" / "convert",
            ROOT / "src" / "cli" / "embedded_model.h")
# Names of things that are no family: a way to scale rotary frequencies.
ALLOWED = re.compile(r"\bllama3\w*|\w*llama3(scaling|_scaling)\w*", re.I)
KEYWORDS = {"switch"}
NAME_LISTS = re.compile(r"constexpr std::string_view k(?!\w*Skip)\w+\[\] = \{([^}]*)\}")
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*")', re.S)


def family_names():
    """The architectures that the builders answer to, without version numbers."""
    names = set()
    for path in FAMILIES.glob("*.[ch]*"):
        for entries in NAME_LISTS.findall(path.read_text()):
            names |= {stem(name) for name in re.findall(r'"([^"]+)"', entries)}
    return names


def stem(name):
    """Without its version; whole where that would be a word of the language, or too short to mean anything."""
    short = re.split(r"[\d_.-]", name)[0]
    return short if len(short) > 2 and short not in KEYWORDS else rf"\b{name}"


def without_comments(text):
    return COMMENT.sub(lambda match: match[1] or "\n" * match[0].count("\n"), text)


def main():
    names = family_names()
    if len(names) < 4:
        print("no families were found in src/model/families: has their form changed?")
        return 1
    pattern = re.compile("|".join(sorted(names)), re.I)
    errors, count = [], 0
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".cc", ".h", ".inc") or path.stem.endswith("_test"):
            continue
        if any(path.is_relative_to(folder) for folder in LEFT_OUT):
            continue
        count += 1
        for number, line in enumerate(without_comments(path.read_text(errors="replace")).splitlines(), 1):
            if found := pattern.search(ALLOWED.sub("", line)):
                errors.append(f"{path.relative_to(ROOT)}:{number}: names the family \"{found[0]}\"")
    print("\n".join(errors) or f"{count} files know none of {', '.join(sorted(names))}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
