"""The server as a process: it answers, refuses a taken port, and ends when told."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request


def start(program, *flags):
    server = subprocess.Popen([program, "serve", "--threads", "1", *flags], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    line = server.stderr.readline()
    assert "answers on http://127.0.0.1:" in line, line
    return server, line.split("http://")[1].split()[0]


def complete(address):
    body = json.dumps({"prompt": "Once upon a time", "max_tokens": 5, "temperature": 0}).encode()
    request = urllib.request.Request(f"http://{address}/v1/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def post(address, path, body):
    request = urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


def check_forms(address):
    """The model tells stories; held to a form, it gives that form, whatever is sampled."""
    schema = {"type": "object", "additionalProperties": False, "required": ["name", "age", "tags"],
              "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 1, "maximum": 120},
                             "tags": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 2}}}
    chat = {"messages": [{"role": "user", "content": "Who?"}], "max_tokens": 200, "seed": 1}

    def check(text):
        value = json.loads(text)
        assert set(value) == {"name", "age", "tags"} and len(value["name"]) <= 12 and 1 <= value["age"] <= 120, text
        assert len(value["tags"]) <= 2 and set(value["tags"]) <= {"red", "blue"}, text

    wanted = {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}}
    for temperature in (0, 1.5):
        answer = json.loads(post(address, "/v1/chat/completions", {**chat, **wanted, "n": 3, "temperature": temperature}))
        for choice in answer["choices"]:
            assert choice["finish_reason"] == "stop", choice
            check(choice["message"]["content"])
    events = post(address, "/v1/chat/completions", {**chat, **wanted, "stream": True}).split("\n\n")
    deltas = [json.loads(e[6:])["choices"][0]["delta"] for e in events if e.startswith("data: {")]
    check("".join(delta.get("content") or "" for delta in deltas))
    answer = json.loads(post(address, "/v1/completions", {"prompt": "Once", "guided_regex": "[0-9]{4}-[a-f]{2}", "max_tokens": 50}))
    assert re.fullmatch("[0-9]{4}-[a-f]{2}", answer["choices"][0]["text"]), answer
    answer = json.loads(post(address, "/v1/completions", {"prompt": "Once", "guided_choice": ["yes", "no"], "max_tokens": 50}))
    assert answer["choices"][0]["text"] in ("yes", "no"), answer


def check_keys(program):
    """Off loopback a key is asked for; a file's first line is one."""
    without = {name: value for name, value in os.environ.items() if name != "SLUICE_API_KEY"}
    refused = subprocess.run([program, "serve", "--host", "0.0.0.0", "--port", "0"], capture_output=True, text=True, env=without,
                             timeout=120)
    assert refused.returncode == 78 and "--api-key-file" in refused.stderr, refused
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("secret\nnot this\n")
        file.flush()
        server, address = start(program, "--port", "0", "--api-key-file", file.name)
    try:
        for key, status in [("secret", 200), ("not this", 401), ("", 401)]:
            request = urllib.request.Request(f"http://{address}/v1/models", headers={"authorization": f"Bearer {key}"})
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    got = answer.status
            except urllib.error.HTTPError as error:
                got = error.code
            assert got == status, (key, got)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)


def main():
    program = sys.argv[1]
    server, address = start(program, "--port", "0")
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=120) as answer:
            assert answer.status == 200
        answer = complete(address)
        assert answer["usage"]["completion_tokens"] == 5, answer
        # The same text as in the terminal, with the space that goes on from the prompt.
        told = subprocess.run([program, "run", "-p", "Once upon a time", "--temp", "0", "--max-tokens", "5", "--threads", "1"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert answer["choices"][0]["text"] + "\n" == told.stdout, (answer, told)
        check_forms(address)
        check_keys(program)
        port = address.rsplit(":", 1)[1]
        second = subprocess.run([program, "serve", "--port", port], capture_output=True, text=True, timeout=120)
        assert second.returncode == 69, second
        assert port in second.stderr, second
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=120)
    assert status == 0, status
    print("ok")


if __name__ == "__main__":
    main()
