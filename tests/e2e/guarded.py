"""What stands in for the worker: starts a millrace-guard, listens to it."""

import contextlib
import fcntl
import glob
import os
import select
import signal
import socket
import struct
import subprocess
import time
import uuid

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SOURCES = os.path.join(os.environ.get("top_srcdir", TOP), "src/worker")
BUILT = os.path.join(os.environ.get("top_builddir", TOP),
                     "src/worker/millrace-guard")

EXITED, SIGNALED, EXEC_FAILED, FAILED, LOST = range(1, 6)
REPORT = struct.Struct("=iiqqqq")
PATIENCE = 180

# Prints its pid once its two helpers run: one in a session of its own, one
# that was forked twice besides.  Both hold stdout and stderr, and ignore TERM.
DETACHING = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *a: os._exit(5))
def detach(twice):
    if os.fork():
        return os.wait() if twice else None
    os.setsid()
    if twice and os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(up, b".")
    time.sleep(600)
    os._exit(0)
ready, up = os.pipe()
detach(False)
detach(True)
while len(os.read(ready, 1)) + len(os.read(ready, 1)) < 2:
    pass
print(os.getpid(), flush=True)
"""
WAITING = "\ntime.sleep(600)\n"

# Each of 200 processes forks a successor and leaves, for as long as no test
# waits; some take a new session each time.  Each tells of its fifth fork.
BOMB = """
#include <time.h>
#include <unistd.h>
static void hop(int nth, time_t end)
{
    for (int hops = 1; time(NULL) < end; hops++) {
        if (fork() > 0)
            _exit(0);
        if (nth % 50 == 0)
            setsid();
        if (hops == 5)
            write(3, ".", 1);
    }
    write(1, "burnt out", 9);
    _exit(0);
}
int main(int argc, char *argv[])
{
    for (int i = 0; i < 200; i++)
        if (!fork())
            hop(i, time(NULL) + 150);
    if (argc == 1)
        sleep(600);
    return 0;
}
"""


def compile_guard(folder, *flags):
    target = str(folder / "millrace-guard")
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", *flags,
                    *sorted(glob.glob(SOURCES + "/guard*.c")), "-o", target],
                   check=True)
    return target


def eventually(condition):
    """Poll for a condition; gives its value."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)
    return value


def read_proc(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def high(fd):
    """Out of the way of the numbers that the guard is started with."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(fd)
    return copy


class Guarded:
    """One guard with its handler; its processes are known by their mark."""

    def __init__(self, guard, command, options=(), events=False, **spawn):
        self.mark = "GUARD_TEST=" + uuid.uuid4().hex
        self.worker, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.worker.settimeout(PATIENCE)
        self.closed = False
        self.status = None
        self.pipes = {}
        given = {4: high(theirs.detach()), 0: high(os.open("/dev/null", 0))}
        for number in (1, 2, 3) if events else (1, 2):
            ours, handlers = map(high, os.pipe())
            self.pipes[number] = ours
            given[number] = handlers
        env = dict(os.environ, PATH="/usr/bin:/bin",
                   **dict([self.mark.split("=")]))
        self.pid = os.posix_spawn(
            guard, [guard, *options, "--", *command], env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number)
                          for number, fd in given.items()], **spawn)
        for fd in given.values():
            os.close(fd)

    def line(self):
        """The handler's next line; it must come before the patience ends."""
        text = b""
        while not text.endswith(b"\n"):
            assert select.select([self.pipes[1]], [], [], PATIENCE)[0]
            byte = os.read(self.pipes[1], 1)
            assert byte, self.read(2)
            text += byte
        return text.decode().strip()

    def read(self, number):
        """All that is left in a pipe; nobody may hold its other end."""
        text = b""
        while True:
            assert select.select([self.pipes[number]], [], [], PATIENCE)[0]
            part = os.read(self.pipes[number], 65536)
            if not part:
                return text.decode()
            text += part

    def report(self):
        """How it ended and the code; the rest in self.used."""
        message = self.worker.recv(4096)
        assert len(message) == REPORT.size
        how, code, *self.used = REPORT.unpack(message)
        assert not self.survivors(), "reported before all had gone"
        return how, code

    def wait(self):
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def hang_up(self):
        self.closed = True
        self.worker.close()

    def processes(self):
        wanted = self.mark.encode()
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit()
                and wanted in read_proc(pid, "environ").split(b"\0")]

    def survivors(self):
        """The handler's processes; what is dead has no environment."""
        return [pid for pid in self.processes()
                if read_proc(pid, "comm") not in (b"", b"mr-guard\n")]

    def keeper(self):
        return int(read_proc(self.pid, f"task/{self.pid}/children"))

    def clean_up(self):
        """Whatever a failed test left; says whether there was anything."""
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()
        for fd in self.pipes.values():
            os.close(fd)
        if not self.closed:
            self.worker.close()
        return left
