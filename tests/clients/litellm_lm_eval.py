"""litellm and lm-evaluation-harness against a running server: litellm_lm_eval.py HOST:PORT"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1")  # nothing is looked up elsewhere
TASKS = pathlib.Path(__file__).resolve().parent / "lm_eval_tasks"


def check_litellm(address):
    import litellm

    litellm.telemetry = False
    messages = [{"role": "user", "content": "Once upon a time"}]
    ask = {"messages": messages, "max_tokens": 8, "temperature": 0, "api_key": "none", "num_retries": 0}
    openai = {**ask, "model": "openai/tiny-mixtral", "api_base": f"http://{address}/v1"}
    whole = litellm.completion(**openai)
    answer = whole.choices[0].message.content
    assert answer and whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole
    pieces = litellm.completion(**openai, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == answer
    anthropic = litellm.completion(**{**ask, "model": "anthropic/tiny-mixtral", "api_base": f"http://{address}"})
    assert anthropic.choices[0].message.content == answer, anthropic
    text = litellm.text_completion(model="text-completion-openai/tiny-mixtral", api_base=f"http://{address}/v1",
                                   api_key="none", prompt="Once upon a time", max_tokens=4, temperature=0)
    assert text.choices[0].text, text
    try:
        litellm.completion(**{**openai, "temperature": 3})
        raise AssertionError("a temperature of 3 was accepted")
    except litellm.BadRequestError as refused:
        assert "temperature" in str(refused), refused


def run_lm_eval(address, folder, model, route, tasks, more_model="", more=()):
    """The results of lm-evaluation-harness itself, task by task."""
    for task in TASKS.glob("*.yaml"):
        text = task.read_text().replace("STORIES", str(TASKS / "stories.jsonl"))
        (folder / task.name).write_text(text)
    command = [sys.executable, "-m", "lm_eval", "--model", model, "--include_path", str(folder),
               "--model_args", f"model=tiny-mixtral,base_url=http://{address}{route},num_concurrent=2{more_model}",
               "--tasks", tasks, "--output_path", str(folder / model), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    (result,) = (folder / model).rglob("results_*.json")
    return json.loads(result.read_text())["results"]


def check_lm_eval(address):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results = run_lm_eval(address, folder, "local-completions", "/v1/completions", "stories_choice,stories_text",
                              more_model=",tokenizer_backend=remote")
        # The model was trained on such stories: it knows which word ends each.
        assert results["stories_choice"]["acc,none"] >= 5 / 6, results
        assert 0 <= results["stories_text"]["exact_match,none"] <= 1, results
        results = run_lm_eval(address, folder, "local-chat-completions", "/v1/chat/completions", "stories_text",
                              more=["--apply_chat_template"])
        assert 0 <= results["stories_text"]["exact_match,none"] <= 1, results


if __name__ == "__main__":
    check_litellm(sys.argv[1])
    check_lm_eval(sys.argv[1])
    print("ok")
