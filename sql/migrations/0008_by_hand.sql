-- 0008_by_hand: what people do to jobs, one by one and many at once
--
-- locks    none (new objects only)
-- undo     drop the functions

-- ---------------------------------------------------------------- cancel

-- Take a job out of where it waits: what it was (null: it does not wait), how many
-- attempts it has had, and of a waiting row the time and the error. It may be moved
-- while we look; then look again.
create function millrace.take_waiting(target uuid, out was millrace.state, out attempt smallint,
                                      out run_at timestamptz, out error json, out was_ready bool)
language plpgsql as $$
#variable_conflict use_column
begin
    for tries in 1 .. 100 loop
        delete from millrace.ready r using millrace.job j
         where j.id = target and r.queue = j.queue and r.type = j.type and r.priority = j.priority
           and r.tenant = coalesce(j.tenant, j.owner) and r.id = j.id
        returning 'available', r.attempt, true into was, attempt, was_ready;
        exit when found;
        delete from millrace.held h where h.id = target
        returning 'available', h.attempt, false into was, attempt, was_ready;
        exit when found;
        delete from millrace.waiting w where w.id = target
        returning w.state, w.attempt, w.run_at, w.error, false
             into was, attempt, run_at, error, was_ready;
        exit when found
            or exists (select from millrace.active a where a.id = target)
            or exists (select from millrace.done d where d.id = target)
            or not exists (select from millrace.job j where j.id = target);
    end loop;
end $$;

-- Lock a job where it waits, if nobody else has it locked; says whether.
create function millrace.keep_still(target uuid) returns bool
language plpgsql as $$
begin
    perform from millrace.ready r, millrace.job j
      where j.id = target and r.queue = j.queue and r.type = j.type and r.priority = j.priority
        and r.tenant = coalesce(j.tenant, j.owner) and r.id = j.id
        for update of r skip locked;
    if not found then
        perform from millrace.held h where h.id = target for update skip locked;
    end if;
    if not found then
        perform from millrace.waiting w where w.id = target for update skip locked;
    end if;
    return found;
end $$;

-- Cancel those of some jobs that wait, and give them back; the code and the reason are
-- their error (none for a plain cancel). Without `patient`, a job that someone is
-- changing at the moment is passed over, so that nobody waits for us in a circle.
create function millrace.cancel_waiting(targets uuid[], code text default null,
                                        reason text default null, patient bool default true)
returns uuid[]
language plpgsql as $$
declare
    target uuid;
    j      millrace.job;
    w      record;
    gone   uuid[] := '{}';
    ready  uuid[] := '{}';
begin
    foreach target in array targets loop
        continue when not patient and not millrace.keep_still(target);
        w := millrace.take_waiting(target);
        continue when w.was is null;
        select * into j from millrace.job where id = target;
        insert into millrace.done (id, state, attempt, finished_at, progress, error, expires_at)
        values (target, 'cancelled', w.attempt, now(), 0,
                case when code is not null then
                    json_build_object('code', code, 'message', reason) end,
                millrace.keep_until(j.type, 'cancelled'));
        insert into millrace.job_event (job_id, kind, attempt, job_type, owner, message, batch)
        values (target, 'job_cancelled', w.attempt, j.type, j.owner, reason, j.batch);
        perform millrace.moved(j, w.was, 'cancelled');
        perform millrace.forget(array[target]) where j.extra ? 'forget';
        gone := gone || target;
        ready := ready || case when w.was_ready then target end;
    end loop;
    perform millrace.settle(gone);
    perform millrace.release(gone, waited => gone, were_ready => ready);
    return gone;
end $$;

-- Count one job's change of state.
create function millrace.moved(j millrace.job, was millrace.state, becomes millrace.state)
returns void language sql as $$
    insert into millrace.tally (queue, type, limited_owner, came_from, went_to, n)
    values (j.queue, j.type, millrace.counted_owner(j.owner), was, becomes, 1);
    insert into millrace.batch_tally (batch, came_from, went_to, n)
    select j.batch, was, becomes, 1 where j.batch is not null;
$$;

-- A job of an owner (null: anyone's) that has not been thrown away, or a refusal.
create function millrace.job_of(target uuid, by_owner text) returns millrace.job
language plpgsql stable as $$
declare
    j millrace.job;
begin
    select * into j from millrace.job
     where id = target and (by_owner is null or owner = by_owner)
       and not exists (select from millrace.done
                        where id = target and expires_at = '-infinity');
    if not found then
        perform millrace.refuse('MR404', 'job_not_found', 'there is no such job');
    end if;
    return j;
end $$;

-- Cancel a job: at once where it waits; where it runs, ask its worker to stop
-- it and return 'active'. by_owner null: anyone's.
create function millrace.cancel(target uuid, by_owner text default null)
returns millrace.state
language plpgsql
set jit = off as $$
begin
    perform millrace.job_of(target, by_owner);
    -- It may move between the tables while we look; look again.
    for tries in 1 .. 100 loop
        if millrace.cancel_waiting(array[target]) <> '{}' then
            return 'cancelled';
        end if;
        update millrace.active set cancel_at = coalesce(cancel_at, now())
         where id = target;
        if found then
            return 'active';
        end if;
        if exists (select from millrace.done where id = target) then
            perform millrace.refuse('MR409', 'job_final', 'the job has ended already');
        end if;
    end loop;
    perform millrace.refuse('MR503', 'busy', 'the job keeps changing; try again');
end $$;

-- ---------------------------------------------------------------- retry

-- Run a failed or cancelled job once more. One that waits for jobs which have not
-- ended waits for them again.
create function millrace.retry(target uuid, by_owner text default null)
returns millrace.state
language plpgsql
set jit = off as $$
#variable_conflict use_column
declare
    j       millrace.job := millrace.job_of(target, by_owner);
    old     millrace.done;
    becomes millrace.state := 'available';
begin
    if j.extra ? 'forgotten' then
        perform millrace.refuse('MR409', 'secrets_forgotten',
            'the secrets of its payload were removed when it ended; post it anew');
    end if;
    if (case when j.extra ? 'unique' then millrace.uniq_take(target, j.extra -> 'unique', '{}') <> target end) then
        perform millrace.refuse('MR409', 'unique_conflict',
            'another job has its unique key now');
    end if;
    delete from millrace.done
     where id = target and state in ('discarded', 'cancelled')
       and not exists (select from millrace.purging p where p.job_id = target)
    returning * into old;
    if not found then
        perform millrace.refuse('MR409', 'not_retryable',
            'only a failed or cancelled job can be run again');
    end if;
    insert into millrace.attempt (job_id, attempt, worker, started_at, ended_at, outcome, error, facts)
    select target, old.attempt, old.worker, old.started_at, old.finished_at,
           coalesce(old.facts ->> 'outcome', case old.state when 'cancelled' then 'cancelled' else 'failed' end),
           old.error, old.facts
     where old.started_at is not null
        on conflict do nothing;
    delete from millrace.artifact where job_id = target;
    delete from millrace.expiry where id = target;
    update millrace.job set extra = extra - 'expiresAt' where id = target and extra ? 'expiresAt';
    update millrace.job set max_attempts = old.attempt + 1
     where id = target and max_attempts <= old.attempt;
    if exists (select from millrace.dependency d
                where d.job_id = target
                  and not exists (select from millrace.done e where e.id = d.needs)) then
        becomes := 'pending';
        insert into millrace.waiting (id, state, run_at, attempt)
        values (target, becomes, now(), old.attempt);
        insert into millrace.dependency_check (job_id) values (target)
            on conflict (job_id) do update set horizon = null;
    else
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial)
        values (j.queue, j.type, j.priority, coalesce(j.tenant, j.owner), target, old.attempt,
                coalesce(j.extra ? 'keys', false), j.extra ->> 'serial');
    end if;
    insert into millrace.job_event (job_id, kind, attempt, job_type, owner, batch)
    values (target, 'job_queued', old.attempt, j.type, j.owner, j.batch);
    perform millrace.moved(j, old.state, becomes);
    return becomes;
end $$;

-- ---------------------------------------------------------------- change

-- Change the priority or the time of a job that waits; null leaves it as it is.
create function millrace.change(target uuid, by_owner text, new_priority int, new_run_at timestamptz)
returns millrace.state
language plpgsql
set jit = off as $$
#variable_conflict use_column
declare
    j       millrace.job := millrace.job_of(target, by_owner);
    w       record;
    becomes millrace.state;
begin
    if new_priority not between -100 and 100 then
        perform millrace.refuse('MR400', 'invalid_member', 'priority must be a whole number from -100 to 100');
    end if;
    w := millrace.take_waiting(target);
    if w.was is null then
        perform millrace.refuse('MR409', 'job_final', 'the job has ended already')
          where exists (select from millrace.done where id = target);
        perform millrace.refuse('MR409', 'job_started', 'the job runs; only one that waits can be changed');
    end if;
    update millrace.job
       set priority = coalesce(new_priority, priority), run_at = coalesce(new_run_at, run_at)
     where id = target returning * into j;
    w.run_at := coalesce(new_run_at, w.run_at);
    becomes := case when w.was = 'pending' or w.was = 'retryable' and w.run_at > now() then w.was
                    when w.run_at > now() then 'scheduled' else 'available' end;
    if becomes = 'available' then
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
        values (j.queue, j.type, j.priority, coalesce(j.tenant, j.owner), target, w.attempt,
                coalesce(j.extra ? 'keys', false), j.extra ->> 'serial',
                millrace.expires(target, j.extra));
    else
        insert into millrace.waiting (id, state, run_at, attempt, error)
        values (target, becomes, coalesce(w.run_at, now()), w.attempt, w.error);
    end if;
    if becomes <> w.was then
        perform millrace.moved(j, w.was, becomes);
    end if;
    -- It may have stood before others.
    if w.was = 'available' and becomes <> 'available' then
        perform millrace.release(array[target], waited => array[target],
            were_ready => case when w.was_ready then array[target] else '{}' end);
    end if;
    return becomes;
end $$;

-- ---------------------------------------------------------------- many at once

-- The jobs that a filter names, at most `most`: {type, queue, tag, owner, state,
-- status, errorCode, batchId, before, after}. To `cancel` are those that have not
-- ended, to `retry` and `discard` those that have ended unsuccessfully (all ended
-- ones, where a state or status says so); without their secrets none can be retried.
create function millrace.matching(filter jsonb, by_owner text, action text, most int)
returns setof uuid
language plpgsql stable as $$
#variable_conflict use_column
declare
    of_type  text := filter ->> 'type';
    of_queue text := filter ->> 'queue';
    final    bool := action <> 'cancel';
begin
    perform millrace.check_members(filter, 'the filter', array['type', 'queue', 'tag', 'owner',
        'state', 'status', 'errorCode', 'batchId', 'before', 'after']);
    return query
    select i.id
      from (select id from millrace.waiting where not final
            union all select id from millrace.held
             where not final and (of_type is null or type = of_type)
               and (of_queue is null or queue = of_queue)
            union all select id from millrace.active where not final and cancel_at is null
            union all select id from millrace.ready
             where not final and (of_type is null or type = of_type)
               and (of_queue is null or queue = of_queue)
            union all select id from millrace.done
             where final and state = 'discarded' and coalesce(expires_at > now(), true)
            union all select id from millrace.done
             where final and state <> 'discarded' and coalesce(expires_at > now(), true)
               and (filter ->> 'state' = state::text
                    or filter ->> 'status' = state::text)) c
     cross join lateral (select * from millrace.job_info i where i.id = c.id offset 0) i
     where (by_owner is null or i.owner = by_owner)
       and (action <> 'retry' or not coalesce(i.extra ? 'forgotten', false))
       and (not filter ? 'owner' or i.owner = filter ->> 'owner')
       and (of_type is null or i.type = of_type)
       and (of_queue is null or i.queue = of_queue)
       and (not filter ? 'tag' or filter ->> 'tag' = any (i.tags))
       and (not filter ? 'state' or i.state::text = filter ->> 'state')
       and (not filter ? 'status' or i.status = filter ->> 'status')
       and (not filter ? 'errorCode' or i.error ->> 'code' = filter ->> 'errorCode')
       and (not filter ? 'batchId' or i.batch = (filter ->> 'batchId')::uuid)
       and (not filter ? 'before' or i.created_at < (filter ->> 'before')::timestamptz)
       and (not filter ? 'after' or i.created_at > (filter ->> 'after')::timestamptz)
     limit most;
end $$;

-- Cancel some jobs, those that run by asking their workers; how many. Those that
-- someone is changing at the moment are passed over, unless there are no others.
create function millrace.cancel_all(jobs uuid[]) returns int
language plpgsql as $$
declare
    n int;
begin
    with idle as materialized (
        select a.id from millrace.active a
         where a.id = any (jobs) and a.cancel_at is null for update skip locked
    )
    update millrace.active a set cancel_at = now() from idle i where a.id = i.id;
    get diagnostics n = row_count;
    n := n + cardinality(millrace.cancel_waiting(jobs, patient => false));
    if n = 0 and jobs <> '{}' then
        perform millrace.cancel(jobs[1]);
        return 1;
    end if;
    return n;
exception when sqlstate 'MR409' or sqlstate 'MR404' then
    return 0;
end $$;

-- One bounded step of a change to many jobs: how many it has changed; 0: there are
-- no more. What has changed by itself meanwhile is passed over.
create function millrace.many(action text, filter jsonb, by_owner text, most int)
returns int
language plpgsql
set jit = off as $$
declare
    -- In the order of the ids, so that two of these do not wait for each other.
    jobs uuid[] := array(select m from millrace.matching(filter, by_owner, action, most) m order by m);
    job  uuid;
    n    int := 0;
begin
    if action = 'cancel' then
        return millrace.cancel_all(jobs);
    end if;
    foreach job in array jobs loop
        begin
            case action when 'retry' then perform millrace.retry(job);
                        when 'discard' then perform millrace.discard(job);
            end case;
            n := n + 1;
        exception when sqlstate 'MR409' or sqlstate 'MR404' then
            null;
        end;
    end loop;
    return n;
end $$;

-- Throw an ended job away: nobody sees it any more, and the housekeeping takes it and
-- all that belongs to it.
create function millrace.discard(target uuid, by_owner text default null) returns void
language plpgsql as $$
begin
    perform millrace.job_of(target, by_owner);
    update millrace.done set expires_at = '-infinity' where id = target;
    if not found then
        perform millrace.refuse('MR409', 'job_not_final', 'only a job that has ended can be thrown away; cancel it first');
    end if;
end $$;

-- Why jobs have failed: how many of each type and error, of the newest 100,000.
-- Messages that differ in their numbers alone are one.
create function millrace.failures(by_owner text)
returns table (type text, code text, message text, count bigint,
               first_at timestamptz, last_at timestamptz, example uuid)
language sql stable
set jit = off as $$
    select j.type, d.error ->> 'code', left(min(d.error ->> 'message'), 500), count(*),
           min(d.finished_at), max(d.finished_at), max(d.id::text)::uuid
      from (select * from millrace.done
             where state = 'discarded' and coalesce(expires_at > now(), true)
             order by id desc limit 100000) d
      join millrace.job j on j.id = d.id
     where by_owner is null or j.owner = by_owner
     group by j.type, d.error ->> 'code',
              regexp_replace(left(d.error ->> 'message', 500), '[0-9]+', '#', 'g')
     order by count(*) desc, j.type, 2
$$;
