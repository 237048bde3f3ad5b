-- Lines: one job of a key at a time, in the order in which they came.

select tap.worker('w') as w, tap.worker('v') as v \gset

create function pg_temp.line(names text, more jsonb default '{}', of_type text default 'a') returns void language sql as $$
    select tap.put(n, of_type, '{"serialKey": "s"}' || more) from string_to_table(names, ' ') n
$$;
create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.held, millrace.waiting, millrace.active, millrace.expiry,
             millrace.done, millrace.permit, millrace.limiter, millrace.turn, millrace.attempt;
    update millrace.job_type set options = null;
$$;

select pg_temp.line('s1 s2 s3'), tap.put('free') \g /dev/null
select tap.is('one at a time; others pass', tap.claimed(:'w'), 's1 free');
select tap.is('none for another worker', tap.claimed(:'v'), '');
select tap.is('the next', tap.done('s1') || ' ' || tap.claimed(:'v'), 'completed s2');
select tap.is('the next, after a failure too', tap.done('s2', 'discarded') || ' ' || tap.claimed(:'v'), 'discarded s3');
select pg_temp.clear() \g /dev/null

-- A retry keeps its place.
select pg_temp.line('s1 s2') \g /dev/null
select tap.is('the first', tap.claimed(:'w'), 's1');
select tap.is('waits for its retry, and the others for it', tap.done('s1', 'retryable') || ' ' || tap.claimed(:'w'), 'retryable ');
update millrace.waiting set run_at = now();
select tap.is('it is due', millrace.promote() || ' ' || tap.claimed(:'w'), '1 s1');
select tap.is('once more', tap.done('s1', 'retryable') || ' ' || millrace.change(tap.job('s1'), null, null, now()) || ' ' || tap.claimed(:'w'), 'retryable available s1');
select tap.is('its end lets the next go', tap.done('s1') || ' ' || tap.claimed(:'w'), 'completed s2');
select pg_temp.clear() \g /dev/null

-- Cancels: of the one that runs, of one that waits for its retry, in the middle, at the head.
select pg_temp.line('s1 s2 s3 s4 s5 s6') \g /dev/null
select tap.is('the first', tap.claimed(:'w'), 's1');
select tap.is('one in the middle is cancelled', millrace.cancel(tap.job('s3'))::text || ' ' || tap.claimed(:'w'), 'cancelled ');
select tap.is('the first is cancelled', millrace.cancel(tap.job('s1'))::text || ' ' || tap.claimed(:'w'), 'active ');
select tap.is('when it has stopped the second', tap.done('s1', 'cancelled') || ' ' || tap.claimed(:'w'), 'cancelled s2');
select tap.is('which waits for its retry', tap.done('s2', 'retryable') || ' ' || tap.claimed(:'w'), 'retryable ');
select tap.is('and is cancelled', millrace.cancel(tap.job('s2'))::text || ' ' || tap.place('s4'), 'cancelled ready');
select tap.is('the next, which is ready, is cancelled', millrace.cancel(tap.job('s4'))::text || ' ' || tap.claimed(:'w'), 'cancelled s5');
select tap.is('the last', tap.done('s5') || ' ' || tap.claimed(:'w') || ' ' || tap.done('s6'), 'completed s6 completed');
select tap.is('nothing is kept', (select count(*) from millrace.permit) + (select count(*) from millrace.held), 0);
select pg_temp.clear() \g /dev/null

-- Expiry of those ahead.
select pg_temp.line('s1'), pg_temp.line('s2 s3', '{"expiresIn": "1h"}'), pg_temp.line('s4') \g /dev/null
select tap.is('the first', tap.claimed(:'w'), 's1');
update millrace.expiry set expires_at = now();
select tap.is('two expire', millrace.expire() || ' ' || tap.done('s1') || ' ' || tap.claimed(:'w'), '2 completed s4');
select pg_temp.clear() \g /dev/null
select pg_temp.line('s1', '{"expiresIn": "1h"}'), pg_temp.line('s2') \g /dev/null
update millrace.ready set expires_at = now() where expires_at is not null;
update millrace.expiry set expires_at = now();
select tap.is('the next waits for one that is about to expire', tap.claimed(:'w') || tap.place('s2'), 'held');
select tap.is('then it goes', millrace.expire() || ' ' || tap.claimed(:'w'), '1 s2');
select pg_temp.clear() \g /dev/null

-- A worker is lost, and one leaves.
select pg_temp.line('s1 s2') \g /dev/null
select tap.is('the first', tap.claimed(:'w'), 's1');
select tap.is('its worker is lost: it comes before the second', millrace.rescue(:'w') || ' ' || tap.claimed(:'v'), '1 s1');
select tap.is('its worker leaves: so too', millrace.worker_end(:'v') || ' ' || tap.claimed(:'w'), '1 s1');
select tap.is('given back: so too', tap.done('s1', 'available') || ' ' || tap.claimed(:'w'), 'available s1');
select tap.is('its last attempt is lost', count(*), 1) from millrace.job where id = tap.job('s1') and max_attempts = 5;
update millrace.job set max_attempts = 4 where id = tap.job('s1');
select tap.is('then the second goes', millrace.rescue(:'w') || ' ' || tap.state(tap.job('s1')) || ' ' || tap.claimed(:'v'), '1 discarded s2');
select tap.is('run again by hand, the first waits for it', millrace.retry(tap.job('s1')) || ' ' || tap.claimed(:'w'), 'available ');
select tap.is('and goes then', tap.done('s2') || ' ' || tap.claimed(:'w'), 'completed s1');
select pg_temp.clear() \g /dev/null

-- A line goes through queues and types; priority and turns do not change it.
select pg_temp.line('s1'), pg_temp.line('s2', '{"queue": "other"}'), pg_temp.line('s3', '{"priority": 50}'), pg_temp.line('s4', '{}', 'c') \g /dev/null
select tap.is('in order through queues, types and priorities', string_agg(c, ' '), 's1 s2 s3 s4')
  from (select n, (select tap.claimed(:'w') where n > 0) as c, tap.done('s' || n) from generate_series(1, 4) n offset 0) x;
select pg_temp.clear() \g /dev/null
select pg_temp.line('s1'), pg_temp.line('s2', '{"queue": "other"}') \g /dev/null
select tap.is('whoever serves the second''s queue alone waits for the first', tap.claimed(:'w', 9, '{other}'), '');
select tap.is('it is held', tap.place('s2'), 'held');
select tap.is('the first', tap.claimed(:'v', 9, '{default}') || ' ' || tap.done('s1') || ' ' || tap.claimed(:'w', 9, '{other}'), 's1 completed s2');
select pg_temp.clear() \g /dev/null

-- One that another key holds up keeps its place in the line.
select tap.put('k', 'a', '{"concurrencyKey": "k"}'), pg_temp.line('s1', '{"concurrencyKey": "k"}'), pg_temp.line('s2') \g /dev/null
select tap.is('the first of the line waits for another key, the second for it', tap.claimed(:'w'), 'k');
select tap.is('both', string_agg(key, ' ' order by key), format('c/o/%1$s/k s/o/%1$s/s', current_user)) from millrace.held;
select tap.is('then in order', tap.done('k') || ' ' || tap.claimed(:'w') || ' ' || tap.done('s1') || ' ' || tap.claimed(:'w'), 'completed s1 completed s2');
select pg_temp.clear() \g /dev/null
select tap.put('k', 'a', '{"concurrencyKey": "k"}'), pg_temp.line('s1', '{"concurrencyKey": "k"}'), pg_temp.line('s2') \g /dev/null
select tap.is('it runs', tap.claimed(:'w'), 'k');
select tap.is('where the first is cancelled the second goes', millrace.cancel(tap.job('s1'))::text || ' ' || tap.claimed(:'w'), 'cancelled s2');
select pg_temp.clear() \g /dev/null

-- What is to run later stands in no line before its time, and makes way when it is put off.
select pg_temp.line('s1', '{"delay": "1h"}'), pg_temp.line('s2 s3') \g /dev/null
select tap.is('a scheduled job holds nobody up', tap.claimed(:'w'), 's2');
select tap.is('nor does one that is put off', millrace.change(tap.job('s3'), null, null, now() + interval '1 h')::text || ' ' || tap.place('s3'), 'scheduled waiting');
select pg_temp.line('s4') \g /dev/null
select tap.is('the next is who is there', tap.done('s2') || ' ' || tap.claimed(:'w'), 'completed s4');
select pg_temp.clear() \g /dev/null
select pg_temp.line('s1 s2 s3') \g /dev/null
select tap.is('the first', tap.claimed(:'w') || ' ' || tap.done('s1') || ' ' || tap.place('s2'), 's1 completed ready');
select tap.is('one that was let out is put off: the next', millrace.change(tap.job('s2'), null, null, now() + interval '1 h')::text || ' ' || tap.claimed(:'w'), 'scheduled s3');
select pg_temp.clear() \g /dev/null

-- A type's line, by a place in the payload.
update millrace.job_type set options = '{"serialKey": "/account"}' where type = 'a';
select tap.put(n, 'a', '{}', json_build_object('account', left(n, 1))::jsonb) from unnest('{x1,x2,y1,y2}'::text[]) n \g /dev/null
select tap.is('a line for each value', tap.claimed(:'w'), 'x1 y1');
select tap.is('the next of the one', tap.done('y1') || ' ' || tap.claimed(:'w'), 'completed y2');
select pg_temp.clear() \g /dev/null

-- Many sessions, many lines: the order holds in each, never two at once.
call tap.sessions('{one,two,three}');
create table public.ran (nth bigint generated always as identity, line text, place int, id uuid, most int);
create procedure public.work_off(w uuid) language plpgsql as $$
begin
    for round in 1 .. 5000 loop
        insert into public.ran (line, place, id, most)
        select c.payload ->> 'line', (c.payload ->> 'place')::int, c.id,
               (select max(n) from (select count(*) as n from millrace.active a join millrace.job j using (id) group by j.payload ->> 'line') x)
          from millrace.claim(w, '{a,c}', '{3,3}', null, 3) c;
        commit;
        perform tap.finish_all(w, '{completed,completed,completed,discarded,available,retryable}');
        perform millrace.promote();
        commit;
        exit when not exists (select from millrace.done having count(*) < 300);
    end loop;
end $$;
select tap.put('x', (array['a', 'c'])[1 + n % 2], jsonb_build_object('serialKey', (n % 10)::text, 'maxAttempts', 100, 'queue', 'q' || n % 3) || '{}'::jsonb,
               jsonb_build_object('line', n % 10, 'place', n))
  from (select n from generate_series(1, 300) n) x \g /dev/null
select tap.dblink_send_query(s, format('call public.work_off(%L)', gen_random_uuid())) from unnest('{one,two,three}'::text[]) s \g /dev/null
select tap.is('a session has worked', tap.outcome(s), 'CALL') from unnest('{one,two,three}'::text[]) s;
select tap.is('all have ended', count(*), 300) from millrace.done;
select tap.is('never two of a line at once', max(most), 1) from public.ran;
select tap.is('each line ran in order', count(*), 0)
  from (select place < lag(place) over (partition by line order by nth) as back from public.ran) r where back;
select tap.is('nothing is kept', (select count(*) from millrace.permit) + (select count(*) from millrace.held), 0);

select tap.is('no job is in two states or in none', tap.strays(), 0);
