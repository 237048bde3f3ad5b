-- A job that loses its worker three times is set aside.

select tap.worker('w') as w, tap.worker('v') as v, tap.worker('u') as u, tap.worker('t') as t \gset

select tap.put('p', 'a', '{"maxAttempts": 10}'), tap.put('good', 'a', '{"maxAttempts": 10}') \g /dev/null
select tap.is('first', tap.claimed(:'w') || ' ' || tap.done('good', 'retryable', 0) || ' ' || millrace.rescue(:'w') || ' ' || tap.state(tap.job('p')), 'p good retryable 1 available');
select millrace.promote() as promoted \gset
select tap.is('second', tap.claimed(:'v') || ' ' || tap.done('good', 'retryable', 0) || ' ' || millrace.rescue(:'v') || ' ' || tap.state(tap.job('p')), 'p good retryable 1 available');
select millrace.promote() as promoted \gset
select tap.is('a run between that fails by itself does not count', tap.claimed(:'u') || ' ' || tap.done('p', 'retryable', 0), 'p good retryable');
select millrace.promote() as promoted \gset
select tap.is('nor does one that is given back', tap.claimed(:'u') || ' ' || tap.done('p', 'available'), 'p available');
select tap.is('nor the end of a worker in good order', tap.claimed(:'u') || ' ' || millrace.worker_end(:'u') || ' ' || tap.state(tap.job('p')), 'p 2 available');
select tap.is('third', tap.claimed(:'t') || ' ' || millrace.rescue(:'t') || ' ' || tap.state(tap.job('p')), 'p good 2 discarded');
select tap.is('it says so', error ->> 'code', 'poison') from millrace.job_info where id = tap.job('p');
select tap.is('with attempts left', attempt < max_attempts, true) from millrace.job_info where id = tap.job('p');
select tap.is('the other goes on', tap.state(tap.job('good')), 'available');
select tap.is('it is told', tap.events(tap.job('p')) like '% started failed', true);
select tap.is('run again by hand it runs', millrace.retry(tap.job('p'))::text || ' ' || tap.claimed(:'w'), 'available p good');
select tap.is('and when its worker is lost once more it is poison again', millrace.rescue(:'w') || ' ' || tap.state(tap.job('p')), '2 discarded');

-- A last attempt that is lost says that, a cancelled one that.
truncate millrace.job, millrace.ready, millrace.active, millrace.done, millrace.attempt;
select tap.put('last', 'c'), tap.put('cancelled') \g /dev/null
select tap.is('they run', tap.claimed(:'w') || ' ' || millrace.cancel(tap.job('cancelled')), 'last cancelled active');
select tap.is('two are lost', millrace.rescue(:'w'), 2);
select tap.is('the last attempt', error ->> 'code', 'worker_lost') from millrace.job_info where id = tap.job('last');
select tap.is('the cancelled one', state || ' ' || coalesce(error ->> 'code', 'none'), 'cancelled none') from millrace.job_info where id = tap.job('cancelled');

select tap.is('no job is in two states or in none', tap.strays(), 0);
