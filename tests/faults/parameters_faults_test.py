"""Parameters that no request may have: 400 with the parameter's name. And the odd ones that are right: 200."""
from harness import case, main

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
BASE = {CHAT: {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}, COMPLETIONS: {"prompt": "Once", "max_tokens": 2}}
HUGE = 10**9


def ask(server, path, fields):
    return server.ask("POST", path, {**BASE[path], **fields})


def refused(server, param, *values, paths=(CHAT, COMPLETIONS), **others):
    for path in paths:
        for value in values:
            answer = ask(server, path, {param: value, **others})
            place = str(answer.error["param"]) if answer.status == 400 else ""
            assert place == param or place.startswith(param + "["), (path, param, str(value)[:100], answer.raw[:600])
            assert answer.error["type"] == "invalid_request_error"


def accepted(server, paths=(CHAT, COMPLETIONS), **fields):
    for path in paths:
        answer = ask(server, path, fields)
        assert answer.status == 200, (path, fields, answer.raw[:600])
    return answer


@case
def numbers_of_answers(server):
    refused(server, "n", 0, -1, 129, HUGE, 1.5, "2", [1], True)
    refused(server, "best_of", 0, -1, HUGE, "2", paths=(COMPLETIONS,))
    refused(server, "best_of", 1, n=2, paths=(COMPLETIONS,))
    accepted(server, n=128, max_tokens=1)
    accepted(server, n=None)


@case
def temperatures(server):
    refused(server, "temperature", -1, -0.001, 2.1, HUGE, "0.7", [], {}, True)
    accepted(server, temperature=None)
    accepted(server, temperature=2)
    accepted(server, temperature=0)
    accepted(server, temperature=1e-40)


@case
def filters_of_the_distribution(server):
    refused(server, "top_p", 0, -0.1, 1.1, "1", True)
    refused(server, "top_k", -5, 0.5, "1", 2**31, 2**63)
    refused(server, "min_p", -0.1, 1.1, "0")
    accepted(server, top_k=2**31 - 1, top_p=1e-9)
    accepted(server, max_tokens=2.0)
    accepted(server, top_k=-1, min_p=1)


@case
def lengths(server):
    refused(server, "max_tokens", -1, 1.5, "1", 2**31, 2**63)
    refused(server, "max_tokens", 0, paths=(CHAT,))
    refused(server, "max_tokens", 0, paths=(COMPLETIONS,))
    refused(server, "max_completion_tokens", -1, 0, paths=(CHAT,))
    refused(server, "max_tokens", 2, max_completion_tokens=2, paths=(CHAT,))
    answer = accepted(server, paths=(COMPLETIONS,), max_tokens=0, echo=True)
    assert answer.json["choices"][0]["text"] == "Once", answer.raw
    for path in (CHAT, COMPLETIONS):
        answer = ask(server, path, {"max_tokens": HUGE})
        assert answer.status == 400 and answer.error["code"] == "context_length_exceeded", answer.raw


@case
def log_probabilities(server):
    refused(server, "logprobs", 6, -1, 1.5, "1", paths=(COMPLETIONS,))
    refused(server, "logprobs", 1, "true", paths=(CHAT,))
    refused(server, "top_logprobs", 21, -1, "1", logprobs=True, paths=(CHAT,))
    refused(server, "top_logprobs", 1, paths=(CHAT,))
    accepted(server, paths=(CHAT,), logprobs=True, top_logprobs=20)
    accepted(server, paths=(COMPLETIONS,), logprobs=0)


@case
def biases(server):
    many = {str(i): 1 for i in range(100_000)}
    refused(server, "logit_bias", {"-1": 1}, {"4096": 1}, {"x": 1}, {"": 1}, {"1.0": 1}, {" 1": 1}, {"99999999999999999999": 1},
            {"5": 101}, {"5": -101}, {"5": "1"}, {"5": None}, many, [], "1")
    accepted(server, logit_bias={"5": 100, "6": -100})
    accepted(server, logit_bias={})


@case
def answers_of_banned_tokens_end_cleanly(server):
    # A bias is finite: the likeliest of what is left is still said. Over 1024 entries are refused, so ban by top_k.
    answer = accepted(server, paths=(COMPLETIONS,), logit_bias={str(i): -100 for i in range(1024)}, temperature=0, max_tokens=8)
    assert answer.json["choices"][0]["finish_reason"] in ("stop", "length"), answer.raw


@case
def stops(server):
    refused(server, "stop", ["a"] * 5, "", [""], ["a", ""], "a" * (1 << 20), 1, [1], {}, [None])
    text = server.complete(prompt="Once upon a time", max_tokens=60, temperature=0).json["choices"][0]["text"]
    for start in range(4, 30, 3):  # wherever it begins and ends, within tokens or across them
        stop = text[start:start + 7]
        said = server.complete(prompt="Once upon a time", max_tokens=60, temperature=0, stop=[stop]).json["choices"][0]
        assert said["finish_reason"] == "stop" and said["text"] == text[:text.index(stop)], (stop, said)
    accepted(server, stop=["ä\U0001f600", "b", "c", "d"])
    accepted(server, stop=[])


@case
def seeds(server):
    refused(server, "seed", 1.5, "1", [], 2**63)
    for path in BASE:  # more than any integer type holds is not even read
        answer = server.ask("POST", path, b'{"prompt":"a","messages":[],"seed":18446744073709551616}')
        assert answer.status == 400, answer.raw
    accepted(server, seed=-2**63)
    accepted(server, seed=2**63 - 1)


@case
def messages(server):
    ok = {"role": "user", "content": "Hi"}
    bad = ([], None, "Hi", {}, [1], [None], [{}], [{"role": "king", "content": "a"}], [{"role": 1, "content": "a"}], [{"role": "user"}],
           [{"role": "user", "content": None}], [{"role": "user", "content": 1}], [{"role": "user", "content": []}],
           [{"role": "user", "content": [1]}], [{"role": "user", "content": [{"type": "text"}]}],
           [{"role": "user", "content": [{"type": "text", "text": 1}]}], [{"content": "a"}], [{"role": "tool", "content": "a"}],
           [ok, {"role": "assistant", "tool_calls": "x"}], [ok, {"role": "assistant", "tool_calls": [1]}],
           [ok, {"role": "assistant", "tool_calls": [{"function": {"name": 1}}]}])
    refused(server, "messages", *bad, paths=(CHAT,))


@case
def pictures_and_sound_are_not_fetched(server):
    # Nobody listens on the discard port: a fetch would fail differently.
    for part in ({"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}, {"type": "image_url", "image_url": "file:///etc/passwd"},
                 {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, {"type": "file", "file": {"file_id": "x"}}):
        answer = ask(server, CHAT, {"messages": [{"role": "user", "content": [part]}]})
        assert answer.status == 400 and answer.error["code"] == "unsupported_value", answer.raw


@case
def prompts(server):
    refused(server, "prompt", "", [], None, 1, {}, True, [""], ["a", ""], [[]], [[1], []], [-1], [4096], [2**40], [2**63], [1, "a"], ["a", 1],
            ["a", [1.5]], [1.5], [True], [[[1]]], ["a"] * 300, paths=(COMPLETIONS,))
    accepted(server, paths=(COMPLETIONS,), prompt=["a", [5, 6]])


@case
def prompts_longer_than_the_context(server):
    for path, fields in ((COMPLETIONS, {"prompt": [5] * 600}), (CHAT, {"messages": [{"role": "user", "content": "word " * 3000}]})):
        answer = ask(server, path, fields)
        assert answer.status == 400 and answer.error["code"] == "context_length_exceeded", answer.raw
        assert "512" in answer.error["message"], answer.raw


@case
def a_megabyte_of_one_letter(server):
    for text in ("a" * (1 << 20), "a " * (1 << 19), "\u0301" * (1 << 19), "\U0001f600" * (1 << 18)):
        answer = server.complete(prompt=text)
        assert answer.status == 400 and answer.error["code"] == "context_length_exceeded", answer.raw[:600]


@case
def integers_for_internal_use(server):
    refused(server, "priority", -2**31 - 1, 2**31, 1.5, "1")
    refused(server, "timeout", -1, 0, "1", 1e30)
    for value in ("-1", "0", "x", "nan", "inf", "1e400", ""):
        answer = server.ask("POST", COMPLETIONS, {"prompt": "a", "max_tokens": 1}, X_Request_Timeout=value)
        assert answer.status == 400, (value, answer.raw)


@case
def penalties(server):
    for penalty in ("frequency_penalty", "presence_penalty"):
        refused(server, penalty, -2.1, 2.1, "1", True)
        for mode in ({"temperature": 0}, {"n": 3}, {"top_k": 5}, {"stream": True}, {"stop": ["e"]}, {"logit_bias": {"5": 1}}):
            accepted(server, **{penalty: 2, **mode})
            accepted(server, **{penalty: -2, "max_tokens": 10, **mode})
    accepted(server, paths=(COMPLETIONS,), presence_penalty=1, best_of=3, logprobs=2, echo=True)
    refused(server, "repetition_penalty", 0, -1, 11, "1")
    accepted(server, repetition_penalty=1.3)


@case
def streaming(server):
    refused(server, "stream_options", {"include_usage": True})
    refused(server, "stream_options", 1, {"include_usage": 1}, stream=True)
    refused(server, "stream", "true", 1, [])
    accepted(server, stream=True, stream_options={})


@case
def unknown_models(server):
    for path in BASE:
        for model in ("no-such-model", "", "../tiny-mixtral", "tiny-mixtral:adapter", "a" * 100_000):
            answer = ask(server, path, {"model": model})
            assert (answer.status, answer.error["code"]) == (404, "model_not_found"), answer.raw[:600]
    assert server.get("/v1/models/no-such-model").error["code"] == "model_not_found"


def tool(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


@case
def tools(server):
    refused(server, "tools", [tool(f"t{i}") for i in range(129)], [tool("a"), tool("a")], [tool("")], [tool("a b")], [tool("a" * 65)], [tool(1)],
            [{"type": "function"}], [{"type": "magic", "function": {"name": "a"}}], [1], "a", {}, paths=(CHAT,))
    absent = {"type": "function", "function": {"name": "b"}}
    refused(server, "tool_choice", "required", "auto", absent, paths=(CHAT,))
    refused(server, "tool_choice", absent, "sometimes", {}, 1, [], {"type": "function"}, tools=[tool("a")], paths=(CHAT,))
    accepted(server, paths=(CHAT,), tools=[tool(f"t{i}") for i in range(3)], tool_choice="none")
    accepted(server, paths=(CHAT,), tools=[])


@case
def templates_do_not_come_from_requests(server):
    refused(server, "chat_template", "{{ 1 }}", "", 1, paths=(CHAT,))
    for name in ("messages", "tools", "bos_token", "eos_token", "add_generation_prompt"):
        refused(server, "chat_template_kwargs", {name: "x"}, paths=(CHAT,))
    refused(server, "chat_template_kwargs", [], "x", 1, paths=(CHAT,))


@case
def other_routes_name_their_parameters(server):
    for path, fields, param in (("/tokenize", {}, "prompt"), ("/tokenize", {"prompt": 1}, "prompt"), ("/detokenize", {"tokens": ["a"]}, "tokens"),
                                ("/detokenize", {"tokens": [-1]}, "tokens"), ("/detokenize", {"tokens": [2**40]}, "tokens"),
                                ("/v1/messages", {"messages": [{"role": "user", "content": "a"}]}, "max_tokens"),
                                ("/v1/messages", {"max_tokens": 1, "messages": []}, "messages"),
                                ("/v1/responses", {}, "input"), ("/apply-template", {"messages": "a"}, "messages")):
        answer = server.ask("POST", path, fields)
        assert answer.status == 400 and answer.json["error"]["message"], (path, fields, answer.raw)
        assert answer.error["param"] == param, (path, fields, answer.raw)


if __name__ == "__main__":
    main(twice=True)
