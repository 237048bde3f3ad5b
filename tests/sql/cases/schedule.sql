-- Schedules: what a description may be, and the jobs that are made.

create function pg_temp.put(name text, members jsonb default '{}', owner text default 'anna')
returns bool language sql as $$
    select millrace.schedule_put(owner, name, ('{"type": "a"}'::jsonb || members
        || case when members ? 'cron' then '{}' else
                jsonb_build_object('every', coalesce(members ->> 'every', '1h')) end)::json)
$$;

create function pg_temp.of(its_name text) returns millrace.schedule language sql as $$
    select * from millrace.schedule where name = its_name
$$;

-- The jobs of a schedule.
create function pg_temp.made(name text) returns bigint language sql as $$
    select count(*) from millrace.job where 'schedule:' || name = any (tags)
$$;

-- Let a schedule be due since a time, at which it was created.
create function pg_temp.due(its_name text, ago text) returns void language sql as $$
    update millrace.schedule
       set next_run_at = now() - ago::interval, created_at = now() - ago::interval
     where name = its_name
$$;

-- ---------------------------------------------------------------- put

select tap.is('a new one is created', pg_temp.put('p'), true);
select tap.is('what is left out has its default',
    (select (timezone, payload::text, options, overlap, missed, missed_limit, paused)::text
       from pg_temp.of('p')), '(UTC,{},{},allow,last,100,f)');
select tap.is('an interval counts from the creation', next_run_at, created_at + interval '1 h')
  from pg_temp.of('p');
select tap.is('trying the template out leaves nothing',
    (select count(*) from millrace.job) + (select count(*) from millrace.job_event), 0);

update millrace.schedule set last_run_at = '2026-01-01', last_job_id = gen_random_uuid(),
       next_run_at = '2099-01-01' where name = 'p';
select tap.is('a known one is replaced', pg_temp.put('p', '{"payload": [1.50], "overlap": "skip"}'), false);
select tap.is('the payload is as it was given', payload::text, '[1.50]') from pg_temp.of('p');
select tap.is('with the same times the next run stays', next_run_at, '2099-01-01') from pg_temp.of('p');
select tap.is('what has run stays known', last_run_at, '2026-01-01') from pg_temp.of('p');
select pg_temp.put('p', '{"every": "2h"}') \g /dev/null
select tap.is('with other times it is another', next_run_at, created_at + interval '2 h') from pg_temp.of('p');
select pg_temp.put('p', '{"cron": "0 3 * * *"}'), pg_temp.put('p', '{"cron": "0 3 * * *", "timezone": "Asia/Tokyo"}') \g /dev/null
select tap.is('a time zone too', next_run_at at time zone 'Asia/Tokyo' - date_trunc('day', next_run_at at time zone 'Asia/Tokyo'),
              interval '3 h') from pg_temp.of('p');

select tap.refused('only a new one', $$select millrace.schedule_put('anna', 'p',
    '{"type": "a", "every": "1h"}', only_new => true)$$, 'MR409', 'schedule_exists');
select tap.is('a name is its owner''s', pg_temp.put('p', '{}', 'bob'), true);
select tap.is('the name may stand in it', millrace.schedule_put('anna', null,
    '{"name": "q", "type": "a", "every": "1h", "paused": true, "timezone": null}'), true);
select tap.is('it may begin paused', (paused, next_run_at is null)::text, '(t,t)') from pg_temp.of('q');
select pg_temp.put('q') \g /dev/null
select tap.is('and stays so where nothing is said', paused, true) from pg_temp.of('q');
select pg_temp.put('q', '{"paused": false}') \g /dev/null
select tap.is('and goes on', next_run_at, created_at + interval '1 h') from pg_temp.of('q');

select tap.refused('refused: ' || spec, format('select millrace.schedule_put(%L, %L, %L)',
                   'anna', 'r', spec), 'MR400', code)
  from (values
    ('[]', 'invalid_member'),
    ('{"type": "a", "every": "1h", "colour": 1}', 'unknown_member'),
    ('{"type": "a", "every": "1h", "name": "s"}', 'invalid_member'),
    ('{"type": "a"}', 'missing_member'),
    ('{"every": "1h"}', 'missing_member'),
    ('{"type": "a", "every": "1h", "cron": "@daily"}', 'missing_member'),
    ('{"type": "a", "every": 3600}', 'invalid_member'),
    ('{"type": "a", "every": "soon"}', 'invalid_duration'),
    ('{"type": "a", "every": "999ms"}', 'invalid_member'),
    ('{"type": "a", "cron": "61 * * * *"}', 'invalid_cron'),
    ('{"type": "a", "cron": "@daily", "timezone": "Europe/Berln"}', 'invalid_timezone'),
    ('{"type": "a", "cron": "@daily", "timezone": "UTC+3"}', 'invalid_timezone'),
    ('{"type": "a", "cron": "@daily", "timezone": "CEST"}', 'invalid_timezone'),
    ('{"type": "nobody", "every": "1h"}', 'unknown_type'),
    ('{"type": 1, "every": "1h"}', 'invalid_member'),
    ('{"type": "a", "every": "1h", "overlap": "no"}', 'invalid_member'),
    ('{"type": "a", "every": "1h", "missed": true}', 'invalid_member'),
    ('{"type": "a", "every": "1h", "missedLimit": 0}', 'invalid_member'),
    ('{"type": "a", "every": "1h", "paused": "yes"}', 'invalid_member'),
    ('{"type": "a", "every": "1h", "options": []}', 'invalid_options'),
    ('{"type": "a", "every": "1h", "options": {"owner": "bob"}}', 'invalid_options'),
    ('{"type": "a", "every": "1h", "options": {"runAt": "2030-01-01T00:00:00Z"}}', 'invalid_options'),
    ('{"type": "a", "every": "1h", "options": {"priority": 101}}', 'invalid_options'),
    ('{"type": "a", "every": "1h", "options": {"colour": 1}}', 'unknown_member'),
    ('{"type": "a", "every": "1h", "options": {"files": ["00000000-0000-0000-0000-000000000000"]}}', 'unknown_file')
  ) cases(spec, code);
select tap.refused('refused: the name ' || name, format('select millrace.schedule_put(%L, %L, %L)',
                   'anna', name, '{"type": "a", "every": "1h"}'), 'MR400', 'invalid_member')
  from unnest(array['', 'A', '.', '-a', 'a b', 'a/b', repeat('a', 81)]) name;
select tap.refused('a name must be there', $$select millrace.schedule_put('anna', null,
    '{"type": "a", "every": "1h"}')$$, 'MR400', 'missing_member');
select tap.is('nothing of these is left', count(*), 3) from millrace.schedule;
select tap.is('names of time zones are taken in any case', pg_temp.put('q', '{"cron": "@daily", "timezone": "europe/berlin"}'), false);
delete from millrace.schedule;

-- ---------------------------------------------------------------- on time

select tap.is('without schedules nothing is made', r::text, '(0,)') from millrace.schedule_run() r;

begin;
select pg_temp.put('one', '{"every": "1h", "payload": {"n": 1}, "options": {"queue": "mail", "tags": ["x"]}}') \g /dev/null
select tap.is('before its time none', (select made from millrace.schedule_run()), 0);
update millrace.schedule set created_at = now() - interval '1 h', next_run_at = now();
select tap.is('at its time one', (select made from millrace.schedule_run()), 1);
select tap.is('not twice', (select made from millrace.schedule_run()), 0);
select tap.is('the next run is an interval later', next_run_at, now() + interval '1 h') from pg_temp.of('one');
select tap.is('and the last one known', (last_run_at = now(), last_job_id = j.id, last_error)::text, '(t,t,)')
  from pg_temp.of('one'), millrace.job j;
select tap.is('the job is by the template', (type, payload::text, queue, owner, tags)::text,
              '(a,"{""n"": 1}",mail,anna,"{x,schedule:one}")') from millrace.job;
select tap.is('how long until the next run is told', due_ms / 1000 in (3599, 3600), true) from millrace.schedule_run();
commit;
delete from millrace.schedule;

select tap.worker('w') as w \gset
begin;
select pg_temp.put('beaten'), pg_temp.due('beaten', '0 s') \g /dev/null
create temp table beat as select * from millrace.beat(:'w', 10000, 1000);
select tap.is('a heartbeat makes the jobs', (promoted, pg_temp.made('beaten'))::text, '(1,1)') from beat;
select tap.is('and knows when the next one is', due_ms between 1 and 3600000, true) from beat;
select millrace.enqueue('a', '{}', '{"delay": "5s"}') \g /dev/null
select tap.is('or a job that is due before it', due_ms between 4000 and 5000, true) from millrace.beat(:'w', 10000, 1000);
commit;
delete from millrace.schedule;

-- ---------------------------------------------------------------- missed

-- Every minute, and nobody was there for so long.
create function pg_temp.after(outage text, members jsonb) returns text language plpgsql as $$
declare
    n int;
begin
    delete from millrace.schedule;
    perform pg_temp.put('m', members);
    update millrace.schedule c
       set created_at = now() - outage::interval, next_run_at = now() - outage::interval
     where c.name = 'm';
    select made into n from millrace.schedule_run();
    return format('%s %s', n, (select now() - last_run_at from pg_temp.of('m')));
end $$;

select tap.is(format('%s after %s', members, outage), pg_temp.after(outage, members::jsonb), made)
  from (values
    ('5 s',    '{"every": "1m", "missed": "none"}', '1 00:00:05'),
    ('11 s',   '{"every": "1m", "missed": "none"}', '0 '),
    ('11 s',   '{"every": "1m"}',                   '1 00:00:11'),
    ('11 s',   '{"every": "1m", "missed": "all"}',  '1 00:00:11'),
    ('1 h 5 s', '{"every": "1m", "missed": "none"}', '1 00:00:05'),
    ('1 h 5 s', '{"every": "1m", "missed": "last"}', '1 00:00:05'),
    ('1 h 30 s', '{"every": "1m", "missed": "last"}', '1 00:00:30'),
    ('1 h 30 s', '{"every": "1m", "missed": "all"}', '61 00:00:30'),
    ('1 h 30 s', '{"every": "1m", "missed": "all", "missedLimit": 7}', '7 00:00:30'),
    ('90 days 30 s', '{"every": "1m", "missed": "all", "missedLimit": 7}', '7 00:00:30'),
    ('90 days', '{"every": "1s", "missed": "all"}', '100 00:00:00'),
    ('3 s',    '{"every": "1s"}', '4 00:00:00'),
    ('3 days 1 h', '{"every": "1d", "missed": "all"}', '4 01:00:00')
  ) cases(outage, members, made);
delete from millrace.schedule;

-- A cron line, whose times before now are looked for from behind.
begin;
select pg_temp.put('line', '{"cron": "* * * * * *", "missed": "all", "missedLimit": 300}'),
       pg_temp.due('line', '90 days') \g /dev/null
select tap.is('after 90 days the last 300 seconds', made, 300) from millrace.schedule_run();
select tap.is('up to now', last_run_at, date_trunc('second', now())) from pg_temp.of('line');
commit;
delete from millrace.schedule;

-- Much that was missed is made up for in several heartbeats.
begin;
select pg_temp.put('much' || n, '{"every": "1s", "missed": "all", "missedLimit": 600}'),
       pg_temp.due('much' || n, '1 h') from generate_series(1, 3) n \g /dev/null
select tap.is('a heartbeat ends with a thousand', r::text, '(1200,0)') from millrace.schedule_run() r;
select tap.is('the next one goes on', made, 600) from millrace.schedule_run();
commit;
delete from millrace.schedule;

-- ---------------------------------------------------------------- overlap

-- Due twice: what becomes of the first job, and how many there are.
create function pg_temp.overlap(policy text, first_is text, w uuid) returns text
language plpgsql as $$
declare
    first uuid;
    n     int;
begin
    delete from millrace.schedule;
    perform millrace.cancel(id) from millrace.ready;
    perform pg_temp.put(policy, jsonb_build_object('overlap', policy)), pg_temp.due(policy, '0 s');
    perform millrace.schedule_run();
    first := (pg_temp.of(policy)).last_job_id;
    if first_is <> 'available' then
        perform millrace.claim(w, '{a}', '{1}', null, 1);
    end if;
    if first_is = 'completed' then
        perform tap.finish(w, first, 1, 'completed');
    elsif first_is = 'gone' then
        perform tap.finish(w, first, 1, 'completed');
        delete from millrace.done where id = first;
        delete from millrace.job where id = first;
    end if;
    perform pg_temp.due(policy, '0 s');
    select made into n from millrace.schedule_run();
    return format('%s %s %s', n, coalesce(tap.state(first), 'gone'),
                  (select cancel_at is not null from millrace.active where id = first));
end $$;

select tap.is(format('overlap %s, the first is %s', policy, first_is),
              pg_temp.overlap(policy, first_is, :'w'), came_of_it)
  from (values
    ('allow',  'available', '1 available '), ('allow',  'active',    '1 active f'),
    ('allow',  'completed', '1 completed '),
    ('skip',   'available', '0 available '), ('skip',   'active',    '0 active f'),
    ('skip',   'completed', '1 completed '), ('skip',   'gone',      '1 gone '),
    ('cancel', 'available', '1 cancelled '), ('cancel', 'active',    '1 active t'),
    ('cancel', 'completed', '1 completed '), ('cancel', 'gone',      '1 gone ')
  ) cases(policy, first_is, came_of_it);
delete from millrace.schedule;

-- ---------------------------------------------------------------- wrong by now

begin;
insert into millrace.job_type (type) values ('leaving');
select pg_temp.put('bad', '{"type": "leaving"}'), pg_temp.put('good'),
       pg_temp.due('bad', '1 s'), pg_temp.due('good', '0 s') \g /dev/null
delete from millrace.job_type where type = 'leaving';
select tap.is('a wrong template does not stop the others', made, 1) from millrace.schedule_run();
select tap.is('its error is kept', last_error ->> 'code', 'unknown_type') from pg_temp.of('bad');
select tap.is('with its text', last_error ->> 'message',
              'no worker has registered a job type ''leaving''') from pg_temp.of('bad');
select tap.is('it goes on to its next time', next_run_at > now(), true) from pg_temp.of('bad');
select tap.is('the others have none', last_error::text, null) from pg_temp.of('good');
insert into millrace.job_type (type) values ('leaving');
select pg_temp.due('bad', '0 s') \g /dev/null
select tap.is('when it is right again it runs', made, 1) from millrace.schedule_run();
select tap.is('and the error is gone', last_error::text, null) from pg_temp.of('bad');
update millrace.schedule set cron = '@daily', every_ms = null, timezone = 'Gone/Zone',
       next_run_at = now() - interval '1 s' where name = 'bad';
select pg_temp.due('good', '0 s') \g /dev/null
select tap.is('a time zone that has left the system stops no others', made, 1) from millrace.schedule_run();
select tap.is('and is asked for again in a minute', (next_run_at = now() + interval '1 min',
              last_error ->> 'message')::text, '(t,"time zone ""Gone/Zone"" not recognized")') from pg_temp.of('bad');
commit;
delete from millrace.schedule;

-- ---------------------------------------------------------------- by hand

select pg_temp.put('h', '{"overlap": "skip"}') \g /dev/null
select millrace.schedule_now('anna', 'h') as job \gset
select tap.is('a job now', (tap.state(:'job'), last_job_id = :'job')::text, '(available,t)') from pg_temp.of('h');
select tap.is('the next run stays', next_run_at, created_at + interval '1 h') from pg_temp.of('h');
select tap.refused('it keeps to the overlap', $$select millrace.schedule_now('anna', 'h')$$, 'MR409', 'still_running');
select pg_temp.put('h', '{"overlap": "cancel"}'), millrace.schedule_now('anna', 'h') \g /dev/null
select tap.is('which may be to cancel', tap.state(:'job'), 'cancelled');
select tap.refused('not of others', $$select millrace.schedule_now('bob', 'h')$$, 'MR404', 'schedule_not_found');

select millrace.schedule_pause('anna', 'h', true) \g /dev/null
select tap.is('paused has no next run', (paused, next_run_at is null)::text, '(t,t)') from pg_temp.of('h');
select tap.is('and its job can be made by hand', millrace.schedule_now('anna', 'h') is not null, true);
update millrace.schedule set created_at = created_at - interval '5 h';
select millrace.schedule_pause('anna', 'h', false) \g /dev/null
select tap.is('resumed it goes on from now', next_run_at, created_at + interval '6 h') from pg_temp.of('h');
select tap.is('and nothing was missed', made, 0) from millrace.schedule_run();
select pg_temp.due('h', '1 s'), millrace.schedule_pause('anna', 'h', false) \g /dev/null
select tap.is('resuming what is not paused changes nothing', next_run_at < now(), true) from pg_temp.of('h');
select tap.refused('not of others', $$select millrace.schedule_pause('bob', 'h', true)$$, 'MR404', 'schedule_not_found');
select tap.refused('not of others', $$select millrace.schedule_delete('bob', 'h')$$, 'MR404', 'schedule_not_found');
select millrace.schedule_delete('anna', 'h') \g /dev/null
select tap.refused('gone is gone', $$select millrace.schedule_delete('anna', 'h')$$, 'MR404', 'schedule_not_found');

select pg_temp.put('n', '{"cron": "0 3 * * *"}') \g /dev/null
select tap.is('the next times', string_agg((t - next_run_at)::text, ', '), '00:00:00, 1 day, 2 days')
  from pg_temp.of('n') s, millrace.schedule_coming(s, 3) t;
select millrace.schedule_pause('anna', 'n', true) \g /dev/null
select tap.is('paused, as if it went on now', count(*), 3)
  from pg_temp.of('n') s, millrace.schedule_coming(s, 3) t where t > now();
delete from millrace.schedule;

-- ---------------------------------------------------------------- several at once

call tap.sessions('{one,two}');
select pg_temp.put('t' || n), pg_temp.due('t' || n, '0 s') from generate_series(1, 120) n \g /dev/null
select tap.run('one', 'begin') \g /dev/null
select tap.is('one takes a hundred', tap.there('one', 'select r from millrace.schedule_run() r'), '(100,0)');
select tap.is('another the rest, without waiting', tap.there('two', 'select made from millrace.schedule_run()'), '20');
select tap.run('one', 'commit') \g /dev/null
select tap.is('no one is left', made, 0) from millrace.schedule_run();
select tap.is('each has made one job', (count(*), count(distinct tags))::text, '(120,120)')
  from millrace.job where tags[1] like 'schedule:t%';

select tap.is('no job is lost', tap.strays(), 0);
