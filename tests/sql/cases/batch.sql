-- Batches: their jobs, counts, ends and callbacks.

select tap.worker('w') as w \gset
create temp table made (name text, id uuid);

-- A batch of n jobs and its terms, as the API posts it.
create function tap.batch(n int, terms jsonb default '{}', of_type text default 'a',
                          owner text default 'anna', key text default null)
returns uuid language plpgsql as $$
declare
    its_id uuid := millrace.uuid_v7();
    stored int;
begin
    select count(*) into stored from millrace.batch_post(
        its_id, owner, terms, array(select millrace.uuid_v7() from generate_series(1, n)),
        array_fill(of_type, array[n]), array_fill(null::text, array[n]), array_fill(null::int, array[n]),
        array_fill(owner, array[n]), array_fill('{}'::text, array[n]), array_fill(null::bigint, array[n]),
        array_fill(null::timestamptz, array[n]), array_fill(null::int, array[n]),
        array_fill(null::bigint, array[n]), array_fill(null::text, array[n]),
        array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(0, array[n]),
        case when key is not null then '{0}'::int[] else '{}' end,
        array_remove(array[case when key is not null then owner end], null),
        array_remove(array[key], null), array_remove(array['print' || left(key, 0)], null),
        array_remove(array['answer' || left(key, 0)], null));
    return case when stored > 0 then its_id end;
end $$;

create function tap.counts(batch uuid) returns text language sql as $$
    select string_agg(format('%s %s', state, n), ', ' order by state) from millrace.batch_counts(batch)
$$;

create function tap.facts(batch uuid) returns json language sql as $$
    select millrace.batch_facts(b) from millrace.batch b where id = batch
$$;

-- Run all of a batch's jobs that are to be had; each ends so.
create function tap.run_all(worker uuid, of_type text, state text, most int default 100)
returns int language sql as $$
    select count(tap.finish(worker, c.id, c.attempt, state))::int
      from millrace.claim(worker, array[of_type], array[most], null, most) c
$$;

-- What callbacks there are of a batch: their types and what they were told.
create function tap.callbacks(of_batch uuid) returns text language sql as $$
    select string_agg(format('%s %s', payload ->> 'on', (payload #> '{batch,counts}')::jsonb), '; ' order by payload ->> 'on')
      from millrace.job where payload #>> '{batch,id}' = of_batch::text
$$;

\set calls '{"onComplete": {"type": "c", "payload": {"on": "complete"}}, "onSuccess": {"type": "c", "payload": {"on": "success"}}, "onFailure": {"type": "c", "payload": {"on": "failure"}}}'

-- ---------------------------------------------------------------- to the end

select tap.batch(3, :'calls'::jsonb || '{"name": "three"}') as b \gset
select tap.is('its jobs are counted at once', tap.counts(:'b'), 'available 3');
select tap.is('they know it', count(*), 3) from millrace.job where batch = :'b';
select tap.is('so do their events', count(*), 3) from millrace.job_event where batch = :'b';
select millrace.batches_settle() \gset
select tap.is('it runs', ended_at is null and not open, true) from millrace.batch where id = :'b';
select tap.run_all(:'w', 'a', 'completed', 2) \gset
select tap.is('before what happened is added up', tap.counts(:'b'), 'available 1, completed 2');
select millrace.batches_settle() \gset
select tap.is('and after', tap.counts(:'b'), 'available 1, completed 2');
select tap.is('nothing is left to be added', count(*), 0) from millrace.batch_tally;
select tap.is('so far', tap.facts(:'b') ->> 'percent', '66');
select tap.is('no callback yet', tap.callbacks(:'b'), null);
select tap.run_all(:'w', 'a', 'completed') \gset
select tap.is('one ended', millrace.batches_settle(), 1);
select tap.is('its callbacks', tap.callbacks(:'b'), 'complete {"completed": 3}; success {"completed": 3}');
select tap.is('it is told', tap.events(:'b'), 'h_completed');
select tap.is('as a batch''s', batch = :'b' and owner = 'anna' and kind = 'batch_completed', true)
  from millrace.job_event where job_id = :'b';
select tap.is('shown', tap.facts(:'b')::jsonb - 'createdAt' - 'endedAt' - 'batchId',
              '{"name": "three", "owner": "anna", "status": "completed", "open": false, "total": 3,
                "percent": 100, "counts": {"completed": 3}}');
select tap.is('a callback is its owner''s', array_agg(distinct owner), '{anna}') from millrace.job where type = 'c';
insert into millrace.batch_tally (batch, n) values (:'b', 0);
select tap.is('it ends once', millrace.batches_settle(), 0);
select tap.is('and is told once', count(*), 1) from millrace.job_event where job_id = :'b';

select tap.batch(2, :'calls'::jsonb) as b \gset
select tap.run_all(:'w', 'a', 'completed', 1), tap.run_all(:'w', 'a', 'discarded', 1) \gset
select millrace.batches_settle() \gset
select tap.is('one that failed', tap.callbacks(:'b'),
              'complete {"completed": 1, "discarded": 1}; failure {"completed": 1, "discarded": 1}');
select tap.is('has failed', tap.facts(:'b') ->> 'status', 'failed');

select tap.batch(1, '{}') as b \gset
select tap.run_all(:'w', 'a', 'discarded') \gset
select millrace.batches_settle() \gset
select millrace.retry(id) as again from millrace.job where batch = :'b' \gset
select tap.is('a job that is retried is counted so', tap.counts(:'b'), 'available 1');
select tap.run_all(:'w', 'a', 'completed') \gset
select tap.is('it does not end twice', millrace.batches_settle(), 0);
select tap.is('but shows how it is', tap.facts(:'b') ->> 'status', 'completed');

-- ---------------------------------------------------------------- open

select tap.batch(1, '{"open": true}') as b \gset
select tap.run_all(:'w', 'a', 'completed') \gset
select tap.is('an open batch does not end', millrace.batches_settle(), 0);
select tap.is('more jobs', count(*), 1) from (
    select millrace.enqueue('a', '{}', jsonb_build_object('batchId', :'b'::uuid, 'owner', 'anna'))) e;
select tap.is('are counted', tap.counts(:'b'), 'available 1, completed 1');
select tap.refused('others cannot add', format(
    $$select millrace.enqueue('a', '{}', '{"batchId": "%s", "owner": "bert"}')$$, :'b'), 'MR409', 'batch_closed');
select millrace.batch_close(:'b', 'anna') \gset
select tap.refused('nor anybody when it is closed', format(
    $$select millrace.enqueue('a', '{}', '{"batchId": "%s", "owner": "anna"}')$$, :'b'), 'MR409', 'batch_closed');
select tap.refused('a batchId that is none', $$select millrace.enqueue('a', '{}', '{"batchId": "x"}')$$,
                   'MR409', 'batch_closed');
select tap.is('it ends with the last job', millrace.batches_settle(), 0);
select tap.run_all(:'w', 'a', 'completed') \gset
select tap.is('namely now', millrace.batches_settle(), 1);
select tap.refused('another''s batch is not there', format($$select millrace.batch_close('%s', 'bert')$$, :'b'),
                   'MR404', 'batch_not_found');
select tap.batch(0, '{"open": true}') as b \gset
select tap.is('an open one may be empty', tap.facts(:'b') ->> 'percent', '0');
select millrace.batch_close(:'b') \gset
select tap.is('and ends empty', millrace.batches_settle(), 1);

-- Whoever stores jobs of a batch holds it open until they are there.
select tap.batch(1, '{"open": true}') as b \gset
call tap.sessions('{adds,closes}');
select tap.run('adds', 'begin') \gset
select tap.there('adds', format($$millrace.enqueue('a', '{}', '{"batchId": "%s", "owner": "anna"}')$$, :'b')) \gset
call tap.blocks('closes', format('millrace.batch_close(%L)', :'b'));
select tap.run('adds', 'commit') \gset
select tap.is('closing waits for them', tap.outcome('closes'), '');
select tap.is('both jobs are there', tap.counts(:'b'), 'available 2');
select tap.run_all(:'w', 'a', 'completed') \gset
select tap.is('before it ends', millrace.batches_settle(), 1);

-- ---------------------------------------------------------------- cancel

select tap.batch(5) as b \gset
select c.id as runs, c.attempt from millrace.claim(:'w', '{a}', '{1}', null, 1) c \gset
select last as after, n from millrace.batch_cancel(:'b', '00000000-0000-0000-0000-000000000000', 3) \gset
select tap.is('a step takes as many as it may', :n, 3);
select last is null as last, n from millrace.batch_cancel(:'b', :'after', 3) \gset
select tap.is('the next goes on', :n, 2);
select tap.is('one is asked to stop, the others are over', tap.counts(:'b'), 'active 1, cancelled 4');
select tap.is('then there are no more', last, null)
  from millrace.batch_cancel(:'b', (select max(id::text)::uuid from millrace.job where batch = :'b'), 3);
select tap.finish(:'w', :'runs', 1, 'cancelled') \gset
select tap.is('it ends', millrace.batches_settle(), 1);
select tap.is('as failed', tap.facts(:'b') ->> 'status', 'failed');

-- ---------------------------------------------------------------- idempotency

select tap.batch(2, '{"name": "once"}', key => 'k') as b \gset
select tap.is('a known key stores nothing', tap.batch(2, '{"name": "once"}', key => 'k'), null);
select tap.is('no batch either', count(*), 1) from millrace.batch where name = 'once';
select tap.is('nor an empty one', tap.batch(0, '{"open": true}', key => 'k'), null);
select tap.is('which has keys too', tap.batch(0, '{"open": true}', key => 'l') is not null, true);
select tap.run_all(:'w', 'a', 'completed'), millrace.batches_settle() \gset

-- ---------------------------------------------------------------- callbacks

select tap.refused(name, format('select tap.batch(1, %L)', terms), 'MR400', code)
  from (values
    ('a callback of no type', '{"onComplete": {"type": "nothing"}}', 'unknown_type'),
    ('a callback that is no job', '{"onSuccess": "mail"}', 'invalid_member'),
    ('a callback that depends on others', '{"onFailure": {"type": "c", "dependsOn": []}}', 'invalid_member'),
    ('a callback of another''s', '{"onFailure": {"type": "c", "owner": "bert"}}', 'invalid_member'),
    ('a callback with a wrong option', '{"onComplete": {"type": "c", "priority": "x"}}', 'invalid_member'),
    ('a callback with an unknown option', '{"onComplete": {"type": "c", "colour": 1}}', 'unknown_member'),
    ('a callback with a file that is not there',
     '{"onComplete": {"type": "c", "files": ["00000000-0000-0000-0000-000000000000"]}}', 'unknown_file'),
    ('a name that is too long', jsonb_build_object('name', repeat('x', 201))::text, 'invalid_member'),
    ('open that is neither', '{"open": 1}', 'invalid_member'),
    ('what is not known', '{"callback": {}}', 'unknown_member')) c(name, terms, code);
select tap.is('null is none', tap.batch(1, '{"onComplete": null, "name": null}') is not null, true);
select tap.is('trying a callback leaves nothing', count(*), 0)
  from millrace.job where type = 'c' and payload::text = '{}';

-- One that has become impossible is told, and holds up nothing.
select tap.batch(1, '{"onComplete": {"type": "b"}, "onSuccess": {"type": "c", "payload": {"on": "success"}}}') as b \gset
select tap.run_all(:'w', 'a', 'completed') \gset
delete from millrace.job_type where type = 'b';
select millrace.batches_settle() \gset
select tap.is('it says why', tap.facts(:'b') ->> 'error',
              'the callback b: no worker has registered a job type ''b''');
select tap.is('the other one is made', tap.callbacks(:'b'), 'success {"completed": 1}');

-- One for which there is no room now waits for it.
select tap.batch(1, '{"onComplete": {"type": "c", "queue": "full", "payload": {"on": "complete"}}}') as b \gset
select millrace.queue_set('full', '{"maxLength": 0}') \gset
select tap.run_all(:'w', 'a', 'completed') \gset
select millrace.batches_settle(), millrace.batches_settle() \gset
select tap.is('it runs on', tap.facts(:'b') ->> 'status', 'running');
select tap.is('and says why', left(tap.facts(:'b') ->> 'error', 20), 'its callbacks wait: ');
select tap.is('nothing is told yet', tap.events(:'b'), null);
select millrace.queue_set('full', '{"maxLength": null}'), millrace.batches_settle() \gset
select tap.is('it ends when there is room', tap.facts(:'b') ->> 'status', 'completed');
select tap.is('with no error', tap.facts(:'b') ->> 'error', null);
select tap.is('and its callback', tap.callbacks(:'b'), 'complete {"completed": 1}');

-- ---------------------------------------------------------------- it goes

update millrace.batch set expires_at = now() - interval '1 s' where id = :'b';
update millrace.chore set at = '-infinity';
select millrace.keep_house() \gset
select tap.is('an old batch goes, with its event', (select count(*) from millrace.batch where id = :'b')
              + (select count(*) from millrace.job_event where job_id = :'b')
              + (select count(*) from millrace.batch_count where batch = :'b'), 0);
