-- 0003_enqueue: how jobs come in
--
-- why      one way in for requests, batches, schedules and SQL; what is rare
--          (unique keys, limits of admission, dependencies) is looked at only
--          where a call brings it
-- locks    none (new objects only)
-- undo     drop the functions

-- ---------------------------------------------------------------- admission

-- States that count as waiting.
create function millrace.waits(state millrace.state) returns bool
language sql immutable as $$
    select coalesce(state in ('scheduled', 'pending', 'available', 'retryable'), false)
$$;

-- How many jobs of a queue wait, in the sums and in what is not yet added up.
create function millrace.queue_length(of_queue text) returns bigint
language sql stable as $$
    select coalesce((select sum(n) from millrace.stat_state
                      where queue = of_queue and state = 'available'), 0)
         + coalesce((select sum(case went_to when 'available' then n else 0 end
                              - case came_from when 'available' then n else 0 end)
                       from millrace.tally where queue = of_queue), 0)
$$;

create function millrace.owner_length(of_owner text) returns bigint
language sql stable as $$
    select coalesce((select n from millrace.stat_owner where owner = of_owner), 0)
         + coalesce((select sum(case when millrace.waits(went_to) then n else 0 end
                              - case when millrace.waits(came_from) then n else 0 end)
                       from millrace.tally where limited_owner = of_owner), 0)
$$;

-- The row of an owner, or that of everybody.
create function millrace.owner_limits(of_owner text) returns millrace.owner
language plpgsql stable as $$
begin
    return (select o from millrace.owner o where owner in (of_owner, '*')
             order by owner = '*' limit 1);
end $$;

-- The owner if their waiting jobs are counted, else null.
create function millrace.counted_owner(of_owner text) returns text
language sql stable as $$
    select of_owner where (millrace.owner_limits(of_owner)).max_waiting is not null
$$;

-- A queue that is full: how long it takes at its present rate until there is
-- room again.
create function millrace.check_queue(of_queue text, more bigint) returns void
language plpgsql as $$
declare
    most int := (select max_length from millrace.queue where queue = of_queue);
    over bigint;
    rate float8;
begin
    if most is null then
        return;
    end if;
    over := millrace.queue_length(of_queue) + more - most;
    if over <= 0 then
        return;
    end if;
    rate := millrace.start_rate(of_queue);
    perform millrace.refuse_for('MR503', 'queue_full',
        format('the queue %s has %s jobs waiting at most, and no room for %s more now',
               of_queue, most, more),
        case when rate > 0 then greatest(1, least(3600, ceil(over / rate)))::int end);
end $$;

-- Refuse, and say after how many seconds it may work (the exception's hint).
create function millrace.refuse_for(state text, code text, message text, seconds int)
returns void language plpgsql as $$
begin
    raise exception using errcode = state, detail = code, message = message,
        hint = coalesce(seconds, 60)::text;
end $$;

-- An owner's posts and waiting jobs.
create function millrace.check_owner(of_owner text, posts int, jobs bigint) returns void
language plpgsql as $$
declare
    limits  millrace.owner := millrace.owner_limits(of_owner);
    wait_ms bigint;
begin
    if limits.max_waiting < millrace.owner_length(of_owner) + jobs then
        perform millrace.refuse_for('MR429', 'too_many_waiting',
            format('%s may have %s jobs waiting at once', of_owner, limits.max_waiting), 5);
    end if;
    if limits.posts_per_minute is null then
        return;
    end if;
    perform millrace.limiters_lock(array['posts/' || of_owner]);
    wait_ms := millrace.rate_take('posts/' || of_owner, 60000.0 / limits.posts_per_minute,
                                  limits.posts_per_minute, posts);
    if wait_ms > 0 then
        perform millrace.refuse_for('MR429', 'too_many_posts',
            format('%s may post %s times a minute', of_owner, limits.posts_per_minute),
            ceil(wait_ms / 1000.0)::int);
    end if;
end $$;

-- All that a call brings, but for the requests that are answered already (lost) and
-- the jobs that give way to others. Cheap where nothing is limited.
create function millrace.admit(queues text[], owners text[], requests int[],
                               lost int[], insteads uuid[]) returns void
language plpgsql as $$
begin
    if exists (select from millrace.queue where max_length is not null) then
        perform millrace.check_queue(q, count(*))
           from unnest(queues, requests, insteads) u(q, r, i)
          where r <> all (lost) and i is null group by q order by q;
    end if;
    if exists (select from millrace.owner
                where max_waiting is not null or posts_per_minute is not null) then
        perform millrace.check_owner(o, count(distinct r)::int, count(*) filter (where i is null))
           from unnest(owners, requests, insteads) u(o, r, i)
          where r <> all (lost) group by o order by o;
    end if;
end $$;

-- ---------------------------------------------------------------- unique keys

-- Take a unique key for a job, or say which job has it. Whoever asks for the
-- same key meanwhile waits for our transaction.
create function millrace.uniq_take(for_job uuid, rule jsonb, in_call uuid[])
returns uuid language plpgsql as $$
declare
    wanted  millrace.state[] := array(select jsonb_array_elements_text(rule -> 'states'))::millrace.state[];
    ends_at timestamptz := now() + (rule ->> 'withinMs')::bigint * interval '1 ms';
    has     millrace.uniq;
begin
    loop
        insert into millrace.uniq (key, job_id, states, until)
        values (rule ->> 'key', for_job, wanted, ends_at)
            on conflict do nothing;
        if found then
            return null;
        end if;
        select * into has from millrace.uniq where key = rule ->> 'key' for update;
        exit when found;
    end loop;
    if has.job_id = any (in_call) or (coalesce(has.until > now(), true) and exists (
           select from millrace.job_info i
            where i.id = has.job_id and i.state = any (has.states))) then
        return has.job_id;
    end if;
    update millrace.uniq set job_id = for_job, states = wanted, until = ends_at
     where key = rule ->> 'key';
    return null;
end $$;

-- The job that has the key makes way for a new one; one that runs goes on.
create function millrace.uniq_replace(for_job uuid, rule jsonb, old uuid) returns void
language plpgsql as $$
begin
    perform millrace.cancel_waiting(array[old], 'replaced',
                                    'a newer job with the same unique key took its place');
    update millrace.uniq
       set job_id = for_job,
           states = array(select jsonb_array_elements_text(rule -> 'states'))::millrace.state[],
           until = now() + (rule ->> 'withinMs')::bigint * interval '1 ms'
     where key = rule ->> 'key';
end $$;

-- Whether the job, the nth of its call, may be stored: null, else the job that
-- stands for it.
create function millrace.uniq_check(for_job uuid, rule jsonb, in_call uuid[], nth bigint)
returns uuid language plpgsql as $$
declare
    old uuid := millrace.uniq_take(for_job, rule, in_call);
begin
    if old is null then
        return null;
    elsif rule ->> 'onConflict' = 'refuse' or (rule ->> 'onConflict' = 'replace' and old = any (in_call)) then
        perform millrace.refuse_job('MR409', 'unique_conflict',
            format('job %s has this unique key', old), nth, old);
    elsif rule ->> 'onConflict' = 'replace' then
        perform millrace.uniq_replace(for_job, rule, old);
        return null;
    end if;
    return old;
end $$;

-- The jobs that stand for those of a call which are not to be stored. Keys are
-- taken in their order, so that two calls cannot wait for each other's.
create function millrace.uniq_all(ids uuid[], requests int[], extras jsonb[], lost int[])
returns uuid[] language plpgsql as $$
declare
    job      record;
    insteads uuid[] := array_fill(null::uuid, array[cardinality(ids)]);
begin
    for job in select i.id, i.extra -> 'unique' as rule, i.nth
                 from unnest(ids, requests, extras) with ordinality i(id, request, extra, nth)
                where i.extra ? 'unique' and i.request <> all (lost)
                order by i.extra #>> '{unique,key}', i.nth loop
        insteads[job.nth] := millrace.uniq_check(job.id, job.rule, ids, job.nth);
    end loop;
    return insteads;
end $$;

-- What depends on a job that gave way depends on the one in its place.
create function millrace.needs_instead(ids uuid[], extras jsonb[], insteads uuid[])
returns jsonb[] language sql immutable as $$
    select array_agg(case when i.extra ? 'dependsOn' then jsonb_set(i.extra, '{dependsOn}', coalesce((
               select jsonb_agg(distinct coalesce(o.instead::text, d))
                 from jsonb_array_elements_text(i.extra -> 'dependsOn') d
                 left join unnest(ids, insteads) o(id, instead)
                        on o.id::text = d and o.instead is not null
                where coalesce(o.instead::text, d) <> i.id::text), '[]')) else i.extra end
               order by i.nth)
      from unnest(ids, extras) with ordinality i(id, extra, nth)
$$;

-- ---------------------------------------------------------------- enqueue

-- The batches of new jobs: none is closed before these are stored.
create function millrace.hold_batches(extras jsonb[]) returns void
language sql as $$
    select from millrace.batch
     where id = any (array(select distinct (e ->> 'batchId')::uuid from unnest(extras) e
                            where e ->> 'batchId' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'))
     order by id for share
$$;

-- The rare options of the jobs of a call, checked; null where one has none. A
-- refusal says which job is wrong.
create function millrace.extras_of(types text[], queues text[], owners text[],
                                   payloads text[], extras text[])
returns jsonb[] language plpgsql stable as $$
declare
    job     record;
    place   bigint := 0;
    found   jsonb[] := '{}';
    state   text;
    code    text;
    message text;
begin
    for job in select i.*, coalesce(i.queue, t.queue) as its_queue, t.options
                 from unnest(types, queues, owners, payloads, extras) with ordinality
                      i(type, queue, owner, payload, extra, nth)
                 join millrace.job_type t on t.type = i.type
                order by i.nth loop
        place := job.nth;
        found := array_append(found, case when job.extra is not null or job.options is not null then
            millrace.job_extra(job.type, job.its_queue, job.owner, job.payload::json,
                               job.extra::jsonb, job.options) end);
    end loop;
    return found;
exception when others then
    get stacked diagnostics state = returned_sqlstate, code = pg_exception_detail,
                            message = message_text;
    perform millrace.refuse_job(state, code, message, place);
end $$;

-- What new jobs wait for and belong to must be there and be their owner's; but for
-- the requests that are answered already (lost).
create function millrace.check_extras(ids uuid[], owners text[], extras jsonb[],
                                      requests int[], lost int[]) returns void
language plpgsql as $$
declare
    bad   text;
    place bigint;
begin
    select d.needs, d.nth into bad, place
      from (select n::uuid as needs, u.owner, u.nth
              from unnest(owners, extras, requests) with ordinality u(owner, extra, request, nth)
             cross join jsonb_array_elements_text(u.extra -> 'dependsOn') n
             where u.request <> all (lost)) d
      left join unnest(ids) own(id) on own.id = d.needs
     where own.id is null
       and not exists (select from millrace.job j where j.id = d.needs and j.owner = d.owner)
     limit 1;
    if found then
        perform millrace.refuse_job('MR400', 'unknown_dependency',
            format('dependsOn names %s, and there is no such job', bad), place);
    end if;
    select u.extra ->> 'batchId', u.nth into bad, place
      from unnest(owners, extras, requests) with ordinality u(owner, extra, request, nth)
     where u.extra ? 'batchId' and u.request <> all (lost)
       and not exists (select from millrace.batch b
                        where b.id::text = u.extra ->> 'batchId' and b.owner = u.owner
                          and b.open and b.ended_at is null)
     limit 1;
    if found then
        perform millrace.refuse_job('MR409', 'batch_closed',
            format('there is no batch %s that takes more jobs', bad), place);
    end if;
end $$;

-- The requests whose idempotency key was known before, or is another request's
-- of this very call; the other keys are kept with their answers.
create function millrace.keep_keys(key_requests int[], key_owners text[], keys text[],
                                   prints text[], answers text[])
returns int[] language sql as $$
    with won as (
        -- Sorted, so that two calls cannot wait for each other's keys.
        insert into millrace.idempotency (owner, key, fingerprint, answer)
        select owner, key, print, answer
          from unnest(key_owners, keys, prints, answers) with ordinality
               u(owner, key, print, answer, place)
         order by owner, key, place
            on conflict do nothing
        returning owner, key
    )
    select coalesce(array_agg(k.request), '{}')
      from (select *, row_number() over (partition by owner, key order by place) as nth
              from unnest(key_requests, key_owners, keys) with ordinality
                   u(request, owner, key, place)) k
     where nth > 1 or not exists (select from won
                                   where won.owner = k.owner and won.key = k.key)
$$;

-- An answer that was made before its jobs were stored, as it has to be now that
-- they are: with the jobs that stand for those that gave way (named once more in
-- `existing`), and the state of a single job as it is.
create function millrace.answer_now(answer text, ids uuid[], insteads uuid[])
returns text language sql stable as $$
    with i as (
        select status, state from millrace.job_info
         where id = coalesce(insteads[1], ids[1]) and answer::jsonb ? 'state'
    ), m as (
        select string_agg(to_json(m.key)::text || ':' || case m.key
                   when 'jobId' then to_json(coalesce(insteads[1], ids[1]))::text
                   when 'jobIds' then (
                       select '[' || string_agg(to_json(coalesce(u.instead, u.id))::text, ','
                                                order by u.nth) || ']'
                         from unnest(ids, insteads) with ordinality u(id, instead, nth))
                   when 'status' then coalesce((select to_json(status)::text from i), m.value::text)
                   when 'state' then coalesce((select to_json(state)::text from i), m.value::text)
                   else m.value::text end, ',') as members
          from json_each(answer::json) m
    )
    select '{' || members || case when array_remove(insteads, null) = '{}' then ''
               when answer::jsonb ? 'jobIds' then
                   ',"existing":["' || array_to_string(insteads, '","') || '"]'
               else ',"existing":true' end || '}'
      from m
$$;

-- The answers of idempotency keys, where the jobs have become something else than
-- their requests could foresee.
create function millrace.keep_answers(ids uuid[], requests int[], extras jsonb[], insteads uuid[],
                                      lost int[], key_requests int[], key_owners text[], keys text[])
returns void language sql as $$
    update millrace.idempotency k
       set answer = millrace.answer_now(k.answer, r.ids, r.insteads)
      from (select u.request, array_agg(u.id order by u.nth) as ids,
                   array_agg(u.instead order by u.nth) as insteads
              from unnest(ids, requests, extras, insteads) with ordinality
                   u(id, request, extra, instead, nth)
             where u.request = any (key_requests) and u.request <> all (lost)
             group by u.request
            having bool_or(u.instead is not null or u.extra ? 'dependsOn')) r
      join unnest(key_requests, key_owners, keys) q(request, owner, key) on q.request = r.request
     where k.owner = q.owner and k.key = q.key
$$;

-- The one way in. Arrays of one length, an element a job; null takes the type's
-- default. `requests` says which of the caller's requests a job belongs to; the
-- key_* arrays name the requests that carry an idempotency key. Where a key is
-- known already, none of that request's jobs is stored. extras: the rare options,
-- as JSON (see millrace.job_extra). Returns what was stored; all or nothing. A
-- job that gave way to one with its unique key is told with that one in `instead`.
-- Owners and keys are the caller's business to check.
create function millrace.insert_jobs(
    ids uuid[], types text[], queues text[], priorities int[], owners text[],
    payloads text[], delays_ms bigint[], run_ats timestamptz[],
    max_attempts int[], timeouts_ms bigint[], retries text[], tags text[],
    files text[], requests int[],
    key_requests int[] default '{}', key_owners text[] default '{}',
    keys text[] default '{}', key_prints text[] default '{}',
    key_answers text[] default '{}', extras text[] default null)
returns table (id uuid, state millrace.state, instead uuid)
language plpgsql
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    unknown  text;
    place    bigint;
    rare     bool;
    lost     int[] := '{}';
    extra    jsonb[];
    insteads uuid[];
    counted  bool := exists (select from millrace.owner where max_waiting is not null);
begin
    select t, nth into unknown, place from unnest(types) with ordinality u(t, nth)
     where not exists (select from millrace.job_type k where k.type = t) limit 1;
    if found then
        perform millrace.refuse_job('MR400', 'unknown_type',
            format('no worker has registered a job type %L', unknown), place);
    end if;
    if cardinality(keys) > 0 then
        lost := millrace.keep_keys(key_requests, key_owners, keys, key_prints, key_answers);
    end if;

    -- What is rare.
    rare := exists (select from unnest(extras) e where e is not null)
         or exists (select from millrace.job_type t
                     where t.type = any (types) and t.options is not null);
    if rare then
        payloads := millrace.payloads_checked(types, owners, payloads);
        extra := millrace.with_secrets(types, payloads,
            millrace.extras_of(types, queues, owners, payloads, extras));
        perform millrace.hold_batches(extra);
        perform millrace.check_extras(ids, owners, extra, requests, lost);
        insteads := millrace.uniq_all(ids, requests, extra, lost);
        if exists (select from unnest(insteads) u where u is not null) then
            extra := millrace.needs_instead(ids, extra, insteads);
        end if;
    end if;
    perform millrace.admit(
        array(select coalesce(i.queue, t.queue)
                from unnest(types, queues) with ordinality i(type, queue, nth)
                join millrace.job_type t on t.type = i.type order by i.nth),
        owners, requests, lost, insteads)
      where counted or exists (select from millrace.queue where max_length is not null)
         or exists (select from millrace.owner where posts_per_minute is not null);

    return query
    with input as materialized (
        select i.id, i.type, i.owner, i.payload::json as payload,
               coalesce(i.queue, t.queue) as queue,
               coalesce(i.priority, t.priority)::smallint as priority,
               coalesce(i.max_attempts, t.max_attempts)::smallint as max_attempts,
               coalesce(i.timeout_ms, t.timeout_ms) as timeout_ms,
               coalesce(i.retry::json, t.retry) as retry,
               i.tags::text[] as tags, i.files::uuid[] as files,
               i.extra, i.instead,
               coalesce(i.extra ->> 'fairKey', i.owner) as tenant,
               (i.extra ->> 'batchId')::uuid as batch,
               (i.extra ->> 'expiresAt')::timestamptz as expires_at,
               case when i.run_at > now() then i.run_at
                    when i.delay_ms > 0 then now() + i.delay_ms * interval '1 ms'
               end as run_at,
               case when i.extra ? 'dependsOn' then 'pending'
                    when i.run_at > now() or i.delay_ms > 0 then 'scheduled'
                    else 'available' end::millrace.state as state
          from unnest(ids, types, queues, priorities, owners, payloads, delays_ms,
                      run_ats, max_attempts, timeouts_ms, retries, tags, files,
                      requests, extra, insteads)
               i(id, type, queue, priority, owner, payload, delay_ms, run_at,
                 max_attempts, timeout_ms, retry, tags, files, request, extra, instead)
          join millrace.job_type t on t.type = i.type
         where i.request <> all (lost)
    ), new as (
        select * from input where instead is null
    ), stored as (
        insert into millrace.job (id, type, queue, owner, priority, max_attempts,
                                  timeout_ms, run_at, payload, retry, tags, files,
                                  tenant, batch, extra)
        select id, type, queue, owner, priority, max_attempts,
               timeout_ms, run_at, payload, retry, tags, files,
               nullif(tenant, owner), batch, extra
          from new
    ), now_ready as (
        insert into millrace.ready (queue, type, priority, tenant, id, keyed, serial, expires_at)
        select queue, type, priority, tenant, id, coalesce(extra ? 'keys', false),
               extra ->> 'serial', expires_at
          from new where state = 'available'
    ), later as (
        insert into millrace.waiting (id, state, run_at)
        select id, state, coalesce(run_at, now()) from new where state <> 'available'
    ), told as (
        insert into millrace.job_event (job_id, kind, attempt, job_type, owner, batch)
        select id, 'job_queued', 0, type, owner, batch from new
    ), tallied as (
        insert into millrace.tally (queue, type, limited_owner, went_to, n)
        select queue, type, o, state, count(*)
          from (select queue, type, state,
                       case when counted then millrace.counted_owner(owner) end as o
                  from new) n
         group by queue, type, o, state
    ), expiring as (
        insert into millrace.expiry (id, expires_at)
        select id, expires_at from new where expires_at is not null
    ), needing as (
        insert into millrace.dependency (job_id, needs)
        select n.id, d::uuid from new n, jsonb_array_elements_text(n.extra -> 'dependsOn') d
    ), checking as (
        insert into millrace.dependency_check (job_id)
        select id from new where state = 'pending'
    ), batched as (
        insert into millrace.batch_tally (batch, went_to, n)
        select batch, state, count(*) from new where batch is not null group by batch, state
    )
    select id, state, instead from input;

    -- What they wait for may have ended already.
    if rare then
        perform millrace.settle_pending(array(
            select i.id from unnest(ids, extra, requests) i(id, extra, request)
             where i.extra ? 'dependsOn' and i.request <> all (lost)));
        perform millrace.keep_answers(ids, requests, extra, insteads, lost,
                                      key_requests, key_owners, keys);
    end if;
end $$;

-- Store one job in the caller's transaction and return its id. Options, all
-- optional: queue, priority (a number or "high", "medium", "low"), runAt (RFC 3339),
-- delay ("90s"), timeout, maxAttempts, retry {backoff, initial, max, jitter, delays},
-- tags, files (ids of uploaded files), owner (default: current_user), and the rarer
-- ones that millrace.job_extra() names. Where a unique key is another job's, that
-- job's id comes back.
create function millrace.enqueue(type text, payload jsonb default '{}',
                                 options jsonb default '{}')
returns uuid
language plpgsql as $$
#variable_conflict use_variable
declare
    new_id   uuid := millrace.uuid_v7();
    usual    text[] := array['queue', 'priority', 'runAt', 'delay', 'timeout',
                             'maxAttempts', 'retry', 'tags', 'files', 'owner'];
    priority text := options ->> 'priority';
    stands   uuid;
begin
    if jsonb_typeof(options) is distinct from 'object' then
        perform millrace.refuse('MR400', 'invalid_options', 'options must be an object');
    end if;
    if options ? 'runAt' and options ? 'delay' then
        perform millrace.refuse('MR400', 'invalid_options', 'runAt and delay exclude each other');
    end if;
    if (options ->> 'maxAttempts')::int not between 1 and 100 then
        perform millrace.refuse('MR400', 'invalid_max_attempts',
            'maxAttempts must be a whole number from 1 to 100');
    end if;
    perform millrace.check_retry(options -> 'retry');
    select coalesce(j.instead, j.id) into stands from millrace.insert_jobs(
        array[new_id], array[type], array[options ->> 'queue'],
        array[case priority when 'high' then 50 when 'medium' then 0 when 'low' then -50
                            else priority::int end],
        array[coalesce(options ->> 'owner', current_user)],
        array[coalesce(payload, 'null')::text],
        array[millrace.duration_ms(options ->> 'delay')],
        array[(options ->> 'runAt')::timestamptz],
        array[(options ->> 'maxAttempts')::int],
        array[millrace.duration_ms(options ->> 'timeout')],
        array[options ->> 'retry'],
        array[(select array_agg(t)::text from jsonb_array_elements_text(options -> 'tags') t)],
        array[(select array_agg(f)::text from jsonb_array_elements_text(options -> 'files') f)],
        array[1], extras => array[nullif(options - usual, '{}')::text]) j;
    return stands;
end $$;
