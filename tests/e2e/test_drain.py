"""What a worker that is told to stop owes to jobs it has only just claimed."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import BUILD, Stack, wait_for  # noqa: E402

HELD_CLAIM = """
create function public.held() returns trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock_shared(1); return new; end $$;
create trigger held before insert on millrace.active
for each row execute function public.held();
"""


def test_a_claim_under_way_at_the_stop_costs_no_attempt():
    with Stack("postgres", "worker") as stack:
        stack.sql(HELD_CLAIM)
        held = stack.connect()
        held.cursor().execute("select pg_advisory_lock(1)")
        job = stack.value("""select millrace.enqueue('noop', '1', '{"maxAttempts": 1}')""")
        claiming = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
        wait_for(lambda: stack.value(claiming), what="a claim under way")
        stack.signal("worker")
        wait_for(lambda: "no more jobs are taken" in stack.log("worker"))
        held.close()
        wait_for(lambda: stack.value("select count(*) from millrace.worker") == 0, what="it has left")
        stack.stop("worker")
        state = stack.value("select state::text from millrace.job_info where id = %s", job)
        assert state == "available"

        stack.sql("drop trigger held on millrace.active")
        stack.start("worker")
        done = "select state::text = 'completed' from millrace.job_info where id = %s"
        wait_for(lambda: stack.value(done, job), what="the job completed")


def test_events_of_a_talkative_handler_do_not_pile_up_in_memory():
    spec = {"type": "talker", "run": {"kind": "program", "command": ["talker"]}}
    script = "#!/bin/sh\nyes '{\"progress\": 5, \"message\": \"still at it\"}' | head -n 500000 >&3\n"
    with Stack("postgres") as stack:
        stack.add_type(spec, script)
        stack.start("worker")
        job = stack.value("select millrace.enqueue('talker')")
        peak = [0]
        over = threading.Event()

        def watch():
            while not over.is_set():
                peak[0] = max(peak[0], stack.rss_kb("worker"))
                over.wait(0.05)
        watcher = threading.Thread(target=watch)
        watcher.start()
        done = "select state::text = 'completed' from millrace.job_info where id = %s"
        try:
            wait_for(lambda: stack.value(done, job), 60, "the job completed")
        finally:
            over.set()
            watcher.join()
        # AddressSanitizer keeps freed memory for a while.
        assert peak[0] < (400_000 if "asan" in BUILD.name else 25_000)
