"""For tests: a server as a process, its log, and requests to it."""
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import urllib.error
import urllib.request


class Server:
    """Ends with the block; `log` gives the objects of its log."""

    def __init__(self, program, *flags, context=None, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        self.context = context
        self.process = subprocess.Popen([program, "serve", "--threads", "1", "--port", "0", *flags], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=clean | environment)
        self.lines = queue.Queue()
        self.raw = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        first = self.wait_for(lambda line: " answers on http" in line["message"])
        self.url = next(word for word in first["message"].split() if word.startswith("http"))

    def _read(self):
        for line in self.process.stderr:
            self.raw.append(line)
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, wanted):
        """The next line of the log that is wanted."""
        while True:
            line = self.lines.get(timeout=120)
            assert line is not None, b"".join(self.raw)
            event = json.loads(line)
            if wanted(event):
                return event

    def request_of(self, request_id):
        return self.wait_for(lambda event: event.get("request_id") == request_id)

    def ask(self, path, body=None, key=None, **headers):
        """Status, headers and the JSON of an answer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            headers["authorization"] = f"Bearer {key}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=120, context=self.context) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read() or b"null")

    def complete(self, key=None, max_tokens=4, **members):
        headers = members.pop("headers", {})
        body = {"prompt": "Once upon a time", "max_tokens": max_tokens, "temperature": 0} | members
        return self.ask("/v1/completions", body, key, **headers)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=120)
        self.reader.join(timeout=120)
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        with contextlib.suppress(ProcessLookupError):
            status = self.stop()
            assert kind is not None or status == 0, (status, b"".join(self.raw))
