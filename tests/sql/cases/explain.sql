-- The one reason why a job does not run now.

select tap.worker('w') as w \gset

-- Not in SQL: what is put into a statement sees what the statement saw when it began.
create function pg_temp.get(name text, path text) returns text language plpgsql as $$
begin
    return millrace.explain(tap.job(name)) #>> path::text[];
end $$;
create function pg_temp.why(name text) returns text language sql as $$ select pg_temp.get(name, '{reason}') $$;
create function pg_temp.says(name text) returns text language sql as $$ select pg_temp.get(name, '{message}') $$;
create function pg_temp.when(name text) returns interval language sql as $$
    select pg_temp.get(name, '{estimatedStartAt}')::timestamptz - now()
$$;
create function pg_temp.ids(name text, member text) returns text language sql as $$
    select string_agg(j.payload ->> 'name', ' ' order by j.id)
      from jsonb_array_elements(pg_temp.get(name, '{details,' || member || '}')::jsonb) e
      join millrace.job j on j.id::text = coalesce(e ->> 'jobId', e #>> '{}')
$$;

-- ---------------------------------------------------------------- states

select tap.put('a') \g /dev/null
select tap.is('it is next', pg_temp.why('a') || ': ' || pg_temp.says('a'), 'behind: it is the next of its queue; the workers have no free slot for it yet');
select tap.put('b', 'a', '{"delay": "1h"}') \g /dev/null
select tap.is('later', pg_temp.why('b') || ' ' || (pg_temp.when('b') between interval '59 min' and interval '61 min'), 'scheduled true');
select tap.is('it runs', tap.claimed(:'w') || ' ' || pg_temp.why('a') || ' ' || pg_temp.get('a', '{details,worker}'), 'a running w');
select tap.is('it waits for its retry', tap.done('a', 'retryable') || ' ' || pg_temp.why('a') || ' ' || (pg_temp.when('a') between interval '59 min' and interval '61 min'), 'retryable backoff true');
select tap.put('c') \g /dev/null
select tap.is('it is to be stopped', tap.claimed(:'w') || ' ' || millrace.cancel(tap.job('c')) || ' ' || pg_temp.why('c'), 'c active cancelling');
select tap.is('it has ended', tap.done('c', 'cancelled') || ' ' || pg_temp.why('c') || ': ' || pg_temp.says('c'), 'cancelled ended: it has ended: cancelled');
select tap.refused('there is none', 'select millrace.explain(gen_random_uuid())', 'MR404', 'job_not_found');

-- ---------------------------------------------------------------- other jobs

select tap.put(n) from unnest('{d1,d2,d3}'::text[]) n \g /dev/null
select tap.put('after', 'a', jsonb_build_object('dependsOn', array[tap.job('d1'), tap.job('d2'), tap.job('d3')])) \g /dev/null
select tap.is('one completes', tap.claimed(:'w') || ' ' || tap.done('d1'), 'd1 d2 d3 completed');
select tap.is('it waits for the others', pg_temp.why('after') || ': ' || pg_temp.says('after') || ': ' || pg_temp.ids('after', 'waitsFor'),
              'dependency: it waits for 2 other jobs to complete: d2 d3');
select tap.is('whose state is told', array_agg(distinct e ->> 'state'), '{active}') from jsonb_array_elements(millrace.explain(tap.job('after')) #> '{details,waitsFor}') e;
select tap.is('they end', tap.done('d2 d3') || ' ' || pg_temp.why('after'), 'completed completed behind');
select tap.is('it runs', tap.claimed(:'w') || ' ' || tap.done('after'), 'after completed');

-- ---------------------------------------------------------------- limits

select tap.put(n, 'a', '{"concurrencyKey": "k"}') from unnest('{k1,k2,k3}'::text[]) n \g /dev/null
select tap.is('one runs', tap.claimed(:'w'), 'k1');
select tap.is('a key', pg_temp.why('k2') || ': ' || pg_temp.says('k2'), format('limit: the concurrency key k is in use by job %s', tap.job('k1')));
select tap.is('who has it', pg_temp.ids('k2', 'heldBy'), 'k1');
select tap.is('how many are before it', millrace.explain(tap.job('k2')) #>> '{details,ahead}' || ' ' || (millrace.explain(tap.job('k3')) #>> '{details,ahead}'), '0 1');
select tap.is('end', tap.done('k1') || ' ' || tap.claimed(:'w') || ' ' || tap.done('k2') || ' ' || tap.claimed(:'w') || ' ' || tap.done('k3'), 'completed k2 completed k3 completed');

select tap.put(n, 'a', '{"rateLimit": {"key": "r", "limit": 1, "per": "10m"}}') from unnest('{r1,r2}'::text[]) n \g /dev/null
select tap.is('one runs', tap.claimed(:'w') || ' ' || tap.done('r1'), 'r1 completed');
select tap.is('a rate, and when it lets one pass', pg_temp.why('r2') || ': ' || pg_temp.says('r2') || ' ' || (pg_temp.when('r2') between interval '9 min 50 s' and interval '10 min'),
              'rate_limit: the rate limit r lets no more jobs start now true');
select millrace.cancel(tap.job('r2')) \g /dev/null

select tap.put(n, 'a', '{"serialKey": "s"}') from unnest('{s1,s2,s3}'::text[]) n \g /dev/null
select tap.is('a line', tap.claimed(:'w') || ' ' || pg_temp.why('s2') || ': ' || pg_temp.says('s2'), format('s1 limit: the serial key s is in use by job %s', tap.job('s1')));
select tap.is('behind a retry that waits', tap.done('s1', 'retryable') || ' ' || pg_temp.ids('s2', 'heldBy'), 'retryable s1');
select millrace.change(tap.job('s1'), null, null, now()) \g /dev/null
select tap.is('behind one that is ready', tap.claimed(:'w') || ' ' || tap.done('s1', 'available') || ' ' || tap.claimed(:'w', 1, '{other}') || pg_temp.why('s3') || ': ' || pg_temp.says('s3'),
              's1 available limit: the serial key s is in use by a job that stands before it in the line');
select tap.is('end', tap.claimed(:'w') || ' ' || tap.done('s1') || ' ' || tap.claimed(:'w') || ' ' || tap.done('s2') || ' ' || tap.claimed(:'w') || ' ' || tap.done('s3'), 's1 completed s2 completed s3 completed');

-- ---------------------------------------------------------------- types and queues

update millrace.job_type set concurrency = 1 where type = 'c';
select tap.put(n, 'c') from unnest('{t1,t2}'::text[]) n \g /dev/null
select tap.is('a type', tap.claimed(:'w') || ' ' || pg_temp.why('t2') || ': ' || pg_temp.says('t2') || ': ' || pg_temp.ids('t2', 'heldBy'),
              't1 limit: the type c runs 1 jobs at once, and that many run: t1');
update millrace.job_type set concurrency = null, paused_at = now() where type = 'c';
select tap.is('paused', pg_temp.why('t2') || ': ' || pg_temp.says('t2'), 'paused: the type c is paused');
update millrace.job_type set paused_at = null, options = '{"rateLimit": {"limit": 1, "per": "1h"}}' where type = 'c';
select tap.is('a type''s rate is not yet used', pg_temp.why('t2') || ' ' || tap.claimed(:'w'), 'behind t2');
select tap.put('t3', 'c') \g /dev/null
select tap.is('then it is, and says when', pg_temp.why('t3') || ': ' || pg_temp.says('t3') || ' ' || (pg_temp.when('t3') between interval '59 min' and interval '61 min'),
              'rate_limit: the type c lets no more jobs start now true');
select tap.is('end', tap.done('t1 t2') || ' ' || millrace.cancel(tap.job('t3')), 'completed completed cancelled');

insert into millrace.queue (queue, concurrency) values ('q', 2);
select tap.put(n, 'a', '{"queue": "q"}') from unnest('{q1,q2,q3}'::text[]) n \g /dev/null
select tap.is('a queue', tap.claimed(:'w') || ' ' || pg_temp.why('q3') || ': ' || pg_temp.says('q3') || ': ' || pg_temp.ids('q3', 'heldBy'),
              'q1 q2 limit: the queue q runs 2 jobs at once, and that many run: q1 q2');
update millrace.queue set paused_at = now();
select tap.is('paused', pg_temp.why('q3'), 'paused');
delete from millrace.queue;
select tap.is('then it is next', pg_temp.why('q3'), 'behind');

-- ---------------------------------------------------------------- workers

update millrace.worker set queues = '{default}';
select tap.is('nobody serves the queue', pg_temp.why('q3') || ': ' || pg_temp.says('q3'), 'no_worker: no worker that is alive serves the queue q and the type a');
update millrace.worker set queues = null, types = '{b}';
select tap.is('or the type', pg_temp.why('q3'), 'no_worker');
update millrace.worker set types = '{a}', seen_at = now() - interval '1 min';
select tap.is('or is alive', pg_temp.why('q3'), 'no_worker');
update millrace.worker set seen_at = now();

select cardinality(tap.jobs(3, 'a', '{"queue": "q"}')), cardinality(tap.jobs(2, 'a', '{"queue": "q", "priority": 9}')), tap.put('last', 'a', '{"queue": "q"}') \g /dev/null
select tap.is('behind others', pg_temp.why('last') || ': ' || pg_temp.says('last'), 'behind: 6 jobs of its queue are more urgent or older');
select millrace.add_up() \g /dev/null
select tap.is('how long, by the rate of the last minute', pg_temp.when('last') between interval '3 min 29 s' and interval '3 min 31 s', true)
  from (select sum(n) from millrace.stat_flow where span = '10s' and queue = 'q' and went_to = 'active' having sum(n) = 2) s;

select tap.is('no job is in two states or in none', tap.strays(), 0);
