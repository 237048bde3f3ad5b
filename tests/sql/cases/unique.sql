-- Unique keys: which job stands for which, in which states, for how long.

select tap.worker('w') as w \gset

create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.held, millrace.waiting, millrace.active,
             millrace.done, millrace.uniq, millrace.expiry;
    update millrace.job_type set options = null;
$$;

-- ---------------------------------------------------------------- in which states

select tap.put('u', 'a', '{"uniqueKey": "k"}') as u \gset
select tap.is('a second one gives way: the first comes back', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u');
select tap.is('unique.key is the same key', tap.put('x', 'a', '{"unique": {"key": "k"}}')::text, :'u');
select tap.is('nothing was stored', count(*), 1) from millrace.job;
select tap.is('nor told, nor counted', (select count(*) from millrace.job_event) || ' ' || (select sum(n) from millrace.tally), '1 1');
select tap.put('other', 'a', '{"uniqueKey": "k", "owner": "anna"}') as o \gset
select tap.is('another''s key is another key', :'o' <> :'u', true);
select tap.is('it runs', tap.claimed(:'w') <> '', true);
select tap.is('still the first', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u');
select tap.is('it waits for its retry: still', tap.done('u', 'retryable') || ' ' || (tap.put('x', 'a', '{"uniqueKey": "k"}') = :'u'), 'retryable true');
update millrace.waiting set run_at = now();
select tap.is('it ends', millrace.promote() || ' ' || tap.claimed(:'w') || ' ' || tap.done('u'), '1 u completed');
select tap.put('u2', 'a', '{"uniqueKey": "k"}') as u2 \gset
select tap.is('then the key is free', :'u2' <> :'u', true);
select tap.is('a cancel frees it too', millrace.cancel(:'u2')::text, 'cancelled');
select tap.put('u3', 'a', '{"uniqueKey": "k"}') as u3 \gset
select tap.is('for the next', :'u3' <> :'u2', true);
select tap.refused('the one before cannot be run again beside it', format('select millrace.retry(%L)', :'u2'), 'MR409', 'unique_conflict');
select tap.is('when that has ended it can', tap.claimed(:'w') || ' ' || tap.done('u3') || ' ' || millrace.retry(:'u2'), 'u3 completed available');
select tap.is('and has the key', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u2');
select pg_temp.clear() \g /dev/null

select tap.put('u', 'a', '{"unique": {"key": "k", "states": ["available", "completed"]}}') as u \gset
select tap.is('in the states that are named', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u');
select tap.is('it runs', tap.claimed(:'w'), 'u');
select tap.put('v', 'a', '{"unique": {"key": "k", "states": ["completed"]}}') as v \gset
select tap.is('in no others', :'v' <> :'u', true);
select tap.is('it has completed', tap.claimed(:'w') || ' ' || tap.done('v'), 'v completed');
select tap.is('an ended one may hold the key', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'v');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- for how long

select tap.put('u', 'a', '{"unique": {"key": "k", "within": "10m"}}') as u \gset
select tap.is('it runs and ends', tap.claimed(:'w') || ' ' || tap.done('u'), 'u completed');
select tap.is('within the time a completed one holds the key', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u');
update millrace.uniq set until = until - interval '9 min';
select tap.is('to its end', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'u');
update millrace.uniq set until = until - interval '1 min';
select tap.put('v', 'a', '{"uniqueKey": "k"}') as v \gset
select tap.is('and no longer', :'v' <> :'u', true);
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- what makes two the same

select tap.is('unique by ' || "by"::text || ': ' || name,
              (tap.put('p', of_type, '{"owner": "anna"}'::jsonb || jsonb_build_object('unique', jsonb_build_object('by', "by")), '{"customer": 7, "n": 1}')
               = tap.put('p', of_type2, options || jsonb_build_object('unique', jsonb_build_object('by', "by")), payload)), same)
  from (values
    ('["payload"]'::jsonb,           'the same payload',   'a', 'a', '{"owner": "anna"}'::jsonb, '{"n": 1, "customer": 7}'::jsonb, true),
    ('["payload"]',                  'another payload',    'a', 'a', '{"owner": "anna"}', '{"n": 2, "customer": 7}', false),
    ('["/customer"]',                'a member',           'a', 'a', '{"owner": "anna"}', '{"n": 3, "customer": 7}', true),
    ('["/customer", "type"]',        'another type',       'a', 'c', '{"owner": "anna"}', '{"n": 4, "customer": 7}', false),
    ('["type", "/customer"]',        'the order is one',   'a', 'a', '{"owner": "anna"}', '{"n": 5, "customer": 7}', true),
    ('["queue"]',                    'another queue',      'a', 'a', '{"owner": "anna", "queue": "z"}', '{}', false),
    ('["owner"]',                    'another owner',      'a', 'a', '{"owner": "bert"}', '{}', false),
    ('["owner", "queue"]',           'the same of both',   'a', 'c', '{"owner": "anna"}', '{}', true)
  ) c("by", name, of_type, of_type2, options, payload, same);
select pg_temp.clear() \g /dev/null
update millrace.job_type set options = '{"unique": {"by": ["/id"]}}' where type = 'a';
select tap.is('a type may say it', tap.put('p', 'a', '{}', '{"id": 1}') = tap.put('p', 'a', '{}', '{"id": 1}'), true);
select tap.is('another value is another key', tap.put('p', 'a', '{}', '{"id": 1}') = tap.put('p', 'a', '{}', '{"id": 2}'), false);
select tap.is('a job''s own key stands before it', tap.put('p', 'a', '{"uniqueKey": "k"}', '{"id": 1}') = tap.put('p', 'a', '{}', '{"id": 1}'), false);
select pg_temp.clear() \g /dev/null

select tap.refused('unique: ' || name, format('select millrace.enqueue(''a'', ''{}'', %L)', options::text), 'MR400', code)
  from (values
    ('nothing said',      '{"unique": {}}'::jsonb,                       'invalid_member'),
    ('an unknown member', '{"unique": {"key": "k", "x": 1}}',            'unknown_member'),
    ('by what',           '{"unique": {"by": ["colour"]}}',              'invalid_member'),
    ('no state',          '{"unique": {"key": "k", "states": ["dead"]}}', 'invalid_member'),
    ('no states',         '{"unique": {"key": "k", "states": []}}',      'invalid_member'),
    ('a bad time',        '{"unique": {"key": "k", "within": "soon"}}',  'invalid_duration'),
    ('a bad answer',      '{"unique": {"key": "k", "onConflict": "x"}}', 'invalid_member'),
    ('an empty key',      '{"uniqueKey": ""}',                           'invalid_member'),
    ('no text',           '{"uniqueKey": 7}',                            'invalid_member')
  ) c(name, options, code);

-- ---------------------------------------------------------------- refuse, replace

select tap.put('u', 'a', '{"uniqueKey": "k"}') as u \gset
select tap.refused('refuse', 'select millrace.enqueue(''a'', ''{}'', ''{"unique": {"key": "k", "onConflict": "refuse"}}'')', 'MR409', 'unique_conflict');
select tap.put('r', 'a', '{"unique": {"key": "k", "onConflict": "replace"}}') as r \gset
select tap.is('replace: the waiting one makes way', tap.state(:'u') || ' ' || tap.state(:'r'), 'cancelled available');
select tap.is('and says why', error ->> 'code', 'replaced') from millrace.job_info where id = :'u';
select tap.is('the new one has the key', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'r');
select tap.is('it runs', tap.claimed(:'w'), 'r');
select tap.put('r2', 'a', '{"unique": {"key": "k", "onConflict": "replace"}}') as r2 \gset
select tap.is('one that runs goes on beside the new one', tap.state(:'r') || ' ' || tap.state(:'r2'), 'active available');
select tap.is('which has the key', tap.put('x', 'a', '{"uniqueKey": "k"}')::text, :'r2');
select tap.put('r3', 'a', '{"unique": {"key": "k", "onConflict": "replace"}, "delay": "1h"}') as r3 \gset
select tap.put('r4', 'a', '{"unique": {"key": "k", "onConflict": "replace"}, "concurrencyKey": "c"}') as r4 \gset
select tap.is('so does a scheduled one make way', tap.state(:'r3') || ' ' || tap.state(:'r4'), 'cancelled available');
select tap.put('c', 'a', '{"concurrencyKey": "c", "priority": 50}') as c \gset
select tap.is('it is held', tap.claimed(:'w') || ' ' || tap.place('r4'), 'c held');
select tap.put('r5', 'a', '{"unique": {"key": "k", "onConflict": "replace"}}') as r5 \gset
select tap.is('and a held one', tap.state(:'r4') || ' ' || tap.state(:'r5'), 'cancelled available');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- at once

-- In one call: the first has it.
create function pg_temp.call(on_conflict text) returns text language sql as $$
    select string_agg(coalesce('like ' || (select payload::text from millrace.job j where j.id = i.instead), 'stored'), ', ')
      from (select * from millrace.insert_jobs(
        array(select millrace.uuid_v7() from generate_series(1, 3)), '{a,a,a}', '{null,null,null}', '{null,null,null}', '{anna,anna,anna}', '{1,2,3}', '{null,null,null}',
        '{null,null,null}', '{null,null,null}', '{null,null,null}', '{null,null,null}', '{null,null,null}', '{null,null,null}', '{1,1,1}',
        extras => array[format('{"unique": {"key": "k", "onConflict": %s}}', to_json(on_conflict)), null, format('{"unique": {"key": "k", "onConflict": %s}}', to_json(on_conflict))])
        order by id) i
$$;
select pg_temp.call('return') as call \gset
select tap.is('in one call the first has it', (select string_agg(payload::text, ' ' order by id) from millrace.job), '1 2');
truncate millrace.job, millrace.ready, millrace.uniq;
select tap.refused('or all are refused: ' || c, format('select pg_temp.call(%L)', c), 'MR409', 'unique_conflict') from unnest('{refuse,replace}'::text[]) c;
select pg_temp.clear() \g /dev/null

-- Two sessions: the second waits for what becomes of the first.
call tap.sessions('{one,two}');
select tap.run('one', 'begin') as begun, tap.there('one', 'tap.put(''first'', ''a'', ''{"uniqueKey": "k"}'')') as first \gset
call tap.blocks('two', 'tap.put(''second'', ''a'', ''{"uniqueKey": "k"}'')');
select tap.run('one', 'commit') as done \gset
select tap.is('committed: the second gives way', tap.outcome('two'), :'first');
select tap.run('one', 'begin') as begun, tap.there('one', 'tap.put(''first'', ''a'', ''{"uniqueKey": "k2"}'')') as first \gset
call tap.blocks('two', 'tap.put(''second'', ''a'', ''{"uniqueKey": "k2"}'')');
select tap.run('one', 'rollback') as done \gset
select tap.is('rolled back: the second is stored', tap.outcome('two')::uuid = tap.job('second'), true);

-- A replacement that meets a claim waits for it, and one that meets a promotion cancels all the same.
select pg_temp.clear() \g /dev/null
select tap.put('late', 'a', '{"uniqueKey": "k", "delay": "1h"}') \g /dev/null
update millrace.waiting set run_at = now();
select tap.run('one', 'begin') as begun, tap.there('one', 'millrace.promote()') as promoted \gset
call tap.blocks('two', 'tap.put(''new'', ''a'', ''{"unique": {"key": "k", "onConflict": "replace"}}'')');
select tap.run('one', 'commit') as done \gset
select tap.is('it is stored', tap.outcome('two')::uuid = tap.job('new'), true);
select tap.is('and the one that was just promoted is cancelled', tap.state(tap.job('late')) || ' ' || tap.state(tap.job('new')), 'cancelled available');
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.claimed(%L)', :'w')) as claimed \gset
call tap.blocks('two', 'tap.put(''newer'', ''a'', ''{"unique": {"key": "k", "onConflict": "replace"}}'')');
select tap.run('one', 'commit') as done \gset
select tap.is('it is stored', tap.outcome('two')::uuid = tap.job('newer'), true);
select tap.is('beside the one that was just started', tap.state(tap.job('new')) || ' ' || tap.state(tap.job('newer')), 'active available');

-- Many at once: one is stored.
select pg_temp.clear() \g /dev/null
create procedure public.post_many() language plpgsql as $$
begin
    for n in 1 .. 50 loop
        perform tap.put('many', 'a', jsonb_build_object('uniqueKey', 'k' || n));
        commit;
    end loop;
end $$;
call tap.sessions('{s1,s2,s3,s4,s5,s6,s7,s8}');
select tap.dblink_send_query('s' || n, 'call public.post_many()') from generate_series(1, 8) n \g /dev/null
select tap.is('a session has posted', tap.outcome('s' || n), 'CALL') from generate_series(1, 8) n;
select tap.is('of 8 posts of each of 50 keys one is stored', count(*), 50) from millrace.job;

select tap.is('no job is in two states or in none', tap.strays(), 0);
