-- millrace.enqueue: one job, in the caller's transaction.

-- What each option becomes, and the default where it is left out.
create temp table made as
select name, of_type, options, member, want, millrace.enqueue(of_type, '{"n": 1}', options) as id
  from (values
    ('a queue',                'a', '{"queue": "mail"}'::jsonb, 'queue', 'mail'),
    ('the queue of its type',  'b', '{}',                       'queue', 'slow'),
    ('a priority',             'a', '{"priority": -100}',       'priority', '-100'),
    ('the highest priority',   'a', '{"priority": 100}',        'priority', '100'),
    ('the priority of its type', 'b', '{}',                     'priority', '7'),
    ('a high priority',        'a', '{"priority": "high"}',     'priority', '50'),
    ('a medium priority',      'b', '{"priority": "medium"}',   'priority', '0'),
    ('a low priority',         'a', '{"priority": "low"}',      'priority', '-50'),
    ('a timeout',              'a', '{"timeout": "1h30m"}',     'timeout_ms', '5400000'),
    ('the timeout of its type', 'b', '{}',                      'timeout_ms', '5000'),
    ('attempts',               'a', '{"maxAttempts": 1}',       'max_attempts', '1'),
    ('the attempts of its type', 'b', '{}',                     'max_attempts', '5'),
    ('a retry policy',         'a', '{"retry": {"initial": "2s", "jitter": false}}', 'retry',
                                    '{"jitter": false, "initial": "2s"}'),
    ('the policy of its type', 'b', '{}',                       'retry', '{"backoff": "constant"}'),
    ('tags',                   'a', '{"tags": ["x", "a,\"b"]}', 'tags', '["x", "a,\"b"]'),
    ('no tags',                'a', '{"tags": []}',             'tags', null),
    ('files',                  'a', '{"files": ["00000000-0000-7000-8000-000000000001"]}', 'files',
                                    '["00000000-0000-7000-8000-000000000001"]'),
    ('an owner',               'a', '{"owner": "anna"}',        'owner', 'anna'),
    ('the caller as owner',    'a', '{}',                       'owner', current_user),
    ('its payload',            'a', '{}',                       'payload', '{"n": 1}'),
    ('a delay',                'a', '{"delay": "10m"}',         'state', 'scheduled'),
    ('no delay',               'a', '{"delay": "0s"}',          'state', 'available'),
    ('a time ahead',           'a', '{"runAt": "2999-01-01T00:00:00Z"}', 'state', 'scheduled'),
    ('a time gone by',         'a', '{"runAt": "1999-01-01T00:00:00Z"}', 'state', 'available'),
    ('the simple status',      'a', '{}',                       'status', 'pending'),
    ('no attempt made',        'a', '{}',                       'attempt', '0')
  ) c(name, of_type, options, member, want);

select tap.is('enqueue keeps ' || m.name, to_jsonb(i) ->> m.member, m.want)
  from made m join millrace.job_info i on i.id = m.id;

select tap.is('a delay counts from now', run_at - created_at, '10 min')
  from millrace.job_info join made using (id) where name = 'a delay';
select tap.is('a payload may be any JSON', payload::text, '[1, null]')
  from millrace.job where id = millrace.enqueue('a', '[1, null]');
select tap.is('a payload of null is JSON null', payload::text, 'null')
  from millrace.job where id = millrace.enqueue('a', null);
select tap.is('each job has one event', count(*), (select count(*) from millrace.job))
  from millrace.job_event where kind = 'job_queued';

-- Every refusal has its code, and changes nothing.
create temp table before as select count(*) as jobs from millrace.job;

select tap.refused('enqueue refuses ' || name,
                   format('select millrace.enqueue(%L, ''{}'', %L)', of_type, options), state, code)
  from (values
    ('a type that nobody has',   'zz', '{}',                          'MR400', 'unknown_type'),
    ('no type',                  null, '{}',                          'MR400', 'unknown_type'),
    ('options that are a list',  'a', '[]',                           'MR400', 'invalid_options'),
    ('options that are null',    'a', null,                           'MR400', 'invalid_options'),
    ('an unknown option',        'a', '{"prio": 1}',                  'MR400', 'unknown_member'),
    ('runAt beside delay',       'a', '{"runAt": "2999-01-01T00:00:00Z", "delay": "1s"}',
                                                                      'MR400', 'invalid_options'),
    ('a delay without a unit',   'a', '{"delay": "10"}',              'MR400', 'invalid_duration'),
    ('an empty delay',           'a', '{"delay": ""}',                'MR400', 'invalid_duration'),
    ('a delay below zero',       'a', '{"delay": "-1s"}',             'MR400', 'invalid_duration'),
    ('a delay of 11 years',      'a', '{"delay": "4015d"}',           'MR400', 'invalid_duration'),
    ('a timeout in words',       'a', '{"timeout": "soon"}',          'MR400', 'invalid_duration'),
    ('a timeout of nothing',     'a', '{"timeout": "0s"}',            '23514', ''),
    ('a policy that is a text',  'a', '{"retry": "never"}',           'MR400', 'invalid_retry'),
    ('a policy with a strange member', 'a', '{"retry": {"tries": 1}}', 'MR400', 'unknown_member'),
    ('an unknown backoff',       'a', '{"retry": {"backoff": "wild"}}', 'MR400', 'invalid_retry'),
    ('jitter that is a number',  'a', '{"retry": {"jitter": 1}}',     'MR400', 'invalid_retry'),
    ('a first wait in words',    'a', '{"retry": {"initial": "a"}}',  'MR400', 'invalid_duration'),
    ('a longest wait in words',  'a', '{"retry": {"max": "a"}}',      'MR400', 'invalid_duration'),
    ('a priority of 101',        'a', '{"priority": 101}',            '23514', ''),
    ('a priority of 70000',      'a', '{"priority": 70000}',          '22003', ''),
    ('a priority in other words', 'a', '{"priority": "highest"}',     '22P02', ''),
    ('no attempts',              'a', '{"maxAttempts": 0}',           'MR400', 'invalid_max_attempts'),
    ('101 attempts',             'a', '{"maxAttempts": 101}',         'MR400', 'invalid_max_attempts'),
    ('a queue with a space',     'a', '{"queue": "a b"}',             '23514', ''),
    ('an empty queue',           'a', '{"queue": ""}',                '23514', ''),
    ('a time that is none',      'a', '{"runAt": "tomorrowish"}',     '22007', ''),
    ('files that are no ids',    'a', '{"files": ["x"]}',             '22P02', ''),
    ('tags that are no list',    'a', '{"tags": "x"}',                '22023', '')
  ) c(name, of_type, options, state, code);

select tap.is('refusals store nothing', count(*), (select jobs from before)) from millrace.job;

-- Within the caller's transaction.
begin;
select millrace.enqueue('a') as gone \gset
rollback;
select tap.is('a job is rolled back with its transaction', tap.state(:'gone'), null);
select tap.is('so are its events', tap.events(:'gone'), null);

begin;
select millrace.enqueue('a') as kept \gset
savepoint s;
select millrace.enqueue('a') as undone \gset
rollback to s;
commit;
select tap.is('a job outlives a later savepoint', tap.state(:'kept'), 'available');
select tap.is('one after the savepoint is gone', tap.state(:'undone'), null);

call tap.sessions('{other}');
begin;
select millrace.enqueue('a') as hidden \gset
select tap.is('nobody sees a job before its commit',
              tap.there('other', format('select tap.state(%L)', :'hidden')), null);
select tap.is('nobody can claim it',
              tap.there('other', format('select count(*) from millrace.claim(gen_random_uuid(), ''{a}'', ''{1000}'', null, 1000) where id = %L', :'hidden')),
              '0');
commit;
select tap.is('it is there after the commit',
              tap.there('other', format('select tap.state(%L)', :'hidden')), 'available');

-- Ids.
select tap.is('ids are of version 7 and of the variant of the RFC',
              bool_and(id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'),
              true)
  from unnest(tap.jobs(100)) id;
select tap.is('ids carry the time',
              abs(('x' || substr(replace(millrace.uuid_v7()::text, '-', ''), 1, 12))::bit(48)::bigint
                  - extract(epoch from clock_timestamp()) * 1000) < 1000, true);

-- Durations.
select tap.is('duration ' || text, millrace.duration_ms(text), ms)
  from (values ('500ms', 500), ('90s', 90000), ('1h30m', 5400000), ('7d', 604800000), ('0s', 0),
               ('3650d', 315360000000)) c(text, ms);

select tap.is('no job is in two states or in none', tap.strays(), 0);

-- Ids of one session rise, also within a millisecond: first in, first out.
create temp table ids as select id, nth from unnest(tap.jobs(1000)) with ordinality u(id, nth);
select tap.is('ids of one session rise', count(*), 0)
  from (select id < lag(id) over (order by nth) as falls from ids) i where falls;
select tap.is('they are UUIDs of version 7 and of now', count(*), 1000)
  from ids where id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]'
             and abs(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint
                     - extract(epoch from now()) * 1000) < 60000;
