-- The version of the database.

-- name: schema_found
-- Whether the schema and the table of migrations are there. Not to_regclass():
-- it may remember an answer from before the lock was waited for.
select count(*) > 0 as has_schema, count(c.oid) > 0 as has_table
  from pg_namespace n
  left join pg_class c on c.relnamespace = n.oid and c.relname = 'migration'
 where n.nspname = 'millrace';

-- name: schema_lock
-- Wait for the other runners; held until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('millrace migrate', 0));

-- name: schema_create
-- Plain: with "if not exists" it would need its right even where it does nothing.
create schema millrace;

-- name: migration_table_create
-- The migrations that were applied.
create table millrace.migration (
    version    int         primary key,
    name       text        not null,
    applied_at timestamptz not null default now()
);

-- name: migration_add
-- Begin a migration; changes nothing where it was applied before.
insert into millrace.migration (version, name)
values ($1, $2)
    on conflict do nothing;

-- name: schema_version
-- The newest migration that was applied.
select coalesce(max(version), 0) as version
  from millrace.migration;
