"""The clients that people use, against a running server. Skipped where they are not installed:

    python3 -m venv clients && clients/bin/pip install -r tests/cli/clients_requirements.txt
    SLUICE_CLIENTS=clients/bin/python ctest --test-dir build/release -R clients
"""
import os
import signal
import subprocess
import sys

SKIPPED = 77


def import_clients():
    """The modules; runs again under SLUICE_CLIENTS where this interpreter lacks them."""
    try:
        import anthropic
        import openai
        return openai, anthropic
    except ImportError as missing:
        other = os.environ.get("SLUICE_CLIENTS")
        if other and os.path.realpath(other) != os.path.realpath(sys.executable) and "SLUICE_AGAIN" not in os.environ:
            os.execve(other, [other, *sys.argv], {**os.environ, "SLUICE_AGAIN": "1"})
        print(f"skipped: {missing}; install tests/cli/clients_requirements.txt and name its python in SLUICE_CLIENTS")
        sys.exit(SKIPPED)


def check_openai(openai, address):
    client = openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    messages = [{"role": "user", "content": "Once upon a time"}]
    whole = client.chat.completions.create(model=model, messages=messages, max_tokens=8, temperature=0, logprobs=True,
                                           top_logprobs=2)
    assert whole.choices[0].finish_reason in ("stop", "length"), whole
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert len(whole.choices[0].logprobs.content[0].top_logprobs) == 2
    with client.chat.completions.stream(model=model, messages=messages, max_tokens=8, temperature=0) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
    assert text == whole.choices[0].message.content, (text, whole)
    completion = client.completions.create(model=model, prompt="Once upon a time", max_tokens=1, echo=True, logprobs=1)
    logprobs = completion.choices[0].logprobs
    assert logprobs.token_logprobs[0] is None and logprobs.token_logprobs[1] < 0, logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs)
    response = client.responses.create(model=model, input="Once upon a time", max_output_tokens=8, temperature=0)
    assert response.output_text == whole.choices[0].message.content, response
    with client.responses.stream(model=model, input="Once upon a time", max_output_tokens=8, temperature=0) as stream:
        events = list(stream)
    assert events[0].type == "response.created", events[0]
    assert events[-1].type in ("response.completed", "response.incomplete"), events[-1]
    assert events[-1].response.output_text == response.output_text, (events[-1], response)
    for error, members in [(openai.BadRequestError, {"model": model, "temperature": 3}),
                           (openai.NotFoundError, {"model": "another"})]:
        try:
            client.chat.completions.create(messages=messages, **members)
            raise AssertionError(f"{members} was accepted")
        except error as refused:
            assert refused.body["message"], refused


def check_anthropic(anthropic, address):
    client = anthropic.Anthropic(base_url=f"http://{address}", api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    ask = {"model": model, "max_tokens": 8, "extra_body": {"temperature": 0},
           "messages": [{"role": "user", "content": "Once upon a time"}]}
    whole = client.messages.create(**ask)
    assert whole.content[0].type == "text" and whole.stop_reason in ("end_turn", "max_tokens"), whole
    with client.messages.stream(**ask) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text, (text, whole)
    assert final.usage.output_tokens == whole.usage.output_tokens, (final, whole)
    counted = client.messages.count_tokens(model=model, messages=ask["messages"])
    assert counted.input_tokens == whole.usage.input_tokens, (counted, whole)
    try:
        client.messages.create(**{**ask, "extra_body": {"temperature": 3}})
        raise AssertionError("a temperature of 3 was accepted")
    except anthropic.BadRequestError as refused:
        assert "temperature" in refused.message, refused


def main():
    openai, anthropic = import_clients()
    server = subprocess.Popen([sys.argv[1], "serve", "--threads", "1", "--port", "0"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    try:
        address = server.stderr.readline().split("http://")[1].split()[0]
        check_openai(openai, address)
        check_anthropic(anthropic, address)
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=120)
    assert status == 0, status
    print("ok")


if __name__ == "__main__":
    main()
