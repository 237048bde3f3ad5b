-- 0006_settle: what the end of one job means for others
--
-- why      a dependent job is let go by the transaction that ends the last job that
--          it waits for; nobody asks for it meanwhile
-- locks    the waiting rows of dependents, in the order of their ids
-- undo     drop the functions

-- What is to become of pending jobs: 'available' where all that they wait for has
-- completed (or ended at all, where they run anyway), 'discarded' or 'cancelled'
-- where it cannot any more, and those that go on waiting are left out.
create function millrace.pending_verdicts(jobs uuid[])
returns table (id uuid, verdict millrace.state, reason text)
language sql stable as $$
    select v.id, v.verdict, v.reason
      from (select j.id,
                   case when p.failed is not null and p.policy = 'cancel' then 'cancelled'
                        when p.failed is not null and p.policy = 'fail' then 'discarded'
                        when p.left_over = 0 then 'available' end::millrace.state as verdict,
                   format('job %s, which this one waits for, %s', p.failed, p.how) as reason
              from unnest(jobs) u(id)
              join millrace.job j on j.id = u.id
             cross join lateral (
                   select coalesce(j.extra ->> 'onDependencyFailure', 'fail') as policy,
                          count(*) filter (where d.id is null and o.id is not null) as left_over,
                          min(n.needs::text) filter (where o.id is null or d.state <> 'completed') as failed,
                          min(case when o.id is null then 'is gone'
                                   when d.state = 'cancelled' then 'was cancelled'
                                   when d.state = 'discarded' then 'has failed' end) as how
                     from millrace.dependency n
                     left join millrace.job o on o.id = n.needs
                     left join millrace.done d on d.id = n.needs
                    where n.job_id = j.id) p) v
     where v.verdict is not null
$$;

-- Carry the verdicts out; gives back the jobs that have come to their end by it.
-- Their waiting rows are locked.
create function millrace.carry_out(jobs uuid[]) returns uuid[]
language plpgsql
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    counted bool := exists (select from millrace.owner where max_waiting is not null);
    ended   uuid[];
begin
    with gone as (
        delete from millrace.waiting w using millrace.pending_verdicts(jobs) v
         where w.id = v.id and w.state = 'pending'
        returning w.id, w.run_at, w.attempt, v.verdict, v.reason
    ), fact as materialized (
        select g.id, g.attempt, g.reason, j.type, j.queue, j.priority, j.owner, j.batch, j.extra,
               coalesce(j.tenant, j.owner) as tenant, j.run_at,
               case when g.verdict = 'available' and j.run_at > now() then 'scheduled'
                    else g.verdict end as state
          from gone g join millrace.job j on j.id = g.id
    ), now_ready as (
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
        select queue, type, priority, tenant, id, attempt, coalesce(extra ? 'keys', false),
               extra ->> 'serial', millrace.expires(id, extra)
          from fact where state = 'available'
    ), later as (
        insert into millrace.waiting (id, state, run_at, attempt)
        select id, state, run_at, attempt from fact where state = 'scheduled'
    ), final as (
        insert into millrace.done (id, state, attempt, finished_at, progress, error, expires_at)
        select id, state, attempt, now(), 0,
               json_build_object('code', 'dependency_failed', 'message', reason),
               millrace.keep_until(type, state)
          from fact where state in ('cancelled', 'discarded')
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, job_type, owner, message, batch)
        select id, case state when 'cancelled' then 'job_cancelled'
                              when 'discarded' then 'job_failed'
                              else 'job_queued' end::millrace.event_kind,
               attempt, type, owner,
               case when state in ('cancelled', 'discarded') then reason end, batch
          from fact
    ), tallied as (
        insert into millrace.tally (queue, type, limited_owner, came_from, went_to, n)
        select queue, type, case when counted then millrace.counted_owner(owner) end,
               'pending', state, count(*)
          from fact group by queue, type, case when counted then millrace.counted_owner(owner) end, state
    ), batched as (
        insert into millrace.batch_tally (batch, came_from, went_to, n)
        select batch, 'pending', state, count(*) from fact where batch is not null group by batch, state
    )
    select array_agg(id) filter (where state in ('cancelled', 'discarded')) into ended from fact;
    perform millrace.forget(ended) where ended is not null;
    return ended;
end $$;

-- Lock some pending jobs, and all that may come to their end with those of them that
-- cannot run any more; gives them back. All at once in the order of their ids, so that
-- nobody waits in a circle; without `patient`, only those that nobody else has locked.
create function millrace.lock_pending(jobs uuid[], patient bool) returns uuid[]
language plpgsql as $$
declare
    all_of uuid[] := array(
        with recursive down(id) as (
            select v.id from millrace.pending_verdicts(jobs) v where v.verdict <> 'available'
            union
            select d.job_id from down join millrace.dependency d on d.needs = down.id
        )
        select unnest(jobs) union select id from down);
begin
    if patient then
        return array(select w.id from millrace.waiting w
                      where w.id = any (all_of) and w.state = 'pending'
                      order by w.id for update);
    end if;
    return array(select w.id from millrace.waiting w
                  where w.id = any (all_of) and w.state = 'pending'
                  order by w.id for update skip locked);
end $$;

-- Carry out the verdicts on jobs that are locked, and on those that wait for what ends
-- by it; of these, who is not locked is looked at later.
create function millrace.settle_locked(jobs uuid[], locked uuid[]) returns void
language plpgsql as $$
declare
    ended uuid[];
begin
    loop
        ended := millrace.carry_out(array(select unnest(jobs) intersect select unnest(locked)));
        exit when ended is null;
        jobs := array(select d.job_id from millrace.dependency d where d.needs = any (ended));
        insert into millrace.dependency_check (job_id)
        select unnest(jobs) except select unnest(locked) order by 1
            on conflict (job_id) do update set horizon = null;
    end loop;
end $$;

-- Some jobs have ended: let those go that waited for them; says whether there
-- were such.
create function millrace.settle(ended uuid[]) returns bool
language plpgsql as $$
declare
    jobs uuid[] := array(select d.job_id from millrace.dependency d where d.needs = any (ended));
begin
    if jobs = '{}' then
        return false;
    end if;
    perform millrace.settle_locked(jobs, millrace.lock_pending(jobs, true));
    return true;
end $$;

-- New pending jobs, whose needs may have ended already.
create function millrace.settle_pending(jobs uuid[]) returns void
language plpgsql as $$
begin
    if jobs <> '{}' then
        perform millrace.settle_locked(jobs, millrace.lock_pending(jobs, true));
    end if;
end $$;

-- They are looked at once more: an end that was under way when they were stored
-- has not seen them. When all transactions of that time are over, the look after
-- that is the last one. Waits for nobody; who is locked is looked at again.
create function millrace.check_pending() returns int
language plpgsql as $$
declare
    seen   pg_snapshot := pg_current_snapshot();
    jobs   uuid[] := array(select job_id from millrace.dependency_check
                            where horizon is null or horizon <= pg_snapshot_xmin(seen)
                            order by job_id limit 1000 for update skip locked);
    locked uuid[];
begin
    if jobs = '{}' then
        return 0;
    end if;
    locked := millrace.lock_pending(jobs, false);
    jobs := array(select unnest(jobs)
                  except
                  select w.id from millrace.waiting w
                   where w.id = any (jobs) and w.state = 'pending' and w.id <> all (locked));
    delete from millrace.dependency_check c
     where c.job_id = any (jobs) and c.horizon is not null;
    update millrace.dependency_check c
       set horizon = pg_snapshot_xmax(pg_current_snapshot())
     where c.job_id = any (jobs);
    perform millrace.settle_locked(jobs, locked);
    return cardinality(jobs);
end $$;
