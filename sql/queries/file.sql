-- Wherever an owner is asked for, null means anyone's.

-- name: file_add
-- Note files that are in their place.
insert into millrace.file (id, owner, name, size, content_type, sha256)
select i.id, $1, i.name, i.size, i.content_type, i.sha256
  from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[])
       i(id, name, size, content_type, sha256);

-- name: file_by_id
-- One file.
select id, owner, name, size, content_type, sha256,
       (extract(epoch from created_at) * 1000)::int8 as created_at
  from millrace.file
 where id = $1
   and ($2::text is null or owner = $2);

-- name: file_forget
-- Forget a file unless a job that has not ended uses it.
with target as (
    select f.id,
           exists (select from millrace.job j
                    where j.files @> array[f.id]
                      and not exists (select from millrace.done d
                                       where d.id = j.id)) as used
      from millrace.file f
     where f.id = $1
       and ($2::text is null or f.owner = $2)
), gone as (
    delete from millrace.file f
     using target t
     where f.id = t.id
       and not t.used
)
select id, used
  from target;
