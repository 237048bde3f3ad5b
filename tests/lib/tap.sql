-- Tests in SQL: each function gives a line of TAP. The schema `tap` is made by
-- the superuser in a database that has been migrated.
--
--   tap.is(name, got, want)
--   tap.refused(name, statement, sqlstate, code)   code: the exception's detail

create schema tap;
create extension dblink schema tap;

create function tap.line(good boolean, name text, why text) returns text
language sql as $$
    select case when good then 'ok - ' || name
                else 'not ok - ' || name || E'\n# ' || replace(why, E'\n', E'\n# ')
           end
$$;

create function tap.is(name text, got anycompatible, want anycompatible)
returns text language sql as $$
    select tap.line(got is not distinct from want, name,
                    format(E'got:  %s\nwant: %s', got, want))
$$;

create function tap.refused(name text, statement text, want_state text,
                            want_code text default '')
returns text language plpgsql as $$
declare
    got_state text := '(none)';
    got_code  text := '';
    message   text := '';
begin
    begin
        execute statement;
    exception when others then
        get stacked diagnostics got_state = returned_sqlstate,
            got_code = pg_exception_detail, message = message_text;
    end;
    return tap.line(got_state = want_state
                    and (want_code = '' or got_code = want_code), name,
                    format(E'got:  %s %s %s\nwant: %s %s', got_state, got_code,
                           message, want_state, want_code));
end $$;

-- ---------------------------------------------------------------- jobs

-- Types to test with; `b` has defaults of its own.
insert into millrace.job_type (type, queue, priority, timeout_ms, max_attempts, retry)
values ('a', 'default', 0, 600000, 3, null),
       ('b', 'slow', 7, 5000, 5, '{"backoff": "constant"}'),
       ('c', 'default', 0, 600000, 1, null);

create function tap.state(job uuid) returns text language sql as $$
    select state::text from millrace.job_info where id = job
$$;

create function tap.attempt(job uuid) returns int language sql as $$
    select attempt::int from millrace.job_info where id = job
$$;

-- All events of a job, in their order.
create function tap.events(job uuid) returns text language sql as $$
    select string_agg(substr(kind::text, 5), ' ' order by seq)
      from millrace.job_event where job_id = job
$$;

-- n jobs, one after another.
create function tap.jobs(n int, of_type text default 'a', options jsonb default '{}')
returns uuid[] language sql as $$
    select array_agg(millrace.enqueue(of_type, '{}', options))
      from generate_series(1, n)
$$;

-- The one job, in the hands of a worker.
create function tap.running(worker uuid, of_type text default 'a',
                            options jsonb default '{}')
returns uuid language plpgsql as $$
declare
    job uuid := millrace.enqueue(of_type, '{}', options || '{"priority": 100}');
begin
    if job <> (select id from millrace.claim(worker, array[of_type], '{1}', null, 1)) then
        raise 'another job was claimed';
    end if;
    return job;
end $$;

-- End one run.
create function tap.finish(worker uuid, job uuid, attempt int, state text,
                           result text default null, error text default null,
                           delay_ms bigint default 0)
returns text language sql as $$
    select f.state::text
      from millrace.finish(worker, array[job], array[attempt],
                           array[state]::millrace.state[], array[result],
                           array[error], array[delay_ms], array[null]) f
$$;

create function tap.worker(name text, types text[] default '{a,b,c}')
returns uuid language plpgsql as $$
declare
    id uuid := gen_random_uuid();
begin
    perform millrace.worker_begin(id, name, 'host', 1, 'test', 4, null, types);
    return id;
end $$;

-- ---------------------------------------------------------------- jobs with names

-- Store a job whose payload has its name.
create function tap.put(name text, of_type text default 'a', options jsonb default '{}',
                        more jsonb default '{}')
returns uuid language sql as $$
    select millrace.enqueue(of_type, jsonb_build_object('name', name) || more, options)
$$;

create function tap.job(name text) returns uuid language sql as $$
    select id from millrace.job where payload ->> 'name' = name order by id desc limit 1
$$;

-- The names of what a claim gives, in its order.
create function tap.claimed(worker uuid, total int default 99, queues text[] default null,
                            types text[] default '{a,b,c}')
returns text language sql as $$
    select coalesce(string_agg(c.payload ->> 'name', ' ' order by nth), '')
      from millrace.claim(worker, types, array_fill(total, array[cardinality(types)]), queues, total)
           with ordinality c(id, attempt, type, queue, owner, max_attempts, timeout_ms, retry,
                             payload, files, heartbeat_ms, has_dependencies, nth)
$$;

-- End the runs of some named jobs.
create function tap.done(names text, state text default 'completed', delay_ms bigint default 3600000)
returns text language sql as $$
    select string_agg(tap.finish(a.worker, a.id, a.attempt, state, null, null, delay_ms), ' ' order by nth)
      from unnest(string_to_array(names, ' ')) with ordinality n(name, nth)
      join millrace.active a on a.id = tap.job(n.name)
$$;

-- End all that a worker runs, in one call, each in a state drawn from some.
create function tap.finish_all(worker uuid, states text[] default '{completed}') returns bigint
language sql as $$
    select count(f.id)
      from (select array_agg(a.id) as ids, array_agg(a.attempt::int) as attempts,
                   array_agg(states[1 + floor(random() * cardinality(states))]) as ends
              from millrace.active a where a.worker = finish_all.worker) r
     cross join lateral millrace.finish(
           finish_all.worker, r.ids, r.attempts, r.ends::millrace.state[],
           array_fill(null::text, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]),
           array_fill(0::bigint, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)])) f
     where r.ids is not null
$$;

-- The table that holds a named job.
create function tap.place(name text) returns text language sql as $$
    select string_agg(t.tbl, ' ')
      from (select 'ready' as tbl, id from millrace.ready union all
            select 'waiting', id from millrace.waiting union all
            select 'held', id from millrace.held union all
            select 'active', id from millrace.active union all
            select 'done', id from millrace.done) t
     where t.id = tap.job(name)
$$;

-- What may never be: a job in no table or in two.
create function tap.strays() returns bigint language sql as $$
    select count(*)
      from millrace.job j
     where 1 <> (select count(*) from (
           select id from millrace.ready union all
           select id from millrace.waiting union all
           select id from millrace.held union all
           select id from millrace.active union all
           select id from millrace.done) t where t.id = j.id)
$$;

-- ---------------------------------------------------------------- other sessions

-- Open sessions beside this one, by name.
create procedure tap.sessions(names text[]) language plpgsql as $$
begin
    perform tap.dblink_connect(n, format('dbname=%s host=%s user=%s application_name=%s',
        current_database(), split_part(current_setting('unix_socket_directories'), ',', 1),
        session_user, n)) from unnest(names) n;
end $$;

-- Run a statement there and give its one value.
create function tap.there(name text, statement text) returns text
language sql as $$
    select v from tap.dblink(name, format('select (%s)::text', statement)) r(v text)
$$;

create function tap.run(name text, statement text) returns text
language sql as $$
    select tap.dblink_exec(name, statement)
$$;

-- Begin a statement there that has to wait for a lock, and see it wait.
create procedure tap.blocks(name text, statement text) language plpgsql as $$
declare
    deadline timestamptz := clock_timestamp() + interval '20 s';
begin
    perform tap.dblink_send_query(name, format('select (%s)::text', statement));
    while not exists (select from pg_stat_activity
                       where application_name = name and datname = current_database()
                         and wait_event_type = 'Lock') loop
        if clock_timestamp() > deadline then
            raise '% does not wait for a lock', name;
        end if;
        perform pg_sleep(0.005), pg_stat_clear_snapshot();
    end loop;
end $$;

-- What came of it: its value, or the code of its refusal.
create function tap.outcome(name text) returns text language plpgsql as $$
declare
    value text;
    code  text;
begin
    begin
        select v into value from tap.dblink_get_result(name) r(v text);
    exception when others then
        get stacked diagnostics code = pg_exception_detail;
        value := 'refused: ' || code;
    end;
    perform v from tap.dblink_get_result(name) r(v text);
    return value;
end $$;
