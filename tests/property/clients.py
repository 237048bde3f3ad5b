"""Clients that do what they like, each with a connection of its own."""

import json
import random
import threading
import time
import uuid

import psycopg2

from invariants import INVARIANTS, LIMITS, broken

TYPES = ["plain", "few", "other"]
QUEUES = ["default"] * 5 + ["big"] * 3 + ["narrow", "slow"]
OWNERS = ["anna", "bert", "cleo"]
REFUSED = {"job_final", "job_started", "not_retryable", "job_not_found", "job_not_final",
           "unique_conflict", "unknown_dependency", "batch_closed"}


class World:
    """What all clients share: what they were told, and whether to stop."""

    def __init__(self, dsn, seed):
        self.dsn = dsn
        self.seed = seed
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.jobs = []                   # (id, owner), newest last
        self.first_max = {}              # id -> max_attempts
        self.starts = []                 # (id, attempt)
        self.ends = []                   # (id, attempt, state)
        self.done = {}                   # operation -> how often it has succeeded
        self.errors = []
        self.batches = {}                # owner -> an open batch
        self.backlog = 0                 # jobs that have not ended, when somebody looked


class Client(threading.Thread):
    def __init__(self, world, name):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.random = random.Random(f"{world.seed}/{name}")
        self.connection = psycopg2.connect(world.dsn)
        self.connection.autocommit = True

    def rows(self, statement, *args):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, args)
            return cursor.fetchall()

    def count(self, what):
        with self.world.lock:
            self.world.done[what] = self.world.done.get(what, 0) + 1

    def run(self):
        names, weights = zip(*self.weights.items())
        while not self.world.stop.is_set():
            name = self.random.choices(names, weights)[0]
            try:
                if getattr(self, name)() is not False:
                    self.count(name)
            except psycopg2.Error as error:
                if error.diag.message_detail not in REFUSED:
                    self.fail(f"{name}: {error}")
                else:
                    self.count(name + ", refused")
            except AssertionError as error:
                self.fail(f"{name}: {error}")

    def fail(self, text):
        with self.world.lock:
            self.world.errors.append(f"{self.name}: {text}")
        self.world.stop.set()

    def some_job(self):
        """Mostly a young one, or one that is ready while others wait for its keys."""
        if self.random.random() < 0.3:
            near = self.rows("select r.id::text, j.owner from millrace.ready r join millrace.job j using (id)"
                             " where r.keyed and exists (select from jsonb_array_elements(j.extra -> 'keys') k"
                             " join millrace.held h on h.key = k ->> 'key') order by random() limit 1")
            if near:
                self.count("near")
                return near[0]
        with self.world.lock:
            jobs = self.world.jobs
            if not jobs:
                return None
            back = min(len(jobs), int(self.random.expovariate(1 / 40)) + 1)
            return jobs[-back]


class Poster(Client):
    """Brings jobs, and changes its mind."""

    weights = {"enqueue": 60, "enqueue_slowly": 6, "enqueue_pure": 8, "enqueue_graph": 2, "cancel": 8, "retry": 8,
               "change": 8, "many": 1, "discard": 3, "pause": 2}

    def options(self, owner):
        r = self.random
        maybe = {
            0.3: {"delay": f"{r.randrange(1, 300)}ms"},
            0.2: {"priority": r.choice([-5, 5, "high"])},
            0.25: {"concurrencyKey": f"k{(n := r.randrange(3))}", "concurrencyLimit": 1 + n},
            0.26: {"concurrencyKey": f"cold{r.randrange(8)}"},
            0.21: {"serialKey": f"line{r.randrange(5)}"},
            0.15: {"rateLimit": {"key": f"r{(m := r.randrange(3))}", "limit": 10 * (m + 1), "per": "1s", "burst": 1 + m}},
            0.16: {"rateLimit": {"key": f"cold{r.randrange(9)}", "limit": 3, "per": "1s"}},
            0.1: {"expiresIn": f"{r.randrange(20, 800)}ms"},
            0.11: {"unique": {"key": f"u{r.randrange(30)}", "onConflict": r.choice(["return", "refuse"])}},
            0.05: {"unique": {"key": f"v{r.randrange(10)}", "onConflict": "replace"}},
            0.14: {"fairKey": f"f{r.randrange(3)}"},
            0.12: {"batchId": self.world.batches[owner]},
        }
        chosen = {}
        for chance, option in maybe.items():
            if r.random() < chance:
                chosen.update(option)
        if str(chosen.get("concurrencyKey")).startswith("cold"):
            chosen.pop("concurrencyLimit", None)
            if r.random() < 0.3:         # a second key, mostly shut
                chosen["rateLimit"] = {"key": "tight", "limit": 2, "per": "1s"}
        if r.random() < 0.15:
            with self.world.lock:
                chosen.update(self.dependencies([job for job, of in self.world.jobs[-60:] if of == owner]))
        return chosen

    def dependencies(self, others):
        needs = self.random.sample(others, min(len(others), self.random.randrange(1, 4)))
        policy = self.random.choice(["fail", "cancel", "run"])
        return {"dependsOn": needs, "onDependencyFailure": policy} if needs else {}

    def post(self, owner, options):
        most = self.random.randrange(1, 5)
        given = {"queue": self.random.choice(QUEUES), **options, "owner": owner, "maxAttempts": most,
                 "tags": [f"t{self.random.randrange(20)}"]}
        (job,), = self.rows("select millrace.enqueue(%s, '{}', %s::jsonb)::text",
                            self.random.choice(TYPES), json.dumps(given))
        with self.world.lock:
            if job not in self.world.first_max:
                self.world.first_max[job] = most
                self.world.jobs.append((job, owner))
        return job

    def enqueue(self):
        if self.world.backlog > 100:
            time.sleep(0.005)
            return False
        owner = self.random.choice(OWNERS)
        self.post(owner, self.options(owner))

    def enqueue_slowly(self):
        """In a transaction that is still open when what it waits for may end."""
        owner = self.random.choice(OWNERS)
        running = [row[0] for row in self.rows("select a.id::text from millrace.active a join millrace.job j using (id)"
                                               " where j.owner = %s", owner)]
        if not running:
            return False
        self.connection.autocommit = False
        try:
            with self.connection:
                self.post(owner, self.dependencies(running))
                time.sleep(self.random.uniform(0, 0.05))
        finally:
            self.connection.autocommit = True

    def enqueue_pure(self):
        """Into a line that nobody else posts to, and where nothing comes late."""
        options = {"serialKey": f"pure-{self.name}-{self.random.randrange(3)}"}
        if self.random.random() < 0.3:
            options["expiresIn"] = f"{self.random.randrange(20, 800)}ms"
        if self.random.random() < 0.3:
            options.update({"concurrencyKey": "k0", "concurrencyLimit": 1})
        self.post("pure", options)

    def enqueue_graph(self):
        """Some jobs in one call, each waiting for some of those before it."""
        n = self.random.randrange(2, 8)
        with self.connection.cursor() as cursor:
            cursor.execute("select array_agg(millrace.uuid_v7()::text) from generate_series(1, %s)", (n,))
            ids, = cursor.fetchone()
        extras = [json.dumps({"dependsOn": self.random.sample(ids[:i], self.random.randrange(1, i + 1))}) if i else None
                  for i in range(n)]
        with self.world.lock:            # before anybody can see them
            self.world.first_max.update({job: 3 for job in ids})
        self.rows("select * from millrace.insert_jobs(%s::uuid[], %s, array_fill(null::text, array[%s]),"
                  " array_fill(null::int, array[%s]), %s, %s, array_fill(null::bigint, array[%s]),"
                  " array_fill(null::timestamptz, array[%s]), array_fill(null::int, array[%s]),"
                  " array_fill(null::bigint, array[%s]), array_fill(null::text, array[%s]),"
                  " array_fill(null::text, array[%s]), array_fill(null::text, array[%s]), array_fill(1, array[%s]),"
                  " extras => %s::text[])", ids, ["plain"] * n, n, n, ["anna"] * n, ["{}"] * n,
                  n, n, n, n, n, n, n, n, extras)
        with self.world.lock:
            self.world.jobs += [(job, "anna") for job in ids]

    def cancel(self):
        job = self.some_job()
        return job and self.rows("select millrace.cancel(%s)", job[0]) and None

    def retry(self):
        job = self.some_job()
        if not job or job[1] == "pure":
            return False
        self.rows("select millrace.retry(%s)", job[0])

    def change(self):
        job = self.some_job()
        if not job or job[1] == "pure":
            return False
        self.rows("select millrace.change(%s, null, %s, now() + %s * interval '1 ms')", job[0],
                  self.random.choice([None, -9, 9]), self.random.choice([None, None, -1, 100, 400]))

    def many(self):
        self.rows("select millrace.many(%s, jsonb_build_object('tag', %s, 'owner', %s), null, 20)",
                  self.random.choice(["cancel", "retry"]), f"t{self.random.randrange(20)}", self.random.choice(OWNERS))

    def discard(self):
        job = self.some_job()
        if not job or self.rows("select from millrace.job where id = %s and batch is not null", job[0]):
            return False
        self.rows("select millrace.discard(%s)", job[0])

    def pause(self):
        """For a moment."""
        what = self.random.choice([("queue", "queue", "big"), ("job_type", "type", "other")])
        statement = f"update millrace.{what[0]} set paused_at = %s where {what[1]} = '{what[2]}' returning 1"
        self.rows(statement, "now")
        time.sleep(self.random.uniform(0.01, 0.1))
        self.rows(statement, None)


class Worker(Client):
    """Claims and ends jobs, dies, and comes back under another name."""

    weights = {"claim": 40, "finish": 60, "report": 10, "finish_old": 2, "beat": 10, "leave": 1, "die": 1, "purge": 4}

    def __init__(self, world, name):
        super().__init__(world, name)
        self.runs = {}                   # id -> (attempt, max_attempts)
        self.begin()

    def begin(self):
        self.id = str(uuid.uuid4())
        self.rows("select millrace.worker_begin(%s, %s, 'host', 1, 'test', 8, null, %s)", self.id, self.id, TYPES)

    def claim(self):
        room = self.random.randrange(1, 8) if self.random.random() < 0.9 else 50
        if len(self.runs) > 30:
            return False
        types = self.random.choice([TYPES, TYPES, ["plain", "other"]])
        queues = self.random.choice([None, ["default", "big"], ["default", "big"], ["narrow"]])
        reserves = self.random.choice([([], []), ([], []), (["narrow"], [1])])
        with self.connection.cursor() as cursor:
            cursor.execute("begin")
            cursor.execute("select id::text, attempt, max_attempts from millrace.claim(%s::uuid, %s, %s, %s, %s, %s, %s)",
                           (self.id, types, [room] * len(types), queues, room, *[list(r) for r in reserves]))
            got = cursor.fetchall()
            wrong = broken(cursor, LIMITS) if self.random.random() < 0.2 else []
            cursor.execute("commit")
        assert not wrong, wrong
        assert len(got) <= room, f"{len(got)} jobs for {room} slots"
        with self.world.lock:
            self.world.starts += [(job, attempt) for job, attempt, _ in got]
        for job, attempt, most in got:
            assert job not in self.runs, f"job {job} was given out twice"
            self.runs[job] = (attempt, most)
        return bool(got)

    def outcome(self, attempt, most):
        r = self.random.random()
        if r < 0.5:
            return "completed"
        if r < 0.6:
            return "available"
        if r < 0.65:
            return "cancelled"
        return "retryable" if attempt < most else "discarded"

    def end(self, runs):
        ids, attempts, states = zip(*[(job, attempt, self.outcome(attempt, most)) for job, (attempt, most) in runs.items()])
        n = len(ids)
        got = self.rows("select id::text, state::text from millrace.finish(%s::uuid, %s::uuid[], %s, %s::millrace.state[],"
                        " %s, %s, %s, %s, %s)", self.id, list(ids), list(attempts), list(states), ['"r"'] * n,
                        ['{"code": "c", "message": "m"}'] * n, [self.random.randrange(0, 100) for _ in ids], [None] * n, ["{}"] * n)
        with self.world.lock:
            self.world.ends += [(job, runs[job][0], state) for job, state in got]
        return {job: (asked, dict(got).get(job)) for job, asked in zip(ids, states)}

    def finish(self):
        if not self.runs:
            return False
        some = dict(self.random.sample(list(self.runs.items()), self.random.randrange(1, len(self.runs) + 1)))
        for job, (asked, got) in self.end(some).items():
            assert got == asked or got == "cancelled" and asked in ("available", "retryable"), f"{job}: {asked}, got {got}"
            del self.runs[job]

    def finish_old(self):
        """What an earlier run says changes nothing."""
        if not self.runs:
            return False
        job, (attempt, most) = self.random.choice(list(self.runs.items()))
        got = self.end({job: (attempt - 1, most)})
        assert got[job][1] is None, f"an old run of {job} was heard"

    def report(self):
        if not self.runs:
            return False
        ids = list(self.runs)
        self.rows("select millrace.report(%s::uuid, %s::uuid[], %s, %s, %s)", self.id, ids,
                  [self.runs[job][0] for job in ids], [50] * len(ids), ["half"] * len(ids))

    def beat(self):
        alive, = self.rows("select alive from millrace.beat(%s, 60000, 3600000)", self.id)[0]
        assert alive, "taken for dead"

    def leave(self):
        self.rows("select millrace.worker_end(%s)", self.id)
        self.runs = {}
        self.begin()

    def die(self):
        """Found dead, it still talks."""
        n, = self.rows("select millrace.rescue(%s::uuid)", self.id)[0]
        assert n == len(self.runs), f"{n} of {len(self.runs)} runs were rescued"
        if self.runs:
            told = self.end(self.runs)
            assert all(got is None for _, got in told.values()), f"a dead worker was heard: {told}"
        self.runs = {}
        self.begin()

    def purge(self):
        ids = [row[0] for row in self.rows("select id::text from millrace.purge_begin(%s, 20)", self.id)]
        self.rows("select millrace.purge_end(%s::uuid[])", ids)
        return bool(ids)


class Watcher(Client):
    """Looks at one snapshot after another."""

    weights = {"look": 1}

    def look(self):
        with self.connection.cursor() as cursor:
            wrong = broken(cursor, INVARIANTS)
            cursor.execute("select (select count(*) from millrace.ready) + (select count(*) from millrace.held)"
                           " + (select count(*) from millrace.waiting)")
            self.world.backlog, = cursor.fetchone()
        assert not wrong, wrong
        self.world.stop.wait(0.02)
