-- 0010_stats: how much there is of everything, and why a job does not run
--
-- why      counts are kept as sums of what the changes have told (tally), so they
--          cost the same however long the history is
-- locks    none (new objects only)
-- undo     drop the functions

-- ---------------------------------------------------------------- sums

-- Add up what has been counted since the last time.
create function millrace.add_up() returns void
language sql
set jit = off as $$
    with gone as materialized (
        delete from millrace.tally returning *
    ), states as (
        insert into millrace.stat_state as s (queue, type, state, n)
        select queue, type, state, sum(n)
          from (select queue, type, went_to as state, n from gone
                union all
                select queue, type, came_from, -n from gone) c
         where state is not null
         group by queue, type, state
        having sum(n) <> 0
            on conflict (queue, type, state) do update set n = s.n + excluded.n
    ), owners as (
        insert into millrace.stat_owner as s (owner, n)
        select limited_owner, sum(case when millrace.waits(went_to) then n else 0 end
                                  - case when millrace.waits(came_from) then n else 0 end)
          from gone where limited_owner is not null
         group by limited_owner
            on conflict (owner) do update set n = s.n + excluded.n
    )
    insert into millrace.stat_flow as s (span, at, queue, type, came_from, went_to, n, ms)
    select p.span, date_bin(p.width, g.at, '2000-01-01'), queue, type,
           coalesce(came_from::text, ''), coalesce(went_to::text, ''), sum(n), sum(ms)
      from gone g
     cross join (values ('10s', interval '10 s'), ('minute', '1 min'), ('hour', '1 h')) p(span, width)
     group by 1, 2, 3, 4, 5, 6
        on conflict (span, at, queue, type, came_from, went_to)
        do update set n = s.n + excluded.n, ms = s.ms + excluded.ms
$$;

-- Count an owner's waiting jobs anew; from then on the changes count. Holds up
-- all changes for as long as that takes: it is for when a limit is set.
create function millrace.count_owners() returns void
language plpgsql
set jit = off as $$
begin
    lock table millrace.tally in exclusive mode;
    perform millrace.add_up();
    delete from millrace.stat_owner;
    insert into millrace.stat_owner (owner, n)
    select j.owner, count(*)
      from (select id from millrace.ready union all select id from millrace.held
            union all select id from millrace.waiting) w
      join millrace.job j on j.id = w.id
     group by j.owner;
end $$;

-- What an owner ('*': everybody else) may and weighs; null: no limit.
create function millrace.owner_set(name text, its_weight int, most_waiting int, posts int)
returns millrace.owner
language plpgsql as $$
declare
    was int := (select max_waiting from millrace.owner where owner = name);
    o   millrace.owner;
begin
    insert into millrace.owner as w (owner, weight, max_waiting, posts_per_minute)
    values (name, coalesce(its_weight, 1), most_waiting, posts)
        on conflict (owner) do update
       set weight = excluded.weight, max_waiting = excluded.max_waiting,
           posts_per_minute = excluded.posts_per_minute
    returning * into o;
    perform millrace.count_owners() where most_waiting is not null and was is null;
    return o;
end $$;

-- Jobs started in a second, over the last minute; null: none.
create function millrace.start_rate(of_queue text) returns float8
language sql stable as $$
    select nullif(sum(n), 0) / 60.0 from millrace.stat_flow
     where span = '10s' and at > now() - interval '60 s' and queue = of_queue
       and went_to = 'active'
$$;

-- What happened in the spans since a time: in each queue, and (queue null) in all.
create function millrace.flows(of_span text, since timestamptz)
returns table (queue text, facts jsonb)
language sql stable as $$
    select queue, jsonb_strip_nulls(jsonb_build_object(
        'queued', coalesce(sum(n) filter (where came_from = ''), 0),
        'started', coalesce(sum(n) filter (where went_to = 'active'), 0),
        'completed', coalesce(sum(n) filter (where went_to = 'completed'), 0),
        'failed', coalesce(sum(n) filter (where went_to = 'discarded'), 0),
        'cancelled', coalesce(sum(n) filter (where went_to = 'cancelled'), 0),
        'retried', coalesce(sum(n) filter (where went_to = 'retryable'), 0),
        'averageWaitMs', round(sum(ms) filter (where went_to = 'active')
                               / nullif(sum(n) filter (where went_to = 'active'), 0)),
        'averageRunMs', round(sum(ms) filter (where came_from = 'active' and went_to <> '')
                              / nullif(sum(n) filter (where came_from = 'active'), 0))))
      from millrace.stat_flow
     where span = of_span and at > since
     group by grouping sets ((queue), ())
$$;

create function millrace.flow(of_span text, since timestamptz) returns jsonb
language sql stable as $$
    select facts from millrace.flows(of_span, since) where queue is null
$$;

-- Jobs in each state now: the sums, and what has not yet been added to them.
create function millrace.state_counts()
returns table (queue text, type text, state millrace.state, n bigint)
language sql stable as $$
    select queue, type, state, sum(n)::bigint
      from (select queue, type, state, n from millrace.stat_state
            union all
            select queue, type, went_to, n from millrace.tally where went_to is not null
            union all
            select queue, type, came_from, -n from millrace.tally where came_from is not null) c
     group by queue, type, state
    having sum(n) <> 0
$$;

-- The same among the newest 10,000 jobs of an owner.
create function millrace.state_counts_of(by_owner text)
returns table (queue text, type text, state millrace.state, n bigint)
language sql stable as $$
    select i.queue, i.type, i.state, count(*)
      from (select id from millrace.job where owner = by_owner
             order by id desc limit 10000) j
     cross join lateral (select * from millrace.job_info i where i.id = j.id offset 0) i
     group by i.queue, i.type, i.state
$$;

-- Everything, or an owner's: of them only what is where now, of their newest jobs.
create function millrace.stats(by_owner text default null) returns jsonb
language sql stable
set jit = off as $$
    with c as materialized (
        select * from millrace.state_counts() where by_owner is null
        union all
        select * from millrace.state_counts_of(by_owner) where by_owner is not null
    )
    select jsonb_build_object(
        'counts', (select coalesce(jsonb_object_agg(state, n), '{}')
                     from (select state, sum(n) as n from c group by state) s),
        'byQueue', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'counts', counts) order by queue), '[]')
                      from (select queue, jsonb_object_agg(state, n) as counts
                              from (select queue, state, sum(n) as n from c group by queue, state) s
                             group by queue) q),
        'byType', (select coalesce(jsonb_agg(jsonb_build_object('type', type, 'counts', counts) order by type), '[]')
                     from (select type, jsonb_object_agg(state, n) as counts
                             from (select type, state, sum(n) as n from c group by type, state) s
                            group by type) t))
        || case when by_owner is null then jsonb_build_object(
            'lastMinute', millrace.flow('10s', now() - interval '1 min'),
            'lastHour', millrace.flow('minute', now() - interval '1 h'),
            'lastDay', millrace.flow('hour', now() - interval '1 d'))
           else '{}' end
$$;

-- ---------------------------------------------------------------- explain

create function millrace.because(reason text, message text, details jsonb default null,
                                 starts_at timestamptz default null)
returns jsonb language sql immutable as $$
    select jsonb_strip_nulls(jsonb_build_object('reason', reason, 'message', message,
        'details', details, 'estimatedStartAt',
        millrace.time_text(starts_at)))
$$;

-- A limiter's key as people know it.
create function millrace.key_title(key text) returns text
language sql immutable as $$
    select case left(key, 2) when 'c/' then 'the concurrency key ' when 's/' then 'the serial key '
                             when 'r/' then 'the rate limit ' else '' end
           || regexp_replace(regexp_replace(key, '^[csr]/[ot]/[^/]*/', ''), '^(type|queue)/', 'the \1 ')
$$;

-- Who holds a limit: up to 20 jobs.
create function millrace.holders(of_key text) returns jsonb
language sql stable as $$
    select jsonb_agg(id) from (select id from millrace.permit where key = of_key order by id limit 20) p
$$;

create function millrace.explain_pending(i millrace.job_info) returns jsonb
language sql stable as $$
    select millrace.because('dependency',
        format('it waits for %s other job%s to complete', count(*), case when count(*) > 1 then 's' else '' end),
        jsonb_build_object('waitsFor', (jsonb_agg(jsonb_build_object('jobId', n.id, 'state', n.state)))))
      from (select o.id, o.state
              from millrace.dependency d
              join millrace.job_info o on o.id = d.needs
             where d.job_id = i.id and o.state <> 'completed' limit 100) n
$$;

create function millrace.explain_held(i millrace.job_info) returns jsonb
language sql stable as $$
    select case when h.key like 'r/%' then millrace.because('rate_limit',
               format('%s lets no more jobs start now', millrace.key_title(h.key)),
               jsonb_build_object('ahead', a.n), l.wake_at)
           else millrace.because('limit',
               format('%s is in use by %s', millrace.key_title(h.key), coalesce(
                      (select string_agg('job ' || p.id, ', ') from (
                           select id from millrace.permit where key = h.key order by id limit 3) p),
                      'a job that stands before it in the line')),
               jsonb_build_object('heldBy', millrace.holders(h.key), 'ahead', a.n)) end
      from millrace.held h
      left join millrace.limiter l on l.key = h.key
     cross join lateral (select count(*) as n from (
           select from millrace.held o where o.key = h.key and (o.priority, i.id) > (h.priority, o.id)
            limit 10000) b) a
     where h.id = i.id
$$;

-- A queue or a type that lets nothing start now; null: it does.
create function millrace.explain_lane(i millrace.job_info) returns jsonb
language sql stable as $$
    select case when l.paused then millrace.because('paused', format('%s is paused', millrace.key_title(l.key)))
                when l.used >= l.most then millrace.because('limit',
                    format('%s runs %s jobs at once, and that many run', millrace.key_title(l.key), l.most),
                    jsonb_build_object('heldBy', millrace.holders(l.key)))
                when l.room < 1 then millrace.because('rate_limit',
                    format('%s lets no more jobs start now', millrace.key_title(l.key)),
                    null, (select tat from millrace.limiter where key = l.key)) end
      from (select k.key, k.most, k.paused,
                   (select count(*) from millrace.permit p where p.key = k.key) as used,
                   millrace.rate_room(k.key, (k.rate ->> 'everyMs')::float8, (k.rate ->> 'burst')::int) as room
              from (select 'queue/' || q.queue as key, q.concurrency as most, q.paused_at is not null as paused,
                           millrace.rate_of(q.rate_limit) as rate
                      from millrace.queue q where q.queue = i.queue and q.limited
                    union all
                    select 'type/' || t.type, t.concurrency, t.paused_at is not null,
                           case when not t.options -> 'rateLimit' ? 'key'
                                then millrace.rate_of(t.options -> 'rateLimit') end
                      from millrace.job_type t where t.type = i.type and t.limited) k) l
     where l.paused or l.used >= l.most or l.room < 1
     limit 1
$$;

create function millrace.explain_ready(i millrace.job_info) returns jsonb
language plpgsql stable as $$
declare
    stop  jsonb := millrace.explain_lane(i);
    ahead bigint;
begin
    if stop is not null then
        return stop;
    end if;
    if not exists (select from millrace.worker w
                    where i.type = any (w.types) and (w.queues is null or i.queue = any (w.queues))
                      and w.seen_at > now() - interval '10 s') then
        return millrace.because('no_worker',
            format('no worker that is alive serves the queue %s and the type %s', i.queue, i.type));
    end if;
    select count(*) into ahead
      from (select from millrace.ready r
             where r.queue = i.queue
               and (r.priority > i.priority or r.priority = i.priority and r.id < i.id)
             limit 100000) r;
    return millrace.because('behind',
        case ahead when 0 then 'it is the next of its queue; the workers have no free slot for it yet'
             else format('%s jobs of its queue are more urgent or older', ahead) end,
        jsonb_build_object('ahead', ahead),
        now() + (ahead + 1) / millrace.start_rate(i.queue) * interval '1 s');
end $$;

-- The one reason why a job does not run now.
create function millrace.explain(target uuid, by_owner text default null) returns jsonb
language plpgsql stable
set jit = off as $$
declare
    i millrace.job_info;
begin
    perform millrace.job_of(target, by_owner);
    select * into i from millrace.job_info where id = target;
    return case
        when i.status in ('completed', 'failed', 'cancelled') then
            millrace.because('ended', format('it has ended: %s', i.status))
        when i.state = 'active' and i.cancel_at is not null then
            millrace.because('cancelling', 'it runs, and its worker has been asked to stop it')
        when i.state = 'active' then millrace.because('running', 'it runs',
            jsonb_build_object('attempt', i.attempt, 'worker',
                (select name from millrace.worker w where w.id = i.worker)))
        when i.state = 'scheduled' then
            millrace.because('scheduled', 'it is to run later', null, i.run_at)
        when i.state = 'retryable' then millrace.because('backoff',
            format('attempt %s has failed; the next one waits for its time', i.attempt),
            jsonb_build_object('error', i.error), i.run_at)
        when i.state = 'pending' then millrace.explain_pending(i)
        when exists (select from millrace.held h where h.id = target) then millrace.explain_held(i)
        else millrace.explain_ready(i) end;
end $$;
