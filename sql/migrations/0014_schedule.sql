-- 0014_schedule: jobs at set times
--
-- why      A schedule is a template of a job and the time of its next run. Who
--          beats looks for those that are due, takes each under its row's lock
--          (others pass it by) and moves the time on in the same transaction: an
--          occurrence makes one job, however many workers there are.
-- locks    none (new objects only)
-- undo     drop the functions and the table

create table millrace.schedule (
    owner        text        not null,
    name         text        not null check (name ~ '^[a-z0-9][a-z0-9._-]{0,79}$'),
    cron         text,
    every_ms     bigint      check (every_ms >= 1000),
    timezone     text        not null default 'UTC',
    type         text        not null,
    payload      json        not null default '{}',
    options      jsonb       not null default '{}' check (jsonb_typeof(options) = 'object'),
    overlap      text        not null default 'allow'
                 check (overlap in ('allow', 'skip', 'cancel')),
    missed       text        not null default 'last' check (missed in ('none', 'last', 'all')),
    missed_limit int         not null default 100 check (missed_limit between 1 and 1000),
    paused       bool        not null default false,
    next_run_at  timestamptz,
    last_run_at  timestamptz,                   -- the time that the last job was for
    last_job_id  uuid,
    last_error   json,                          -- why the last occurrence made no job
    created_at   timestamptz not null default date_trunc('milliseconds', now()),
    primary key (owner, name),
    constraint cron_or_every check (num_nonnulls(cron, every_ms) = 1),
    constraint paused_has_no_next check (paused = (next_run_at is null))
);

-- What is due, and when the next one is.
create index schedule_due on millrace.schedule (next_run_at);

-- ---------------------------------------------------------------- times

-- A schedule's first time after a moment. Intervals count from its creation.
create function millrace.schedule_next(s millrace.schedule, after timestamptz)
returns timestamptz language sql stable as $$
    select case when s.cron is not null then millrace.cron_next(s.cron, s.timezone, after)
                else s.created_at + s.every_ms * interval '1 ms'
                     * (floor(extract(epoch from after - s.created_at) * 1000 / s.every_ms) + 1)::float8
           end
$$;

-- Its times since next_run_at and until a moment: all of the last minute, and so many
-- at least, if there are. Looked for backwards in steps that grow, so that a long
-- outage costs no more than what is asked for.
create function millrace.schedule_times(s millrace.schedule, until timestamptz, wanted int)
returns timestamptz[] language plpgsql stable as $$
declare
    span  interval := interval '1 min';
    since timestamptz;
    t     timestamptz;
    times timestamptz[];
begin
    loop
        since := greatest(until - span, s.next_run_at);
        times := '{}';
        t := millrace.schedule_next(s, since - interval '1 us');
        while t <= until loop
            times := times || t;
            t := millrace.schedule_next(s, t);
        end loop;
        exit when since = s.next_run_at or cardinality(times) >= wanted;
        span := span * 4;
    end loop;
    return times;
end $$;

-- The times that a schedule which is due makes jobs for. Those more than 10 s ago
-- were missed: nobody was there.
create function millrace.schedule_due(s millrace.schedule) returns timestamptz[]
language plpgsql stable as $$
declare
    times timestamptz[] := millrace.schedule_times(s, now(),
        case s.missed when 'all' then s.missed_limit else 1 end);
    fresh timestamptz[] := array(select t from unnest(times) t
                                  where t >= now() - interval '10 s' order by t);
begin
    return case when s.missed = 'all'
                then times[greatest(cardinality(times) - s.missed_limit, 0) + 1 :]
                when s.missed = 'none' or cardinality(fresh) > 0 then fresh
                else times[cardinality(times) :] end;
end $$;

-- The next times, the first n.
create function millrace.schedule_coming(s millrace.schedule, n int)
returns setof timestamptz language plpgsql stable as $$
declare
    t timestamptz := coalesce(s.next_run_at, millrace.schedule_next(s, now()));
begin
    for i in 1 .. n loop
        return next t;
        t := millrace.schedule_next(s, t);
    end loop;
end $$;

-- ---------------------------------------------------------------- jobs

-- A job by a schedule's template.
create function millrace.schedule_enqueue(s millrace.schedule) returns uuid
language sql as $$
    select millrace.enqueue(s.type, s.payload::jsonb, s.options || jsonb_build_object(
        'owner', s.owner,
        'tags', coalesce(s.options -> 'tags', '[]') || to_jsonb('schedule:' || s.name)))
$$;

-- The schedule's last job, if it has not ended; else null.
create function millrace.schedule_job(s millrace.schedule) returns uuid
language sql stable as $$
    select j.id from millrace.job j
     where j.id = s.last_job_id
       and not exists (select from millrace.done d where d.id = j.id)
$$;

-- Stop the schedule's last job, if it has not ended.
create function millrace.schedule_cancel(s millrace.schedule) returns void
language plpgsql as $$
begin
    perform millrace.cancel(millrace.schedule_job(s))
      where millrace.schedule_job(s) is not null;
exception when sqlstate 'MR404' or sqlstate 'MR409' then
    null;       -- it has just ended
end $$;

-- Why a statement was refused, to be shown; what the database itself has trouble
-- with is nobody's template's fault, and goes on up.
create function millrace.schedule_error(state text, code text, message text)
returns json language plpgsql as $$
begin
    if state ~ '^(40|53|55|57|58)' then
        raise exception using errcode = state, message = message;
    end if;
    return json_build_object(
        'code', case when state like 'MR%' then code when state ~ '^2[23]' then 'invalid_options'
                     else 'internal_error' end,
        'message', message, 'at', to_char(now() at time zone 'UTC',
                                          'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
end $$;

-- One occurrence: the schedule as it is then. last_error says why there is no job.
create function millrace.schedule_occur(inout s millrace.schedule, at timestamptz)
language plpgsql as $$
declare
    state text;
    code  text;
begin
    if s.overlap = 'skip' and millrace.schedule_job(s) is not null then
        return;
    end if;
    if s.overlap = 'cancel' then
        perform millrace.schedule_cancel(s);
    end if;
    s.last_job_id := millrace.schedule_enqueue(s);
    s.last_run_at := at;
    s.last_error := null;
exception when others then
    get stacked diagnostics state = returned_sqlstate, code = pg_exception_detail;
    s.last_error := millrace.schedule_error(state, code, sqlerrm);
end $$;

-- All that is due of one schedule, and when it is due again. What cannot be told,
-- such as a time zone that has left the system, is asked again after a minute.
create function millrace.schedule_turn(inout s millrace.schedule, out made int)
language plpgsql as $$
declare
    state text;
    code  text;
    at    timestamptz;
    last  uuid;
begin
    made := 0;
    foreach at in array millrace.schedule_due(s) loop
        last := s.last_job_id;
        s := millrace.schedule_occur(s, at);
        made := made + (s.last_job_id is distinct from last)::int;
    end loop;
    s.next_run_at := millrace.schedule_next(s, now());
exception when others then
    get stacked diagnostics state = returned_sqlstate, code = pg_exception_detail;
    made := 0;
    s.last_error := millrace.schedule_error(state, code, sqlerrm);
    s.next_run_at := now() + interval '1 min';
end $$;

-- Make the jobs of the schedules that are due: of 100 schedules at most, and no more
-- of them once there are 1,000 jobs, since a heartbeat waits for this. due_ms: when
-- the next one is due (null: never).
create function millrace.schedule_run(out made int, out due_ms bigint)
language plpgsql as $$
declare
    s    millrace.schedule;
    turn record;
    n    int := 0;
begin
    made := 0;
    for s in
        select * from millrace.schedule
         where next_run_at <= now()
         order by next_run_at limit 100 for update skip locked
    loop
        turn := millrace.schedule_turn(s);
        s := turn.s;
        update millrace.schedule c
           set next_run_at = s.next_run_at, last_run_at = s.last_run_at,
               last_job_id = s.last_job_id, last_error = s.last_error
         where c.owner = s.owner and c.name = s.name;
        made := made + turn.made;
        n := n + 1;
        exit when made >= 1000;
    end loop;
    if n = 100 or made >= 1000 then
        due_ms := 0;
        return;
    end if;
    -- What is due and locked is being looked after.
    select extract(epoch from c.next_run_at - clock_timestamp()) * 1000 into due_ms
      from millrace.schedule c where c.next_run_at > now()
     order by c.next_run_at limit 1;
end $$;

-- ---------------------------------------------------------------- by hand

-- A time zone by its name. The database would take more than that: "UTC+3" means
-- three hours to the west there, and "CEST" does not know of winter.
create function millrace.check_timezone(tz text) returns void
language plpgsql stable as $$
begin
    if tz = 'UTC' or (tz ~ '^[A-Za-z]' and exists (
           select from pg_timezone_names n where lower(n.name) = lower(tz))) then
        return;
    end if;
    perform millrace.refuse('MR400', 'invalid_timezone', format(
        'there is no time zone "%s"; names are such as "UTC", "Europe/Berlin" and '
        '"America/New_York"', tz));
end $$;

-- What only a job can tell of a template: one is made and taken back. That its owner
-- or its queue has no room for it now is no fault of the template.
create function millrace.schedule_try(s millrace.schedule) returns void
language plpgsql as $$
begin
    begin
        perform millrace.schedule_enqueue(s);
        raise exception using errcode = 'MR001';
    exception when sqlstate 'MR001' or sqlstate 'MR429' or sqlstate 'MR503'
                or sqlstate 'MR409' then
        null;
    end;
exception when data_exception or integrity_constraint_violation then
    perform millrace.refuse('MR400', 'invalid_options', 'options: ' || sqlerrm);
end $$;

create function millrace.schedule_check_options(s millrace.schedule) returns void
language plpgsql as $$
declare
    bad text;
begin
    select k into bad from jsonb_object_keys(s.options) k
     where k in ('owner', 'runAt', 'ref', 'batchId') limit 1;
    if found then
        perform millrace.refuse('MR400', 'invalid_options', format(
            'options: a schedule''s jobs cannot have %s', bad));
    end if;
    if exists (select from jsonb_array_elements_text(
                   case jsonb_typeof(s.options -> 'files') when 'array'
                        then s.options -> 'files' else '[]' end) f
                where not exists (select from millrace.file k
                                   where k.id::text = f and k.owner = s.owner)) then
        perform millrace.refuse('MR400', 'unknown_file', format(
            'options: a file of "files" is none of %s''s uploads', s.owner));
    end if;
    perform millrace.schedule_try(s);
end $$;

-- A member of a schedule that must be there.
create function millrace.schedule_member(given jsonb, member text, what text) returns text
language plpgsql immutable as $$
begin
    if coalesce(jsonb_typeof(given -> member), 'null') = 'null' then
        perform millrace.refuse('MR400', 'missing_member',
            format('the member %s is missing: %s', member, what));
    end if;
    return millrace.text_of(given, member);
end $$;

create function millrace.schedule_flag(given jsonb, member text) returns bool
language plpgsql immutable as $$
begin
    if jsonb_typeof(given -> member) not in ('boolean', 'null') then
        perform millrace.refuse('MR400', 'invalid_member',
            format('%s must be true or false', member));
    end if;
    return (given ->> member)::bool;
end $$;

-- When a schedule runs: its cron line or its interval, and the time zone.
create function millrace.schedule_read_times(inout s millrace.schedule, given jsonb)
language plpgsql stable as $$
begin
    s.cron := millrace.text_of(given, 'cron');
    s.every_ms := millrace.duration_ms(millrace.text_of(given, 'every'));
    s.timezone := coalesce(millrace.text_of(given, 'timezone'), 'UTC');
    if num_nonnulls(s.cron, s.every_ms) <> 1 then
        perform millrace.refuse('MR400', 'missing_member',
            'give cron, a line such as "0 3 * * *", or every, a duration such as "15m": one of them');
    end if;
    if s.every_ms < 1000 then
        perform millrace.refuse('MR400', 'invalid_member', 'every must be 1s or longer');
    end if;
    perform millrace.check_timezone(s.timezone);
    perform millrace.cron_parse(s.cron) where s.cron is not null;
end $$;

-- A schedule out of its description: {cron | every, timezone, type, payload, options,
-- overlap, missed, missedLimit, paused} and perhaps the name again.
create function millrace.schedule_read(for_owner text, its_name text, spec json)
returns millrace.schedule language plpgsql as $$
declare
    given jsonb := spec;
    s     millrace.schedule;
begin
    perform millrace.check_members(given, 'a schedule',
        '{name,cron,every,timezone,type,payload,options,overlap,missed,missedLimit,paused}');
    s.owner := for_owner;
    s.name := coalesce(its_name, millrace.schedule_member(given, 'name', 'what it is called'));
    if s.name !~ '^[a-z0-9][a-z0-9._-]{0,79}$' then
        perform millrace.refuse('MR400', 'invalid_member',
            'name must be 1 to 80 of a-z, 0-9, dot, underscore and hyphen, a letter or digit first');
    end if;
    if coalesce(millrace.text_of(given, 'name'), s.name) <> s.name then
        perform millrace.refuse('MR400', 'invalid_member',
            format('name must be that of the path, "%s", or be left out', s.name));
    end if;
    s := millrace.schedule_read_times(s, given);
    s.type := millrace.schedule_member(given, 'type', 'it names the job type');
    s.payload := millrace.payload_unmasked(s.type, coalesce(spec -> 'payload', '{}'),
        (select c.payload from millrace.schedule c
          where c.owner = s.owner and c.name = s.name and c.type = s.type));
    s.options := coalesce(nullif(given -> 'options', 'null'), '{}');
    if jsonb_typeof(s.options) <> 'object' then
        perform millrace.refuse('MR400', 'invalid_options', 'options must be an object');
    end if;
    s.overlap := millrace.word_of(given, 'overlap', '{allow,skip,cancel}');
    s.missed := millrace.word_of(given, 'missed', '{last,none,all}');
    s.missed_limit := coalesce(millrace.number_of(given, 'missedLimit', 1, 1000), 100);
    s.paused := millrace.schedule_flag(given, 'paused');
    perform millrace.schedule_check_options(s);
    return s;
end $$;

-- Create a schedule, or replace one of its owner (not with only_new). Whether it was
-- created. What has run stays known; the next run stays as well, unless the times are
-- others now. Paused stays paused where that is not said.
create function millrace.schedule_put(for_owner text, its_name text, spec json,
                                      only_new bool default false)
returns bool language plpgsql as $$
declare
    s     millrace.schedule := millrace.schedule_read(for_owner, its_name, spec);
    old   millrace.schedule;
    fresh bool;
begin
    select * into old from millrace.schedule c
     where c.owner = s.owner and c.name = s.name for update;
    s.paused := coalesce(s.paused, old.paused, false);
    s.created_at := coalesce(old.created_at, date_trunc('milliseconds', now()));
    s.next_run_at := case
        when s.paused then null
        when (s.cron, s.every_ms, s.timezone) is not distinct from
             (old.cron, old.every_ms, old.timezone)
        then coalesce(old.next_run_at, millrace.schedule_next(s, now()))
        else millrace.schedule_next(s, now()) end;
    insert into millrace.schedule as c select s.*
        on conflict (owner, name) do update
       set cron = excluded.cron, every_ms = excluded.every_ms, timezone = excluded.timezone,
           type = excluded.type, payload = excluded.payload, options = excluded.options,
           overlap = excluded.overlap, missed = excluded.missed,
           missed_limit = excluded.missed_limit, paused = excluded.paused,
           next_run_at = excluded.next_run_at, last_error = null
     where not only_new
    returning c.xmax = 0 into fresh;
    if fresh is null then
        perform millrace.refuse('MR409', 'schedule_exists',
            format('there is a schedule "%s" already; PUT replaces it', s.name));
    end if;
    return fresh;
end $$;

-- A schedule of an owner, locked, or a refusal.
create function millrace.schedule_of(for_owner text, its_name text) returns millrace.schedule
language plpgsql as $$
declare
    s millrace.schedule;
begin
    select * into s from millrace.schedule c
     where c.owner = for_owner and c.name = its_name for update;
    if not found then
        perform millrace.refuse('MR404', 'schedule_not_found', 'there is no such schedule');
    end if;
    return s;
end $$;

-- Stop a schedule, or let it go on from now: what a pause has left out is not missed.
create function millrace.schedule_pause(for_owner text, its_name text, pause bool)
returns void language plpgsql as $$
declare
    s millrace.schedule := millrace.schedule_of(for_owner, its_name);
begin
    update millrace.schedule c
       set paused = pause,
           next_run_at = case when not pause then millrace.schedule_next(s, now()) end
     where c.owner = s.owner and c.name = s.name and c.paused <> pause;
end $$;

-- A job now, whatever the time; the next run stays where it is.
create function millrace.schedule_now(for_owner text, its_name text) returns uuid
language plpgsql as $$
declare
    s millrace.schedule := millrace.schedule_of(for_owner, its_name);
begin
    if s.overlap = 'skip' and millrace.schedule_job(s) is not null then
        perform millrace.refuse('MR409', 'still_running', format(
            'job %s of this schedule has not ended, and its overlap is "skip"', s.last_job_id));
    end if;
    perform millrace.schedule_cancel(s) where s.overlap = 'cancel';
    s.last_job_id := millrace.schedule_enqueue(s);
    update millrace.schedule c
       set last_job_id = s.last_job_id, last_run_at = date_trunc('milliseconds', now()),
           last_error = null
     where c.owner = s.owner and c.name = s.name;
    return s.last_job_id;
end $$;

create function millrace.schedule_delete(for_owner text, its_name text) returns void
language plpgsql as $$
begin
    delete from millrace.schedule c where c.owner = for_owner and c.name = its_name;
    if not found then
        perform millrace.refuse('MR404', 'schedule_not_found', 'there is no such schedule');
    end if;
end $$;
