"""The model: what a job's events tell, followed step by step, and held against
what the clients were told."""

FINAL = {"job_completed": "completed", "job_failed": "discarded", "job_cancelled": "cancelled"}


class Wrong(AssertionError):
    pass


def need(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(w) for w in what))


class Life:
    """One job: its attempts, how many are allowed, whether it has ended."""

    def __init__(self, max_attempts):
        self.allowed = max_attempts
        self.attempt = 0
        self.state = None                # None, waiting, running, or a final one
        self.starts = []                 # (attempt, at)
        self.ends = {}                   # attempt -> final state or 'retrying', 'returned'
        self.by_hand = False

    def step(self, kind, attempt, at):
        getattr(self, kind)(attempt, at)

    def job_queued(self, attempt, at):
        need(attempt == self.attempt, "queued with attempt", attempt, "after", self.attempt)
        if self.state == "running":
            self.ends[attempt] = "returned"
            self.allowed += 1
        elif self.state in ("discarded", "cancelled"):
            self.by_hand = True
            self.allowed = max(self.allowed, attempt + 1)
        else:
            need(self.state in (None, "waiting"), "queued when", self.state)
        self.state = "waiting"

    def job_started(self, attempt, at):
        need(self.state == "waiting", "started when", self.state)
        need(attempt == self.attempt + 1, "started attempt", attempt, "after", self.attempt)
        need(attempt <= self.allowed, "started attempt", attempt, "of", self.allowed)
        self.attempt = attempt
        self.state = "running"
        self.starts.append((attempt, at))

    def job_progress(self, attempt, at):
        need(self.state == "running" and attempt == self.attempt, "progress when", self.state, attempt)

    def job_retrying(self, attempt, at):
        need(self.state == "running" and attempt == self.attempt, "retrying when", self.state, attempt)
        self.ends[attempt] = "retrying"
        self.state = "waiting"

    def _end(self, attempt, state):
        need(self.state in ("waiting", "running"), "ended when", self.state)
        need(attempt == self.attempt, "ended attempt", attempt, "after", self.attempt)
        if self.state == "running":
            self.ends[attempt] = state
        self.state = state

    def job_completed(self, attempt, at):
        need(self.state == "running", "completed when", self.state)
        self._end(attempt, "completed")

    def job_failed(self, attempt, at):
        self._end(attempt, "discarded")

    def job_cancelled(self, attempt, at):
        self._end(attempt, "cancelled")

    def first_start(self):
        """When it was started first in a run that was not given back."""
        return next((at for attempt, at in self.starts if self.ends.get(attempt) != "returned"), None)


def lives(cursor, first_max):
    """All jobs that are there, followed through their events."""
    cursor.execute("select job_id::text, kind::text, attempt, extract(epoch from at)::float8"
                   "  from millrace.job_event where kind <> 'batch_completed' order by job_id, seq")
    found = {}
    for job, kind, attempt, at in cursor:
        life = found.setdefault(job, Life(first_max[job]))
        try:
            life.step(kind, attempt, at)
        except Wrong as error:
            raise Wrong(f"job {job}: {error}") from None
    return found


def check_ends(cursor, found):
    """Each job is where its events have brought it."""
    cursor.execute("select id::text, state::text, attempt, max_attempts from millrace.job_info")
    for job, state, attempt, allowed in cursor:
        life = found[job]
        place = {"active": "running"}.get(state, state if state in FINAL.values() else "waiting")
        need(life.state == place, "job", job, "is", state, "and its events say", life.state)
        need(life.attempt == attempt, "job", job, "has attempt", attempt, "and its events say", life.attempt)
        need(life.allowed == allowed, "job", job, "may have", allowed, "and its events say", life.allowed)


def check_told(found, starts, ends):
    """What the clients were told happened, and nothing else did."""
    told = {(job, attempt) for job, attempt in starts if job in found}
    need(len(told) == len([s for s in starts if s[0] in found]), "an attempt was given out twice")
    seen = {(job, attempt) for job, life in found.items() for attempt, _ in life.starts}
    need(told == seen, "started, but not told or not noted:", list(told ^ seen)[:5])
    names = {"retryable": "retrying", "available": "returned"}
    for job, attempt, state in ends:
        if job in found:
            need(found[job].ends.get(attempt) == names.get(state, state), "job", job, "attempt", attempt,
                 "ended as", state, "and its events say", found[job].ends.get(attempt))


def check_lines(cursor, found):
    """Lines that only the clock of their one poster orders run in that order."""
    cursor.execute("select j.extra ->> 'serial', e.job_id::text from millrace.job_event e"
                   "  join millrace.job j on j.id = e.job_id"
                   " where e.kind = 'job_started' and j.extra ->> 'serial' like '%%/pure%%' order by e.seq")
    last = {}
    for line, job in cursor.fetchall():
        need(last.get(line, "") <= job, "in the line", line, "job", job, "came after", last.get(line))
        last[line] = job
    return len(last)


def check_rates(cursor, until):
    """No more starts of a rate's key in any span than the rate lets through."""
    cursor.execute("""
        select s.key, s.every, s.burst, array_agg(extract(epoch from s.at)::float8 order by s.at)
          from (select k ->> 'key' as key, (k ->> 'everyMs')::float8 / 1000 as every, (k ->> 'burst')::int as burst, e.at
                  from millrace.job_event e join millrace.job j on j.id = e.job_id
                 cross join lateral jsonb_array_elements(j.extra -> 'keys') k
                 where e.kind = 'job_started' and k ? 'everyMs' and e.at < %s
                union all
                select 'queue/' || q.queue, (r ->> 'everyMs')::float8 / 1000, (r ->> 'burst')::int, e.at
                  from millrace.job_event e join millrace.job j on j.id = e.job_id
                  join millrace.queue q on q.queue = j.queue and q.rate_limit is not null
                 cross join millrace.rate_of(q.rate_limit) r
                 where e.kind = 'job_started' and e.at < %s) s
         group by s.key, s.every, s.burst""", (until, until))
    rows = cursor.fetchall()
    for key, every, burst, times in rows:
        for i, begin in enumerate(times):
            for j in range(i, min(len(times), i + 200)):
                most = burst + (times[j] - begin) / every + 0.001
                need(j - i + 1 <= most, "the rate", key, "let", j - i + 1, "start where it may", most)
    return len(rows)


def check_dependencies(cursor, found):
    """Who depends on others was started only when they had completed."""
    cursor.execute("""
        select j.id::text, min(e.seq), max(n.seq), bool_and(n.seq is not null)
          from millrace.job j
          join millrace.job_event e on e.job_id = j.id and e.kind = 'job_started'
         cross join jsonb_array_elements_text(j.extra -> 'dependsOn') d
          left join lateral (select max(seq) as seq from millrace.job_event c
                              where c.job_id = d::uuid and c.kind = 'job_completed') n on true
         where j.extra ? 'dependsOn' and j.extra ->> 'onDependencyFailure' is distinct from 'run'
           and not exists (select from jsonb_array_elements_text(j.extra -> 'dependsOn') g
                            where not exists (select from millrace.job o where o.id = g::uuid))
         group by j.id""")
    for job, started, completed, all_did in cursor.fetchall():
        if not found[job].by_hand:
            need(all_did and completed < started, "job", job, "did not wait for what it depends on")


def check_expiry(cursor, found):
    """Nothing was started for the first time after its time was up."""
    cursor.execute("select id::text, extract(epoch from (extra ->> 'expiresAt')::timestamptz)::float8"
                   "  from millrace.job where extra ? 'expiresAt'")
    for job, expires in cursor.fetchall():
        start = found[job].first_start()
        if start is not None and not found[job].by_hand:
            need(start <= expires, "job", job, "was started", start - expires, "s after its time was up")
