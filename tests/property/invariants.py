"""What holds in every snapshot of the database, as queries for what breaks it."""

STATES = """
    select id, 'ready' as place from millrace.ready
    union all select id, 'held' from millrace.held
    union all select id, 'waiting' from millrace.waiting
    union all select id, 'active' from millrace.active
    union all select id, 'done' from millrace.done"""

KEYS = """
    select j.id, k ->> 'key' as key, (k ->> 'max')::int as most
      from millrace.job j, jsonb_array_elements(j.extra -> 'keys') k"""

LIMITS = {
    "a type runs no more than it may": """
        select j.type, count(*), t.concurrency
          from millrace.active a
          join millrace.job j using (id)
          join millrace.job_type t on t.type = j.type
         group by j.type, t.concurrency having count(*) > t.concurrency""",
    "a queue runs no more than it may": """
        select j.queue, count(*), q.concurrency
          from millrace.active a
          join millrace.job j using (id)
          join millrace.queue q on q.queue = j.queue
         group by j.queue, q.concurrency having count(*) > q.concurrency""",
    "a key runs no more than it may": f"""
        select k.key, count(*), min(k.most)
          from millrace.active a join ({KEYS}) k using (id)
         group by k.key having count(*) > min(k.most)""",
    "one at a time stands at the head of a line": """
        select key, count(*) from millrace.permit where key like 's/%%'
         group by key having count(*) > 1""",
}

INVARIANTS = {
    **LIMITS,
    "a job is in one state": f"""
        select coalesce(j.id, s.id), array_agg(s.place)
          from millrace.job j full join ({STATES}) s on s.id = j.id
         group by 1 having count(j.id) <> 1 or count(s.id) <> 1""",
    "attempts are no more than allowed": """
        select a.id, a.attempt, j.max_attempts
          from (select id, attempt from millrace.active
                union all select id, attempt from millrace.done) a
          join millrace.job j using (id) where a.attempt > j.max_attempts""",
    "an attempt that is kept came before the present one": f"""
        select t.job_id, t.attempt
          from millrace.attempt t
          join (select id, attempt, true as ran from millrace.active
                union all select id, attempt, started_at is not null from millrace.done) a on a.id = t.job_id
         where t.attempt > a.attempt or t.attempt = a.attempt and a.ran""",
    "permits are for runs, and for places in lines": """
        select p.id, p.key
          from millrace.permit p
         where not exists (select from millrace.active a where a.id = p.id)
           and not (p.key like 's/%%'
                    and (exists (select from millrace.waiting w where w.id = p.id and w.state = 'retryable')
                         or exists (select from millrace.held h where h.id = p.id)
                         or exists (select from millrace.ready r where r.id = p.id)))""",
    "each run has its permits": f"""
        select a.id, k.key
          from millrace.active a
          join (select id, key from ({KEYS}) k where most is not null
                union all select j.id, 'type/' || j.type from millrace.job j
                            join millrace.job_type t on t.type = j.type and t.concurrency is not null
                union all select j.id, 'queue/' || j.queue from millrace.job j
                            join millrace.queue q on q.queue = j.queue and q.concurrency is not null) k using (id)
         where not exists (select from millrace.permit p where p.id = a.id and p.key = k.key)""",
    "what has permits knows it": """
        select p.id, p.key from millrace.permit p join millrace.active a using (id) where not a.limited""",
    "a held job is held by a key of its own": f"""
        select h.id, h.key from millrace.held h
         where not exists (select from ({KEYS}) k where k.id = h.id and k.key = h.key)""",
    "who is held by a key with room has somebody ready ahead": f"""
        select h.key, count(*)
          from millrace.held h join ({KEYS}) k on k.id = h.id and k.key = h.key
         where not exists (select from millrace.ready r join ({KEYS}) o on o.id = r.id where o.key = h.key)
           and case left(h.key, 2)
               when 'c/' then (select count(*) from millrace.permit p where p.key = h.key) < k.most
               when 's/' then not exists (select from millrace.permit p where p.key = h.key)
                              and not exists (select from millrace.held e where e.serial = h.key and e.key <> h.key)
               else not exists (select from millrace.limiter l where l.key = h.key and l.wake_at is not null) end
         group by h.key""",
    "a pending job has something to wait for": """
        select w.id from millrace.waiting w
         where w.state = 'pending'
           and not exists (select from millrace.dependency_check c where c.job_id = w.id)
           and not exists (select from millrace.dependency d
                            where d.job_id = w.id
                              and not exists (select from millrace.done e where e.id = d.needs))""",
    "what may expire has not run": """
        select e.id from millrace.expiry e
          join millrace.attempt t on t.job_id = e.id and t.outcome <> 'returned'""",
    "who has a time to expire is watched": """
        select r.id from (select id, expires_at from millrace.ready
                          union all select id, expires_at from millrace.held) r
         where r.expires_at is not null
           and not exists (select from millrace.expiry e where e.id = r.id)""",
    "one job has a unique key": f"""
        select j.extra #>> '{{unique,key}}', count(*)
          from millrace.job j join ({STATES}) s using (id)
         where j.extra #>> '{{unique,onConflict}}' <> 'replace' and s.place <> 'done'
         group by 1 having count(*) > 1""",
    "the sums are the counts": """
        select * from (
            (select queue, type, state::text, n from millrace.state_counts()
             except all select queue, type, state::text, count(*) from millrace.job_info group by 1, 2, 3)
            union all
            (select queue, type, state::text, -count(*) from millrace.job_info group by 1, 2, 3
             except all select queue, type, state::text, -n from millrace.state_counts())) d""",
    "batches' sums are their counts": """
        select b.id, c.state, c.n
          from millrace.batch b
         cross join lateral (
               select state, sum(n) as n
                 from (select state, n from millrace.batch_counts(b.id)
                       union all select i.state, -count(*) from millrace.job_info i
                                  where i.batch = b.id group by i.state) s
                group by state) c
         where c.n <> 0""",
}

NOTHING_LEFT = {
    "nothing is left": f"select id, place from ({STATES}) s where place <> 'done'",
    "no permit is left": "select id, key from millrace.permit",
}


def broken(cursor, invariants):
    """A line for each that does not hold, with some of what breaks it."""
    lines = []
    for name, query in invariants.items():
        cursor.execute(query.replace("%%", "%"))
        rows = cursor.fetchmany(5)
        if rows:
            lines.append(f"{name}: {rows}")
    return lines
