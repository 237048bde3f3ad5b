"""millrace-worker at work: real processes, a real PostgreSQL, jobs from SQL."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import assert_prompt, wait_for  # noqa: E402
from worker import enqueue_many, exists, process, program, put_file, worker_stack  # noqa: E402


@pytest.fixture(scope="module")
def shared():
    with worker_stack() as worker:
        yield worker


@pytest.fixture
def own():
    with worker_stack() as worker:
        yield worker


# ---------------------------------------------------------------- results

@pytest.mark.parametrize("script, result", [
    ("""printf '{"a": [1, 2]}'""", {"a": [1, 2]}),
    ("echo 42", 42),
    ("echo hello; echo world", "hello\nworld"),
    ("printf '\\377\\000x'", "\ufffd\ufffdx"),
    ("true", None),
])
def test_stdout_is_the_result(shared, script, result):
    job = shared.run(script)
    assert job["state"] == "completed" and job["result"] == result
    assert job["attempt"] == 1 and job["progress"] == 100


def test_a_result_that_is_too_large_fails_for_good(shared):
    job = shared.run("head -c 1100000 /dev/zero | tr '\\0' x; sleep 60")
    assert job["state"] == "discarded" and job["error"]["code"] == "result_too_large"
    job = shared.run("head -c 1000000 /dev/zero | tr '\\0' x")
    assert job["state"] == "completed" and len(job["result"]) == 1000000


def test_a_large_payload_may_be_read_or_not(shared):
    big = "y" * 900000
    job = shared.wait(shared.enqueue("sh", {"sh": "echo ${#0}", "big": big}))
    assert job["state"] == "completed"
    shared.stack.add_type(program("deaf", "deaf"), "#!/bin/sh\nexec <&-\nsleep 0.1\necho done\n")
    (shared.stack.dir / "bin/deaf").chmod(0o755)
    shared.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: shared.sql("select 1 from millrace.job_type where type = 'deaf'"))
    job = shared.wait(shared.enqueue("deaf", {"big": big}))
    assert job["state"] == "completed" and job["result"] == "done"


# ---------------------------------------------------------------- ends

@pytest.mark.parametrize("status, state, code", [
    (1, "retryable", "handler_failed"),
    (75, "retryable", "temporary_failure"),
    (64, "discarded", "handler_failed"),
    (65, "discarded", "handler_failed"),
    (66, "discarded", "handler_failed"),
    (67, "retryable", "handler_failed"),
])
def test_exit_statuses(shared, status, state, code):
    job = shared.sh(f"echo why >&2; echo >&2; exit {status}",
                    retry={"initial": "1h", "max": "1h"})
    found = shared.wait(job, state)
    assert found["error"] == {"code": code, "message": "why",
                              "details": {"exitCode": status}}


def test_an_end_without_a_word_is_named_by_its_status(shared):
    assert shared.run("exit 9", "sh.once")["error"]["message"] == "exit status 9"


def test_a_signal_is_named(shared):
    job = shared.run("kill -SEGV $$", "sh.once")
    assert job["state"] == "discarded"
    assert job["error"]["code"] == "handler_killed"
    assert job["error"]["details"] == {"signal": "SIGSEGV"}


def test_an_error_event_says_it_better(shared):
    job = shared.run("""echo '{"error": {"code": "bad_row", "message": "row 7", "details": {"row": 7}}}' >&3
                        echo noise >&2; exit 65""")
    assert job["error"] == {"code": "bad_row", "message": "row 7",
                            "details": {"row": 7, "exitCode": 65}}


def test_retry_after_counts_before_the_policy(shared):
    job = shared.sh("""echo '{"error": "busy", "retryAfter": "2h"}' >&3; exit 75""")
    found = shared.wait(job, "retryable")
    assert found["error"]["message"] == "busy"
    left = shared.value("select extract(epoch from run_at - now()) from millrace.waiting where id = %s", job)
    assert 7100 < left < 7201


def test_a_handler_that_is_not_there(shared):
    job = shared.wait(shared.enqueue("missing", {}))
    assert job["state"] == "discarded" and job["error"]["code"] == "handler_not_found"


def test_retries_with_backoff(shared):
    job = shared.sh("test $MILLRACE_ATTEMPT = 3 && echo ok",
                    retry={"initial": "1h", "max": "4h", "backoff": "linear", "jitter": False})
    for hours in 1, 2:
        shared.wait(job, "retryable")
        delay, = shared.sql(
            "select extract(epoch from w.run_at - e.at)::float8 from millrace.waiting w"
            " join millrace.job_event e on e.job_id = w.id and e.kind = 'job_retrying'"
            " where w.id = %s order by e.seq desc limit 1", job)[0]
        assert delay == pytest.approx(hours * 3600, abs=0.01)
        shared.sql("update millrace.waiting set run_at = now() where id = %s", job)
        wait_for(lambda: shared.job(job)["attempt"] > hours)  # noqa: B023
    found = shared.wait(job)
    assert found["state"] == "completed" and found["attempt"] == 3 and found["result"] == "ok"
    assert shared.events(job).count("job_retrying") == 2


def test_a_retry_is_not_early(shared):
    job = shared.sh("test $MILLRACE_ATTEMPT = 3", retry={"initial": "200ms", "backoff": "linear",
                                                         "jitter": False})
    assert shared.wait(job)["state"] == "completed"
    starts = [at for (at,) in shared.sql(
        "select extract(epoch from at)::float8 from millrace.job_event"
        " where job_id = %s and kind = 'job_started' order by seq", job)]
    assert starts[1] - starts[0] >= 0.2 and starts[2] - starts[1] >= 0.4


def test_the_last_attempt_is_the_last(shared):
    job = shared.run("exit 1", maxAttempts=2)
    assert job["state"] == "discarded" and job["attempt"] == 2


# ---------------------------------------------------------------- stopping

TREE = """sh -c 'trap "" TERM; setsid sleep 600 & echo $! > $0.leaf; echo $$ > $0.pid; wait; sleep 600' {0}"""


def tree_pids(path):
    def read():
        with contextlib.suppress(OSError, ValueError):
            return [int(Path(f"{path}.{end}").read_text()) for end in ("leaf", "pid")]
        return None
    return wait_for(read, what="the tree has grown")


def test_a_timeout_ends_the_whole_tree(shared):
    path = shared.data / f"tree-{uuid.uuid4()}"
    job = shared.sh(TREE.format(path), timeout="3s", maxAttempts=1)
    pids = tree_pids(path)
    found = shared.wait(job)
    assert found["state"] == "discarded" and found["error"]["code"] == "timeout"
    assert not any(map(exists, pids))


def test_a_timeout_is_retried(shared):
    job = shared.sh("test $MILLRACE_ATTEMPT = 2 || sleep 600; echo ok", timeout="2s")
    found = shared.wait(job)
    assert found["state"] == "completed" and found["attempt"] == 2


def test_a_cancel_ends_the_whole_tree(shared):
    path = shared.data / f"tree-{uuid.uuid4()}"
    job = shared.sh(TREE.format(path))
    pids = tree_pids(path)
    began = time.monotonic()
    assert shared.value("select millrace.cancel(%s)::text", job) == "active"
    shared.ring()
    found = shared.wait(job)
    assert time.monotonic() - began < 10
    assert found["state"] == "cancelled" and found["error"]["code"] == "cancelled"
    assert not any(map(exists, pids))


def test_what_a_handler_leaves_behind_ends_with_it(shared):
    job = shared.run("setsid sleep 600 > /dev/null 2>&1 3>&- & echo $!")
    assert job["state"] == "completed" and not exists(job["result"])


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[1])


def test_what_loses_its_guard_is_ended_too(shared):
    path = shared.data / f"tree-{uuid.uuid4()}"
    job = shared.sh(TREE.format(path), maxAttempts=1)
    pids = tree_pids(path)
    keeper = pids[1]
    while Path(f"/proc/{keeper}/comm").read_text() != "mr-guard\n":
        keeper = parent(keeper)
    for pid in (parent(keeper), keeper):
        os.kill(pid, signal.SIGSTOP)
    for pid in (parent(keeper), keeper):
        os.kill(pid, signal.SIGKILL)
    found = shared.wait(job)
    assert found["state"] == "discarded" and found["error"]["code"] == "handler_lost"
    wait_for(lambda: not any(map(exists, pids)), what="the orphans are gone")


# ---------------------------------------------------------------- surroundings

def test_the_environment_is_clean(shared):
    job = shared.sh("env -0 | tr '\\0' '\\n'; pwd; ls; echo ${TMPDIR}; umask")
    found = shared.wait(job)
    lines = found["result"].splitlines()
    env = dict(line.split("=", 1) for line in lines if "=" in line)
    home = env["HOME"]
    assert home.startswith(f"{shared.data}/work/{job}-1")
    assert env == {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PWD": home,
        "HOME": home, "TMPDIR": home + "/tmp", "MILLRACE_JOB_ID": job,
        "MILLRACE_ATTEMPT": "1", "MILLRACE_TYPE": "sh",
        "MILLRACE_INPUT_DIR": home + "/input", "MILLRACE_OUTPUT_DIR": home + "/output"}
    assert {"input", "output", "tmp"} <= set(lines) and "0027" in lines


def test_a_type_has_its_own_variables_and_folder(shared):
    assert shared.run("echo $GREETING from $(pwd)", "sh.env")["result"] == "hello world from /tmp"


def test_no_descriptor_is_inherited(shared):
    # 3 takes events, and 4 is where ls itself reads the folder.
    assert shared.run("ls /proc/self/fd")["result"].split() == ["0", "1", "2", "3", "4"]


def test_limits_hold(shared):
    job = shared.run("ulimit -n; head -c 5000000 /dev/zero > big; wc -c < big", "sh.small")
    assert job["result"] == "32\n1048576"


def test_nothing_stays_in_the_work_folder(shared):
    job = shared.sh("mkdir -p a/b/c; chmod 000 a/b; ln -s / link; touch output/x")
    shared.wait(job)
    wait_for(lambda: not [name for name in os.listdir(shared.data / "work")
                          if not name.startswith(("process-", "started", "broken"))])


# ---------------------------------------------------------------- files

def test_uploaded_files_lie_in_the_input_folder(shared):
    files = [put_file(shared, "Ä b.csv", b"one"), put_file(shared, "../x", b"two"),
             put_file(shared, "Ä b.csv", b"three")]
    job = shared.run("cd input; for f in *; do echo \"$f=$(cat \"$f\")\"; done", files=files)
    assert job["result"].splitlines() == ["_._x=two", "Ä b-2.csv=three", "Ä b.csv=one"]


def test_a_file_that_is_gone_fails_the_job_for_good(shared):
    job = shared.run("true", files=[str(uuid.uuid4())])
    assert job["state"] == "discarded" and job["error"]["code"] == "file_not_found"


def test_files_left_in_the_output_folder_become_artifacts(shared):
    job = shared.sh("""cd output; printf abc > a.csv; printf '{}' > "b c.json"; ln -s /etc/passwd link
                       mkdir folder; touch folder/deep; mkfifo pipe; echo "made" """)
    found = shared.wait(job)
    assert found["state"] == "completed"
    assert shared.artifacts(job) == [
        ("a.csv", 3, "text/csv; charset=utf-8", hashlib.sha256(b"abc").hexdigest()),
        ("b c.json", 2, "application/json", hashlib.sha256(b"{}").hexdigest())]
    assert (shared.store(job) / "a.csv").read_text() == "abc"
    assert sorted(os.listdir(shared.store(job))) == ["a.csv", "b c.json"]
    assert [line for line in shared.log(job) if "no artifact" in line] == [
        "millrace: folder is no artifact: a folder",
        "millrace: link is no artifact: a symbolic link",
        "millrace: pipe is no artifact: not a regular file"]


def test_a_failed_attempt_leaves_no_artifacts(shared):
    job = shared.sh("echo x > output/x; test $MILLRACE_ATTEMPT = 2 || exit 1; rm output/x")
    assert shared.wait(job)["attempt"] == 2
    assert shared.artifacts(job) == [] and not shared.store(job).exists()


KEEP = """echo '{"error": {"code": "bad_rows", "message": "no", "artifacts": %s}}' >&3"""


def test_a_failed_job_keeps_the_artifacts_that_its_handler_wants_kept(shared):
    held, gate = shared.stack.gate()
    job = shared.sh(f"test $MILLRACE_ATTEMPT = 1 || {{ {held}; }}; printf abc > output/bad.csv; {KEEP % 'true'}; exit 65")
    found = shared.wait(job)
    assert (found["state"], found["error"]["code"]) == ("discarded", "bad_rows")
    assert shared.artifacts(job) == [("bad.csv", 3, "text/csv; charset=utf-8", hashlib.sha256(b"abc").hexdigest())]
    assert (shared.store(job) / "bad.csv").read_text() == "abc"
    # Run again by hand it has none, until it has made some.
    assert shared.value("select millrace.retry(%s)::text", job) == "available"
    assert shared.artifacts(job) == []
    gate.touch()
    shared.wait(job)
    assert shared.store(job, 2).exists() and len(shared.artifacts(job)) == 1
    wait_for(lambda: not shared.store(job, 1).exists(), what="the files of the first attempt are gone")


@pytest.mark.parametrize("keep, status", [("true", 1), ("false", 65), ("null", 65), ("1", 65)])
def test_otherwise_it_keeps_none(shared, keep, status):
    """Where another attempt follows, and where nobody has said so."""
    job = shared.sh(f"test $MILLRACE_ATTEMPT = 1 || exit 65; echo x > output/x; {KEEP % keep}; exit {status}")
    assert shared.wait(job)["state"] == "discarded"
    assert shared.artifacts(job) == [] and not shared.store(job).exists()


def test_a_job_of_a_warm_process_keeps_them_too(shared):
    say = json.dumps({"id": "ID", "error": {"code": "bad", "message": "no", "artifacts": True}, "retry": False})
    job = shared.enqueue("warm.files", {"dirs": True, "after": [say], "silent": True}, maxAttempts=1)
    assert shared.wait(job)["state"] == "discarded"
    assert [name for name, *_ in shared.artifacts(job)] == ["made.txt"]


def test_what_cannot_be_kept_keeps_no_job_from_its_end(shared):
    """The store's place is taken by a file, so that no folder can be made there."""
    held, gate = shared.stack.gate()
    job = shared.sh(f"{held}; echo x > output/x; {KEEP % 'true'}; exit 65")
    store = shared.store(job).parent
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text("in the way")
    if os.geteuid() == 0:
        for path in (store.parent, store):
            shutil.chown(path, "postgres")
    gate.touch()
    assert shared.wait(job)["error"]["code"] == "bad_rows"
    assert shared.artifacts(job) == [] and any("millrace: cannot make" in line for line in shared.log(job))


def test_artifacts_of_earlier_attempts_go(shared):
    job = shared.sh("test $MILLRACE_ATTEMPT = 2 || exit 1; echo x > output/x",
                    retry={"initial": "1s", "jitter": False})
    shared.wait(job, "retryable")
    old = shared.store(job, 1)
    old.mkdir(parents=True)
    if os.geteuid() == 0:
        for path in (old.parent.parent, old.parent, old):
            shutil.chown(path, "postgres")
    assert shared.wait(job)["state"] == "completed"
    wait_for(lambda: os.listdir(old.parent) == ["2"], what="the old folder is gone")


# ---------------------------------------------------------------- reports

def told(worker, job):
    return worker.sql("select kind::text, progress, message from millrace.job_event"
                      " where job_id = %s order by seq", job)


def test_progress_is_told_before_the_end(shared):
    mark = shared.data / f"heard-{uuid.uuid4()}"
    job = shared.sh(f"""for p in 10 20 30; do echo '{{"progress": '$p', "message": "at '$p'"}}' >&3
                        until [ -e {mark}.$p ]; do sleep 0.02; done; done
                        echo '{{"progress": 99.9, "message": "last"}}' >&3""")
    for percent in 10, 20, 30:
        step = "job_progress", percent, f"at {percent}"
        wait_for(lambda: step in told(shared, job))  # noqa: B023
        Path(f"{mark}.{percent}").touch()
    assert shared.wait(job)["message"] == "last"
    assert told(shared, job)[-2:] == [("job_progress", 99, "last"), ("job_completed", 100, "last")]


def test_a_flood_of_progress_is_thinned_out(shared):
    job = shared.sh("""i=0; while [ $i -lt 3000 ]; do echo '{"progress": '$((i / 30))'}'; i=$((i + 1)); done >&3""")
    assert shared.wait(job)["state"] == "completed"
    seconds = shared.value("select extract(epoch from max(at) - min(at))::float8 from millrace.job_event"
                           " where job_id = %s and kind in ('job_started', 'job_completed')", job)
    # One in 100 ms, and the last one.
    assert 1 <= shared.events(job).count("job_progress") <= seconds / 0.1 + 2


def test_an_event_line_that_is_none_is_logged(shared):
    job = shared.sh("""echo 'not json' >&3; echo '{"progress": "x"}' >&3; echo '[]' >&3""")
    assert shared.wait(job)["state"] == "completed"
    assert shared.log(job) == ["not json", '{"progress": "x"}', "[]"]


def test_stderr_is_the_log(shared):
    job = shared.sh("""echo one >&2; printf 'a\\000b\\377\\n' >&2; printf %s "no line feed" >&2""")
    shared.wait(job)
    assert shared.log(job) == ["one", "a\ufffdb\ufffd", "no line feed"]


def test_a_log_has_limits(shared):
    job = shared.sh("seq 12000 >&2")
    shared.wait(job)
    lines = shared.log(job)
    assert len(lines) == 10001 and lines[9999] == "10000" and lines[-1] == "log truncated"
    job = shared.sh("head -c 20000 /dev/zero | tr '\\0' x >&2; echo >&2; echo after >&2")
    shared.wait(job)
    assert [len(line) for line in shared.log(job)] == [8192, 5]
    job = shared.sh("for i in $(seq 200); do head -c 8000 /dev/zero | tr '\\0' x; echo; done >&2")
    shared.wait(job)
    lines = shared.log(job)
    assert lines[-1] == "log truncated" and 1000000 < sum(map(len, lines)) < 1100000


def test_the_worker_says_what_it_does(shared):
    job = shared.sh("exit 65")
    shared.wait(job)
    wait_for(lambda: shared.facts("JOB_FAILED", job))
    assert "type=sh attempt=1" in shared.facts("JOB_STARTED", job)[0]
    line = shared.facts("JOB_FAILED", job)[0]
    assert "duration=" in line and "handler_failed" in line


# ---------------------------------------------------------------- warm processes

def test_a_warm_process_does_many_jobs(shared):
    jobs = [shared.enqueue("warm", {}) for _ in range(20)]
    found = [shared.wait(job) for job in jobs]
    assert {job["state"] for job in found} == {"completed"}
    assert len({job["result"]["pid"] for job in found}) == 1
    assert found[0]["result"]["members"] == ["attempt", "id", "payload", "type"]


def test_a_warm_process_takes_large_payloads(shared):
    jobs = [shared.enqueue("warm", {"big": "y" * 900000}) for _ in range(6)]
    assert {shared.wait(job)["state"] for job in jobs} == {"completed"}


def test_what_a_warm_process_reports(shared):
    job = shared.enqueue("warm.one", {"say": [
        '{"id": "ID", "progress": 30, "message": "third"}', '{"id": "ID", "log": "a\\nb"}',
        "garbage", '{"id": "00000000-0000-7000-8000-000000000000", "result": 1}'],
        "warn": "from stderr"})
    found = shared.wait(job)
    assert found["state"] == "completed" and found["message"] == "third"
    assert {"a", "b", "from stderr"} <= set(shared.log(job))
    assert "job_progress" in shared.events(job)


def test_errors_of_a_warm_process(shared):
    error = '{"id": "ID", "error": {"code": "no", "message": "never", "details": [1]}, "retry": false}'
    job = shared.wait(shared.enqueue("warm", {"say": [error], "silent": True}))
    assert job["state"] == "discarded"
    assert job["error"] == {"code": "no", "message": "never", "details": [1]}
    error = '{"id": "ID", "error": {"code": "later", "message": "not now"}}'
    job = shared.enqueue("warm", {"say": [error], "silent": True}, retry={"initial": "1h", "max": "1h"})
    assert shared.wait(job, "retryable")["error"]["code"] == "later"


def test_a_result_that_postgresql_refuses_harms_only_its_job(shared):
    bad = shared.enqueue("warm", {"say": ['{"id": "ID", "result": {broken}}'], "silent": True})
    good = [shared.enqueue("warm", {}) for _ in range(5)]
    assert shared.wait(bad)["error"]["code"] == "invalid_result"
    assert shared.wait(bad)["state"] == "discarded"
    assert {shared.wait(job)["state"] for job in good} == {"completed"}


def test_a_result_line_that_is_too_long(shared):
    shared.stack.add_type(process("chatty", "chatty"), """#!/usr/bin/python3 -u
import json, sys
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps({"id": job["id"], "result": "x" * job["payload"]["size"]}), flush=True)
""")
    (shared.stack.dir / "bin/chatty").chmod(0o755)
    shared.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: shared.sql("select 1 from millrace.job_type where type = 'chatty'"))
    for size, state in ((1000000, "completed"), (1100000, "discarded"), (5000000, "discarded")):
        job = shared.wait(shared.enqueue("chatty", {"size": size}))
        assert job["state"] == state
        if state == "discarded":
            assert job["error"]["code"] == "result_too_large"


def test_a_warm_process_has_folders_where_its_type_says_so(shared):
    file = put_file(shared, "in.txt", b"x")
    job = shared.enqueue("warm.files", {"dirs": True}, files=[file])
    assert shared.wait(job)["state"] == "completed"
    assert [name for name, *_ in shared.artifacts(job)] == ["made.txt"]
    assert (shared.store(job) / "made.txt").read_text() == "in.txt"


def test_a_warm_process_that_dies_fails_what_it_had(shared):
    before = shared.wait(shared.enqueue("warm", {}))["result"]["pid"]
    job = shared.enqueue("warm", {"die": True}, maxAttempts=2)
    found = shared.wait(job)
    assert found["state"] == "discarded" and found["attempt"] == 2
    assert found["error"]["code"] == "handler_died"
    assert found["error"]["details"] == {"exitCode": 3}
    after = shared.wait(shared.enqueue("warm", {}))
    assert after["state"] == "completed" and after["result"]["pid"] != before


def test_a_timeout_in_a_warm_process_costs_the_others_nothing(shared):
    shared.wait(shared.enqueue("warm", {}))  # it has shown that it works
    slow = shared.enqueue("warm", {"sleep": 600}, timeout="700ms", maxAttempts=1)
    shared.wait(slow, "active")
    others = [shared.enqueue("warm", {}) for _ in range(3)]
    assert shared.wait(slow)["error"]["code"] == "timeout"
    for job in others:
        found = shared.wait(job)
        assert found["state"] == "completed" and shared.left(job) == 2


def test_a_cancel_in_a_warm_process(shared):
    job = shared.enqueue("warm.one", {"sleep": 600})
    shared.wait(job, "active")
    wait_for(lambda: shared.facts("JOB_STARTED", job))
    shared.value("select millrace.cancel(%s)::text", job)
    shared.ring()
    assert shared.wait(job)["state"] == "cancelled"
    assert shared.wait(shared.enqueue("warm.one", {}))["state"] == "completed"


def test_a_worn_process_is_replaced(shared):
    pids = [shared.wait(shared.enqueue("warm.worn", {}))["result"]["pid"] for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
    wait_for(lambda: not any(map(exists, pids[:4])), what="the old processes have left")


def test_jobs_spread_over_the_processes(shared):
    jobs = enqueue_many(shared, "warm.three", 3, {"sleep": 1})
    pids = {shared.wait(job)["result"]["pid"] for job in jobs}
    assert len(pids) == 3


def test_a_process_that_cannot_start_is_no_busy_loop(shared):
    job = shared.enqueue("broken", {}, retry={"initial": "1ms", "jitter": False})
    for _ in range(9):
        shared.enqueue("broken", {})
    marks = shared.data / "work" / "broken"
    wait_for(marks.exists)
    time.sleep(3)  # the time in which it may not have been started often
    assert len(marks.read_text().split()) <= 8
    assert shared.job(job)["attempt"] <= 8
    wait_for(lambda: len(marks.read_text().split()) >= 2)
    shared.sql("delete from millrace.waiting w using millrace.job j where j.id = w.id and j.type = 'broken'")
    shared.sql("delete from millrace.ready where type = 'broken'")


# ---------------------------------------------------------------- waking up

def test_a_ring_starts_a_job_at_once(shared):
    took = []
    for _ in range(20):
        shared.wait(shared.enqueue("warm", {}))
        began = time.monotonic()
        job = shared.enqueue("warm", {})
        shared.wait(job)
        took.append(time.monotonic() - began)
    assert_prompt(took, 0.5)


def test_without_a_ring_it_takes_a_second(shared):
    began = time.monotonic()
    assert shared.wait(shared.enqueue("warm", {}, ring=False))["state"] == "completed"
    assert time.monotonic() - began < 10


def test_delayed_jobs_start_on_time(shared):
    """By a timer of the worker's: those that waited for its beat, once a second,
    would be late by half a second, wherever in it they became due."""
    jobs = [shared.enqueue("warm", {}, delay=f"{300 + 130 * n}ms") for n in range(25)]
    for job in jobs:
        shared.wait(job)
    late = [at for (at,) in shared.sql(
        "select extract(epoch from d.started_at - j.run_at)::float8 from millrace.done d"
        " join millrace.job j using (id) where id = any (%s::uuid[])", jobs)]
    assert len(late) == 25 and min(late) >= 0
    assert_prompt(late, 0.3)


def test_an_idle_worker_asks_once_a_second(own):
    own.sql("alter system set autovacuum = off")
    own.sql("select pg_reload_conf()")
    own.wait(own.sh("true"))
    asked = "select xact_commit from pg_stat_database where datname = 'millrace'"
    with contextlib.closing(own.stack.connect()) as connection, connection.cursor() as cursor:
        def commits():
            cursor.execute("select pg_stat_clear_snapshot()")
            cursor.execute(asked)
            return cursor.fetchone()[0]
        before = commits()
        time.sleep(2)  # until what came before has been counted
        began, middle = time.monotonic(), commits()
        time.sleep(5)
        counted = commits() - middle
        # The beats, one that was counted late, and our own.
        assert counted <= time.monotonic() - began + 1 + 2 * 2, (before, middle, counted)


# ---------------------------------------------------------------- outages

def test_a_killed_worker_leaves_no_orphan_and_its_jobs_run_again(own):
    path = own.data / f"tree-{uuid.uuid4()}"
    job = own.sh(f"test $MILLRACE_ATTEMPT = 2 && echo again || {TREE.format(path)}")
    pids = tree_pids(path)
    own.stack.kill("worker")
    wait_for(lambda: not any(map(exists, pids)), what="the tree is gone")
    (own.stack.dir / "pid/worker").unlink()
    assert any(name.startswith(job) for name in os.listdir(own.data / "work"))
    own.stack.start("worker")
    found = own.wait(job)
    assert found["state"] == "completed" and found["attempt"] == 2 and found["result"] == "again"
    again = own.value("select extract(epoch from max(at) - (select started_at from millrace.worker))::float8"
                      " from millrace.job_event where job_id = %s and kind = 'job_started'", job)
    assert again < 5, "it has waited for the end of a lease"
    wait_for(lambda: not os.listdir(own.data / "work"), what="the old work folder is gone")


def test_another_worker_takes_over(own):
    own.stack.start("worker2")
    job = own.sh("test $MILLRACE_ATTEMPT = 2 && echo again || sleep 600")
    own.wait(job, "active")
    wait_for(lambda: own.facts("JOB_STARTED", job) or "JOB_STARTED" in own.stack.log("worker2"))
    holder = "worker" if own.facts("JOB_STARTED", job) else "worker2"
    time.sleep(max(0.0, 13 - time.monotonic() + own_started(own)))  # both are steady
    own.stack.kill(holder)
    began = time.monotonic()
    found = own.wait(job)
    assert found["state"] == "completed" and found["attempt"] == 2
    assert time.monotonic() - began < 30


def own_started(worker):
    """When the younger of two workers began, on our clock."""
    age = worker.value("select extract(epoch from now() - max(started_at))::float8 from millrace.worker")
    return time.monotonic() - age


def test_a_worker_that_was_taken_for_dead_begins_anew(own):
    job = own.sh("test $MILLRACE_ATTEMPT != 1 && echo again || sleep 600")
    wait_for(lambda: own.facts("JOB_STARTED", job))
    own.value("select millrace.rescue(id) from millrace.worker")
    own.ring()
    found = own.wait(job)
    assert found["state"] == "completed" and found["result"] == "again"
    wait_for(lambda: len(own.facts('"worker ready"')) == 2)
    assert own.wait(own.enqueue("warm", {}))["state"] == "completed"


def test_a_job_that_ends_while_the_database_is_away_is_recorded(own):
    jobs = [own.sh("echo started >&2; sleep 2; echo > output/made; echo done", maxAttempts=1),
            own.enqueue("warm", {"sleep": 2}, maxAttempts=1)]
    wait_for(lambda: all(own.facts("JOB_STARTED", job) for job in jobs))
    wait_for(lambda: own.log(jobs[0]) == ["started"])
    own.stack.stop("postgres")
    ended = time.monotonic() + 3
    wait_for(lambda: time.monotonic() > ended)
    own.stack.start("postgres")
    found = [own.wait(job) for job in jobs]
    assert [job["state"] for job in found] == ["completed", "completed"]
    assert [job["attempt"] for job in found] == [1, 1]
    assert found[0]["result"] == "done" and own.artifacts(jobs[0])[0][0] == "made"
    assert own.store(jobs[0]).exists()
    assert own.wait(own.sh("echo more"))["state"] == "completed"


def test_a_worker_waits_for_the_database(own):
    own.stack.stop("worker", "postgres")
    command = [own.stack.dir / "bin/millrace-worker"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    env = {**os.environ, **own.stack.env, "MILLRACE_WORKER_NAME": "early"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as early:
        assert "waiting for the database" in early.stderr.readline()
        early.terminate()
        assert early.wait(60) == 0


def test_a_name_is_taken_once(own):
    command = [own.stack.dir / "bin/millrace-worker"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **own.stack.env, "MILLRACE_WORKER_NAME": "worker"})
    assert done.returncode == 1 and "another worker named" in done.stderr
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **own.stack.env, "MILLRACE_WORKER_NAME": "a/b"})
    assert done.returncode == 1 and "MILLRACE_WORKER_NAME" in done.stderr


def test_a_worker_waits_for_one_that_is_still_ending(own):
    own.stack.stop("worker")
    with open(own.stack.dir / "data/worker-worker.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        letting_go = threading.Timer(1, fcntl.flock, (lock, fcntl.LOCK_UN))
        letting_go.start()
        own.stack.start("worker")
        letting_go.join()
    assert own.wait(own.sh("echo done"))["result"] == "done"


# ---------------------------------------------------------------- stopping the worker

def test_a_stop_waits_for_what_runs_and_gives_back_what_does_not(own):
    held, gate = own.stack.gate()
    running = [own.sh(f"{held}; echo done") for _ in range(4)]
    wait_for(lambda: all(own.facts("JOB_STARTED", job) for job in running))
    waiting = own.sh("echo later")
    own.stack.signal("worker")
    wait_for(lambda: "no more jobs are taken" in own.stack.log("worker"))
    gate.touch()
    for job in running:
        own.wait(job)       # a second signal would end the grace
    own.stack.stop("worker")
    assert {own.job(job)["state"] for job in running} == {"completed"}
    assert own.job(waiting)["state"] == "available" and own.job(waiting)["attempt"] == 0
    assert own.sql("select 1 from millrace.worker") == []
    assert os.listdir(own.data / "work") == [] or \
        not [name for name in os.listdir(own.data / "work") if "@" in name]
    own.stack.start("worker")
    assert own.wait(waiting)["state"] == "completed"


def test_after_the_grace_jobs_are_given_back_at_no_cost(own):
    own.stack.stop("worker")
    own.stack.start("worker", MILLRACE_GRACE="500ms")
    path = own.data / f"tree-{uuid.uuid4()}"
    job = own.sh(f"test -e {path}.leaf && echo again || {TREE.format(path)}", maxAttempts=1)
    warm = [own.enqueue("warm", {"sleep": 600}, maxAttempts=1) for _ in range(3)]
    pids = tree_pids(path)
    wait_for(lambda: own.facts("JOB_STARTED", warm[0]))
    began = time.monotonic()
    own.stack.stop("worker")
    assert time.monotonic() - began < 10
    for each in (job, *warm):
        assert own.job(each)["state"] == "available" and own.left(each) == 1
    assert not any(map(exists, pids))
    own.sql("delete from millrace.ready where type = 'warm'")
    own.stack.start("worker")
    found = own.wait(job)
    assert found["state"] == "completed" and found["result"] == "again" and own.left(job) == 0


def test_a_second_signal_ends_the_grace(own):
    job = own.sh("sleep 600")
    wait_for(lambda: own.facts("JOB_STARTED", job))
    own.stack.signal("worker")
    wait_for(lambda: "no more jobs are taken" in own.stack.log("worker"))
    began = time.monotonic()
    own.stack.signal("worker")
    own.stack.stop("worker")
    assert time.monotonic() - began < 10
    assert own.job(job)["state"] == "available"


def test_a_stop_without_a_database_comes_to_an_end(own):
    own.stack.stop("postgres")
    began = time.monotonic()
    own.stack.stop("worker")
    assert time.monotonic() - began < 10


# ---------------------------------------------------------------- types

def test_types_are_registered_and_reloaded(own):
    def registered():
        return {name: (queue, timeout) for name, queue, timeout in
                own.sql("select type, queue, timeout_ms from millrace.job_type")}
    wait_for(lambda: "sh" in registered())
    own.stack.add_type(program("fresh", queue="slow"))
    own.stack.add_type(program("sh", timeout="7s"))
    own.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: "fresh" in registered())
    assert registered()["fresh"] == ("slow", 30000) and registered()["sh"][1] == 7000
    assert "fresh" in own.value("select types from millrace.worker")
    assert own.wait(own.sh("echo new", "fresh"))["state"] == "completed"

    (own.stack.dir / "types.d/bad.json").write_text('{"type": "bad", "rnu": {}}')
    own.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: "the types stay as they were" in own.stack.log("worker"))
    line = [line for line in own.stack.log("worker").splitlines() if "types stay" in line][0]
    assert "bad.json" in line and "rnu" in line
    assert own.wait(own.sh("echo still"))["state"] == "completed"


def test_a_changed_type_gets_new_processes(own):
    before = own.wait(own.enqueue("warm", {}))["result"]["pid"]
    own.stack.add_type(process("warm", run={"pipeline": 2}))
    own.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: "types reloaded" in own.stack.log("worker"))
    after = own.wait(own.enqueue("warm", {}))["result"]["pid"]
    assert before != after
    wait_for(lambda: not exists(before), what="the old process has left")


# ---------------------------------------------------------------- speed

def test_no_ops_are_drained_fast(own):
    count = 20000
    shutil.copy(Path(__file__).resolve().parents[2] / "types.d/noop.json", own.stack.dir / "types.d")
    own.stack.stop("worker")
    own.sql("insert into millrace.job_type (type) values ('noop')")
    own.sql("""select count(*) from millrace.insert_jobs(
        (select array_agg(millrace.uuid_v7()) from generate_series(1, %(n)s)),
        array_fill('noop'::text, array[%(n)s]), array_fill(null::text, array[%(n)s]),
        array_fill(null::int, array[%(n)s]), array_fill('me'::text, array[%(n)s]),
        array_fill('{"n": 1}'::text, array[%(n)s]), array_fill(null::bigint, array[%(n)s]),
        array_fill(null::timestamptz, array[%(n)s]), array_fill(null::int, array[%(n)s]),
        array_fill(null::bigint, array[%(n)s]), array_fill(null::text, array[%(n)s]),
        array_fill(null::text, array[%(n)s]), array_fill(null::text, array[%(n)s]),
        array_fill(1, array[%(n)s]))""".replace("%(n)s", str(count)))
    own.stack.start("worker")
    wait_for(lambda: own.value("select count(*) from millrace.done") == count, 60)
    rate = own.value("select count(*) / extract(epoch from max(finished_at) - min(started_at))"
                     " from millrace.done where state = 'completed'")
    print(f"{rate:.0f} no-op jobs a second")
    assert rate > 1000
    if b"__asan_init" not in (own.stack.dir / "bin/millrace-worker").read_bytes():
        assert own.stack.rss_kb("worker") < 15 * 1024
