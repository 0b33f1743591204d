"""Every verb and every option that --help lists stands in the manual page and in docs/cli.md."""
import pathlib
import re
import subprocess
import sys


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], capture_output=True, text=True, timeout=120, check=True).stdout


def flags_in(text):
    """The options at the beginning of lines: "  -p,--prompt TEXT   what it does"."""
    flags = set()
    for line in text.splitlines():
        if match := re.match(r"\s+((?:-\w,)?--[\w-]+|-\w)\b", line):
            flags |= set(re.findall(r"--[\w-]+", match[1]))
    return flags - {"--help", "--version"}


def main():
    program, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    manual = (repository / "packaging/sluice.1").read_text().replace("\\-", "-")
    guide = (repository / "docs/cli.md").read_text()
    verbs = re.findall(r"^  (\w+) ", help_of(program).split("Subcommands:")[1], re.M)
    assert "serve" in verbs and "key" in verbs and "completions" not in verbs, verbs
    missing = []
    count = 0
    for verb in verbs:
        for name, text in (("packaging/sluice.1", manual), ("docs/cli.md", guide)):
            if not re.search(rf"\b{verb}\b", text):
                missing.append(f"{name}: {verb}")
        for flag in sorted(flags_in(help_of(program, verb))):
            count += 1
            for name, text in (("packaging/sluice.1", manual), ("docs/cli.md", guide)):
                if not re.search(rf"(?<![\w-]){flag}(?![\w-])", text):
                    missing.append(f"{name}: {verb} {flag}")
    assert count > 50, count
    assert not missing, "\n".join(missing)
    for shell in ("bash", "zsh", "fish"):
        script = subprocess.run([program, "completions", shell], capture_output=True, text=True, timeout=120, check=True).stdout
        for verb in verbs:
            assert verb in script, (shell, verb)
        assert "drain-timeout" in script and "warning" in script, shell
    words = subprocess.run(["bash", "-c", f"""source <({program} completions bash)
        try() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; echo "${{COMPREPLY[@]}}"; }}
        try sluice ser; try sluice serve --log-f; try sluice serve --log-format j"""], capture_output=True, text=True, timeout=120)
    assert words.stdout == "serve\n--log-format\njson\n", words
    print("ok")


if __name__ == "__main__":
    main()
