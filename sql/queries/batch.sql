-- Batches: jobs that belong together. Where an owner is asked for, null means
-- anyone.

-- name: batch_store
-- Store a batch ($1), or more jobs of one, for its owner ($2).
select id, instead
  from millrace.batch_post($1::uuid, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                           $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23);

-- name: batch_facts
-- One batch as the API shows it.
select millrace.batch_facts(b) as facts
  from millrace.batch b
 where b.id = $1
   and ($2::text is null or b.owner = $2);

-- name: batch_list
-- A page of batches, newest first: $1 owner, $2 before this id, $3 at most.
select b.id, millrace.batch_facts(b) as facts
  from millrace.batch b
 where ($1::text is null or b.owner = $1)
   and ($2::uuid is null or b.id < $2)
 order by b.id desc
 limit $3::int;

-- name: batch_close
-- No more jobs come.
select millrace.batch_close($1, $2);

-- name: batch_cancel
-- Cancel up to $3 jobs of a batch behind $2.
select last, n
  from millrace.batch_cancel($1, $2, $3::int);
