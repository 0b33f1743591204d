"""Where the machine itself fails the server: allocations that fail, a clock that jumps."""
import struct
import sys
import tempfile

from harness import Response, Server, Witness, case, receive_all


# Libraries end the process themselves where their smallest allocations fail: Boost.Asio reads through null where the
# mutex of a strand (40 bytes) cannot be had, and the destructor of a JSON value with many members lists them first.
SMALLEST = 256
LARGER_THAN_LISTS = 4096


class BrokenSystem:
    """What broken_system.c reads."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(40))
        self.file.flush()
        self.environment = {"LD_PRELOAD": sys.argv[3], "BROKEN_SYSTEM": self.file.name}

    def set(self, at, *values):
        self.file.seek(8 * at)
        self.file.write(struct.pack(f"<{len(values)}q", *values))
        self.file.flush()

    def set_clock(self, seconds):
        self.set(0, seconds)

    def fail(self, after, count, smallest=SMALLEST):
        self.set(4, smallest)
        self.set(1, after, count)

    def failed(self):
        self.file.seek(24)
        return struct.unpack("<q", self.file.read(8))[0]


system = BrokenSystem()


def under_pressure(server, body, path="/v1/completions"):
    """The status of a request, 0 if the connection was cut."""
    try:
        answer = server.ask("POST", path, body)
    except ConnectionError:
        return 0
    if answer.status not in (0, 200):
        assert answer.error["message"], answer.raw
    return answer.status


def fails_and_recovers(server, failing, body, path, every, smallest=SMALLEST):
    statuses = set()
    after = 0
    while True:
        before = system.failed()
        system.fail(after, failing, smallest)
        statuses.add(under_pressure(server, body, path))
        system.fail(0, 0)
        assert server.process.poll() is None, (after, failing, path)
        if system.failed() == before:
            break  # the request needs no more than that
        after += every
    assert statuses <= {0, 200, 500, 503} and statuses != {200}, statuses


@case
def each_allocation_of_a_request_fails_once(server):
    fails_and_recovers(server, 1, {"prompt": "Once upon a time", "max_tokens": 3}, "/v1/completions", 3)
    server.check()
    fails_and_recovers(server, 1, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "stream": True, "n": 2},
                       "/v1/chat/completions", 7)


@case
def memory_runs_out_for_a_while(server):
    fails_and_recovers(server, 50, {"prompt": "Once upon a time", "max_tokens": 3, "n": 3, "logprobs": 3}, "/v1/completions", 1,
                       LARGER_THAN_LISTS)


@case
def the_clock_jumps_an_hour(server):
    for jump in (3600, -3600, 0):
        with server.start({"prompt": "Once", "max_tokens": 300, "ignore_eos": True, "stream": True, "timeout": 100}) as stream:
            received = stream.recv(1000)
            system.set_clock(jump)
            received += receive_all(stream)
        assert b"data: [DONE]" in received, received[-300:]
        answer = server.complete(timeout=100)
        assert answer.status == 200, answer.raw
        with server.connect() as kept:  # neither the time for a head nor for silence has passed
            kept.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            system.set_clock(-jump)
            kept.sendall(b"Connection: close\r\n\r\n")
            assert Response(receive_all(kept)).status == 200
        assert server.complete(timeout=0.001, prompt=[5] * 400, n=16).status == 504
    seconds = server.metrics()["sluice_e2e_request_latency_seconds_sum"]
    assert 0 <= seconds < 3600, seconds


def main():
    """Without a stream beside them: memory that runs out in a step of the engine ends all that it computes."""
    only = sys.argv[4:]
    server = Server(sys.argv[1], environment=system.environment)
    cases = [value for value in globals().values() if getattr(value, "is_case", False) and (not only or value.__name__ in only)]
    for one in cases:
        one(server)
        server.check()
        Witness(server).finish()
        print(f"ok    {one.__name__}", flush=True)
    server.stop()


if __name__ == "__main__":
    main()
