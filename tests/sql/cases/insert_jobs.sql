-- millrace.insert_jobs: many jobs of many requests in one statement, and
-- idempotency keys.

-- One job of type `a` for each request number; `keyed` are (request, key) pairs.
create function pg_temp.post(requests int[], key_requests int[] default '{}', keys text[] default '{}',
                             owner text default 'anna', print text default 'f')
returns bigint language sql as $$
    select count(*)
      from millrace.insert_jobs(
        (select array_agg(millrace.uuid_v7()) from unnest(requests)),
        array_fill('a'::text, array[cardinality(requests)]),
        array_fill(null::text, array[cardinality(requests)]),
        array_fill(null::int, array[cardinality(requests)]),
        array_fill(owner, array[cardinality(requests)]),
        array_fill('{}'::text, array[cardinality(requests)]),
        array_fill(null::bigint, array[cardinality(requests)]),
        array_fill(null::timestamptz, array[cardinality(requests)]),
        array_fill(null::int, array[cardinality(requests)]),
        array_fill(null::bigint, array[cardinality(requests)]),
        array_fill(null::text, array[cardinality(requests)]),
        array_fill(null::text, array[cardinality(requests)]),
        array_fill(null::text, array[cardinality(requests)]),
        requests, key_requests,
        array_fill(owner, array[cardinality(keys)]), keys,
        array_fill(print, array[cardinality(keys)]),
        (select coalesce(array_agg('request ' || r), '{}') from unnest(key_requests) r))
$$;

select tap.is('nothing in, nothing stored', pg_temp.post('{}'), 0);
select tap.is('requests without keys are all stored', pg_temp.post('{1,2,2,3}'), 4);
select tap.is('a new key is stored with its request', pg_temp.post('{1,1}', '{1}', '{k1}'), 2);
select tap.is('a known key stores nothing', pg_temp.post('{1,1}', '{1}', '{k1}'), 0);
select tap.is('a known key holds up no other request', pg_temp.post('{1,2,3}', '{1,3}', '{k1,k2}'), 2);
select tap.is('a key belongs to its owner', pg_temp.post('{1}', '{1}', '{k1}', 'bert'), 1);
select tap.is('a key twice in one call is stored once', pg_temp.post('{1,2}', '{1,2}', '{k3,k3}'), 1);
select tap.is('the first request''s answer is kept', answer, 'request 1')
  from millrace.idempotency where key = 'k3';
select tap.is('another body does not replace what is known',
              pg_temp.post('{1}', '{1}', '{k1}', 'anna', 'other') || ' ' || fingerprint, '0 f')
  from millrace.idempotency where owner = 'anna' and key = 'k1';

-- Which of several requests with one key wins is which answer is kept: its jobs.
select pg_temp.post(array_agg(n), array_agg(n), array_agg('m' || n % 10)) as stored
  from generate_series(1, 200) n \gset
select tap.is('of 200 requests with 10 keys, 10 are stored', :'stored'::bigint, 10);
create temp table sent (id uuid, request int);
insert into sent select millrace.uuid_v7(), n from generate_series(1, 200) n order by n;
create temp table stored as
select s.request
  from sent s
  join (select id from millrace.insert_jobs(
        (select array_agg(id order by request) from sent),
        array_fill('a'::text, '{200}'), array_fill(null::text, '{200}'),
        array_fill(null::int, '{200}'), array_fill('anna'::text, '{200}'),
        array_fill('{}'::text, '{200}'), array_fill(null::bigint, '{200}'),
        array_fill(null::timestamptz, '{200}'), array_fill(null::int, '{200}'),
        array_fill(null::bigint, '{200}'), array_fill(null::text, '{200}'),
        array_fill(null::text, '{200}'), array_fill(null::text, '{200}'),
        (select array_agg(request order by request) from sent),
        (select array_agg(request order by request) from sent),
        array_fill('anna'::text, '{200}'),
        (select array_agg('n' || request % 10 order by request) from sent),
        array_fill('f'::text, '{200}'),
        (select array_agg('request ' || request order by request) from sent)) j) j using (id);
select tap.is('the jobs of each key are those of the answer that is kept',
              count(i.key) || ' of ' || count(*), '10 of 10')
  from stored s
  left join millrace.idempotency i on i.answer = 'request ' || s.request and i.key like 'n_';

select tap.is('states are told', array_agg(state::text order by state), '{scheduled,available}')
  from millrace.insert_jobs(
    array[millrace.uuid_v7(), millrace.uuid_v7()], '{a,a}', '{null,null}', '{null,null}', '{x,x}',
    '{"1","2"}', '{null,60000}', '{null,null}', '{null,null}', '{null,null}', '{null,null}',
    '{null,null}', '{null,null}', '{1,1}');

-- All or nothing.
create temp table before as
select (select count(*) from millrace.job) as jobs, (select count(*) from millrace.idempotency) as keys;
select tap.refused('one bad job refuses all: ' || name, format($$
    select * from millrace.insert_jobs(
        array[millrace.uuid_v7(), millrace.uuid_v7()], %L, '{null,null}', %L, '{x,x}', %L,
        '{null,null}', '{null,null}', '{null,null}', '{null,null}', '{null,null}', '{null,null}',
        '{null,null}', '{1,2}', '{1}', '{x}', '{fresh}', '{f}', '{f}')$$, types, priorities, payloads),
    state, code)
  from (values
    ('an unknown type', '{a,zz}', '{0,0}',   '{1,2}',  'MR400', 'unknown_type'),
    ('a bad priority',  '{a,a}',  '{0,101}', '{1,2}',  '23514', ''),
    ('a bad payload',   '{a,a}',  '{0,0}',   '{1,"{"}', '22P02', '')
  ) c(name, types, priorities, payloads, state, code);
select tap.is('a refused call stores no job', count(*), (select jobs from before)) from millrace.job;
select tap.is('a refused call keeps no key', count(*), (select keys from before)) from millrace.idempotency;

-- Two sessions with the same key at once: one waits for the other.
call tap.sessions('{one,two}');
create function public.post_key(key text) returns bigint language sql as $$
    select count(*) from millrace.insert_jobs(
        array[millrace.uuid_v7()], '{a}', '{null}', '{null}', '{anna}', '{1}', '{null}', '{null}',
        '{null}', '{null}', '{null}', '{null}', '{null}', '{1}', '{1}', '{anna}', array[key], '{f}', '{x}')
$$;
select count(*) from (select tap.run('one', 'begin'), tap.there('one', 'public.post_key(''s1'')')) x \gset
call tap.blocks('two', 'public.post_key(''s1'')');
select tap.run('one', 'commit') as done \gset
select tap.is('of two at once, the second stores nothing', tap.outcome('two'), '0');
select count(*) from (select tap.run('one', 'begin'), tap.there('one', 'public.post_key(''s2'')')) x \gset
call tap.blocks('two', 'public.post_key(''s2'')');
select tap.run('one', 'rollback') as done \gset
select tap.is('where the first is rolled back, the second stores', tap.outcome('two'), '1');

select tap.is('no job is in two states or in none', tap.strays(), 0);
