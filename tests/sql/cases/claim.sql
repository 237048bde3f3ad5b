-- millrace.claim: who gets what, in which order, and nothing twice.

select gen_random_uuid() as w1, gen_random_uuid() as w2 \gset
create table public.named (name text, id uuid);

-- Put a job into the queue under a name; ids of different milliseconds rise.
create function pg_temp.put(name text, of_type text, options jsonb) returns text
language sql as $$
    select pg_sleep(0.002);
    insert into public.named values (name, millrace.enqueue(of_type, '{}', options)) returning name
$$;

-- The names of what a claim gives, in its order; all is given back after.
create function pg_temp.claimed(types text[], room int[], queues text[], total int)
returns text language plpgsql as $$
declare
    w     uuid := gen_random_uuid();
    names text;
begin
    select string_agg(n.name, ' ' order by c.ordinality) into names
      from millrace.claim(w, types, room, queues, total) with ordinality c
      join public.named n using (id);
    perform tap.finish(w, id, attempt, 'available') from millrace.active where worker = w;
    return coalesce(names, '');
end $$;

-- Given back, a job keeps its place: each case sees the same jobs.
select count(pg_temp.put(name, of_type, options)) as put
  from (values
    ('d1',    'a', '{}'::jsonb),
    ('d2',    'a', '{}'),
    ('e1',    'a', '{"queue": "extra"}'),
    ('high1', 'a', '{"priority": 9}'),
    ('low',   'a', '{"priority": -9}'),
    ('b1',    'b', '{}'),
    ('d3',    'a', '{}'),
    ('e2',    'c', '{"queue": "extra"}'),
    ('high2', 'c', '{"queue": "extra", "priority": 9}'),
    ('d4',    'c', '{}')
  ) c(name, of_type, options) \gset

select tap.is('claim: ' || name, pg_temp.claimed(types, room, queues, total), want)
  from (values
    ('the most urgent first, then the oldest',
     '{a,b,c}'::text[], '{99,99,99}'::int[], null::text[], 99, 'high1 high2 b1 d1 d2 e1 d3 e2 d4 low'),
    ('no more than the total',             '{a,b,c}', '{99,99,99}', null, 4, 'high1 high2 b1 d1'),
    ('one at a time',                      '{a,b,c}', '{99,99,99}', null, 1, 'high1'),
    ('nothing for a total of 0',           '{a,b,c}', '{99,99,99}', null, 0, ''),
    ('only types that are asked for',      '{b}',     '{99}',       null, 99, 'b1'),
    ('no more of a type than its room',    '{a,c}',   '{2,1}',      null, 99, 'high1 high2 d1'),
    ('nothing of a type without room',     '{a,b}',   '{0,1}',      null, 99, 'b1'),
    ('room is for a type in all queues',   '{c}',     '{2}',        null, 99, 'high2 e2'),
    ('one queue',                          '{a,b,c}', '{99,99,99}', '{extra}', 99, 'high2 e1 e2'),
    ('two queues',                         '{a,b,c}', '{99,99,99}', '{slow,extra}', 99, 'high2 b1 e1 e2'),
    ('room is for the queues asked for',   '{a}',     '{1}',        '{extra}', 99, 'e1'),
    ('an unknown queue',                   '{a,b,c}', '{99,99,99}', '{nope}', 99, ''),
    ('no queue',                           '{a,b,c}', '{99,99,99}', '{}', 99, ''),
    ('an unknown type',                    '{zz}',    '{99}',       null, 99, ''),
    ('no type',                            '{}',      '{}',         null, 99, '')
  ) c(name, types, room, queues, total, want);

-- What a claimed job is.
select millrace.enqueue('b', '{"x": [1, 2]}', '{"priority": 50, "owner": "anna"}') as job \gset
select * from millrace.claim(:'w1', '{b}', '{1}', null, 1) \gset c_
select tap.is('the facts of the job are told',
              concat_ws(' ', :'c_id' = :'job', :'c_attempt', :'c_type', :'c_queue', :'c_owner',
                        :'c_max_attempts', :'c_timeout_ms', :'c_retry', :'c_payload'),
              't 1 b slow anna 5 5000 {"backoff": "constant"} {"x": [1, 2]}');
select tap.is('it is active', tap.state(:'job'), 'active');
select tap.is('it is its worker''s', worker::text, :'w1') from millrace.job_info where id = :'job';
select tap.is('its status is processing', status, 'processing') from millrace.job_info where id = :'job';
select tap.is('its start is told', tap.events(:'job'), 'queued started');
select tap.is('it is not claimed again', count(*), 0)
  from millrace.claim(:'w2', '{b}', '{99}', null, 99) where id = :'job';
select millrace.enqueue('a', '{}', '{"delay": "1h", "priority": 100}') as later \gset
select tap.is('a scheduled job is not claimed', count(*), 0)
  from millrace.claim(:'w2', '{a,b,c}', '{99,99,99}', null, 99) where id = :'later';
truncate millrace.job, millrace.ready, millrace.active, millrace.waiting;

-- Many lanes: each is found by a skip through the index.
select count(millrace.enqueue(t, '{}', jsonb_build_object('queue', 'q' || n))) as put
  from generate_series(1, 60) n, unnest('{a,b,c}'::text[]) t \gset
select tap.is('many lanes are all found', count(*), 120)
  from millrace.claim(:'w1', '{a,c}', '{99,99}', null, 999);
select tap.is('those of other types are left', count(*), 60) from millrace.ready where type = 'b';
select tap.is('equals of many lanes come in the order of their ids', array_agg(id order by ordinality),
              (select array_agg(id order by id) from millrace.job where type = 'b'))
  from millrace.claim(:'w1', '{b}', '{99}', null, 999) with ordinality;

-- Two sessions at once: none waits, none gets what the other has.
select (select array_agg(id order by id) from unnest(tap.jobs(10)) id) as jobs \gset
call tap.sessions('{one,two}');
select tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select string_agg(id::text, '' '') from millrace.claim(%L, ''{a}'', ''{4}'', null, 4)', :'w1')) as first \gset
select tap.there('two', format('select string_agg(id::text, '' '') from millrace.claim(%L, ''{a}'', ''{99}'', null, 99)', :'w2')) as second \gset
select tap.run('one', 'commit') as committed \gset
select tap.is('the first has the oldest four', :'first', array_to_string((:'jobs'::uuid[])[1:4], ' '));
select tap.is('the second has the others meanwhile', :'second', array_to_string((:'jobs'::uuid[])[5:10], ' '));

-- A claim that is rolled back leaves the jobs where they were.
select tap.jobs(3) as jobs \gset
select tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select count(*) from millrace.claim(%L, ''{a}'', ''{9}'', null, 9)', :'w1')) as claimed \gset
select tap.run('one', 'rollback') as rolled_back \gset
select tap.is('three were claimed', :'claimed', '3');
select tap.is('a claim that is rolled back never was', array_agg(tap.state(id) || ': ' || tap.events(id)),
              array_fill('available: queued'::text, '{3}'))
  from unnest(:'jobs'::uuid[]) id;

-- Two sessions claim and finish until nothing is left.
truncate millrace.job, millrace.ready, millrace.active, millrace.done, public.named;
create procedure public.work_off(w uuid) language plpgsql as $$
begin
    loop
        insert into public.named
        select w::text, id from millrace.claim(w, '{a}', '{7}', null, 7);
        exit when not found;
        perform tap.finish(w, id, attempt, 'completed') from millrace.active where worker = w;
        commit;
    end loop;
end $$;
select cardinality(tap.jobs(2000)) as put \gset
select tap.dblink_send_query('one', format('call public.work_off(%L)', :'w1')) as one,
       tap.dblink_send_query('two', format('call public.work_off(%L)', :'w2')) as two \gset
select count(*) as answers from tap.dblink_get_result('one') r(v text) \gset
select count(*) as answers from tap.dblink_get_result('two') r(v text) \gset
select tap.is('2,000 jobs in two sessions: each is claimed once', count(*) || ' ' || count(distinct id), '2000 2000')
  from public.named;
select tap.is('and both had some', count(distinct name), 2) from public.named;
select tap.is('all are completed', count(*), 2000) from millrace.done where state = 'completed';

select tap.is('no job is in two states or in none', tap.strays(), 0);
