-- Jobs that shall not start after a time.

select tap.worker('w') as w \gset

create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.held, millrace.waiting, millrace.active, millrace.attempt,
             millrace.done, millrace.expiry, millrace.permit, millrace.limiter, millrace.dependency, millrace.dependency_check;
    update millrace.job_type set options = null;
$$;
-- The time is up for these.
create function pg_temp.late(names text) returns void language sql as $$
    update millrace.expiry e set expires_at = now() - interval '1 s' from string_to_table(names, ' ') n where e.id = tap.job(n);
    update millrace.ready r set expires_at = e.expires_at from millrace.expiry e where r.id = e.id;
    update millrace.held h set expires_at = e.expires_at from millrace.expiry e where h.id = e.id;
$$;

-- ---------------------------------------------------------------- options

select tap.put('in', 'a', '{"expiresIn": "10m"}'), tap.put('at', 'a', '{"expiresAt": "2099-01-01T00:00:00Z"}'), tap.put('never') \g /dev/null
select tap.is('expiresIn is a time', expires_at - now() between interval '9 min 50 s' and interval '10 min', true) from millrace.expiry where id = tap.job('in');
select tap.is('expiresAt is one', expires_at, timestamptz '2099-01-01T00:00:00Z') from millrace.expiry where id = tap.job('at');
select tap.is('most jobs have none', count(*), 2) from millrace.expiry;
update millrace.job_type set options = '{"expiresIn": "1h"}' where type = 'a';
select tap.put('type') \g /dev/null
select tap.is('a type may say it', expires_at - now() between interval '59 min' and interval '1 h', true) from millrace.expiry where id = tap.job('type');
select tap.refused('expiry: ' || name, format('select millrace.enqueue(''a'', ''{}'', %L)', options::text), 'MR400', code)
  from (values
    ('both',       '{"expiresIn": "1h", "expiresAt": "2099-01-01T00:00:00Z"}'::jsonb, 'invalid_member'),
    ('no time',    '{"expiresAt": "tomorrow"}',               'invalid_time'),
    ('no day',     '{"expiresAt": "2099-02-31T00:00:00Z"}',   'invalid_time'),
    ('no duration', '{"expiresIn": "soon"}',                  'invalid_duration')
  ) c(name, options, code);
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- in each state

select tap.put('need') \g /dev/null
select tap.put('available', 'a', '{"expiresIn": "1h"}'), tap.put('scheduled', 'a', '{"expiresIn": "1h", "delay": "2h"}'),
       tap.put('pending', 'a', jsonb_build_object('expiresIn', '1h', 'dependsOn', array[tap.job('need')])),
       tap.put('k', 'a', '{"concurrencyKey": "k", "priority": 1}'), tap.put('held', 'a', '{"expiresIn": "1h", "concurrencyKey": "k", "priority": 1}') \g /dev/null
select tap.is('one is held', tap.claimed(:'w', 1) || ' ' || tap.claimed(:'w', 1), 'k need');
select tap.is('before the time nothing expires', millrace.expire(), 0);
select pg_temp.late('available scheduled pending held') \g /dev/null
select tap.is('what is late is not started', tap.claimed(:'w'), '');
select tap.is('it expires', millrace.expire(), 4);
select tap.is('what was ' || n, tap.state(tap.job(n)) || ' ' || (error ->> 'code') || ' ' || tap.events(tap.job(n)), 'cancelled expired queued cancelled')
  from unnest('{available,scheduled,pending,held}'::text[]) n join millrace.job_info on id = tap.job(n);
select tap.is('and once', millrace.expire() || ' ' || count(*), '0 0') from millrace.expiry;
select pg_temp.clear() \g /dev/null

-- Who waits for an expired job hears of it.
select tap.put('e', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.put('d', 'a', jsonb_build_object('dependsOn', array[tap.job('e')])) \g /dev/null
select pg_temp.late('e') \g /dev/null
select tap.is('who waits for it fails', millrace.expire() || ' ' || tap.state(tap.job('d')), '1 discarded');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- what has been started

select tap.put('run', 'a', '{"expiresIn": "1h"}'), tap.put('retry', 'a', '{"expiresIn": "1h"}'), tap.put('lost', 'a', '{"expiresIn": "1h"}'),
       tap.put('ended', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('they run', tap.claimed(:'w'), 'run retry lost ended');
select tap.is('one ends, one waits for its retry', tap.done('ended') || ' ' || tap.done('retry', 'retryable'), 'completed retryable');
select pg_temp.late('run retry lost ended') \g /dev/null
select tap.is('what was started in time does not expire', millrace.expire(), 0);
select tap.is('nor is it kept in mind', count(*), 0) from millrace.expiry;
select tap.is('a worker is lost', millrace.rescue(:'w'), 2);
update millrace.waiting set run_at = now();
select tap.is('all go on', millrace.promote() || ' ' || tap.claimed(:'w'), '1 run retry lost');
select pg_temp.clear() \g /dev/null

select tap.put('soon', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('it runs and fails before its time is up', tap.claimed(:'w') || ' ' || tap.done('soon', 'retryable'), 'soon retryable');
select pg_temp.late('soon') \g /dev/null
select tap.is('it does not expire as it has been started', millrace.expire() || ' ' || tap.state(tap.job('soon')), '0 retryable');
select pg_temp.clear() \g /dev/null

-- Given back is not started.
select tap.put('back', 'a', '{"expiresIn": "1h"}'), tap.put('back2', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('they are given back', tap.claimed(:'w') || ' ' || tap.done('back', 'available') || ' ' || millrace.worker_end(:'w'), 'back back2 available 1');
select pg_temp.late('back back2') \g /dev/null
update millrace.job set extra = jsonb_set(extra, '{expiresAt}', to_jsonb(now() - interval '1 s'));
select tap.is('and then late', tap.claimed(:'w') || millrace.expire(), '2');
select pg_temp.clear() \g /dev/null

-- Also where it came back too late.
select tap.put('back', 'a', '{"expiresIn": "1h"}'), tap.put('back2', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('they run', tap.claimed(:'w'), 'back back2');
select pg_temp.late('back back2') \g /dev/null
update millrace.job set extra = jsonb_set(extra, '{expiresAt}', to_jsonb(now() - interval '1 s'));
select tap.is('the time is up meanwhile', millrace.expire(), 0);
select tap.is('they are given back', tap.done('back', 'available') || ' ' || millrace.worker_end(:'w'), 'available 1');
select tap.is('and are late', tap.claimed(:'w') || millrace.expire(), '2');
select pg_temp.clear() \g /dev/null

-- Run again by hand, or put off: what was is over, what is to come holds.
select tap.put('again', 'a', '{"expiresIn": "1h"}'), tap.put('off', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('cancelled and run again', millrace.cancel(tap.job('again'))::text || ' ' || millrace.retry(tap.job('again')), 'cancelled available');
select tap.is('put off and due', millrace.change(tap.job('off'), null, null, now() + interval '2 h')::text || ' ' || millrace.change(tap.job('off'), null, 1, now()), 'scheduled available');
select pg_temp.late('again off') \g /dev/null
select tap.is('the one has no time to keep, the other has', millrace.expire() || ' ' || tap.claimed(:'w'), '1 again');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- at once

call tap.sessions('{one,two}');
select tap.put('c', 'a', '{"expiresIn": "1h"}') \g /dev/null
update millrace.expiry set expires_at = now();
select tap.run('one', 'begin') as begun, tap.there('one', format('tap.claimed(%L)', :'w')) as claimed \gset
select tap.is('a claim that is under way is not waited for', :'claimed' || ' ' || millrace.expire(), 'c 0');
select tap.run('one', 'rollback') as done \gset
select tap.is('if it comes to nothing the job expires', millrace.expire(), 1);

-- A run that is given back while its time is found to be up: it expires with the next look.
select tap.put('b', 'a', '{"expiresIn": "1h"}') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'b');
update millrace.expiry set expires_at = now();
update millrace.job set extra = jsonb_set(extra, '{expiresAt}', to_jsonb(now()));
select tap.run('one', 'begin') as begun, tap.there('one', 'tap.done(''b'', ''available'')') as done \gset
select tap.is('it is passed over', millrace.expire(), 0);
select tap.run('one', 'commit') as done \gset
select tap.is('and expires', millrace.expire() || ' ' || tap.state(tap.job('b')), '1 cancelled');

select tap.is('no job is in two states or in none', tap.strays(), 0);
