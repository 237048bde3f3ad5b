-- 0011_batch: jobs that belong together
--
-- why      a batch is counted as the states are: each change adds a row, nobody
--          updates a row that others want too; the sums and the callbacks are made
--          by the housekeeping
-- locks    none (new objects only)
-- undo     drop the functions

-- How many jobs of a batch are in each state.
create function millrace.batch_counts(of_batch uuid)
returns table (state millrace.state, n bigint)
language sql stable as $$
    select state, sum(n)::bigint
      from (select state, n from millrace.batch_count where batch = of_batch
            union all
            select went_to, n from millrace.batch_tally where batch = of_batch and went_to is not null
            union all
            select came_from, -n from millrace.batch_tally where batch = of_batch and came_from is not null) c
     group by state
    having sum(n) <> 0
$$;

-- A batch as it is shown.
create function millrace.batch_facts(b millrace.batch) returns json
language sql stable as $$
    select json_strip_nulls(json_build_object(
        'batchId', b.id, 'name', nullif(b.name, ''), 'owner', b.owner,
        'status', case when b.ended_at is null then 'running'
                       when c.bad > 0 then 'failed' else 'completed' end,
        'open', b.open, 'total', c.total,
        'percent', case when b.ended_at is not null then 100
                        else coalesce(floor(100 * c.over / nullif(c.total, 0)), 0) end,
        'counts', c.counts,
        'createdAt', millrace.time_text(b.created_at),
        'endedAt', millrace.time_text(b.ended_at),
        'error', b.error))
      from (select coalesce(sum(n), 0) as total,
                   coalesce(sum(n) filter (where state in ('completed', 'cancelled', 'discarded')), 0) as over,
                   coalesce(sum(n) filter (where state in ('cancelled', 'discarded')), 0) as bad,
                   coalesce(json_object_agg(state, n order by state), '{}') as counts
              from millrace.batch_counts(b.id)) c
$$;

-- What only a job can tell of a callback: one is made and taken back. That there is
-- no room for it now is no fault of it.
create function millrace.callback_try(callback jsonb, for_owner text) returns void
language plpgsql as $$
begin
    perform millrace.enqueue(callback ->> 'type', callback -> 'payload',
                             callback - 'type' - 'payload' || jsonb_build_object('owner', for_owner));
    raise exception using errcode = 'MR001';
exception when sqlstate 'MR001' or sqlstate 'MR429' or sqlstate 'MR503' or sqlstate 'MR409' then
    null;
end $$;

-- A callback: a job {"type", "payload", and its options} that depends on no other.
create function millrace.check_callback(member text, callback jsonb, for_owner text) returns void
language plpgsql as $$
declare
    bad     text;
    code    text;
    message text;
begin
    if callback is null or callback = 'null' then
        return;
    elsif jsonb_typeof(callback) <> 'object' then
        perform millrace.refuse('MR400', 'invalid_member', 'it must be a job such as {"type": "mail"}');
    end if;
    select k into bad from jsonb_object_keys(callback) k
     where k in ('owner', 'dependsOn', 'ref', 'batchId') limit 1;
    if found then
        perform millrace.refuse('MR400', 'invalid_member', format('a callback cannot have %s', bad));
    end if;
    select f into bad
      from jsonb_array_elements_text(case jsonb_typeof(callback -> 'files') when 'array'
                                          then callback -> 'files' else '[]' end) f
     where not exists (select from millrace.file k where k.id::text = f and k.owner = for_owner)
     limit 1;
    if found then
        perform millrace.refuse('MR400', 'unknown_file', format('there is no uploaded file %s', bad));
    end if;
    perform millrace.callback_try(callback, for_owner);
exception when sqlstate 'MR400' or data_exception or integrity_constraint_violation then
    get stacked diagnostics code = pg_exception_detail, message = message_text;
    perform millrace.refuse('MR400', case sqlstate when 'MR400' then code else 'invalid_member' end,
                            member || ': ' || message);
end $$;

-- Begin a batch, which takes jobs until it is closed. The callbacks are jobs.
create function millrace.batch_begin(its_id uuid, its_owner text, its_name text,
                                     complete jsonb, success jsonb, failure jsonb)
returns void language plpgsql as $$
begin
    perform millrace.check_callback('onComplete', complete, its_owner),
            millrace.check_callback('onSuccess', success, its_owner),
            millrace.check_callback('onFailure', failure, its_owner);
    insert into millrace.batch (id, owner, name, on_complete, on_success, on_failure, open)
    values (its_id, its_owner, coalesce(its_name, ''), nullif(complete, 'null'),
            nullif(success, 'null'), nullif(failure, 'null'), true);
end $$;

create function millrace.batch_of(target uuid, by_owner text) returns millrace.batch
language plpgsql stable as $$
declare
    b millrace.batch;
begin
    select * into b from millrace.batch
     where id = target and (by_owner is null or owner = by_owner);
    if not found then
        perform millrace.refuse('MR404', 'batch_not_found', 'there is no such batch');
    end if;
    return b;
end $$;

-- No more jobs come: once all have ended, so has the batch.
create function millrace.batch_close(target uuid, by_owner text default null) returns void
language plpgsql as $$
begin
    perform millrace.batch_of(target, by_owner);
    update millrace.batch set open = false where id = target and open;
    if found then
        insert into millrace.batch_tally (batch, n) values (target, 0);
    end if;
end $$;

-- Store jobs of a batch (see millrace.insert_jobs), all or nothing: of a new one,
-- {name, onComplete, onSuccess, onFailure, open}, or (terms null) more of one that
-- is open. Returns what was stored, the batch itself too; nothing where the
-- idempotency key was known.
create function millrace.batch_post(
    its_id uuid, its_owner text, terms jsonb,
    ids uuid[], types text[], queues text[], priorities int[], owners text[],
    payloads text[], delays_ms bigint[], run_ats timestamptz[],
    max_attempts int[], timeouts_ms bigint[], retries text[], tags text[],
    files text[], requests int[],
    key_requests int[] default '{}', key_owners text[] default '{}',
    keys text[] default '{}', key_prints text[] default '{}',
    key_answers text[] default '{}', extras text[] default null)
returns table (id uuid, state millrace.state, instead uuid)
language plpgsql as $$
#variable_conflict use_column
declare
    known bool := false;
    place bigint;
begin
    select n into place from generate_subscripts(extras, 1) n
     where extras[n]::jsonb ->> 'batchId' <> its_id::text limit 1;
    if found then
        perform millrace.refuse_job('MR400', 'invalid_member',
            'batchId: the jobs that are posted here are of this batch', place);
    end if;
    if terms is null then
        perform millrace.batch_of(its_id, its_owner);
        perform from millrace.batch where batch.id = its_id and open for share;
        if not found then
            perform millrace.refuse('MR409', 'batch_closed', 'the batch is closed: it takes no more jobs');
        end if;
    else
        perform millrace.check_members(terms, 'a batch', '{jobs,name,onComplete,onSuccess,onFailure,open}');
        if jsonb_typeof(terms -> 'open') not in ('boolean', 'null') then
            perform millrace.refuse('MR400', 'invalid_member', 'open must be true or false');
        end if;
        perform millrace.batch_begin(its_id, its_owner, millrace.text_of(terms, 'name'),
            terms -> 'onComplete', terms -> 'onSuccess', terms -> 'onFailure');
    end if;
    if cardinality(ids) > 0 then
        return query select * from millrace.insert_jobs(
            ids, types, queues, priorities, owners, payloads, delays_ms, run_ats, max_attempts,
            timeouts_ms, retries, tags, files, requests, key_requests, key_owners, keys,
            key_prints, key_answers,
            array(select (coalesce(extras[n]::jsonb, '{}') || jsonb_build_object('batchId', its_id))::text
                    from generate_subscripts(ids, 1) n order by n));
        known := not found;
    elsif cardinality(keys) > 0 then
        known := millrace.keep_keys(key_requests, key_owners, keys, key_prints, key_answers) <> '{}';
    end if;
    if known then
        delete from millrace.batch where batch.id = its_id and terms is not null;
        return;
    end if;
    if not coalesce((terms ->> 'open')::bool, false) and terms is not null then
        perform millrace.batch_close(its_id);
    end if;
    return query select its_id, null::millrace.state, null::uuid;
end $$;

-- One bounded step of cancelling a closed batch's jobs, from behind one of them on:
-- the last that was met (null: there are no more), and how many were cancelled or
-- are being stopped.
create function millrace.batch_cancel(target uuid, after uuid, most int,
                                      out last uuid, out n int)
language plpgsql as $$
declare
    met     uuid[];
    gone    uuid[];
    stopped uuid[];
    job     uuid;
begin
    met := array(select j.id from millrace.job j
                  where j.batch = target and j.id > after
                    and not exists (select from millrace.done d where d.id = j.id)
                  order by j.id limit most);
    last := met[cardinality(met)];
    gone := millrace.cancel_waiting(met);
    with s as (
        update millrace.active set cancel_at = coalesce(cancel_at, now())
         where id = any (met) and id <> all (gone) returning id
    )
    select array_agg(id) into stopped from s;
    n := cardinality(gone) + coalesce(cardinality(stopped), 0);
    -- One that has just moved between the two.
    for job in select m from unnest(met) m where m <> all (gone || stopped) loop
        begin
            perform millrace.cancel(job);
            n := n + 1;
        exception when sqlstate 'MR409' or sqlstate 'MR404' then
            null;
        end;
    end loop;
end $$;

-- Make a callback, if there is one, with the batch's counts in its payload. One
-- that cannot be made is told in the batch's error, and stops nothing else.
create function millrace.batch_call(b millrace.batch, callback jsonb, counts jsonb) returns void
language plpgsql as $$
declare
    payload jsonb := coalesce(callback -> 'payload', '{}');
begin
    if callback is null then
        return;
    end if;
    if jsonb_typeof(payload) = 'object' then
        payload := payload || jsonb_build_object('batch',
            jsonb_build_object('id', b.id, 'name', b.name, 'counts', counts));
    end if;
    perform millrace.enqueue(callback ->> 'type', payload,
                             callback - 'type' - 'payload' || jsonb_build_object('owner', b.owner));
exception
    when sqlstate 'MR429' or sqlstate 'MR503' then
        raise;
    when others then
        update millrace.batch set error = format('the callback %s: %s', callback ->> 'type', sqlerrm)
         where id = b.id;
end $$;

create function millrace.batch_end(b millrace.batch, counts jsonb) returns void
language plpgsql as $$
begin
    update millrace.batch
       set ended_at = now(), expires_at = now() + interval '30 d', error = null
     where id = b.id;
    perform millrace.batch_call(b, b.on_complete, counts);
    perform millrace.batch_call(b, case when counts ? 'discarded' or counts ? 'cancelled'
                                        then b.on_failure else b.on_success end, counts);
    insert into millrace.job_event (job_id, kind, attempt, job_type, owner, batch)
    values (b.id, 'batch_completed', 0, 'batch', b.owner, b.id);
exception when sqlstate 'MR429' or sqlstate 'MR503' then
    -- There is no room for a callback now: the batch ends when there is.
    update millrace.batch set error = 'its callbacks wait: ' || sqlerrm where id = b.id;
    insert into millrace.batch_tally (batch, n) values (b.id, 0);
end $$;

-- Add up the batches' changes, and end those whose jobs have all ended; how many.
create function millrace.batches_settle() returns int
language plpgsql as $$
declare
    touched uuid[];
    b       millrace.batch;
    counts  jsonb;
    ended   int := 0;
begin
    with gone as materialized (
        delete from millrace.batch_tally returning *
    ), summed as (
        insert into millrace.batch_count as s (batch, state, n)
        select batch, state, sum(n)
          from (select batch, went_to as state, n from gone
                union all
                select batch, came_from, -n from gone) c
         where state is not null
         group by batch, state
        having sum(n) <> 0
            on conflict (batch, state) do update set n = s.n + excluded.n
    )
    select array_agg(distinct batch) into touched from gone;
    for b in select * from millrace.batch
              where id = any (touched) and ended_at is null and not open
              order by id for update loop
        select jsonb_object_agg(c.state, c.n) into counts from millrace.batch_counts(b.id) c;
        continue when counts ?| array['scheduled', 'pending', 'available', 'active', 'retryable'];
        perform millrace.batch_end(b, coalesce(counts, '{}'));
        ended := ended + 1;
    end loop;
    return ended;
end $$;
