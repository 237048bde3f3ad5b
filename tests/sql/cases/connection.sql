-- Saved connections: how they are found, changed and trained.

select gen_random_uuid() as one, gen_random_uuid() as two, gen_random_uuid() as gone \gset

create function pg_temp.put(id uuid, name text, owner text default 'anna', port int default 5432, tested bool default false,
                            is_new bool default true)
returns void language sql as $$
    select millrace.connection_put(is_new, id, owner, name, 'postgresql', 'h', port, 'd', 'u', null, null, null,
                                   case when tested then '15' end, tested)
$$;

create function pg_temp.found(owner text, id_or_name text) returns uuid language sql as $$
    select (millrace.connection_of(owner, id_or_name)).id
$$;

select pg_temp.put(:'one', 'shop', tested => true), pg_temp.put(:'two', 'shop', 'bert') \g /dev/null

select tap.is('by its name', pg_temp.found('anna', 'shop'), :'one'::uuid);
select tap.is('a name is its owner''s', pg_temp.found('bert', 'shop'), :'two'::uuid);
select tap.is('by its id', pg_temp.found('anna', :'one'), :'one'::uuid);
select tap.is('in either case', pg_temp.found('anna', upper(:'one')), :'one'::uuid);
select tap.is('an id is its owner''s', pg_temp.found('bert', :'one'), null);
select tap.is('there is no other', pg_temp.found('anna', name), null) from unnest(array['', 'Shop', :'gone']) name;

select tap.refused('two of a name', format('select pg_temp.put(%L, %L)', :'gone', 'shop'), 'MR409', 'connection_exists');
select pg_temp.put(:'one', 'books', port => 7, is_new => false) \g /dev/null
select tap.is('a known id is changed', (name, port, owner, tested_at is null, server_version is null)::text,
              '(books,7,anna,t,t)') from millrace.connection where id = :'one';

select tap.refused('of another owner it is not', format('select pg_temp.put(%L, %L, %L, is_new => false)', :'one', 'books', 'bert'),
                   'MR404', 'connection_not_found');
select tap.refused('nor what has gone', format('select pg_temp.put(%L, %L, is_new => false)', :'gone', 'new'),
                   'MR404', 'connection_not_found');

-- ---------------------------------------------------------------- schemas

-- Ids of jobs rise with time.
create function pg_temp.trained(connection uuid, nth int) returns text language plpgsql as $$
begin
    perform millrace.schema_cache_put(connection, format('01a219cb-226b-714b-8ca5-%s', lpad(nth::text, 12, '0'))::uuid,
                                      1, to_json(nth));
    return (select string_agg(s.result::text, ' ') from millrace.schema_cache s);
end $$;

select tap.is('a training is kept', pg_temp.trained(:'one', 2), '2');
select tap.is('a later one replaces it', pg_temp.trained(:'one', 3), '3');
select tap.is('an earlier one that was slow does not', pg_temp.trained(:'one', 1), '3');
select tap.is('of what is gone there is none', pg_temp.trained(:'gone', 4), '3');
delete from millrace.connection where id = :'one';
select tap.is('it goes with its connection', (select count(*) from millrace.schema_cache), 0);
