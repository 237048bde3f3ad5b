"""Code that is not trusted stays in its sandbox.

Each attempt is made twice by the same handler: by a type without a sandbox,
where it must succeed (so that it is a real attempt), and by one with. Where no
sandbox can be made these tests fail, they are not skipped.
"""

import os
import signal
import socket
import sys
from contextlib import closing

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stack import open_folder, wait_for                          # noqa: E402
from worker import exists, process, program, put_file, worker_stack  # noqa: E402

RUN = """#!/usr/bin/python3
import json, os, sys
payload = json.load(sys.stdin)
if "sh" in payload:
    os.execv("/bin/sh", ["sh", "-c", payload["sh"]])
sys.argv = ["run"]
exec(compile(payload["py"], "payload", "exec"), {"__name__": "__main__"})
"""

LIMITS = {"memory": "150MB", "tmpSize": "4MB", "outputSize": "3MB", "outputFiles": 20,
          "cpu": "20s", "processes": 16}
TYPES = [
    (program("open", "run-handler", maxAttempts=1), RUN),
    (program("box", "run-handler", maxAttempts=1, sandbox=LIMITS), None),
    (program("box.plain", "run-handler", maxAttempts=1, sandbox=True), None),
    (program("box.cpu", "run-handler", maxAttempts=1, sandbox={"cpu": "1s"}), None),
    (program("box.path", "run-handler", maxAttempts=1, sandbox={"readOnly": ["/var/lib/dpkg"]}), None),
    (program("box.wrong", "run-handler", sandbox={"readOnly": ["/no/such/folder"]}), None),
    (process("box.warm", "warm-handler", sandbox=True), """#!/usr/bin/python3 -u
import json, os, sys
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps({"id": job["id"], "result": {"uid": os.getuid(), "pids": sorted(
        name for name in os.listdir("/proc") if name.isdigit())}}), flush=True)
"""),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES, MILLRACE_SLOTS="8", SANDBOX_TEST_SECRET="s3cret") as made:
        yield made


def run(worker, type_, code, **options):
    payload = {"sh": code} if code.startswith("#sh") else {"py": code}
    job = worker.enqueue(type_, payload, **options)
    return {"id": job, **worker.wait(job)}


def both(worker, code):
    """What the attempt gives without a sandbox, and within."""
    first = worker.enqueue("open", {"py": code})
    second = worker.enqueue("box", {"py": code})
    results = []
    for job in (first, second):
        found = worker.wait(job)
        assert found["state"] == "completed", (found, worker.log(job))
        results.append(found["result"])
    return results


def attempt(body, setup=""):
    """Python that prints "got in" where its body goes through, else the error."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return (f"import ctypes, os, socket, struct, sys, signal, json\n{setup}\n"
            f"libc = ctypes.CDLL(None, use_errno=True)\n"
            "def call(*words):\n"
            "    if libc.syscall(*words) < 0:\n"
            "        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))\n"
            f"try:\n{lines}\n    print('got in')\n"
            "except (OSError, AssertionError) as error:\n    print(type(error).__name__, error)\n")


# ------------------------------------------------------------ the contract

def test_the_contract_holds_within(worker):
    file = put_file(worker, "in.txt", b"hello")
    job = worker.enqueue("box", {"py": """
import json, os, sys
print("to the log", file=sys.stderr)
os.write(3, b'{"progress": 40, "message": "well"}\\n')
text = open(os.environ["MILLRACE_INPUT_DIR"] + "/in.txt").read()
open(os.environ["MILLRACE_OUTPUT_DIR"] + "/out.txt", "w").write(text.upper())
open(os.environ["TMPDIR"] + "/scratch", "w").write("x")
print(json.dumps({"fds": sorted(os.listdir("/proc/self/fd")), "env": sorted(os.environ), "cwd": os.getcwd(), "home": os.environ["HOME"]}))
"""}, files=[file])
    found = worker.wait(job)
    assert found["state"] == "completed", (found, worker.log(job))
    assert found["message"] == "well"
    assert "to the log" in worker.log(job)
    assert [row[:2] for row in worker.artifacts(job)] == [("out.txt", 5)]
    assert found["result"]["env"] == [
        "HOME", "LANG", "MILLRACE_ATTEMPT", "MILLRACE_INPUT_DIR", "MILLRACE_JOB_ID",
        "MILLRACE_OUTPUT_DIR", "MILLRACE_TYPE", "PATH", "PWD", "TMPDIR"]
    # 4 is the folder that is read.
    assert found["result"]["fds"] == ["0", "1", "2", "3", "4"]
    assert found["result"]["cwd"] == found["result"]["home"] == "/tmp"


@pytest.mark.parametrize("code, error, details", [
    ("import sys; sys.exit(3)", "handler_failed", {"exitCode": 3}),
    ("import os; os.kill(os.getpid(), 11)", "handler_killed", {"signal": "SIGSEGV"}),
    ("import os; os.write(3, b'{\"error\": {\"code\": \"mine\", \"message\": \"no\"}}\\n'); os._exit(65)",
     "mine", {"exitCode": 65}),
])
def test_ends_are_the_handlers(worker, code, error, details):
    found = run(worker, "box", code)
    assert found["state"] == "discarded"
    assert (found["error"]["code"], found["error"]["details"]) == (error, details)


def test_term_lets_it_finish(worker):
    job = worker.enqueue("box", {"py": """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.write(3, b'{"progress": 1}\\n')
signal.sigwait({signal.SIGTERM})
print("saved", file=sys.stderr)
"""})
    wait_for(lambda: worker.job(job)["progress"] == 1)
    assert worker.value("select millrace.cancel(%s::uuid) is not null", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    assert "saved" in worker.log(job)


def test_shared_paths_are_there_to_be_read(worker):
    code = attempt("assert os.path.exists('/var/lib/dpkg/status')\nopen('/var/lib/dpkg/x', 'w')")
    assert "Read-only" in run(worker, "box.path", code)["result"]
    assert "AssertionError" in run(worker, "box.plain", code)["result"]


def test_millraces_own_folders_are_hidden_below_shared_ones(worker):
    folder = str(worker.stack.dir)
    worker.stack.add_type(program("box.all", "run-handler", maxAttempts=1, sandbox={"readOnly": [folder]}))
    worker.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: worker.value("select count(*) from millrace.job_type where type = 'box.all'"))
    found = run(worker, "box.all", "import json, os\nprint(json.dumps({name: os.listdir(f'%s/{name}') for name in "
                "('data', 'run', 'types.d', 'bin')}))" % folder)
    assert found["state"] == "completed", found
    assert found["result"].pop("bin") and found["result"] == {"data": [], "run": [], "types.d": []}


def test_warm_processes_have_one_too(worker):
    found = worker.wait(worker.enqueue("box.warm", {}))
    assert found["state"] == "completed", found
    assert found["result"] == {"uid": 1000, "pids": ["1", "2"]}


# ------------------------------------------------------------ reading

def test_files_of_the_machine(worker):
    code = attempt("open('/etc/hostname').read()\nos.listdir('/home')\nopen('/etc/ssl/openssl.cnf')")
    outside, within = both(worker, code)
    assert outside == "got in" and "No such file" in within


def test_shadow_is_not_there(worker):
    assert "No such file" in run(worker, "box", attempt("open('/etc/shadow').read()"))["result"]


def test_the_workers_environment(worker):
    code = attempt("""
found = []
for pid in os.listdir('/proc'):
    try:
        found.append(open(f'/proc/{pid}/environ').read())
    except OSError:
        pass
assert any('DATABASE_URL' in text for text in found), len(found)
""")
    outside, within = both(worker, code)
    assert outside == "got in" and within.startswith("AssertionError")


def test_other_jobs_and_the_database(worker):
    data, running = str(worker.data), str(worker.stack.dir / "run")
    other = worker.enqueue("open", {"py": "import os, time; open('output/secret', 'w'); os.write(3, b'{\"progress\": 1}\\n'); time.sleep(60)"})
    wait_for(lambda: worker.job(other)["progress"] == 1)
    code = attempt(f"""
import glob
assert glob.glob('{data}/work/*/output/secret'), 'no work folders'
assert glob.glob('{running}/.s.PGSQL*'), 'no socket'
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob('{running}/.s.PGSQL.*[0-9]')[0])
""")
    outside, within = both(worker, code)
    worker.value("select millrace.cancel(%s::uuid) is not null", other)
    assert outside == "got in" and within.startswith("AssertionError")


def test_the_workers_sockets(worker):
    code = attempt(f"""
import glob
path = glob.glob('{worker.stack.dir}/run/bell/jobs.*')[0:1]
assert path, 'no bell'
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'!', path[0])
""")
    outside, within = both(worker, code)
    assert outside == "got in" and within.startswith("AssertionError")


# ------------------------------------------------------------ the network

@pytest.fixture
def listener():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_tcp(worker, listener):
    outside, within = both(worker, attempt(f"socket.create_connection(('127.0.0.1', {listener}), 5)"))
    assert outside == "got in" and within.startswith("OSError")


def test_udp(worker):
    code = attempt("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))")
    outside, within = both(worker, code)
    assert outside == "got in" and within.startswith("OSError")


def test_names(worker):
    code = attempt("assert socket.getaddrinfo('localhost', 80)[0][4][0] in ('127.0.0.1', '::1')\n"
                   "assert os.path.exists('/etc/resolv.conf')")
    outside, within = both(worker, code)
    assert outside == "got in" and within != "got in"


@pytest.mark.parametrize("family", ["AF_INET6", "AF_NETLINK", "AF_VSOCK"])
def test_other_families(worker, family):
    outside, within = both(worker, attempt(f"socket.socket(socket.{family}, socket.SOCK_DGRAM if '{family}' != 'AF_NETLINK' else socket.SOCK_RAW)"))
    assert within.startswith("OSError"), within
    assert outside == "got in" or family == "AF_VSOCK"


def test_abstract_sockets(worker):
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(f"\0sandbox-{os.getpid()}")
        server.listen()
        code = attempt(f"socket.socket(socket.AF_UNIX).connect('\\0sandbox-{os.getpid()}')")
        outside, within = both(worker, code)
    assert outside == "got in" and "refused" in within


# ------------------------------------------------------------ system calls

ATTEMPTS = {
    "ptrace": """
if os.fork() == 0:
    signal.pause()
pid = os.fork()
if pid == 0:
    signal.pause()
call(101, 16, pid, 0, 0)
os.kill(pid, 9)
""",
    "process_vm_readv": "buffer = ctypes.create_string_buffer(8)\n"
                        "iov = struct.pack('PL', ctypes.addressof(buffer), 8)\n"
                        "call(310, os.getpid(), iov, 1, iov, 1, ctypes.c_long(0))",
    "unshare": "call(272, 0x10000000)",
    "clone": "pid = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\n"
             "assert pid > 0, os.strerror(ctypes.get_errno())",
    "memfd_create": "call(319, b'x', 0)",
    "shmget": "call(29, 0, 4096, 0o1600)",
    "keyctl": "call(250, 0, -3, 1)",
    "add_key": "call(248, b'user', b'name', b'data', 4, -3)",
}
# What an unprivileged process may not do anyway, or not on every kernel: only
# that it is refused within.
REFUSED = {
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "umount": "call(166, b'/proc', 2)",
    "pivot_root": "call(155, b'/', b'/tmp')",
    "chroot": "os.chroot('/tmp')",
    "setns": "call(308, os.open('/proc/1/ns/user', 0), 0)",
    "bpf": "call(321, 0, 0, 0)",
    "io_uring": "call(425, 8, ctypes.create_string_buffer(256))",
    "userfaultfd": "call(323, 1)",
    "perf_event_open": "call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    "kexec": "call(246, 0, 0, 0, 0)",
    "init_module": "call(175, 0, 0, b'')",
    "open_by_handle": "call(304, -100, ctypes.create_string_buffer(64), 0)",
    "setuid": "os.setuid(0)",
    "mknod": "os.mknod('/tmp/disk', 0o060600, os.makedev(8, 0))",
    "hostname": "socket.sethostname('x')",
    "clock": "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)",
    "proc_sys": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')",
    "sysrq": "open('/proc/sysrq-trigger', 'w').write('b')",
    "proc_1_root": "os.listdir('/proc/1/root')\nassert os.path.exists('/proc/1/root/home')",
    "proc_1_fd": "os.listdir('/proc/1/fd')\nassert os.open('/proc/1/fd/10', os.O_WRONLY)",
    "proc_self_exe": "open('/proc/1/exe', 'r+b')",
    "the_program_within": "open('/millrace-sandbox', 'r+b')",
    "handlers": "open('/handlers/run-handler', 'a')",
    "input": "open('/tmp/input/new', 'w')",
    "root": "open('/new', 'w')",
    "etc": "open('/etc/passwd', 'a')",
    "dev": "open('/dev/new', 'w')",
    "usr": "open('/usr/new', 'w')",
    "setuid_programs": "import subprocess\nassert subprocess.run(['mount', '-t', 'tmpfs', 'x', '/tmp'], capture_output=True).returncode == 0",
    "personality": "call(135, 0x0040000)",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_call(worker, name):
    outside, within = both(worker, attempt(ATTEMPTS[name]))
    assert outside == "got in"
    assert within.startswith(("OSError", "AssertionError", "PermissionError")), within


@pytest.mark.parametrize("name", REFUSED)
def test_refused(worker, name):
    found = run(worker, "box", attempt(REFUSED[name]))
    assert found["state"] == "completed", found
    assert found["result"].split()[0] in (
        "OSError", "PermissionError", "AssertionError", "FileNotFoundError"), found["result"]


def test_32_bit_calls_kill(worker):
    """int 0x80 would go round a filter of 64-bit numbers; this one is getpid."""
    code = ("import ctypes, mmap\n"
            "m = mmap.mmap(-1, 4096, prot=7)\n"
            "m.write(bytes.fromhex('b814000000cd80c3'))\n"
            "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
            "print('got in', f())\n")
    found = run(worker, "box", code)
    assert found["state"] == "discarded" and found["error"]["code"] == "handler_killed", found


# ------------------------------------------------------------ others

def test_signals_reach_nobody_else(worker):
    victim = worker.enqueue("open", {"py": "import os, time\nprint(os.getpid(), file=__import__('sys').stderr, flush=True)\nos.write(3, b'{\"progress\": 1}\\n')\ntime.sleep(60)"})
    wait_for(lambda: worker.job(victim)["progress"] == 1 and worker.log(victim))
    pid = int(worker.log(victim)[0])
    within = run(worker, "box", attempt(f"os.kill({pid}, 9)"))["result"]
    assert "No such process" in within and exists(pid)
    assert run(worker, "open", attempt(f"os.kill({pid}, 9)"))["result"] == "got in"
    assert worker.wait(victim)["error"]["code"] == "handler_killed"


def test_killing_all_ends_itself_only(worker):
    found = run(worker, "box", "import os, time\nif os.fork() == 0:\n    time.sleep(60)\nos.kill(-1, 9)\nos.kill(1, 9)\nprint('alive')")
    assert found["result"] == "alive"
    assert run(worker, "box", "print('next')")["result"] == "next"


HIDE = """
import os, signal, sys, time
for i in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {9, 19})
        os.execv("/usr/bin/sleep", ["MARK", "600"])
time.sleep(0.2)
os.write(3, b'{"progress": 1}\\n')
"""


def marked(mark):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().startswith(mark.encode()):
                    found.append(pid)
        except OSError:
            pass
    return found


@pytest.mark.parametrize("how", ["end", "cancel", "timeout"])
def test_nothing_outlives_it(worker, how):
    mark = f"hidden-{how}-{os.getpid()}"
    wait = "" if how == "end" else "time.sleep(600)"
    job = worker.enqueue("box", {"py": HIDE.replace("MARK", mark) + wait},
                         timeout="4s" if how == "timeout" else "60s")
    wait_for(lambda: worker.job(job)["progress"])
    if how == "cancel":
        assert len(marked(mark)) == 3
        worker.value("select millrace.cancel(%s::uuid) is not null", job)
        worker.ring()
    found = worker.wait(job)
    assert found["state"] == {"end": "completed", "cancel": "cancelled", "timeout": "discarded"}[how]
    assert marked(mark) == []


@pytest.mark.parametrize("whom", ["millrace-sandbox", "bwrap", "millrace-guard"])
def test_killed_from_outside_nothing_is_left(worker, whom):
    mark = f"hidden-{whom}-{os.getpid()}"
    job = worker.enqueue("box", {"py": HIDE.replace("MARK", mark) + "time.sleep(600)"})
    wait_for(lambda: worker.job(job)["progress"] == 1)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
            named = os.path.basename(words[0]) == whom.encode() and b"--inside" not in words[1:2]
            mine = f"MILLRACE_JOB_ID={job}".encode() in open(f"/proc/{pid}/environ", "rb").read()
        except OSError:
            continue
        if named and mine:
            os.kill(int(pid), 9)
    assert worker.wait(job)["state"] == "discarded"
    assert marked(mark) == []


# ------------------------------------------------------------ limits

def limit_of(found):
    assert found["state"] == "discarded", found
    assert found["error"]["code"] == "sandbox_limit", found
    return found["error"]["details"]["limit"]


def test_fork_bomb(worker):
    code = ("import os, time\nmade = 0\ntry:\n    while made < 200:\n        if os.fork() == 0:\n            time.sleep(60)\n"
            "        made += 1\nexcept OSError as error:\n    pass\nprint(made)")
    outside, within = both(worker, code)
    assert outside == 200 and within < 20


def test_memory_of_one(worker):
    code = "try:\n    b = b'x' * (300 << 20)\n    print('got in')\nexcept MemoryError:\n    print('refused')"
    assert both(worker, code) == ["got in", "refused"]


@pytest.mark.parametrize("kind", ["-1, 60 << 20", "-1, 60 << 20, flags=34"])
def test_memory_of_many(worker, kind):
    code = (f"import mmap, os, time\nfor i in range(5):\n    if os.fork() == 0:\n        m = mmap.mmap({kind})\n"
            "        m.write(b'x' * (60 << 20))\n        time.sleep(60)\n        os._exit(0)\ntime.sleep(60)")
    found = run(worker, "box", code)
    assert limit_of(found) == "memory"


SLOW_BWRAP = """#!/usr/bin/python3
import os, subprocess, sys
subprocess.run(["sleep", "0.5"])
os.execv("/usr/bin/bwrap", ["bwrap", *sys.argv[1:]])
"""


def test_what_the_machine_uses_before_the_sandbox_is_there_does_not_count():
    small = program("box.small", "run-handler", maxAttempts=1, sandbox={"memory": "30MB"})
    with open_folder() as folder:
        slow = folder / "slow-bwrap"
        slow.write_text(SLOW_BWRAP)
        slow.chmod(0o755)
        with worker_stack([(small, RUN)], MILLRACE_BUBBLEWRAP=str(slow)) as worker:
            assert run(worker, "box.small", "print('quietly')")["result"] == "quietly"


def test_memory_of_what_threads_start(worker):
    code = ("import os, threading, time\ndef grow():\n    for i in range(5):\n        if os.fork() == 0:\n            b = b'x' * (60 << 20)\n"
            "            time.sleep(60)\n            os._exit(0)\n    time.sleep(60)\n"
            "threading.Thread(target=grow).start()\ntime.sleep(60)")
    assert limit_of(run(worker, "box", code)) == "memory"


def test_shared_memory_counts_once(worker):
    code = ("import os, time\nb = b'x' * (60 << 20)\nfor i in range(5):\n    if os.fork() == 0:\n        time.sleep(0.5)\n"
            "        os._exit(0)\nfor i in range(5):\n    os.wait()\nprint('well')")
    assert run(worker, "box", code)["result"] == "well"


def test_processor_time(worker):
    code = "import os\nfor i in range(3):\n    os.fork()\nwhile True: pass"
    assert limit_of(run(worker, "box.cpu", code)) == "cpu"


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_filling_tmp(worker, folder):
    found = run(worker, "box", attempt(
        f"with open('{folder}/big', 'wb') as f:\n    for i in range(64):\n        f.write(b'x' * (1 << 20))\n        f.flush()"))
    assert found["state"] in ("completed", "discarded")
    assert found["result"] != "got in"


def test_many_files_in_tmp(worker):
    found = run(worker, "box", "for i in range(10 ** 7): open(f'/tmp/{i}', 'w').close()")
    assert limit_of(found) == "tmpFiles"


def test_filling_the_output_with_one_file(worker):
    code = "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + attempt(
        "with open(os.environ['MILLRACE_OUTPUT_DIR'] + '/big', 'wb') as f:\n    for i in range(8):\n        f.write(b'x' * (1 << 20))\n        f.flush()")
    assert run(worker, "open", code)["result"] == "got in"
    found = run(worker, "box", code)
    assert found["result"] != "got in"


def test_filling_the_output_with_many(worker):
    code = "import time\nfor i in range(10):\n    open(f'/tmp/output/{i}', 'wb').write(b'x' * (1 << 20))\ntime.sleep(60)"
    found = run(worker, "box", code)
    assert limit_of(found) == "outputSize" and worker.artifacts(found["id"]) == []


def test_too_many_output_files(worker):
    code = "import time\nfor i in range(100):\n    open(f'/tmp/output/{i}', 'w').close()\ntime.sleep(60)"
    assert limit_of(run(worker, "box", code)) == "outputFiles"


def test_limits_count_at_the_end_too(worker):
    code = "for i in range(21):\n    open(f'/tmp/output/{i}', 'w').close()"
    found = run(worker, "box", code)
    assert limit_of(found) == "outputFiles" and worker.artifacts(found["id"]) == []


def test_removed_files_are_counted(worker):
    code = ("import os\nwhile True:\n    f = open('/tmp/output/x', 'wb')\n    os.unlink('/tmp/output/x')\n"
            "    f.write(b'x' * (2 << 20))\n    f.flush()")
    assert limit_of(run(worker, "box", code)) == "outputSize"


def test_deep_folders(worker):
    code = "import os, time\nos.chdir('/tmp/output')\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')"
    assert limit_of(run(worker, "box", code)) == "outputFiles"


def test_locked_folders_are_counted(worker):
    code = ("import os, time\nos.mkdir('/tmp/output/d')\nfor i in range(30):\n    open(f'/tmp/output/d/{i}', 'w').close()\n"
            "os.chmod('/tmp/output/d', 0)\ntime.sleep(60)")
    found = run(worker, "box", code)
    assert limit_of(found) == "outputFiles"
    wait_for(lambda: not [name for name in os.listdir(worker.data / "work") if found["id"] in name])


def test_huge_stdout(worker):
    found = run(worker, "box", "while True: print('x' * 65536)")
    assert found["state"] == "discarded" and found["error"]["code"] == "result_too_large"


def test_huge_stderr(worker):
    found = run(worker, "box", "import sys\nfor i in range(200): print('x' * 65536, file=sys.stderr)\nprint('well')")
    assert found["result"] == "well"
    assert sum(map(len, worker.log(found["id"]))) < 8 << 20


# ------------------------------------------------------------ output

def test_only_regular_files_become_artifacts(worker):
    found = run(worker, "box", """
import os, socket
os.chdir("/tmp/output")
open("good.txt", "w").write("good")
os.symlink("/etc/passwd", "link")
os.symlink("/proc/1/environ", "environ")
os.mkfifo("fifo")
os.mkdir("folder")
socket.socket(socket.AF_UNIX).bind("socket")
open("set.sh", "w").write("x")
os.chmod("set.sh", 0o6755)
open(b"n\\xff\\nm\\x1b", "w").write("x")
try:
    os.link("/tmp/input", "hard")
except OSError:
    pass
print("made")
""")
    assert found["result"] == "made"
    names = [name for name, *_ in worker.artifacts(found["id"])]
    assert "good.txt" in names and "set.sh" in names and len(names) == 3
    assert all(name.isprintable() for name in names)
    for path in worker.store(found["id"]).iterdir():
        assert path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o7777 == 0o640


def test_no_hard_link_of_the_input(worker):
    file = put_file(worker, "in.txt", b"hello")
    code = attempt("os.link(os.environ['MILLRACE_INPUT_DIR'] + '/in.txt', os.environ['MILLRACE_OUTPUT_DIR'] + '/out')")
    jobs = [worker.enqueue(type_, {"py": code}, files=[file]) for type_ in ("open", "box")]
    assert worker.wait(jobs[0])["result"] == "got in"
    assert "cross-device" in worker.wait(jobs[1])["result"]


# ------------------------------------------------------------ where none can be made

@pytest.fixture(scope="module")
def without(tmp_path_factory):
    with worker_stack(TYPES, MILLRACE_BUBBLEWRAP="/no/such/bwrap") as made:
        yield made


@pytest.mark.parametrize("type_", ["box.plain", "box.wrong", "box.warm"])
def test_without_bubblewrap_it_fails_for_good(without, type_):
    found = without.wait(without.enqueue(type_, {"py": "print('got in')"}, maxAttempts=3))
    assert (found["state"], found["attempt"]) == ("discarded", 1)
    assert found["error"]["code"] == "sandbox_unavailable"
    if type_ != "box.warm":
        assert "install bubblewrap" in found["error"]["message"]


def test_a_wrong_path_fails_for_good(worker):
    found = worker.wait(worker.enqueue("box.wrong", {"py": "print('got in')"}))
    assert (found["state"], found["attempt"]) == ("discarded", 1)
    assert found["error"]["code"] == "sandbox_unavailable"
    assert "/no/such/folder" in found["error"]["message"]
