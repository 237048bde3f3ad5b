-- name: connection_find
-- Connections by owner and name: $1 owner (null: any), $2 id or name of one of that
-- owner (null: all), those behind $3 (owner) and $4 (name), $5 at most.
select c.id, c.owner, c.name, c.kind, c.host, c.port, c.database, c."user", c.ssl_mode,
       c.ca_certificate, encode(c.sealed, 'hex') as sealed, c.server_version,
       (extract(epoch from c.tested_at) * 1000)::int8 as tested_at,
       (extract(epoch from c.created_at) * 1000)::int8 as created_at,
       (extract(epoch from c.updated_at) * 1000)::int8 as updated_at,
       s.job as trained_by, (extract(epoch from s.trained_at) * 1000)::int8 as trained_at,
       s.result -> 'counts' as counts
  from millrace.connection c
  left join millrace.schema_cache s on s.connection = c.id
 where ($1::text is null or c.owner = $1)
   and ($2::text is null or c.id = (millrace.connection_of($1, $2)).id)
   and ($3::text is null or (c.owner, c.name) > ($3, $4::text))
 order by c.owner, c.name
 limit $5::int;

-- name: connection_put
-- Create ($1) or change one: $2 id, $3 owner, $4 name, $5 kind, $6 host, $7 port, $8
-- database, $9 user, $10 SSL mode, $11 CA certificate, $12 sealed password in hex, $13
-- the server's version, $14 whether it was tested.
select millrace.connection_put($1::bool, $2::uuid, $3, $4, $5, $6, $7::int, $8, $9, $10, $11,
                               decode($12, 'hex'), $13, $14::bool);

-- name: connection_tested
-- What a test has found.
select millrace.connection_tested($1::uuid, $2);

-- name: connection_delete
-- Forget one, and what is known of it.
delete from millrace.connection
 where id = $1::uuid;

-- name: schema_cache
-- What is known of a connection's schema.
select job, attempt, (extract(epoch from trained_at) * 1000)::int8 as trained_at,
       result, result ->> 'file' as file
  from millrace.schema_cache
 where connection = $1::uuid;

-- name: schema_cache_delete
-- Forget it.
delete from millrace.schema_cache
 where connection = $1::uuid;
