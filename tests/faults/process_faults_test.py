"""Faults of the machine and of those who run it: signals, bad flags, no memory, no files, a clock that jumps."""
import os
import resource
import signal
import subprocess
import sys
import time

from harness import PATIENCE, Response, Server, case, is_sanitized, receive_all

RUNNING = {"prompt": "Once upon a time", "max_tokens": 480, "ignore_eos": True, "stream": True, "n": 8}


def ended(*arguments, **options):
    return subprocess.run([sys.argv[1], *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **options)


@case
def a_first_signal_drains(server):
    with server.start({**RUNNING, "n": 2, "max_tokens": 150}) as stream, server.connect() as idle:
        received = stream.recv(1000)
        server.process.send_signal(signal.SIGTERM)
        received += receive_all(stream)
        assert b"data: [DONE]" in received and received.endswith(b"0\r\n\r\n"), received[-300:]
        assert idle.recv(100) == b""
    assert server.process.wait(PATIENCE) == 0


@case
def a_second_signal_ends_at_once(server):
    with server.start({**RUNNING, "n": 16}) as stream:
        stream.recv(1000)
        server.process.send_signal(signal.SIGTERM)
        while True:  # until the first has been seen: who is answered now hears of it
            try:
                if server.get("/health").status in (0, 503):
                    break
            except ConnectionRefusedError:
                break
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) in (0, 1)


@case
def draining_is_seen_in_health_and_nothing_new_begins(server):
    with server.start({**RUNNING, "n": 16}) as stream:
        stream.recv(1000)
        server.process.send_signal(signal.SIGTERM)
        try:
            while server.get("/health").status == 200:
                pass  # the signal is on its way
            assert server.get("/health").status == server.get("/ready").status == server.complete().status == 503
        except (ConnectionError, IndexError):
            pass  # it has ended already
        receive_all(stream)
    assert server.process.wait(PATIENCE) == 0


@case
def signals_that_end_other_programs(server):
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        server.process.send_signal(number)
        server.check()
    server.stop()


@case
def a_reload_without_a_file_changes_nothing(server):
    server.process.send_signal(signal.SIGHUP)
    server.check()
    assert server.complete().status == 200
    server.stop()


@case
def a_log_that_nobody_reads(server):
    """The pipe is full long before the last of these: the server goes on without its log."""
    server.log_is_read = False
    for _ in range(400):
        assert server.complete(n=0).status == 400
        assert server.complete(model="x" * 1000, max_tokens=1).status == 404
    server.check()
    server.stop()


@case
def a_taken_port(server):
    second = ended("serve", "--port", str(server.port))
    assert second.returncode == 69 and str(server.port) in second.stderr, second
    server.check()
    server.stop()


@case
def flags_that_are_none(_):
    wrong = ended("serve", "--prot", "80")
    assert wrong.returncode == 2 and "--port" in wrong.stderr, wrong
    for flags in (["--port", "-1"], ["--port", "65536"], ["--port", "x"], ["--max-batch", "0"], ["--max-queue", "-1"], ["--ctx", "1e9"],
                  ["--queue-timeout", "nan"], ["--kv-tokens", "-1"]):
        wrong = ended("serve", *flags)
        assert wrong.returncode == 2 and flags[0] in wrong.stderr, (flags, wrong)
    assert ended("serve", "/nowhere/model.gguf").returncode == 66
    assert ended("serve", "--host", "no.such.host.invalid", "--no-api-key").returncode == 2


@case
def a_model_larger_than_the_memory(_):
    if not is_sanitized(sys.argv[1]):  # a sanitizer maps more before the program begins
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (80 << 20, 80 << 20))
        small = ended("serve", "--port", "0", "--threads", "1", preexec_fn=limit)
        assert small.returncode == 71 and small.stderr.count("\n") < 10, small
    huge = ended("serve", "--port", "0", "--threads", "1", "--kv-tokens", str(10**12))
    assert huge.returncode in (2, 71, 78) and "--kv-tokens" in huge.stderr, huge


@case
def no_more_files(server):
    """Connections wait while the process may open no more files, and are answered when it may again."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    with server.connect() as waiting:
        waiting.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        waiting.settimeout(0.3)
        try:
            assert Response(waiting.recv(1000)).status == 503
        except TimeoutError:
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
            waiting.settimeout(PATIENCE)
            assert Response(receive_all(waiting)).status == 200
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
    server.check()
    server.stop()


def main():
    wanted, failed = sys.argv[3:], 0
    cases = [value for value in globals().values() if getattr(value, "is_case", False) and (not wanted or value.__name__ in wanted)]
    for one in cases:
        began = time.monotonic()
        server = Server(sys.argv[1]) if one.__code__.co_varnames[0] == "server" else None
        try:
            one(server)
            print(f"ok    {one.__name__} ({time.monotonic() - began:.2f} s)", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL  {one.__name__}: {type(error).__name__}: {str(error)[:2000]}", flush=True)
        if server and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
    print(f"{len(cases) - failed} of {len(cases)} passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
