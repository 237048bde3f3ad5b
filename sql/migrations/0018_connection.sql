-- 0018_connection: databases that people work on, and what is known of them
--
-- why      a job names a connection instead of carrying a password; the password is
--          sealed with a key that is not in this database
-- locks    none (new objects only)
-- undo     drop the functions and the tables

create table millrace.connection (
    id             uuid        primary key,
    owner          text        not null,
    name           text        not null,        -- among those of the owner
    kind           text        not null check (kind in ('postgresql', 'mysql')),
    host           text        not null,
    port           int         not null check (port between 1 and 65535),
    database       text        not null,
    "user"         text        not null,
    ssl_mode       text,                        -- null: the client's default
    ca_certificate text,                        -- PEM; null: the system's
    sealed         bytea,                       -- the password; null: there is none
    leads_since    timestamptz not null default now(),  -- where it leads now
    server_version text,                        -- at the last test
    tested_at      timestamptz,
    created_at     timestamptz not null default date_trunc('milliseconds', now()),
    updated_at     timestamptz not null default date_trunc('milliseconds', now()),
    unique (owner, name)
);

-- What the last schema-training of a connection has read.
create table millrace.schema_cache (
    connection uuid        primary key references millrace.connection on delete cascade,
    job        uuid        not null,
    attempt    int         not null,
    trained_at timestamptz not null default date_trunc('milliseconds', now()),
    result     json        not null         -- with "file" where it is in an artifact of the job
);

-- A connection of an owner, by its id or its name (which is never like an id); null:
-- there is none.
create function millrace.connection_of(for_owner text, id_or_name text)
returns millrace.connection language plpgsql stable as $$
declare
    c millrace.connection;
begin
    if id_or_name ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        select * into c from millrace.connection where id = id_or_name::uuid and owner = for_owner;
    else
        select * into c from millrace.connection where owner = for_owner and name = id_or_name;
    end if;
    return c;
end $$;

-- Create a connection, or change one that is there. What was read of its schema is
-- forgotten where it leads elsewhere from now on.
create function millrace.connection_put(
    is_new bool, its_id uuid, for_owner text, its_name text, its_kind text, its_host text, its_port int,
    its_database text, its_user text, its_ssl_mode text, its_ca_certificate text,
    its_sealed bytea, its_version text, tested bool)
returns void language plpgsql as $$
declare
    its_test timestamptz := case when tested then date_trunc('milliseconds', now()) end;
begin
    if is_new then
        insert into millrace.connection
               (id, owner, name, kind, host, port, database, "user", ssl_mode, ca_certificate,
                sealed, server_version, tested_at)
        values (its_id, for_owner, its_name, its_kind, its_host, its_port, its_database, its_user,
                its_ssl_mode, its_ca_certificate, its_sealed, its_version, its_test);
        return;
    end if;
    update millrace.connection c
       set name = its_name, kind = its_kind, host = its_host, port = its_port, database = its_database,
           "user" = its_user, ssl_mode = its_ssl_mode, ca_certificate = its_ca_certificate,
           sealed = its_sealed, server_version = its_version, tested_at = its_test,
           leads_since = case when (c.kind, c.host, c.port, c.database, c."user")
                                 = (its_kind, its_host, its_port, its_database, its_user)
                              then c.leads_since else now() end,
           updated_at = date_trunc('milliseconds', now())
     where c.id = its_id and c.owner = for_owner;
    if not found then
        perform millrace.refuse('MR404', 'connection_not_found', 'there is no such connection');
    end if;
    delete from millrace.schema_cache s
     using millrace.connection c
     where s.connection = its_id and c.id = its_id and c.leads_since = now();
exception when unique_violation then
    perform millrace.refuse('MR409', 'connection_exists',
        format('there is a connection "%s" already; PUT changes it', its_name));
end $$;

create function millrace.connection_tested(its_id uuid, its_version text) returns void
language sql as $$
    update millrace.connection
       set server_version = its_version, tested_at = date_trunc('milliseconds', now())
     where id = its_id
$$;

-- Keep what a training has read, unless a later one was faster, or nobody needs it
-- any more.
create function millrace.schema_cache_put(its_connection uuid, its_job uuid, its_attempt int, its_result json)
returns void language sql as $$
    insert into millrace.schema_cache as s (connection, job, attempt, result)
    select c.id, its_job, its_attempt, its_result
      from millrace.connection c where c.id = its_connection
        on conflict (connection) do update
       set job = excluded.job, attempt = excluded.attempt, result = excluded.result,
           trained_at = excluded.trained_at
     where s.job <= excluded.job
$$;
