-- Wherever an owner is asked for, null means anyone's.

-- name: job_by_id
-- One job, whole.
select id, type, queue, owner, state, status, priority, attempt, max_attempts,
       progress, timeout_ms, message, payload, result, error,
       to_json(tags) as tags,
       (extract(epoch from created_at) * 1000)::int8 as created_at,
       (extract(epoch from run_at) * 1000)::int8 as run_at,
       (extract(epoch from started_at) * 1000)::int8 as started_at,
       (extract(epoch from completed_at) * 1000)::int8 as completed_at,
       (extract(epoch from expires_at) * 1000)::int8 as kept_until,
       worker_name as worker,
       millrace.options_shown(type, owner, tenant, extra) as options
  from millrace.job_info
 where id = $1
   and ($2::text is null or owner = $2)
   and expires_at is distinct from '-infinity';

-- name: job_exists
-- Whether there is such a job.
select from millrace.job
 where id = $1
   and ($2::text is null or owner = $2)
   and not exists (
       select
         from millrace.done
        where id = $1
          and expires_at = '-infinity');

-- name: job_list
-- A page of jobs, newest first: $1 owner, $2 before this id, $3 status, $4
-- state, $5 type, $6 queue, $7 tag, $8 at most, $9 batch. It looks at the newest 10,000
-- jobs and stops when it has found enough; where it has not, `edge` is the last
-- of those that it looked at, null if there are no more. What is active is never
-- much, and is looked for from the other side. Of what was `found`, as much is
-- given back as makes 2 MB. One row of nulls is no job.
with page as materialized (
    select i.*
      from ((select id
               from millrace.job
              where $4::millrace.state is distinct from 'active'
                and ($1::text is null or owner = $1)
                and ($2::uuid is null or id < $2)
                and ($9::uuid is null or batch = $9)
              order by id desc
              limit 10000)
            union all
            (select id
               from millrace.active
              where $4 = 'active'
                and ($2 is null or id < $2))) seen
     cross join lateral (
           select *
             from millrace.job_info
            where job_info.id = seen.id
           offset 0) i
     where ($1 is null or owner = $1)
       and ($3::text is null or status = $3)
       and ($4 is null or state = $4)
       and ($5::text is null or type = $5)
       and ($6::text is null or queue = $6)
       and ($7::text is null or $7 = any (tags))
       and ($9 is null or batch = $9)
       and expires_at is distinct from '-infinity'
     order by seen.id desc
     limit $8::int
), sized as (
    select *,
           sum(octet_length(payload::text) + coalesce(octet_length(result::text), 0))
               over (order by id desc
                     rows between unbounded preceding and 1 preceding) as before
      from page
)
select id, type, queue, owner, state, status, priority, attempt, max_attempts,
       progress, timeout_ms, message, payload, result, error,
       to_json(tags) as tags,
       (extract(epoch from created_at) * 1000)::int8 as created_at,
       (extract(epoch from run_at) * 1000)::int8 as run_at,
       (extract(epoch from started_at) * 1000)::int8 as started_at,
       (extract(epoch from completed_at) * 1000)::int8 as completed_at,
       (extract(epoch from expires_at) * 1000)::int8 as kept_until,
       worker_name as worker,
       millrace.options_shown(type, owner, tenant, extra) as options,
       (select count(*) from page) as found,
       case when $4 is distinct from 'active'
                 and (select count(*) from page) < $8
            then (select j.id
                    from millrace.job j
                   where ($1 is null or j.owner = $1)
                     and ($2 is null or j.id < $2)
                     and ($9 is null or j.batch = $9)
                   order by j.id desc
                  offset 9999 limit 1)
       end as edge
  from (values (1)) one
  left join sized on coalesce(before, 0) < 2000000
 order by id desc;

-- name: job_log
-- Lines of a job's log after a given one.
select seq, attempt, line,
       (extract(epoch from at) * 1000)::int8 as at
  from millrace.job_log
 where job_id = $1
   and seq > $2
 order by seq
 limit $3;

-- name: job_artifacts
-- The artifacts of some jobs.
select job_id, name, attempt, size, content_type, sha256
  from millrace.artifact
 where job_id = any ($1::uuid[])
 order by job_id, name;

-- name: job_artifact
-- One artifact.
select a.job_id, a.name, a.attempt, a.size, a.content_type, a.sha256
  from millrace.artifact a
  join millrace.job j on j.id = a.job_id
 where a.job_id = $1
   and ($2::text is null or j.owner = $2)
   and a.name = $3;

-- name: job_run_time
-- How long a run of a job's type takes, in ms, by what its past tells: what nine
-- tenths of its 20 newest completed runs among the 1,000 newest jobs took at most.
-- Of a type with fewer than 5 there: twice the average of a day. Null: who knows.
with kind as (
    select type, queue
      from millrace.job
     where id = $1
), recent as (
    select extract(epoch from d.finished_at - d.started_at) * 1000 as ms
      from (select id, type
              from millrace.job
             order by id desc
             limit 1000) j
      join millrace.done d on d.id = j.id
     where j.type = (select type from kind)
       and d.state = 'completed'
       and d.started_at is not null
     order by j.id desc
     limit 20
)
select ceil(coalesce(
           (select percentile_disc(0.9) within group (order by ms)
              from recent
            having count(*) >= 5),
           (select 2 * sum(f.ms) / nullif(sum(f.n), 0)
              from kind k
              join millrace.stat_flow f on f.queue = k.queue and f.type = k.type
             where f.span = 'hour'
               and f.at > now() - interval '1 day'
               and f.came_from = 'active'
               and f.went_to = 'completed')))::int8 as ms;

-- name: job_ended
-- Those of some jobs that have ended.
select id
  from millrace.done
 where id = any ($1::uuid[]);

-- name: job_type_rows
-- What workers have registered.
select type, description, queue, retry, priority, max_attempts, timeout_ms,
       concurrency, nullif(options - '{payloadSchema,forgetSecrets}'::text[], '{}') as options,
       options -> 'payloadSchema' as payload_schema,
       coalesce((options ->> 'forgetSecrets')::bool, false) as forget_secrets, retention,
       (extract(epoch from paused_at) * 1000)::int8 as paused_at
  from millrace.job_type
 order by type;
