-- The purge: ended jobs whose time has come, and uploads that nobody uses.

select tap.worker('w1') as w1, tap.worker('w2') as w2 \gset
update millrace.job_type set retention = '{"completed": "1h", "failed": "30d"}' where type = 'a';

-- finish says until when.
create temp table kept as
select *, tap.running(:'w1') as job
  from (values ('completed', interval '1 h'), ('discarded', '720 h'), ('cancelled', null)) c(said, want);
select count(tap.finish(:'w1', job, 1, said)) as ended from kept \gset
select tap.is(said || ' is kept for ' || coalesce(want::text, 'ever'), expires_at - finished_at, want)
  from kept join millrace.done on id = job;
truncate millrace.job, millrace.done;

-- Five that are due, one that is not, one that is kept for ever.
create temp table t as
select name, tap.running(:'w1') as job from unnest('{due1,due2,due3,due4,due5,later,ever}'::text[]) name;
select count(tap.finish(:'w1', job, 1, 'completed')) as ended from t \gset
update millrace.done set expires_at = now() - substr(name, 4)::int * interval '1 min'
  from t where t.job = id and name like 'due%';
update millrace.done set expires_at = null from t where t.job = id and name = 'ever';
create function pg_temp.begin(w uuid, most int) returns text language sql as $$
    select coalesce(string_agg(name, ' ' order by name), 'none')
      from millrace.purge_begin(w, most) p join t on t.job = p.id
$$;

-- Something of each kind, for two of them.
insert into millrace.job_log (job_id, attempt, line) select job, 1, 'x' from t;
insert into millrace.artifact select job, 'a', 1, 1, 'x', 'y' from t;
insert into millrace.dependency select a.job, b.job from t a, t b where a.name = 'later' and b.name in ('due5', 'ever');
insert into millrace.dependency select a.job, b.job from t a, t b where a.name = 'due5' and b.name = 'ever';

select tap.is('the oldest go first, and not more than asked for', pg_temp.begin(:'w1', 2), 'due4 due5');
select tap.is('another worker takes others', pg_temp.begin(:'w2', 2), 'due2 due3');
select tap.is('who asks again has his own once more, and what is left', pg_temp.begin(:'w1', 2), 'due1 due4 due5');
select tap.is('nothing is gone yet', count(*), 7) from millrace.job_info join t on t.job = id;
select tap.is('the end takes those that are named', millrace.purge_end(array_agg(job)), 2) from t where name in ('due4', 'due5');
select tap.is('with all their rows', (
    (select count(*) from millrace.job join t on job = id) || ' ' ||
    (select count(*) from millrace.done join t on job = id) || ' ' ||
    (select count(*) from millrace.job_event e join t on t.job = e.job_id) || ' ' ||
    (select count(*) from millrace.job_log l join t on t.job = l.job_id) || ' ' ||
    (select count(*) from millrace.artifact a join t on t.job = a.job_id) || ' ' ||
    (select count(*) from millrace.dependency)), '5 5 15 5 5 1');
select tap.is('and their marks', count(*), 3) from millrace.purging;
select tap.is('once more is nothing', millrace.purge_end(array_agg(job)), 0) from t where name in ('due4', 'due5');
select tap.is('what is not marked stays', millrace.purge_end(array_agg(job)), 0) from t where name in ('later', 'ever');

-- A worker dies.
select tap.running(:'w1') as needed \gset
select tap.is('a job ends', tap.finish(:'w1', :'needed', 1, 'completed'), 'completed');
select millrace.worker_end(:'w2') as freed \gset
select tap.is('the marks of the dead are taken over', pg_temp.begin(:'w1', 9), 'due1 due2 due3');
update millrace.done set state = 'discarded' from t where job = id and name = 'due1';
select tap.refused('a job that is being purged is not run again', format('select millrace.retry(%L)', job),
                   'MR409', 'not_retryable') from t where name = 'due1';
select tap.is('all are purged', millrace.purge_end(array_agg(job)), 3) from t where name like 'due%';
select tap.is('no mark is left', count(*), 0) from millrace.purging;

-- Whoever is still needed is kept.
update millrace.done set expires_at = now() where id = :'needed';
select millrace.enqueue('a', '{}', '{"delay": "1h"}') as waits \gset
insert into millrace.dependency values (:'waits', :'needed');
select tap.is('a job is not purged while one depends on it that has not ended', count(*), 0) from millrace.purge_begin(:'w1', 9);
select tap.is('that one ends', millrace.cancel(:'waits')::text, 'cancelled');
select tap.is('then it is', count(*), 1) from millrace.purge_begin(:'w1', 9);
select tap.is('purged', millrace.purge_end(array[:'needed']::uuid[]), 1);

-- Two at once: none waits, none gets what the other has.
update millrace.done set expires_at = now() - interval '1 s';
call tap.sessions('{one,two}');
select tap.worker('w3') as w3 \gset
select tap.run('one', 'begin') as begun \gset
select tap.there('one', format('select count(*) from millrace.purge_begin(%L, 1)', :'w1')) as one \gset
select tap.there('two', format('select count(*) from millrace.purge_begin(%L, 9)', :'w3')) as two \gset
select tap.run('one', 'commit') as committed \gset
select tap.is('each has some', :'one' || ' ' || :'two', '1 2');
select tap.is('all are marked', count(*), 3) from millrace.purging;

-- Uploads.
truncate millrace.job, millrace.done, millrace.purging;
create temp table f as select name, gen_random_uuid() as id, age
  from (values ('unused', interval '3 h'), ('young', '1 min'), ('used', '2 h'), ('shared', '2 h'),
               ('own', '2 h'), ('own.young', '1 min')) c(name, age);
insert into millrace.file (id, owner, name, size, content_type, sha256, created_at)
select id, 'anna', name, 1, 'x', 'y', now() - age from f;
create function pg_temp.job_with(names text[]) returns uuid language sql as $$
    select millrace.enqueue('a', '{}', jsonb_build_object('files', (select jsonb_agg(id) from f where name = any (names))))
$$;
create function pg_temp.files(w uuid) returns text language sql as $$
    select coalesce(string_agg(name, ' ' order by name), 'none')
      from millrace.purge_files(w, 3600000, 2) p(id) join f using (id)
$$;
select pg_temp.job_with('{used,shared}') as stays, pg_temp.job_with('{shared,own,own.young}') as goes \gset
select tap.is('an old upload that no job uses goes, page by page',
              array[pg_temp.files(:'w1'), pg_temp.files(:'w1'), pg_temp.files(:'w1')], '{unused,unused,unused}')
  from millrace.purge_files_end('{}');
select tap.is('it is known no more', count(*), 5) from millrace.file;
select tap.is('it comes until that is told', pg_temp.files(:'w1'), 'unused');
select millrace.purge_files_end(array_agg(id)) as told from f where name = 'unused' \gset
select tap.is('then no more', pg_temp.files(:'w1'), 'none');
select count(c.id) as claimed from millrace.claim(:'w1', '{a}', '{9}', null, 9) c \gset
select tap.is('a job ends', tap.finish(:'w1', :'goes', 1, 'completed'), 'completed');
update millrace.done set expires_at = now() where id = :'goes';
select tap.is('and is purged', count(*), 1) from millrace.purge_begin(:'w1', 9);
select tap.is('with the upload that it alone has used', pg_temp.files(:'w1'), 'own');
select tap.is('its rows go', millrace.purge_end(array[:'goes']::uuid[]), 1);
select millrace.worker_end(:'w1') as gone \gset
select tap.is('the uploads of a dead worker are taken over', pg_temp.files(:'w3'), 'own');
select millrace.purge_files_end(array_agg(id)) as told from f where name = 'own' \gset
update millrace.file set created_at = now() - interval '61 min' where name like '%young';
select tap.is('the young go when they are of age', pg_temp.files(:'w3'), 'own.young young');
select tap.is('what a job uses stays', string_agg(name, ' ' order by name), 'shared used') from millrace.file;
