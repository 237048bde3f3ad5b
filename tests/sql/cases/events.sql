-- millrace.events: every committed event once, whatever the order of commits.

call tap.sessions('{one,two,three}');
create table public.reader (at pg_snapshot);
insert into public.reader values (pg_current_snapshot());

-- The jobs of one look, and the reader's new place: as a stream reads.
create function public.look(of_owner text default null) returns text language plpgsql as $$
declare
    place pg_snapshot;
    jobs  text;
begin
    select at into place from public.reader;
    create temp table seen on commit drop as
    select pg_current_snapshot() as now, e.*
      from (values (1)) one left join millrace.events(place, null, 0, of_owner, 1000) e on true;
    update public.reader set at = (select min(now::text)::pg_snapshot from seen);
    select string_agg(job_type || substr(kind::text, 4), ' ' order by seq) into jobs from seen;
    drop table seen;
    return coalesce(jobs, '');
end $$;

-- From another session, so that the reader's own writes are not in the way.
create function pg_temp.reads() returns text language sql as $$
    select tap.there('two', 'public.look()')
$$;

insert into millrace.job_type (type) values ('one'), ('two'), ('three'), ('four');
select tap.is('nothing has happened', pg_temp.reads(), '');
select millrace.enqueue('one') as job \gset
select tap.is('an event is read', pg_temp.reads(), 'one_queued');
select tap.is('once', pg_temp.reads(), '');

-- One transaction is open while later ones commit.
select tap.run('one', 'begin') as begun \gset
select tap.there('one', 'millrace.enqueue(''two'')') as long \gset
select tap.is('what is not committed is not read', pg_temp.reads(), '');
select millrace.enqueue('three') as job \gset
select tap.is('a later one is not held up', pg_temp.reads(), 'three_queued');
select tap.there('one', format('millrace.cancel(%L)', :'long')) as state \gset
select millrace.enqueue('four') as job \gset
select tap.is('nor the next', pg_temp.reads(), 'four_queued');
select tap.run('one', 'commit') as committed \gset
select tap.is('the long one''s come when it commits', pg_temp.reads(), 'two_queued two_cancelled');
select tap.is('and once', pg_temp.reads(), '');

-- One that is rolled back.
select tap.run('one', 'begin') as begun \gset
select tap.there('one', 'millrace.enqueue(''two'')') as job \gset
select millrace.enqueue('three') as job \gset
select tap.is('before the rollback', pg_temp.reads(), 'three_queued');
select tap.run('one', 'rollback') as rolled_back \gset
select tap.is('what was rolled back is never read', pg_temp.reads(), '');

-- Savepoints and exceptions: events carry the id of the whole transaction.
select tap.run('one', 'begin') as begun, tap.run('one', 'savepoint s') as saved \gset
select tap.there('one', 'millrace.enqueue(''one'')') as job \gset
select tap.run('one', 'release s') as released, tap.run('one', 'savepoint t') as saved \gset
select tap.there('one', 'millrace.enqueue(''two'')') as job \gset
select tap.run('one', 'rollback to t') as undone \gset
select millrace.enqueue('three') as job \gset
select tap.is('before the commit', pg_temp.reads(), 'three_queued');
select tap.run('one', 'commit') as committed \gset
select tap.is('of a transaction with savepoints, what stayed', pg_temp.reads(), 'one_queued');

-- Owners.
select millrace.enqueue('one', '{}', '{"owner": "anna"}') as a, millrace.enqueue('two', '{}', '{"owner": "bert"}') as b \gset
select tap.is('only one owner''s', tap.there('two', 'public.look(''anna'')'), 'one_queued');

-- A look that is cut short goes on under its snapshot.
select pg_current_snapshot() as before \gset
select cardinality(tap.jobs(5)) as put \gset
select string_agg(seq::text, ' ' order by seq) as all_seqs from millrace.events(:'before', null, 0, null, 1000) \gset
select string_agg(seq::text, ' ' order by seq) as part, max(seq) as last, min(snapshot::text) as snapshot, count(*) as n
  from millrace.events(:'before', null, 0, null, 2) \gset first_
select tap.is('as many as were asked for', :first_n::int, 2);
select cardinality(tap.jobs(5)) as put \gset
select string_agg(seq::text, ' ' order by seq) as part, max(seq) as last, min(snapshot::text) as snapshot
  from millrace.events(:'before', :'first_snapshot', :first_last, null, 2) \gset second_
select string_agg(seq::text, ' ' order by seq) as part, count(*) as n
  from millrace.events(:'before', :'first_snapshot', :second_last, null, 1000) \gset third_
select tap.is('the parts are the whole, and nothing that came meanwhile',
              concat_ws(' ', :'first_part', :'second_part', :'third_part'), :'all_seqs');
select tap.is('the snapshot is that of the first part', :'second_snapshot', :'first_snapshot');
select tap.is('after it, what came meanwhile', count(*), 5) from millrace.events(:'first_snapshot', null, 0, null, 1000);

-- The same with a long transaction, which has the lowest numbers: it commits
-- between the parts, and comes with the next look.
select tap.run('one', 'begin') as begun \gset
select tap.there('one', 'millrace.enqueue(''two'')') as long \gset
select pg_current_snapshot() as before \gset
select cardinality(tap.jobs(4)) as put \gset
select max(seq) as last, min(snapshot::text) as snapshot, count(*) as n
  from millrace.events(:'before', null, 0, null, 2) \gset first_
select tap.run('one', 'commit') as committed \gset
select count(*) as n, count(*) filter (where job_id = :'long') as long
  from millrace.events(:'before', :'first_snapshot', :first_last, null, 1000) \gset second_
select tap.is('the rest of the cut look does not have it', :'second_n' || ' ' || :'second_long', '2 0');
select tap.is('the next look does', array_agg(job_id::text), array[:'long'])
  from millrace.events(:'first_snapshot', null, 0, null, 1000);

-- A reader that follows two writers.
create procedure public.write(n int, of_type text) language plpgsql as $$
begin
    for i in 1 .. n loop
        perform millrace.enqueue(of_type, to_jsonb(i)), pg_sleep(random() * 0.002);
        commit;
    end loop;
end $$;
create table public.followed (seq bigint);
create procedure public.follow(place pg_snapshot, n int) language plpgsql as $$
declare
    next     pg_snapshot;
    deadline timestamptz := clock_timestamp() + interval '30 s';
begin
    while (select count(*) from public.followed) < n and clock_timestamp() < deadline loop
        with e as materialized (
            select pg_current_snapshot() as now, x.*
              from (values (1)) one left join millrace.events(place, null, 0, null, 100000) x on true
        ), kept as (
            insert into public.followed select seq from e where seq is not null
        )
        select min(now::text)::pg_snapshot into next from e;
        place := next;
        commit;
    end loop;
end $$;
select max(seq) as last, pg_current_snapshot() as place from millrace.job_event \gset
select tap.dblink_send_query('three', format('call public.follow(%L, 600)', :'place')) as x \gset
select tap.dblink_send_query('one', 'call public.write(300, ''one'')') as x,
       tap.dblink_send_query('two', 'call public.write(300, ''two'')') as y \gset
select count(*) as x from tap.dblink_get_result('one') r(v text) \gset
select count(*) as x from tap.dblink_get_result('two') r(v text) \gset
select count(*) as x from tap.dblink_get_result('three') r(v text) \gset
select tap.is('beside two writers a reader sees every event once',
              (select count(*) || ' ' || count(distinct seq) from public.followed),
              (select count(*) || ' ' || count(*) from millrace.job_event where seq > :last));

select tap.is('the numbers of each job rise with its life', count(*), 0)
  from (select job_id, kind, lag(kind) over (partition by job_id order by seq) as before from millrace.job_event) e
 where kind = 'job_queued' and before is not null;
