-- Every attempt is kept: the last with its job's end, the others in attempt.

select tap.worker('w') as w, tap.worker('v') as v, tap.worker('u') as u \gset

-- number, worker, outcome of all attempts
create function pg_temp.attempts(job uuid) returns text language sql as $$
    select string_agg(format('%s %s %s', attempt, worker, outcome), ', ' order by attempt)
      from (select attempt, worker, outcome, started_at, ended_at from millrace.attempt where job_id = job
            union all
            select attempt, worker, coalesce(facts ->> 'outcome', case state when 'discarded' then 'failed' else state::text end), started_at, finished_at
              from millrace.done where id = job and started_at is not null) a
     where ended_at >= started_at
$$;

select tap.put('j', 'a', '{"maxAttempts": 9}') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'j');
select tap.is('it fails, with all that is known', f.state::text, 'retryable')
  from millrace.finish(:'w', array[tap.job('j')], '{1}', '{retryable}', '{null}', array['{"code": "exit_1", "message": "m"}'], '{0}', '{null}',
                       array['{"exitCode": 1, "cpuMs": 12, "peakKb": 3456, "stderr": "oops"}']) f;
select tap.is('number, worker, outcome', pg_temp.attempts(tap.job('j')), '1 w failed');
select tap.is('the error and the facts', error::text || ' ' || facts::text,
              '{"code": "exit_1", "message": "m"} {"exitCode": 1, "cpuMs": 12, "peakKb": 3456, "stderr": "oops"}') from millrace.attempt where job_id = tap.job('j');
select millrace.promote() as promoted \gset
select tap.is('it runs', tap.claimed(:'v'), 'j');
select tap.is('it takes too long', f.state::text, 'retryable')
  from millrace.finish(:'v', array[tap.job('j')], '{2}', '{retryable}', '{null}', '{null}', '{0}', '{null}', array['{"outcome": "timeout"}']) f;
select millrace.promote() as promoted \gset
select tap.is('it is given back', tap.claimed(:'v') || ' ' || tap.done('j', 'available'), 'j available');
select tap.is('its worker is lost', tap.claimed(:'v') || ' ' || millrace.rescue(:'v'), 'j 1');
select tap.is('another leaves', tap.claimed(:'u') || ' ' || millrace.worker_end(:'u'), 'j 1');
select tap.is('it completes', tap.claimed(:'w') || ' ' || tap.done('j'), 'j completed');
select tap.is('all of them', pg_temp.attempts(tap.job('j')), '1 w failed, 2 v timeout, 3 v returned, 4 v lost, 5 u returned, 6 w completed');
select tap.is('those that shall not count have raised the most', max_attempts::int, 11) from millrace.job where id = tap.job('j');

select tap.put('k', 'c') \g /dev/null
select tap.is('it fails for good', tap.claimed(:'w') || ' ' || tap.done('k', 'discarded'), 'k discarded');
select tap.is('its one attempt is with its end', pg_temp.attempts(tap.job('k')), '1 w failed');
select tap.is('run again by hand', millrace.retry(tap.job('k'))::text || ' ' || pg_temp.attempts(tap.job('k')), 'available 1 w failed');
select tap.is('and once more', tap.claimed(:'w') || ' ' || tap.done('k', 'discarded') || ' ' || millrace.retry(tap.job('k')) || ' ' || tap.claimed(:'w') || ' ' || tap.done('k'), 'k discarded available k completed');
select tap.is('all three', pg_temp.attempts(tap.job('k')), '1 w failed, 2 w failed, 3 w completed');

select tap.put('c') \g /dev/null
select tap.is('a run that was cancelled', tap.claimed(:'w') || ' ' || millrace.cancel(tap.job('c')) || ' ' || tap.done('c', 'retryable') || ' ' || pg_temp.attempts(tap.job('c')),
              'c active cancelled 1 w cancelled');
select tap.is('is kept when it is run again', millrace.retry(tap.job('c'))::text || ' ' || pg_temp.attempts(tap.job('c')), 'available 1 w cancelled');
select tap.put('n') \g /dev/null
select tap.is('who was never started has none', millrace.cancel(tap.job('n'))::text || ' ' || coalesce(pg_temp.attempts(tap.job('n')), 'none'), 'cancelled none');
select tap.is('also when it is run again', millrace.retry(tap.job('n'))::text || ' ' || coalesce(pg_temp.attempts(tap.job('n')), 'none'), 'available none');

select tap.is('no job is in two states or in none', tap.strays(), 0);
