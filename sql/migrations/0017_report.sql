-- 0017_report: what web servers say of the jobs that a worker has sent to them
--
-- why      they report to the API, which has to know which attempt they speak of: the
--          worker's key signs a token for each, and is gone with the worker
-- locks    millrace.worker and millrace.active, for a moment
-- undo     drop the function and the columns

alter table millrace.worker add column report_key bytea;
alter table millrace.active add column heard_at timestamptz;    -- the last report

-- The attempt that a report is about, while it runs; nothing when it is over. The log
-- is measured only where there is more to come, and no further than it may grow.
create function millrace.reported(target uuid, its_attempt int, with_log bool, most int)
returns table (worker uuid, report_key text, cancelling bool, payload text, options text,
               log_lines int, log_bytes bigint)
language sql stable as $$
    select a.worker, encode(w.report_key, 'hex'), a.cancel_at is not null,
           j.payload::text, t.options::text, l.lines, l.bytes
      from millrace.active a
      join millrace.worker w on w.id = a.worker and w.report_key is not null
      join millrace.job j on j.id = a.id
      left join millrace.job_type t on t.type = j.type
     cross join lateral (
           select count(*)::int as lines, coalesce(sum(octet_length(o.line)), 0)::bigint as bytes
             from (select line from millrace.job_log
                    where with_log and job_id = target and attempt = its_attempt
                    limit most) o) l
     where a.id = target and a.attempt = its_attempt
$$;

-- Whoever reports is alive; false where the attempt is over.
create function millrace.heard(by_worker uuid, target uuid, its_attempt int) returns bool
language plpgsql as $$
begin
    update millrace.active
       set heard_at = now()
     where id = target and attempt = its_attempt and worker = by_worker;
    return found;
end $$;
