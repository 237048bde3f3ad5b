-- millrace.reported and heard: what web servers say of the attempts that they have.

select tap.worker('one') as w1, tap.worker('two') as w2 \gset
update millrace.worker set report_key = '\x0102' where id = :'w1';

select tap.running(:'w1') as job, tap.running(:'w2') as other \gset

select tap.is('an attempt that runs is known', concat_ws(' ', worker = :'w1', report_key, cancelling, log_lines),
              't 0102 f 0')
  from millrace.reported(:'job', 1, true, 10);
select tap.is('of another number there is none', count(*), 0) from millrace.reported(:'job', 2, true, 10);
select tap.is('nor of a worker without a key', count(*), 0) from millrace.reported(:'other', 1, true, 10);
select tap.is('nor of a job that is not there', count(*), 0) from millrace.reported(gen_random_uuid(), 1, true, 10);

-- The log is measured as far as it may grow, and only where that is wanted.
insert into millrace.job_log (job_id, attempt, line)
select :'job', a, 'äx' from generate_series(1, 20), generate_series(1, 2) a;
select tap.is('the log is measured', concat_ws(' ', log_lines, log_bytes), '20 60')
  from millrace.reported(:'job', 1, true, 100);
select tap.is('no further than it may grow', log_lines, 10) from millrace.reported(:'job', 1, true, 10);
select tap.is('or not at all', log_lines, 0) from millrace.reported(:'job', 1, false, 10);

select tap.is('nobody has been heard', heard_at is null, true) from millrace.active where id = :'job';
select tap.is('who reports is heard', millrace.heard(:'w1', :'job', 1), true);
select tap.is('just now', heard_at > now() - interval '10 s', true) from millrace.active where id = :'job';
select tap.is('not of another attempt', millrace.heard(:'w1', :'job', 2), false);
select tap.is('nor of another worker', millrace.heard(:'w2', :'job', 1), false);

select millrace.cancel(:'job', null) \g /dev/null
select tap.is('that it is to end is told', cancelling, true) from millrace.reported(:'job', 1, false, 1);
select tap.finish(:'w1', :'job', 1, 'completed', '1', null, 0) \g /dev/null
select tap.is('of one that is over there is nothing', count(*), 0) from millrace.reported(:'job', 1, true, 10);
select tap.is('nor is it heard', millrace.heard(:'w1', :'job', 1), false);
