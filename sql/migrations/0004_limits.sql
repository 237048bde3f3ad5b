-- 0004_limits: who may start now: limits of concurrency and of rate
--
-- why      a limit holds for all workers together, and exactly: whoever starts or
--          ends a run with a limit holds the limiter's row, and counts the permits
--          under that lock. A type or queue that is full is passed over by the
--          claim, a job whose own key is full is set aside (held) and let out by
--          the end of a run with that key: nobody asks for it meanwhile. Where a
--          key has room and jobs are held by it, one that was let out is ready:
--          whatever takes that one away passes the room on (see release, hold).
-- locks    jobs in `waiting` before limiters; limiters in the order of their keys,
--          all of a transaction at once. A claim, which cannot, waits for those of
--          types and queues alone, and leaves a job whose key is in use. Held jobs
--          that someone else has locked are left.
-- undo     drop the functions

-- Hold the rows of some keys, in their order; made where they are missing, which is
-- rare and goes one by one, so that the order holds for those as well.
create function millrace.limiters_lock(wanted text[]) returns void
language plpgsql as $$
declare
    k text;
    n int := (select count(*) from millrace.limiter where key = any (wanted));
begin
    if n = cardinality(wanted) then
        select count(*) into n
          from (select from millrace.limiter where key = any (wanted)
                 order by key for update) l;
        if n = cardinality(wanted) then
            return;
        end if;
    end if;
    for k in select w from unnest(wanted) w order by w loop
        loop
            perform from millrace.limiter where key = k for update;
            exit when found;
            insert into millrace.limiter (key) values (k) on conflict do nothing;
            exit when found;
        end loop;
    end loop;
end $$;

-- The same without waiting for others' locks, since they may be waiting for what we
-- hold: gives back the keys whose rows are held. A row that is in use is asked for a
-- few times more: mostly it is free a moment later.
create function millrace.limiters_try(wanted text[], times int) returns text[]
language plpgsql
set lock_timeout = '10ms' as $$
declare
    got text[];
begin
    for try in 1 .. times loop
        got := array(select key from millrace.limiter where key = any (wanted)
                      order by key for update skip locked);
        exit when cardinality(got) = cardinality(wanted);
        begin
            insert into millrace.limiter (key)
            select k from unnest(wanted) k
             where k <> all (got) and not exists (select from millrace.limiter l where l.key = k)
             order by k
                on conflict do nothing;
        exception when lock_not_available then
            null;
        end;
        perform pg_sleep(0.002) where not found;
    end loop;
    return got;
end $$;

-- How many may pass now at a rate of one each every_ms, `burst` at once; null
-- where there is no rate.
create function millrace.rate_room(of_key text, every_ms float8, burst int) returns int
language plpgsql stable strict as $$
begin
    return (select greatest(0, floor(burst - extract(epoch from greatest(tat, now()) - now()) * 1000
                                     / every_ms + 1e-6))
              from millrace.limiter where key = of_key);
end $$;

-- When a rate that is used up lets the next one pass.
create function millrace.rate_next(tat timestamptz, every_ms float8, burst int) returns timestamptz
language sql stable as $$
    select greatest(tat, now()) + (1 - burst) * every_ms * interval '1 ms'
$$;

-- Let n pass, if they may: 0, else after how many milliseconds they might.
create function millrace.rate_take(of_key text, every_ms float8, burst int, n int)
returns bigint language plpgsql as $$
declare
    late_ms float8;
begin
    select extract(epoch from greatest(tat, now()) - now()) * 1000
           + (least(n, burst) - burst) * every_ms
      into late_ms from millrace.limiter where key = of_key;
    if late_ms > 1e-3 then
        return ceil(late_ms);
    end if;
    update millrace.limiter
       set tat = greatest(tat, now()) + n * every_ms * interval '1 ms'
     where key = of_key;
    return 0;
end $$;

-- ---------------------------------------------------------------- lanes

-- Whether something limits any of these types, or any queue.
create function millrace.any_limited(types text[]) returns bool
language plpgsql stable as $$
begin
    return exists (select from millrace.job_type t where t.limited and t.type = any (types))
        or exists (select from millrace.queue q where q.limited);
end $$;

-- The limited types and queues, with what limits them.
create view millrace.lane_limit as
select 'type/' || t.type as key, t.type, null as queue, t.concurrency as most,
       t.paused_at is not null as paused,
       case when not t.options -> 'rateLimit' ? 'key'
            then millrace.rate_of(t.options -> 'rateLimit') end as rate
  from millrace.job_type t
 where t.limited
union all
select 'queue/' || q.queue, null, q.queue, q.concurrency, q.paused_at is not null,
       millrace.rate_of(q.rate_limit)
  from millrace.queue q
 where q.limited;

-- How many more may start of the limited types and queues, of those that are busy none.
-- Exact for those whose rows are held, for others a guess.
create function millrace.lane_caps(busy text[])
returns table (key text, cap int) language plpgsql as $$
#variable_conflict use_column
begin
    return query
    select l.key,
           case when l.paused or l.key = any (busy) then 0 else least(
               l.most - (select count(*) from millrace.permit p where p.key = l.key),
               millrace.rate_room(l.key, (l.rate ->> 'everyMs')::float8,
                                  (l.rate ->> 'burst')::int))::int end
      from millrace.lane_limit l;
end $$;

-- Hold the rows of the lanes that picked jobs are of, and say which of them may start
-- (fits null: all of them). The first of a claim are waited for; of later ones, since
-- they would be out of order, those that others hold are busy, and nothing of them fits.
create function millrace.lane_fit(types text[], queues text[], inout held text[],
                                  inout busy text[], out fits bool[])
language plpgsql as $$
declare
    wanted text[] := array(
        select l.key from millrace.lane_limit l
         where (l.type = any (types) or l.queue = any (queues))
           and (held is null or l.key <> all (held)) order by 1);
begin
    if held is null then
        perform millrace.limiters_lock(wanted);
        held := wanted;
    elsif wanted <> '{}' then
        held := held || millrace.limiters_try(wanted, 1);
        busy := busy || array(select unnest(wanted) except select unnest(held));
    end if;
    if not exists (
           select from millrace.lane_caps(busy) c
            where c.cap < (select count(*) from unnest(types, queues) j(type, queue)
                            where c.key in ('type/' || j.type, 'queue/' || j.queue))) then
        return;
    end if;
    fits := array(
        select coalesce(of_type <= type_cap, true) and coalesce(of_queue <= queue_cap, true)
          from (select j.nth, row_number() over (partition by j.type order by j.nth) as of_type,
                       row_number() over (partition by j.queue order by j.nth) as of_queue,
                       t.cap as type_cap, q.cap as queue_cap
                  from unnest(types, queues) with ordinality j(type, queue, nth)
                  left join millrace.lane_caps(busy) t on t.key = 'type/' || j.type
                  left join millrace.lane_caps(busy) q on q.key = 'queue/' || j.queue) r
         order by nth);
end $$;

-- The permits of jobs that run, for the limits of their types and queues.
create function millrace.lane_permits(ids uuid[], types text[], queues text[]) returns void
language plpgsql as $$
begin
    insert into millrace.permit (id, key)
    select j.id, 'type/' || j.type from unnest(ids, types) j(id, type)
      join millrace.job_type t on t.type = j.type and t.concurrency is not null
    union all
    select j.id, 'queue/' || j.queue from unnest(ids, queues) j(id, queue)
      join millrace.queue q on q.queue = j.queue and q.concurrency is not null
        on conflict do nothing;
end $$;

-- Jobs of limited lanes begin: their permits, and the time their rates take.
create function millrace.lane_take(ids uuid[], types text[], queues text[]) returns void
language plpgsql as $$
begin
    perform millrace.lane_permits(ids, types, queues);
    update millrace.limiter l
       set tat = greatest(l.tat, now()) + r.n * (r.rate ->> 'everyMs')::float8 * interval '1 ms'
      from (select k.key, k.rate,
                   case when k.type is null
                        then (select count(*) from unnest(queues) q where q = k.queue)
                        else (select count(*) from unnest(types) t where t = k.type) end as n
              from millrace.lane_limit k where k.rate is not null) r
     where l.key = r.key and r.n > 0;
end $$;

-- A limit is set on a type or a queue: what runs already counts.
create function millrace.limit_set() returns trigger
language plpgsql as $$
declare
    ids    uuid[];
    types  text[];
    queues text[];
begin
    -- A claim that has not seen the limit looks again when it has started its jobs.
    lock table millrace.active in share mode;
    select array_agg(j.id), array_agg(j.type), array_agg(j.queue) into ids, types, queues
      from millrace.active a
      join millrace.job j on j.id = a.id
     where case tg_table_name when 'job_type' then j.type = to_jsonb(new) ->> 'type'
                              else j.queue = to_jsonb(new) ->> 'queue' end;
    perform millrace.lane_permits(ids, types, queues);
    update millrace.active a set limited = true where a.id = any (ids);
    return null;
end $$;

create trigger limit_made after insert on millrace.queue
    for each row when (new.concurrency is not null)
    execute function millrace.limit_set();
create trigger limit_set after update on millrace.queue
    for each row when (old.concurrency is null and new.concurrency is not null)
    execute function millrace.limit_set();
create trigger limit_set after update on millrace.job_type
    for each row when (old.concurrency is null and new.concurrency is not null)
    execute function millrace.limit_set();

-- ---------------------------------------------------------------- keys of jobs

-- How many more may pass a key now: {"key", "max"} or {"key", "everyMs", "burst"}.
create function millrace.key_room(k jsonb) returns int
language plpgsql stable as $$
begin
    if k ? 'max' then
        return (k ->> 'max')::int
               - (select count(*) from millrace.permit p where p.key = k ->> 'key');
    end if;
    return millrace.rate_room(k ->> 'key', (k ->> 'everyMs')::float8, (k ->> 'burst')::int);
end $$;

-- Whether one that came before a job in its line has not yet been started.
create function millrace.is_behind(job uuid, line text) returns bool
language plpgsql stable as $$
begin
    return exists (select from millrace.ready r where r.serial = line and r.id < job)
        or exists (select from millrace.held h where h.serial = line and h.id < job);
end $$;

-- Set a picked job aside under the key that stops it. What its other keys have
-- room for is passed on; not its place in a line.
create function millrace.hold(at tid, keys jsonb, stop text) returns void
language plpgsql as $$
begin
    with gone as (
        delete from millrace.ready r where r.ctid = at returning r.*
    )
    insert into millrace.held (id, key, queue, type, priority, tenant, attempt, serial, expires_at)
    select id, stop, queue, type, priority, tenant, attempt, serial, expires_at from gone;
    if jsonb_array_length(keys) > 1 then
        perform millrace.let_out(k ->> 'key', 1) from jsonb_array_elements(keys) k
          where k ->> 'key' <> stop and k ->> 'key' not like 's/%'
            and exists (select from millrace.held h where h.key = k ->> 'key')
            and millrace.key_room(k) >= 1;
    end if;
end $$;

-- Whether a rate lets a job pass now; if not, when it does is noted.
create function millrace.rate_lets(k jsonb) returns bool
language plpgsql as $$
begin
    if millrace.key_room(k) >= 1 then
        return true;
    end if;
    update millrace.limiter
       set wake_at = least(wake_at, millrace.rate_next(tat, (k ->> 'everyMs')::float8,
                                                       (k ->> 'burst')::int))
     where key = k ->> 'key';
    return false;
end $$;

-- Permits for jobs, a key each.
create function millrace.permits_add(ids uuid[], keys text[]) returns void
language plpgsql as $$
begin
    insert into millrace.permit (id, key) select * from unnest(ids, keys)
        on conflict do nothing;
end $$;

-- How many run with each of some keys.
create function millrace.permits_of(keys text[]) returns int[]
language plpgsql stable as $$
begin
    return array(select (select count(*)::int from millrace.permit p where p.key = k.name)
                   from unnest(keys) with ordinality k(name, nth) order by k.nth);
end $$;

-- Which of these picked jobs may start, `most` at most, in their order; they get
-- their permits, and take the time of their rates. Those that a key of their own
-- stops are set aside; with a `most` of 0 that is all. Those whose keys are in use by
-- others at the moment are left.
create function millrace.pass_keys(ids uuid[], places tid[], keyed bool[], most int)
returns uuid[] language plpgsql as $$
declare
    wanted text[] := array(
        select distinct k ->> 'key' from millrace.job j, jsonb_array_elements(j.extra -> 'keys') k
         where j.id = any (ids) order by 1);
    got    text[] := millrace.limiters_try(wanted, 2);
    used   int[] := millrace.permits_of(got);
    new_ids  uuid[] := '{}';            -- permits that are counted in used, not yet stored
    new_keys text[] := '{}';
    passed uuid[] := '{}';
    job    record;
    keys   jsonb;                       -- those of the job before, which most share …
    names  text[];
    mosts  int[];                       -- … null: a rate
    at     int[];                       -- … their places in got
    stop   text;
    shut   text;                        -- stops all that have these keys
begin
    for job in select u.id, u.place, j.extra -> 'keys' as keys, j.extra ? 'serial' as lined
                 from unnest(ids, places, keyed) with ordinality u(id, place, keyed, nth)
                 left join millrace.job j on j.id = u.id and u.keyed
                order by u.nth loop
        exit when most > 0 and cardinality(passed) >= most;
        if job.keys is null then
            passed := passed || job.id;
            continue;
        end if;
        if job.keys is distinct from keys then
            keys := job.keys;
            shut := null;
            select array_agg(k.e ->> 'key' order by nth), array_agg((k.e ->> 'max')::int order by nth),
                   array_agg(array_position(got, k.e ->> 'key') order by nth)
              into names, mosts, at
              from jsonb_array_elements(keys) with ordinality k(e, nth);
        end if;
        continue when array_position(at, null) is not null;

        stop := shut;
        for i in 1 .. cardinality(names) loop
            exit when stop is not null;
            continue when job.lined and exists (select from millrace.permit p
                                                 where p.id = job.id and p.key = names[i]);
            if used[at[i]] >= mosts[i]
               or mosts[i] is null and not millrace.rate_lets(keys -> (i - 1))
               or names[i] like 's/%' and millrace.is_behind(job.id, names[i]) then
                stop := names[i];
            end if;
        end loop;
        if stop is not null then
            shut := case when not job.lined then stop end;
            perform millrace.permits_add(new_ids, new_keys) where new_ids <> '{}';
            new_ids := '{}';
            new_keys := '{}';
            perform millrace.hold(job.place, keys, stop);
            continue;
        end if;

        passed := passed || job.id;
        for i in 1 .. cardinality(names) loop
            exit when most = 0;
            if mosts[i] is null then
                perform millrace.rate_take(names[i], (keys -> (i - 1) ->> 'everyMs')::float8,
                                           (keys -> (i - 1) ->> 'burst')::int, 1);
            else
                used[at[i]] := used[at[i]] + 1;
                new_ids := new_ids || job.id;
                new_keys := new_keys || names[i];
            end if;
        end loop;
    end loop;
    perform millrace.permits_add(new_ids, new_keys) where new_ids <> '{}';
    return passed;
end $$;

-- Let up to n held jobs of a key out, of each queue and type: which of them
-- a worker can take is not known here. Of a line, only the first.
create function millrace.let_out(of_key text, n int) returns void
language plpgsql as $$
begin
    with gone as (
        delete from millrace.held h
         where h.id = any (array(
               select f.id
                 from (select distinct queue, type from millrace.held where key = of_key) lane
                cross join lateral (
                      select id from millrace.held
                       where key = of_key and queue = lane.queue and type = lane.type
                       order by case when of_key like 's/%' then 0 else priority end desc, id
                       limit n for update skip locked) f
                order by case when of_key like 's/%' then f.id end
                limit case when of_key like 's/%' then 1 end))
        returning *
    )
    insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
    select queue, type, priority, tenant, id, attempt, true, serial, expires_at from gone;
end $$;

-- Some jobs run no more, or do not want to: their permits go, but the place in their
-- line of those that are to go on. Whoever waits for the keys may start. waited: those
-- that did not run: they may have stood before others in a line; were_ready: of these,
-- who may have been let out, and had not yet taken what it was let out for.
create function millrace.release(ids uuid[], to_go_on uuid[] default '{}',
                                 waited uuid[] default '{}', were_ready uuid[] default '{}')
returns void language plpgsql as $$
declare
    freed text[];
    keys  text[];
begin
    with gone as (
        delete from millrace.permit p
         where p.id = any (ids) and not (p.key like 's/%' and p.id = any (to_go_on))
        returning p.id, p.key
    ), own as (
        select j.id, k ->> 'key' as key
          from millrace.job j, jsonb_array_elements(j.extra -> 'keys') k
         where j.id = any (waited) and (k ->> 'key' like 's/%' or j.id = any (were_ready))
    )
    select array_agg(key) into freed
      from (select * from gone where key !~ '^(type|queue)/' union select * from own) f;
    if freed is null then
        return;
    end if;
    keys := array(select distinct k from unnest(freed) k order by k);
    perform millrace.limiters_lock(keys);
    perform millrace.let_out(k, (select count(*) from unnest(freed) f where f = k)::int)
       from unnest(keys) k
      where exists (select from millrace.held h where h.key = k);
end $$;

-- The rate that a key's held jobs wait for; null: none does.
create function millrace.rate_held(of_key text) returns jsonb
language sql stable as $$
    select k
      from millrace.held h
      join millrace.job j on j.id = h.id
     cross join lateral jsonb_array_elements(j.extra -> 'keys') k
     where h.key = of_key and k ->> 'key' = of_key
     limit 1
$$;

-- Keys whose rate lets jobs pass again: a part of the housekeeping.
create function millrace.wake_held() returns int
language plpgsql as $$
declare
    l    record;
    rate jsonb;
    n    int := 0;
begin
    for l in select key from millrace.limiter where wake_at <= now()
              order by key limit 100 for update skip locked loop
        rate := millrace.rate_held(l.key);
        if rate is not null then
            perform millrace.let_out(l.key, greatest(1, millrace.key_room(rate)));
            rate := millrace.rate_held(l.key);
            n := n + 1;
        end if;
        update millrace.limiter
           set wake_at = now() + (rate ->> 'everyMs')::float8 * interval '1 ms'
         where key = l.key;
    end loop;
    return n;
end $$;

-- Limiters that nothing uses go.
create function millrace.sweep_limiters() returns void
language sql as $$
    delete from millrace.limiter l
     where l.key = any (array(
           select i.key from millrace.limiter i
            where i.key !~ '^(type|queue)/' and i.wake_at is null and i.tat < now()
              and i.made_at < now() - interval '1 h'
              and not exists (select from millrace.permit p where p.key = i.key)
              and not exists (select from millrace.held h where h.key = i.key)
            limit 500 for update skip locked))
$$;
