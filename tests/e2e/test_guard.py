"""millrace-guard leaves nothing of a handler behind, however it ends.

Run by /usr/bin/python3 -m pytest.  The guard is the built one below
$top_builddir, or $MILLRACE_GUARD; where neither exists it is compiled.
"""

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from guarded import (BOMB, BUILT, DETACHING, EXEC_FAILED, EXITED, FAILED, LOST,
                     PATIENCE, SIGNALED, WAITING, Guarded, compile_guard,
                     eventually, read_proc)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    for path in (os.environ.get("MILLRACE_GUARD"), BUILT):
        if path and os.path.exists(path):
            return path
    return compile_guard(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="session")
def scanning(tmp_path_factory):
    """A guard that finds no lists of children, as on some kernels."""
    return compile_guard(tmp_path_factory.mktemp("scanning"),
                         '-DCHILDREN_FILE="absent"')


@pytest.fixture
def start(built):
    started = []

    def begin(command, *options, guard=None, **more):
        started.append(Guarded(guard or built, command, options, **more))
        return started[-1]

    yield begin
    for guarded in started:
        guarded.clean_up()


def python(program):
    return [sys.executable, "-S", "-c", program]


def shell(program):
    return ["/bin/sh", "-c", program]


# --- how it ended ---

@pytest.mark.parametrize("code", [0, 1, 75, 127, 255])
def test_exit_status_is_reported(start, code):
    guarded = start(shell(f"exit {code}"))
    assert guarded.report() == (EXITED, code)
    assert guarded.wait() == 0


@pytest.mark.parametrize("signo", [signal.SIGSEGV, signal.SIGKILL])
def test_signal_is_reported(start, signo):
    assert start(shell(f"kill -{signo} $$")).report() == (SIGNALED, signo)


@pytest.mark.parametrize("program, errno", [
    ("/no/such/program", 2), ("no-such-program", 2), ("/etc/passwd", 13)])
def test_failed_exec_is_not_an_exit(start, program, errno):
    guarded = start([program])
    assert guarded.report() == (EXEC_FAILED, errno)
    assert program in guarded.read(2)
    assert guarded.wait() == 0


def test_program_is_looked_up_in_path(start):
    assert start(["true"]).report() == (EXITED, 0)


def test_missing_folder_is_the_guards_failure(start):
    guarded = start(["true"], "--cwd", "/no/such/folder")
    assert guarded.report() == (FAILED, 2)


def test_limit_that_cannot_be_set_is_the_guards_failure(start):
    guarded = start(["true"], "--rlimit", "nofile=20:10")
    assert guarded.report() == (FAILED, 22)


@pytest.mark.parametrize("options", [
    ["--rlimit", "nofile"], ["--rlimit", "nofile="], ["--rlimit", "tea=1"],
    ["--rlimit", "nofile=1:"], ["--rlimit", "nofile=1:2:3"],
    ["--rlimit", "nofile=-1"], ["--rlimit", "=1"], ["--rlimit", "cpu=1s"],
    ["--rlimit", "cpu=99999999999999999999"], ["--kill-grace-ms", "soon"],
    ["--kill-grace-ms", "99999999999"], ["--strange"]])
def test_wrong_call_is_refused(start, options):
    guarded = start(["true"], *options)
    assert guarded.report() == (FAILED, 22)
    assert guarded.wait() == 2
    assert "usage:" in guarded.read(2)


def test_missing_program_is_refused(start):
    assert start([]).report() == (FAILED, 22)


def test_guard_without_control_socket_starts_nothing(built):
    done = subprocess.run([built, "--", "echo", "started"],
                          capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b"" and b"control socket" in done.stderr


def test_resources_of_handler_and_helpers_are_counted(start):
    spin = "t = time.process_time\nwhile t() < 0.2: pass\n"
    guarded = start(python(
        "import os, time\nb = bytearray(50 << 20)\nif not os.fork():\n"
        "    while time.process_time() < 0.2: pass\n"
        "    os._exit(0)\n" + spin + "os.wait()"))
    assert guarded.report() == (EXITED, 0)
    user_us, system_us, max_rss_kb, wall_ms = guarded.used
    assert 300_000 <= user_us + system_us < 5_000_000
    assert 50 << 10 <= max_rss_kb < 200 << 10
    assert 200 <= wall_ms < PATIENCE * 1000


def test_use_of_a_small_handler_is_not_that_of_the_guard(start):
    guarded = start(["true"])
    guarded.report()
    assert guarded.used[2] < 8 << 10 or "asan" in guarded.read(2)


# --- what the handler is given ---

def test_handler_has_only_its_own_descriptors(start):
    extra = fcntl.fcntl(1, fcntl.F_DUPFD, 30)
    try:
        guarded = start(["ls", "/proc/self/fd"], events=True)
    finally:
        os.close(extra)
    assert guarded.report() == (EXITED, 0)
    # 4 is the folder that ls itself reads.
    assert guarded.read(1).split() == ["0", "1", "2", "3", "4"]


def test_handler_without_events_has_no_third(start):
    guarded = start(["ls", "-l", "/proc/self/fd"])
    assert guarded.report() == (EXITED, 0)
    lines = [line.split(" -> ") for line in guarded.read(1).splitlines()[1:]]
    assert [line[0].split()[-1] for line in lines] == ["0", "1", "2", "3"]
    assert lines[3][1].startswith("/proc/")


def test_events_pipe_reaches_the_handler(start):
    guarded = start(shell("echo '{\"progress\": 40}' >&3"), events=True)
    assert guarded.report() == (EXITED, 0)
    assert guarded.read(3) == '{"progress": 40}\n'


def test_closed_pipe_is_seen_while_the_handler_runs(start):
    guarded = start(shell("exec >&- 2>&- 3>&-; exec sleep 600"), events=True)
    assert [guarded.read(number) for number in (1, 2, 3)] == ["", "", ""]
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_signals_are_clean_whatever_the_worker_blocks(start):
    everything = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
    old = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pipe = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        guarded = start(["cat", "/proc/self/status"], setsigmask=everything)
    finally:
        signal.signal(signal.SIGCHLD, old)
        signal.signal(signal.SIGPIPE, pipe)
    assert guarded.report() == (EXITED, 0)
    status = dict(line.split(":", 1) for line in guarded.read(1).splitlines())
    # 32 and 33 belong to the C library, which ignores them when it spawns.
    for mask in ("SigBlk", "SigIgn", "SigPnd", "ShdPnd"):
        assert int(status[mask], 16) & ~(3 << 31) == 0, mask
    assert status["NoNewPrivs"].strip() == "1"


def test_handler_is_alone_in_its_session(start):
    guarded = start(python(
        "import os; print(os.getpid(), os.getsid(0), os.getpgid(0));"
        "print(oct(os.umask(0)), os.getcwd())"), "--cwd", "/usr/bin")
    assert guarded.report() == (EXITED, 0)
    pid, session, group, umask, folder = guarded.read(1).split()
    assert pid == session == group and int(pid) != os.getsid(0)
    assert umask == "0o27" and folder == "/usr/bin"


def test_handler_is_the_first_to_go_when_memory_is_short(start):
    guarded = start(["cat", "/proc/self/oom_score_adj"])
    assert guarded.report() == (EXITED, 0)
    assert int(guarded.read(1)) >= 500


def test_limits_are_those_given(start):
    guarded = start(
        python("import resource as r\n"
               "for n in 'NOFILE CPU CORE FSIZE'.split():\n"
               "    print(*r.getrlimit(getattr(r, 'RLIMIT_' + n)))"),
        "--rlimit", "nofile=64:128", "--rlimit", "CPU=7",
        "--rlimit", "core=0:unlimited", "--rlimit", "fsize=unlimited")
    assert guarded.report() == (EXITED, 0)
    assert guarded.read(1).split("\n")[:4] == [
        "64 128", "7 7", "0 -1", "-1 -1"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 64


def test_environment_is_unchanged(start):
    guarded = start(["env"])
    assert guarded.report() == (EXITED, 0)
    assert guarded.mark in guarded.read(1).splitlines()


# --- being ended ---

AWAITING_TERM = """
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
def await_term(word):
    print("up", flush=True)
    signal.sigwait({signal.SIGTERM})
    print(word, flush=True)
"""


def test_term_lets_the_handler_finish(start):
    guarded = start(python(AWAITING_TERM + "await_term('saved'); os._exit(3)"))
    assert guarded.line() == "up"
    guarded.worker.send(b"T")
    assert guarded.report() == (EXITED, 3)
    assert guarded.read(1) == "saved\n"


def test_term_reaches_detached_helpers_too(start):
    guarded = start(python(
        AWAITING_TERM +
        "if os.fork():" + WAITING.replace("\n", "\n    ") + "\n"
        "os.setsid()\n"
        "if os.fork():\n    os._exit(0)\n"
        "await_term('helper told')" + WAITING), "--kill-grace-ms", "200")
    assert guarded.line() == "up"
    guarded.worker.send(b"T")
    assert guarded.line() == "helper told"
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_ignored_term_becomes_a_kill_after_the_grace(start):
    guarded = start(shell("trap '' TERM; echo up; sleep 600; sleep 600"),
                    "--kill-grace-ms", "300")
    assert guarded.line() == "up"
    began = time.monotonic()
    guarded.worker.send(b"T")
    guarded.worker.send(b"T")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)
    assert 0.3 <= time.monotonic() - began < PATIENCE / 2


def test_no_grace_is_a_kill(start):
    guarded = start(shell("trap '' TERM; echo up; sleep 600; sleep 600"),
                    "--kill-grace-ms", "0")
    assert guarded.line() == "up"
    guarded.worker.send(b"T")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_kill_during_the_grace_is_at_once(start):
    guarded = start(shell("trap '' TERM; echo up; sleep 600; sleep 600"),
                    "--kill-grace-ms", "60000")
    assert guarded.line() == "up"
    guarded.worker.send(b"T")
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_command_that_comes_too_late_does_not_cost_the_report(start):
    guarded = start(shell("echo up; kill -STOP $PPID; exit 3"))
    assert guarded.line() == "up"
    keeper = guarded.keeper()
    eventually(lambda: not guarded.survivors())
    guarded.worker.send(b"T")
    os.kill(keeper, signal.SIGCONT)
    guarded.wait()
    assert guarded.report() == (EXITED, 3)


def test_unknown_command_is_ignored(start):
    guarded = start(python(AWAITING_TERM + "await_term('told'); os._exit(3)"))
    assert guarded.line() == "up"
    guarded.worker.send(b"?")
    guarded.worker.send(b"T")
    assert guarded.report() == (EXITED, 3)


@pytest.mark.parametrize("signo", [
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE])
def test_guard_ignores_signals(start, signo):
    guarded = start(python("import time; print(1, flush=True)" + WAITING))
    guarded.line()
    for pid in (guarded.pid, guarded.keeper()):
        assert read_proc(pid, "comm") == b"mr-guard\n"
        os.kill(pid, signo)
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)
    assert guarded.wait() == 0


# --- nothing survives ---

@pytest.fixture(params=["listed", "scanned"])
def detaching(request, start):
    """A started handler with detached helpers, by both ways to find them."""

    def begin(end=WAITING, *options):
        guard = (request.getfixturevalue("scanning")
                 if request.param == "scanned" else None)
        guarded = start(python(DETACHING + end), *options, guard=guard)
        guarded.main = int(guarded.line())
        assert guarded.main in guarded.survivors()
        assert len(guarded.survivors()) == 3
        return guarded

    return begin


def test_helpers_are_gone_after_a_normal_exit(detaching):
    guarded = detaching("\nwhile True: time.sleep(0.01)\n")
    os.kill(guarded.main, signal.SIGUSR1)
    assert guarded.report() == (EXITED, 5)
    assert guarded.read(1) == "" and guarded.read(2) == ""


def test_helpers_are_gone_after_term(detaching):
    guarded = detaching()
    guarded.worker.send(b"T")
    assert guarded.report() == (SIGNALED, signal.SIGTERM)


def test_helpers_are_gone_after_ignored_term(detaching):
    guarded = detaching(
        "\nsignal.signal(signal.SIGTERM, lambda *a: print('no', flush=True))\n"
        "print('armed', flush=True)" + WAITING, "--kill-grace-ms", "50")
    assert guarded.line() == "armed"
    guarded.worker.send(b"T")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_helpers_are_gone_after_kill(detaching):
    guarded = detaching()
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_helpers_are_gone_after_the_worker_died(detaching):
    guarded = detaching()
    guarded.hang_up()
    assert guarded.wait() == 0
    assert not guarded.processes()


def test_helpers_are_gone_though_a_message_was_unread(detaching):
    guarded = detaching()
    os.kill(guarded.keeper(), signal.SIGSTOP)
    guarded.worker.send(b"T")
    keeper = guarded.keeper()
    guarded.hang_up()
    os.kill(keeper, signal.SIGCONT)
    assert guarded.wait() == 0
    assert not guarded.processes()


def test_helpers_are_gone_after_the_guard_was_killed(detaching):
    guarded = detaching()
    os.kill(guarded.pid, signal.SIGKILL)
    assert guarded.report() == (SIGNALED, signal.SIGKILL)
    eventually(lambda: not guarded.processes())


def test_helpers_are_gone_after_the_keeper_was_killed(detaching):
    guarded = detaching()
    os.kill(guarded.keeper(), signal.SIGKILL)
    assert guarded.report() == (LOST, signal.SIGKILL)
    assert guarded.wait() == 1
    assert not guarded.processes()


def test_main_process_dies_with_both_guards(start):
    guarded = start(python("import os, time\nprint(os.getpid(), flush=True)" +
                           WAITING))
    guarded.line()
    keeper = guarded.keeper()
    os.kill(guarded.pid, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    os.kill(guarded.pid, signal.SIGKILL)
    eventually(lambda: not guarded.processes())
    assert guarded.worker.recv(4096) == b""


def test_worker_that_dies_at_any_moment_leaves_nothing(start):
    """From before the handler is executed until after it has ended."""
    for delay_us in range(0, 6000, 200):
        guarded = start(shell("(setsid sleep 600 & ) ; sleep 0.003"))
        end = time.monotonic_ns() + delay_us * 1000
        while time.monotonic_ns() < end:
            pass
        guarded.hang_up()
        guarded.wait()
        assert not guarded.processes()


def test_helpers_of_threads_are_found(start):
    guarded = start(python(
        "import subprocess, threading, time\n"
        "def work():\n"
        "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "    print('up', flush=True)\n"
        "    time.sleep(600)\n"
        "threading.Thread(target=work).start()" + WAITING))
    assert guarded.line() == "up"
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)


def test_orphans_are_reaped_while_the_handler_runs(start):
    guarded = start(shell(
        "i=0; while [ $i -lt 20 ]; do (true &); i=$((i+1)); done; "
        "echo up; exec sleep 600"))
    assert guarded.line() == "up"
    keeper = guarded.keeper()
    eventually(lambda: len(read_proc(
        keeper, f"task/{keeper}/children").split()) == 1)
    guarded.worker.send(b"K")
    guarded.report()


def test_stopped_helpers_are_gone_too(start):
    guarded = start(shell("sleep 600 & kill -STOP $!; echo up; exit 0"))
    assert guarded.report() == (EXITED, 0)


# --- fork bombs ---


@pytest.fixture(scope="session")
def bomb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bomb")
    (folder / "bomb.c").write_text(BOMB)
    subprocess.run(["cc", "-w", "-o", folder / "bomb", folder / "bomb.c"],
                   check=True)
    return str(folder / "bomb")


@pytest.mark.parametrize("how", ["exit", "kill", "worker died"])
def test_fork_bomb_is_killed(start, bomb, how):
    guarded = start([bomb, "exit"] if how == "exit" else [bomb], events=True)
    burning = 0
    while burning < 100 and how != "exit":
        burning += len(os.read(guarded.pipes[3], 100))
    if how == "kill":
        guarded.worker.send(b"K")
    if how == "worker died":
        guarded.hang_up()
        guarded.wait()
    else:
        assert guarded.report() == (
            (EXITED, 0) if how == "exit" else (SIGNALED, signal.SIGKILL))
    assert guarded.read(1) == "", "it ended by itself"
    eventually(lambda: not guarded.processes())


def test_growing_bomb_is_killed(start):
    """Every process goes on forking, a crowd and a chain at once."""
    guarded = start(python(
        "import os, time\n"
        "for i in range(9):\n"
        "    os.fork()\n"
        "    os.write(3, b'.')\n" + WAITING), events=True)
    forks = 0
    while forks < 60:
        forks += len(os.read(guarded.pipes[3], 60))
    guarded.worker.send(b"K")
    assert guarded.report() == (SIGNALED, signal.SIGKILL)
    eventually(lambda: not guarded.processes())
