-- Jobs that wait for others.

select tap.worker('w') as w \gset

create function pg_temp.after(needs text, more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('dependsOn', jsonb_agg(tap.job(n) order by nth)) || more
      from string_to_table(needs, ' ') with ordinality n(n, nth)
$$;

-- ---------------------------------------------------------------- chains and fans

select tap.put('a') \g /dev/null
select tap.put('b', 'a', pg_temp.after('a')) \g /dev/null
select tap.put('c', 'a', pg_temp.after('b')) \g /dev/null
select tap.is('who waits for another is pending', tap.state(tap.job('b')) || ' ' || tap.state(tap.job('c')), 'pending pending');
select tap.is('only the first can run', tap.claimed(:'w'), 'a');
select tap.is('its end', tap.done('a'), 'completed');
select tap.is('lets the next go', tap.state(tap.job('b')) || ' ' || tap.state(tap.job('c')), 'available pending');
select tap.is('and it is told', tap.events(tap.job('b')), 'queued queued');
select tap.is('the chain goes on', tap.claimed(:'w') || ' ' || tap.done('b') || ' ' || tap.claimed(:'w') || ' ' || tap.done('c'),
              'b completed c completed');

select tap.put(n) from unnest('{x,y,z}'::text[]) n \g /dev/null
select tap.put('all', 'a', pg_temp.after('x y z')) \g /dev/null
select tap.put('too', 'a', pg_temp.after('x')) \g /dev/null
select tap.is('they run', tap.claimed(:'w'), 'x y z');
select tap.is('all have to end', tap.done('x y') || ' ' || tap.place('all') || ' ' || tap.place('too'), 'completed completed waiting ready');
select tap.is('a retry is no end', tap.done('z', 'retryable') || ' ' || tap.place('all'), 'retryable waiting');
update millrace.waiting set run_at = now() where id = tap.job('z');
select millrace.promote() as promoted \gset
select tap.is('then it goes', tap.claimed(:'w') || ' ' || tap.done('z') || ' ' || tap.place('all'), 'z too completed ready');
select tap.put('p') \g /dev/null
select tap.put('q', 'a', pg_temp.after('p')) \g /dev/null
select tap.is('one runs', tap.claimed(:'w', 9), 'all p');
select tap.is('its end says that others may start', freed, true)
  from millrace.finish(:'w', array[tap.job('p')], '{1}', '{completed}', '{null}', '{null}', '{null}', '{null}');
select tap.is('that of another does not', freed, false)
  from millrace.finish(:'w', array[tap.job('all')], '{1}', '{completed}', '{null}', '{null}', '{null}', '{null}');

select tap.put('late', 'a', pg_temp.after('x z')) \g /dev/null
select tap.is('what has completed before is not waited for', tap.place('late'), 'ready');
select tap.put('later', 'a', pg_temp.after('x', '{"delay": "1h"}')) \g /dev/null
select tap.is('but its time is', tap.state(tap.job('later')), 'scheduled');
select tap.put('n', 'a') \g /dev/null
select tap.put('later2', 'a', pg_temp.after('n', '{"delay": "1h"}')) \g /dev/null
select tap.is('it waits', tap.state(tap.job('later2')), 'pending');
select tap.is('and when it is let go', tap.claimed(:'w') || ' ' || tap.done('n'), 'q late n completed');
select tap.is('waits for its time as well', tap.state(tap.job('later2')), 'scheduled');
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.dependency, millrace.dependency_check;

-- ---------------------------------------------------------------- when one fails

select tap.put('f') \g /dev/null
select tap.put('g') \g /dev/null
select tap.put('fail', 'a', pg_temp.after('f g')) \g /dev/null
select tap.put('fail2', 'a', pg_temp.after('fail')) \g /dev/null
select tap.put('cancel', 'a', pg_temp.after('f', '{"onDependencyFailure": "cancel"}')) \g /dev/null
select tap.put('cancel2', 'a', pg_temp.after('cancel', '{"onDependencyFailure": "cancel"}')) \g /dev/null
select tap.put('run', 'a', pg_temp.after('f g', '{"onDependencyFailure": "run"}')) \g /dev/null
select tap.put('run2', 'a', pg_temp.after('fail cancel2', '{"onDependencyFailure": "run"}')) \g /dev/null
select tap.is('they run', tap.claimed(:'w'), 'f g');
select tap.is('one fails', tap.done('f', 'discarded'), 'discarded');
select tap.is('what becomes of ' || n, tap.state(tap.job(n)), want)
  from (values ('fail', 'discarded'), ('fail2', 'discarded'), ('cancel', 'cancelled'), ('cancel2', 'cancelled'),
               ('run', 'pending'), ('run2', 'available')) c(n, want);
select tap.is('it says why', error ->> 'code' || ': ' || (error ->> 'message'),
              format('dependency_failed: job %s, which this one waits for, %s', tap.job(need), how))
  from (values ('fail', 'f', 'has failed'), ('fail2', 'fail', 'has failed'), ('cancel2', 'cancel', 'was cancelled')) c(n, need, how)
  join millrace.job_info on id = tap.job(n);
select tap.is('and is told', tap.events(tap.job('fail2')) || ', ' || tap.events(tap.job('cancel')), 'queued failed, queued cancelled');
select tap.is('the other ends', tap.done('g') || ' ' || tap.state(tap.job('run')), 'completed available');
select tap.put('after', 'a', pg_temp.after('f')) \g /dev/null
select tap.is('who comes later fails at once', tap.state(tap.job('after')), 'discarded');
select tap.put('c1') \g /dev/null
select tap.put('c2', 'a', pg_temp.after('c1')) \g /dev/null
select tap.is('a cancelled one counts as failed', millrace.cancel(tap.job('c1'))::text || ' ' || tap.state(tap.job('c2')), 'cancelled discarded');

-- Run again: with what it waits for, where that has not ended.
select tap.is('the failed one is run again', millrace.retry(tap.job('c1'))::text, 'available');
select tap.is('so is who waits for it: it waits again', millrace.retry(tap.job('c2'))::text, 'pending');
select tap.is('until that one ends', tap.claimed(:'w') like '%c1%', true);
select tap.is('well', tap.done('c1') || ' ' || tap.state(tap.job('c2')), 'completed available');
select tap.is('who is run again alone runs', millrace.retry(tap.job('fail'))::text, 'available');

-- A pending job can be cancelled, and then it is not let go.
select tap.put('d1') \g /dev/null
select tap.put('d2', 'a', pg_temp.after('d1')) \g /dev/null
select tap.put('d3', 'a', pg_temp.after('d2', '{"onDependencyFailure": "cancel"}')) \g /dev/null
select tap.is('a pending job is cancelled', millrace.cancel(tap.job('d2'))::text || ' ' || tap.state(tap.job('d3')), 'cancelled cancelled');
select tap.is('and stays so', tap.claimed(:'w') || ' ' || tap.done('d1') || ' ' || tap.state(tap.job('d2')), 'fail c2 d1 completed cancelled');
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.dependency, millrace.dependency_check;

-- ---------------------------------------------------------------- what is refused

select tap.put('own', 'a', '{"owner": "anna"}') \g /dev/null
select tap.refused('dependsOn: ' || name, format('select millrace.enqueue(''a'', ''{}'', %L)', options::text), 'MR400', code)
  from (values
    ('no array',           '{"dependsOn": "x"}'::jsonb,     'invalid_member'),
    ('no ids',             '{"dependsOn": ["x"]}',          'invalid_member'),
    ('numbers',            '{"dependsOn": [1]}',            'invalid_member'),
    ('an unknown job',     jsonb_build_object('dependsOn', array[gen_random_uuid()]), 'unknown_dependency'),
    ('another''s job',     jsonb_build_object('dependsOn', array[tap.job('own')]), 'unknown_dependency'),
    ('an unknown policy',  '{"onDependencyFailure": "weep"}', 'invalid_member')
  ) c(name, options, code);
select tap.is('none is the same as nothing', tap.state(millrace.enqueue('a', '{}', '{"dependsOn": []}')), 'available');

-- Jobs of one call.
create function pg_temp.call(ids uuid[], needs jsonb[], more jsonb default '{}') returns text language sql as $$
    select string_agg(state::text, ' ' order by state) from millrace.insert_jobs(
        ids, array_fill('a'::text, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]),
        array_fill(null::int, array[cardinality(ids)]), array_fill('anna'::text, array[cardinality(ids)]),
        array_fill('{}'::text, array[cardinality(ids)]), array_fill(null::bigint, array[cardinality(ids)]),
        array_fill(null::timestamptz, array[cardinality(ids)]), array_fill(null::int, array[cardinality(ids)]),
        array_fill(null::bigint, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]),
        array_fill(null::text, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]),
        array_fill(1, array[cardinality(ids)]),
        extras => array(select case when n is not null then jsonb_build_object('dependsOn', n) || more end::text
                          from unnest(needs) with ordinality u(n, nth) order by nth))
$$;
select array_agg(millrace.uuid_v7()) as ids from generate_series(1, 4) \gset
create function pg_temp.ids(ids uuid[], nth int[]) returns jsonb language sql as $$ select jsonb_agg(ids[n]) from unnest(nth) n $$;
select tap.is('in whatever order they come', pg_temp.call(:'ids', array[pg_temp.ids(:'ids', '{2,3}'), pg_temp.ids(:'ids', '{4}'), pg_temp.ids(:'ids', '{4}'), null]),
              'pending pending pending available');

-- A thousand in a chain, backwards; and a fan of a thousand.
select array_agg(millrace.uuid_v7()) as ids from generate_series(1, 1000) \gset
select tap.is('a chain of 1,000 is stored', length(pg_temp.call(:'ids',
    array(select case when n < 1000 then jsonb_build_array((:'ids'::uuid[])[n + 1]) end from generate_series(1, 1000) n))) > 0, true);
select tap.is('one can run', count(*), 1) from millrace.ready where id = any (:'ids');
select millrace.cancel((:'ids'::uuid[])[1000]) as state \gset
select tap.is('its end goes through all of them', count(*), 999) from millrace.done where id = any (:'ids') and state = 'discarded';
select array_agg(millrace.uuid_v7()) as ids from generate_series(1, 1000) \gset
select tap.is('a fan of 1,000 is stored', length(pg_temp.call(:'ids',
    array(select case when n > 1 then jsonb_build_array((:'ids'::uuid[])[1]) end from generate_series(1, 1000) n))) > 0, true);
truncate millrace.ready;
insert into millrace.ready (queue, type, priority, tenant, id) values ('default', 'a', 0, 'anna', (:'ids'::uuid[])[1]);
select tap.is('the one runs', count(c.id), 1) from millrace.claim(:'w', '{a}', '{9}', null, 9) c;
select tap.is('and ends', tap.finish(:'w', (:'ids'::uuid[])[1], 1, 'completed'), 'completed');
select tap.is('then 999 can run', count(*), 999) from millrace.ready where id = any (:'ids');
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.dependency, millrace.dependency_check;

-- A job that gives way to one with its unique key: who waits for it waits for that one.
select tap.put('there', 'a', '{"owner": "anna", "uniqueKey": "k"}') \g /dev/null
select millrace.uuid_v7() as first, millrace.uuid_v7() as second \gset
select tap.is('the first gives way', string_agg(coalesce(instead::text, 'stored'), ' ' order by id), tap.job('there') || ' stored')
  from millrace.insert_jobs(array[:'first', :'second']::uuid[], '{a,a}', '{null,null}', '{null,null}', '{anna,anna}', '{1,2}', '{null,null}',
       '{null,null}', '{null,null}', '{null,null}', '{null,null}', '{null,null}', '{null,null}', '{1,1}',
       extras => array['{"uniqueKey": "k"}', jsonb_build_object('dependsOn', array[:'first'])::text]);
select tap.is('the second waits for the one that is there', needs::text, tap.job('there')::text) from millrace.dependency where job_id = :'second';
select tap.is('and goes when it ends', tap.claimed(:'w') || ' ' || tap.done('there') || ' ' || tap.state(:'second'), 'there completed available');

-- ---------------------------------------------------------------- at once

call tap.sessions('{one,two,old}');
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.dependency, millrace.dependency_check;

-- The enqueue first, the end meanwhile: neither sees the other.
select tap.put('e') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'e');
select pg_temp.after('e')::text as options \gset
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.put(''late'', ''a'', %L)', :'options')) as put \gset
select tap.is('the end does not see it', tap.done('e'), 'completed');
select tap.run('one', 'commit') as done \gset
select tap.is('so it waits', tap.state(tap.job('late')), 'pending');
select tap.is('until it is looked at again', millrace.check_pending() || ' ' || tap.state(tap.job('late')), '1 available');

-- The end first, the enqueue meanwhile.
select tap.put('e2') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'late e2');
select pg_temp.after('e2')::text as options \gset
select tap.run('one', 'begin') as begun, tap.there('one', 'tap.done(''e2'')') as done \gset
select tap.put('late2', 'a', :'options') as put \gset
select tap.is('it cannot know yet', tap.state(tap.job('late2')), 'pending');
select tap.is('nor at the next look', millrace.check_pending() || ' ' || tap.state(tap.job('late2')), '2 pending');
select tap.is('which was the last while that one is open', millrace.check_pending(), 0);
select tap.run('one', 'commit') as done \gset
select tap.is('then there is one more', millrace.check_pending() || ' ' || tap.state(tap.job('late2')), '1 available');
select tap.is('and that is all', millrace.check_pending() || ' ' || count(*), '0 0') from millrace.dependency_check;

-- Behind an old transaction new ones are looked at all the same, however many.
select tap.is('an old transaction is open', tap.run('old', 'begin') || ' ' || (tap.there('old', 'pg_current_xact_id()') <> ''), 'BEGIN true');
select tap.put('e3') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'late2 e3');
select pg_temp.after('e3')::text as options \gset
select cardinality(tap.jobs(1500, 'a', :'options')) as put \gset
select tap.is('1,000 at once', millrace.check_pending(), 1000);
select tap.is('then the rest', millrace.check_pending(), 500);
select tap.is('then none, until it is over', millrace.check_pending(), 0);
select tap.run('old', 'commit') as done \gset
select tap.is('then again', millrace.check_pending() + millrace.check_pending(), 1500);
select tap.is('the end lets them all go', tap.done('e3'), 'completed');
select tap.is('all 1,500', count(*), 1500) from millrace.ready;

-- Two ends at once, of two that one waits for.
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.dependency, millrace.dependency_check;
select tap.put(n) from unnest('{p,q}'::text[]) n \g /dev/null
select tap.put('both', 'a', pg_temp.after('p q')) \g /dev/null
select tap.is('both run', tap.claimed(:'w'), 'p q');
select tap.run('one', 'begin') as begun, tap.there('one', 'tap.done(''p'')') as done \gset
call tap.blocks('two', 'tap.done(''q'')');
select tap.run('one', 'commit') as done \gset
select tap.is('the second has waited', tap.outcome('two'), 'completed');
select tap.is('and lets it go', tap.place('both'), 'ready');

-- What a job waits for is thrown away at the moment at which it is stored: it cannot wait for ever.
select pg_temp.after('p')::text as options \gset
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.put(''orphan'', ''a'', %L)', pg_temp.after('both')::text)) as put \gset
delete from millrace.ready where id = tap.job('both');
delete from millrace.job where id = tap.job('both');
select tap.run('one', 'commit') as done \gset
select millrace.check_pending() as looked \gset
select tap.is('it fails', tap.state(tap.job('orphan')), 'discarded');
select tap.is('and says why', error ->> 'message' like '%is gone', true) from millrace.job_info where id = tap.job('orphan');

select tap.is('no job is in two states or in none', tap.strays(), 0);
