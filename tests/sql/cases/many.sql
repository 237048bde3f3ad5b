-- Changes of many jobs, step by step.

select tap.worker('w') as w \gset

create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.held, millrace.waiting, millrace.active,
             millrace.done, millrace.permit, millrace.limiter, millrace.uniq;
$$;
-- The names of jobs in a state.
create function pg_temp.those(states text) returns text language sql as $$
    select string_agg(payload ->> 'name', ' ' order by id) from millrace.job_info where state::text = any (string_to_array(states, ' '))
$$;

-- ---------------------------------------------------------------- filters

create function pg_temp.fill(w uuid) returns void language plpgsql as $$
begin
    perform pg_temp.clear();
    perform tap.put('a1'), tap.put('b1', 'b'), tap.put('q1', 'a', '{"queue": "q"}'), tap.put('t1', 'a', '{"tags": ["x", "y"]}'),
            tap.put('o1', 'a', '{"owner": "anna"}'), tap.put('late', 'a', '{"delay": "1h"}');
    perform tap.put('run', 'c', '{"priority": 99}');
    perform millrace.claim(w, '{c}', '{1}', null, 1);
    perform tap.put('k1', 'c', '{"concurrencyKey": "k", "priority": 99}'), tap.put('k2', 'c', '{"concurrencyKey": "k", "priority": 99}');
    perform millrace.claim(w, '{c}', '{2}', null, 2);
    update millrace.job set created_at = now() - interval '1 d' where id = tap.job('a1');
end $$;
create function pg_temp.cancelled(w uuid, filter jsonb, owner text default null) returns text language plpgsql as $$
begin
    perform pg_temp.fill(w);
    perform millrace.many('cancel', filter, owner, 100);
    return (select string_agg(payload ->> 'name', ' ' order by id) from millrace.job_info where state = 'cancelled' or cancel_at is not null);
end $$;
select tap.is('cancel ' || name, pg_temp.cancelled(:'w', filter, owner), want)
  from (values
    ('all',          '{}'::jsonb,                     null, 'a1 b1 q1 t1 o1 late run k1 k2'),
    ('a type',       '{"type": "b"}',                 null, 'b1'),
    ('a queue',      '{"queue": "q"}',                null, 'q1'),
    ('both',         '{"queue": "q", "type": "b"}',   null, null),
    ('a tag',        '{"tag": "y"}',                  null, 't1'),
    ('an owner',     '{"owner": "anna"}',             null, 'o1'),
    ('one''s own',   '{}',                            'anna', 'o1'),
    ('a state',      '{"state": "scheduled"}',        null, 'late'),
    ('held ones',    '{"state": "available", "type": "c"}', null, 'k2'),
    ('what runs',    '{"status": "processing"}',      null, 'run k1'),
    ('old ones',     jsonb_build_object('before', now() - interval '1 h'), null, 'a1'),
    ('new ones',     jsonb_build_object('after', now() - interval '1 h', 'queue', 'default', 'type', 'a'), null, 't1 o1 late')
  ) c(name, filter, owner, want);
select tap.refused('an unknown member', 'select millrace.many(''cancel'', ''{"colour": 1}'', null, 9)', 'MR400', 'unknown_member');

-- ---------------------------------------------------------------- steps

select pg_temp.clear() \g /dev/null
select cardinality(tap.jobs(25)) as put \gset
create temp table steps as select n, millrace.many('cancel', jsonb_build_object('type', 'a', 'before', now() + n * interval '1 d'), null, 10) as met from generate_series(1, 4) n;
select tap.is('in steps, until there are no more', string_agg(met::text, ' ' order by n), '10 10 5 0') from steps;
select tap.is('all are', count(*), 25) from millrace.done where state = 'cancelled';
select pg_temp.clear() \g /dev/null
select tap.put(n) from unnest('{x,y,z}'::text[]) n \g /dev/null
select tap.is('three run', tap.claimed(:'w'), 'x y z');
select tap.is('all are asked to stop', millrace.many('cancel', '{}', null, 10), 3);
select tap.is('once', millrace.many('cancel', '{}', null, 10), 0);

-- ---------------------------------------------------------------- retry and discard

select pg_temp.clear() \g /dev/null
select tap.put(n) from unnest('{f1,f2,ok,c1}'::text[]) n \g /dev/null
select tap.is('two fail, one completes, one is cancelled', tap.claimed(:'w') || ' ' || tap.done('f1 f2', 'discarded') || ' ' || tap.done('ok') || ' ' || tap.done('c1', 'cancelled'),
              'f1 f2 ok c1 discarded discarded completed cancelled');
select tap.is('retry of all that has failed', millrace.many('retry', '{}', null, 10), 2);
select tap.is('those', pg_temp.those('available'), 'f1 f2');
select tap.is('of all that was cancelled, if that is said', millrace.many('retry', '{"state": "cancelled"}', null, 10), 1);
select tap.is('completed ones are not run again', millrace.many('retry', '{"state": "completed"}', null, 10), 0);
select tap.is('they fail again', tap.claimed(:'w') <> '' and tap.done('f1 f2 c1', 'discarded') <> '', true);
update millrace.done set error = '{"code": "odd"}' where id = tap.job('f2');
select tap.is('by error', millrace.many('retry', '{"errorCode": "odd"}', null, 10) || ' ' || pg_temp.those('available'), '1 f2');
select tap.is('discard of what has failed', millrace.many('discard', '{}', null, 10), 2);
select tap.is('it is gone from view', count(*), 0) from millrace.matching('{}', null, 'discard', 10);
select tap.is('the completed ones stay', tap.state(tap.job('ok')), 'completed');

-- One that cannot be run again does not keep the others from it.
select pg_temp.clear() \g /dev/null
select tap.put('u1', 'a', '{"uniqueKey": "k"}'), tap.put('x') \g /dev/null
select tap.is('two fail', tap.claimed(:'w') || ' ' || tap.done('u1 x', 'discarded'), 'u1 x discarded discarded');
select tap.put('u2', 'a', '{"uniqueKey": "k"}') \g /dev/null
select tap.is('one of them has a rival', millrace.many('retry', '{}', null, 10) || ' ' || pg_temp.those('available discarded'), '1 u1 x u2');

-- ---------------------------------------------------------------- at once

-- What a claim has in hand is passed over, and a claim that waits for a key of ours goes on.
call tap.sessions('{one,two}');
select pg_temp.clear() \g /dev/null
select tap.put(n, 'a', '{"concurrencyKey": "k"}') from unnest('{x,y,z}'::text[]) n \g /dev/null
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.claimed(%L, 1)', :'w')) as claimed \gset
call tap.blocks('two', 'millrace.many(''cancel'', ''{}'', null, 10)');
select tap.run('one', 'commit') as done \gset
select tap.is('the two others', tap.outcome('two'), '2');
select tap.is('that one runs on', pg_temp.those('active') || ', ' || pg_temp.those('cancelled'), 'x, y z');
select tap.put('v') \g /dev/null
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.claimed(%L)', :'w')) as claimed \gset
call tap.blocks('two', 'millrace.many(''cancel'', ''{"status": "pending"}'', null, 10)');
select tap.run('one', 'commit') as done \gset
select tap.is('where there are no others it is waited for', tap.outcome('two'), '1');
select tap.is('and then asked to stop', count(*), 1) from millrace.active where id = tap.job('v') and cancel_at is not null;

-- Sessions that cancel, claim and end jobs of the same keys do not lock one another out.
call tap.sessions('{s1,s2,s3,s4}');
select pg_temp.clear() \g /dev/null
create procedure public.claim_and_end(w uuid) language plpgsql as $$
begin
    for n in 1 .. 3000 loop
        perform millrace.claim(w, '{a}', '{5}', null, 5);
        commit;
        perform tap.finish_all(w);
        commit;
        exit when not exists (select from millrace.ready) and not exists (select from millrace.held);
    end loop;
end $$;
create procedure public.cancel_some() language plpgsql as $$
begin
    for n in 1 .. 30 loop
        perform millrace.many('cancel', jsonb_build_object('tag', n % 10), null, 20);
        commit;
    end loop;
end $$;
select tap.put('x', 'a', jsonb_build_object('concurrencyKey', 'c' || n % 3, 'serialKey', 's' || n % 5, 'tags', array[n % 10])) from generate_series(1, 800) n \g /dev/null
select tap.dblink_send_query('s1', format('call public.claim_and_end(%L)', gen_random_uuid())), tap.dblink_send_query('s2', format('call public.claim_and_end(%L)', gen_random_uuid())),
       tap.dblink_send_query('s3', 'call public.cancel_some()'), tap.dblink_send_query('s4', 'call public.cancel_some()') \g /dev/null
select tap.is('a session ends without an error', tap.outcome(s), 'CALL') from unnest('{s1,s2,s3,s4}'::text[]) s;
select tap.is('all have ended', count(*), 800) from millrace.done;
select tap.is('nobody has met a deadlock', deadlocks, 0) from pg_stat_database where datname = current_database();
select tap.is('nothing is kept', (select count(*) from millrace.permit) + (select count(*) from millrace.held), 0);

select tap.is('no job is in two states or in none', tap.strays(), 0);
