-- millrace.change and millrace.many: what may be changed of jobs that wait, one by
-- one and many at once.

select tap.worker('one') as w \gset

create function pg_temp.job_in(state text, w uuid) returns uuid language plpgsql as $$
declare
    job uuid;
begin
    if state = 'scheduled' then
        return millrace.enqueue('a', '{}', '{"delay": "1h", "owner": "anna"}');
    elsif state = 'available' then
        return millrace.enqueue('a', '{}', '{"owner": "anna"}');
    elsif state = 'pending' then
        return millrace.enqueue('a', '{}', jsonb_build_object('owner', 'anna', 'dependsOn', jsonb_build_array(
            millrace.enqueue('a', '{}', '{"delay": "1h", "owner": "anna"}'))));
    end if;
    job := tap.running(w, 'a', '{"owner": "anna"}');
    if state <> 'active' then
        perform tap.finish(w, job, 1, state, '{"r": 1}', '{"code": "c", "message": "m"}', 3600000);
    end if;
    return job;
end $$;

-- A job that its key holds.
select millrace.enqueue('a', '{}', '{"owner": "anna", "concurrencyKey": "k"}') as runs,
       millrace.enqueue('a', '{}', '{"owner": "anna", "concurrencyKey": "k"}') as held \gset
select count(*) as n from millrace.claim(:'w', '{a}', '{9}', null, 9) \gset
select tap.is('a job is held', key, 'c/o/anna/k') from millrace.held where id = :'held';

create temp table c as
select *, case state when 'held' then :'held'::uuid else pg_temp.job_in(state, :'w') end as id
  from (values
    -- state, after a priority, after a time to come, after one that is over
    ('scheduled', 'scheduled', 'scheduled', 'available'),
    ('available', 'available', 'scheduled', 'available'),
    ('held',      'available', 'scheduled', 'available'),
    ('pending',   'pending',   'pending',   'pending'),
    ('retryable', 'retryable', 'retryable', 'available'),
    ('active',    null,        null,        null),
    ('completed', null,        null,        null),
    ('discarded', null,        null,        null),
    ('cancelled', null,        null,        null)
  ) c(state, urgent, later, over);

create function pg_temp.tables(job uuid) returns text language sql as $$
    select string_agg(t, ' ') from (
        select 'ready' as t from millrace.ready where id = job
        union all select 'held' from millrace.held where id = job
        union all select 'waiting' from millrace.waiting where id = job
        union all select 'active' from millrace.active where id = job
        union all select 'done' from millrace.done where id = job) x
$$;

select tap.is('a priority for what is ' || state, millrace.change(id, 'anna', 42, null)::text, urgent)
  from c where urgent is not null;
select tap.is('what was ' || c.state || ' has it', i.priority || ' ' || i.state, '42 ' || urgent)
  from c join millrace.job_info i using (id) where urgent is not null;
select tap.is('a later time for what was ' || state,
              millrace.change(id, 'anna', null, now() + interval '2 h')::text, later)
  from c where later is not null;
select tap.is('what was ' || c.state || ' has that too',
              i.state || ' ' || (i.run_at > now() + interval '1 h'), later || ' true')
  from c join millrace.job_info i using (id) where later is not null;
select tap.is('its error stays', error ->> 'code', 'c')
  from c join millrace.job_info i using (id) where c.state = 'retryable';
select tap.is('at once, what was ' || state, millrace.change(id, 'anna', null, now() - interval '1 s')::text, over)
  from c where over is not null;
select tap.is('what was ' || state || ' is in one table', pg_temp.tables(id),
              case over when 'pending' then 'waiting' else 'ready' end)
  from c where over is not null;
select tap.refused('not what is ' || state, format('select millrace.change(%L, null, 5, null)', id), 'MR409',
                   case state when 'active' then 'job_started' else 'job_final' end)
  from c where urgent is null;
select tap.refused('not of others', format('select millrace.change(%L, ''bert'', 5, null)', id), 'MR404', 'job_not_found')
  from c where state = 'available';
select tap.refused('no priority of its own', format('select millrace.change(%L, null, 101, null)', id), 'MR400', 'invalid_member')
  from c where state = 'available';
select tap.is('the sums know', (select count(*) from millrace.state_counts() s
                                  full join (select state, count(*) as n from millrace.job_info group by state) i
                                         using (state, n) where s.n is null or i.n is null), 0);
select tap.is('what is more urgent comes first', i.priority::text, '42')
  from millrace.claim(:'w', '{a}', '{1}', null, 1) join millrace.job_info i using (id);

-- A change that meets a claim.
call tap.sessions('{one,two}');
create function public.claim_it(w uuid, job uuid) returns bigint language sql as $$
    select count(*) from millrace.claim(w, '{b}', '{99}', null, 99) where id = job
$$;
select millrace.enqueue('b') as job, tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select public.claim_it(%L, %L)', :'w', :'job')) as n \gset
call tap.blocks('two', format('millrace.change(%L, null, 1, null)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a change that meets a claim comes too late', tap.outcome('two'), 'refused: job_started');

-- A change that meets the promotion: the job has moved on, and is found there.
select millrace.enqueue('b', '{}', '{"delay": "1h"}') as job, tap.run('one', 'begin') as begun \gset
update millrace.waiting set run_at = now() - interval '1 s' where id = :'job';
select tap.there('one', 'millrace.promote()') as n \gset
call tap.blocks('two', format('millrace.change(%L, null, 1, null)', :'job'));
select tap.run('one', 'commit') as committed \gset
select tap.is('a change that meets a promotion finds the job', tap.outcome('two'), 'available');
select tap.is('it has the priority', priority::int, 1) from millrace.job_info where id = :'job';

-- ---------------------------------------------------------------- many

create temp table m as
select millrace.enqueue('b', jsonb_build_object('n', n), jsonb_build_object('owner', owner,
           'queue', 'q' || n % 2, 'tags', jsonb_build_array('t' || n % 3))) as id, n, owner
  from generate_series(1, 12) n, (values ('carl'), ('dora')) o(owner);

select tap.is('a step is bounded', millrace.many('cancel', '{"type": "b"}', 'carl', 5), 5);
select tap.is('others keep theirs', count(*), 12) from m where owner = 'dora' and tap.state(id) = 'available';
select tap.is('a filter', millrace.many('cancel', '{"queue": "q0", "tag": "t0", "owner": "dora"}', null, 99), 2);
select tap.is('nobody else is met', string_agg(n::text, ' ' order by n), '6 12')
  from m where owner = 'dora' and tap.state(id) = 'cancelled';
select tap.is('a time', millrace.many('cancel', jsonb_build_object('owner', 'dora', 'before', now() - interval '1 h'), null, 99), 0);
select tap.is('an ended one is not cancelled', millrace.many('cancel', '{"state": "cancelled"}', 'dora', 99), 0);
select tap.is('only failed ones are run again by themselves', millrace.many('retry', '{}', 'dora', 99), 0);
select tap.is('cancelled ones where that is said', millrace.many('retry', '{"status": "cancelled"}', 'dora', 99), 2);
select tap.is('they are available', count(*), 12) from m where owner = 'dora' and tap.state(id) = 'available';
select tap.refused('a filter of something else', $$select millrace.many('cancel', '{"colour": 1}', null, 9)$$, 'MR400', 'unknown_member');

select millrace.many('cancel', '{}', 'carl', 99) as n \gset
select tap.is('thrown away', millrace.many('discard', '{"state": "cancelled"}', 'carl', 99), 12);
select tap.is('once', millrace.many('discard', '{"state": "cancelled"}', 'carl', 99), 0);
select tap.refused('what is thrown away is not there', format('select millrace.retry(%L)', id), 'MR404', 'job_not_found')
  from m where owner = 'carl' limit 1;
select tap.is('and will be purged', count(*), 12)
  from m join millrace.done using (id) where owner = 'carl' and expires_at <= now();

-- ---------------------------------------------------------------- answers

select millrace.enqueue('b') as a, millrace.enqueue('b', '{}', '{"delay": "1h"}') as b, gen_random_uuid() as gone \gset
select tap.is('the state of a single job as it is', millrace.answer_now(
    format('{"success":true,"jobId":"%s","type":"b","status":"x","state":"y"}', :'b'), array[:'b']::uuid[], array[null]::uuid[]),
    format('{"success":true,"jobId":"%s","type":"b","status":"pending","state":"scheduled"}', :'b'));
select tap.is('another one in its place', millrace.answer_now(
    format('{"success":true,"jobId":"%s","type":"b","status":"x","state":"y"}', :'gone'), array[:'gone']::uuid[], array[:'b']::uuid[]),
    format('{"success":true,"jobId":"%s","type":"b","status":"pending","state":"scheduled","existing":true}', :'b'));
select tap.is('a form of its own', millrace.answer_now(
    format('{"jobId":"%s","status":"processing"}', :'gone'), array[:'gone']::uuid[], array[:'b']::uuid[]),
    format('{"jobId":"%s","status":"processing","existing":true}', :'b'));
select tap.is('of several', millrace.answer_now(
    format('{"count":2,"jobIds":["%s","%s"]}', :'a', :'gone'), array[:'a', :'gone']::uuid[], array[null, :'b']::uuid[]),
    format('{"count":2,"jobIds":["%s","%s"],"existing":["%s"]}', :'a', :'b', :'b'));
