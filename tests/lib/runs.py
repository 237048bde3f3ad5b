"""A worker made of SQL: runs jobs as far as the database can tell."""

import json
import uuid


class Runs:
    def __init__(self, stack, *types):
        self.stack = stack
        self.types = list(types)
        self.id = str(uuid.uuid4())
        stack.sql("select millrace.worker_begin(%s, %s, 'host', 1, 'test', 1, null, %s)",
                  self.id, "runs-" + self.id, self.types)

    def claim(self, count=1):
        """Ids of the jobs that now run, and their attempts."""
        return dict(self.stack.sql(
            "select id::text, attempt from millrace.claim(%s::uuid, %s, %s::int[], null, %s)",
            self.id, self.types, [count] * len(self.types), count))

    def report(self, job, attempt, percent, message):
        self.stack.sql(
            "select millrace.report(%s::uuid, array[%s]::uuid[], array[%s]::int[], "
            "array[%s]::int[], array[%s])", self.id, job, attempt, percent, message)

    def add_log(self, job, attempt, *lines):
        n = len(lines)
        self.stack.sql(
            "select millrace.add_log(%s::uuid, %s::uuid[], %s::int[], %s::bigint[], %s)",
            self.id, [job] * n, [attempt] * n, [1700000000000] * n, list(lines))

    def finish(self, job, attempt, state="completed", result=None, error=None,
               artifacts=None, delay_ms=None):
        def text(value):
            return None if value is None else json.dumps(value)
        self.stack.sql(
            "select millrace.finish(%s::uuid, array[%s]::uuid[], array[%s]::int[], "
            "array[%s]::millrace.state[], array[%s], array[%s], array[%s]::bigint[], array[%s])",
            self.id, job, attempt, state, text(result), text(error), delay_ms, text(artifacts))

    def run(self, job, **end):
        """Claim until this job has come, then end it."""
        claimed = self.claim(1000)
        assert job in claimed, "the job is not to be claimed"
        self.finish(job, claimed[job], **end)
