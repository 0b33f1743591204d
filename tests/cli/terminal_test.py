"""The chat in a terminal: line editing, commands, Ctrl-C, and a history that outlives the program."""
import os
import pty
import select
import sys
import tempfile
import time

PATIENCE = 120  # seconds; only a failure waits that long


class Terminal:
    def __init__(self, program, state):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(XDG_STATE_HOME=state, TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(program, [program, "run", "--max-tokens", "0", "--threads", "1"])
        self.seen = b""

    def wait_for(self, text):
        """Everything that came up to `text`."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(self.fd, 65536) if ready else b""
            except OSError:
                more = b""
            if not more:
                raise AssertionError(f"no {text!r} in {self.seen[-500:]!r}")
            self.seen += more
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, keys):
        os.write(self.fd, keys)

    def close(self):
        self.type(b"\x04")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def first_visit(program, state):
    terminal = Terminal(program, state)
    terminal.wait_for(b"> ")
    terminal.type(b"not this\x03")  # Ctrl-C clears
    terminal.wait_for(b"> ")
    terminal.type(b"/hlep\x02\x02\x02\x04\x06l\r")  # Ctrl-B and Ctrl-F move, Ctrl-D deletes
    terminal.wait_for(b"forget what was said")
    terminal.wait_for(b"> ")
    terminal.type(b"Once upon a time\r")
    terminal.wait_for(b"\n")  # the echo
    terminal.wait_for(b" ")   # an answer has begun
    terminal.type(b"\x03")
    terminal.wait_for(b"\n> ")
    terminal.type(b"/stats\r")
    terminal.wait_for(b"context ")
    terminal.wait_for(b"> ")
    assert terminal.close() == 0


def second_visit(program, state):
    terminal = Terminal(program, state)
    terminal.wait_for(b"> ")
    terminal.type(b"\x10\x10")  # up to the line before the last
    terminal.wait_for(b"Once upon a time")
    terminal.type(b"\x03")
    terminal.wait_for(b"> ")
    terminal.type(b"/reset\r")
    terminal.wait_for(b"> ")
    terminal.type(b"/nonsense\r")
    terminal.wait_for(b"there is no command /nonsense")
    terminal.wait_for(b"> ")
    assert terminal.close() == 0


def main():
    with tempfile.TemporaryDirectory() as state:
        first_visit(sys.argv[1], state)
        second_visit(sys.argv[1], state)
    print("ok")


if __name__ == "__main__":
    main()
