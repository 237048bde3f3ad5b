-- 0002_tools: ids, and what options of jobs mean
--
-- why      each option is checked in one place, whoever gives it: a request, a
--          type's file, a schedule, SQL
-- locks    none (new objects only)
-- undo     drop the functions

create function millrace.uuid_v7() returns uuid
language sql volatile parallel safe as $$
    -- Milliseconds, the version, how far into that one (12 bits: ids of one
    -- session rise), the random half of a UUID.
    select encode(substring(int8send(us / 1000) from 3)
                  || int2send((28672 + us % 1000 * 4096 / 1000)::int2)
                  || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid
      from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) clock
$$;

-- A time as it is shown: the nearest millisecond, as in what the programs show.
create function millrace.time_text(at timestamptz) returns text
language sql stable strict as $$
    select to_char((at + interval '500 us') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- A retry policy: {backoff, initial, max, jitter}, each optional, or {delays,
-- max, jitter}.
create function millrace.check_retry(retry jsonb) returns void
language plpgsql immutable as $$
declare
    bad text;
begin
    if retry is null then
        return;
    end if;
    if jsonb_typeof(retry) <> 'object' then
        perform millrace.refuse('MR400', 'invalid_retry', 'retry must be an object');
    end if;
    select k into bad from jsonb_object_keys(retry) k
     where k <> all (array['backoff', 'initial', 'max', 'jitter', 'delays']) limit 1;
    if found then
        perform millrace.refuse('MR400', 'unknown_member', format('retry has no member %L', bad));
    end if;
    if retry ->> 'backoff' <> all (array['exponential', 'linear', 'constant']) then
        perform millrace.refuse('MR400', 'invalid_retry',
            'retry.backoff must be "exponential", "linear" or "constant"');
    end if;
    if jsonb_typeof(retry -> 'jitter') <> 'boolean' then
        perform millrace.refuse('MR400', 'invalid_retry', 'retry.jitter must be true or false');
    end if;
    perform millrace.duration_ms(retry ->> 'initial'), millrace.duration_ms(retry ->> 'max');
    if not retry ? 'delays' then
        return;
    end if;
    if retry ?| array['backoff', 'initial'] then
        perform millrace.refuse('MR400', 'invalid_retry',
            'retry.delays excludes retry.backoff and retry.initial');
    end if;
    if (case jsonb_typeof(retry -> 'delays')
             when 'array' then jsonb_array_length(retry -> 'delays')
             else 0 end) not between 1 and 100 then
        perform millrace.refuse('MR400', 'invalid_retry',
            'retry.delays must be an array of 1 to 100 durations');
    end if;
    for bad in select d::text from jsonb_array_elements(retry -> 'delays') d
                where jsonb_typeof(d) <> 'string' loop
        perform millrace.refuse('MR400', 'invalid_duration',
            format('retry.delays must be durations such as "90s", not %s', bad));
    end loop;
    perform millrace.duration_ms(d) from jsonb_array_elements_text(retry -> 'delays') d;
end $$;

-- ---------------------------------------------------------------- rare options

-- A member that must be a text of 1 to 200 characters; null where it is missing.
create function millrace.text_of(given jsonb, name text) returns text
language plpgsql immutable as $$
begin
    if jsonb_typeof(given -> name) = 'null' or not given ? name then
        return null;
    end if;
    if jsonb_typeof(given -> name) <> 'string'
       or length(given ->> name) not between 1 and 200 then
        perform millrace.refuse('MR400', 'invalid_member',
            format('%s must be a text of 1 to 200 characters', name));
    end if;
    return given ->> name;
end $$;

-- A member that must be one of some words; the first is the default.
create function millrace.word_of(given jsonb, name text, words text[]) returns text
language plpgsql immutable as $$
begin
    if coalesce(given ->> name, words[1]) <> all (words)
       or coalesce(jsonb_typeof(given -> name), 'string') <> 'string' then
        perform millrace.refuse('MR400', 'invalid_member',
            format('%s must be one of "%s"', name, array_to_string(words, '", "')));
    end if;
    return coalesce(given ->> name, words[1]);
end $$;

-- A member that must be a whole number within bounds; null where it is missing.
create function millrace.number_of(given jsonb, name text, lowest int, highest int)
returns int language plpgsql immutable as $$
begin
    if jsonb_typeof(given -> name) = 'null' or not given ? name then
        return null;
    end if;
    if jsonb_typeof(given -> name) <> 'number' or (given ->> name) !~ '^-?[0-9]{1,9}$'
       or (given ->> name)::int not between lowest and highest then
        perform millrace.refuse('MR400', 'invalid_member',
            format('%s must be a whole number from %s to %s', name, lowest, highest));
    end if;
    return (given ->> name)::int;
end $$;

-- Refuse members that nobody knows.
create function millrace.check_members(given jsonb, what text, known text[])
returns void language plpgsql immutable as $$
declare
    bad text;
begin
    if jsonb_typeof(given) is distinct from 'object' then
        perform millrace.refuse('MR400', 'invalid_member', format('%s must be an object', what));
    end if;
    select k into bad from jsonb_object_keys(given) k where k <> all (known) limit 1;
    if found then
        perform millrace.refuse('MR400', 'unknown_member',
            format('%s has no member %L; there are %s', what, bad, array_to_string(known, ', ')));
    end if;
end $$;

-- {"limit", "per", "burst"[, "key"]} to {"everyMs", "burst"}: so long from one
-- start to the next, and so many at once after a pause. Null stays null.
create function millrace.rate_of(rate jsonb, with_key bool default false)
returns jsonb language plpgsql immutable as $$
declare
    most   int;
    per_ms bigint;
begin
    if rate is null or jsonb_typeof(rate) = 'null' then
        return null;
    end if;
    perform millrace.check_members(rate, 'rateLimit',
        case when with_key then '{limit,per,burst,key}'::text[] else '{limit,per,burst}' end);
    most := millrace.number_of(rate, 'limit', 1, 1000000);
    per_ms := millrace.duration_ms(coalesce(millrace.text_of(rate, 'per'), '1s'));
    if most is null or per_ms < 1 then
        perform millrace.refuse('MR400', 'invalid_member',
            'rateLimit must be {"limit": 100, "per": "1m"} and may have a "burst"');
    end if;
    return jsonb_build_object('everyMs', per_ms::float8 / most,
                              'burst', coalesce(millrace.number_of(rate, 'burst', 1, 1000000), 1));
end $$;

-- What a type's file says about a key: a JSON pointer into the payload, or
-- "owner". Null where the payload has no such member.
create function millrace.key_at(place text, payload json, owner text) returns text
language sql immutable as $$
    select case when place = 'owner' then owner
                when place like '/%' then
                    payload #>> string_to_array(replace(replace(substr(place, 2), '/', E'\x1f'),
                                                        '~1', '/'), E'\x1f')
           end
$$;

-- The keys that a job has to get past, the given ones before its type's. A key
-- that was given is its owner's; one of the type's, the type's.
create function millrace.keys_of(type text, owner text, payload json,
                                 given jsonb, standard jsonb)
returns jsonb language plpgsql immutable as $$
declare
    own   text := 'o/' || owner || '/';
    its   text := 't/' || type || '/';
    name  text;
    rate  jsonb;
    found jsonb := '[]';
begin
    name := coalesce(own || millrace.text_of(given, 'serialKey'),
                     its || millrace.key_at(standard ->> 'serialKey', payload, owner));
    if name is not null then
        found := found || jsonb_build_object('key', 's/' || name, 'max', 1);
    end if;
    name := coalesce(own || millrace.text_of(given, 'concurrencyKey'),
                     its || millrace.key_at(standard ->> 'concurrencyKey', payload, owner));
    if name is not null then
        found := found || jsonb_build_object('key', 'c/' || name, 'max',
            coalesce(millrace.number_of(given, 'concurrencyLimit', 1, 100000),
                     (standard ->> 'concurrencyLimit')::int, 1));
    elsif given ? 'concurrencyLimit' then
        perform millrace.refuse('MR400', 'invalid_member',
            'concurrencyLimit needs a concurrencyKey');
    end if;
    rate := coalesce(millrace.rate_of(given -> 'rateLimit', true),
                     millrace.rate_of(standard -> 'rateLimit', true));
    if given ? 'rateLimit' then
        name := own || millrace.text_of(given -> 'rateLimit', 'key');
        if name is null then
            perform millrace.refuse('MR400', 'invalid_member', 'rateLimit.key is missing');
        end if;
    else
        name := its || millrace.key_at(standard -> 'rateLimit' ->> 'key', payload, owner);
    end if;
    if name is not null then
        found := found || (rate || jsonb_build_object('key', 'r/' || name));
    end if;
    return nullif(found, '[]');
end $$;

-- What makes a job unique: {"key", "states", "withinMs", "onConflict"} or null.
-- Keys of different owners never meet.
create function millrace.unique_of(type text, queue text, owner text, payload json,
                                   given jsonb, standard jsonb)
returns jsonb language plpgsql immutable as $$
declare
    rule   jsonb := coalesce(given -> 'unique', standard -> 'unique');
    name   text := millrace.text_of(given, 'uniqueKey');
    parts  jsonb;
    within bigint;
    states jsonb;
begin
    if rule is null and name is null then
        return null;
    end if;
    rule := coalesce(rule, '{}');
    perform millrace.check_members(rule, 'unique', '{key,by,states,within,onConflict}');
    name := coalesce(name, millrace.text_of(rule, 'key'));
    if name is not null then
        parts := jsonb_build_array('key', name);
    elsif jsonb_typeof(rule -> 'by') = 'array' and rule -> 'by' <> '[]' then
        select jsonb_agg(jsonb_build_array(b, case b when 'type' then type when 'queue' then queue
                   when 'owner' then owner when 'payload' then payload::jsonb::text
                   else millrace.key_at(b, payload, owner) end) order by b) into parts
          from jsonb_array_elements_text(rule -> 'by') b;
        if exists (select from jsonb_array_elements_text(rule -> 'by') b
                    where b !~ '^(type|queue|owner|payload|/.*)$') then
            perform millrace.refuse('MR400', 'invalid_member',
                'unique.by must list "type", "queue", "owner", "payload" or pointers into the payload such as "/customer"');
        end if;
    else
        perform millrace.refuse('MR400', 'invalid_member',
            'unique must have a "key", or "by" with what makes two jobs the same');
    end if;
    within := millrace.duration_ms(millrace.text_of(rule, 'within'));
    states := coalesce(rule -> 'states', case when within is null
        then '["scheduled", "pending", "available", "active", "retryable"]'
        else '["scheduled", "pending", "available", "active", "retryable", "completed"]' end::jsonb);
    if jsonb_typeof(states) <> 'array' or states = '[]' or exists (
           select from jsonb_array_elements_text(states) s
            where s <> all (enum_range(null::millrace.state)::text[])) then
        perform millrace.refuse('MR400', 'invalid_member', 'unique.states must list states of jobs');
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'key', encode(sha256(convert_to(jsonb_build_array(owner, parts)::text, 'UTF8')), 'hex'),
        'states', states, 'withinMs', within,
        'onConflict', millrace.word_of(rule, 'onConflict', '{return,refuse,replace}')));
end $$;

-- Ids of other jobs as a sorted array of texts; null for none.
create function millrace.needs_of(given jsonb) returns jsonb
language plpgsql immutable as $$
declare
    needs jsonb := given -> 'dependsOn';
begin
    if needs is null or needs in ('null', '[]') then
        return null;
    end if;
    if jsonb_typeof(needs) <> 'array' or jsonb_array_length(needs) > 1000 or exists (
           select from jsonb_array_elements(needs) n
            where jsonb_typeof(n) <> 'string'
               or n #>> '{}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
        perform millrace.refuse('MR400', 'invalid_member',
            'dependsOn must be up to 1000 ids of jobs');
    end if;
    return (select jsonb_agg(distinct lower(n)) from jsonb_array_elements_text(needs) n);
end $$;

-- When a job is too old to be started; null: never.
create function millrace.expiry_of(given jsonb, standard jsonb) returns timestamptz
language plpgsql stable as $$
declare
    stated text := millrace.text_of(given, 'expiresAt');
    within text := coalesce(millrace.text_of(given, 'expiresIn'), standard ->> 'expiresIn');
begin
    if given ? 'expiresAt' and given ? 'expiresIn' then
        perform millrace.refuse('MR400', 'invalid_member', 'give expiresAt or expiresIn, not both');
    end if;
    if stated !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}' then
        perform millrace.refuse('MR400', 'invalid_time',
            'expiresAt must be a time such as "2030-01-31T08:00:00Z"');
    end if;
    return coalesce(stated::timestamptz, now() + millrace.duration_ms(within) * interval '1 ms');
exception when datetime_field_overflow or invalid_datetime_format then
    perform millrace.refuse('MR400', 'invalid_time',
        'expiresAt must be a time such as "2030-01-31T08:00:00Z"');
end $$;

-- The rare options of a job, checked and brought into the one form that is kept
-- in job.extra; null where there are none. given: the caller's; standard: the
-- type's, where keys are places in the payload.
create function millrace.job_extra(type text, queue text, owner text, payload json,
                                   given jsonb, standard jsonb)
returns jsonb language plpgsql stable as $$
declare
    keys jsonb;
begin
    given := coalesce(given, '{}');
    perform millrace.check_members(given, 'a job', array[
        'uniqueKey', 'unique', 'dependsOn', 'onDependencyFailure', 'batchId', 'concurrencyKey',
        'concurrencyLimit', 'rateLimit', 'serialKey', 'fairKey', 'expiresAt', 'expiresIn',
        'heartbeatTimeout']);
    given := jsonb_strip_nulls(given);
    keys := millrace.keys_of(type, owner, payload, given, standard);
    return nullif(jsonb_strip_nulls(jsonb_build_object(
        'keys', keys,
        'serial', jsonb_path_query_first(keys, '$[*].key ? (@ starts with "s/")'),
        'unique', millrace.unique_of(type, queue, owner, payload, given, standard),
        'dependsOn', millrace.needs_of(given),
        'onDependencyFailure', case when given ? 'onDependencyFailure' then
            millrace.word_of(given, 'onDependencyFailure', '{fail,cancel,run}') end,
        'batchId', millrace.text_of(given, 'batchId'),
        'fairKey', coalesce(millrace.text_of(given, 'fairKey'),
                            millrace.key_at(standard ->> 'fairKey', payload, owner)),
        'expiresAt', millrace.expiry_of(given, standard),
        'heartbeatMs', millrace.duration_ms(coalesce(millrace.text_of(given, 'heartbeatTimeout'),
                                                     standard ->> 'heartbeatTimeout')))), '{}');
end $$;

-- ---------------------------------------------------------------- and back

-- The name of a job's key of one kind ('c/', 's/'), as it was given or found.
create function millrace.key_shown(keys jsonb, kind text, type text, owner text) returns text
language sql immutable as $$
    select substr(k ->> 'key', length(p.prefix) + 1)
      from jsonb_array_elements(keys) k
      join unnest(array[kind || 'o/' || owner || '/', kind || 't/' || type || '/']) p(prefix)
        on left(k ->> 'key', length(p.prefix)) = p.prefix
     limit 1
$$;

-- What is shown of a job's rare options, by the names that they are given by; null
-- where it has none.
create function millrace.options_shown(type text, owner text, tenant text, extra jsonb)
returns jsonb language sql stable as $$
    select case when extra is not null or tenant is not null then nullif(jsonb_strip_nulls(
        jsonb_build_object(
            'dependsOn', nullif(extra -> 'dependsOn', '[]'),
            'onDependencyFailure', extra -> 'onDependencyFailure',
            'batchId', extra -> 'batchId',
            'concurrencyKey', millrace.key_shown(extra -> 'keys', 'c/', type, owner),
            'concurrencyLimit', jsonb_path_query_first(
                extra -> 'keys', '$[*] ? (@.key starts with "c/").max'),
            'serialKey', millrace.key_shown(extra -> 'keys', 's/', type, owner),
            'fairKey', tenant,
            'expiresAt', millrace.time_text((extra ->> 'expiresAt')::timestamptz))), '{}') end
$$;
