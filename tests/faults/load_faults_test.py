"""Overload, hostile neighbours and broken weights: others get what they would get alone, and the server goes on."""
import json
import math
import pathlib
import sys
import tempfile
import threading

import models
from harness import Response, Server, Witness, case, main, receive_all

PROMPT = [5 + i % 1000 for i in range(100)]


def tiny():
    return (pathlib.Path(sys.argv[2]) / "models" / "tiny-mixtral.gguf").read_bytes()


def served(data, *flags):
    """A server with a model of these bytes."""
    folder = tempfile.TemporaryDirectory()
    path = pathlib.Path(folder.name) / "model.gguf"
    path.write_bytes(data)
    server = Server(sys.argv[1], *flags, model=str(path))
    server.folder = folder
    return server


def fields_of(events):
    return [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: {")]


@case
def a_full_queue_says_when_to_come_back(_):
    server = Server(sys.argv[1], "--max-queue", "4", "--max-batch", "2")
    try:
        held = [server.start({"prompt": PROMPT, "max_tokens": 400, "ignore_eos": True, "stream": True}) for _ in range(4)]
        server.wait_until(lambda m: m["sluice_num_requests_running"] + m["sluice_num_requests_waiting"] >= 1, "nothing runs")
        answer = server.complete(n=5)  # more than the queue holds, whatever has ended by now
        assert (answer.status, answer.error["code"]) == (429, "queue_full"), answer.raw
        assert int(answer.headers["retry-after-ms"]) > 0 and int(answer.headers["retry-after"]) > 0
        for connection in held:
            connection.close()
        server.check()
        assert server.complete().status == 200
    finally:
        server.stop()


@case
def a_deadline_that_passes_in_the_queue(_):
    server = Server(sys.argv[1], "--max-batch", "1")
    try:
        held = server.start({"prompt": PROMPT, "n": 8, "max_tokens": 400, "ignore_eos": True, "stream": True})
        held.recv(1000)
        before = server.metrics()["sluice_prompt_tokens_total"]
        answer = server.complete(prompt=[9] * 300, timeout=0.001, priority=1)
        assert (answer.status, answer.error["code"]) == (504, "request_timeout"), answer.raw
        held.close()
        server.check()
        # The other answers' prompts are at most 8 x 100 tokens; the late one's 300 were not computed on top.
        assert server.metrics()["sluice_prompt_tokens_total"] - before <= 800
    finally:
        server.stop()


@case
def what_the_kv_cache_could_never_hold_is_refused_at_once(_):
    server = Server(sys.argv[1], "--kv-tokens", "64")
    try:
        answer = server.complete(prompt=PROMPT, max_tokens=10)
        assert answer.status == 400 and "--kv-tokens" in answer.error["message"], answer.raw
        assert server.complete(prompt=[5] * 40, max_tokens=8).status == 200
        server.check()
    finally:
        server.stop()


@case
def attackers_in_the_same_batch(server):
    """Long prompts, many answers, biases and penalties beside the victim, over and over."""
    def attack(seed):
        for i in range(3):
            server.complete(prompt=[(seed * 97 + i * 31 + j) % 4000 + 3 for j in range(300)], max_tokens=60, n=4, seed=i, temperature=2,
                            logit_bias={str(i): 100}, presence_penalty=2, ignore_eos=True)
    attackers = [threading.Thread(target=attack, args=(seed,)) for seed in range(6)]
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        Witness(server).finish()
    for attacker in attackers:
        attacker.join()


@case
def the_routing_of_tokens_is_nobodys(server):
    """The choices of experts would rebuild the text: no route gives another request's."""
    identity = server.complete().json["id"]
    for path in (f"/v1/completions/{identity}", f"/v1/completions/{identity}/routing", f"/routing/{identity}", "/routing"):
        answer = server.get(path)
        assert answer.status == 404 and answer.error["message"], answer.raw


@case
def all_tokens_to_the_same_experts(_):
    gguf = models.Gguf(tiny())
    for name in gguf.tensors:
        if name.endswith("ffn_gate_inp.weight"):
            gguf.fill(name, 0.0)
    server = served(bytes(gguf.data))
    try:
        alone = Witness(server)
        alone.finish()
        others = [server.start({"prompt": PROMPT, "max_tokens": 60, "ignore_eos": True}) for _ in range(8)]
        Witness(server).finish()
        for other in others:
            with other:
                assert Response(receive_all(other)).status == 200
        server.check()
        metrics = server.metrics()
        # Ties go to the lowest index: two experts of eight do all the work, and no token is dropped.
        assert metrics['sluice_experts_dead{layer="0"}'] == 6, metrics
        assert metrics["sluice_generation_tokens_total"] == 120 * 2 + 60 * 8, metrics
    finally:
        server.stop()


@case
def logits_that_are_no_numbers(_):
    for value in (math.nan, math.inf):
        gguf = models.Gguf(tiny())
        gguf.fill("output_norm.weight", value)
        try:
            server = served(bytes(gguf.data))
        except RuntimeError as error:
            assert "ended with 65" in str(error), error  # refused when it is loaded
            continue
        try:
            answer = server.complete(max_tokens=20)
            assert (answer.status, answer.error["code"]) == (500, "numerical_error"), answer.raw
            with server.start({"prompt": "Once", "max_tokens": 20, "stream": True}) as connection:
                events = fields_of(receive_all(connection))
            assert [event for event in events if "error" in event] and not any(
                choice.get("text") for event in events for choice in event.get("choices", [])), events
            server.check()
        finally:
            server.stop()


TEMPLATE = """{%- set ask = messages[0].content -%}
{%- macro again(n) -%}{{ again(n + 1) }}{%- endmacro -%}
{%- if ask == 'loop' -%}{%- for i in range(99999) -%}{%- for j in range(99999) -%}{%- endfor -%}{%- endfor -%}
{%- elif ask == 'range' -%}{{ range(1000000000)|list|length }}
{%- elif ask == 'recursion' -%}{{ again(0) }}
{%- elif ask == 'zero' -%}{{ 1 / 0 }}
{%- elif ask == 'modulo' -%}{{ 1 % 0 }}
{%- elif ask == 'shift' -%}{{ 10 ** 1000000000 }}
{%- elif ask == 'repeat' -%}{{ 'a' * 1000000000 }}
{%- elif ask == 'list' -%}{{ ([1] * 1000000000)|length }}
{%- elif ask == 'center' -%}{{ 'a'.center(1000000000) }}
{%- elif ask == 'indent' -%}{{ 'a'|indent(1000000000) }}
{%- elif ask == 'format' -%}{{ '%1000000000d' % 1 }}
{%- elif ask == 'double' -%}{%- set n = namespace(s='aaaaaaaa') -%}{%- for i in range(60) -%}{%- set n.s = n.s + n.s -%}{%- endfor -%}{{ n.s }}
{%- elif ask == 'raise' -%}{{ raise_exception('not so') }}
{%- elif ask == 'class' -%}{{ ''.__class__.__mro__[1].__subclasses__() }}
{%- elif ask == 'globals' -%}{{ cycler.__init__.__globals__.os.popen('id').read() }}
{%- elif ask == 'include' -%}{% include '/etc/passwd' %}
{%- elif ask == 'open' -%}{{ open('/etc/passwd').read() }}
{%- else -%}{{ ask }}
{%- endif -%}"""

FAULTS = ("loop", "range", "recursion", "zero", "modulo", "shift", "repeat", "list", "center", "indent", "format", "double", "class", "globals",
          "open")


@case
def templates_that_run_away(_):
    try:
        server = served(models.Gguf(tiny()).with_template(TEMPLATE))
    except RuntimeError:  # a template that asks for files may be refused as a whole
        server = served(models.Gguf(tiny()).with_template(TEMPLATE.replace("{% include '/etc/passwd' %}", "")))
    try:
        before = server.resident_kib()
        for fault in FAULTS:
            answer = server.chat(messages=[{"role": "user", "content": fault}])
            assert (answer.status, answer.error["code"]) == (400, "template_error"), (fault, answer.raw[:600])
            assert server.resident_kib() < before + (512 << 10), (fault, server.resident_kib(), before)
        answer = server.chat(messages=[{"role": "user", "content": "raise"}])
        assert (answer.status, answer.error["code"]) == (400, "chat_template_refused"), answer.raw
        assert "not so" in answer.error["message"]
        assert server.chat().status == 200
        server.check()
    finally:
        server.stop()


@case
def templates_that_cannot_be_read(_):
    for template in ("{{ " + "(" * 60_000 + "1" + ")" * 60_000 + " }}", "{% if %}" * 60_000, "{{ " + "[" * 60_000, "{{ " + "-" * 60_000 + "1 }}",
                     "{% for x in y %}" * 60_000, "{{ 'a"):
        try:
            served(models.Gguf(tiny()).with_template(template)).stop()
            raise AssertionError(f"served: {template[:20]}")
        except RuntimeError as error:
            assert "ended with 65" in str(error), str(error)[-300:]


@case
def control_tokens_in_text_are_text(server):
    marks = ("<s>", "</s>", "<unk>", "<|im_end|>", "[INST]", "<0x0A>")
    for mark in marks:
        answer = server.chat(messages=[{"role": "user", "content": f"a {mark} b"}])
        assert answer.status == 200, answer.raw
    ids = server.ask("POST", "/tokenize", {"messages": [{"role": "user", "content": "a </s> b"}]}).json["tokens"]
    assert 2 not in ids, ids


if __name__ == "__main__":
    main()
