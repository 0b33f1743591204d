"""Where the settings of `sluice serve` come from, and what is said about wrong ones."""
import os
import subprocess
import sys
import tempfile
import tomllib


def main():
    program, repository = sys.argv[1:3]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}

    def serve(*flags, **environment):
        return subprocess.run([program, "serve", *flags], env=clean | environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sluice.toml")

        def write(text):
            with open(path, "w") as file:
                file.write(text)

        write('port = 3\nhost = "127.0.0.3"\nctx = 128\n')
        shown = serve("--config", path, "--print-config", "--port", "1", SLUICE_HOST="127.0.0.2", SLUICE_API_KEY="sesame")
        assert shown.returncode == 0 and shown.stderr == "", shown
        values = tomllib.loads(shown.stdout)
        assert (values["port"], values["host"], values["ctx"], values["kv_tokens"]) == (1, "127.0.0.2", 128, 0), values
        assert "sesame" not in shown.stdout and "api_key" not in values, shown
        origins = {line.split(" = ")[0]: line.split("  # ")[1] for line in shown.stdout.splitlines() if " = " in line}
        assert origins["port"] == "flag" and origins["host"] == "environment SLUICE_HOST", origins
        assert origins["ctx"] == f"file {path}:3" and origins["kv_tokens"] == "default", origins

        write("\nkv_tokns = 1\n")
        wrong = serve(SLUICE_CONFIG=path)
        assert wrong.returncode == 78 and f"{path}:2" in wrong.stderr and "kv_tokens?" in wrong.stderr, wrong
        write("port = '8080'\n")
        wrong = serve("--config", path)
        assert wrong.returncode == 78 and f"{path}:1: port must be an integer" in wrong.stderr, wrong
        missing = serve("--config", os.path.join(folder, "none.toml"))
        assert missing.returncode == 66 and "none.toml" in missing.stderr, missing

    # What a clean machine is told to install holds the library that reads the file.
    dependencies = open(os.path.join(repository, "cmake/SluiceDependencies.cmake")).read()
    script = open(os.path.join(repository, "dev")).read()
    listing = script[script.index("libraries() {"):script.index("}", script.index("libraries() {")) + 1]
    packages = subprocess.run(["bash", "-c", listing + "; libraries"], cwd=repository, capture_output=True, text=True, check=True)
    assert "libtomlplusplus-dev" in packages.stdout.split() and "toml++" in dependencies, packages
    print("ok")


if __name__ == "__main__":
    main()
