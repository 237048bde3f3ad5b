-- millrace.cancel and millrace.retry, in every state that a job can be in.

select tap.worker('one') as w \gset

create function pg_temp.job_in(state text, w uuid) returns uuid language plpgsql as $$
declare
    job uuid;
begin
    if state = 'scheduled' then
        return millrace.enqueue('a', '{}', '{"delay": "1h", "owner": "anna"}');
    elsif state = 'available' then
        return millrace.enqueue('a', '{}', '{"owner": "anna"}');
    end if;
    job := tap.running(w, 'a', '{"owner": "anna"}');
    if state = 'asked' then
        perform millrace.cancel(job);
    elsif state <> 'active' then
        perform tap.finish(w, job, 1, state, '{"r": 1}', '{"code": "c", "message": "m"}', 3600000);
    end if;
    return job;
end $$;

-- cancel
create temp table c as
select *, pg_temp.job_in(state, :'w') as id
  from (values
    ('scheduled', 'cancelled', 'cancelled', 'queued cancelled'),
    ('available', 'cancelled', 'cancelled', 'queued cancelled'),
    ('retryable', 'cancelled', 'cancelled', 'queued started retrying cancelled'),
    ('active',    'active',    'active',    'queued started'),
    ('asked',     'active',    'active',    'queued started'),
    ('completed', null,        'completed', 'queued started completed'),
    ('discarded', null,        'discarded', 'queued started failed'),
    ('cancelled', null,        'cancelled', 'queued started cancelled')
  ) c(state, answer, after, events);
select tap.is('cancel answers ' || answer || ' for a job that is ' || state, millrace.cancel(id)::text, answer)
  from c where answer is not null;
select tap.refused('cancel refuses a job that is ' || state, format('select millrace.cancel(%L)', id), 'MR409', 'job_final')
  from c where answer is null;
select tap.is('what was ' || state || ' is ' || after || ' after a cancel', tap.state(id), after) from c;
select tap.is('and is told so', tap.events(id), events) from c;
select tap.is('a cancelled job has an end', completed_at is not null, true)
  from millrace.job_info join c using (id) where c.state = 'scheduled';
select tap.is('the first asking is the time of the cancel',
              (select cancel_at from millrace.active a where a.id = c.id) is not null, true) from c where state = 'asked';
select tap.is('a cancelled job is not claimed', count(*), 0)
  from millrace.claim(:'w', '{a}', '{99}', null, 99) where id in (select id from c);

select pg_temp.job_in('available', :'w') as job \gset
select tap.refused('cancel of ' || name, format('select millrace.cancel(%L, %L)', id, owner), 'MR404', 'job_not_found')
  from (values ('a job that is not there', gen_random_uuid(), null), ('another''s job', :'job', 'bert')) x(name, id, owner);
select tap.is('it is untouched', tap.state(:'job'), 'available');
select tap.is('its owner may', millrace.cancel(:'job', 'anna')::text, 'cancelled');

-- retry
create temp table r as
select *, pg_temp.job_in(state, :'w') as id
  from (values
    ('scheduled', false, 'scheduled'),
    ('available', false, 'available'),
    ('retryable', false, 'retryable'),
    ('active',    false, 'active'),
    ('completed', false, 'completed'),
    ('discarded', true,  'available'),
    ('cancelled', true,  'available')
  ) c(state, may, after);
select tap.is('a job that is ' || state || ' can be run again', millrace.retry(id)::text, 'available') from r where may;
select tap.refused('not one that is ' || state, format('select millrace.retry(%L)', id), 'MR409', 'not_retryable')
  from r where not may;
select tap.is('what was ' || state || ' is ' || after || ' after a retry', tap.state(id), after) from r;
select tap.is('the attempts that were made still count', tap.attempt(id), 1) from r where state = 'discarded';
select tap.is('it is told', tap.events(id), 'queued started failed queued') from r where state = 'discarded';
select tap.is('the error is gone', error::text, null) from millrace.job_info join r using (id) where r.state = 'discarded';
select id as job from r where state = 'discarded' \gset
select tap.is('it runs with the next number', attempt::int, 2)
  from millrace.claim(:'w', '{a}', '{99}', null, 99) where id = :'job';
select tap.is('and ends', tap.finish(:'w', :'job', 2, 'completed', '1'), 'completed');

select pg_temp.job_in('discarded', :'w') as job \gset
select tap.refused('retry of ' || name, format('select millrace.retry(%L, %L)', id, owner), 'MR404', 'job_not_found')
  from (values ('a job that is not there', gen_random_uuid(), null), ('another''s job', :'job', 'bert')) x(name, id, owner);
select tap.is('its owner may run it again', millrace.retry(:'job', 'anna')::text, 'available');

select tap.running(:'w', 'c') as job \gset
select tap.is('a job whose attempts are used up', tap.finish(:'w', :'job', 1, 'discarded'), 'discarded');
select tap.is('gets one more by hand', millrace.retry(:'job')::text, 'available');
select tap.is('which is the second of two', attempt || ' ' || max_attempts, '2 2')
  from millrace.claim(:'w', '{c}', '{1}', null, 1);
select millrace.rescue(:'w') as n \gset
select tap.is('where that one is lost, the job ends', tap.state(:'job'), 'discarded');

-- Races: whoever is second sees what the first has done.
call tap.sessions('{one,two}');
select tap.worker('racer') as w \gset
create function public.claim_it(w uuid, job uuid) returns bigint language sql as $$
    select count(*) from millrace.claim(w, '{b}', '{99}', null, 99) where id = job
$$;

select millrace.enqueue('b') as job, tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select public.claim_it(%L, %L)', :'w', :'job')) as n \gset
call tap.blocks('two', format('millrace.cancel(%L)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a cancel that meets a claim asks the worker', tap.outcome('two'), 'active');
select tap.is('the job runs', tap.state(:'job'), 'active');

select tap.run('one', 'begin') as begun \gset
select tap.there('one', format('tap.finish(%L, %L, 1, ''completed'')', :'w', :'job')) as state \gset
call tap.blocks('two', format('millrace.cancel(%L)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a cancel that meets the end comes too late', tap.outcome('two'), 'refused: job_final');
select tap.is('the job is completed', tap.state(:'job'), 'completed');

select millrace.enqueue('b') as job, tap.run('one', 'begin') as begun \gset
select tap.there('one', format('millrace.cancel(%L)', :'job')) as state \gset
select tap.is('a claim that meets a cancel passes the job by', public.claim_it(:'w', :'job'), 0);
select tap.run('one', 'commit') as committed \gset
select tap.is('the job is cancelled', tap.state(:'job') || ': ' || tap.events(:'job'), 'cancelled: queued cancelled');

select millrace.enqueue('b', '{}', '{"delay": "1h"}') as job, tap.run('one', 'begin') as begun \gset
update millrace.waiting set run_at = now() - interval '1 s' where id = :'job';
select tap.there('one', 'millrace.promote()') as n \gset
call tap.blocks('two', format('millrace.cancel(%L)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a cancel that meets the promotion follows the job', tap.outcome('two'), 'cancelled');
select tap.is('which is cancelled once', tap.events(:'job'), 'queued cancelled');

select millrace.enqueue('b') as job \gset
select millrace.cancel(:'job') as state, tap.run('one', 'begin') as begun \gset
select tap.there('one', format('millrace.retry(%L)', :'job')) as state \gset
call tap.blocks('two', format('millrace.retry(%L)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('of two that run a job again, the second is refused', tap.outcome('two'), 'refused: not_retryable');
select tap.is('it is queued once more', tap.events(:'job'), 'queued cancelled queued');

select tap.running(:'w', 'b') as job, tap.run('one', 'begin') as begun \gset
select tap.there('one', format('tap.finish(%L, %L, 1, ''completed'')', :'w', :'job')) as state \gset
call tap.blocks('two', format('millrace.rescue(%L)', :'w'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a rescue that meets the end leaves it', tap.outcome('two') || ' ' || tap.events(:'job'),
              '0 queued started completed');

select tap.is('no job is in two states or in none', tap.strays(), 0);
