"""Schemas, expressions and grammars that no answer can be held to: 400 within seconds, and the server goes on."""
import json
import re
import sys
import time

from harness import case, is_sanitized, main

# That a form may take to be refused or compiled on a loaded machine.
SECONDS = 120 if is_sanitized(sys.argv[1]) else 30


def ask(server, tokens=2, **form):
    began = time.monotonic()
    answer = server.complete(max_tokens=tokens, timeout=2 * SECONDS, **form)
    assert time.monotonic() - began < SECONDS, (time.monotonic() - began, str(form)[:200])
    return answer


def refused(server, code, *values, member):
    for value in values:
        answer = ask(server, **{member: value})
        assert answer.status == 400 and answer.error["code"] == code, (str(value)[:200], answer.raw[:600])
        assert answer.error["message"] and len(answer.raw) < 10_000, answer.raw[:600]


def bounded(server, *values, member):
    """Too large or not: an answer of that form, or a refusal."""
    for value in values:
        assert ask(server, **{member: value}).status in (200, 400), str(value)[:200]


@case
def expressions(server):
    refused(server, "invalid_grammar", "{2}x", "(?=a)b", "(?<=a)b", "(?!a)b", r"(a)\1", "(", "[", "a{2,1}", "[z-a]", "\\", member="guided_regex")
    bounded(server, "a{1,1000000000}", "((((a{1,900}){1,900}){1,900}){1,900})", "(a+)+$", "(a|a)*", "(a*)*b", "^+a", "(" * 60_000 + "a" + ")" * 60_000, "a?" * 20_000, "(.*a){20}", member="guided_regex")


@case
def grammars(server):
    chain = "".join(f"r{i} ::= r{i + 1}\n" for i in range(5000)) + 'r5000 ::= "a"\n'
    refused(server, "invalid_grammar", "", "x", 'a ::= "b"', 'root ::= root "a" | "b"', 'root ::= a\na ::= b\nb ::= a "x" | "y"', "root ::= missing",
            'root ::= "a', "root ::= [", 'root ::= ("a"', member="guided_grammar")
    bounded(server, 'root ::= "a"{1,1000000000}', "root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000, "root ::= r0\n" + chain, 'root ::= a a\na ::= "x"* a | ""', 'root ::= ""', member="guided_grammar")


@case
def schemas(server):
    deep = current = {}
    for _ in range(90):
        current["items"] = current = {}
    refused(server, "invalid_schema", {"$ref": "#"}, {"$ref": "http://elsewhere/x"}, {"$ref": "file:///etc/passwd"}, {"$ref": "#/$defs/none"}, {"type": "no"},
            {"type": 1}, {"type": []}, {"enum": []}, {"type": "integer", "minimum": 2, "maximum": 1}, {"minLength": -1, "type": "string"},
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, {"properties": 1}, {"type": "string", "pattern": "("},
            member="json_schema")
    bounded(server, deep, {"type": "array", "minItems": 10**9}, {"type": "string", "minLength": 10**9}, {"enum": [f"word {i}" for i in range(100_000)]}, {"properties": {f"p{i}": {"type": "integer"} for i in range(5000)}},
            {"type": "string", "maxLength": 10**9}, {"anyOf": [{"const": i} for i in range(5000)]}, member="json_schema")
    several = [list(range(100_000)), list(range(100_000, 200_000))]
    refused(server, "invalid_schema", {"properties": {"x" * 1_000_000: False}, "additionalProperties": True},
            {"allOf": [{"enum": values} for values in several]}, {"oneOf": [{"enum": values} for values in several]},
            {"description": "x" * 1_000_000, "allOf": [{"$ref": "#"}] * 2}, member="json_schema")
    for text in ("{", "[" * 10_000, '{"type": "integer"', '{"a": 1e999}'):
        answer = ask(server, guided_json=text)
        assert answer.status == 400, answer.raw[:600]


@case
def a_wrong_form_after_a_right_one(server):
    for _ in range(3):
        assert ask(server, guided_regex="[0-9]{3}").status == 200
        refused(server, "invalid_grammar", "[0-9", member="guided_regex")


@case
def many_forms_are_forgotten(server):
    for i in range(1500):
        assert ask(server, tokens=1, json_schema={"const": f"{i} {'x' * 200}"}).status == 200


@case
def answers_are_of_the_form(server):
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 99},
                                               "kind": {"enum": ["cat", "dog"]}}, "required": ["name", "age", "kind"]}
    for seed in range(6):
        answer = ask(server, tokens=80, json_schema=schema, seed=seed, temperature=1.5, n=3)
        for choice in answer.json["choices"]:
            assert choice["finish_reason"] == "stop", choice
            value = json.loads(choice["text"])
            assert len(value["name"]) <= 8 and 0 <= value["age"] <= 99 and value["kind"] in ("cat", "dog"), value
        text = ask(server, tokens=40, guided_regex="[A-Z][a-z]{2,6} [0-9]{4}", seed=seed, temperature=2).json["choices"][0]["text"]
        assert re.fullmatch("[A-Z][a-z]{2,6} [0-9]{4}", text), text


if __name__ == "__main__":
    main(twice=True)
