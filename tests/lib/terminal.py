"""A program in a terminal of its own, as a person has it.

    with Terminal([program, "top"], env, columns=80) as terminal:
        terminal.wait_for("no job runs")
        terminal.send("q")
        terminal.end()
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time


def strip(text):
    """Without the sequences that colour and clear."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class Terminal:
    def __init__(self, words, env, columns=100, rows=30):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self._size(0, columns, rows)
            os.execve(words[0], [str(word) for word in words], env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, columns, rows):
        self._size(self.fd, columns, rows)

    @staticmethod
    def _size(fd, columns, rows):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def signal(self, number):
        os.kill(self.pid, number)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:         # the program has closed its end
            data = b""
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, *wanted, seconds=60):
        """Until one of these has been shown since the last time; gives what was."""
        deadline = time.monotonic() + seconds
        while not any(word in self.text for word in wanted):
            if not self._read(0.1) and not any(word in self.text for word in wanted):
                raise AssertionError(f"ended without {wanted}: {self.text!r}")
            assert time.monotonic() < deadline, f"no {wanted} in {self.text!r}"
        shown, self.text = self.text, ""
        return shown

    def end(self, seconds=60):
        """Wait for the program's end: what it showed, and its wait status."""
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            assert time.monotonic() < deadline, f"does not end: {self.text!r}"
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return self.text, os.waitstatus_to_exitcode(status)
