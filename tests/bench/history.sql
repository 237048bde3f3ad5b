-- :n finished jobs for each of the three shapes, each with its three events.
create temp table past as select id from bench_ids(:n);

insert into millrace.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload)
select id, 'noop', 'default', 'bench', 0, 3, 60000, '{"title":"Sales Report","code":"print(1)"}' from past;
insert into millrace.done (id, state, attempt, started_at, finished_at, progress, result)
select id, 'completed', 1, now(), now(), 100, '{"ok":true}' from past;
insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner)
select id, kind, 1, 0, 'noop', 'bench'
  from past, unnest('{job_queued,job_started,job_completed}'::millrace.event_kind[]) kind;

insert into narrow.job select id, 'noop', 'default', 'bench', 0, 3, 60000, now(), '{"title":"Sales Report","code":"print(1)"}' from past;
insert into narrow.done select id, 'completed', 1, now(), now(), '{"ok":true}' from past;
insert into narrow.event (job_id, kind, attempt, progress, job_type, owner)
select id, kind, 1, 0, 'noop', 'bench' from past, unnest('{job_queued,job_started,job_completed}'::text[]) kind;

insert into wide.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload, state, attempt, started_at, finished_at, progress, result)
select id, 'noop', 'default', 'bench', 0, 3, 60000, '{"title":"Sales Report","code":"print(1)"}', 'completed', 1, now(), now(), 100, '{"ok":true}' from past;
insert into wide.event (job_id, kind, attempt, progress, job_type, owner)
select id, kind, 1, 0, 'noop', 'bench' from past, unnest('{job_queued,job_started,job_completed}'::text[]) kind;
