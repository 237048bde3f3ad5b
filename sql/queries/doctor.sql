-- What `millrace doctor` looks at. Everything here is read from statistics and
-- catalogs, or by skipping through an index: no table is counted.

-- name: doctor_server
-- What the server says of itself; its clock at the moment of asking.
select current_setting('server_version') as version,
       (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
       pg_is_in_recovery() as standby,
       current_setting('autovacuum')::bool
           and current_setting('track_counts')::bool as autovacuum,
       current_setting('fsync')::bool as fsync,
       current_setting('max_connections')::int as most_connections,
       (select count(*) from pg_stat_activity
         where backend_type = 'client backend')::int as connections,
       pg_has_role(current_user, 'pg_read_all_stats', 'member') as sees_all,
       (select age(datfrozenxid) from pg_database
         where datname = current_database()) as xid_age;

-- name: doctor_workers
-- The workers, and for how long each has been silent.
select name, host, version,
       (extract(epoch from clock_timestamp() - seen_at) * 1000)::bigint as silent_ms
  from millrace.worker
 order by name;

-- name: doctor_unserved
-- Lanes (queue, type) with jobs that could run, but for that no worker which was
-- heard of within $1 ms serves them.
with recursive lane(queue, type) as (
    (select r.queue, r.type from millrace.ready r
      order by r.queue, r.type limit 1)
    union all
    select n.queue, n.type
      from lane l
     cross join lateral (
           select r.queue, r.type from millrace.ready r
            where (r.queue, r.type) > (l.queue, l.type)
            order by r.queue, r.type limit 1) n)
select l.queue, l.type
  from lane l
 where not exists (
       select from millrace.worker w
        where w.seen_at > now() - $1::bigint * interval '1 ms'
          and (w.queues is null or l.queue = any (w.queues))
          and l.type = any (w.types))
 order by l.queue, l.type;

-- name: doctor_paused
-- Queues and types that start no jobs.
select 'queue' as kind, queue as name,
       (extract(epoch from clock_timestamp() - paused_at) * 1000)::bigint as paused_ms
  from millrace.queue
 where paused_at is not null
 union all
select 'type', type,
       (extract(epoch from clock_timestamp() - paused_at) * 1000)::bigint
  from millrace.job_type
 where paused_at is not null
 order by 1, 2;

-- name: doctor_unregistered
-- Which of the types $1 no worker has registered.
select t.type
  from unnest($1::text[]) t(type)
 where not exists (select from millrace.job_type j where j.type = t.type);

-- name: doctor_transactions
-- Open transactions older than $1 ms that keep dead rows from being removed.
select pid, coalesce(nullif(application_name, ''), backend_type) as program,
       coalesce(usename, '') as role, coalesce(state, '') as state,
       (extract(epoch from clock_timestamp() - xact_start) * 1000)::bigint as age_ms
  from pg_stat_activity
 where xact_start < clock_timestamp() - $1::bigint * interval '1 ms'
   and pid <> pg_backend_pid()
   and backend_type <> 'autovacuum worker'
   and (backend_xid is not null
        or backend_xmin is not null
           and coalesce(datname, current_database()) = current_database())
 order by xact_start;

-- name: doctor_prepared
-- Prepared transactions older than $1 ms.
select gid, database,
       (extract(epoch from clock_timestamp() - prepared) * 1000)::bigint as age_ms
  from pg_prepared_xacts
 where prepared < clock_timestamp() - $1::bigint * interval '1 ms'
 order by prepared;

-- name: doctor_slots
-- Replication slots that nobody reads from, and how much WAL each keeps.
select slot_name as name, coalesce(xmin, catalog_xmin) is not null as keeps_rows,
       coalesce(pg_wal_lsn_diff(
           case when pg_is_in_recovery() then pg_last_wal_receive_lsn()
                else pg_current_wal_lsn() end,
           restart_lsn), 0)::bigint as kept_bytes
  from pg_replication_slots
 where not active
   and (temporary is false)
 order by slot_name;

-- name: doctor_standbys
-- Standbys whose queries have kept dead rows for more than $1 transactions.
select pid, application_name as name, age(backend_xmin) as xid_age
  from pg_stat_replication
 where age(backend_xmin) > $1::int
 order by pid;

-- name: doctor_tables
-- Tables where autovacuum is off, or where more than ten times as many rows are
-- dead as make it begin.
with option as (
    select c.oid, c.relname, c.reltuples,
           max(o.option_value) filter (
               where o.option_name = 'autovacuum_vacuum_threshold') as threshold,
           max(o.option_value) filter (
               where o.option_name = 'autovacuum_vacuum_scale_factor') as scale,
           max(o.option_value) filter (
               where o.option_name = 'autovacuum_enabled') as enabled
      from pg_class c
      left join lateral pg_options_to_table(c.reloptions) o on true
     where c.relnamespace = 'millrace'::regnamespace
       and c.relkind = 'r'
     group by c.oid)
select o.relname as name, s.n_dead_tup as dead, s.n_live_tup as live,
       o.enabled is not null and not o.enabled::bool as is_off
  from option o
  join pg_stat_user_tables s on s.relid = o.oid
 where not coalesce(o.enabled::bool, true)
    or s.n_dead_tup > 10 * (
           coalesce(o.threshold, current_setting('autovacuum_vacuum_threshold'))::float
           + coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor'))::float
             * greatest(o.reltuples, 0))
 order by o.relname;
