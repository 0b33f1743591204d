"""Bad HTTP: every malformed, oversized, slow or abandoned request is answered or dropped, and costs nobody else anything."""
import pathlib
import re
import resource
import socket
import sys

from harness import PATIENCE, Response, Server, case, main, receive_all, request_bytes

POST = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1 << 20


def refused(server, data, *statuses):
    answer = server.raw(data)
    assert answer.status in statuses, (data[:200], answer.raw[:500])
    assert answer.headers["connection"] == "close", answer.raw[:500]
    assert answer.error["message"], answer.raw
    return answer


@case
def long_heads_are_refused(server):
    refused(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431)
    refused(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-Field: 1\r\n" * 101 + b"\r\n", 431)
    refused(server, b"GET /" + b"a" * 40_000, 431)


@case
def a_body_over_the_limit_is_refused_before_it_is_read(server):
    answer = refused(server, POST + b"Content-Length: 99999999999\r\n\r\n", 413)
    assert answer.error["code"] == "body_too_large"
    answer = refused(server, POST + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", 413)
    assert b"100 Continue" not in answer.raw


@case
def chunks_without_end_stop_at_the_limit(server):
    with server.connect() as connection:
        sent = 0
        try:
            connection.sendall(CHUNKED)
            while sent < 256 * MEBIBYTE:
                connection.sendall(b"100000\r\n" + b"a" * MEBIBYTE + b"\r\n")
                sent += MEBIBYTE
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 128 * MEBIBYTE, sent  # a body, what is dropped behind it, what the system holds
        answer = receive_all(connection)
    assert not answer or Response(answer).status == 413, answer[:300]


@case
def answers_are_not_lost_to_what_is_left_unread(server):
    """Who sends the whole request before it reads is neither cut off nor reset."""
    rest = b"a" * (20 * MEBIBYTE)
    for request, status in ((POST + b"Content-Length: %d\r\n\r\n" % len(rest), 413), (CHUNKED + b"1400000\r\n", 413), (CHUNKED + b"zz\r\n", 400),
                            (b"GET /", 431), (b"GET\r\n\r\n", 400), (request_bytes("GET", "/health", Connection="close"), 200)):
        with server.connect() as connection:
            connection.sendall(request + rest)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert Response(answer).status == status, (request, answer[:300])


@case
def chunks_just_over_the_limit_are_told_so(server):
    refused(server, CHUNKED + b"1000001\r\n" + b"a" * 1000, 413)


@case
def malformed_chunk_sizes_are_refused(server):
    for size in (b"-2", b"0x", b"0x10", b"10000000000000000", b"FFFFFFFFFFFFFFFFF", b"", b" 2", b"+2", b"g"):
        refused(server, CHUNKED + size + b"\r\n{}\r\n0\r\n\r\n", 400, 413)


@case
def what_two_servers_could_read_differently_is_refused(server):
    for lines in (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n",
                  b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: +2\r\n", b"Content-Length: 2, 2\r\n",
                  b"Content-Length: -1\r\n", b"Content-Length: 0x2\r\n", b"Content-Length: 2\n", b"X-A: b\r\n c\r\n",
                  b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                  b"Transfer-Encoding : chunked\r\n", b"X-A: b\rc\r\n", b" X-A: b\r\n", b": b\r\n", b"X A: b\r\n",
                  b"Host: localhost\r\n"):
        refused(server, POST + lines + b"\r\n{}", 400)


@case
def odd_request_lines_are_refused(server):
    for line, *statuses in ((b"GET /heal\x00th HTTP/1.1", 400), (b"GET /health%00 HTTP/1.1", 400), (b"GET /%zz HTTP/1.1", 400),
                            (b"GET /% HTTP/1.1", 400), (b"GET / health HTTP/1.1", 400), (b"GET /health", 400),
                            (b"G\xc3\x84T /health HTTP/1.1", 400), (b"GET /health HTTP/2.0", 505), (b"GET /health HTTP/0.9", 505),
                            (b"PRI * HTTP/2.0", 505), (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400)):
        refused(server, line + b"\r\nHost: localhost\r\n\r\n", *statuses)


@case
def paths_that_climb_are_unknown(server):
    for path in ("/..%2f..%2fetc/passwd", "/../health", "/v1/%2e%2e/health", "//health", "/health/", "/v1/models/..%2f", "*"):
        answer = server.get(path)
        assert answer.status == 404, (path, answer.raw)
        assert answer.error["message"]


@case
def encoded_bodies_are_refused(server):
    for encoding in ("gzip", "deflate", "br", "gzip, identity"):
        answer = server.ask("POST", "/v1/completions", b"\x1f\x8b\x08", Content_Encoding=encoding)
        assert answer.status == 415, answer.raw
        assert answer.error["message"]


@case
def unknown_paths_methods_and_types(server):
    answer = server.get("/nowhere")
    assert answer.status == 404 and answer.error["type"] == "invalid_request_error", answer.raw
    for method, path, allowed in (("GET", "/v1/completions", "POST"), ("DELETE", "/health", "GET"), ("PUT", "/v1/models", "GET")):
        answer = server.ask(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allowed), answer.raw
        assert answer.error["message"]
    answer = server.raw(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nConnection: close\r\n"
                        b"Content-Length: 2\r\n\r\n{}")
    assert answer.status == 415, answer.raw
    assert answer.error["message"]


@case
def a_client_that_waits_for_continue_gets_it(server):
    body = b'{"prompt":"Once","max_tokens":1}'
    with server.connect() as connection:
        connection.sendall(POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert Response(receive_all(connection)).status == 200


@case
def hosts_and_origins_that_are_not_this_machine(server):
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", "127.0.0.1@evil.example"):
        answer = server.raw(f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.status == 403, (host, answer.raw)
        assert answer.error["message"]
    answer = server.get("/v1/models", Origin="https://evil.example")
    assert answer.status == 200 and not any("access-control" in name for name in answer.headers), answer.raw


@case
def request_ids_cannot_write_lines(server):
    for evil in (b"a b", b'a"b', b"a\\nb", "ä".encode(), b"x" * 200, b""):
        answer = server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: " + evil + b"\r\n\r\n")
        assert answer.status == 200 and answer.headers["x-request-id"].startswith("req_"), (evil, answer.raw)
    answer = server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\rSet-Cookie: b\r\n\r\n")
    assert answer.status == 400 and b"Set-Cookie" not in answer.raw, answer.raw


@case
def half_closed_clients_are_answered(server):
    for stream in (False, True):
        with server.start({"prompt": "Once", "max_tokens": 40, "stream": stream}) as connection:
            connection.shutdown(socket.SHUT_WR)
            answer = Response(receive_all(connection))
        assert answer.status == 200 and len(answer.body) > 40, answer.raw


@case
def pipelined_requests_are_answered_in_order(server):
    first = request_bytes("POST", "/v1/completions", b'{"prompt":"Once","max_tokens":3}', X_Request_Id="first")
    with server.connect() as connection:
        connection.sendall(first + request_bytes("GET", "/nowhere") + request_bytes("GET", "/health", Connection="close"))
        answers = receive_all(connection)
    assert [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)] == [200, 404, 200], answers


LONG = {"max_tokens": 400, "ignore_eos": True}
LONG_PROMPT = [5 + i % 1000 for i in range(110)]


def abandoned(server, ready, **fields):
    """A request whose client goes away once `ready` says so; its blocks are given back, and nothing is computed for it."""
    aborted = 'sluice_request_success_total{finished_reason="abort"}'
    before = server.metrics()[aborted]
    connection = server.start({"prompt": "Once", **LONG, **fields})
    ready(connection)
    connection.close()
    server.wait_until(lambda metrics: metrics[aborted] > before, "an abandoned request was not cancelled")


@case
def clients_that_leave_while_their_answer_is_written(server):
    abandoned(server, lambda connection: connection.recv(1000), stream=True)
    abandoned(server, lambda connection: connection.recv(1000), stream=True, n=4)


@case
def clients_that_leave_before_a_whole_answer(server):
    running = lambda metrics: metrics["sluice_num_requests_running"] + metrics["sluice_num_requests_waiting"] >= 1
    abandoned(server, lambda _: server.wait_until(running, "nothing runs"), n=4)
    abandoned(server, lambda _: None, prompt=LONG_PROMPT, n=4)


@case
def clients_that_leave_while_they_wait(server):
    # More than the KV cache holds: some wait while the first run.
    others = [server.start({"prompt": LONG_PROMPT, **LONG, "max_tokens": 390, "stream": True}) for _ in range(12)]
    abandoned(server, lambda _: None, prompt=LONG_PROMPT + [9], max_tokens=390, stream=True)
    for other in others:
        other.close()


@case
def connections_that_are_reset_at_every_point(server):
    body = b'{"prompt":"Once","max_tokens":200,"stream":true}'
    data = request_bytes("POST", "/v1/completions", body)
    for cut in range(1, len(data) + 1, 7):
        connection = server.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(data[:cut])
        connection.close()


@case
def bodies_that_end_early(server):
    for data in (POST + b"Content-Length: 100\r\n\r\n{", CHUNKED + b"5\r\nab", CHUNKED + b"5\r\nabcde\r\n", b"GET /hea", b"\r\n\r\n\r\n"):
        with server.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = receive_all(connection)
        assert not answer or Response(answer).status == 400, answer


def every_route():
    table = (pathlib.Path(sys.argv[2]) / "docs" / "server.md").read_text()
    rows = re.findall(r"^\| (GET|POST|DELETE) (/[^|]+) \|", table, re.M)
    return [(method, path.strip()) for method, paths in rows for path in paths.split(",")]


@case
def every_route_but_health_asks_for_the_key(_):
    guarded = Server(sys.argv[1], environment={"SLUICE_API_KEY": "a key of sixteen".replace(" ", "-")})
    right = {"Authorization": "Bearer a-key-of-sixteen"}
    try:
        routes = every_route()
        assert len(routes) > 12, routes
        for method, path in routes:
            body = b"{}" if method == "POST" else b""
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"X_Api_Key": "a-key-of-sixtee"},
                            {"Authorization": "Basic a-key-of-sixteen"}, {"X_Api_Key": "a-key-of-sixteen" * 1000}):
                answer = guarded.ask(method, path, body, **headers)
                if path == "/health":
                    assert answer.status == 200
                else:
                    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key"), (path, headers, answer.raw)
            assert guarded.ask(method, path, body, **right).status != 401, path
    finally:
        guarded.stop()


@case
def more_connections_than_files_are_turned_away(_):
    few = Server(sys.argv[1], before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    idle = []
    try:
        turned_away = None
        for _ in range(400):
            idle.append(few.connect())
            idle[-1].settimeout(0.001)
            try:
                turned_away = Response(idle[-1].recv(4096))
                idle[-1].settimeout(PATIENCE)
                idle[-1].sendall(b"a" * MEBIBYTE)  # what it sends meets no reset
                assert idle[-1].recv(1) == b""
                break
            except TimeoutError:
                pass
        assert turned_away and turned_away.status == 503, turned_away
        assert turned_away.headers["retry-after"] and turned_away.error["type"] == "server_error"
        for connection in idle:
            connection.close()
        few.wait_until(few.is_idle, "no connection is answered")
        assert few.get("/health").status == 200
    finally:
        few.stop()


if __name__ == "__main__":
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 65536), files[1]))
    main("--max-batch", "64")
