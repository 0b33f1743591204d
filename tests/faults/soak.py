"""Many short requests, 64 at a time, among them bad ones and clients that leave: memory and KV blocks end as they began.

usage: soak.py SLUICE REPOSITORY [REQUESTS]
"""
import json
import random
import sys
import threading
import time

from harness import Server, Witness, request_bytes

AT_ONCE = 64
ALLOWED_GROWTH_KIB = 24 << 10  # of resident memory, from the end of the first tenth on
BAD = [b"", b"{", b'{"prompt":""}', b'{"prompt":"a","n":0}', b'{"prompt":"a","temperature":9}', b'{"prompt":[-1]}', b'{"prompt":"a","max_tokens":9999}',
       b'{"prompt":"\xff"}', b'{"prompt":"a","model":"b"}', b"[" * 5000]
MALFORMED = [b"GET\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
             b"GET /health HTTP/1.1\r\nHost: a\n\n", b"\x16\x03\x01"]


class Soak:
    def __init__(self, server, requests):
        self.server, self.left, self.lock = server, requests, threading.Lock()
        self.counts, self.failures = {}, []

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def work(self, seed):
        draw = random.Random(seed)
        while self.take() and not self.failures:
            try:
                kind, status = self.one(draw)
            except (ConnectionError, TimeoutError) as error:
                kind, status = "cut off", type(error).__name__
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                return
            with self.lock:
                self.counts[kind, status] = self.counts.get((kind, status), 0) + 1

    def one(self, draw):
        """What was done, and how it was answered."""
        chance = draw.random()
        if chance < 0.1:
            return "bad", self.expect(self.server.ask("POST", "/v1/completions", draw.choice(BAD)).status, 400, 404)
        if chance < 0.13:
            return "malformed", self.expect(self.server.raw(draw.choice(MALFORMED) + b"\r\n").status, 0, 400, 408)
        body = {"prompt": [draw.randrange(3, 4000) for _ in range(draw.choice((1, 3, 40, 200)))], "max_tokens": draw.choice((1, 2, 4, 30)),
                "n": draw.choice((1, 1, 1, 4)), "stream": draw.random() < 0.5, "seed": draw.randrange(5), "temperature": draw.choice((0, 1))}
        if chance < 0.4:
            return self.leave(draw, body), 0
        return "answered", self.expect(self.server.ask("POST", "/v1/completions", body).status, 200, 429)

    @staticmethod
    def expect(status, *allowed):
        assert status in allowed, f"answered {status}, and not {allowed}"
        return status

    def leave(self, draw, body):
        """At any point: before all is sent, while the request waits, in its prompt, in its answer."""
        data = request_bytes("POST", "/v1/completions", json.dumps({**body, "max_tokens": 200, "ignore_eos": True}).encode())
        with self.server.connect() as connection:
            if draw.random() < 0.2:
                connection.sendall(data[:draw.randrange(1, len(data))])
                return "left early"
            connection.sendall(data)
            if draw.random() < 0.5:
                return "left at once"
            connection.settimeout(draw.choice((0.001, 0.02, 0.1)))
            try:
                connection.recv(500)
            except TimeoutError:
                pass
            return "left in answer"

    def run(self):
        workers = [threading.Thread(target=self.work, args=(seed,)) for seed in range(AT_ONCE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not self.failures, self.failures[:3]
        self.server.check()


def blocks(server):
    metrics = server.metrics()
    return metrics["sluice_kv_cache_blocks"], metrics["sluice_kv_cache_usage_perc"]


def main():
    requests = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    server = Server(sys.argv[1])
    Witness(server).finish()
    Soak(server, max(requests // 10, 200)).run()  # caches and pools fill
    first_kib, first_blocks = server.resident_kib(), blocks(server)
    began = time.monotonic()
    soak = Soak(server, requests)
    soak.run()
    Witness(server).finish()  # the same answer after all that
    seconds, last_kib = time.monotonic() - began, server.resident_kib()
    for (kind, status), count in sorted(soak.counts.items(), key=str):
        print(f"{count:8} {kind} -> {status}")
    print(f"{requests} requests in {seconds:.0f} s; resident {first_kib} KiB, then {last_kib} KiB; KV blocks (all, share used) {blocks(server)}")
    assert blocks(server) == first_blocks, (blocks(server), first_blocks)
    assert last_kib - first_kib < ALLOWED_GROWTH_KIB, (first_kib, last_kib)
    server.stop()


if __name__ == "__main__":
    main()
