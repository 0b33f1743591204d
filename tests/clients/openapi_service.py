"""A server that is asked, and whose answers have to be what OpenAI's description says."""
import json

import requests

ANSWERS = {"chat/completions": "CreateChatCompletionResponse", "completions": "CreateCompletionResponse",
           "responses": "Response", "embeddings": "CreateEmbeddingResponse"}
CHUNKS = {"chat/completions": "CreateChatCompletionStreamResponse", "completions": "CreateCompletionResponse"}
# What /responses repeats of a request, and something right for its place where the request is wrong on purpose.
REPEATED = {"text": {"format": {"type": "text"}}, "tools": [], "tool_choice": "auto", "reasoning": {}, "metadata": {}}
LONGEST = 60  # seconds that an answer may take; none of them has more than some hundred tokens


def events_of(answer):
    """The name and data of each event of a stream."""
    name, data = None, []
    for line in answer.content.decode("utf-8").split("\n"):
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data.append(line[6:])
        elif not line and data:
            yield name, "\n".join(data)
            name, data = None, []
    assert not data, "the stream ends in the middle of an event"


class Service:
    def __init__(self, address, key, description):
        self.url, self.description = f"http://{address}/v1", description
        self.wrong = False  # the requests, in the members that an answer repeats
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"
        self.model = self.get("models", "ListModelsResponse")["data"][0]["id"]

    def get(self, path, schema):
        answer = self.session.get(f"{self.url}/{path}", timeout=LONGEST)
        self.description.check(schema, answer.json())
        return answer.json()

    def post(self, path, body, **headers):
        return self.session.post(f"{self.url}/{path}", json={"model": self.model, **body}, headers=headers,
                                 timeout=LONGEST)

    def ask(self, path, **body):
        """The answer to what must be answered."""
        answer = self.post(path, body)
        assert answer.status_code == 200, (body, answer.text)
        return self.check_whole(path, answer)

    def stream(self, path, **body):
        """Likewise, the events of its stream."""
        answer = self.post(path, {**body, "stream": True})
        assert answer.status_code == 200, (body, answer.text)
        return self.check_stream(path, answer)

    def refused(self, status, path, body, **headers):
        answer = self.post(path, body, **headers)
        assert answer.status_code == status, (status, path, body, answer.status_code, answer.text)
        return self.check_error(answer)

    def check(self, path, answer):
        """Any answer of a route; what it was."""
        if answer.status_code != 200:
            self.check_error(answer)
            return "refused"
        if answer.headers["content-type"].startswith("text/event-stream"):
            self.check_stream(path, answer)
            return "streamed"
        self.check_whole(path, answer)
        return "answered"

    def own(self, answer):
        """`answer` without what it repeats of a wrong request."""
        return {**answer, **REPEATED} if self.wrong else answer

    def check_error(self, answer):
        assert 400 <= answer.status_code < 500, f"status {answer.status_code}: {answer.text[:1000]}"
        self.description.check("ErrorResponse", answer.json())
        return answer.json()["error"]

    def check_whole(self, path, answer):
        self.description.check(ANSWERS[path], self.own(answer.json()) if path == "responses" else answer.json())
        return answer.json()

    def check_stream(self, path, answer):
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.headers
        events = list(events_of(answer))
        if path == "responses":
            return self.check_named_events(events)
        assert events[-1] == (None, "[DONE]"), events[-1]
        chunks = [json.loads(data) for _, data in events[:-1]]
        for chunk in chunks:
            self.description.check(CHUNKS[path] if "error" not in chunk else "ErrorResponse", chunk)
        assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1, chunks
        return chunks

    def check_named_events(self, events):
        made = [json.loads(data) for _, data in events]
        for number, ((name, _), event) in enumerate(zip(events, made)):
            assert name == event["type"] and event["sequence_number"] == number, (number, name, event)
            whole = {"response": self.own(event["response"])} if "response" in event else {}
            self.description.check_event({**event, **whole})
        assert made[-1]["type"] in ("response.completed", "response.incomplete", "response.failed"), made[-1]
        return made
