"""The clients that people use, against a server of ours: run.py SLUICE FOLDER [--install]

FOLDER holds the clients. --install puts them there first, in the versions named here; without it, a FOLDER that does
not exist is a reason to skip. Answers are checked against OpenAI's description of its API where that is at hand.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "faults"))
from models import Gguf  # noqa: E402

SKIPPED = 77
PYTHON_SETS = ("openai_anthropic", "litellm_lm_eval", "openapi_answers")  # apart: they want different versions
DESCRIPTION = REPOSITORY.parent / "shared/data/api_openai/openapi.yaml"
TEMPLATE = """{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for m in messages %}{{ m.role }}: {{ m.content }}
{% for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>
{% endfor %}{% endfor %}assistant: {% if enable_thinking %}<think>
{% else %}<think></think>{% endif %}"""


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
    failed = []

    def run(name, *command):
        print(f"--- {name}", flush=True)
        if subprocess.run(command).returncode != 0:
            failed.append(name)

    with serve(program) as address:
        for name in PYTHON_SETS[:2]:
            run(name, folder / name / "bin/python", HERE / f"{name}.py", address)
        run("node_clients", "node", folder / "node_clients.mjs", address)
    check_description(program, folder, run)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


@contextlib.contextmanager
def serve(program, *arguments, **environment):
    """The address of a server, which has to end well."""
    server = subprocess.Popen([program, "serve", *arguments, "--threads", "1", "--port", "0"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, env=os.environ | environment)
    try:
        yield server.stderr.readline().split("http://")[1].split()[0]
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=120)
    assert status == 0, status


def check_description(program, folder, run):
    name = "openapi_answers"
    description = pathlib.Path(os.environ.get("OPENAI_DESCRIPTION", DESCRIPTION))
    if not description.exists() or not (folder / name).exists():
        print(f"--- {name} skipped: it needs {description} ($OPENAI_DESCRIPTION names another place) and ./dev clients")
        return
    model = folder / "calling.gguf"
    model.write_bytes(Gguf((REPOSITORY / "models/tiny-mixtral.gguf").read_bytes()).with_template(TEMPLATE))
    key = "a-key-of-the-tests"
    with serve(program, str(model), SLUICE_API_KEY=key) as address:
        run(name, folder / name / "bin/python", HERE / f"{name}.py", address, key, description)


if __name__ == "__main__":
    main()
