-- Two shapes of a queue to compare, equal in all but the shape: the same columns,
-- the same event log, batches, one statement each for enqueue, claim and finish.
--   narrow  an immutable job, small rows that come and go beside it (ours)
--   wide    one job row, updated twice

create schema narrow;
create table narrow.job (
    id uuid primary key, type text, queue text, owner text, priority smallint,
    max_attempts smallint, timeout_ms bigint, created_at timestamptz default now(),
    payload json);
create index on narrow.job (owner, id);
create table narrow.ready (queue text, type text, priority smallint, id uuid, attempt smallint);
create unique index on narrow.ready (queue, type, priority desc, id);
create table narrow.active (id uuid primary key, attempt smallint, worker uuid,
    started_at timestamptz, progress smallint default 0) with (fillfactor = 70);
create table narrow.done (id uuid primary key, state text, attempt smallint,
    started_at timestamptz, finished_at timestamptz, result json, error json);
create table narrow.event (
    seq bigint generated always as identity, xid xid8 default pg_current_xact_id(),
    job_id uuid, kind text, attempt smallint, progress smallint,
    at timestamptz default now(), job_type text, owner text, message text);
create index on narrow.event (xid, seq);
create index on narrow.event (job_id, seq);

create schema wide;
create table wide.job (
    id uuid primary key, type text, queue text, owner text, priority smallint,
    max_attempts smallint, timeout_ms bigint, created_at timestamptz default now(),
    payload json, state text default 'available', attempt smallint default 0,
    worker uuid, started_at timestamptz, progress smallint default 0,
    finished_at timestamptz, result json, error json) with (fillfactor = 80);
create index on wide.job (owner, id);
create index on wide.job (queue, type, priority desc, id) where state = 'available';
create table wide.event (like narrow.event including all);

create function bench_ids(n int) returns table (id uuid) language sql volatile as $$
    select millrace.uuid_v7() from generate_series(1, n)
$$;

create function narrow.enqueue(n int) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    with input as materialized (select id from bench_ids(n)),
    a as (insert into narrow.job select id, 'noop', 'default', 'bench', 0, 3, 60000, now(),
            '{"documentType":"spreadsheet","title":"Sales Report","sessionId":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","userId":123,"code":"print(1)","more":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}' from input),
    b as (insert into narrow.ready select 'default', 'noop', 0, id, 0 from input)
    insert into narrow.event (job_id, kind, attempt, job_type, owner)
    select id, 'job_queued', 0, 'noop', 'bench' from input;
end $$;

create function wide.enqueue(n int) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    with input as materialized (select id from bench_ids(n)),
    a as (insert into wide.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload)
          select id, 'noop', 'default', 'bench', 0, 3, 60000,
            '{"documentType":"spreadsheet","title":"Sales Report","sessionId":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","userId":123,"code":"print(1)","more":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}' from input)
    insert into wide.event (job_id, kind, attempt, job_type, owner)
    select id, 'job_queued', 0, 'noop', 'bench' from input;
end $$;

create function narrow.claim(n int) returns uuid[] language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare ids uuid[];
begin
    with picked as materialized (
        select ctid as place from narrow.ready where queue = 'default' and type = 'noop'
         order by priority desc, id limit n for update skip locked),
    taken as (delete from narrow.ready r using picked p where r.ctid = p.place
              returning r.id, r.attempt),
    begun as materialized (select j.id, j.type, j.owner, j.payload, t.attempt + 1 as attempt
                             from taken t join narrow.job j on j.id = t.id),
    a as (insert into narrow.active select id, attempt, '00000000-0000-0000-0000-000000000001', now(), 0 from begun),
    e as (insert into narrow.event (job_id, kind, attempt, progress, job_type, owner)
          select id, 'job_started', attempt, 0, type, owner from begun)
    select array_agg(id) into ids from begun;
    return ids;
end $$;

create function narrow.finish(ids uuid[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    with ended as (delete from narrow.active a using unnest(ids) i(id)
                    where a.id = i.id and a.attempt = 1 returning a.*),
    fact as materialized (select e.*, j.type, j.owner from ended e join narrow.job j on j.id = e.id),
    d as (insert into narrow.done select id, 'completed', attempt, started_at, now(), '{"ok":true}' from fact)
    insert into narrow.event (job_id, kind, attempt, progress, job_type, owner)
    select id, 'job_completed', attempt, 100, type, owner from fact;
end $$;

create function wide.claim(n int) returns uuid[] language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare ids uuid[];
begin
    with picked as materialized (
        select id from wide.job where state = 'available' and queue = 'default' and type = 'noop'
         order by priority desc, id limit n for update skip locked),
    begun as (update wide.job j set state = 'active', attempt = attempt + 1, started_at = now(),
                     worker = '00000000-0000-0000-0000-000000000001'
                from picked p where j.id = p.id returning j.id, j.type, j.owner, j.payload, j.attempt),
    e as (insert into wide.event (job_id, kind, attempt, progress, job_type, owner)
          select id, 'job_started', attempt, 0, type, owner from begun)
    select array_agg(id) into ids from begun;
    return ids;
end $$;

create function wide.finish(ids uuid[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    with ended as (update wide.job j set state = 'completed', finished_at = now(),
                          progress = 100, result = '{"ok":true}'
                     from unnest(ids) i(id)
                    where j.id = i.id and j.attempt = 1 and j.state = 'active'
                    returning j.id, j.type, j.owner, j.attempt)
    insert into wide.event (job_id, kind, attempt, progress, job_type, owner)
    select id, 'job_completed', attempt, 100, type, owner from ended;
end $$;

-- The real thing, for the same pgbench scripts.
create schema real;
create function real.enqueue(n int) returns void language sql as $$
    select count(*) from millrace.insert_jobs(
        array(select id from bench_ids(n)), array_fill('noop'::text, array[n]),
        array_fill(null::text, array[n]), array_fill(null::int, array[n]),
        array_fill('bench'::text, array[n]),
        array_fill('{"documentType":"spreadsheet","title":"Sales Report","sessionId":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","userId":123,"code":"print(1)","more":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}'::text, array[n]),
        array_fill(null::bigint, array[n]), array_fill(null::timestamptz, array[n]),
        array_fill(null::int, array[n]), array_fill(null::bigint, array[n]),
        array_fill(null::text, array[n]), array_fill(null::text, array[n]),
        array_fill(null::text, array[n]), array_fill(1, array[n]));
$$;
create function real.claim(n int) returns uuid[] language sql as $$
    select array_agg(id) from millrace.claim('00000000-0000-0000-0000-000000000001',
        '{noop}', array[n], null, n)
$$;
create function real.finish(ids uuid[]) returns void language sql as $$
    select count(*) from millrace.finish('00000000-0000-0000-0000-000000000001', ids,
        array_fill(1, array[cardinality(ids)]),
        array_fill('completed'::millrace.state, array[cardinality(ids)]),
        array_fill('{"ok":true}'::text, array[cardinality(ids)]),
        array_fill(null::text, array[cardinality(ids)]),
        array_fill(null::bigint, array[cardinality(ids)]),
        array_fill(null::text, array[cardinality(ids)]))
$$;
