-- What those who run the system see and set. `facts` is a JSON object as the API
-- shows it.

-- name: queue_facts
-- All queues that have settings or jobs, or the one named $1.
with counted as materialized (
    select queue, state, sum(n) as n
      from millrace.state_counts()
     group by queue, state
), summed as materialized (
    select queue, json_object_agg(state, n order by state) as counts,
           coalesce(sum(n) filter (where state = 'available'), 0) as waiting,
           coalesce(sum(n) filter (where state in ('scheduled', 'pending', 'retryable')), 0)
               as scheduled,
           coalesce(sum(n) filter (where state = 'active'), 0) as running
      from counted
     group by queue
), flows as materialized (
    select queue, facts
      from millrace.flows('10s', now() - interval '1 min')
)
select json_strip_nulls(json_build_object(
           'name', n.queue,
           'paused', q.paused_at is not null,
           'pausedAt', millrace.time_text(q.paused_at),
           'weight', coalesce(q.weight, 1),
           'concurrency', q.concurrency,
           'rateLimit', q.rate_limit,
           'maxLength', q.max_length,
           'waiting', coalesce(s.waiting, 0),
           'scheduled', coalesce(s.scheduled, 0),
           'running', coalesce(s.running, 0),
           'counts', coalesce(s.counts, '{}'),
           'workers', (select count(*) from millrace.worker w
                        where (w.queues is null or n.queue = any (w.queues))
                          and millrace.is_alive(w)),
           'lastMinute', coalesce(f.facts, millrace.flow('none', now())))) as facts
  from (select queue from summed
        union
        select queue from millrace.queue) n
  left join millrace.queue q on q.queue = n.queue
  left join summed s on s.queue = n.queue
  left join flows f on f.queue = n.queue
 where $1::text is null or n.queue = $1
 order by n.queue;

-- name: queue_set
-- Set something of a queue.
select millrace.queue_set($1, $2::jsonb);

-- name: queue_pause
-- Pause a queue or go on with it.
select millrace.queue_pause($1, $2::bool);

-- name: type_pause
-- Pause a type or go on with it.
select millrace.type_pause($1, $2::bool);

-- name: worker_facts
-- The workers, each with what it runs. (What stands behind the host is the place
-- that its lock covers, see millrace.worker_begin.)
select json_strip_nulls(json_build_object(
           'name', w.name, 'host', split_part(w.host, ':', 1), 'pid', w.pid, 'version', w.version,
           'slots', w.slots, 'queues', w.queues,
           'reserves', (select json_object_agg(r.queue, r.slots)
                          from unnest(w.queues, w.reserves) r(queue, slots)
                         where r.slots is not null),
           'types', w.types,
           'startedAt', millrace.time_text(w.started_at),
           'seenAt', millrace.time_text(w.seen_at),
           'alive', millrace.is_alive(w),
           'running', coalesce(r.jobs, '[]'))) as facts
  from millrace.worker w
  left join lateral (
       select json_agg(json_build_object(
                  'jobId', a.id, 'type', j.type, 'queue', j.queue, 'owner', j.owner,
                  'attempt', a.attempt, 'startedAt', millrace.time_text(a.started_at),
                  'progress', a.progress, 'message', a.message)
                  order by a.started_at, a.id) as jobs
         from millrace.active a
         join millrace.job j on j.id = a.id
        where a.worker = w.id) r on true
 order by w.name;

-- name: owner_facts
-- Who has settings or a token, and everybody else ('*'), or the one named $1. An
-- owner without settings has those of '*'.
select json_strip_nulls(json_build_object(
           'name', n.owner,
           'weight', coalesce(o.weight, 1),
           'maxWaiting', o.max_waiting,
           'postsPerMinute', o.posts_per_minute,
           'waiting', case when o.max_waiting is not null and n.owner <> '*'
                           then millrace.owner_length(n.owner) end,
           'inherited', case when o.owner <> n.owner then true end)) as facts
  from (select owner from millrace.owner
        union
        select owner from millrace.token where revoked_at is null
        union
        select '*') n
  left join lateral millrace.owner_limits(n.owner) o on true
 where $1::text is null or n.owner = $1
 order by n.owner;

-- name: owner_set
-- Set something of an owner.
select millrace.owner_put($1, $2::jsonb);

-- name: job_stats
-- How many jobs are where, of an owner or (null) of all.
select millrace.stats($1) as facts;
