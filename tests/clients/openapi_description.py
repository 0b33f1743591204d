"""OpenAI's published description of its API, as JSON Schemas that our answers are checked against."""
import datetime
import json

import jsonschema
import referencing
import referencing.jsonschema
import yaml

ROOT = "urn:openai"
NULL = {"type": "null"}

# Where our answers deviate on purpose: the schema, the path to what it says there, what is let through, and why.
DIFFERENCES = [
    ("CreateCompletionResponse", "properties/choices/items/properties/finish_reason", NULL,
     "a streamed completion says why it ended in its last chunk; the description has no schema for its chunks"),
    ("CreateCompletionResponse", "properties/usage", NULL,
     "with include_usage every chunk but the last has a usage of null, as in chat completions"),
    ("CreateCompletionResponse", "properties/choices/items/properties/logprobs/properties/token_logprobs/items", NULL,
     "with echo nothing stands before the first token; lm-evaluation-harness asks for null there"),
    ("CreateCompletionResponse", "properties/choices/items/properties/logprobs/properties/top_logprobs/items", NULL,
     "as token_logprobs"),
    ("Embedding", "properties/embedding", {"type": "string", "contentEncoding": "base64"},
     "with encoding_format base64, which OpenAI's own clients ask for, a vector is a string"),
    ("Response", "allOf/2/properties/usage", NULL,
     "until the last event of a stream there is none, and null stands there as in the description's own examples"),
]


def plain(value):
    """`value` as JSON Schema 2020-12: without `nullable`, which is of an older OpenAPI, and without YAML's dates."""
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if not isinstance(value, dict):
        return value
    made = {name: plain(entry) for name, entry in value.items() if name != "nullable"}
    return {"anyOf": [made, NULL]} if value.get("nullable") is True else made


def let_through(schemas, name, path, more):
    *parents, last = path.split("/")
    at = schemas[name]
    for step in parents:
        if isinstance(at, list):
            step = int(step)
        elif step not in at:  # made nullable by plain()
            at = at["anyOf"][0]
        at = at[step]
    at[last] = {"anyOf": [at[last], more]}


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = plain(yaml.load(file, Loader=yaml.CSafeLoader))
        self.schemas = self.document["components"]["schemas"]
        for name, where, more, _ in DIFFERENCES:
            let_through(self.schemas, name, where, more)
        self.registry = referencing.Registry().with_resource(
            ROOT, referencing.jsonschema.DRAFT202012.create_resource({"$id": ROOT, **self.document}))
        self.validators = {}
        events = [entry["$ref"].rsplit("/", 1)[1] for entry in self.schemas["ResponseStreamEvent"]["anyOf"]]
        self.events = {self.schemas[name]["properties"]["type"]["enum"][0]: name for name in events}

    def check(self, name, value):
        """Asserts that `value` is what components/schemas/NAME describes."""
        if name not in self.validators:
            self.validators[name] = jsonschema.Draft202012Validator(
                {"$ref": f"{ROOT}#/components/schemas/{name}"}, registry=self.registry)
        wrong = jsonschema.exceptions.best_match(self.validators[name].iter_errors(value))
        assert wrong is None, f"{name}: {wrong.json_path}: {wrong.message[:600]}\nin {json.dumps(value)[:3000]}"

    def check_event(self, event):
        """One event of /responses: against the schema of its own type, whose complaint says more than anyOf's."""
        assert event.get("type") in self.events, f"no event of the description: {json.dumps(event)[:600]}"
        self.check(self.events[event["type"]], event)
