-- name: artifact_newest
-- The newest completed job of a type that has an artifact of this name, among
-- the newest 10,000 of its owner.
select a.job_id
  from (select id, type
          from millrace.job
         where owner = $1
         order by id desc
         limit 10000) j
  join millrace.artifact a on a.job_id = j.id and a.name = $3
  join millrace.done d on d.id = j.id and d.state = 'completed'
 where j.type = $2
 order by j.id desc
 limit 1;
