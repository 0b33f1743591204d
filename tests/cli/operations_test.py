"""Keys and their limits, the log, reloading, TLS, and models that are loaded and swapped while the server runs."""
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading

from serving import Server

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def make_key(program, *flags):
    made = subprocess.run([program, "key", *flags], capture_output=True, text=True, timeout=120, check=True)
    key = made.stderr.split()[-1]
    assert hashlib.sha256(key.encode()).hexdigest() in made.stdout and key not in made.stdout, made
    return key, made.stdout


def check_keys(program, folder):
    path = os.path.join(folder, "keys.toml")
    plain, plain_table = make_key(program, "--name", "plain", "--requests-per-minute", "3", "--tokens-per-minute", "6000")
    admin, admin_table = make_key(program, "--name", "boss", "--admin")

    def write(text):
        with open(path, "w") as file:
            file.write(text)

    write(plain_table + admin_table)
    with Server(program, "--api-keys", path, "--log-level", "debug") as server:
        assert server.complete()[0] == 401
        assert server.complete("wrong")[0] == 401
        status, headers, answer = server.complete(plain)
        assert status == 200, answer
        assert headers["x-ratelimit-limit-requests"] == "3" and headers["x-ratelimit-remaining-requests"] == "2", headers.items()
        prompt = answer["usage"]["prompt_tokens"]
        line = server.request_of(headers["x-request-id"])
        assert line["key"] == "plain" and line["completion_tokens"] == 4 and line["prompt_tokens"] == prompt, line
        assert plain.encode() not in b"".join(server.raw)
        status, headers, _ = server.complete(plain)
        assert int(headers["x-ratelimit-remaining-tokens"]) < 6000 - prompt, headers.items()
        assert server.complete(plain)[0] == 200
        status, headers, answer = server.complete(plain)
        assert status == 429 and answer["error"]["code"] == "rate_limit_exceeded", answer
        assert 1 <= int(headers["retry-after"]) <= 20 and headers["x-ratelimit-remaining-requests"] == "0", headers.items()
        assert server.complete(admin)[0] == 200
        # The admin's routes.
        assert server.ask("/admin/status", key=plain)[2]["error"]["code"] == "admin_only"
        status, _, answer = server.ask("/admin/status", key=admin)
        assert status == 200 and [key["name"] for key in answer["keys"]] == ["plain", "boss"], answer
        assert "sha256" not in json.dumps(answer)
        # SIGHUP: a wrong file changes nothing, a right one the keys.
        write(admin_table + "[[key]]\nname = 1\n")
        server.process.send_signal(signal.SIGHUP)
        line = server.wait_for(lambda event: "not reloaded" in event["message"])
        assert line["level"] == "error" and "keys.toml:6: name must be a string" in line["why"], line
        assert server.complete(plain)[0] == 429 and server.complete(admin)[0] == 200
        write(admin_table)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda event: event["message"] == "the settings were reloaded")
        assert server.complete(plain)[0] == 401 and server.complete(admin)[0] == 200
    with Server(program, SLUICE_API_KEY="one two") as server:
        assert [server.complete(key)[0] for key in ("one", "two", "one two", None)] == [200, 200, 401, 401]


def check_log(program):
    with Server(program, "--log-level", "info") as server:
        status, headers, answer = server.complete(headers={"x-request-id": "mine-1", "traceparent": PARENT}, stop=["zzz"])
        assert status == 200 and headers["x-request-id"] == "mine-1" and headers["traceparent"] == PARENT
        line = server.request_of("mine-1")
        assert line["trace_id"] == TRACE and line["span_id"] == "b7ad6b7169203331", line
        assert line["route"] == "/v1/completions" and line["status"] == 200 and line["finish_reason"] == "length", line
        assert 0 < line["ttft_s"] <= line["duration_s"] and line["model"] == answer["model"], line
        assert "key" not in line and "prompt" not in line
        text = answer["choices"][0]["text"]
        # What is no identifier is replaced, and a malformed parent is not passed on.
        status, headers, _ = server.complete(headers={"x-request-id": "a{b", "traceparent": PARENT + "0"})
        assert headers["x-request-id"].startswith("req_") and headers["traceparent"] is None
        assert "trace_id" not in server.request_of(headers["x-request-id"])
        status, headers, _ = server.ask("/no%22route%C2%9B", key="secret-in-header")
        assert status == 404 and server.request_of(headers["x-request-id"])["status"] == 404
        written = b"".join(server.raw)
        assert text.strip().encode() not in written and b"Once upon" not in written and b"secret-in-header" not in written
        assert b"\xc2\x9b" not in written
    with Server(program, "--log-prompts") as server:
        _, headers, answer = server.complete()
        line = server.request_of(headers["x-request-id"])
        assert "Once upon a time" in line["prompt"] and line["answer"] == answer["choices"][0]["text"], line
    told = subprocess.run([program, "serve", "--host", "192.0.2.1", "--no-api-key", "--log-format", "xml"], capture_output=True,
                          text=True, timeout=120)
    assert told.returncode == 2 and "xml" in told.stderr, told


def check_tls(program, tests):
    certificate, key = os.path.join(tests, "tls/certificate.pem"), os.path.join(tests, "tls/key.pem")
    trust = ssl.create_default_context(cafile=certificate)
    with Server(program, "--tls-cert", certificate, "--tls-key", key, context=trust) as server:
        assert server.url.startswith("https://"), server.url
        assert server.complete(max_tokens=8)[2]["usage"]["completion_tokens"] == 8
        streamed = subprocess.run([sys.executable, "-c", f"""
import ssl, urllib.request
request = urllib.request.Request({server.url!r} + "/v1/completions", b'{{"prompt": "Once", "max_tokens": 3, "stream": true}}',
                                 {{"content-type": "application/json"}})
with urllib.request.urlopen(request, timeout=120, context=ssl.create_default_context(cafile={certificate!r})) as answer:
    print(answer.read().decode())"""], capture_output=True, text=True, timeout=120)
        assert "data: [DONE]" in streamed.stdout, streamed
        assert server.ask("/v1/completions", {"prompt": "x" * (20 << 20)})[0] == 413  # it is heard by who has sent all first
        # A client without TLS, and one that leaves in the middle, change nothing.
        try:
            server.__class__.ask(type("Plain", (), {"url": server.url.replace("https", "http"), "context": None})(), "/health")
            raise AssertionError("plain HTTP was answered")
        except OSError:
            pass
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda event: event["message"] == "the settings were reloaded")
        assert server.ask("/health")[0] == 200
    alone = subprocess.run([program, "serve", "--tls-cert", certificate], capture_output=True, text=True, timeout=120)
    assert alone.returncode == 78 and "--tls-key" in alone.stderr, alone
    swapped = subprocess.run([program, "serve", "--port", "0", "--tls-cert", key, "--tls-key", key], capture_output=True, text=True,
                             timeout=120)
    assert swapped.returncode == 78 and "key.pem" in swapped.stderr, swapped


def check_models(program, repository, folder):
    model = os.path.join(repository, "models", next(name for name in sorted(os.listdir(os.path.join(repository, "models")))
                                                    if name.endswith(".gguf")))
    broken = os.path.join(folder, "broken.gguf")
    with open(broken, "wb") as file:
        file.write(b"GGUF" + bytes(40))
    with Server(program) as server:
        first = server.ask("/admin/status")[2]["models"][0]["id"]
        before = server.complete()[2]["choices"][0]["text"]
        status, _, answer = server.ask("/admin/models/load", {"path": broken})
        assert status == 400 and answer["error"]["code"] == "invalid_model_file" and "broken.gguf" in answer["error"]["message"], answer
        assert server.ask("/admin/models/load", {"path": os.path.join(folder, "none.gguf")})[0] == 400
        assert server.ask("/admin/models/load", {"file": model})[2]["error"]["param"] == "path"
        assert server.ask("/admin/status", origin="http://localhost:1")[0] == 403  # a page in a browser
        status, _, answer = server.ask("/admin/models/load", {"path": model, "name": "second"})
        assert status == 200 and answer == {"model": "second"}, answer
        assert [entry["id"] for entry in server.ask("/v1/models")[2]["data"]] == [first, "second"]
        answer = server.complete(model="second")[2]
        assert answer["model"] == "second" and answer["choices"][0]["text"] == before, answer
        assert server.ask("/admin/models/load", {"path": model, "name": "second"})[0] == 400  # the name is taken
        # While answers run, their model is swapped: they end as if nothing had happened.
        answers = []
        running = [threading.Thread(target=lambda: answers.append(server.complete(max_tokens=60))) for _ in range(3)]
        for thread in running:
            thread.start()
        status, _, answer = server.ask("/admin/models/swap", {"path": model, "name": "third"})
        assert status == 200 and answer == {"model": "third"}, answer
        for thread in running:
            thread.join()
        texts = {answer["choices"][0]["text"] for _, _, answer in answers}
        assert len(texts) == 1 and all(status == 200 for status, _, _ in answers), answers
        assert server.complete()[2]["model"] == "third" and server.complete(model=first)[0] == 404
        assert server.ask("/admin/models/unload", {"model": first})[0] == 404
        for name in ("second", "third"):
            assert server.ask("/admin/models/unload", {"model": name})[0] == 200
        status, _, answer = server.complete()
        assert status == 503 and answer["error"]["code"] == "no_model", answer
        assert server.ask("/ready")[0] == 503 and server.ask("/health")[0] == 200
        assert server.ask("/admin/models/load", {"path": model})[0] == 200 and server.complete()[0] == 200


def check_routing(program):
    """Only who asks for the experts of a request hears of them."""
    with Server(program) as server:
        _, _, plain = server.complete()
        _, _, routed = server.complete(sluice={"return_routing": True})
        assert "sluice" not in plain and plain["choices"] == routed["choices"], (plain, routed)
        [choice] = routed["sluice"]["routing"]
        usage = routed["usage"]
        # The last token of an answer is computed by nobody.
        assert [token["position"] for token in choice["tokens"]] == list(range(usage["total_tokens"] - 1)), choice
        layers = {len(token["experts"]) for token in choice["tokens"]}
        top_k = {len(experts) for token in choice["tokens"] for experts in token["experts"]}
        assert len(layers) == 1 and min(layers) > 0 and len(top_k) == 1, (layers, top_k)
        for token in choice["tokens"]:
            for experts, weights in zip(token["experts"], token["weights"], strict=True):
                assert len(set(experts)) == len(experts) == len(weights) and all(0 < weight <= 1 for weight in weights), token
        assert len({str(token["experts"]) for token in choice["tokens"]}) > 1
        # Two at once: each hears of its own.
        answers = {}
        both = [threading.Thread(target=lambda ask=ask: answers.update({ask: server.complete(max_tokens=20, sluice={
            "return_routing": ask})[2]})) for ask in (True, False)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert "sluice" not in answers[False] and len(answers[True]["sluice"]["routing"][0]["tokens"]) >= 20, answers
        for wrong in ({"return_routing": 1}, {"routing": True}, True):
            assert server.complete(sluice=wrong)[2]["error"]["param"] == "sluice", wrong


def main():
    program, repository = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        check_keys(program, folder)
        check_log(program)
        check_routing(program)
        check_tls(program, os.path.join(repository, "tests/cli"))
        check_models(program, repository, folder)
    print("ok")


if __name__ == "__main__":
    main()
