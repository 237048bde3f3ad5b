-- Who may bring more work: owners' waiting jobs and posts, lengths of queues.

select tap.worker('w') as w \gset

-- What a refusal says: its code, and after how many seconds to try again.
create function pg_temp.post(owner text, n int default 1, options jsonb default '{}') returns text language plpgsql as $$
declare
    code  text;
    after text;
begin
    perform i.id from millrace.insert_jobs(
        array(select millrace.uuid_v7() from generate_series(1, n)), array_fill('a'::text, array[n]), array_fill(options ->> 'queue', array[n]),
        array_fill(null::int, array[n]), array_fill(owner, array[n]), array_fill('{}'::text, array[n]), array_fill((options ->> 'delay_ms')::bigint, array[n]),
        array_fill(null::timestamptz, array[n]), array_fill(null::int, array[n]), array_fill(null::bigint, array[n]), array_fill(null::text, array[n]),
        array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(1, array[n])) i;
    return 'stored';
exception when sqlstate 'MR429' or sqlstate 'MR503' then
    get stacked diagnostics code = pg_exception_detail, after = pg_exception_hint;
    return code || ' ' || after;
end $$;

-- ---------------------------------------------------------------- waiting jobs

select tap.is('without limits', pg_temp.post('anna', 30), 'stored');
select millrace.owner_set('anna', null, 32, null) \g /dev/null
select tap.is('a limit counts what waits already', pg_temp.post('anna', 3), 'too_many_waiting 5');
select tap.is('up to it', pg_temp.post('anna', 2), 'stored');
select tap.is('not one more', pg_temp.post('anna'), 'too_many_waiting 5');
select tap.is('not a later one either', pg_temp.post('anna', 1, '{"delay_ms": 60000}'), 'too_many_waiting 5');
select tap.is('others may', pg_temp.post('bert', 50), 'stored');
select tap.is('ten of hers run', count(*), 10) from (select c.id from millrace.claim(:'w', '{a}', '{20}', null, 20) c where owner = 'anna') c;
select tap.is('what runs does not wait', pg_temp.post('anna', 10), 'stored');
select tap.is('again it is full', pg_temp.post('anna'), 'too_many_waiting 5');
select millrace.add_up() \g /dev/null
select tap.is('also when it is all added up', pg_temp.post('anna'), 'too_many_waiting 5');
select millrace.cancel(id) from (select id from millrace.job_info where owner = 'anna' and state = 'available' limit 4) j \g /dev/null
select tap.is('a cancel makes room', pg_temp.post('anna', 4) || ', ' || pg_temp.post('anna'), 'stored, too_many_waiting 5');
select tap.finish(:'w', id, attempt, 'retryable') from (select a.id, a.attempt from millrace.active a join millrace.job j using (id) where j.owner = 'anna' limit 1) a \g /dev/null
select millrace.owner_set('anna', null, 33, null) \g /dev/null
select tap.is('a retry waits as well', pg_temp.post('anna'), 'too_many_waiting 5');
select tap.is('the sum is true', millrace.owner_length('anna'), count(*)) from millrace.job_info where owner = 'anna' and state in ('available', 'retryable', 'scheduled', 'pending');
select millrace.owner_set('*', null, 60, null) \g /dev/null
select tap.is('everybody else''s limit', pg_temp.post('cleo', 61) || ', ' || pg_temp.post('cleo', 60) || ', ' || pg_temp.post('cleo'), 'too_many_waiting 5, stored, too_many_waiting 5');
select tap.is('each counts alone', pg_temp.post('dora', 60), 'stored');
select millrace.owner_set('anna', null, null, null) \g /dev/null
select tap.is('an owner''s own row stands before it', pg_temp.post('anna', 99), 'stored');
select millrace.owner_set('*', null, null, null) \g /dev/null
select tap.is('without limits', pg_temp.post('cleo', 9), 'stored');
truncate millrace.job, millrace.ready, millrace.waiting, millrace.active, millrace.done, millrace.owner, millrace.tally, millrace.stat_state, millrace.stat_owner;

-- ---------------------------------------------------------------- posts a minute

select millrace.owner_set('anna', null, null, 3) \g /dev/null
select tap.is('three posts at once', pg_temp.post('anna') || ', ' || pg_temp.post('anna', 50) || ', ' || pg_temp.post('anna'), 'stored, stored, stored');
select tap.is('the next after 20 seconds', pg_temp.post('anna'), 'too_many_posts 20');
update millrace.limiter set tat = tat - interval '15 s';
select tap.is('after 5', pg_temp.post('anna'), 'too_many_posts 5');
update millrace.limiter set tat = tat - interval '5 s';
select tap.is('now', pg_temp.post('anna') || ', ' || pg_temp.post('anna'), 'stored, too_many_posts 20');
select tap.is('others may', pg_temp.post('bert'), 'stored');
select tap.is('what was refused was not stored', count(*), 54) from millrace.job;
-- A post that is answered already is none.
update millrace.limiter set tat = tat - interval '20 s';
create function pg_temp.post_key() returns bigint language sql as $$
    select count(*) from millrace.insert_jobs(array[millrace.uuid_v7()], '{a}', '{null}', '{null}', '{anna}', '{1}', '{null}', '{null}',
        '{null}', '{null}', '{null}', '{null}', '{null}', '{1}', '{1}', '{anna}', '{k}', '{f}', '{x}')
$$;
select tap.is('a post', pg_temp.post_key(), 1);
select tap.is('the same again is not refused', pg_temp.post_key(), 0);
truncate millrace.job, millrace.ready, millrace.owner, millrace.tally, millrace.stat_state;

-- ---------------------------------------------------------------- lengths of queues

select tap.is('ten wait', pg_temp.post('anna', 10, '{"queue": "q"}'), 'stored');
insert into millrace.queue (queue, max_length) values ('q', 12);
select tap.is('no room for three, how long is not known', pg_temp.post('anna', 3, '{"queue": "q"}'), 'queue_full 60');
select tap.is('but for two', pg_temp.post('anna', 2, '{"queue": "q"}'), 'stored');
select tap.is('other queues have', pg_temp.post('anna', 99), 'stored');
select tap.is('four start', count(*), 4) from millrace.claim(:'w', '{a}', '{4}', '{q}', 4);
select tap.is('that is room for four', pg_temp.post('anna', 4, '{"queue": "q"}') || ', ' || pg_temp.post('anna', 1, '{"queue": "q"}'), 'stored, queue_full 60');
select millrace.add_up() \g /dev/null
select tap.is('at four a minute one is 15 seconds', pg_temp.post('anna', 1, '{"queue": "q"}'), 'queue_full 15');
select tap.is('three are 45', pg_temp.post('anna', 3, '{"queue": "q"}'), 'queue_full 45');

select tap.is('no job is in two states or in none', tap.strays(), 0);
