"""OpenAI's and Anthropic's own clients against a running server: openai_anthropic.py HOST:PORT"""
import sys

import anthropic
import openai


def check_openai(address):
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


def check_anthropic(address):
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


if __name__ == "__main__":
    check_openai(sys.argv[1])
    check_anthropic(sys.argv[1])
    print("ok")
