-- 0007_worker: workers, and the housekeeping that they take turns at
--
-- why      whoever is alive does it, once a second, with each heartbeat; nothing
--          waits for one particular process
-- locks    none (new objects only)
-- undo     drop the functions

-- What runs of workers that are gone left behind: back to ready while attempts
-- remain, else failed for good; a job that has lost its worker three times is set
-- aside as poison. With `spare` none of it has run: all goes back, with one attempt
-- more.
create function millrace.rescue_all(lost_workers uuid[], spare bool default false)
returns int
language plpgsql
set jit = off as $$
#variable_conflict use_column
declare
    counted  bool := exists (select from millrace.owner where max_waiting is not null);
    over     uuid[];
    ended    uuid[];
begin
    with lost as (
        delete from millrace.active where worker = any (lost_workers)
        returning id, attempt, worker, started_at, progress, message, cancel_at
    ), fact as materialized (
        select l.*, (select w.name from millrace.worker w where w.id = l.worker) as its_name, j.type, j.queue, j.priority, j.owner, j.batch, j.extra,
               coalesce(j.tenant, j.owner) as tenant, p.poison,
               case when l.cancel_at is not null then 'cancelled'
                    when spare then 'available'
                    when l.attempt < j.max_attempts and not p.poison then 'available'
                    else 'discarded' end::millrace.state as state
          from lost l
          join millrace.job j on j.id = l.id
         cross join lateral (
               select not spare and count(*) >= 2 as poison from millrace.attempt a
                where a.job_id = l.id and a.outcome = 'lost') p
    ), again as (
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
        select queue, type, priority, tenant, id, attempt, coalesce(extra ? 'keys', false),
               extra ->> 'serial', case when spare then millrace.expires(id, extra) end
          from fact where state = 'available'
    ), expiring as (
        insert into millrace.expiry (id, expires_at)
        select id, millrace.expires(id, extra) from fact
         where state = 'available' and spare and millrace.expires(id, extra) is not null
            on conflict do nothing
    ), begun as (
        delete from millrace.expiry x using fact f where x.id = f.id and not spare
    ), spared as (
        update millrace.job j set max_attempts = j.max_attempts + 1
          from fact f where j.id = f.id and f.state = 'available' and spare
    ), tried as (
        insert into millrace.attempt (job_id, attempt, worker, started_at, ended_at, outcome)
        select id, attempt, its_name, started_at, now(),
               case when spare then 'returned' else 'lost' end
          from fact where state = 'available'
    ), final as (
        insert into millrace.done (id, state, attempt, started_at, finished_at,
                                   progress, message, error, worker, facts, expires_at)
        select id, state, attempt, started_at, now(), progress, message,
               case when state <> 'discarded' then null
                    when poison then json_build_object('code', 'poison', 'message',
                        'three workers were lost while they ran this job')
                    else json_build_object('code', 'worker_lost', 'message',
                        'the worker that ran the last attempt is gone') end,
               its_name, json_build_object('outcome', 'lost'), millrace.keep_until(type, state)
          from fact where state <> 'available'
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner, message, batch)
        select id,
               case state when 'cancelled' then 'job_cancelled'
                          when 'discarded' then 'job_failed'
                          else case when spare then 'job_queued' else 'job_retrying' end
               end::millrace.event_kind,
               attempt, progress, type, owner,
               case when not spare then 'the worker that ran this attempt is gone' end, batch
          from fact
    ), tallied as (
        insert into millrace.tally (queue, type, limited_owner, came_from, went_to, n)
        select queue, type, case when counted then millrace.counted_owner(owner) end,
               'active', state, count(*)
          from fact group by queue, type, case when counted then millrace.counted_owner(owner) end, state
    ), batched as (
        insert into millrace.batch_tally (batch, came_from, went_to, n)
        select batch, 'active', state, count(*) from fact where batch is not null group by batch, state
    )
    select array_agg(id), array_agg(id) filter (where state <> 'available') into over, ended from fact;
    perform millrace.forget(ended) where ended is not null;
    perform millrace.settle(ended);
    perform millrace.release(over);
    delete from millrace.worker where id = any (lost_workers);
    delete from millrace.turn where worker = any (lost_workers);
    return coalesce(cardinality(over), 0);
end $$;

create function millrace.rescue(lost_worker uuid, spare bool default false) returns int
language sql as $$
    select millrace.rescue_all(array[lost_worker], spare)
$$;

-- A worker begins. Whoever had its name in the same place before is gone (the
-- worker holds a lock there that proves it), and its jobs are set free at once;
-- returns how many. its_host: the host and what of it the lock covers. A namesake
-- elsewhere must have been silent for silence_ms.
create function millrace.worker_begin(
    new_id uuid, its_name text, its_host text, its_pid int, its_version text,
    its_slots int, its_queues text[], its_types text[], silence_ms int default 10000,
    its_reserves int[] default null)
returns int
language plpgsql as $$
declare
    n     int;
    other text;
begin
    select w.host into other from millrace.worker w
     where w.name = its_name and w.host <> its_host
       and w.seen_at > now() - silence_ms * interval '1 ms';
    if found then
        perform millrace.refuse('MR409', 'name_taken', format(
            'a worker named %L runs on %s: each needs a MILLRACE_WORKER_NAME of its own',
            its_name, other));
    end if;
    n := millrace.rescue_all(array(select w.id from millrace.worker w where w.name = its_name));
    insert into millrace.worker (id, name, host, pid, version, slots, queues, reserves, types)
    values (new_id, its_name, its_host, its_pid, its_version, its_slots,
            its_queues, its_reserves, its_types);
    return n;
end $$;

-- Whether a worker has been heard of lately.
create function millrace.is_alive(w millrace.worker) returns bool
language sql stable as $$
    select w.seen_at > now() - interval '10 s'
$$;

-- Move what is due to ready, at most 1,000 at once.
create function millrace.promote() returns int
language plpgsql
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    n int;
begin
    with due as materialized (
        select id from millrace.waiting
         where run_at <= now() and state <> 'pending'
         order by run_at, id limit 1000 for update skip locked
    ), gone as (
        delete from millrace.waiting w using due d where w.id = d.id
        returning w.id, w.attempt, w.state
    ), fact as materialized (
        select g.*, j.type, j.queue, j.priority, j.batch, j.extra,
               coalesce(j.tenant, j.owner) as tenant
          from gone g join millrace.job j on j.id = g.id
    ), ins as (
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
        select queue, type, priority, tenant, id, attempt, coalesce(extra ? 'keys', false),
               extra ->> 'serial', millrace.expires(id, extra)
          from fact
    ), tallied as (
        insert into millrace.tally (queue, type, came_from, went_to, n)
        select queue, type, state, 'available', count(*) from fact group by queue, type, state
    ), batched as (
        insert into millrace.batch_tally (batch, came_from, went_to, n)
        select batch, state, 'available', count(*) from fact where batch is not null group by batch, state
    )
    select count(*) into n from fact;
    return n;
end $$;

-- Cancel what was not started in time, at most 500 at once. What is being started
-- at this moment is looked at again.
create function millrace.expire() returns int
language plpgsql as $$
declare
    due  uuid[] := array(select id from millrace.expiry where expires_at <= now()
                          order by expires_at limit 500 for update skip locked);
    gone uuid[];
begin
    if due = '{}' then
        return 0;
    end if;
    gone := millrace.cancel_waiting(due, 'expired', 'the job was not started before it expired', false);
    -- A run that is being given back at the moment is looked at again.
    with runs as materialized (
        select a.id from millrace.active a where a.id = any (due) for update skip locked
    )
    delete from millrace.expiry e
     where e.id = any (due)
       and (e.id = any (gone)
            or exists (select from runs r where r.id = e.id)
            or exists (select from millrace.done d where d.id = e.id)
            or not exists (select from millrace.job j where j.id = e.id));
    return cardinality(gone);
end $$;

-- What the heartbeats look after, in turns: each part is locked by who does it,
-- and the others pass it by. What waits for nobody comes last, since others may wait
-- for what is held by then.
create function millrace.keep_house() returns int
language plpgsql as $$
#variable_conflict use_column
declare
    moved int := millrace.promote() + millrace.expire() + millrace.check_pending() + millrace.wake_held();
begin
    if exists (select from millrace.chore where name = 'tally' and at < now() - interval '0.9 s'
                  for update skip locked) then
        update millrace.chore set at = now() where name = 'tally';
        perform millrace.add_up();
        moved := moved + millrace.batches_settle();
    end if;
    if exists (select from millrace.chore where name = 'sweep' and at < now() - interval '1 min'
                  for update skip locked) then
        update millrace.chore set at = now() where name = 'sweep';
        perform millrace.sweep_limiters();
        delete from millrace.batch_count c using millrace.batch b
         where c.batch = b.id and b.expires_at < now();
        delete from millrace.job_event e using millrace.batch b
         where e.job_id = b.id and b.expires_at < now();
        delete from millrace.batch where expires_at < now();
        delete from millrace.stat_flow f
         where f.at < now() - case f.span when '10s' then interval '5 min'
                                         when 'minute' then interval '2 h' else interval '2 d' end;
    end if;
    return moved;
end $$;

-- When the clock brings something next: a job that is due, a rate that lets one
-- pass. Null: nothing that is known now.
create function millrace.next_due() returns timestamptz
language plpgsql stable as $$
begin
    return least(
        (select w.run_at from millrace.waiting w where w.state <> 'pending'
          order by w.run_at limit 1),
        (select l.wake_at from millrace.limiter l where l.wake_at is not null
          order by l.wake_at limit 1),
        (select min(n.at)
           from millrace.lane_limit k
           join millrace.limiter l on l.key = k.key
          cross join millrace.rate_next(l.tat, (k.rate ->> 'everyMs')::float8,
                                        (k.rate ->> 'burst')::int) n(at)
          where k.rate is not null and n.at > now()));
end $$;

-- A worker's heartbeat and its turn at the housekeeping, once a second. `alive`
-- is false where it was taken for dead: its jobs are not its own any more.
-- It rescues the jobs of silent workers only after it has itself beaten without a
-- gap for longer than a worker may be silent, so that nobody is buried right after
-- an outage of the database. stop: its jobs that are to be cancelled. due_ms: when
-- the clock brings something next (null: nothing is known).
create function millrace.beat(by_worker uuid, silence_ms int,
                              idempotency_ttl_ms bigint)
returns table (alive bool, stop text, rescued int, promoted int, due_ms bigint)
language plpgsql
set jit = off as $$
declare
    steady  bool;
    lost    uuid[];
    runs_ms bigint;
begin
    update millrace.worker w
       set seen_at = now(),
           steady_since = case when w.seen_at < now() - interval '3 s' then now()
                               else w.steady_since end
     where w.id = by_worker
    returning w.steady_since < now() - (silence_ms + 2000) * interval '1 ms'
      into steady;
    alive := found;
    rescued := 0;
    if steady then
        -- Also of claims that were committed after their worker's row had gone.
        lost := array(
            select d.id from (select w.id from millrace.worker w
                               where w.seen_at < now() - silence_ms * interval '1 ms'
                                 for update skip locked) d
            union
            select a.worker from millrace.active a
             where not exists (select from millrace.worker w where w.id = a.worker));
        if lost <> '{}' then
            rescued := millrace.rescue_all(lost);
        end if;
    end if;
    select r.made, r.due_ms into promoted, runs_ms from millrace.schedule_run() r;
    -- All of it only where the limiters of those who were lost are not in hand.
    promoted := promoted + case when rescued = 0 then millrace.keep_house()
                                else millrace.promote() end;
    select string_agg(a.id::text, ',') into stop from millrace.active a
     where a.worker = by_worker and a.cancel_at is not null;
    due_ms := least(extract(epoch from millrace.next_due() - clock_timestamp()) * 1000, runs_ms);
    delete from millrace.idempotency i where i.ctid = any (array(
        select o.ctid from millrace.idempotency o
         where o.created_at < now() - idempotency_ttl_ms * interval '1 ms'
         limit 1000));
    delete from millrace.session s where s.expires_at < now();
    return next;
end $$;

-- A worker ends in good order: nothing of it runs any more, and what it still
-- holds has not run.
create function millrace.worker_end(by_worker uuid) returns int
language sql as $$
    select millrace.rescue(by_worker, spare => true)
$$;
