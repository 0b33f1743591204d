"""Adapters: run --lora, models by name, loading and unloading while the server answers."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request

from serving import Server

WIDTH, EXPERT_WIDTH, KV, LAYERS, RANK = 256, 512, 128, 6, 4
PROMPT = "Once upon a time"


def write_adapter(folder, seed, rank=RANK, size=0.1, **config):
    """For the embedded model: attention of every layer, and two experts."""
    draw = random.Random(seed)
    shapes = {}
    for layer in range(LAYERS):
        shapes[f"model.layers.{layer}.self_attn.q_proj"] = WIDTH, WIDTH
        shapes[f"model.layers.{layer}.self_attn.v_proj"] = KV, WIDTH
        for expert in (1, 6):
            shapes[f"model.layers.{layer}.block_sparse_moe.experts.{expert}.w2"] = WIDTH, EXPERT_WIDTH
    header, data = {}, b""
    for module, (outputs, inputs) in shapes.items():
        for half, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
            values = struct.pack(f"<{shape[0] * shape[1]}f", *(draw.gauss(0, size) for _ in range(shape[0] * shape[1])))
            header[f"base_model.model.{module}.lora_{half}.weight"] = {
                "dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
            data += values
    text = json.dumps(header).encode()
    os.makedirs(folder)
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(folder, "adapter_config.json"), "w") as file:
        json.dump({"peft_type": "LORA", "r": rank, "lora_alpha": 16, "bias": "none"} | config, file)
    return folder


def text_of(server, model):
    status, _, answer = server.complete(model=model, max_tokens=16)
    assert status == 200 and answer["model"] == model, answer
    return answer["choices"][0]["text"]


def check_run(program, folder):
    def run(*flags):
        return subprocess.run([program, "run", "--threads", "1", "-p", PROMPT, "--temp", "0", "--max-tokens", "16", *flags],
                              capture_output=True, text=True, timeout=120)
    plain, adapted = run(), run("--lora", os.path.join(folder, "tone"))
    assert plain.returncode == adapted.returncode == 0, adapted
    assert plain.stdout != adapted.stdout, plain.stdout
    missing = run("--lora", os.path.join(folder, "absent"))
    assert missing.returncode == 66 and "adapter_config.json" in missing.stderr, missing
    wrong = run("--lora", os.path.join(folder, "dora"))
    assert wrong.returncode == 65 and "use_dora" in wrong.stderr, wrong


def check_server(program, folder):
    inside = os.path.join(folder, "inside")
    with Server(program, "--lora", "tone=" + os.path.join(folder, "tone"), "--lora-dir", inside, "--max-loras", "3") as server:
        models = server.ask("/v1/models")[2]["data"]
        base = models[0]["id"]
        assert [entry["id"] for entry in models] == [base, "tone"] and models[1]["parent"] == base, models
        assert server.ask("/v1/models/tone")[0] == 200
        plain, tone = text_of(server, base), text_of(server, "tone")
        assert plain != tone

        def load(name, path):
            return server.ask("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})

        assert load("legal", "legal")[0] == 200
        legal = text_of(server, "legal")
        assert len({plain, tone, legal}) == 3
        # Together as alone.
        answers = {}
        def ask(index, model):
            answers[index] = model, text_of(server, model)
        threads = [threading.Thread(target=ask, args=(i, (base, "tone", "legal")[i % 3])) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 12
        for model, text in answers.values():
            assert text == {base: plain, "tone": tone, "legal": legal}[model], (model, text)
        # What is refused.
        status, _, answer = load("legal", "legal")
        assert status == 400 and "already" in answer["error"]["message"], answer
        for path in ("../tone", os.path.join(folder, "tone"), "link", "absent", "/", "..", "legal/../../tone", "a\0b"):
            status, _, answer = load("escape", path)
            assert status == 400 and answer["error"]["param"] == "lora_path", (path, answer)
        status, _, answer = load("dora", "dora")
        assert status == 400 and "use_dora" in answer["error"]["message"], answer
        for body in ({}, {"lora_name": "x"}, {"lora_name": 1, "lora_path": "legal"}, {"lora_name": "", "lora_path": "legal"},
                     {"lora_name": "a b", "lora_path": "legal"}, {"lora_name": "x", "lora_path": "legal", "other": 1}):
            assert server.ask("/v1/load_lora_adapter", body)[0] == 400, body
        assert load("third", "legal")[0] == 200
        status, _, answer = load("fourth", "legal")
        assert status == 400 and "at most 3" in answer["error"]["message"], answer
        # Unloaded in use: the answer goes on to its end.
        for name in ("third", base, "nobody"):
            expected = 200 if name == "third" else 404
            assert server.ask("/v1/unload_lora_adapter", {"lora_name": name})[0] == expected, name
        body = {"model": "legal", "prompt": PROMPT, "max_tokens": 200, "temperature": 0, "ignore_eos": True, "stream": True,
                "stream_options": {"include_usage": True}}
        request = urllib.request.Request(server.url + "/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.readline()
            assert server.ask("/v1/unload_lora_adapter", {"lora_name": "legal"})[0] == 200
            assert server.complete(model="legal")[0] == 404
            events = [line for line in answer.read().decode().splitlines() if line]
        assert events[-1] == "data: [DONE]" and json.loads(events[-2][6:])["usage"]["completion_tokens"] == 200, events[-2:]
        # Loaded again and again while others are answered.
        for _ in range(5):
            assert load("legal", "legal")[0] == 200
            assert text_of(server, "legal") == legal
            assert server.ask("/v1/unload_lora_adapter", {"lora_name": "legal"})[0] == 200
            assert text_of(server, "tone") == tone and text_of(server, base) == plain
        assert [entry["id"] for entry in server.ask("/v1/models")[2]["data"]] == [base, "tone"]


def check_off(program, folder):
    with Server(program, "--lora", "tone=" + os.path.join(folder, "tone")) as server:
        for route in ("load", "unload"):
            status, _, answer = server.ask(f"/v1/{route}_lora_adapter", {"lora_name": "tone", "lora_path": "x"})
            assert status == 403 and answer["error"]["code"] == "lora_off", answer
    for flags, words in ((("--lora", "tone"), "NAME=DIR"), (("--lora", "tone=" + folder + "/dora"), "use_dora"),
                         (("--lora", "tone=" + folder + "/inside/legal", "--lora-memory", "1"), "left for adapters")):
        failed = subprocess.run([program, "serve", "--threads", "1", "--port", "0", *flags], capture_output=True, text=True, timeout=120)
        assert failed.returncode != 0 and words in failed.stderr, failed


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        write_adapter(os.path.join(folder, "tone"), 1)
        write_adapter(os.path.join(folder, "inside", "legal"), 2, rank=17)
        write_adapter(os.path.join(folder, "inside", "dora"), 3, use_dora=True)
        write_adapter(os.path.join(folder, "dora"), 3, use_dora=True)
        os.symlink(os.path.join(folder, "tone"), os.path.join(folder, "inside", "link"))
        check_run(program, folder)
        check_server(program, folder)
        check_off(program, folder)


main()
