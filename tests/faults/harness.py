"""A running server, and what has to hold after whatever was done to it.

`run(cases, server)` starts, for each case, a stream that has nothing to do with it, runs the case, and then asks: is the
process alive, does /health say 200, did the other stream say to the last byte what it says undisturbed, do no requests
run or wait, are all KV blocks given back. In the end the memory must have stopped to grow.
"""
import functools
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time

ALLOWED_GROWTH_KIB = 32 << 10  # of resident memory
PATIENCE = 120  # seconds, for what a loaded machine takes long to do
WITNESS = {"prompt": "Once upon a time", "max_tokens": 120, "seed": 7, "ignore_eos": True, "stream": True}


class Response:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw, self.status = raw, int(lines[0].split()[1]) if raw else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = unchunked(self.body)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}, self.body
        return error


@functools.cache
def is_built_with(program, *symbols):
    with open(program, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(symbol) >= 0 for symbol in symbols)


def is_sanitized(program):
    return is_built_with(program, b"__asan_init", b"__tsan_init")


def unchunked(body):
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        out, body = out + body[:length], body[length + 2:]
        if length == 0:
            break
    return out


def receive_all(connection):
    """Everything until the peer closes, or resets what is left."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def request_bytes(method, path, body=b"", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    def __init__(self, program, *flags, model=None, environment=None, before=None):
        self.memory_factor = 8 if is_built_with(program, b"__tsan_init") else 1
        arguments = [program, "serve", *([model] if model else []), "--port", "0", "--threads", "1", *flags]
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}, preexec_fn=before)
        self.port = self.find_port()
        self.undisturbed = None
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.log_is_read = True
        self.reader.start()

    def read_log(self):
        descriptor = self.process.stderr.fileno()
        while self.log_is_read and os.read(descriptor, 65536):
            pass

    def find_port(self):
        seen = b""
        while b"answers on " not in seen or not seen.endswith(b"\n"):
            piece = os.read(self.process.stderr.fileno(), 4096)
            if not piece:
                raise RuntimeError(f"the server ended with {self.process.wait(PATIENCE)}: {seen.decode()}")
            seen += piece
        return int(seen.split(b"answers on ")[1].split(b"://")[1].split(b":")[1].split()[0].strip(b"\","))

    def connect(self, receive_buffer=None):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def raw(self, data):
        """Sends the bytes as they are; the server has to close the connection."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it answered before it had read everything
            return Response(receive_all(connection))

    def ask(self, method, path, body=b"", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.raw(request_bytes(method, path, data, Connection="close", **headers))

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def complete(self, _path="/v1/completions", **fields):
        fields.setdefault("prompt", "Once")
        return self.ask("POST", _path, {**{"max_tokens": 2}, **fields})

    def chat(self, **fields):
        fields.setdefault("messages", [{"role": "user", "content": "Hi"}])
        return self.ask("POST", "/v1/chat/completions", {**{"max_tokens": 2}, **fields})

    def start(self, body, path="/v1/completions"):
        """A connection on which the request has been sent."""
        connection = self.connect()
        connection.sendall(request_bytes("POST", path, json.dumps(body).encode(), Connection="close"))
        return connection

    def metrics(self):
        deadline = time.monotonic() + PATIENCE
        while (answer := self.get("/metrics")).status == 503:  # other connections are still being closed
            assert time.monotonic() < deadline, answer.raw
            time.sleep(0.05)
        lines = answer.body.decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def resident_kib(self):
        """ThreadSanitizer keeps several bytes beside each: they are not the server's."""
        with open(f"/proc/{self.process.pid}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return resident // self.memory_factor

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition(metrics := self.metrics()):
            assert time.monotonic() < deadline, (what, metrics)
            assert self.process.poll() is None, "the server has ended"

    def is_idle(self, metrics):
        return (metrics["sluice_num_requests_running"] == metrics["sluice_num_requests_waiting"] == 0 and
                metrics["sluice_kv_cache_usage_perc"] == 0)

    def check(self):
        assert self.process.poll() is None, f"the server has ended with {self.process.returncode}"
        assert self.get("/health").status == 200
        self.wait_until(self.is_idle, "requests or KV blocks are left")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        assert status == 0, status


def spoken(raw):
    """What a stream said, without the parts that differ from answer to answer."""
    events = [line[6:] for line in Response(raw).body.decode().splitlines() if line.startswith("data: ")]
    assert events and events[-1] == "[DONE]", raw[-300:]
    return "".join(json.loads(event)["choices"][0]["text"] for event in events[:-1])


class Witness:
    """A stream that runs while something else happens."""

    def __init__(self, server):
        self.server, self.connection = server, server.start(WITNESS)
        self.received = self.connection.recv(65536)  # it runs

    def finish(self):
        with self.connection:
            said = spoken(self.received + receive_all(self.connection))
        if self.server.undisturbed is None:
            self.server.undisturbed = said
        assert said == self.server.undisturbed, (said, self.server.undisturbed)


def passes(one, server):
    began = time.monotonic()
    try:
        witness = Witness(server)
        one(server)
        witness.finish()
        server.check()
        print(f"ok    {one.__name__} ({time.monotonic() - began:.2f} s)", flush=True)
        return True
    except Exception as error:
        print(f"FAIL  {one.__name__}: {type(error).__name__}: {str(error)[:2000]}", flush=True)
        if server.process.poll() is not None:
            raise
        return False


def run(cases, server, twice=False):
    """How many failed. A leak grows the memory in every round; the allocator only in some."""
    Witness(server).finish()
    server.check()
    failed, rounds = 0, 5 if twice else 1
    for _ in range(rounds):
        before = server.resident_kib()
        failed += sum(not passes(one, server) for one in cases)
        grown = server.resident_kib() - before
        if grown <= ALLOWED_GROWTH_KIB:
            return failed
    print(f"FAIL  memory grew by {grown} KiB, from {before}")
    return failed + 1


def cases_of(module):
    return [value for name, value in vars(module).items() if callable(value) and getattr(value, "is_case", False)]


def case(function):
    function.is_case = True
    return function


def main(*flags, twice=False, **options):
    """The cases of the script that calls, on one server."""
    module = sys.modules["__main__"]
    wanted = sys.argv[3:]
    cases = [one for one in cases_of(module) if not wanted or one.__name__ in wanted]
    server = Server(sys.argv[1], *flags, **options)
    failed = run(cases, server, twice)
    server.stop()
    print(f"{len(cases)} cases, {failed} failures")
    sys.exit(1 if failed else 0)
