-- 0005_run: a run from its claim to its end
--
-- why      what a worker says, in batches, each in one short transaction. The hot
--          functions fix their plans: one generic plan, rows found one by one
--          through an index. The statistics of tables that fill and empty within
--          seconds mislead the planner into reading a whole table, dead rows and
--          history included.
-- locks    none (new objects only)
-- undo     drop the functions

-- ---------------------------------------------------------------- claim

-- Up to `most` tenants of a lane at a level of priority, in turn, from behind `after`
-- on (null: from the first) and up to `until` (null: the last).
create function millrace.next_tenants(of_queue text, of_type text, level smallint,
                                      after text, until text, most int)
returns text[] language plpgsql as $$
declare
    first text;
begin
    if after is null then
        select r.tenant into first from millrace.ready r
         where r.queue = of_queue and r.type = of_type and r.priority = level
         order by r.tenant limit 1;
    else
        select r.tenant into first from millrace.ready r
         where r.queue = of_queue and r.type = of_type and r.priority = level
           and r.tenant > after
         order by r.tenant limit 1;
    end if;
    if first is null or first > until or most < 2 then
        return case when first <= coalesce(until, first) and most > 0 then array[first] else '{}' end;
    end if;
    -- A skip through the index.
    return array(
        with recursive t(name) as (
            select first
            union all
            select n.tenant
              from t
             cross join lateral (
                   select r.tenant from millrace.ready r
                    where r.queue = of_queue and r.type = of_type and r.priority = level
                      and r.tenant > t.name
                    order by r.tenant limit 1) n
             where n.tenant <= coalesce(until, n.tenant))
        select name from t limit most);
end $$;

-- Up to `want` jobs of a lane (queue, type), locked: the most urgent first; among
-- equals the tenants take turns, each by its weight, from behind `start` on (or
-- with it, where it has credit left); a tenant's own come in the order of their
-- ids. lap: in which round of the tenants.
create function millrace.candidates(of_queue text, of_type text, want int,
                                    start text, credit int)
returns table (place tid, id uuid, priority smallint, tenant text, keyed bool, lap int)
language plpgsql as $$
#variable_conflict use_column
declare
    weighted bool := exists (select from millrace.owner where weight <> 1);
    group_of int := greatest(least(want, 16), want / 8);
    level    smallint := 101;
    at       text;                      -- how far this round has come
    wrapped  bool;
    own      bool;                      -- `start` has credit, and jobs: it comes first …
    served   bool;                      -- … and has been first
    laps     int;
    size     int;
    tenants  text[];                    -- whose turn it is, and the last that each has given
    behind   uuid[];
    rest     text[];                    -- who has more for the next round
    rest_behind uuid[];
    weights  int[];
    shares   int;
    quota    int;
    got      int;
    n        int := 0;
    more_places tid[]; more_ids uuid[]; more_keyed bool[];
    places tid[] := '{}'; ids uuid[] := '{}'; levels smallint[] := '{}';
    whose text[] := '{}'; keys bool[] := '{}'; rounds int[] := '{}';
begin
    while n < want loop
        select r.priority into level from millrace.ready r
         where r.queue = of_queue and r.type = of_type
           and r.priority < level
         order by r.priority desc limit 1;
        exit when not found;
        at := start;
        wrapped := start is null;
        own := credit > 0 and start is not null and exists (
            select from millrace.ready r
             where r.queue = of_queue and r.type = of_type and r.priority = level
               and r.tenant = start);
        served := false;
        laps := 0;
        rest := '{}';
        rest_behind := '{}';

        while n < want loop
            tenants := case when own and laps = 0 then array[start] else '{}' end;
            if laps <= 1 then
                laps := 1;
                size := least(group_of, want - n);
                tenants := tenants || millrace.next_tenants(of_queue, of_type, level, at,
                    case when wrapped then start end, size - cardinality(tenants));
                if cardinality(tenants) < size and not wrapped then
                    wrapped := true;
                    tenants := tenants || millrace.next_tenants(of_queue, of_type, level, null,
                        start, size - cardinality(tenants));
                end if;
            end if;
            if tenants <> '{}' then
                at := tenants[cardinality(tenants)];
                behind := array_fill('00000000-0000-0000-0000-000000000000'::uuid,
                                     array[cardinality(tenants)]);
            else
                exit when rest = '{}';
                laps := laps + 1;
                tenants := rest;
                behind := rest_behind;
                rest := '{}';
                rest_behind := '{}';
            end if;

            weights := case when weighted then millrace.weights_of(tenants) end;
            shares := greatest(1, (want - n) / coalesce((select sum(w) from unnest(weights) w)::int,
                                                        cardinality(tenants)));
            for k in 1 .. cardinality(tenants) loop
                exit when n >= want;
                quota := least(shares * coalesce(weights[k], 1), want - n);
                if own and laps = 1 and tenants[k] = start then
                    continue when served;
                    quota := least(quota, credit);
                    served := true;
                end if;
                -- In their order as they come.
                select array_agg(c.place), array_agg(c.id), array_agg(c.keyed)
                  into more_places, more_ids, more_keyed
                  from (select r.ctid as place, r.id, r.keyed from millrace.ready r
                         where r.queue = of_queue and r.type = of_type
                           and r.priority = level and r.tenant = tenants[k]
                           and r.id > behind[k]
                           and (r.expires_at is null or r.expires_at > now())
                         order by r.id limit quota
                           for update skip locked) c;
                got := coalesce(cardinality(more_ids), 0);
                continue when got = 0;
                n := n + got;
                places := places || more_places;
                ids := ids || more_ids;
                keys := keys || more_keyed;
                levels := levels || array_fill(level, array[got]);
                whose := whose || array_fill(tenants[k], array[got]);
                rounds := rounds || array_fill(laps, array[got]);
                if got = quota then
                    rest := rest || tenants[k];
                    rest_behind := rest_behind || more_ids[got];
                end if;
            end loop;
        end loop;
    end loop;
    return query select * from unnest(places, ids, levels, whose, keys, rounds);
end $$;

-- What tenants weigh that are owners.
create function millrace.weights_of(tenants text[]) returns int[]
language plpgsql stable as $$
begin
    return array(select coalesce((millrace.owner_limits(t.name)).weight, 1)
                   from unnest(tenants) with ordinality t(name, nth) order by t.nth);
end $$;

-- The lanes (queue, type) that hold jobs, found by skipping through the index:
-- empty ones cost nothing.
create function millrace.lanes() returns table (queue text, type text)
language sql stable as $$
    with recursive lane(queue, type) as (
        (select r.queue, r.type from millrace.ready r
          order by r.queue, r.type limit 1)
        union all
        select n.queue, n.type
          from lane l
         cross join lateral (
               select r.queue, r.type from millrace.ready r
                where (r.queue, r.type) > (l.queue, l.type)
                order by r.queue, r.type limit 1) n
    )
    select queue, type from lane
$$;

-- The lanes that a worker may take from, with what it remembers of their tenants.
create function millrace.lanes_of(by_worker uuid, types text[], room int[], queues text[])
returns table (queue text, type text, room int, start text, credit int)
language sql stable as $$
    select l.queue, l.type, t.room, u.tenant, u.credit
      from millrace.lanes() l
      join unnest(types, room) t(type, room) on t.type = l.type
      left join millrace.turn u on u.worker = by_worker and u.queue = l.queue
     where (queues is null or l.queue = any (queues)) and t.room > 0
$$;

-- What a claim may take, locked, in the order in which it starts: the most
-- urgent first, tenants in turns, the oldest first among equals.
create function millrace.pick(by_worker uuid, types text[], room int[], queues text[], want int)
returns table (place tid, id uuid, queue text, type text, tenant text, keyed bool)
language plpgsql as $$
#variable_conflict use_column
begin
    return query
    select p.place, p.id, p.queue, p.type, p.tenant, p.keyed
      from (select l.queue, l.type, l.room, c.*,
                   c.tenant > l.start or l.credit > 0 and c.tenant = l.start as ahead,
                   row_number() over (partition by l.type order by c.priority desc, c.lap,
                       c.tenant > l.start or l.credit > 0 and c.tenant = l.start desc,
                       c.tenant, c.id) as of_type
              from millrace.lanes_of(by_worker, types, room, queues) l
             cross join lateral millrace.candidates(
                   l.queue, l.type, least(l.room, want), l.start, l.credit) c) p
     where p.of_type <= p.room
     order by p.priority desc, p.lap, p.ahead desc, p.tenant, p.id
     limit want;
end $$;

-- The same where queues have weights, some queues or types have limits (capped,
-- caps: what is left of them), or slots are reserved for queues: the jobs of other
-- queues together take no more than what the reserves leave.
create function millrace.pick_limited(by_worker uuid, types text[], room int[], queues text[],
                                      want int, reserve_queues text[], reserve_counts int[],
                                      capped text[], caps int[])
returns table (place tid, id uuid, queue text, type text, tenant text, keyed bool)
language plpgsql as $$
#variable_conflict use_column
declare
    shared int := want - coalesce((select sum(c) from unnest(reserve_counts) c), 0);
begin
    return query
    with lane as materialized (
        select l.*,
               (select c.cap from unnest(capped, caps) c(key, cap) where c.key = 'type/' || l.type) as type_cap,
               (select c.cap from unnest(capped, caps) c(key, cap) where c.key = 'queue/' || l.queue) as queue_cap,
               coalesce((select r.n from unnest(reserve_queues, reserve_counts) r(queue, n)
                          where r.queue = l.queue), 0) as reserve
          from millrace.lanes_of(by_worker, types, room, queues) l
    ), luck as materialized (
        -- Who comes first is drawn by weight; the following are a step apart.
        select l.queue, -ln(1 - random()) as luck,
               coalesce((select q.weight from millrace.queue q where q.queue = l.queue), 1) as weight
          from (select distinct queue from lane) l
    ), seen as (
        select l.*, u.luck, u.weight, c.place, c.id, c.priority, c.tenant, c.keyed, c.lap,
               c.tenant > l.start or l.credit > 0 and c.tenant = l.start as ahead
          from lane l
          join luck u on u.queue = l.queue
         cross join lateral millrace.candidates(
               l.queue, l.type, least(l.room, want, l.type_cap, l.queue_cap), l.start, l.credit) c
         where least(l.room, want, l.type_cap, l.queue_cap) > 0
    ), ranked as (
        select *,
               row_number() over (partition by queue order by priority desc, lap, ahead desc, tenant, id) as of_queue,
               row_number() over (partition by queue, priority order by lap, ahead desc, tenant, id) as of_level
          from seen
    ), typed as (
        select *,
               row_number() over (partition by type order by of_queue <= reserve desc, priority desc,
                                  (luck + of_level - 1) / weight, lap, ahead desc, tenant, id) as of_type
          from ranked
    ), ordered as (
        select *,
               row_number() over (partition by of_queue <= reserve
                   order by priority desc, (luck + of_level - 1) / weight, lap, ahead desc, tenant, id) as of_kind,
               row_number() over (
                   order by priority desc, (luck + of_level - 1) / weight, lap, ahead desc, tenant, id) as nth
          from typed
         where of_type <= least(room, type_cap) and of_queue <= coalesce(queue_cap, of_queue)
    )
    select place, id, queue, type, tenant, keyed from ordered
     where of_queue <= reserve or of_kind <= shared
     order by nth limit want;
end $$;

-- Remember where the tenants of the queues have got to: the last that was
-- served, and what is still its due.
create function millrace.turn_on(by_worker uuid, queues text[], tenants text[])
returns void language plpgsql as $$
#variable_conflict use_column
declare
    weighted bool := exists (select from millrace.owner where weight <> 1);
begin
    insert into millrace.turn (worker, queue, tenant, credit)
    select by_worker, last.queue, last.tenant,
           greatest(0, case when old.tenant = last.tenant and old.credit > 0 then old.credit
                            when not weighted then 1
                            else coalesce((millrace.owner_limits(last.tenant)).weight, 1) end - last.n)
      from (select distinct on (u.queue) u.queue, u.tenant,
                   count(*) over (partition by u.queue, u.tenant)::int as n
              from unnest(queues, tenants) with ordinality u(queue, tenant, nth)
             order by u.queue, u.nth desc) last
      left join millrace.turn old on old.worker = by_worker and old.queue = last.queue
        on conflict (worker, queue) do update
       set tenant = excluded.tenant, credit = excluded.credit;
end $$;

-- Begin picked jobs, given in their order by their places in `ready`.
create function millrace.start_runs(by_worker uuid, places tid[], limited bool)
returns table (id uuid, attempt smallint, type text, queue text, owner text,
               max_attempts smallint, timeout_ms bigint, retry json,
               payload json, files uuid[], heartbeat_ms bigint, has_dependencies bool)
language plpgsql as $$
#variable_conflict use_column
declare
    counted bool := exists (select from millrace.owner where max_waiting is not null);
begin
    return query
    with taken as (
        delete from millrace.ready r using unnest(places) with ordinality p(place, nth)
         where r.ctid = p.place
        returning r.id, r.attempt + 1 as attempt, r.keyed, p.nth
    ), begun as materialized (
        select t.nth, j.id, t.attempt::smallint as attempt, t.keyed, j.type, j.queue, j.owner, j.batch,
               j.priority, j.max_attempts, j.timeout_ms, j.retry, j.payload, j.files, j.extra,
               greatest(0, extract(epoch from now() - coalesce(j.run_at, j.created_at)) * 1000)::bigint as waited_ms
          from taken t join millrace.job j on j.id = t.id
    ), ran as (
        insert into millrace.active (id, attempt, worker, started_at, limited)
        select id, attempt, by_worker, now(), limited or keyed from begun
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner, batch)
        select id, 'job_started', attempt, 0, type, owner, batch from begun
    ), tallied as (
        insert into millrace.tally (queue, type, limited_owner, came_from, went_to, n, ms)
        select queue, type, case when counted then millrace.counted_owner(owner) end, 'available', 'active', count(*), sum(waited_ms)
          from begun group by queue, type, case when counted then millrace.counted_owner(owner) end
    ), batched as (
        insert into millrace.batch_tally (batch, came_from, went_to, n)
        select batch, 'available', 'active', count(*) from begun where batch is not null group by batch
    )
    select b.id, b.attempt, b.type, b.queue, b.owner, b.max_attempts, b.timeout_ms, b.retry,
           b.payload, b.files, (b.extra ->> 'heartbeatMs')::bigint,
           coalesce(b.extra ? 'dependsOn', false)
      from begun b
     order by b.nth;
end $$;

-- Set aside what of the next jobs in turn may not start for a limit of its own.
create function millrace.look_ahead(by_worker uuid, types text[], room int[], queues text[], want int)
returns void language plpgsql as $$
declare
    ids    uuid[];
    places tid[];
begin
    select array_agg(c.id), array_agg(c.place) into ids, places
      from millrace.lanes_of(by_worker, types, room, queues) l
     cross join lateral millrace.candidates(l.queue, l.type, want, l.start, l.credit) c
     where c.keyed;
    perform millrace.pass_keys(ids, places, array_fill(true, array[cardinality(ids)]), 0)
      where ids is not null;
end $$;

-- Give a worker up to `total` jobs of the types it has room for; queues null
-- means all. Jobs that may not start for a limit of their own are set aside, and
-- others looked for in their place, but not for long.
create function millrace.claim(by_worker uuid, types text[], room int[],
                               queues text[], total int,
                               reserve_queues text[] default '{}',
                               reserve_counts int[] default '{}')
returns table (id uuid, attempt smallint, type text, queue text, owner text,
               max_attempts smallint, timeout_ms bigint, retry json,
               payload json, files uuid[], heartbeat_ms bigint, has_dependencies bool)
language plpgsql
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    began   timestamptz := clock_timestamp();
    limited bool := millrace.any_limited(types);
    plain   bool := not limited and reserve_queues = '{}'
                    and not exists (select from millrace.queue q where q.weight <> 1);
    held    text[];                     -- the limited lanes whose rows we hold …
    busy    text[] := '{}';             -- … and which others do
    fits    bool[];
    capped  text[];
    caps    int[];
    picked  int;
    places  tid[];
    ids     uuid[];
    lanes   text[];
    kinds   text[];
    tenants text[];
    keyed   bool[];
    passed  uuid[];
begin
    for pass in 1 .. 20 loop
        exit when total <= 0 or clock_timestamp() > began + interval '0.2 s';
        if limited then
            select array_agg(c.key), array_agg(c.cap) into capped, caps
              from millrace.lane_caps(busy) c where c.cap is not null;
        end if;
        if plain then
            select array_agg(p.place), array_agg(p.id), array_agg(p.queue), array_agg(p.type),
                   array_agg(p.tenant), array_agg(p.keyed), count(*)
              into places, ids, lanes, kinds, tenants, keyed, picked
              from millrace.pick(by_worker, types, room, queues, total) p;
        else
            select array_agg(p.place), array_agg(p.id), array_agg(p.queue), array_agg(p.type),
                   array_agg(p.tenant), array_agg(p.keyed), count(*)
              into places, ids, lanes, kinds, tenants, keyed, picked
              from millrace.pick_limited(by_worker, types, room, queues, total, reserve_queues,
                                         reserve_counts, capped, caps) p;
        end if;
        exit when picked = 0;
        if limited then
            select f.held, f.busy, f.fits into held, busy, fits
              from millrace.lane_fit(kinds, lanes, held, busy) f;
            if fits is not null then
                select array_agg(u.p), array_agg(u.i), array_agg(u.q), array_agg(u.t), array_agg(u.n), array_agg(u.k)
                  into places, ids, lanes, kinds, tenants, keyed
                  from (select * from unnest(places, ids, lanes, kinds, tenants, keyed, fits) with ordinality
                                      u(p, i, q, t, n, k, fit, nth)
                         where u.fit order by u.nth) u;
            end if;
        end if;
        if true = any (keyed) then
            passed := millrace.pass_keys(ids, places, keyed, total);
            -- Where nothing can start, others come next; maybe another claim is busy with these.
            perform millrace.turn_on(by_worker, lanes, tenants) where passed = '{}';
            select array_agg(u.p), array_agg(u.i), array_agg(u.q), array_agg(u.t), array_agg(u.n)
              into places, ids, lanes, kinds, tenants
              from (select * from unnest(places, ids, lanes, kinds, tenants) with ordinality
                                  u(p, i, q, t, n, nth)
                     where u.i = any (passed) order by u.nth) u;
        end if;
        if ids is not null then
            perform millrace.lane_take(ids, kinds, lanes) where limited;
            perform millrace.turn_on(by_worker, lanes, tenants);
            return query select * from millrace.start_runs(by_worker, places, limited);
            if not limited and millrace.any_limited(types) then
                -- A limit was set meanwhile (see limit_set).
                perform millrace.lane_permits(ids, kinds, lanes);
                update millrace.active a set limited = true where a.id = any (ids);
            end if;
        end if;
        exit when cardinality(ids) = picked;
        -- Some were set aside: so are others behind them, further each time.
        total := total - coalesce(cardinality(ids), 0);
        room := millrace.less(types, room, kinds);
        reserve_counts := millrace.less(reserve_queues, reserve_counts, lanes);
        perform millrace.look_ahead(by_worker, types, room, queues, least(10 * 4 ^ pass, 2000)::int);
    end loop;
end $$;

-- Counts by name, less one for each of the names taken.
create function millrace.less(names text[], counts int[], taken text[]) returns int[]
language sql immutable as $$
    select coalesce(array_agg(u.n - (select count(*)::int from unnest(taken) k where k = u.name)
                              order by u.nth), '{}')
      from unnest(names, counts) with ordinality u(name, n, nth)
$$;

-- ---------------------------------------------------------------- finish

-- When a job expires; null: never, or it has been started once, and not given back.
create function millrace.expires(job uuid, extra jsonb) returns timestamptz
language plpgsql stable as $$
begin
    if extra ? 'expiresAt' and not exists (
           select from millrace.attempt a where a.job_id = job and a.outcome <> 'returned') then
        return (extra ->> 'expiresAt')::timestamptz;
    end if;
    return null;
end $$;

-- How long a job is kept that ended in a state; null: for ever.
create function millrace.keep_until(of_type text, ended_in millrace.state) returns timestamptz
language sql stable as $$
    select now() + case ended_in when 'completed' then keep_completed_ms
                                 when 'cancelled' then keep_cancelled_ms
                                 else keep_failed_ms end * interval '1 ms'
      from millrace.job_type where type = of_type
$$;

-- What trainings have read of the schemas of saved connections is at hand from now
-- on, unless those have led elsewhere since. Their rows are held, each call in the same
-- order, so that one which is just deleted or changed stops nothing.
create function millrace.keep_schemas(trainings uuid[]) returns void
language plpgsql as $$
declare
    training record;
begin
    for training in
        select d.id, d.attempt, d.started_at, d.result, (millrace.connection_of(j.owner, j.payload ->> 'connection')).id as connection
          from millrace.done d
          join millrace.job j on j.id = d.id
         where d.id = any (trainings) and d.result is not null and j.payload ->> 'connection' is not null
         order by connection, d.id loop
        perform from millrace.connection c
          where c.id = training.connection and c.leads_since <= training.started_at for share;
        perform millrace.schema_cache_put(training.connection, training.id, training.attempt, training.result)
          where found;
    end loop;
end $$;

-- Record how runs ended. An element a run; a run that is no longer the current
-- one (another attempt, another worker, or a final job) changes nothing and is
-- missing from what is returned. states: completed, discarded, cancelled,
-- retryable (again after delay) or available (given back: one attempt more is
-- allowed). A run whose cancelling was asked for is not repeated. artifacts:
-- [{"name", "size", "contentType", "sha256"}]. facts: of the attempt, see
-- millrace.attempt; its "outcome" says what the state alone does not. freed: others
-- may start now that waited for this end.
create function millrace.finish(
    by_worker uuid, ids uuid[], attempts int[], states millrace.state[],
    results text[], errors text[], delays_ms bigint[], artifacts text[],
    facts text[] default null)
returns table (id uuid, state millrace.state, freed bool)
language plpgsql
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    counted    bool := exists (select from millrace.owner where max_waiting is not null);
    its_name   text := (select w.name from millrace.worker w where w.id = by_worker);
    over       uuid[];
    over_state millrace.state[];
    over_held  bool[];
    over_keyed bool[];
    forgetting uuid[];
    trainings  uuid[];
    others     bool;
begin
    with ended as (
        delete from millrace.active a
         using unnest(ids, attempts, states, results, errors, delays_ms, artifacts, facts)
               i(id, attempt, state, result, error, delay_ms, artifacts, facts)
         where a.id = i.id and a.attempt = i.attempt and a.worker = by_worker
        returning a.id, a.attempt, a.started_at, a.progress, a.message, a.limited,
                  case when a.cancel_at is not null
                            and i.state in ('retryable', 'available')
                       then 'cancelled' else i.state end as state,
                  i.result, i.error, i.delay_ms, i.artifacts, i.facts::json as facts
    ), fact as materialized (
        select e.*, j.type, j.queue, j.priority, j.owner, j.batch,
               coalesce(j.tenant, j.owner) as tenant, j.extra,
               (extract(epoch from now() - e.started_at) * 1000)::bigint as ran_ms,
               t.keep_completed_ms, t.keep_cancelled_ms, t.keep_failed_ms
          from ended e
          join millrace.job j on j.id = e.id
          left join millrace.job_type t on t.type = j.type
    ), final as (
        insert into millrace.done (id, state, attempt, started_at, finished_at,
                                   progress, message, result, error, worker, facts, expires_at)
        select id, state, attempt, started_at, now(),
               case state when 'completed' then 100 else progress end,
               message, result::json, error::json, its_name, facts,
               now() + case state when 'completed' then keep_completed_ms
                                  when 'cancelled' then keep_cancelled_ms
                                  else keep_failed_ms end * interval '1 ms'
          from fact where state in ('completed', 'cancelled', 'discarded')
    ), tried as (
        insert into millrace.attempt (job_id, attempt, worker, started_at, ended_at,
                                      outcome, error, facts)
        select id, attempt, its_name, started_at, now(),
               case state when 'available' then 'returned'
                          else coalesce(facts ->> 'outcome', 'failed') end,
               error::json, facts
          from fact where state in ('retryable', 'available')
    ), later as (
        insert into millrace.waiting (id, state, run_at, attempt, error)
        select id, 'retryable', now() + delay_ms * interval '1 ms', attempt, error::json
          from fact where state = 'retryable'
    ), back as (
        insert into millrace.ready (queue, type, priority, tenant, id, attempt, keyed, serial, expires_at)
        select queue, type, priority, tenant, id, attempt, coalesce(extra ? 'keys', false),
               extra ->> 'serial', millrace.expires(id, extra)
          from fact where state = 'available'
    ), spared as (
        update millrace.job j set max_attempts = j.max_attempts + 1
          from fact f where j.id = f.id and f.state = 'available'
    ), expiring as (
        insert into millrace.expiry (id, expires_at)
        select id, millrace.expires(id, extra) from fact
         where state = 'available' and millrace.expires(id, extra) is not null
            on conflict do nothing
    ), started as (
        delete from millrace.expiry x using fact f
         where x.id = f.id and f.state = 'retryable' and f.extra ? 'expiresAt'
    ), made as (
        insert into millrace.artifact (job_id, name, attempt, size, content_type, sha256)
        select f.id, m.name, f.attempt, m.size, m."contentType", m.sha256
          from fact f
         cross join json_to_recordset(f.artifacts::json)
               m(name text, size bigint, "contentType" text, sha256 text)
         where f.state in ('completed', 'discarded') and f.artifacts is not null
            on conflict (job_id, name) do update
               set attempt = excluded.attempt, size = excluded.size,
                   content_type = excluded.content_type, sha256 = excluded.sha256
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner, message, batch)
        select id,
               case state when 'completed' then 'job_completed'
                          when 'cancelled' then 'job_cancelled'
                          when 'discarded' then 'job_failed'
                          when 'retryable' then 'job_retrying'
                          else 'job_queued' end::millrace.event_kind,
               attempt, case state when 'completed' then 100 else progress end,
               type, owner, coalesce(error::json ->> 'message', message), batch
          from fact
    ), tallied as (
        insert into millrace.tally (queue, type, limited_owner, came_from, went_to, n, ms)
        select queue, type, case when counted then millrace.counted_owner(owner) end,
               'active', state, count(*), sum(ran_ms)
          from fact group by queue, type, case when counted then millrace.counted_owner(owner) end, state
    ), batched as (
        insert into millrace.batch_tally (batch, came_from, went_to, n)
        select batch, 'active', state, count(*) from fact where batch is not null group by batch, state
    )
    select array_agg(f.id), array_agg(f.state), array_agg(f.limited),
           array_agg(coalesce(f.extra ? 'keys', false)),
           array_agg(f.id) filter (where f.extra ? 'forget' and f.state not in ('retryable', 'available')),
           array_agg(f.id) filter (where f.type = 'schema-training' and f.state = 'completed')
      into over, over_state, over_held, over_keyed, forgetting, trainings from fact f;
    perform millrace.forget(forgetting) where forgetting is not null;
    perform millrace.keep_schemas(trainings) where trainings is not null;

    others := millrace.settle(array(select o.id from unnest(over, over_state) o(id, state)
                                     where o.state not in ('retryable', 'available')));
    if true = any (over_held) then
        delete from millrace.permit p
         where p.id = any (array(select o.id from unnest(over, over_held, over_keyed) o(id, held, keyed)
                                  where o.held and not o.keyed));
        perform millrace.release(
            array(select o.id from unnest(over, over_keyed) o(id, keyed) where o.keyed),
            array(select o.id from unnest(over, over_state) o(id, state) where o.state = 'retryable'))
          where true = any (over_keyed);
    end if;
    return query select o.id, o.state, o.held or others
                   from unnest(over, over_state, over_held) o(id, state, held);
end $$;

-- Note how far runs have come; those that are not current are left out.
create function millrace.report(by_worker uuid, ids uuid[], attempts int[],
                                percents int[], messages text[])
returns setof uuid
language plpgsql
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with moved as (
        update millrace.active a
           set progress = coalesce(i.progress, a.progress),
               message = coalesce(i.message, a.message)
          from unnest(ids, attempts, percents, messages)
               i(id, attempt, progress, message)
         where a.id = i.id and a.attempt = i.attempt and a.worker = by_worker
        returning a.id, a.attempt, a.progress, a.message
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner, message, batch)
        select m.id, 'job_progress', m.attempt, m.progress, j.type, j.owner, m.message, j.batch
          from moved m join millrace.job j on j.id = m.id
    )
    select id from moved;
end $$;

-- Keep log lines of current runs.
create function millrace.add_log(by_worker uuid, ids uuid[], attempts int[],
                                 ats_ms bigint[], lines text[])
returns void
language sql as $$
    insert into millrace.job_log (job_id, attempt, at, line)
    select i.id, i.attempt, to_timestamp(i.at_ms / 1000.0), i.line
      from unnest(ids, attempts, ats_ms, lines) with ordinality
           i(id, attempt, at_ms, line, nth)
      join millrace.active a on a.id = i.id and a.attempt = i.attempt
                            and a.worker = by_worker
     order by i.nth
$$;
