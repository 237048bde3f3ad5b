-- name: type_register
-- Make job types known, or bring their defaults up to date; a row that would
-- stay the same is left alone.
insert into millrace.job_type as t
       (type, description, queue, priority, timeout_ms, max_attempts, retry,
        concurrency, options, retention)
select i.type, i.description, i.queue, i.priority, i.timeout_ms, i.max_attempts,
       i.retry::json, i.concurrency, i.options::jsonb, i.retention::jsonb
  from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::bigint[],
              $6::smallint[], $7::text[], $8::int[], $9::text[], $10::text[])
       i(type, description, queue, priority, timeout_ms, max_attempts, retry,
         concurrency, options, retention)
 order by i.type
    on conflict (type) do update
   set description = excluded.description, queue = excluded.queue,
       priority = excluded.priority, timeout_ms = excluded.timeout_ms,
       max_attempts = excluded.max_attempts, retry = excluded.retry,
       concurrency = excluded.concurrency, options = excluded.options,
       retention = excluded.retention,
       updated_at = now()
 where (t.description, t.queue, t.priority, t.timeout_ms, t.max_attempts,
        t.retry::text, t.concurrency, t.options, t.retention)
       is distinct from
       (excluded.description, excluded.queue, excluded.priority,
        excluded.timeout_ms, excluded.max_attempts, excluded.retry::text,
        excluded.concurrency, excluded.options, excluded.retention);
