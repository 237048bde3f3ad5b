-- The sums, and what those who run the system set.

select tap.worker('w') as w \gset
select tap.jobs(4) as jobs \gset
select tap.jobs(2, 'b') as others \gset
select tap.jobs(1, 'a', '{"delay": "1h"}') as later \gset

-- ---------------------------------------------------------------- counts

create function tap.counts() returns text language sql as $$
    select string_agg(format('%s/%s %s %s', queue, type, state, n), ', ' order by queue, type, state)
      from millrace.state_counts()
$$;

select tap.is('counts before they are added up', tap.counts(),
              'default/a scheduled 1, default/a available 4, slow/b available 2');
select millrace.add_up();
select tap.is('and after', tap.counts(),
              'default/a scheduled 1, default/a available 4, slow/b available 2');
select array_agg(id) as runs from millrace.claim(:'w', '{a}', '{3}', null, 3) \gset
select tap.finish(:'w', (:'runs'::uuid[])[1], 1, 'completed'),
       tap.finish(:'w', (:'runs'::uuid[])[2], 1, 'discarded') \gset
select tap.is('sums and what is not added yet together', tap.counts(),
              'default/a scheduled 1, default/a available 1, default/a active 1, '
              'default/a completed 1, default/a discarded 1, slow/b available 2');
select millrace.add_up();
select tap.is('nothing is left to be added', count(*), 0) from millrace.tally;
select tap.is('the sums alone', tap.counts(),
              'default/a scheduled 1, default/a available 1, default/a active 1, '
              'default/a completed 1, default/a discarded 1, slow/b available 2');

select tap.is('a queue''s flow', facts - 'averageWaitMs' - 'averageRunMs',
              '{"queued": 5, "started": 3, "completed": 1, "failed": 1, "cancelled": 0, "retried": 0}')
  from millrace.flows('10s', now() - interval '1 min') where queue = 'default';
select tap.is('the flow of all', (millrace.flow('hour', now() - interval '1 d') ->> 'queued')::int, 7);
select tap.is('no flow is all zero', millrace.flow('minute', now() + interval '1 h') ->> 'started', '0');
select tap.is('all at once', millrace.stats() -> 'counts',
              '{"scheduled": 1, "available": 3, "active": 1, "completed": 1, "discarded": 1}'::jsonb);
select tap.is('an owner''s own', millrace.stats(current_user::text) -> 'counts',
              millrace.stats() -> 'counts');
select tap.is('and no flows', millrace.stats(current_user::text) ? 'lastMinute', false);
select tap.is('nobody''s', millrace.stats('nobody') -> 'byType', '[]'::jsonb);

-- ---------------------------------------------------------------- limits

select millrace.rescue(:'w') \gset
truncate millrace.job, millrace.ready, millrace.waiting, millrace.done, millrace.active;
select tap.worker('v') as v \gset
select millrace.queue_set('default', '{"concurrency": 2}');
select tap.jobs(3) as jobs \gset
select tap.is('a limit without a rate lets as many run', count(*), 2)
  from millrace.claim(:'v', '{a}', '{5}', null, 5);
select tap.is('and no more', count(*), 0) from millrace.claim(:'v', '{a}', '{5}', null, 5);
select millrace.queue_set('default', '{"concurrency": null}');
select id as last from millrace.claim(:'v', '{a}', '{5}', null, 5) \gset
select tap.is('without it, all', tap.state(:'last'), 'active');
select millrace.queue_set('default', '{"concurrency": 3}');
select tap.is('a new limit counts what runs', count(*), 3) from millrace.permit where key = 'queue/default';
select tap.jobs(1) as more \gset
select tap.is('so it is full', count(*), 0) from millrace.claim(:'v', '{a}', '{5}', null, 5);
select tap.is('a run that had begun before gives its place back',
              tap.finish(:'v', :'last', 1, 'completed'), 'completed');
select tap.is('to the next', count(*), 1) from millrace.claim(:'v', '{a}', '{5}', null, 5);
update millrace.job_type set concurrency = 1 where type = 'a';
select tap.is('the same of a type', count(*), 3) from millrace.permit where key = 'type/a';
update millrace.job_type set concurrency = null where type = 'a';

-- ---------------------------------------------------------------- pause

select millrace.queue_set('default', '{"concurrency": null}'), millrace.queue_pause('default', true);
select tap.jobs(1), tap.jobs(1, 'b') \gset
select tap.is('a paused queue gives nothing, others do', string_agg(type, ' '), 'b')
  from millrace.claim(:'v', '{a,b}', '{5,5}', null, 5);
select millrace.queue_pause('default', false), millrace.type_pause('a', true);
select tap.is('nor does a paused type', count(*), 0) from millrace.claim(:'v', '{a,b}', '{5,5}', null, 5);
select millrace.type_pause('a', false);
select tap.is('until it goes on', count(*), 1) from millrace.claim(:'v', '{a,b}', '{5,5}', null, 5);
select tap.refused('an unknown type cannot be paused', $$select millrace.type_pause('x', true)$$,
                   'MR404', 'type_not_found');
select tap.refused('a queue''s name is checked', $$select millrace.queue_pause('a b', true)$$,
                   'MR400', 'invalid_member');

-- Compiling would cost more than it saves wherever a history makes a plan look expensive.
select tap.is('what is called often is not compiled', string_agg(p.proname, ' '), null)
  from pg_proc p
 where p.pronamespace = 'millrace'::regnamespace
   and p.proname = any ('{insert_jobs,claim,finish,report,beat,events,stats,explain,cancel,retry,change,many,failures,add_up,rescue_all,promote}')
   and not 'jit=off' = any (coalesce(p.proconfig, '{}'));
