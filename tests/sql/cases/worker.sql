-- Workers: begin, beat, rescue, end.

-- What becomes of the runs of a worker that is gone, and of nobody else's.
select tap.worker('gone') as gone, tap.worker('other') as other \gset
create temp table lost as
select *, tap.running(:'gone', of_type, options) as id
  from (values
    ('attempts left',       'a', '{}'::jsonb,           'available', 'retrying'),
    ('exhausted',           'a', '{"maxAttempts": 1}',  'discarded', 'failed'),
    ('cancel asked',        'a', '{}',                  'cancelled', 'cancelled'),
    ('cancel, exhausted',   'a', '{"maxAttempts": 1}',  'cancelled', 'cancelled')
  ) c(name, of_type, options, want, event);
select count(millrace.cancel(id)) as asked from lost where name like 'cancel%' \gset
select tap.running(:'other') as kept \gset

select tap.is('rescue counts the runs', millrace.rescue(:'gone'), 4);
select tap.is('a lost run with ' || name || ' is ' || want, tap.state(id), want) from lost;
select tap.is('and is told: ' || name, tap.events(id), 'queued started ' || event) from lost;
select tap.is('a lost attempt counts', tap.attempt(id), 1) from lost where name = 'attempts left';
select tap.is('a job lost for good says why', error ->> 'code', 'worker_lost')
  from millrace.job_info join lost using (id) where name = 'exhausted';
select tap.is('its status is failed', status, 'failed')
  from millrace.job_info join lost using (id) where name = 'exhausted';
select tap.is('the run of another worker goes on', tap.state(:'kept'), 'active');
select tap.is('the worker is gone', count(*), 0) from millrace.worker where id = :'gone';
select tap.is('rescue again is nothing', millrace.rescue(:'gone'), 0);
select tap.is('what the lost run says late is refused', tap.finish(:'gone', id, 1, 'completed'), null)
  from lost where name = 'attempts left';
select tap.is('the job is run again', attempt::int, 2)
  from millrace.claim(:'other', '{a}', '{1}', null, 1);
select tap.is('a last attempt that is lost ends the job', millrace.rescue(:'other'), 2);
select tap.is('it had three', tap.attempt(id) || ' ' || tap.state(id), '2 available')
  from lost where name = 'attempts left';

-- A worker of the same name takes over.
truncate millrace.job, millrace.ready, millrace.active, millrace.done, millrace.worker;
select tap.worker('host1') as before, tap.worker('host2') as other \gset
select tap.running(:'before') as a, tap.running(:'before') as b, tap.running(:'other') as c \gset
select gen_random_uuid() as after \gset
select tap.refused('a living namesake elsewhere is refused',
    'select millrace.worker_begin(gen_random_uuid(), ''host1'', ''elsewhere'', 7, ''v'', 4, null, ''{a}'')',
    'MR409', 'name_taken');
select tap.is('a namesake frees the jobs of the one before',
              millrace.worker_begin(:'after', 'host1', 'host', 7, 'v', 4, '{mail}', '{a}'), 2);
select tap.is('they are available', tap.state(:'a') || ' ' || tap.state(:'b'), 'available available');
select tap.is('others'' are not touched', tap.state(:'c'), 'active');
select tap.is('there is one of the name', array_agg(id::text), array[:'after']) from millrace.worker where name = 'host1';
select tap.is('its facts are known', concat_ws(' ', host, pid, version, slots, queues, types), 'host 7 v 4 {mail} {a}')
  from millrace.worker where id = :'after';
select tap.is('the one before is told that it is dead', alive, false)
  from millrace.beat(:'before', 60000, 3600000);
select tap.is('a new name frees nothing', millrace.worker_begin(gen_random_uuid(), 'host3', 'h', 1, 'v', 1, null, '{}'), 0);

-- A worker ends in good order.
select max_attempts as allowed from millrace.job where id = :'c' \gset
select tap.is('whoever ends gives back what it holds', millrace.worker_end(:'other'), 1);
select tap.is('and it has not cost an attempt', max_attempts::int, :allowed + 1) from millrace.job where id = :'c';
select tap.is('that job is available', tap.state(:'c'), 'available');
select tap.is('and is told as one that is given back', tap.events(:'c'), 'queued started queued');
select tap.is('its row is gone', count(*), 0) from millrace.worker where id = :'other';

-- The heartbeat.
truncate millrace.job, millrace.ready, millrace.active, millrace.done, millrace.worker;
select tap.worker('me') as me, tap.worker('silent') as silent, tap.worker('lively') as lively \gset
select tap.running(:'silent') as job \gset
update millrace.worker set seen_at = now() - interval '1 h' where id in (:'me', :'silent');
select tap.is('who has not beaten steadily buries nobody', concat_ws(' ', alive, rescued), 't 0')
  from millrace.beat(:'me', 60000, 3600000);
select tap.is('a beat is seen', now() - seen_at < interval '1 s', true) from millrace.worker where id = :'me';
select tap.is('nor does it with its next beat', rescued, 0) from millrace.beat(:'me', 60000, 3600000);
update millrace.worker set steady_since = now() - interval '61 s' where id = :'me';
select tap.is('nor before it has beaten for longer than one may be silent', rescued, 0)
  from millrace.beat(:'me', 60000, 3600000);
update millrace.worker set steady_since = now() - interval '63 s' where id = :'me';
select tap.is('then it buries the silent', concat_ws(' ', alive, rescued), 't 1')
  from millrace.beat(:'me', 60000, 3600000);
select tap.is('the silent one''s job is free', tap.state(:'job'), 'available');
select tap.is('who was seen lately stays', array_agg(name order by name), '{lively,me}') from millrace.worker;
select tap.is('the silent one hears it when it is back', concat_ws(' ', alive, rescued, promoted), 'f 0 0')
  from millrace.beat(:'silent', 60000, 3600000);
select tap.is('being dead does not come back by beating', count(*), 0) from millrace.worker where id = :'silent';

select millrace.cancel(:'job') as state \gset
select tap.running(:'me') as one, tap.running(:'me') as two, tap.running(:'lively') as three \gset
select tap.is('nothing to stop is null', stop, null) from millrace.beat(:'me', 60000, 3600000);
select array_agg(millrace.cancel(id)) as asked from unnest(array[:'one', :'two', :'three']::uuid[]) id \gset
select tap.is('the beat names what is to stop, and only its own',
              (select array_agg(s order by s) from unnest(string_to_array(stop, ',')) s),
              (select array_agg(s order by s) from unnest(array[:'one', :'two']) s))
  from millrace.beat(:'me', 60000, 3600000);

select tap.is('no job waits: due_ms is null', due_ms, null) from millrace.beat(:'me', 60000, 3600000);
select millrace.enqueue('a', '{}', '{"delay": "1h"}') as late, millrace.enqueue('a', '{}', '{"delay": "30s"}') as soon \gset
select tap.is('due_ms is that of the next one', due_ms between 25000 and 30000, true)
  from millrace.beat(:'me', 60000, 3600000);
update millrace.waiting set run_at = now() - interval '5 s' where id = :'soon';
select tap.is('the beat promotes what is due', concat_ws(' ', promoted, due_ms between 3590000 and 3600000), '1 t')
  from millrace.beat(:'me', 60000, 3600000);
select tap.is('that one is available', tap.state(:'soon'), 'available');
select tap.is('the other waits', tap.state(:'late'), 'scheduled');

-- A claim that was committed after its worker's row had gone.
select tap.running(:'me') as orphan \gset
update millrace.active set worker = gen_random_uuid() where id = :'orphan';
select tap.is('a run of nobody is rescued', rescued, 1) from millrace.beat(:'me', 60000, 3600000);
select tap.is('it is available', tap.state(:'orphan'), 'available');

-- Housekeeping.
insert into millrace.idempotency (owner, key, fingerprint, answer, created_at)
select 'anna', 'old' || n, 'f', 'x', now() - interval '2 h' from generate_series(1, 1500) n;
insert into millrace.idempotency values ('anna', 'young', 'f', 'x', now() - interval '30 min');
insert into millrace.token (id, secret_hash, owner, role) values ('tokentoken12', 'x', 'anna', 'user');
insert into millrace.session values ('over', 'tokentoken12', now() - interval '1 s'), ('good', 'tokentoken12', now() + interval '1 h');
select tap.is('a beat', alive, true) from millrace.beat(:'me', 60000, 3600000);
select tap.is('takes 1,000 old keys away', count(*), 501) from millrace.idempotency;
select tap.is('the next beat', alive, true) from millrace.beat(:'me', 60000, 3600000);
select tap.is('takes the rest', string_agg(key, ' '), 'young') from millrace.idempotency;
select tap.is('sessions that are over are gone', string_agg(hash, ' '), 'good') from millrace.session;

-- Two at once do the housekeeping: neither waits, nothing is done twice.
truncate millrace.job, millrace.ready, millrace.active, millrace.waiting, millrace.done;
call tap.sessions('{one,two}');
select tap.worker('dead') as dead \gset
select tap.running(:'dead') as job, cardinality(tap.jobs(5, 'a', '{"delay": "1h"}')) as put \gset
update millrace.worker set seen_at = now() - interval '1 h' where id = :'dead';
update millrace.waiting set run_at = now();
select tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select rescued || '' '' || promoted from millrace.beat(%L, 60000, 3600000)', :'me')) as one \gset
select tap.there('two', format('select rescued || '' '' || promoted from millrace.beat(%L, 60000, 3600000)', :'lively')) as two \gset
select tap.run('one', 'commit') as committed \gset
select tap.is('the first does it all', :'one', '1 5');
select tap.is('the second leaves it to the first', :'two', '0 0');
select tap.is('the job of the dead is told once', tap.events(:'job'), 'queued started retrying');

select tap.is('no job is in two states or in none', tap.strays(), 0);
