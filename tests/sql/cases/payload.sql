-- Payload schemas: what is refused, what is filled in, what is secret.

select tap.worker('w') as w \gset

create function pg_temp.schema(schema jsonb, more jsonb default '{}') returns void language sql as $$
    update millrace.job_type set options = jsonb_build_object('payloadSchema', schema) || more where type = 'a';
$$;
create function pg_temp.wrong(schema jsonb, value jsonb) returns text language sql as $$
    select coalesce(string_agg((e ->> 'pointer') || ' ' || (e ->> 'code'), ', ' order by e ->> 'pointer', e ->> 'code'), 'fits')
      from millrace.payload_errors(schema, value, '') e
$$;

-- ---------------------------------------------------------------- each word

select tap.is('type', pg_temp.wrong('{"type": "string"}', '1'), ' type');
select tap.is('one of several types', pg_temp.wrong('{"type": ["string", "null"]}', 'null'), 'fits');
select tap.is('an integer is a number', pg_temp.wrong('{"type": "number"}', '1'), 'fits');
select tap.is('1.0 is an integer', pg_temp.wrong('{"type": "integer"}', '1.0'), 'fits');
select tap.is('1.5 is none', pg_temp.wrong('{"type": "integer"}', '1.5'), ' type');
select tap.is('null is a type', pg_temp.wrong('{"type": "object"}', 'null'), ' type');
select tap.is('enum', pg_temp.wrong('{"enum": ["a", 1]}', '"b"'), ' enum');
select tap.is('enum: 1.0 is 1', pg_temp.wrong('{"enum": ["a", 1]}', '1.0'), 'fits');
select tap.is('const', pg_temp.wrong('{"const": {"a": 1}}', '{"a": 2}'), ' const');
select tap.is('lengths in characters', pg_temp.wrong('{"minLength": 2, "maxLength": 3}', '"äöü"'), 'fits');
select tap.is('too short', pg_temp.wrong('{"minLength": 2}', '"ä"'), ' minLength');
select tap.is('too long', pg_temp.wrong('{"maxLength": 1}', '"äö"'), ' maxLength');
select tap.is('pattern', pg_temp.wrong('{"pattern": "^[a-z]+$"}', '"A"'), ' pattern');
select tap.is('lengths say nothing of numbers', pg_temp.wrong('{"minLength": 2}', '1'), 'fits');
select tap.is('minimum', pg_temp.wrong('{"minimum": 1}', '0.5'), ' minimum');
select tap.is('minimum itself', pg_temp.wrong('{"minimum": 1, "maximum": 1}', '1'), 'fits');
select tap.is('maximum', pg_temp.wrong('{"maximum": 1}', '2'), ' maximum');
select tap.is('exclusive ones', pg_temp.wrong('{"exclusiveMinimum": 1, "exclusiveMaximum": 1}', '1'), ' exclusiveMaximum,  exclusiveMinimum');
select tap.is('multipleOf', pg_temp.wrong('{"multipleOf": 0.1}', '0.35'), ' multipleOf');
select tap.is('multipleOf, exactly', pg_temp.wrong('{"multipleOf": 0.1}', '0.3'), 'fits');
select tap.is('items', pg_temp.wrong('{"items": {"type": "integer"}}', '[1, "a", 2, null]'), '/1 type, /3 type');
select tap.is('minItems', pg_temp.wrong('{"minItems": 1}', '[]'), ' minItems');
select tap.is('maxItems', pg_temp.wrong('{"maxItems": 1}', '[1, 2]'), ' maxItems');
select tap.is('uniqueItems', pg_temp.wrong('{"uniqueItems": true}', '[{"a": 1}, {"a": 1.0}]'), ' uniqueItems');
select tap.is('required', pg_temp.wrong('{"required": ["a", "b"]}', '{"b": null}'), '/a required');
select tap.is('properties', pg_temp.wrong('{"properties": {"a": {"type": "string"}, "b": {"properties": {"c": {"minimum": 1}}}}}', '{"a": 1, "b": {"c": 0}, "d": 1}'), '/a type, /b/c minimum');
select tap.is('no others', pg_temp.wrong('{"properties": {"a": {}}, "additionalProperties": false}', '{"a": 1, "b": 2}'), '/b unknown_member');
select tap.is('a pointer''s escapes', pg_temp.wrong('{"properties": {"a/b~c": {"type": "string"}}}', '{"a/b~c": 1}'), '/a~1b~0c type');
select tap.is('anyOf', pg_temp.wrong('{"anyOf": [{"type": "string"}, {"minimum": 5}]}', '3'), ' anyOf');
select tap.is('anyOf fits', pg_temp.wrong('{"anyOf": [{"type": "string"}, {"minimum": 5}]}', '6'), 'fits');
select tap.is('oneOf: two fit', pg_temp.wrong('{"oneOf": [{"type": "number"}, {"minimum": 5}]}', '6'), ' oneOf');
select tap.is('of a wrong type nothing else is said', pg_temp.wrong('{"type": "string", "enum": ["a"], "minimum": 5}', '1'), ' type');

select tap.is('format ' || f || ' ' || v, pg_temp.wrong(jsonb_build_object('format', f), to_jsonb(v)), case when good then 'fits' else ' format' end)
  from (values ('date', '2026-02-28', true), ('date', '2026-02-30', false), ('date', '28.2.2026', false),
               ('date-time', '2026-02-28T12:00:00Z', true), ('date-time', '2026-02-28T12:00:00.5+01:00', true),
               ('date-time', '2026-02-28 12:00', false), ('date-time', '2026-02-28T25:00:00Z', false),
               ('time', '12:00:00Z', true), ('time', '12:60:00Z', false), ('duration', '1h30m', true), ('duration', 'PT1H', false),
               ('email', 'ann@example.org', true), ('email', 'ann', false), ('email', E'a@b\nc', false),
               ('uri', 'https://example.org/a?b', true), ('uri', '/a', false),
               ('uuid', '01a219cb-226b-714b-8ca5-1c381e84b187', true), ('uuid', '01a2', false),
               ('hostname', 'db.example.org', true), ('hostname', '-a', false), ('hostname', 'a b', false),
               ('ipv4', '10.0.0.1', true), ('ipv4', '10.0.0.256', false), ('ipv4', '10.0.0.0/8', false),
               ('ipv6', '::1', true), ('ipv6', '1:2', false), ('ipv6', '10.0.0.1', false)) t(f, v, good);

-- ---------------------------------------------------------------- at the door

select pg_temp.schema('{"type": "object", "required": ["to"], "properties": {"to": {"type": "string", "format": "email"}, "n": {"type": "integer", "minimum": 1, "default": 7}, "deep": {"properties": {"x": {"default": true}}}, "list": {"items": {"properties": {"y": {"default": []}}}}}}') \g /dev/null
select tap.refused('enqueue() refuses', $$select millrace.enqueue('a', '{"n": 0}')$$, 'MR400', 'invalid_payload');
select tap.is('nothing was stored', count(*), 0) from millrace.job;
select millrace.enqueue('a', '{"to": "a@b", "deep": {}, "list": [{}, {"y": 1}, 3]}') as good \gset
select tap.is('a good one is stored with its defaults', (select payload::jsonb from millrace.job where id = :'good'),
              '{"to": "a@b", "n": 7, "deep": {"x": true}, "list": [{"y": []}, {"y": 1}, 3]}'::jsonb);
select tap.is('other types know nothing of it', millrace.enqueue('b', '{"n": 0}') is not null, true);
select pg_temp.schema('{"properties": {"n": {"type": "number"}}}') \g /dev/null
create function pg_temp.raw(payload text) returns uuid language sql as $$
    select id from millrace.insert_jobs(array[millrace.uuid_v7()], array['a'], array[null], array[null::int], array['ann'], array[payload],
        array[null::bigint], array[null::timestamptz], array[null::int], array[null::bigint], array[null], array[null], array[null], array[1])
$$;
select tap.is('as it was written where nothing is lacking', payload::text, '{"n": 1.50,  "x":1e2}') from millrace.job where id = pg_temp.raw('{"n": 1.50,  "x":1e2}');

create function pg_temp.refusal(payload text) returns text language plpgsql as $$
declare at text; errors text; message text;
begin
    perform pg_temp.raw(payload);
    return 'stored';
exception when others then
    get stacked diagnostics at = column_name, errors = table_name, message = message_text;
    return at || '|' || message || '|' || jsonb_array_length(errors::jsonb);
end $$;
select pg_temp.schema('{"properties": {"a": {"type": "string"}, "b": {"maximum": 1}}}') \g /dev/null
select tap.is('all that is wrong is told', pg_temp.refusal('{"a": 1, "b": 2}'),
              '0|the payload does not fit its type: /a must be string, not integer (and 1 more)|2');
select pg_temp.schema('{"items": {"type": "string"}}') \g /dev/null
select tap.is('as much as there is room for', pg_temp.refusal((select json_agg(n)::text from generate_series(1, 200) n)) like '0|%(and 199 more)|__', true);

-- ---------------------------------------------------------------- secrets

select pg_temp.schema('{"properties": {"password": {"type": "string", "writeOnly": true}, "ssh": {"properties": {"key": {"writeOnly": true}}}, "list": {"items": {"properties": {"token": {"writeOnly": true}}}}}}') \g /dev/null
select tap.put('s', 'a') as unused \g /dev/null
update millrace.job_type set queue = 'default' where type = 'a';
create temp table secret as select millrace.enqueue('a', '{"user": "ann", "password": "p1", "ssh": {"key": "p2", "port": 22}, "list": [{"token": "p3"}, {}]}') as id;
select tap.is('they are not shown', payload::jsonb, '{"user": "ann", "password": "********", "ssh": {"key": "********", "port": 22}, "list": [{"token": "********"}, {}]}'::jsonb)
  from millrace.job_info where id = (select id from secret);
select tap.is('but kept', payload::text like '%p1%p2%' or payload::text like '%p2%p1%' or payload::text like '%p3%', true) from millrace.job where id = (select id from secret);
select tap.is('of a schedule neither', millrace.payload_shown_by_type('a', '{"password": "p1"}')::jsonb, '{"password": "********"}'::jsonb);
select tap.is('null is no secret', millrace.payload_shown_by_type('a', '{"password": null}')::jsonb, '{"password": null}'::jsonb);
select tap.is('nor those of one of several forms', millrace.masked(given, (select jsonb_agg(to_jsonb(p)) from millrace.secret_paths(
    '{"oneOf": [{"required": ["key"], "properties": {"key": {"writeOnly": true}}}, {"properties": {"list": {"items": {"anyOf": [{"properties": {"pin": {"writeOnly": true}}}]}}}}]}', given) p)),
    '{"key": "********", "list": [1, {"pin": "********"}]}'::jsonb) from (select '{"key": {"a": 1}, "list": [1, {"pin": 4711}]}'::jsonb as given) g;
select millrace.cancel(id) from secret \g /dev/null
select tap.is('cancelled, they are kept still', payload::text like '%p1%', true) from millrace.job where id = (select id from secret);
select tap.is('so that it can run again', millrace.retry(id)::text, 'available') from secret;

select pg_temp.schema('{"properties": {"password": {"writeOnly": true}}}', '{"forgetSecrets": true}') \g /dev/null
truncate millrace.ready;
create temp table forgetful as select millrace.enqueue('a', '{"password": "p1"}') as id;
select tap.is('while it waits they are there', payload::text like '%p1%', true) from millrace.job where id = (select id from forgetful);
select millrace.cancel(id) from forgetful \g /dev/null
select tap.is('it has ended: they are gone', payload::jsonb, '{"password": "********"}'::jsonb) from millrace.job where id = (select id from forgetful);
create temp table other as select millrace.enqueue('b') as id;
select millrace.cancel(id) from other \g /dev/null
select tap.refused('and it cannot run again', format('select millrace.retry(%L)', id), 'MR409', 'secrets_forgotten') from forgetful;
select tap.is('nor among many, whom it does not stop', millrace.many('retry', '{"state": "cancelled"}', null, 1), 1);
select tap.is('one that remembers was retried', state::text, 'available') from millrace.job_info where id = (select id from other);
select tap.is('but it can be thrown away', millrace.many('discard', '{"state": "cancelled"}', null, 10) > 0, true);

-- ---------------------------------------------------------------- connections

insert into millrace.connection (id, owner, name, kind, host, port, database, "user")
select millrace.uuid_v7(), owner, name, kind, 'db.example.org', 1, 'shop', 'app'
  from (values ('ann', 'shop', 'postgresql'), ('ann', 'old', 'mysql'), ('ben', 'his', 'postgresql')) c(owner, name, kind);
update millrace.job_type set options = '{"connection": ["postgresql"]}' where type = 'a';

select tap.is('of a connection: ' || given, coalesce((
           select e ->> 'pointer' || ' ' || (e ->> 'code') from millrace.connection_errors('["postgresql"]', 'ann', given::jsonb) e), 'fits'), want)
  from (values ('{"connection": "shop"}', 'fits'), ('{}', 'fits'), ('["connection"]', 'fits'), ('null', 'fits'),
               ('{"connection": "his"}', '/connection unknown_connection'),
               ('{"connection": "018f0000-0000-7000-8000-000000000000"}', '/connection unknown_connection'),
               ('{"connection": "old"}', '/connection unsupported_connection'),
               ('{"connection": 1}', '/connection type'), ('{"connection": null}', '/connection type')) c(given, want);
select tap.is('by its id too', (select count(*) from millrace.connection_errors('["mysql", "postgresql"]', 'ann', jsonb_build_object('connection', id))), 0)
  from millrace.connection where name = 'old';
select tap.is('the door knows whose it is', pg_temp.refusal('{"connection": "his"}'),
              '0|the payload does not fit its type: /connection there is no connection "his" of this owner|1');
select tap.is('with its own it is let in', pg_temp.refusal('{"connection": "shop"}'), 'stored');
select tap.refused('in SQL too', $$select millrace.enqueue('a', '{"connection": "his"}', '{"owner": "ann"}')$$, 'MR400', 'invalid_payload');
select tap.is('a schema may say more', millrace.payloads_checked('{a}', '{ann}', array['{"connection": "shop"}']),
              array['{"connection": "shop"}']);
update millrace.job_type set options = '{"connection": ["postgresql"], "payloadSchema": {"properties": {"n": {"default": 1}, "connection": {"maxLength": 2}}}}' where type = 'a';
select tap.is('what does not fit the schema is not looked up', pg_temp.refusal('{"connection": "his"}'),
              '0|the payload does not fit its type: /connection must have at most 2 characters|1');
select tap.is('other types may have such a member', millrace.enqueue('b', '{"connection": 1}') is not null, true);
