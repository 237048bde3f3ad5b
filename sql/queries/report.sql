-- What web servers say of the jobs that were sent to them.

-- name: report_to
-- The attempt that a report is about, while it runs.
select worker, report_key, cancelling, payload, options, log_lines, log_bytes
  from millrace.reported($1::uuid, $2::int, $3::bool, $4::int);

-- name: report_heard
-- It is alive.
select millrace.heard($1::uuid, $2::uuid, $3::int) as current;

-- name: report_key
-- What the tokens of a worker's attempts are made with.
update millrace.worker
   set report_key = decode($2, 'hex')
 where id = $1::uuid;

-- name: report_silence
-- For how many milliseconds the server of an attempt has said nothing; no row where
-- it has never, or where the attempt is over.
select (extract(epoch from now() - heard_at) * 1000)::bigint as ms
  from millrace.active
 where id = $1::uuid and attempt = $2::int and heard_at is not null;
