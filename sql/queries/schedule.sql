-- name: schedule_find
-- Schedules by owner and name: $1 owner, $2 name (null: any), those behind $3
-- (owner) and $4 (name), $5 at most.
select owner, name, cron, every_ms, timezone, type,
       millrace.payload_shown_by_type(type, payload) as payload, options, overlap,
       missed, missed_limit, paused,
       (extract(epoch from next_run_at) * 1000)::int8 as next_run_at,
       (extract(epoch from last_run_at) * 1000)::int8 as last_run_at,
       last_job_id, last_error,
       (extract(epoch from created_at) * 1000)::int8 as created_at
  from millrace.schedule
 where ($1::text is null or owner = $1)
   and ($2::text is null or name = $2)
   and ($3::text is null or (owner, name) > ($3, $4::text))
 order by owner, name
 limit $5::int;

-- name: schedule_put
-- Create or replace one ($2 null: its name is in $3); with $4 only create.
select name, fresh
  from millrace.schedule_put($1, $2, $3::json, $4::bool) as fresh
 cross join coalesce($2, $3::json ->> 'name') as name;

-- name: schedule_pause
-- Pause or resume one.
select millrace.schedule_pause($1, $2, $3::bool);

-- name: schedule_now
-- Make a job of one now.
select millrace.schedule_now($1, $2) as job_id;

-- name: schedule_delete
-- Forget one.
select millrace.schedule_delete($1, $2);

-- name: schedule_coming
-- The next $3 times of one.
select (extract(epoch from t) * 1000)::int8 as at
  from millrace.schedule s
 cross join millrace.schedule_coming(s, $3::int) t
 where s.owner = $1
   and s.name = $2;
