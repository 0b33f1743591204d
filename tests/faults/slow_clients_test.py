"""Clients that send or read as slowly as they can. What they hold is bounded, and given back when the server's time limits pass."""
import json
import resource
import sys
import time

from harness import Response, Server, Witness, receive_all, request_bytes

SLOW_HEADS = 1000
GREEDY = {"prompt": "Once", "n": 32, "max_tokens": 480, "ignore_eos": True, "stream": True, "logprobs": 5}
MOST_KEPT_KIB = 400 << 10  # of what a reader has not read


def main():
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 65536), files[1]))
    server = Server(sys.argv[1])
    Witness(server).finish()
    before = kept = server.resident_kib()
    slow = [server.connect() for _ in range(SLOW_HEADS)]
    for connection in slow:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
    reader = server.connect(receive_buffer=4096)
    reader.sendall(request_bytes("POST", "/v1/completions", json.dumps(GREEDY).encode()))
    assert reader.recv(10).startswith(b"HTTP/1.1 ")
    for turn, connection in enumerate(slow):
        if turn % 100 == 0:
            Witness(server).finish()  # others do not notice
            assert server.get("/health").status == 200
            kept = max(kept, server.resident_kib())
        answer = Response(receive_all(connection))
        assert answer.status == 408 and answer.error["message"], answer.raw
        connection.close()
    aborted = 'sluice_request_success_total{finished_reason="abort"}'
    deadline = time.monotonic() + 120
    while server.metrics()[aborted] == 0:
        kept = max(kept, server.resident_kib())
        assert time.monotonic() < deadline, "a client that does not read holds its request"
        reader.recv(1)
        time.sleep(0.2)
    assert kept - before < MOST_KEPT_KIB, (before, kept)
    server.check()
    print(f"ok: {SLOW_HEADS} slow heads were answered 408; a slow reader made the server keep {kept - before} KiB at most; "
          f"{server.metrics()[aborted]:.0f} of its answers were cut off")
    server.stop()


if __name__ == "__main__":
    main()
