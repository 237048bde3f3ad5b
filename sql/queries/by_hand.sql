-- What people ask of jobs and do to them. Wherever an owner is asked for, null means
-- anyone's; `facts` is a JSON object as the API shows it.

-- name: job_cancel
-- Cancel a job: 'cancelled', or 'active' where its worker has to stop it first.
select millrace.cancel($1, $2) as state;

-- name: job_retry
-- Run a failed or cancelled job once more: 'available', or 'pending' for others.
select millrace.retry($1, $2) as state;

-- name: job_change
-- Change the priority ($3) or the time ($4, or in $5 ms) of a job that waits.
select millrace.change($1, $2, $3,
                       coalesce($4, now() + $5::int8 * interval '1 ms'));

-- name: job_discard
-- Throw an ended job away.
select millrace.discard($1, $2);

-- name: job_many
-- Do one of cancel, retry, discard ($1) to jobs that a filter names, so many at most.
select millrace.many($1, $2, $3, $4) as n;

-- name: job_any
-- Whether the filter still names one.
select exists (
       select
         from millrace.matching($2, $3, $1, 1)) as more;

-- name: job_explain
-- Why a job does not run now.
select jsonb_build_object('jobId', $1::uuid) || millrace.explain($1, $2) as facts;

-- name: job_attempts
-- Each attempt of a job: those before, the last one of an ended job, one that runs.
select '{' || string_agg(to_json(m.key)::text || ':' || m.value::text, ',') || '}' as facts
  from (select attempt, worker, started_at, ended_at, outcome, error, facts
          from millrace.attempt
         where job_id = $1
        union all
        select attempt, worker, started_at, finished_at,
               coalesce(facts ->> 'outcome',
                        case state when 'discarded' then 'failed' else state::text end),
               error, facts
          from millrace.done d
         where id = $1
           and started_at is not null
           and not exists (
               select
                 from millrace.attempt o
                where o.job_id = d.id
                  and o.attempt = d.attempt)
        union all
        select a.attempt, w.name, a.started_at, null, 'running', null, null
          from millrace.active a
          left join millrace.worker w on w.id = a.worker
         where a.id = $1) t
 cross join lateral json_each(json_build_object(
           'attempt', t.attempt,
           'outcome', t.outcome,
           'worker', t.worker,
           'startedAt', millrace.time_text(t.started_at),
           'endedAt', millrace.time_text(t.ended_at),
           'exitCode', t.facts -> 'exitCode',
           'signal', t.facts -> 'signal',
           'cpuMs', t.facts -> 'cpuMs',
           'peakKb', t.facts -> 'peakKb',
           'error', t.error,
           'stderr', t.facts -> 'stderr')) m
 where json_typeof(m.value) <> 'null'
 group by t.attempt
 order by t.attempt;

-- name: job_failures
-- How many failed jobs there are of each type and reason.
select json_strip_nulls(json_build_object(
           'type', type, 'code', code, 'message', message, 'count', count,
           'firstAt', millrace.time_text(first_at),
           'lastAt', millrace.time_text(last_at),
           'exampleJobId', example)) as facts
  from millrace.failures($1);
