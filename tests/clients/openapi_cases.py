"""Requests that Schemathesis makes up from OpenAI's description, right and wrong ones, the same in every run."""
import collections
import copy
import itertools
import time

import hypothesis
import schemathesis

from openapi_service import LONGEST

ROUTES = {"chat/completions": "post", "completions": "post", "responses": "post", "embeddings": "post",
          "models": "get", "models/{model}": "get"}
CASES = 100  # of a route, right ones and wrong ones each
SECONDS = 60  # for each of those; cases that would come later are left out and counted
FEW = {"max_tokens": 8, "max_completion_tokens": 8, "max_output_tokens": 16, "n": 2, "best_of": 2}
FIRST_LIMIT = {"chat/completions": "max_tokens", "completions": "max_tokens", "responses": "max_output_tokens"}

# What requests leave out because the server does not offer it; as it is refused at once, nothing else would be tried.
LEFT_OUT = {
    "CreateCompletionRequest": ("suffix",), "CreateEmbeddingRequest": ("dimensions",),
    "ResponseProperties": ("previous_response_id", "background", "prompt"),
    "CreateResponse": ("conversation", "context_management", "moderation", "include"),
    "CreateChatCompletionRequest": ("audio", "modalities", "moderation", "web_search_options", "prediction",
                                    "functions", "function_call"),
}
# Of these only one kind: text, and functions.
ONLY = {"InputItem": "EasyInputMessage", "InputContent": "InputTextContent", "Tool": "FunctionTool",
        "ToolChoiceParam": "ToolChoiceOptions",
        "ChatCompletionRequestUserMessageContentPart": "ChatCompletionRequestMessageContentPartText",
        "ChatCompletionRequestAssistantMessageContentPart": "ChatCompletionRequestMessageContentPartText"}


def offered(document):
    """The description without what requests leave out."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    for name, members in LEFT_OUT.items():
        for part in [schemas[name], *schemas[name].get("allOf", [])]:
            for member in members:
                part.get("properties", {}).pop(member, None)
    for name, kind in ONLY.items():
        schemas[name] = {"$ref": f"#/components/schemas/{kind}"}
    schemas["CreateResponse"]["allOf"].append({"required": ["input"]})  # which nothing else could replace
    document["paths"] = {f"/{path}": {method: document["paths"][f"/{path}"][method]} for path, method in ROUTES.items()}
    return {**document, "security": []}  # the session has the key


def with_bounds(body, path, model, stream):
    """`body` for the model that is served, and with an answer that is soon computed; what is wrong in it stays."""
    if not isinstance(body, dict):
        return body
    body = {**({"stream": True} if stream and path in FIRST_LIMIT else {}), **body, "model": model}
    if path in FIRST_LIMIT and not any(body.get(name) is not None for name in FEW if name.startswith("max_")):
        body[FIRST_LIMIT[path]] = FEW[FIRST_LIMIT[path]]
    for name, few in FEW.items():
        if isinstance(body.get(name), (int, float)) and body[name] > few:
            body[name] = few
    return body


def check_case(service, path, case, number):
    case.body = with_bounds(case.body, path, service.model, stream=number % 2 == 1)
    answer = service.session.request(**{**case.as_transport_kwargs(base_url=service.url), "timeout": LONGEST})
    try:
        if ROUTES[path] == "post":
            return service.check(path, answer)
        if answer.status_code != 200:
            service.check_error(answer)
            return "refused"
        service.description.check("ListModelsResponse" if path == "models" else "Model", answer.json())
        return "answered"
    except Exception as wrong:
        raise AssertionError(f"{path}: {case.path_parameters} {case.body!r} got {answer.status_code} "
                             f"{answer.text[:1000]}") from wrong


def check_route(service, operation, path, mode):
    counts, numbers = collections.Counter(), itertools.count()
    until = time.monotonic() + SECONDS
    service.wrong = mode is schemathesis.GenerationMode.NEGATIVE

    @hypothesis.seed(1)
    @hypothesis.settings(max_examples=CASES, deadline=None, database=None, phases=[hypothesis.Phase.generate],
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def send(case):
        late = time.monotonic() > until
        counts["left out" if late else check_case(service, path, case, next(numbers))] += 1

    send()
    print(f"  {path}, {mode.value}: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}", flush=True)
    return counts


def check_cases(service):
    api = schemathesis.openapi.from_dict(offered(service.description.document))
    for path, method in ROUTES.items():
        operation = api[f"/{path}"][method.upper()]
        counts = check_route(service, operation, path, schemathesis.GenerationMode.POSITIVE)
        assert counts["answered"] > 0 or "{" in path, (path, counts)
        if method == "post":
            assert counts["streamed"] > 0 or path == "embeddings", (path, counts)
            check_route(service, operation, path, schemathesis.GenerationMode.NEGATIVE)
    service.get("models", "ListModelsResponse")  # it still answers
