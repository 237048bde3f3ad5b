-- Slots of a worker that are reserved for a queue.

select tap.worker('w') as w \gset

-- What a claim takes, as queues with counts: nothing stays claimed.
create function pg_temp.taken(w uuid, total int, queues text[], counts int[], room int default 99)
returns text language plpgsql as $$
declare
    got text;
begin
    select string_agg(queue || n, ' ' order by queue) into got
      from (select queue, count(*) as n
              from millrace.claim(w, '{a,b}', array[room, room], null, total, queues, counts)
             group by queue) q;
    perform tap.finish(w, id, attempt, 'available') from millrace.active where worker = w;
    return coalesce(got, 'nothing');
end $$;

select cardinality(tap.jobs(10, 'a', '{"queue": "default", "priority": 50}')) as first,
       cardinality(tap.jobs(10, 'a', '{"queue": "mail"}')) as then,
       cardinality(tap.jobs(1, 'a', '{"queue": "rare"}')) as last \gset

select tap.is(name, pg_temp.taken(:'w', total, queues, counts, room), want)
  from (values
    ('without a reserve the urgent ones go first',    4, null::text[],  null::int[], 99, 'default4'),
    ('none is as good as an empty one',               4, '{}',          '{}',        99, 'default4'),
    ('a reserve is kept for its queue',               4, '{mail}',      '{2}',       99, 'default2 mail2'),
    ('a queue may have all that is its own',          4, '{mail}',      '{4}',       99, 'mail4'),
    ('it may have more where others have nothing',    30, '{mail}',     '{2}',       99, 'default10 mail10 rare1'),
    ('what one cannot fill stays free for it',        4, '{rare}',      '{3}',       99, 'default1 rare1'),
    ('even if there is no job of it at all',          4, '{none}',      '{3}',       99, 'default1'),
    ('each has its own',                              6, '{mail,rare}', '{1,2}',     99, 'default3 mail1 rare1'),
    ('a type''s room goes to the reserved ones first', 4, '{mail}',     '{2}',       2,  'mail2'),
    ('and what is left of it to the others',          4, '{mail}',      '{1}',       2,  'default1 mail1')
  ) c(name, total, queues, counts, room, want);

select tap.is('no job is in two states or in none', tap.strays(), 0);
