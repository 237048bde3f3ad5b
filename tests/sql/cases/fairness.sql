-- Whose turn it is: tenants of a queue, and queues.

select gen_random_uuid() as w, gen_random_uuid() as v \gset

create function pg_temp.clear() returns void language sql as $$
    truncate millrace.job, millrace.ready, millrace.active, millrace.done, millrace.turn, millrace.owner, millrace.queue;
    update millrace.job_type set options = null;
$$;

-- Jobs of an owner, named by its letter: a1, a2 …
create function pg_temp.post(letter text, n int, options jsonb default '{}', of_type text default 'a') returns void
language sql as $$
    select tap.put(letter || i, of_type, jsonb_build_object('owner', letter) || options) from generate_series(1, n) i
$$;

-- So many claims, of so many jobs each, by one worker.
create function pg_temp.claims(worker uuid, times int, total int default 1, types text[] default '{a,b,c}') returns text
language plpgsql as $$
declare
    names text[] := '{}';
begin
    for i in 1 .. times loop
        names := names || tap.claimed(worker, total, null, types);
    end loop;
    return array_to_string(names, ' ');
end $$;

-- ---------------------------------------------------------------- turns

select pg_temp.post('a', 9), pg_temp.post('b', 2), pg_temp.post('c', 1) \g /dev/null
select tap.is('a claim gives to each in turn', tap.claimed(:'w', 3), 'a1 b1 c1');
select tap.is('and in the next round to those that have more', tap.claimed(:'w', 4), 'a2 a3 b2 a4');
select pg_temp.clear() \g /dev/null

select pg_temp.post('a', 9), pg_temp.post('b', 2), pg_temp.post('c', 3) \g /dev/null
select tap.is('claims of one job at a time give to each in turn', pg_temp.claims(:'w', 7), 'a1 b1 c1 a2 b2 c2 a3');
select pg_temp.post('b', 1), pg_temp.post('d', 1) \g /dev/null
select tap.is('who comes new has his turn', pg_temp.claims(:'w', 4), 'b1 c3 d1 a4');
select tap.is('so it is with each worker', pg_temp.claims(:'v', 2), 'a5 a6');
select pg_temp.clear() \g /dev/null

select pg_temp.post('a', 1000) \g /dev/null
select tap.is('one who has posted 1,000 jobs', pg_temp.claims(:'w', 3), 'a1 a2 a3');
select pg_temp.post('z', 1) \g /dev/null
select tap.is('holds up another''s one job by no more than one', pg_temp.claims(:'w', 2) like '%z1%', true);
select pg_temp.post('y', 1) \g /dev/null
select tap.is('nor in larger claims', tap.claimed(:'w', 50) like '%y1%', true);
select pg_temp.clear() \g /dev/null

-- Many tenants: round after round, nobody twice before all had theirs.
select pg_temp.post('t' || to_char(t, 'FM000') || '/', 10) from generate_series(1, 100) t \g /dev/null
create temp table claimed as
select left(name, 4) as owner from string_to_table(pg_temp.claims(:'w', 10, 30), ' ') name;
select tap.is('ten claims of 30 serve a hundred tenants', count(distinct owner), 100) from claimed;
select tap.is('none has had more than twice what another', max(n) <= 2 * min(n), true)
  from (select owner, count(*) as n from claimed group by owner) o;
drop table claimed;
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- weights

insert into millrace.owner (owner, weight) values ('b', 3);
select pg_temp.post(o, 100) from unnest('{a,b,c}'::text[]) o \g /dev/null
select tap.is('a weight of three is three in a row', pg_temp.claims(:'w', 10), 'a1 b1 b2 b3 c1 a2 b4 b5 b6 c2');
select tap.is('a claim shares by weight', string_agg(o || n, ' ' order by o), 'a10 b30 c10')
  from (select left(name, 1) as o, count(*) as n from string_to_table(tap.claimed(:'w', 50), ' ') name group by 1) o;
select tap.is('who is alone gets all', length(string_agg(c, '')) > 0, true) from pg_temp.claims(:'w', 24, 10) c;
select tap.is('until nothing is left', count(*), 0) from millrace.ready;
select pg_temp.clear() \g /dev/null

-- Who has credit left comes first and not again, however many there are.
insert into millrace.owner (owner, weight) values ('a', 9);
select pg_temp.post('a', 40), pg_temp.post('b' || to_char(n, 'FM00') || '/', 9) from generate_series(1, 15) n \g /dev/null
select tap.is('one of nine', tap.claimed(:'w', 1), 'a1');
select tap.is('no job is given twice', (select count(distinct id) || ' of ' || count(*) from millrace.claim(:'w', '{a}', '{30}', null, 30)), '30 of 30');
select pg_temp.clear() \g /dev/null

insert into millrace.owner (owner, weight) values ('*', 2), ('a', 1);
select pg_temp.post(o, 9) from unnest('{a,b,c}'::text[]) o \g /dev/null
select tap.is('everybody else''s weight', pg_temp.claims(:'w', 5), 'a1 b1 b2 c1 c2');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- priorities, keys, types

select pg_temp.post('a', 3), pg_temp.post('b', 1, '{"priority": -1}'), pg_temp.post('c', 2, '{"priority": 5}') \g /dev/null
select tap.is('priorities come before turns', pg_temp.claims(:'w', 6), 'c1 c2 a1 a2 a3 b1');
select pg_temp.clear() \g /dev/null

select pg_temp.post('x', 3, '{"owner": "one", "fairKey": "x"}'), pg_temp.post('y', 2, '{"owner": "one", "fairKey": "y"}'),
       pg_temp.post('z', 1, '{"owner": "one"}') \g /dev/null
select tap.is('fairKey stands for the owner', pg_temp.claims(:'w', 6), 'z1 x1 y1 x2 y2 x3');
select pg_temp.clear() \g /dev/null
update millrace.job_type set options = '{"fairKey": "/of"}' where type = 'a';
select tap.put(name, 'a', '{}', json_build_object('of', of)::jsonb)
  from (values ('x1', 'x'), ('x2', 'x'), ('y1', 'y')) j(name, of) \g /dev/null
select tap.is('a type may take it from the payload', pg_temp.claims(:'w', 3), 'x1 y1 x2');
select pg_temp.clear() \g /dev/null

select pg_temp.post('a', 4), pg_temp.post('A', 4, '{"owner": "a"}', 'c'), pg_temp.post('b', 2, '{}', 'c') \g /dev/null
select tap.is('turns go over all types of a queue', pg_temp.claims(:'w', 5), 'a1 b1 a2 b2 a3');
select tap.is('also for who takes one type alone', pg_temp.claims(:'w', 2, 1, '{c}'), 'A1 A2');
select pg_temp.clear() \g /dev/null

-- ---------------------------------------------------------------- queues

-- So many claims; each gives back what it got. Which share each queue had, in percent.
create function pg_temp.shares(worker uuid, times int, total int) returns table (queue text, share numeric)
language plpgsql as $$
#variable_conflict use_column
begin
    create temp table got (queue text) on commit drop;
    for i in 1 .. times loop
        insert into got select c.queue from millrace.claim(worker, '{a}', array[total], null, total) c;
        perform tap.finish(worker, a.id, a.attempt, 'available') from millrace.active a where a.worker = worker;
    end loop;
    return query select queue, 100.0 * count(*) / (select count(*) from got) from got group by queue;
end $$;
insert into millrace.queue (queue, weight) values ('heavy', 3);
select pg_temp.post('a', 60, jsonb_build_object('queue', q)) from unnest('{heavy,light}'::text[]) q \g /dev/null
select tap.is('queues are drawn by weight: ' || queue, share between want - 8 and want + 8, true)
  from pg_temp.shares(:'w', 1000, 1) s join (values ('heavy', 75), ('light', 25)) w(queue, want) using (queue);
select tap.is('and share a claim by it: ' || queue, share between want - 4 and want + 4, true)
  from pg_temp.shares(:'w', 20, 40) s join (values ('heavy', 75), ('light', 25)) w(queue, want) using (queue);
select millrace.cancel(id) from millrace.job where queue = 'heavy' \g /dev/null
select tap.is('where one is empty the other has all', queue || round(share), 'light100') from pg_temp.shares(:'w', 1, 40);
select pg_temp.clear() \g /dev/null

select tap.is('no job is in two states or in none', tap.strays(), 0);
