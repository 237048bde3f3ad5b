-- What a worker says to the database: claims, ends, reports, and its own life.

-- name: run_claim
-- Take jobs: programs into $5 free slots, some of which are reserved for queues
-- ($9, $10), and $8 for processes, which bring their own room.
select c.id, c.attempt, c.type, c.queue, c.max_attempts, c.timeout_ms,
       c.retry, c.payload, c.files, c.heartbeat_ms, c.has_dependencies
  from millrace.claim($1::uuid, $2::text[], $3::int[], $4::text[], $5::int,
                      $9::text[], $10::int[]) c
 where $5::int > 0
union all
select c.id, c.attempt, c.type, c.queue, c.max_attempts, c.timeout_ms,
       c.retry, c.payload, c.files, c.heartbeat_ms, c.has_dependencies
  from millrace.claim($1::uuid, $6::text[], $7::int[], $4::text[], $8::int) c
 where $8::int > 0;

-- name: run_beat
-- The heartbeat, and then a claim as above in the same round trip: what the
-- beat has promoted can start at once. One row at least; where nothing was
-- claimed its id is null. A due_ms of -1 says that no job waits.
select b.alive, b.stop, b.rescued, b.promoted,
       case when b.due_ms is null then -1 else greatest(b.due_ms, 0) end as due_ms,
       c.id, c.attempt, c.type, c.queue, c.max_attempts, c.timeout_ms,
       c.retry, c.payload, c.files, c.heartbeat_ms, c.has_dependencies
  from millrace.beat($1::uuid, $11::int, $12::bigint) b
  left join lateral (
       select p.id, p.attempt, p.type, p.queue, p.max_attempts, p.timeout_ms,
              p.retry, p.payload, p.files, p.heartbeat_ms, p.has_dependencies
         from millrace.claim($1::uuid, $2::text[], $3::int[], $4::text[], $5::int,
                             $9::text[], $10::int[]) p
        where b.alive and $5::int > 0
       union all
       select p.id, p.attempt, p.type, p.queue, p.max_attempts, p.timeout_ms,
              p.retry, p.payload, p.files, p.heartbeat_ms, p.has_dependencies
         from millrace.claim($1::uuid, $6::text[], $7::int[], $4::text[], $8::int) p
        where b.alive and $8::int > 0) c on true;

-- name: run_held
-- The runs that the database holds for this worker.
select id, attempt
  from millrace.active
 where worker = $1;

-- name: run_finish
-- Record how runs ended; a run that is missing in the answer was not ours.
-- freed: others may start now that have waited for this.
select id, state, freed
  from millrace.finish($1::uuid, $2::uuid[], $3::int[], $4::millrace.state[],
                       $5::text[], $6::text[], $7::bigint[], $8::text[],
                       $9::text[]);

-- name: run_finish_again
-- The same where the answer to the first try was lost: what that try may have
-- brought to an end is named too, since this sees the state from before.
select id, state, freed
  from millrace.finish($1::uuid, $2::uuid[], $3::int[], $4::millrace.state[],
                       $5::text[], $6::text[], $7::bigint[], $8::text[],
                       $9::text[])
union all
select d.id, d.state, true
  from unnest($2::uuid[], $3::int[]) i(id, attempt)
  join millrace.done d on d.id = i.id and d.attempt = i.attempt;

-- name: run_report
-- Note how far runs have come.
select count(*)
  from millrace.report($1::uuid, $2::uuid[], $3::int[], $4::int[], $5::text[]);

-- name: run_add_log
-- Keep lines that runs have logged.
select millrace.add_log($1::uuid, $2::uuid[], $3::int[], $4::bigint[], $5::text[]);

-- name: run_files
-- The names of a job's uploaded files, in its order; null where one is gone.
select i.id, f.name
  from unnest($1::uuid[]) with ordinality i(id, nth)
  left join millrace.file f on f.id = i.id
 order by i.nth;

-- name: run_dependencies
-- What became of the jobs that a job depends on.
select i.id, i.type, i.status, i.result, i.attempt,
       coalesce((select json_agg(a.name order by a.name)
                   from millrace.artifact a
                  where a.job_id = i.id and i.state = 'completed'), '[]') as artifacts
  from millrace.dependency d
  join millrace.job_info i on i.id = d.needs
 where d.job_id = $1
 order by i.id;

-- name: run_connection
-- The saved connection that a job names: $2, an id or a name of its owner's.
select c.id, c.owner, c.name, c.kind, c.host, c.port, c.database, c."user", c.ssl_mode,
       c.ca_certificate, encode(c.sealed, 'hex') as sealed, null as server_version,
       null as tested_at, null as created_at, null as updated_at,
       null as trained_by, null as trained_at, null as counts
  from millrace.job j
 cross join lateral millrace.connection_of(j.owner, $2) c
 where j.id = $1::uuid and c.id is not null;

-- name: run_purge
-- What this worker has to remove from the disk: jobs that have expired and
-- uploads that no job uses.
select 'job' as what, id
  from millrace.purge_begin($1::uuid, $2::int)
union all
select 'file', id
  from millrace.purge_files($1::uuid, $3::bigint, $2::int) f(id);

-- name: run_purged
-- That is done: forget them. One statement, but nothing hangs on both.
select millrace.purge_end($1::uuid[]) as jobs,
       millrace.purge_files_end($2::uuid[]) as files;

-- name: run_worker_begin
-- A worker begins; says how many jobs of a dead namesake were set free.
select millrace.worker_begin($1::uuid, $2, $3, $4::int, $5, $6::int,
                             $7::text[], $8::text[], its_reserves => $9::int[]) as freed;

-- name: run_worker_types
-- A worker has read its types anew.
update millrace.worker
   set types = $2::text[]
 where id = $1::uuid;

-- name: run_worker_end
-- A worker leaves in good order.
select millrace.worker_end($1::uuid) as freed;
