-- 0016_payload: what a type says of its payload
--
-- why      a wrong payload is refused where it comes in, whoever brings it, and not
--          by the handler; types without a schema pay nothing
-- locks    none (new objects only)
-- undo     drop the functions

-- ---------------------------------------------------------------- formats

create function millrace.is_castable(given text, wanted regtype) returns bool
language plpgsql stable as $$
begin
    execute format('select $1::%s', wanted) using given;
    return true;
exception when data_exception then
    return false;
end $$;

-- The formats of JSON Schema that forms need. Unknown ones say nothing.
create function millrace.has_format(given text, format text) returns bool
language sql stable as $$
    select case format
        when 'date' then given ~ '^\d{4}-\d\d-\d\d$' and millrace.is_castable(given, 'date')
        when 'time' then given ~ '^\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$'
                         and millrace.is_castable(given, 'timetz')
        when 'date-time' then given ~* '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$'
                              and millrace.is_castable(given, 'timestamptz')
        when 'duration' then given ~ '^([0-9]{1,12}(ms|s|m|h|d))+$'
        when 'email' then given ~ '^[^\s@<>]+@[^\s@<>]+$'
        when 'uri' then given ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$'
        when 'uuid' then given ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        when 'hostname' then length(given) <= 253
             and given ~* '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$'
        when 'ipv4' then given ~ '^\d+(\.\d+){3}$' and millrace.is_castable(given, 'inet')
        when 'ipv6' then given ~ ':' and given !~ '/' and millrace.is_castable(given, 'inet')
        else true end
$$;

-- ---------------------------------------------------------------- checking

create function millrace.json_kind(given jsonb) returns text
language sql immutable as $$
    select case when jsonb_typeof(given) <> 'number' then jsonb_typeof(given)
                when given::numeric = trunc(given::numeric) then 'integer' else 'number' end
$$;

-- A step of a JSON pointer.
create function millrace.pointer_step(name text) returns text
language sql immutable as $$
    select '/' || replace(replace(name, '~', '~0'), '/', '~1')
$$;

create function millrace.payload_error(pointer text, code text, message text) returns jsonb
language sql immutable as $$
    select jsonb_build_object('pointer', pointer, 'code', code, 'message', message)
$$;

-- All that is wrong with a value: {"pointer", "code", "message"} each. What has the
-- wrong type is not looked into.
create function millrace.payload_errors(schema jsonb, given jsonb, pointer text)
returns setof jsonb language plpgsql stable as $$
declare
    kind    text := millrace.json_kind(given);
    allowed text[] := case jsonb_typeof(schema -> 'type')
                          when 'array' then array(select jsonb_array_elements_text(schema -> 'type'))
                          when 'string' then array[schema ->> 'type'] end;
begin
    if allowed is not null and kind <> all (allowed)
       and not (kind = 'integer' and 'number' = any (allowed)) then
        return next millrace.payload_error(pointer, 'type',
            format('must be %s, not %s', array_to_string(allowed, ' or '), kind));
        return;
    end if;
    if schema ? 'enum' and not exists (select from jsonb_array_elements(schema -> 'enum') e
                                        where e = given) then
        return next millrace.payload_error(pointer, 'enum', 'must be one of '
            || (select string_agg(e::text, ', ') from jsonb_array_elements(schema -> 'enum') e));
    elsif schema ? 'const' and schema -> 'const' <> given then
        return next millrace.payload_error(pointer, 'const', format('must be %s', schema -> 'const'));
    end if;
    return query select e from millrace.choice_errors(schema, given, pointer) e
                  where schema ?| array['anyOf', 'oneOf'];
    if kind = 'string' then
        return query select * from millrace.string_errors(schema, given #>> '{}', pointer);
    elsif kind in ('integer', 'number') then
        return query select * from millrace.number_errors(schema, given::numeric, pointer);
    elsif kind = 'array' then
        return query select * from millrace.array_errors(schema, given, pointer);
    elsif kind = 'object' then
        return query select * from millrace.object_errors(schema, given, pointer);
    end if;
end $$;

create function millrace.string_errors(schema jsonb, given text, pointer text)
returns setof jsonb language plpgsql stable as $$
begin
    return query select millrace.payload_error(pointer, c.code, c.message)
      from (values
        ('minLength', (schema ->> 'minLength')::int > length(given),
         format('must have at least %s characters', schema ->> 'minLength')),
        ('maxLength', (schema ->> 'maxLength')::int < length(given),
         format('must have at most %s characters', schema ->> 'maxLength')),
        ('pattern', given !~ (schema ->> 'pattern'), format('must match %s', schema ->> 'pattern')),
        ('format', not millrace.has_format(given, schema ->> 'format'),
         format('must be a %s', schema ->> 'format'))) c(code, wrong, message)
     where c.wrong;
end $$;

create function millrace.number_errors(schema jsonb, given numeric, pointer text)
returns setof jsonb language plpgsql immutable as $$
begin
    return query select millrace.payload_error(pointer, c.code, c.message)
      from (values
        ('minimum', given < (schema ->> 'minimum')::numeric,
         format('must be at least %s', schema ->> 'minimum')),
        ('maximum', given > (schema ->> 'maximum')::numeric,
         format('must be at most %s', schema ->> 'maximum')),
        ('exclusiveMinimum', given <= (schema ->> 'exclusiveMinimum')::numeric,
         format('must be more than %s', schema ->> 'exclusiveMinimum')),
        ('exclusiveMaximum', given >= (schema ->> 'exclusiveMaximum')::numeric,
         format('must be less than %s', schema ->> 'exclusiveMaximum')),
        ('multipleOf', mod(given, (schema ->> 'multipleOf')::numeric) <> 0,
         format('must be a multiple of %s', schema ->> 'multipleOf'))) c(code, wrong, message)
     where c.wrong;
end $$;

create function millrace.array_errors(schema jsonb, given jsonb, pointer text)
returns setof jsonb language plpgsql stable as $$
begin
    return query select millrace.payload_error(pointer, c.code, c.message)
      from (values
        ('minItems', (schema ->> 'minItems')::int > jsonb_array_length(given),
         format('must have at least %s items', schema ->> 'minItems')),
        ('maxItems', (schema ->> 'maxItems')::int < jsonb_array_length(given),
         format('must have at most %s items', schema ->> 'maxItems')),
        ('uniqueItems', (schema ->> 'uniqueItems')::bool
            and (select count(distinct e) < count(*) from jsonb_array_elements(given) e),
         'must not have the same item twice')) c(code, wrong, message)
     where c.wrong
    union all
    select e from jsonb_array_elements(given) with ordinality i(item, nth)
     cross join millrace.payload_errors(schema -> 'items', i.item, pointer || '/' || i.nth - 1) e
     where schema ? 'items';
end $$;

create function millrace.object_errors(schema jsonb, given jsonb, pointer text)
returns setof jsonb language plpgsql stable as $$
begin
    return query select millrace.payload_error(pointer || millrace.pointer_step(r), 'required', 'is missing')
      from jsonb_array_elements_text(schema -> 'required') r
     where not given ? r
    union all
    select e from jsonb_each(schema -> 'properties') p(name, rule)
     cross join millrace.payload_errors(p.rule, given -> p.name,
                                        pointer || millrace.pointer_step(p.name)) e
     where given ? p.name
    union all
    select millrace.payload_error(pointer || millrace.pointer_step(k), 'unknown_member',
               'is not known here' || coalesce('; there are: ' || (
                   select string_agg(n, ', ' order by n) from jsonb_object_keys(schema -> 'properties') n), ''))
      from jsonb_object_keys(given) k
     where schema ->> 'additionalProperties' = 'false'
       and not coalesce(schema -> 'properties' ? k, false);
end $$;

-- One of several schemas that must fit (anyOf), or exactly one of them (oneOf).
create function millrace.choice_errors(schema jsonb, given jsonb, pointer text)
returns setof jsonb language plpgsql stable as $$
begin
    return query select millrace.payload_error(pointer, c.name, case when c.fitting = 0
               then 'fits none of the forms that are allowed here'
               else 'fits several of the forms, of which only one may fit' end)
      from (select n.name, (select count(*) from jsonb_array_elements(schema -> n.name) s
                             where not exists (select from millrace.payload_errors(s, given, pointer))) as fitting
              from unnest(array['anyOf', 'oneOf']) n(name)
             where schema ? n.name) c
     where c.fitting = 0 or c.fitting > 1 and c.name = 'oneOf';
end $$;

-- ---------------------------------------------------------------- defaults

-- A value with the members that it lacks and that have a default.
create function millrace.payload_filled(schema jsonb, given jsonb) returns jsonb
language plpgsql immutable as $$
declare
    name text;
    rule jsonb;
begin
    if jsonb_typeof(given) = 'array' and schema ? 'items' then
        return (select coalesce(jsonb_agg(millrace.payload_filled(schema -> 'items', i) order by nth), '[]')
                  from jsonb_array_elements(given) with ordinality e(i, nth));
    elsif jsonb_typeof(given) <> 'object' then
        return given;
    end if;
    for name, rule in select * from jsonb_each(schema -> 'properties') loop
        if given ? name then
            given := jsonb_set(given, array[name], millrace.payload_filled(rule, given -> name));
        elsif rule ? 'default' then
            given := given || jsonb_build_object(name, rule -> 'default');
        end if;
    end loop;
    return given;
end $$;

-- Refuse a payload, all that is wrong with it in the exception's table name: what
-- fits into 1900 characters of it.
create function millrace.refuse_payload(errors jsonb, nth bigint) returns void
language plpgsql as $$
declare
    shown jsonb := errors;
begin
    while length(shown::text) > 1900 and jsonb_array_length(shown) > 1 loop
        shown := shown - (-1);
    end loop;
    raise exception using errcode = 'MR400', detail = 'invalid_payload', column = (nth - 1)::text,
        table = left(shown::text, 1900),
        message = left(format('the payload does not fit its type: %s %s', coalesce(nullif(
                      errors -> 0 ->> 'pointer', ''), 'it'), errors -> 0 ->> 'message'), 400)
               || case when jsonb_array_length(errors) > 1
                       then format(' (and %s more)', jsonb_array_length(errors) - 1) else '' end;
end $$;

-- What is wrong with the connection that a payload names: it must be one of its
-- owner's, of a kind that the type takes.
create function millrace.connection_errors(kinds jsonb, for_owner text, given jsonb)
returns setof jsonb language plpgsql stable as $$
declare
    its_kind text;
begin
    if jsonb_typeof(given) is distinct from 'object' or not given ? 'connection' then
        return;
    elsif jsonb_typeof(given -> 'connection') <> 'string' then
        return next millrace.payload_error('/connection', 'type',
            format('must be string, not %s', millrace.json_kind(given -> 'connection')));
        return;
    end if;
    its_kind := (select c.kind from millrace.connection_of(for_owner, given ->> 'connection') c);
    if its_kind is null then
        return next millrace.payload_error('/connection', 'unknown_connection',
            format('there is no connection "%s" of this owner', left(given ->> 'connection', 100)));
    elsif not kinds ? its_kind then
        return next millrace.payload_error('/connection', 'unsupported_connection',
            format('is a connection to %s; this type works on %s', its_kind,
                   (select string_agg(k, ' and ') from jsonb_array_elements_text(kinds) k)));
    end if;
end $$;

-- The payloads of a call, checked against their types' schemas, their defaults
-- filled in; as they were written where nothing was to be filled in.
create function millrace.payloads_checked(types text[], owners text[], payloads text[])
returns text[] language plpgsql stable as $$
declare
    job    record;
    filled jsonb;
    errors jsonb;
begin
    for job in select u.payload::jsonb as payload, u.owner, u.nth,
                      coalesce(t.options -> 'payloadSchema', '{}') as schema,
                      t.options -> 'connection' as kinds
                 from unnest(types, owners, payloads) with ordinality u(type, owner, payload, nth)
                 join millrace.job_type t on t.type = u.type
                where t.options ?| array['payloadSchema', 'connection'] loop
        filled := millrace.payload_filled(job.schema, job.payload);
        errors := (select jsonb_agg(e) from millrace.payload_errors(job.schema, filled, '') e);
        if errors is null and job.kinds is not null then
            errors := (select jsonb_agg(e) from millrace.connection_errors(job.kinds, job.owner, filled) e);
        end if;
        if errors is not null then
            perform millrace.refuse_payload(errors, job.nth);
        end if;
        if filled <> job.payload then
            payloads[job.nth] := filled::text;
        end if;
    end loop;
    return payloads;
end $$;

-- ---------------------------------------------------------------- secrets

-- Where a payload has secrets: the paths of the members that its schema calls
-- writeOnly.
create function millrace.secret_paths(schema jsonb, given jsonb, path text[] default '{}')
returns setof text[] language plpgsql immutable as $$
declare
    name text;
    item jsonb;
begin
    if (schema ->> 'writeOnly')::bool and jsonb_typeof(given) <> 'null' then
        return next path;
        return;
    end if;
    return query select p from unnest(array['anyOf', 'oneOf']) k(word)
                 cross join jsonb_array_elements(schema -> k.word) s
                 cross join millrace.secret_paths(s, given, path) p;
    if jsonb_typeof(given) = 'object' then
        for name, item in select * from jsonb_each(schema -> 'properties') loop
            continue when not given ? name;
            return query select * from millrace.secret_paths(item, given -> name, path || name);
        end loop;
    elsif jsonb_typeof(given) = 'array' and schema ? 'items' then
        for i in 0 .. jsonb_array_length(given) - 1 loop
            return query select * from millrace.secret_paths(schema -> 'items', given -> i, path || i::text);
        end loop;
    end if;
end $$;

-- A payload as it is shown; as it was written where it has no secrets.
create function millrace.payload_shown(payload json, extra jsonb) returns json
language sql immutable as $$
    select case when extra ? 'secrets'
                then millrace.masked(payload::jsonb, extra -> 'secrets')::json else payload end
$$;

-- The same of one that is no job's yet.
create function millrace.payload_shown_by_type(of_type text, payload json) returns json
language sql stable as $$
    select coalesce((
        select millrace.masked(payload::jsonb, (
                   select jsonb_agg(to_jsonb(p))
                     from millrace.secret_paths(t.options -> 'payloadSchema', payload::jsonb) p))::json
          from millrace.job_type t
         where t.type = of_type and t.options ? 'payloadSchema'), payload)
$$;

-- A payload that was shown before and comes back: a secret that is still masked is
-- the one that is known.
create function millrace.payload_unmasked(of_type text, given json, known json) returns json
language plpgsql stable as $$
declare
    schema jsonb := (select t.options -> 'payloadSchema' from millrace.job_type t where t.type = of_type);
    filled jsonb := given;
    path   text[];
begin
    for path in select p from millrace.secret_paths(schema, given::jsonb) p
                 where given #>> p = '********' and known::jsonb #> p is not null loop
        filled := jsonb_set(filled, path, known::jsonb #> path);
    end loop;
    return case when filled = given::jsonb then given else filled::json end;
end $$;

-- The rare options of the jobs of a call, with the places of their secrets, and
-- whether these are to be forgotten.
create function millrace.with_secrets(types text[], payloads text[], extras jsonb[])
returns jsonb[] language plpgsql stable as $$
begin
    return (select array_agg(case when s.paths is null then u.extra
               else coalesce(u.extra, '{}') || jsonb_build_object('secrets', s.paths)
                    || case when (t.options ->> 'forgetSecrets')::bool then '{"forget": true}' else '{}' end::jsonb
               end order by u.nth)
      from unnest(types, payloads, extras) with ordinality u(type, payload, extra, nth)
      left join millrace.job_type t on t.type = u.type and t.options ? 'payloadSchema'
      left join lateral (
        select jsonb_agg(to_jsonb(p)) as paths
          from millrace.secret_paths(t.options -> 'payloadSchema', u.payload::jsonb) p) s on true);
end $$;

-- Jobs that have ended, and whose secrets are not to outlive them.
create function millrace.forget(ids uuid[]) returns void
language sql as $$
    update millrace.job
       set payload = millrace.payload_shown(payload, extra),
           extra = extra - 'forget' || '{"forgotten": true}'
     where id = any (ids) and extra ? 'forget'
$$;
