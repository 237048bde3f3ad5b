-- 0012_purge: what has expired goes
--
-- why      in small batches, files first, each step taken up by another worker
--          where one is lost
-- locks    none (new objects only)
-- undo     drop the functions

-- A worker removes what has expired in three steps, each of which another can
-- take up: the job is marked, its files are removed from the disk, its rows go.
-- Marks of a worker that is gone are anyone's; its own come again.

-- Mark ended jobs whose time has come, at most so many beside those that were
-- left over. A job that one still depends on is kept until that one has ended.
create function millrace.purge_begin(by_worker uuid, most int)
returns table (id uuid, owner text)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with left_over as materialized (
        select p.job_id from millrace.purging p
         where p.worker = by_worker
            or not exists (select from millrace.worker w where w.id = p.worker)
         limit most for update skip locked
    ), due as materialized (
        select d.id as job_id from millrace.done d
         where d.expires_at <= now()
           and not exists (select from millrace.purging p where p.job_id = d.id)
           and not exists (select from millrace.dependency n
                            where n.needs = d.id
                              and not exists (select from millrace.done o
                                               where o.id = n.job_id))
         order by d.expires_at limit most for update skip locked
    ), marked as (
        insert into millrace.purging as p (job_id, worker)
        select job_id, by_worker from (table left_over union table due) u
            on conflict (job_id) do update set worker = excluded.worker
        returning p.job_id
    )
    select m.job_id, j.owner
      from marked m left join millrace.job j on j.id = m.job_id;
end $$;

-- Forget uploads that no job uses and that are older than the time given, and
-- return them to be removed from the disk: those of the jobs that this worker
-- purges, and the next page of all that have come of age.
create function millrace.purge_files(by_worker uuid, ttl_ms bigint, most int)
returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    before constant timestamptz := now() - ttl_ms * interval '1 ms';
    swept  millrace.upload_sweep;
begin
    return query
    with left_over as materialized (
        select p.file_id from millrace.purging_file p
         where p.worker = by_worker
            or not exists (select from millrace.worker w where w.id = p.worker)
         limit most for update skip locked
    )
    update millrace.purging_file p set worker = by_worker
      from left_over l where p.file_id = l.file_id
    returning p.file_id;

    return query
    with used as materialized (
        select distinct f.id
          from millrace.purging p
          join millrace.job j on j.id = p.job_id
         cross join unnest(j.files) f(id)
         where p.worker = by_worker
    ), gone as (
        delete from millrace.file f using used u
         where f.id = u.id and f.created_at < before
           and not exists (select from millrace.job j
                            where j.files @> array[f.id]
                              and not exists (select from millrace.purging p
                                               where p.job_id = j.id))
        returning f.id
    )
    insert into millrace.purging_file (file_id, worker)
    select id, by_worker from gone
    returning file_id;

    select * into swept from millrace.upload_sweep for update skip locked;
    if not found then
        return;
    end if;
    return query
    with page as materialized (
        select f.created_at, f.id from millrace.file f
         where (f.created_at, f.id) > (swept.created_at, swept.id)
           and f.created_at < before
         order by f.created_at, f.id limit most
    ), moved as (
        update millrace.upload_sweep
           set created_at = l.created_at, id = l.id
          from (select * from page order by created_at desc, id desc limit 1) l
    ), gone as (
        delete from millrace.file f using page p
         where f.id = p.id
           and not exists (select from millrace.job j where j.files @> array[f.id])
        returning f.id
    )
    insert into millrace.purging_file (file_id, worker)
    select id, by_worker from gone
    returning file_id;
end $$;

-- The files of these jobs are gone from the disk: so are the jobs. One that was
-- run again meanwhile stays.
create function millrace.purge_end(ids uuid[]) returns int
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    n int;
begin
    with gone as materialized (
        delete from millrace.done d using millrace.purging p
         where d.id = any (ids) and p.job_id = d.id
        returning d.id, d.state
    ), jobs as (
        delete from millrace.job j using gone g where j.id = g.id
        returning j.id, j.queue, j.type, j.extra, g.state
    ), counted as (
        insert into millrace.tally (queue, type, came_from, n)
        select queue, type, state, count(*) from jobs group by queue, type, state
    ), keys as (
        delete from millrace.uniq u using jobs j
         where j.extra ? 'unique' and u.key = j.extra #>> '{unique,key}' and u.job_id = j.id
    ), attempts as (
        delete from millrace.attempt a using gone g where a.job_id = g.id
    ), expiries as (
        delete from millrace.expiry e using gone g where e.id = g.id
    ), events as (
        delete from millrace.job_event e using gone g where e.job_id = g.id
    ), logs as (
        delete from millrace.job_log l using gone g where l.job_id = g.id
    ), artifacts as (
        delete from millrace.artifact a using gone g where a.job_id = g.id
    ), needs as (
        delete from millrace.dependency d using gone g where d.job_id = g.id
    ), needed as (
        delete from millrace.dependency d using gone g where d.needs = g.id
    ), marks as (
        delete from millrace.purging p where p.job_id = any (ids)
    )
    select count(*) into n from gone;
    return n;
end $$;

create function millrace.purge_files_end(ids uuid[]) returns bigint
language sql as $$
    with gone as (
        delete from millrace.purging_file where file_id = any (ids) returning 1
    )
    select count(*) from gone
$$;
