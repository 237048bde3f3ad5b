-- millrace.finish, report and add_log: only the current run may say anything.

select tap.worker('one') as w1, tap.worker('two') as w2 \gset

-- How a run may end.
create temp table ended as
select *, tap.running(:'w1') as id
  from (values
    ('completed', 'completed', 'completed', 'completed', '100', 'queued started completed'),
    ('discarded', 'discarded', 'discarded', 'failed',    '0',   'queued started failed'),
    ('cancelled', 'cancelled', 'cancelled', 'cancelled', '0',   'queued started cancelled'),
    ('retryable', 'retryable', 'retryable', 'pending',   '0',   'queued started retrying'),
    ('available', 'available', 'available', 'pending',   '0',   'queued started queued')
  ) c(name, said, state, status, progress, events);

select tap.is('finish answers ' || said,
              tap.finish(:'w1', id, 1, said, '{"r": 1}', '{"code": "c", "message": "m"}', 60000), said)
  from ended;
select tap.is(said || ' is the state', tap.state(id), state) from ended;
select tap.is(said || ' has its status', i.status, e.status) from ended e join millrace.job_info i using (id);
select tap.is(said || ' has its progress', i.progress::text, e.progress) from ended e join millrace.job_info i using (id);
select tap.is(said || ' has its event', tap.events(id), events) from ended;
select tap.is('the result is kept', result::text, '{"r": 1}')
  from millrace.job_info join ended using (id) where said = 'completed';
select tap.is('an end has its times', started_at <= completed_at, true)
  from millrace.job_info join ended using (id) where said in ('completed', 'discarded');
select tap.is('a retry waits as long as was said', run_at - now() between '59 s' and '60 s', true)
  from millrace.job_info join ended using (id) where said = 'retryable';
select tap.is('a retry shows why', error ->> 'message', 'm')
  from millrace.job_info join ended using (id) where said = 'retryable';
select tap.is('the event of a failure says why', message, 'm')
  from millrace.job_event join ended on job_id = id where said = 'discarded' and kind = 'job_failed';
select tap.is('a job that is given back may run once more for it', max_attempts::int, 4)
  from millrace.job join ended using (id) where said = 'available';
select tap.is('no number of an attempt is used twice', attempt::int, 2)
  from millrace.claim(:'w1', '{a}', '{1}', null, 1);

-- Fencing: what is refused changes nothing.

-- Fencing: what is refused changes nothing.
select tap.running(:'w1') as job \gset
select tap.is('refused: ' || name, tap.finish(worker, job, attempt, 'completed'), null)
  from (values
    ('another attempt before', :'w1'::uuid, :'job'::uuid, 0),
    ('another attempt after',  :'w1', :'job', 2),
    ('another worker',         :'w2', :'job', 1),
    ('another job',            :'w1', gen_random_uuid(), 1)
  ) c(name, worker, job, attempt);
select tap.is('the run goes on after that', tap.state(:'job') || ': ' || tap.events(:'job'), 'active: queued started');
select tap.is('the right one ends it', tap.finish(:'w1', :'job', 1, 'completed', '1'), 'completed');
select tap.is('refused: a final job', tap.finish(:'w1', :'job', 1, 'discarded', '2'), null);
select tap.is('its result stays', result::text, '1') from millrace.job_info where id = :'job';
select tap.is('it ended once', tap.events(:'job'), 'queued started completed');

-- A batch: each element for itself.
select array_agg(tap.running(:'w1')) as jobs from generate_series(1, 4) \gset
select tap.is('of a batch, only what is current is answered',
              string_agg(state::text, ' ' order by array_position(:'jobs'::uuid[], id)), 'completed retryable discarded')
  from millrace.finish(:'w1', :'jobs'::uuid[], '{1,1,9,1}', '{completed,retryable,completed,discarded}',
                       '{1,null,3,null}', '{null,null,null,null}', '{0,1000,0,0}', '{null,null,null,null}');
select tap.is('the one that is not goes on', tap.state((:'jobs'::uuid[])[3]), 'active');
select tap.is('an empty batch is nothing', count(*), 0)
  from millrace.finish(:'w1', '{}', '{}', '{}', '{}', '{}', '{}', '{}');

-- Retryable, waiting, promoted, and run again.
truncate millrace.job, millrace.ready, millrace.active, millrace.waiting, millrace.done;
select tap.running(:'w1') as job \gset
select tap.is('a failed attempt waits', tap.finish(:'w1', :'job', 1, 'retryable', null, null, 3600000), 'retryable');
select tap.is('what is not due is not promoted', millrace.promote(), 0);
update millrace.waiting set run_at = now() - interval '1 s' where id = :'job';
select tap.is('what is due is promoted', millrace.promote(), 1);
select tap.is('then it is available', tap.state(:'job'), 'available');
select tap.is('the attempt that failed counts', attempt::int, 2) from millrace.claim(:'w2', '{a}', '{1}', null, 1);
select tap.is('the run before is fenced out', tap.finish(:'w1', :'job', 1, 'completed'), null);
select tap.is('its worker has no say in the next', tap.finish(:'w1', :'job', 2, 'completed'), null);
select tap.is('the second run ends it', tap.finish(:'w2', :'job', 2, 'completed'), 'completed');
select tap.is('the error of the first is gone', error::text, null) from millrace.job_info where id = :'job';

select cardinality(tap.jobs(1500, 'a', '{"delay": "1h"}')) as put \gset
update millrace.waiting set run_at = now();
select tap.is('1,000 are promoted at once', millrace.promote(), 1000);
select tap.is('and the rest after them', millrace.promote(), 500);
select tap.is('and then none', millrace.promote(), 0);

-- Cancelling was asked for: what would be repeated ends.
create temp table stopped as
select *, tap.running(:'w1') as id
  from (values ('retryable', 'cancelled'), ('available', 'cancelled'), ('cancelled', 'cancelled'),
               ('completed', 'completed'), ('discarded', 'discarded')) c(said, state);
select tap.is('a running job is asked to stop', millrace.cancel(id)::text, 'active') from stopped;
select tap.is('after a cancel, ' || said || ' is ' || state, tap.finish(:'w1', id, 1, said), state) from stopped;
select tap.is('and that is its state: ' || state, tap.state(id), state) from stopped;

-- Artifacts.
create function pg_temp.finish_with(job uuid, state text, artifacts text) returns text
language sql as $$
    select f.state::text
      from millrace.finish((select worker from millrace.active where id = job), array[job], '{1}',
                           array[state]::millrace.state[], '{null}', '{null}', '{0}', array[artifacts]) f
$$;
select tap.running(:'w1') as kept, tap.running(:'w1') as failed, tap.running(:'w1') as again \gset
select tap.is('a completed job with files', pg_temp.finish_with(:'kept', 'completed',
    '[{"name": "a.csv", "size": 5000000000, "contentType": "text/csv", "sha256": "ab"},
      {"name": "b", "size": 0, "contentType": "x/y", "sha256": "cd"}]'), 'completed');
select tap.is('has them', string_agg(concat_ws(' ', name, attempt, size, content_type, sha256), ', ' order by name),
              'a.csv 1 5000000000 text/csv ab, b 1 0 x/y cd')
  from millrace.artifact where job_id = :'kept';
select tap.is('a failed one with files', pg_temp.finish_with(:'failed', 'discarded',
    '[{"name": "a.csv", "size": 5, "contentType": "text/csv", "sha256": "ab"}]'), 'discarded');
select tap.is('has them too', string_agg(name, ', '), 'a.csv') from millrace.artifact where job_id = :'failed';
select tap.is('run again', millrace.retry(:'failed')::text, 'available');
select tap.is('it has none', count(*), 0) from millrace.artifact where job_id = :'failed';
select tap.is('and is gone', millrace.cancel(:'failed')::text, 'cancelled');
select tap.is('one that is tried again, with files', pg_temp.finish_with(:'again', 'retryable',
    '[{"name": "a.csv", "size": 5, "contentType": "text/csv", "sha256": "ab"}]'), 'retryable');
select tap.is('has none', count(*), 0) from millrace.artifact where job_id = :'again';

-- Reports: a part that is null stays as it was.
select tap.running(:'w1') as job \gset
create function pg_temp.report(w uuid, job uuid, attempt int, percent int, message text) returns text
language sql as $$
    select coalesce((select 'taken' from millrace.report(w, array[job], array[attempt], array[percent], array[message])), 'refused')
$$;
create function pg_temp.shown(job uuid) returns text language sql as $$
    select concat_ws(' ', progress, message) from millrace.job_info where id = job
$$;
select tap.is('a report of the run', pg_temp.report(:'w1', :'job', 1, 40, 'half way'), 'taken');
select tap.is('shows', pg_temp.shown(:'job'), '40 half way');
select tap.is('a message alone', pg_temp.report(:'w1', :'job', 1, null, 'more'), 'taken');
select tap.is('leaves the progress', pg_temp.shown(:'job'), '40 more');
select tap.is('progress alone', pg_temp.report(:'w1', :'job', 1, 60, null), 'taken');
select tap.is('leaves the message', pg_temp.shown(:'job'), '60 more');
select tap.is('each has an event', tap.events(:'job'), 'queued started progress progress progress');
select tap.is('a report of ' || name, pg_temp.report(worker, job, attempt, 99, 'no'), 'refused')
  from (values
    ('another attempt', :'w1'::uuid, :'job'::uuid, 2),
    ('another worker',  :'w2', :'job', 1),
    ('another job',     :'w1', gen_random_uuid(), 1)
  ) c(name, worker, job, attempt);
select tap.is('changes nothing', pg_temp.shown(:'job'), '60 more');
select tap.is('and tells nothing', tap.events(:'job'), 'queued started progress progress progress');

-- The log.
select count(millrace.add_log(w, array_fill(:'job'::uuid, array[cardinality(lines)]), attempts, ats, lines)) as calls
  from (values
    (:'w1'::uuid, '{1,1,2,1}'::int[], '{1000,2000,3000,4000}'::bigint[], '{first,second,stale,third}'::text[]),
    (:'w2', '{1}', '{5000}', '{stranger}')
  ) c(w, attempts, ats, lines) \gset
select tap.is('the log has the lines of the run, in order', string_agg(line, ' ' order by seq), 'first second third')
  from millrace.job_log where job_id = :'job';
select tap.is('with their times', array_agg(extract(epoch from at)::int order by seq), '{1,2,4}')
  from millrace.job_log where job_id = :'job';

-- After the end.
select tap.is('a failure', tap.finish(:'w1', :'job', 1, 'discarded'), 'discarded');
select tap.is('keeps progress and message', pg_temp.shown(:'job'), '60 more');
select tap.is('a report of a final job', pg_temp.report(:'w1', :'job', 1, 99, 'no'), 'refused');
select tap.is('changes nothing', pg_temp.shown(:'job'), '60 more');

select tap.is('no job is in two states or in none', tap.strays(), 0);

-- What a training has read of a saved connection is at hand.
truncate millrace.ready;
insert into millrace.job_type (type, queue, priority, timeout_ms, max_attempts) values ('schema-training', 'default', 0, 1000, 1);
insert into millrace.connection (id, owner, name, kind, host, port, database, "user")
select millrace.uuid_v7(), owner, name, 'mysql', 'db.example.org', 1, 'shop', 'app'
  from (values ('ann', 'shop'), ('ann', 'other'), ('ben', 'shop')) c(owner, name);
create function pg_temp.training(payload jsonb, of_type text default 'schema-training') returns uuid language sql as $$
    with job as materialized (select millrace.enqueue(of_type, payload, '{"owner": "ann"}') as id)
    select c.id from job cross join lateral millrace.claim(
        (select id from millrace.worker where name = 'one'), array[of_type], array[1 + (job.id is null)::int], null, 1) c
$$;
create function pg_temp.cached() returns text language sql as $$
    select coalesce(string_agg(c.owner || ' ' || c.name || ' ' || s.result::text, ', ' order by c.name), 'nothing')
      from millrace.schema_cache s join millrace.connection c on c.id = s.connection
$$;
create temp table training as
select nth, name, ended, result, pg_temp.training(payload, type) as job
  from (values
    (1, 'by another type nothing',       'a',               '{"connection": "shop"}'::jsonb, 'completed', '1'),
    (2, 'by one that fails nothing',     'schema-training', '{"connection": "shop"}',        'discarded', '2'),
    (3, 'without a connection nothing',  'schema-training', '{}',                            'completed', '3'),
    (4, 'without a result nothing',      'schema-training', '{"connection": "shop"}',        'completed', null),
    (5, 'of an unknown one nothing',     'schema-training', '{"connection": "gone"}',        'completed', '5')) c(nth, name, type, payload, ended, result)
 order by nth;
select tap.is('cached is ' || name, tap.finish(:'w1', job, 1, ended, result) || ': ' || pg_temp.cached(), ended || ': nothing') from training order by nth;
select pg_temp.training('{"connection": "shop"}') as before, pg_temp.training('{"connection": "shop"}') as behind,
       pg_temp.training('{"connection": "other"}') as beside \gset
select tap.finish(:'w1', :'behind', 1, 'completed', '{"n": 2}') \g /dev/null
select tap.is('what it has read is cached', pg_temp.cached(), 'ann shop {"n": 2}');
select tap.finish(:'w1', :'before', 1, 'completed', '{"n": 1}') \g /dev/null
select tap.is('the later one is the one that stays', pg_temp.cached(), 'ann shop {"n": 2}');
select pg_temp.training(jsonb_build_object('connection', id)) as named from millrace.connection where owner = 'ann' and name = 'shop' \gset
select tap.is('several at once', count(*), 2)
  from millrace.finish(:'w1', array[:'named', :'beside']::uuid[], '{1,1}', '{completed,completed}', array['{"n": 3}', '{"n": 4}'], '{null,null}', '{0,0}', '{null,null}');
select tap.is('by the id too', pg_temp.cached(), 'ann other {"n": 4}, ann shop {"n": 3}');
create function pg_temp.put(its_name text, its_host text) returns void language sql as $$
    select millrace.connection_put(false, id, owner, its_name, kind, its_host, port, database, "user", null, null, null, null, false)
      from millrace.connection where owner = 'ann' and name in ('shop', 'store')
$$;
select pg_temp.training(jsonb_build_object('connection', id)) as late from millrace.connection where owner = 'ann' and name = 'shop' \gset
select pg_temp.put('store', 'db.example.org') \g /dev/null
select tap.is('it stays under another name', pg_temp.cached(), 'ann other {"n": 4}, ann store {"n": 3}');
select pg_temp.put('shop', 'db.example.com') \g /dev/null
select tap.is('but not where its connection leads elsewhere', pg_temp.cached(), 'ann other {"n": 4}');
select tap.is('nor is kept what was read there', tap.finish(:'w1', :'late', 1, 'completed', '{"n": 5}') || ': ' || pg_temp.cached(), 'completed: ann other {"n": 4}');
select pg_temp.training('{"connection": "shop"}') as anew \gset
select tap.finish(:'w1', :'anew', 1, 'completed', '{"n": 6}') \g /dev/null
select tap.is('only what is read anew', pg_temp.cached(), 'ann other {"n": 4}, ann shop {"n": 6}');
delete from millrace.connection where name = 'shop';
select tap.is('it goes with its connection', pg_temp.cached(), 'ann other {"n": 4}');
