-- name: enqueue_store
-- Store the jobs of some requests; gives back those that were stored, and those
-- that gave way to others.
select id, instead
  from millrace.insert_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                            $13, $14, $15, $16, $17, $18, $19, $20);

-- name: enqueue_answer
-- An answer ($1) that was made before its jobs ($2) were stored, as it has to be.
select millrace.answer_now($1, $2, $3) as answer;

-- name: enqueue_recall
-- What an idempotency key was first used with.
select fingerprint, answer
  from millrace.idempotency
 where owner = $1
   and key = $2;

-- name: enqueue_missing_file
-- One of these uploads that is not there for this owner (null: for anyone).
select wanted.id
  from unnest($1::uuid[]) wanted(id)
 where not exists (
       select
         from millrace.file f
        where f.id = wanted.id
          and ($2::text is null or f.owner = $2))
 limit 1;
