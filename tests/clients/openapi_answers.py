"""Answers of a running server against OpenAI's published description: openapi_answers.py HOST:PORT KEY DESCRIPTION

The server has a model whose chat template calls tools and can be told to think, and asks for the key.
What the description has and this server does not offer is not asked for: audio, images and files, web search and
OpenAI's other own tools, custom tools, stored answers (store, previous_response_id, conversations, background),
moderation, predictions, and the routes of other services. openapi_description.py says where answers differ on purpose.
"""
import json
import sys

from openapi_cases import check_cases
from openapi_description import Description
from openapi_service import Service

QUESTION = "Once upon a time"
MESSAGES = [{"role": "user", "content": QUESTION}]
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"],
        "additionalProperties": False}
FUNCTION = {"name": "weather", "description": "The weather of a city", "parameters": CITY}
TOOLS = [{"type": "function", "function": FUNCTION}]
FORCED = {"type": "function", "function": {"name": "weather"}}
THINK = {"chat_template_kwargs": {"enable_thinking": True}}


def check_models(service):
    entry = service.get(f"models/{service.model}", "Model")
    assert entry["id"] == service.model, entry
    answer = service.session.get(f"{service.url}/models/another", timeout=60)
    assert answer.status_code == 404 and service.check_error(answer)["code"] == "model_not_found", answer.text


def check_chat(service):
    plain = {"messages": MESSAGES, "max_tokens": 8, "temperature": 0}
    schema = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
    past = MESSAGES + [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"}]
    for more in ({}, {"n": 3, "seed": 1, "temperature": 1}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 3},
                 {"stop": ["a", "e"]}, {"response_format": {"type": "text"}}, {"tools": TOOLS, "tool_choice": "none"},
                 {"tools": TOOLS, "messages": past}, {"tools": TOOLS, "tool_choice": "auto"}, THINK,
                 {"stream_options": {"include_usage": True}, "logprobs": True, "n": 2}):
        ask = {**plain, **more}
        whole = service.ask("chat/completions", **{name: ask[name] for name in ask if name != "stream_options"})
        chunks = service.stream("chat/completions", **ask)
        told = {choice["index"]: choice["message"]["content"] or "" for choice in whole["choices"]}
        heard = dict.fromkeys(told, "")
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            heard[choice["index"]] += choice["delta"].get("content") or ""
        assert heard == told, (more, heard, told)
        assert len(told) == more.get("n", 1), whole
    for choice in ("required", FORCED):
        ask = {**plain, "max_tokens": 200, "tools": TOOLS, "tool_choice": choice, "parallel_tool_calls": False}
        (made,) = service.ask("chat/completions", **ask)["choices"]
        (call,) = made["message"]["tool_calls"]
        assert made["finish_reason"] == "tool_calls" and call["function"]["name"] == "weather", made
        assert len(json.loads(call["function"]["arguments"])["city"]) <= 8, call
        chunks = service.stream("chat/completions", **ask)
        pieces = [delta for chunk in chunks for delta in chunk["choices"][0]["delta"].get("tool_calls", [])]
        assert "".join(piece["function"]["arguments"] for piece in pieces) == call["function"]["arguments"], pieces
    made = service.ask("chat/completions", **{**plain, "max_tokens": 200, "response_format": schema})
    assert list(json.loads(made["choices"][0]["message"]["content"])) == ["city"], made
    service.stream("chat/completions", **{**plain, "response_format": {"type": "json_object"}})


def check_completions(service):
    plain = {"prompt": QUESTION, "max_tokens": 6, "temperature": 0}
    for more in ({}, {"echo": True}, {"logprobs": 2}, {"echo": True, "logprobs": 1}, {"n": 2, "best_of": 3},
                 {"prompt": [QUESTION, "There was"]}, {"prompt": [1, 2, 3]}, {"stop": "a"},
                 {"echo": True, "logprobs": 5, "max_tokens": 1}):
        whole = service.ask("completions", **{**plain, **more})
        if "best_of" in more:
            continue
        chunks = service.stream("completions", **{**plain, **more, "stream_options": {"include_usage": True}})
        heard = dict.fromkeys((choice["index"] for choice in whole["choices"]), "")
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            heard[choice["index"]] += choice["text"]
        assert heard == {choice["index"]: choice["text"] for choice in whole["choices"]}, (more, heard, whole)
        assert chunks[-1]["usage"] and not chunks[-1]["choices"], chunks[-1]


def check_responses(service):
    tool = {"type": "function", **FUNCTION, "strict": True}
    items = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
             {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"city": "Ulm"}'},
             {"type": "function_call_output", "call_id": "c", "output": "rain"}]
    forms = {"text": {"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}}}
    plain = {"input": QUESTION, "max_output_tokens": 16, "temperature": 0}
    for more in ({}, {"instructions": "Be brief.", "metadata": {"a": "b"}, "top_p": 0.5}, {"input": items}, THINK,
                 {"tools": [tool], "tool_choice": "auto"}, {"text": {"format": {"type": "text"}}},
                 {"max_output_tokens": 200, "tools": [tool], "tool_choice": "required", "parallel_tool_calls": False},
                 {"max_output_tokens": 200, "tools": [{"type": "function", "name": "weather", "parameters": CITY}],
                  "tool_choice": {"type": "function", "name": "weather"}},
                 {"max_output_tokens": 200, **forms}, {"reasoning": {"effort": "low"}}):
        whole = service.ask("responses", **{**plain, **more})
        events = service.stream("responses", **{**plain, **more})
        texts = [[part["text"] for item in answer["output"] for part in item.get("content", [])]
                 for answer in (whole, events[-1]["response"])]
        assert texts[0] == texts[1], (more, whole, events[-1])
        assert whole["text"] == more.get("text", {"format": {"type": "text"}}), whole["text"]


def check_embeddings(service):
    for given in (QUESTION, [QUESTION, "There was"], [1, 2, 3], [[1, 2], [3]]):
        service.ask("embeddings", input=given)
    packed = service.ask("embeddings", input=QUESTION, encoding_format="base64", user="me")
    assert isinstance(packed["data"][0]["embedding"], str), packed


def check_errors(service):
    for path, body in (("chat/completions", {"messages": MESSAGES}), ("completions", {"prompt": QUESTION}),
                       ("responses", {"input": QUESTION}), ("embeddings", {"input": QUESTION})):
        assert service.refused(404, path, {**body, "model": "another"})["code"] == "model_not_found", path
        service.refused(401, path, body, Authorization="Bearer another")
        service.refused(400, path, {})
        service.refused(415, path, body, **{"content-type": "text/plain"})
        if path != "embeddings":
            assert service.refused(400, path, {**body, "temperature": 3})["param"] == "temperature", path
        broken = service.session.post(f"{service.url}/{path}", data="{", timeout=60,
                                      headers={"content-type": "application/json"})
        assert broken.status_code == 400 and service.check_error(broken), broken.text
    service.refused(404, "audio/speech", {})
    wrong = service.session.put(f"{service.url}/completions", json={}, timeout=60)
    assert wrong.status_code == 405 and service.check_error(wrong), wrong.text


if __name__ == "__main__":
    asked = Service(sys.argv[1], sys.argv[2], Description(sys.argv[3]))
    for check in (check_models, check_chat, check_completions, check_responses, check_embeddings, check_errors,
                  check_cases):
        check(asked)
    print("ok")
