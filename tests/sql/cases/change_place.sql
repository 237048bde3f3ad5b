-- Another priority or time for a job that waits: where it stands then, beside limits,
-- dependencies and other sessions. What may be changed at all is in change.sql.

select tap.worker('w') as w \gset

create function pg_temp.change(name text, priority int, run_at interval default null) returns text language sql as $$
    select millrace.change(tap.job(name), null, priority, now() + run_at)::text || ' ' || tap.place(name)
$$;

select tap.put(n) from unnest('{a,b,c}'::text[]) n \g /dev/null
select tap.is('a priority', pg_temp.change('c', 5), 'available ready');
select tap.is('is seen', priority::int, 5) from millrace.job_info where id = tap.job('c');
select tap.is('and holds', tap.claimed(:'w'), 'c a b');
select tap.refused('not of one that runs', format('select millrace.change(%L, null, 1, null)', tap.job('a')), 'MR409', 'job_started');
select tap.is('it ends', tap.done('a b c'), 'completed completed completed');
select tap.refused('nor of one that has ended', format('select millrace.change(%L, null, 1, null)', tap.job('a')), 'MR409', 'job_final');
select tap.refused('nor of one that is not there', 'select millrace.change(gen_random_uuid(), null, 1, null)', 'MR404', 'job_not_found');
select tap.put('mine', 'a', '{"owner": "anna"}') \g /dev/null
select tap.refused('nor of another''s', format('select millrace.change(%L, ''bert'', 1, null)', tap.job('mine')), 'MR404', 'job_not_found');
select tap.is('its owner may', millrace.change(tap.job('mine'), 'anna', -7, null)::text, 'available');
select tap.refused('no priority: ' || p, format('select millrace.change(%L, null, %s, null)', tap.job('mine'), p), 'MR400', 'invalid_member') from unnest('{-101,101}'::int[]) p;
select tap.is('nothing is nothing', pg_temp.change('mine', null), 'available ready');
select tap.is('it runs', tap.claimed(:'w') || ' ' || tap.done('mine'), 'mine completed');

select tap.put('t') \g /dev/null
select tap.is('later', pg_temp.change('t', null, interval '1 h'), 'scheduled waiting');
select tap.is('it waits', tap.claimed(:'w') || millrace.promote(), '0');
select tap.is('its time is seen', run_at > now() + interval '59 min', true) from millrace.job_info where id = tap.job('t');
select tap.is('a priority leaves the time', pg_temp.change('t', 9) || ' ' || (select run_at > now() + interval '59 min' from millrace.waiting where id = tap.job('t')), 'scheduled waiting true');
select tap.is('sooner', pg_temp.change('t', null, interval '2 min'), 'scheduled waiting');
select tap.is('now', pg_temp.change('t', null, interval '0'), 'available ready');
select tap.is('it runs', tap.claimed(:'w'), 't');
select tap.is('a retry that waits', tap.done('t', 'retryable') || ' ' || pg_temp.change('t', 3), 'retryable retryable waiting');
select tap.is('keeps its error', tap.events(tap.job('t')), 'queued started retrying');
select tap.is('later', pg_temp.change('t', null, interval '3 h'), 'retryable waiting');
select tap.is('and its attempts', pg_temp.change('t', null, interval '-1 s') || ' ' || tap.attempt(tap.job('t')), 'available ready 1');
select tap.is('it runs with the next number', attempt::int, 2) from millrace.claim(:'w', '{a}', '{1}', null, 1);
select tap.is('well', tap.done('t'), 'completed');

select tap.put('need') \g /dev/null
select tap.put('p', 'a', jsonb_build_object('dependsOn', array[tap.job('need')])) \g /dev/null
select tap.is('a pending job', pg_temp.change('p', 4, interval '1 h'), 'pending waiting');
select tap.is('waits for both', tap.claimed(:'w') || ' ' || tap.done('need') || ' ' || tap.state(tap.job('p')), 'need completed scheduled');
select tap.is('and has its priority', priority::int, 4) from millrace.job_info where id = tap.job('p');

select tap.put(n, 'a', '{"concurrencyKey": "k"}') from unnest('{x,y,z}'::text[]) n \g /dev/null
select tap.is('a held job', tap.claimed(:'w') || ' ' || pg_temp.change('z', 50), 'x available ready');
select tap.is('is held again', tap.claimed(:'w') || ' ' || tap.place('z'), ' held');
select tap.is('and comes first', tap.done('x') || ' ' || tap.claimed(:'w'), 'completed z');
select tap.is('the sums are right', n, 1) from millrace.state_counts() where state = 'scheduled';
select tap.is('so are those', n, 1) from millrace.state_counts() where state = 'available';

-- A claim meanwhile: whoever comes second sees what the first has done.
call tap.sessions('{one,two}');
select tap.put('r') \g /dev/null
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.claimed(%L)', :'w')) as claimed \gset
call tap.blocks('two', 'millrace.change(tap.job(''r''), null, 1, null)');
select tap.run('one', 'commit') as done \gset
select tap.is('it has been started', tap.outcome('two'), 'refused: job_started');
select tap.put('s') \g /dev/null
select tap.run('one', 'begin') as begun, tap.there('one', 'millrace.change(tap.job(''s''), null, 77, null)') as changed \gset
call tap.blocks('two', 'millrace.cancel(tap.job(''s''))');
select tap.run('one', 'commit') as done \gset
select tap.is('a cancel finds it where it has gone', tap.outcome('two'), 'cancelled');

select tap.is('no job is in two states or in none', tap.strays(), 0);
