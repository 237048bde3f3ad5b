-- The event log. Whoever reads it needs to know under which snapshot (`now`):
-- so each statement gives it, with a row of nulls where there is no event.

-- name: event_now
-- Where a reader begins that wants only what is to come.
select pg_current_snapshot() as now;

-- name: event_look
-- What is new since $1, in the order of seq (see millrace.events).
select pg_current_snapshot() as now, e.seq, e.xid, e.job_id, e.kind, e.attempt,
       e.progress, (extract(epoch from e.at) * 1000)::bigint as at_ms,
       e.job_type, e.owner, e.message, e.batch, null as result, null as error
  from (values (1)) one
  left join millrace.events($1, $2, $3, $4, $5) e on true
 order by e.seq;

-- name: event_outcomes
-- What became of jobs that ended so, a row for each as long as it still stands;
-- of a batch, how it is.
select coalesce(d.result, b.facts) as result, d.error
  from unnest($1::uuid[], $2::int[], $3::text[])
       with ordinality i(id, attempt, kind, nth)
  left join lateral (
       select result, error from millrace.done
        where id = i.id
          and attempt = i.attempt
          and state = case i.kind when 'job_completed' then 'completed'
                                  when 'job_cancelled' then 'cancelled'
                                  when 'job_failed' then 'discarded'
                      end::millrace.state
        limit 1) d on true
  left join lateral (
       select millrace.batch_facts(b) as facts from millrace.batch b
        where i.kind = 'batch_completed'
          and b.id = i.id) b on true
 order by i.nth;

-- name: event_replay
-- The same as event_look, with the outcomes that still stand.
select pg_current_snapshot() as now, e.seq, e.xid, e.job_id, e.kind, e.attempt,
       e.progress, (extract(epoch from e.at) * 1000)::bigint as at_ms,
       e.job_type, e.owner, e.message, e.batch,
       coalesce(d.result, b.facts) as result, d.error
  from (values (1)) one
  left join millrace.events($1, $2, $3, $4, $5) e on true
  left join lateral (
       select result, error from millrace.done
        where id = e.job_id
          and attempt = e.attempt
          and state = case e.kind when 'job_completed' then 'completed'
                                  when 'job_cancelled' then 'cancelled'
                                  when 'job_failed' then 'discarded'
                      end::millrace.state
        limit 1) d on true
  left join lateral (
       select millrace.batch_facts(b) as facts from millrace.batch b
        where e.kind = 'batch_completed'
          and b.id = e.job_id) b on true
 order by e.seq;

-- name: event_batch_present
-- How a batch is, as an event.
select pg_current_snapshot() as now, 0 as seq, 0 as xid, b.id as job_id,
       case when b.ended_at is null then 'batch_progress'
            else 'batch_completed' end as kind,
       0 as attempt, 0 as progress,
       (extract(epoch from coalesce(b.ended_at, now())) * 1000)::bigint as at_ms,
       'batch' as job_type, b.owner, null as message, b.id as batch,
       millrace.batch_facts(b) as result, null as error
  from millrace.batch b
 where b.id = $1;

-- name: event_batch_replay
-- The same as event_replay of one batch ($5), and whether it has ended.
select pg_current_snapshot() as now, b.ended_at is not null as ended,
       e.seq, e.xid, e.job_id, e.kind, e.attempt,
       e.progress, (extract(epoch from e.at) * 1000)::bigint as at_ms,
       e.job_type, e.owner, e.message, e.batch,
       case when e.kind = 'batch_completed' then millrace.batch_facts(b)
            else d.result end as result, d.error
  from millrace.batch b
  left join lateral millrace.events($1, $2, $3, null, $4, b.id) e on true
  left join lateral (
       select result, error from millrace.done
        where id = e.job_id
          and attempt = e.attempt
          and state = case e.kind when 'job_completed' then 'completed'
                                  when 'job_cancelled' then 'cancelled'
                                  when 'job_failed' then 'discarded'
                      end::millrace.state
        limit 1) d on true
 where b.id = $5
 order by e.seq;

-- name: event_job_present
-- The state of one job as an event that has its last event's number.
select pg_current_snapshot() as now, coalesce(e.seq, 0) as seq, 0 as xid,
       i.id as job_id,
       case i.state when 'completed' then 'job_completed'
                    when 'cancelled' then 'job_cancelled'
                    when 'discarded' then 'job_failed'
                    when 'retryable' then 'job_retrying'
                    when 'active' then
                        case when i.progress > 0 or i.message is not null
                             then 'job_progress' else 'job_started' end
                    else 'job_queued' end as kind,
       i.attempt, i.progress,
       (extract(epoch from coalesce(e.at, i.completed_at, i.started_at,
                                    i.created_at)) * 1000)::bigint as at_ms,
       i.type as job_type, i.owner, coalesce(e.message, i.message) as message,
       i.batch, i.result, i.error
  from millrace.job_info i
  left join lateral (
       select seq, at, message from millrace.job_event
        where job_id = i.id
        order by seq desc
        limit 1) e on true
 where i.id = $1;

-- name: event_job_replay
-- The next $3 events of one job after $2, and whether it has ended. A position
-- past the last event is none of this log's: it counts as the last.
select pg_current_snapshot() as now, f.id is not null as ended,
       coalesce(l.seq, 0) as last, e.seq, e.xid, e.job_id, e.kind, e.attempt,
       e.progress, (extract(epoch from e.at) * 1000)::bigint as at_ms,
       e.job_type, e.owner, e.message, j.batch, d.result, d.error
  from millrace.job j
  left join millrace.done f on f.id = j.id
  left join lateral (
       select seq from millrace.job_event
        where job_id = j.id
        order by seq desc
        limit 1) l on true
  left join lateral (
       select * from millrace.job_event
        where job_id = j.id
          and seq > $2
        order by seq
        limit $3) e on true
  left join millrace.done d
         on d.id = f.id
        and d.attempt = e.attempt
        and d.state = case e.kind when 'job_completed' then 'completed'
                                  when 'job_cancelled' then 'cancelled'
                                  when 'job_failed' then 'discarded'
                      end::millrace.state
 where j.id = $1
 order by e.seq;
