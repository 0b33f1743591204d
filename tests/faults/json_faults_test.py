"""Bad JSON: refused with 400 and the place, whatever the route; good JSON is read."""
import base64
import pathlib

from harness import case, main

ROUTES = ("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/tokenize",
          "/detokenize", "/apply-template")


def suite():
    cases = {"n_structure_100000_opening_arrays": b"[" * 100_000, "n_structure_open_array_object": b'[{"":' * 50_000 + b"\n"}
    for line in (pathlib.Path(__file__).parent / "json_suite.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, encoded = line.partition(" ")
            cases[name] = base64.b64decode(encoded)
    return cases


def is_json(answer):
    """Whether the server could read the body, whatever it thinks of what it says."""
    assert answer.status == 400, answer.raw
    return answer.error["code"] != "invalid_json"


@case
def the_whole_test_suite(server):
    cases = suite()
    assert len(cases) == 318, len(cases)
    for name, body in cases.items():
        repeats_a_key = "duplicated_key" in name  # which this server refuses
        read = is_json(server.ask("POST", "/v1/completions", body))
        if name.startswith("n_") or repeats_a_key:
            assert not read, name
        elif name.startswith("y_"):
            assert read, name


def refused_everywhere(server, body):
    for route in ROUTES:
        answer = server.ask("POST", route, body)
        assert answer.status == 400 and answer.error["code"] == "invalid_json", (route, body[:100], answer.raw)


@case
def nesting_is_bounded(server):
    refused_everywhere(server, b'{"prompt":' + b"[" * 100_000)
    refused_everywhere(server, b'{"a":' * 100_000)
    refused_everywhere(server, b"[" * 100_000 + b"]" * 100_000)


@case
def keys_stand_once(server):
    refused_everywhere(server, b'{"prompt":"a","prompt":"b"}')
    refused_everywhere(server, b'{"x":{"a":1,"\\u0061":2}}')


@case
def text_is_unicode(server):
    for text in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\\ud800", b"\\udc00", b"\\ud800\\u0041", b"\\ud8"):
        refused_everywhere(server, b'{"prompt":"' + text + b'"}')
    assert server.complete(prompt="\U0001f600 ä \u0000 end").status == 200


@case
def numbers_fit(server):
    for number in (b"1e999", b"-1e999", b"18446744073709551616", b"1" * (1 << 20), b"01", b"+1", b"1.", b".5", b"0x10", b"NaN", b"Infinity"):
        refused_everywhere(server, b'{"prompt":"a","seed":' + number + b"}")


@case
def bodies_of_other_kinds(server):
    for body in (b"", b" ", b"null", b"[]", b"3", b'"text"', b"true", b"{", b'{"prompt"', b"{}{}", b"\xef\xbb\xbf{}", b"\x00{}", b"{}\x00"):
        for route in ROUTES:
            answer = server.ask("POST", route, body)
            assert answer.status == 400 and answer.error["message"], (route, body, answer.raw)


@case
def unknown_fields_are_named(server):
    answer = server.complete(no_such_field=1, another={"a": [1]})
    assert answer.status == 200 and answer.headers["x-ignored-fields"] == "no_such_field, another", answer.raw
    answer = server.complete(**{f"field-{i}": i for i in range(100_000)})
    assert answer.status == 200 and len(answer.headers["x-ignored-fields"]) < 4096, answer.raw[:300]
    answer = server.complete(**{"x\r\nSet-Cookie: a": 1})
    assert answer.status == 200 and "set-cookie" not in answer.headers, answer.raw


if __name__ == "__main__":
    main(twice=True)
