"""The clients that people use, against a server of ours: run.py SLUICE FOLDER [--install]

FOLDER holds the clients. --install puts them there first, in the versions named here; without it, a FOLDER that does
not exist is a reason to skip.
"""
import pathlib
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
PYTHON_SETS = ("openai_anthropic", "litellm_lm_eval")  # apart, since they want different versions of one package


def install(folder):
    for name in PYTHON_SETS:
        if not (folder / name).exists():
            subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        subprocess.run([folder / name / "bin/pip", "install", "-q", "-r", HERE / f"{name}.txt"], check=True)
    for file in ("package.json", "package-lock.json", "node_clients.mjs"):  # Node.js looks for packages beside the script
        shutil.copy(HERE / file, folder)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if "--install" in sys.argv[3:]:
        folder.mkdir(parents=True, exist_ok=True)
        install(folder)
    elif not (folder / "node_modules").exists():
        print(f"skipped: no clients in {folder}; ./dev clients puts them there")
        sys.exit(SKIPPED)
    shutil.copy(HERE / "node_clients.mjs", folder)
    server = subprocess.Popen([program, "serve", "--threads", "1", "--port", "0"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    failed = []
    try:
        address = server.stderr.readline().split("http://")[1].split()[0]
        commands = {name: [folder / name / "bin/python", HERE / f"{name}.py", address] for name in PYTHON_SETS}
        commands["node_clients"] = ["node", folder / "node_clients.mjs", address]
        for name, command in commands.items():
            print(f"--- {name}", flush=True)
            if subprocess.run(command).returncode != 0:
                failed.append(name)
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=120)
    assert status == 0, status
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
