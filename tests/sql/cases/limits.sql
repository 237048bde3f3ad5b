-- Limits of concurrency and of rate: exact for all workers together, and in the
-- way of nobody else.

select gen_random_uuid() as w, gen_random_uuid() as v \gset

create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.held, millrace.waiting, millrace.active,
             millrace.done, millrace.permit, millrace.limiter, millrace.turn, millrace.expiry;
    update millrace.job_type set concurrency = null, options = null, paused_at = null;
    delete from millrace.queue;
$$;

-- A clock that has gone on: rates look at the time of the last starts.
create function pg_temp.later(by interval) returns void language sql as $$
    update millrace.limiter set tat = tat - by, wake_at = wake_at - by
$$;

-- ---------------------------------------------------------------- a type

update millrace.job_type set concurrency = 2 where type = 'b';
select count(tap.put(name, of_type)) as put
  from (values ('b1', 'b'), ('b2', 'b'), ('b3', 'b'), ('b4', 'b'), ('a1', 'a')) j(name, of_type) \gset
select tap.is('a type starts as many as it may; others pass it by', tap.claimed(:'w'), 'b1 b2 a1');
select tap.is('another worker gets none of it', tap.claimed(:'v'), '');
select tap.is('an end says that others may start', freed, true)
  from millrace.finish(:'w', array[tap.job('b1')], '{1}', '{completed}', '{null}', '{null}', '{null}', '{null}');
select tap.is('one end lets one start', tap.claimed(:'v'), 'b3');
select tap.is('a retry that waits does not count', tap.done('b2', 'retryable'), 'retryable');
select tap.is('so another starts', tap.claimed(:'v'), 'b4');
update millrace.waiting set run_at = now();
select tap.is('promoted', millrace.promote(), 1);
select tap.is('the retry waits for its limit as any', tap.claimed(:'v'), '');
select tap.is('a worker is lost', millrace.worker_end(:'v'), 2);
select tap.is('then what was its own may start again', tap.claimed(:'w'), 'b2 b3');
select tap.is('running ones count, whoever runs them', count(*), 2) from millrace.permit where key = 'type/b';
update millrace.job_type set concurrency = null where type = 'b';
select tap.is('without the limit all start', tap.claimed(:'w'), 'b4');
select tap.is('all end', tap.done('a1 b2 b3 b4'), 'completed completed completed completed');
select tap.is('no permit is left', count(*), 0) from millrace.permit;
select pg_temp.clear() as cleared \gset

-- Runs that began before there was a limit count as well.
select count(tap.put('a' || n)) as put from generate_series(1, 4) n \gset
select tap.is('two run', tap.claimed(:'w', 2), 'a1 a2');
update millrace.job_type set concurrency = 2 where type = 'a';
select tap.is('a limit counts what runs already', tap.claimed(:'v'), '');
update millrace.job_type set concurrency = 3 where type = 'a';
select tap.is('a higher limit lets one more start', tap.claimed(:'v'), 'a3');
select tap.is('one ends', tap.done('a1'), 'completed');
select tap.is('and makes room', tap.claimed(:'v'), 'a4');
select pg_temp.clear() as cleared \gset

-- ---------------------------------------------------------------- a queue

insert into millrace.queue (queue, concurrency) values ('mail', 2);
select count(tap.put(name, of_type, jsonb_build_object('queue', queue))) as put
  from (values ('m1', 'a', 'mail'), ('m2', 'c', 'mail'), ('m3', 'a', 'mail'), ('d1', 'a', 'default')) j(name, of_type, queue) \gset
select tap.is('a queue starts as many as it may, of all types',
              (select string_agg(n, ' ' order by n) from string_to_table(tap.claimed(:'w'), ' ') n), 'd1 m1 m2');
select tap.is('one ends', tap.done('m2'), 'completed');
select tap.is('another starts', tap.claimed(:'v'), 'm3');
select pg_temp.clear() as cleared \gset
insert into millrace.queue (queue, concurrency) values ('mail', 3);
update millrace.job_type set concurrency = 1 where type = 'a';
select count(tap.put(name, of_type, '{"queue": "mail"}')) as put
  from (values ('a1', 'a'), ('a2', 'a'), ('c1', 'c'), ('c2', 'c'), ('c3', 'c')) j(name, of_type) \gset
select tap.is('queue and type: both hold', tap.claimed(:'w'), 'a1 c1 c2');
select pg_temp.clear() as cleared \gset

-- Paused: what runs goes on, nothing starts.
select count(tap.put(name, of_type, jsonb_build_object('queue', queue))) as put
  from (values ('m1', 'a', 'mail'), ('m2', 'a', 'mail'), ('c1', 'c', 'default'), ('c2', 'c', 'default')) j(name, of_type, queue) \gset
select tap.is('one of each runs', tap.claimed(:'w', 1, '{mail}') || ' ' || tap.claimed(:'w', 1, '{default}'), 'm1 c1');
insert into millrace.queue (queue, paused_at) values ('mail', now());
select tap.is('nothing of a paused queue starts', tap.claimed(:'w'), 'c2');
select tap.is('what runs ends', tap.done('m1'), 'completed');
delete from millrace.queue;
select tap.put('c3', 'c') as put \gset
update millrace.job_type set paused_at = now() where type = 'c';
select tap.is('nothing of a paused type starts', tap.claimed(:'w'), 'm2');
update millrace.job_type set paused_at = null where type = 'c';
select tap.is('it starts when that is over', tap.claimed(:'w'), 'c3');
select pg_temp.clear() as cleared \gset

-- ---------------------------------------------------------------- a key

-- {"concurrencyKey": key, "concurrencyLimit": most}
create function pg_temp.key(name text, most int default 1) returns jsonb language sql as $$
    select jsonb_build_object('concurrencyKey', name, 'concurrencyLimit', most)
$$;

select count(tap.put(name, 'a', options)) as put
  from (values ('x1', pg_temp.key('x', 2)), ('x2', pg_temp.key('x', 2)), ('x3', pg_temp.key('x', 2)),
               ('x4', pg_temp.key('x', 2)), ('y1', pg_temp.key('y')), ('y2', pg_temp.key('y')), ('free', '{}')) j(name, options) \gset
select tap.is('each key starts as many as it may; who has none passes', tap.claimed(:'w'), 'x1 x2 y1 free');
select tap.is('the others are held and cost the claim nothing', string_agg(tap.place(n), ' '), 'held held held')
  from unnest('{x3,x4,y2}'::text[]) n;
select tap.is('held ones are available to the eye', tap.state(tap.job('x3')), 'available');
select tap.is('one end lets one out', tap.done('x1') || ' ' || tap.place('x3') || ' ' || tap.place('x4') || ' ' || tap.place('y2'),
              'completed ready held held');
select tap.is('which starts', tap.claimed(:'v'), 'x3');
select tap.is('so does a retry that waits', tap.done('x2', 'retryable') || ' ' || tap.claimed(:'v'), 'retryable x4');
select millrace.cancel(tap.job('y1')) as state \gset
select tap.is('so does the end of a cancelled run', tap.done('y1', 'retryable') || ' ' || tap.claimed(:'v'), 'cancelled y2');
select tap.put('x5', 'a', pg_temp.key('x', 2)) as put \gset
select tap.is('held', tap.claimed(:'v') || tap.place('x5'), 'held');
select tap.is('so does the loss of a worker', millrace.rescue(:'v'), 3);
select tap.is('the lost ones are first again', tap.claimed(:'w', 3), 'x3 x4 y2');
select tap.is('and the last is held again', tap.claimed(:'w') || tap.place('x5'), 'held');
select tap.is('a held job can be cancelled', millrace.cancel(tap.job('x5'))::text || ' ' || tap.place('x5'), 'cancelled done');
select tap.is('the others'' ends', tap.done('x3 x4 y2'), 'completed completed completed');
update millrace.waiting set run_at = now();
select tap.is('promoted', millrace.promote(), 1);
select tap.is('the retry goes on', tap.claimed(:'w'), 'x2');
select tap.is('a job is given back', tap.done('x2', 'available'), 'available');
select tap.is('that frees its key', count(*), 0) from millrace.permit;
select pg_temp.clear() as cleared \gset

-- Keys of an owner are their own.
select count(tap.put(o, 'a', pg_temp.key('k') || jsonb_build_object('owner', o))) as put from unnest('{anna,bert}'::text[]) o \gset
select tap.is('keys of two owners never meet', tap.claimed(:'w'), 'anna bert');
select pg_temp.clear() as cleared \gset

-- A type's key: a place in the payload; a job's own key stands before it.
update millrace.job_type set options = '{"concurrencyKey": "/customer/id", "concurrencyLimit": 2}' where type = 'a';
select count(tap.put(name, 'a', options, more)) as put
  from (values ('p1', '{"owner": "anna"}'::jsonb, '{"customer": {"id": 7}}'::jsonb), ('p2', '{"owner": "bert"}', '{"customer": {"id": 7}}'),
               ('p3', '{"owner": "cleo"}', '{"customer": {"id": 7}}'), ('p4', '{}', '{"customer": {"id": 8}}'),
               ('p5', '{"concurrencyKey": "k"}', '{"customer": {"id": 7}}'), ('p6', '{}', '{}')) j(name, options, more) \gset
select tap.is('a type''s key is taken from the payload, for all owners together',
              (select string_agg(n, ' ' order by n) from string_to_table(tap.claimed(:'w'), ' ') n), 'p1 p2 p4 p5 p6');
select pg_temp.clear() as cleared \gset

-- A slot that comes free is not lost where the job let out for it does not take it.
select count(tap.put('x' || n, 'a', pg_temp.key('x'))) as put from generate_series(1, 6) n \gset
select tap.is('one runs', tap.claimed(:'w'), 'x1');
select tap.is('one is let out', tap.done('x1') || ' ' || tap.place('x2') || ' ' || tap.place('x3'), 'completed ready held');
select tap.is('it is cancelled: the next is let out', millrace.cancel(tap.job('x2'))::text || ' ' || tap.place('x3'), 'cancelled ready');
select tap.is('that one is put off: the next', millrace.change(tap.job('x3'), null, null, now() + interval '1 h')::text || ' ' || tap.place('x4'), 'scheduled ready');
insert into millrace.expiry values (tap.job('x4'), now());
select tap.is('that one expires: the next', millrace.expire() || ' ' || tap.place('x5'), '1 ready');
select tap.is('which starts', tap.claimed(:'w'), 'x5');
select pg_temp.clear() as cleared \gset

-- Several keys: a job that another key stops takes no slot of the first.
select count(tap.put(name, 'a', options)) as put
  from (values ('r1', '{"rateLimit": {"key": "r", "limit": 1, "per": "1h"}}'::jsonb),
               ('x1', pg_temp.key('x')),
               ('both', pg_temp.key('x') || '{"rateLimit": {"key": "r", "limit": 1, "per": "1h"}}'),
               ('x2', pg_temp.key('x'))) j(name, options) \gset
select tap.is('the first of each key run', tap.claimed(:'w'), 'r1 x1');
select tap.is('one end', tap.done('x1'), 'completed');
select tap.is('the slot goes to one that may start', tap.claimed(:'w'), 'x2');
select tap.is('the other is held by its other key', key, 'r/o/' || current_user || '/r') from millrace.held;
select tap.is('it has no permit', count(*), 0) from millrace.permit where id = tap.job('both');
select pg_temp.later('1 h') as later \gset
select tap.is('the rate lets it out', millrace.wake_held() || ' ' || tap.claimed(:'w') || tap.place('both'), '1 held');
select tap.is('but its first key is in use: it takes no time of the rate', tap.done('x2') || ' ' || tap.claimed(:'w'), 'completed both');
select tap.is('the time of the rate is taken once', tat > now() + interval '59 min' and tat < now() + interval '61 min', true)
  from millrace.limiter where key like 'r/%';
select pg_temp.clear() as cleared \gset

-- Held jobs are let out in order of priority and age, in each queue and type.
select count(tap.put(name, of_type, pg_temp.key('x') || options)) as put
  from (values ('x1', 'a', '{}'::jsonb), ('x2', 'a', '{}'), ('x3', 'a', '{"priority": 5}'), ('q1', 'a', '{"queue": "other"}'),
               ('c1', 'c', '{}')) j(name, of_type, options) \gset
select tap.is('the most urgent runs', tap.claimed(:'w'), 'x3');
select tap.is('it ends', tap.done('x3'), 'completed');
select tap.is('of each queue and type one is let out, since who can take it is not known',
              string_agg(n || ' ' || tap.place(n), ' ' order by n), 'c1 ready q1 ready x1 ready x2 held')
  from unnest('{x1,x2,q1,c1}'::text[]) n;
select tap.is('still one starts', tap.claimed(:'w', 99, '{other}'), 'q1');
select tap.is('no other', tap.claimed(:'w'), '');
select tap.is('they are held again', string_agg(tap.place(n), ' '), 'held held held')
  from unnest('{x1,x2,c1}'::text[]) n;
select pg_temp.clear() as cleared \gset

-- A job behind thousands that are stopped by a key starts with the first claim.
select cardinality(tap.jobs(500, 'a', pg_temp.key('x'))) as put, tap.put('free') as free \gset
select tap.is('a claim of two finds what is behind those that are held', tap.claimed(:'w', 2), 'free');
select tap.is('beside the one that runs', count(*), 2) from millrace.active;
select pg_temp.clear() as cleared \gset

-- ---------------------------------------------------------------- rates

update millrace.job_type set options = '{"rateLimit": {"limit": 60, "per": "1m", "burst": 3}}' where type = 'a';
select count(tap.put('r' || n)) as put from generate_series(1, 8) n \gset
select tap.is('a type''s rate: the burst at once', tap.claimed(:'w'), 'r1 r2 r3');
select tap.is('then none', tap.claimed(:'v'), '');
select tap.is('not by an end either', tap.done('r1 r2 r3') || tap.claimed(:'v'), 'completed completed completed');
select tap.is('the next is due in a second', millrace.next_due() - now() between interval '0.2 s' and interval '1 s', true);
select pg_temp.later('1 s') as later \gset
select tap.is('after a second one', tap.claimed(:'w'), 'r4');
select pg_temp.later('10 s') as later \gset
select tap.is('after a long time no more than the burst', tap.claimed(:'w'), 'r5 r6 r7');
select pg_temp.clear() as cleared \gset

insert into millrace.queue (queue, rate_limit) values ('mail', '{"limit": 1, "per": "1s"}');
select count(tap.put('m' || n, 'a', '{"queue": "mail"}')) as put from generate_series(1, 3) n \gset
select tap.is('a queue''s rate: one, for want of a burst', tap.claimed(:'w'), 'm1');
select tap.is('then none', tap.claimed(:'w'), '');
select pg_temp.later('1 s') as later \gset
select tap.is('then one', tap.claimed(:'w'), 'm2');
select pg_temp.clear() as cleared \gset

-- {"rateLimit": …} of a key, a second each
create function pg_temp.rate(key text, burst int default 1) returns jsonb language sql as $$
    select jsonb_build_object('rateLimit', jsonb_build_object('key', key, 'limit', 1, 'per', '1s', 'burst', burst))
$$;
select count(tap.put(name, 'a', options)) as put
  from (values ('x1', pg_temp.rate('x', 2)), ('x2', pg_temp.rate('x', 2)), ('x3', pg_temp.rate('x', 2)), ('x4', pg_temp.rate('x', 2)),
               ('x5', pg_temp.rate('x', 2)), ('y1', pg_temp.rate('y')), ('y2', pg_temp.rate('y')), ('free', '{}')) j(name, options) \gset
select tap.is('a key''s rate', tap.claimed(:'w'), 'x1 x2 y1 free');
select tap.is('the others are held', count(*), 4) from millrace.held;
select tap.is('ends', tap.done('x1 y1'), 'completed completed');
select tap.is('do not let them out', count(*), 4) from millrace.held;
select tap.is('each key knows when', count(*), 2)
  from millrace.limiter where wake_at - now() between interval '0.2 s' and interval '1 s';
select tap.is('so does the housekeeping', millrace.next_due() - now() between interval '0.2 s' and interval '1 s', true);
select tap.is('before that nothing wakes', millrace.wake_held(), 0);
select pg_temp.later('1 s') as later \gset
select tap.is('then each lets one out', millrace.wake_held() || ' ' || tap.claimed(:'w'), '2 x3 y2');
select pg_temp.later('2 s') as later \gset
select tap.is('after a longer time the burst comes out', tap.claimed(:'w') || millrace.wake_held() || ' ' || tap.claimed(:'w'), '1 x4 x5');
select pg_temp.later('2 s') as later \gset
select tap.is('when nobody waits, nothing wakes', millrace.wake_held(), 0);
select tap.is('nor is to', count(wake_at), 0) from millrace.limiter;
select pg_temp.clear() as cleared \gset

-- A type's rate by a key of the payload.
update millrace.job_type set options = '{"rateLimit": {"key": "/t", "limit": 1, "per": "1h"}}' where type = 'a';
select count(tap.put(name, 'a', '{}', more)) as put
  from (values ('t1', '{"t": 1}'::jsonb), ('t2', '{"t": 1}'), ('u1', '{"t": 2}'), ('none', '{}')) j(name, more) \gset
select tap.is('a type''s rate may have a key', tap.claimed(:'w'), 't1 u1 none');
select pg_temp.clear() as cleared \gset

-- ---------------------------------------------------------------- limiters

select count(tap.put('x' || n, 'a', pg_temp.key('x') || pg_temp.rate('x'))) as put from generate_series(1, 2) n \gset
select tap.is('one runs', tap.claimed(:'w'), 'x1');
update millrace.limiter set made_at = now() - interval '2 h';
select millrace.sweep_limiters() as swept \gset
select tap.is('limiters in use stay', count(*), 2) from millrace.limiter;
select tap.is('both end', tap.done('x1') || ' ' || tap.claimed(:'w'), 'completed ');
select pg_temp.later('1 s') as later \gset
select tap.is('both end', millrace.wake_held() || ' ' || tap.claimed(:'w') || ' ' || tap.done('x2'), '1 x2 completed');
select pg_temp.later('1 s') as later, millrace.wake_held() as woken \gset
select millrace.sweep_limiters() as swept \gset
select tap.is('those that nothing needs are gone', count(*), 0) from millrace.limiter;
select pg_temp.clear() as cleared \gset

-- ---------------------------------------------------------------- at once

call tap.sessions('{one,two,three,four}');
create function public.claimed(w uuid, total int) returns text language sql as $$ select tap.claimed(w, total) $$;

select count(tap.put('x' || n, 'a', pg_temp.key('x', 2))) as put from generate_series(1, 4) n \gset
select tap.run('one', 'begin') as begun \gset
select tap.is('one claims, and has not yet committed', tap.there('one', format('public.claimed(%L, 1)', :'w')), 'x1');
select tap.is('two does not wait long for what one may want as well', tap.there('two', format('public.claimed(%L, 9)', :'v')), '');
select tap.run('one', 'commit') as done \gset
select tap.is('then it counts what one has started', tap.there('two', format('public.claimed(%L, 9)', :'v')), 'x2');
select tap.is('the others are held', count(*), 2) from millrace.held;
select tap.run('one', 'begin') as begun \gset
select tap.there('one', 'tap.done(''x1'')') as done \gset
select tap.is('an end that is not committed frees nothing', tap.claimed(:'v'), '');
select tap.run('one', 'commit') as done \gset
select tap.is('then it does', tap.claimed(:'v'), 'x3');

-- A claim that sets a job aside while the key's last run ends: it is let out.
select tap.put('x5', 'a', pg_temp.key('x', 2)) as put \gset
select tap.run('one', 'begin') as begun \gset
select tap.is('one sets a job aside', tap.there('one', format('public.claimed(%L, 9)', :'w')) || tap.place('x5'), 'ready');
call tap.blocks('two', 'tap.done(''x2'')');
select tap.run('one', 'commit') as done \gset
select tap.is('the end has waited for that', tap.outcome('two'), 'completed');
select tap.is('and lets the oldest out', tap.claimed(:'v'), 'x4');
select pg_temp.clear() as cleared \gset

-- A cancel and an end that meet at a held job: neither waits for the other for ever.
select count(tap.put('x' || n, 'a', pg_temp.key('x') || '{"serialKey": "s"}')) as put from generate_series(1, 3) n \gset
select tap.is('one runs', tap.claimed(:'w'), 'x1');
select tap.is('two are held', count(*), 2) from millrace.held;
select tap.run('one', 'begin') as begun \gset
select tap.is('a cancel is under way', tap.there('one', 'millrace.cancel(tap.job(''x2''))'), 'cancelled');
call tap.blocks('two', 'tap.done(''x1'')');
select tap.run('one', 'commit') as done \gset
select tap.is('the end goes on', tap.outcome('two'), 'completed');
select tap.is('and the one behind is let out', tap.claimed(:'v'), 'x3');
select pg_temp.clear() as cleared \gset

-- Four sessions claim and end; no snapshot ever shows more than may run.
create table public.seen (what text, n int, most int);
create procedure public.work_off(w uuid) language plpgsql as $$
begin
    for round in 1 .. 4000 loop
        perform tap.claimed(w, 5);
        commit;
        insert into public.seen
        select p.key, count(*), max(case split_part(p.key, '/', 1) when 'type' then 3 when 'queue' then 4 else right(p.key, 1)::int end)
          from millrace.permit p join millrace.active a using (id) group by p.key;
        insert into public.seen select 'type/' || j.type, count(*), case j.type when 'b' then 3 else 99 end
          from millrace.active a join millrace.job j using (id) group by j.type;
        commit;
        perform tap.finish_all(w, '{completed,completed,completed,completed,available}');
        commit;
        perform millrace.wake_held();
        commit;
        exit when not exists (select from millrace.ready) and not exists (select from millrace.held);
    end loop;
end $$;
update millrace.job_type set concurrency = 3 where type = 'b';
insert into millrace.queue (queue, concurrency) values ('default', 4);
select count(tap.put('j' || n, (array['a', 'b', 'c'])[1 + n % 3],
             case n % 4 when 0 then pg_temp.key('k1') when 1 then pg_temp.key('k2', 2)
                        when 2 then pg_temp.key('k3', 3) || '{"serialKey": "1"}' else '{}' end)) as put
  from generate_series(1, 600) n \gset
select tap.dblink_send_query(s, format('call public.work_off(%L)', gen_random_uuid())) as sent from unnest('{one,two,three,four}'::text[]) s \g /dev/null
select tap.is('a session has worked', tap.outcome(s), 'CALL') from unnest('{one,two,three,four}'::text[]) s;
select tap.is('all have ended', count(*), 600) from millrace.done where state = 'completed';
select tap.is('no limit was ever exceeded', string_agg(format('%s: %s', what, n), ', '), null) from public.seen where n > most;
select tap.is('limits were reached', count(distinct what) >= 5, true) from public.seen where n = most;
select tap.is('no permit is left', count(*), 0) from millrace.permit;

select tap.is('no job is in two states or in none', tap.strays(), 0);
