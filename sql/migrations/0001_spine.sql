-- 0001_spine: the tables: jobs, their life, their events, and who may touch them
--
-- why      `job` is written once and never changed by a run; which of the five
--          small tables beside it holds the id *is* the job's state:
--              waiting   scheduled, retryable: not before run_at;
--                        pending: not before other jobs
--              ready     available: may be claimed now
--              held      available, but a limit of its key is full
--              active    one attempt runs
--              done      completed, cancelled, discarded
--          A change of state is one statement that deletes the row from the
--          table it expects it in and inserts it into the next; whoever deletes
--          nothing came too late. The events are written by the same statement.
-- locks    none (new objects only)
-- undo     drop schema millrace cascade

create type millrace.state as enum (
    'scheduled', 'pending', 'available', 'active', 'retryable',
    'completed', 'cancelled', 'discarded');

create type millrace.event_kind as enum (
    'job_queued', 'job_started', 'job_progress', 'job_retrying',
    'job_completed', 'job_failed', 'job_cancelled', 'batch_completed');

-- Refuse: the state says what the caller can do, the detail is the stable code.
create function millrace.refuse(state text, code text, message text) returns void
language plpgsql as $$
begin
    raise exception using errcode = state, detail = code, message = message;
end $$;

-- The same of one job among several (nth, from 1): the exception's column is its
-- place, from 0; its constraint is the job that stands in the way, if one does.
create function millrace.refuse_job(state text, code text, message text, nth bigint,
                                    rival uuid default null) returns void
language plpgsql as $$
begin
    raise exception using errcode = state, detail = code, message = message,
        column = (nth - 1)::text, constraint = coalesce(rival::text, '');
end $$;

-- '500ms', '90s', '1h30m' to milliseconds.
create function millrace.duration_ms(duration text) returns bigint
language plpgsql immutable strict as $$
declare
    total numeric := 0;
    part  text[];
begin
    if duration !~ '^([0-9]{1,12}(ms|s|m|h|d))+$' then
        perform millrace.refuse('MR400', 'invalid_duration',
            format('%L is not a duration such as "500ms", "90s" or "1h30m"', duration));
    end if;
    for part in select regexp_matches(duration, '([0-9]+)(ms|s|m|h|d)', 'g') loop
        total := total + part[1]::numeric * case part[2] when 'ms' then 1 when 's' then 1000
            when 'm' then 60000 when 'h' then 3600000 else 86400000 end;
    end loop;
    if total > 315576000000 then
        perform millrace.refuse('MR400', 'invalid_duration',
            format('%L is longer than 10 years', duration));
    end if;
    return total;
end $$;

-- The job types that workers have registered, with the defaults of their jobs.
-- options: the rarer ones as millrace.job_extra() reads them.
create table millrace.job_type (
    type         text        primary key
                 check (type ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    description  text        not null default '',
    queue        text        not null default 'default',
    priority     smallint    not null default 0 check (priority between -100 and 100),
    timeout_ms   bigint      not null default 600000 check (timeout_ms > 0),
    max_attempts smallint    not null default 3 check (max_attempts between 1 and 100),
    retry        json,
    concurrency  integer     check (concurrency > 0),   -- runs at once, all workers
    options      jsonb,
    retention    jsonb,      -- {"completed", "failed", "cancelled"}: durations
    keep_completed_ms bigint generated always as (millrace.duration_ms(retention ->> 'completed')) stored,
    keep_failed_ms    bigint generated always as (millrace.duration_ms(retention ->> 'failed')) stored,
    keep_cancelled_ms bigint generated always as (millrace.duration_ms(retention ->> 'cancelled')) stored,
    paused_at    timestamptz,
    updated_at   timestamptz not null default now(),
    limited      boolean     generated always as
                 (concurrency is not null or paused_at is not null
                  or coalesce(options ? 'rateLimit' and not options -> 'rateLimit' ? 'key', false)) stored
);

-- Queues that something was set for; the others have the defaults.
create table millrace.queue (
    queue       text        primary key
                check (queue ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    paused_at   timestamptz,
    weight      integer     not null default 1 check (weight between 1 and 1000),
    concurrency integer     check (concurrency > 0),
    rate_limit  jsonb,      -- {"limit", "per", "burst"}
    max_length  integer     check (max_length >= 0),
    updated_at  timestamptz not null default now(),
    limited     boolean     generated always as
                (paused_at is not null or concurrency is not null or rate_limit is not null) stored
);

-- What owners may and weigh; '*' stands for those without a row.
create table millrace.owner (
    owner            text    primary key,
    weight           integer not null default 1 check (weight between 1 and 1000),
    max_waiting      integer check (max_waiting >= 0),
    posts_per_minute integer check (posts_per_minute > 0)
);

-- Ids are UUIDs of version 7, so ids sort by time and a table can be split by
-- ranges of them. Changed only in rare cases: max_attempts rises by one with each
-- attempt that shall not count, so that the number of an attempt is never used
-- twice and fences whatever an earlier run may still say.
create table millrace.job (
    id           uuid        primary key,
    type         text        not null,
    queue        text        not null check (queue ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    owner        text        not null,
    priority     smallint    not null check (priority between -100 and 100),
    max_attempts smallint    not null check (max_attempts > 0),
    timeout_ms   bigint      not null check (timeout_ms > 0),
    created_at   timestamptz not null default now(),
    run_at       timestamptz,
    payload      json        not null,
    retry        json,
    tags         text[],
    files        uuid[],
    tenant       text,       -- who it is fair to; null: the owner
    batch        uuid,
    extra        jsonb       -- rare options, see millrace.job_extra()
);

-- A caller's jobs, newest first.
create index job_owner on millrace.job (owner, id);
-- A batch's jobs.
create index job_batch on millrace.job (batch, id) where batch is not null;
-- Which jobs use a file; most jobs have none and are not in it.
create index job_files on millrace.job using gin (files) where files is not null;

create table millrace.ready (
    queue      text     not null,
    type       text     not null,
    priority   smallint not null,
    tenant     text     not null,
    id         uuid     not null,
    attempt    smallint not null default 0,  -- attempts that have been made
    keyed      boolean  not null default false,  -- has limits of its own in job.extra
    serial     text,                         -- the key of its line, if it stands in one
    expires_at timestamptz
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);

-- The claim reads a lane (queue, type) in this order. Its columns are all in
-- `job`, so that one job's row is found through its job: no index on the id.
create unique index ready_claim on millrace.ready (queue, type, priority desc, tenant, id);
-- Who stands before whom in a line; most jobs stand in none.
create index ready_serial on millrace.ready (serial, id) where serial is not null;

-- Jobs that might run if the limit of one of their keys were not used up. They
-- cost the claim nothing; the end of a run with that key lets the next one out.
create table millrace.held (
    id       uuid        primary key,
    key      text        not null check (key ~ '^[crs]/'),
    queue    text        not null,
    type     text        not null,
    priority smallint    not null,
    tenant   text        not null,
    attempt  smallint    not null default 0,
    serial   text,
    expires_at timestamptz,
    since    timestamptz not null default now()
);
create index held_key on millrace.held (key, queue, type, priority desc, id);
create index held_serial on millrace.held (serial, id) where serial is not null;

-- The runs that count against a limit, and waiting retries that keep their
-- place in a line. How many there are of a key is how many run.
create table millrace.permit (
    id  uuid not null,
    key text not null,
    primary key (id, key)
);
create index permit_key on millrace.permit (key);

-- A lock and a clock for each key with a limit: 'type/x', 'queue/x', 'c/…'
-- (concurrency), 's/…' (serial), 'r/…' (rate), 'posts/x'. Whoever takes or frees a
-- permit holds the row meanwhile. tat: the theoretical arrival time of the
-- generic cell rate algorithm. wake_at: when held jobs may pass next.
create table millrace.limiter (
    key     text        primary key,
    tat     timestamptz not null default '-infinity',
    wake_at timestamptz,
    made_at timestamptz not null default now()
) with (fillfactor = 50);
create index limiter_wake on millrace.limiter (wake_at) where wake_at is not null;

-- Where a worker stands in a queue's round of tenants.
create unlogged table millrace.turn (
    worker uuid not null,
    queue  text not null,
    tenant text not null,
    credit integer not null,               -- jobs that are still its due
    primary key (worker, queue)
) with (fillfactor = 50);

create table millrace.waiting (
    id      uuid           primary key,
    state   millrace.state not null check (state in ('scheduled', 'pending', 'retryable')),
    run_at  timestamptz    not null,
    attempt smallint       not null default 0,
    error   json                                -- why the last attempt failed
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Promotion takes what is due, oldest first.
create index waiting_due on millrace.waiting (run_at, id) where state <> 'pending';

-- Jobs that wait for others.
create table millrace.dependency (
    job_id uuid not null,
    needs  uuid not null,
    primary key (needs, job_id)
);
create index dependency_job on millrace.dependency (job_id);

-- New ones among them, to be looked at again: what they wait for may have ended
-- while they were being stored. Once every transaction from before the first
-- look is over (horizon), nothing can have been missed.
create table millrace.dependency_check (
    job_id  uuid primary key,
    horizon xid8
);
create index dependency_check_horizon on millrace.dependency_check (horizon);

-- Jobs that have not been started and shall not be after a time. One that has failed
-- once, or is run again by hand, is in it no more.
create table millrace.expiry (
    id         uuid        primary key,
    expires_at timestamptz not null
);
create index expiry_due on millrace.expiry (expires_at);

-- Who has a unique key. The key is free again when its job is in none of the
-- states any more or the time is up; nothing is done at that moment.
create table millrace.uniq (
    key    text             primary key,
    job_id uuid             not null,
    states millrace.state[] not null,
    until  timestamptz
);

create table millrace.active (
    id         uuid        primary key,
    attempt    smallint    not null,
    worker     uuid        not null,
    started_at timestamptz not null,
    progress   smallint    not null default 0 check (progress between 0 and 100),
    message    text,
    cancel_at  timestamptz,                     -- when cancelling was asked for
    limited    boolean     not null default false   -- has permits
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- A worker asks which of its jobs it has to stop.
create index active_cancel on millrace.active (worker) where cancel_at is not null;

create table millrace.done (
    id          uuid           primary key,
    state       millrace.state not null
                check (state in ('completed', 'cancelled', 'discarded')),
    attempt     smallint       not null,
    started_at  timestamptz,
    finished_at timestamptz    not null,
    progress    smallint       not null,
    message     text,
    result      json,
    error       json,
    worker      text,                           -- the name of the last one
    facts       json,                           -- of the last attempt, see attempt
    expires_at  timestamptz                     -- then the job goes; null: never
);

-- The failed jobs: few beside the completed ones.
create index done_failed on millrace.done (id) where state = 'discarded';
create index done_expiry on millrace.done (expires_at) where expires_at is not null;

-- Ended jobs that are being purged, and by whom: their files go first.
create table millrace.purging (
    job_id uuid primary key,
    worker uuid not null
);

-- Every attempt but the last one, which is in `done` with its job's end.
-- facts: {"exitCode", "signal", "cpuMs", "peakKb", "stderr"}
create table millrace.attempt (
    job_id     uuid        not null,
    attempt    smallint    not null,
    worker     text,
    started_at timestamptz not null,
    ended_at   timestamptz not null,
    outcome    text        not null check (outcome in
               ('failed', 'cancelled', 'timeout', 'heartbeat', 'lost', 'returned')),
    error      json,
    facts      json,
    primary key (job_id, attempt)
);

-- Changes of state as they were counted, not yet added up. limited_owner: only
-- where the owner's waiting jobs are limited.
create table millrace.tally (
    at            timestamptz    not null default now(),
    queue         text           not null,
    type          text           not null,
    limited_owner text,
    came_from     millrace.state,
    went_to       millrace.state,
    n             integer        not null,
    ms            bigint         not null default 0   -- waited or ran
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

-- The sums of all that: how many jobs are in each state now …
create table millrace.stat_state (
    queue text           not null,
    type  text           not null,
    state millrace.state not null,
    n     bigint         not null,
    primary key (queue, type, state)
) with (fillfactor = 50);
create table millrace.stat_owner (
    owner text   primary key,
    n     bigint not null                         -- waiting jobs
) with (fillfactor = 50);

-- … and what happened in each 10 seconds, minute and hour.
create table millrace.stat_flow (
    span      text           not null check (span in ('10s', 'minute', 'hour')),
    at        timestamptz    not null,
    queue     text           not null,
    type      text           not null,
    came_from text           not null,            -- a state, or '' for none
    went_to   text           not null,
    n         bigint         not null,
    ms        bigint         not null,
    primary key (span, at, queue, type, came_from, went_to)
) with (fillfactor = 50);

-- Whose turn it is at the housekeeping: one row, locked by who does it.
create table millrace.chore (
    name text primary key,
    at   timestamptz not null default '-infinity'
);
insert into millrace.chore (name) values ('tally'), ('sweep');

-- Jobs that belong together. Counted like the states, by batch.
create table millrace.batch (
    id          uuid        primary key,
    owner       text        not null,
    name        text        not null default '',
    on_complete jsonb,                            -- jobs: {"type", "payload", …}
    on_success  jsonb,
    on_failure  jsonb,
    open        boolean     not null default false,  -- more jobs may come
    created_at  timestamptz not null default now(),
    ended_at    timestamptz,                      -- its callbacks have been made
    error       text,                             -- why one could not be
    expires_at  timestamptz
);
create index batch_owner on millrace.batch (owner, id);
create index batch_running on millrace.batch (id) where ended_at is null;
create table millrace.batch_count (
    batch uuid           not null,
    state millrace.state not null,
    n     bigint         not null,
    primary key (batch, state)
) with (fillfactor = 50);
create table millrace.batch_tally (
    batch     uuid           not null,
    came_from millrace.state,
    went_to   millrace.state,
    n         integer        not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

-- Every change of every job, in the transaction that made the change; and the
-- end of each batch, with the batch in the place of the job. Changes
-- of one job hold its row while they take their number, so the seq of one job's
-- events rises in commit order; over several jobs it does not, and a reader
-- tells what is new by `xid` and its last snapshot (see millrace.events).
create table millrace.job_event (
    seq      bigint              generated always as identity,
    xid      xid8                not null default pg_current_xact_id(),
    job_id   uuid                not null,
    kind     millrace.event_kind not null,
    attempt  smallint            not null,
    progress smallint,
    at       timestamptz         not null default now(),
    job_type text                not null,
    owner    text                not null,
    message  text,
    batch    uuid
);

-- The tail: what has been committed since a snapshot.
create index job_event_tail on millrace.job_event (xid, seq);
-- One job's events after a given one: a reconnect.
create index job_event_job on millrace.job_event (job_id, seq);

create table millrace.job_log (
    job_id  uuid        not null,
    seq     bigint      generated always as identity,
    attempt smallint    not null,
    at      timestamptz not null default now(),
    line    text        not null,
    primary key (job_id, seq)
);

create table millrace.artifact (
    job_id       uuid     not null,
    name         text     not null,
    attempt      smallint not null,
    size         bigint   not null,
    content_type text     not null,
    sha256       text     not null,
    primary key (job_id, name)
);

create table millrace.file (
    id           uuid        primary key,
    owner        text        not null,
    name         text        not null,
    size         bigint      not null,
    content_type text        not null,
    sha256       text        not null,
    created_at   timestamptz not null default now()
);

create index file_age on millrace.file (created_at, id);

-- Uploads that are known no more and are being removed from the disk.
create table millrace.purging_file (
    file_id uuid primary key,
    worker  uuid not null
);

-- How far the uploads have been looked through for those that no job uses: each
-- once, when it has come of age; later the purge of its last job tells.
create table millrace.upload_sweep (
    created_at timestamptz not null,
    id         uuid        not null
);
insert into millrace.upload_sweep
values ('-infinity', '00000000-0000-0000-0000-000000000000');

create table millrace.worker (
    id         uuid        primary key,
    name       text        not null unique,
    host       text        not null,
    pid        integer     not null,
    version    text        not null,
    slots      integer     not null,
    queues     text[],                          -- null: all
    reserves   int[],                           -- slots for each of them alone, or null
    types      text[]      not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now(),
    steady_since timestamptz not null default now()   -- no gap in seen_at since
) with (fillfactor = 50);

create table millrace.idempotency (
    owner       text        not null,
    key         text        not null check (length(key) between 1 and 255),
    fingerprint text        not null,           -- SHA-256 of method, path and body
    answer      text        not null,
    created_at  timestamptz not null default now(),
    primary key (owner, key)
);
create index idempotency_age on millrace.idempotency (created_at);

create table millrace.token (
    id          text        primary key check (id ~ '^[a-z0-9]{8,32}$'),
    secret_hash text        not null,           -- SHA-256 of the secret, in hex
    owner       text        not null check (owner ~ '^[^[:cntrl:]]{1,100}$'
                           and owner !~ '(^|/)[.][.](/|$)'),
    role        text        not null check (role in ('admin', 'user')),
    note        text        not null default '',
    created_at  timestamptz not null default now(),
    revoked_at  timestamptz
);

create table millrace.session (
    hash       text        primary key,         -- SHA-256 of the cookie, in hex
    token_id   text        not null references millrace.token (id),
    expires_at timestamptz not null
);

-- A payload without its secrets: those at some paths.
create function millrace.masked(payload jsonb, paths jsonb) returns jsonb
language plpgsql immutable as $$
declare
    path jsonb;
begin
    for path in select * from jsonb_array_elements(paths) loop
        payload := jsonb_set(payload, array(select jsonb_array_elements_text(path)),
                             '"********"', false);
    end loop;
    return payload;
end $$;

-- A job whole, with its state. A statement sees it in exactly one state.
create view millrace.job_info as
select j.id, j.type, j.queue, j.owner, j.priority, j.max_attempts, j.timeout_ms,
       j.created_at, case when j.extra ? 'secrets' then millrace.masked(j.payload::jsonb, j.extra -> 'secrets')::json
                          else j.payload end as payload,
       j.retry, j.tags, j.files,
       coalesce(d.state, w.state,
                case when a.id is not null then 'active'::millrace.state
                     when r.id is not null or h.id is not null
                     then 'available'::millrace.state
                end) as state,
       case d.state when 'completed' then 'completed'
                    when 'cancelled' then 'cancelled'
                    when 'discarded' then 'failed'
                    else case when a.id is not null then 'processing'
                              else 'pending' end
       end as status,
       coalesce(d.attempt, a.attempt, w.attempt, r.attempt, h.attempt, 0) as attempt,
       coalesce(d.progress, a.progress, 0) as progress,
       coalesce(d.message, a.message) as message,
       coalesce(w.run_at, j.run_at, j.created_at) as run_at,
       coalesce(d.started_at, a.started_at) as started_at,
       d.finished_at as completed_at,
       d.result,
       coalesce(d.error, w.error) as error,
       a.cancel_at,
       a.worker,
       j.tenant, j.batch, j.extra,
       d.expires_at,
       coalesce(d.worker, (select w.name from millrace.worker w where w.id = a.worker)) as worker_name
  from millrace.job j
  left join millrace.done d on d.id = j.id
  left join millrace.active a on a.id = j.id
  left join millrace.waiting w on w.id = j.id
  left join millrace.held h on h.id = j.id
  left join millrace.ready r on r.queue = j.queue and r.type = j.type
                            and r.priority = j.priority
                            and r.tenant = coalesce(j.tenant, j.owner) and r.id = j.id;
