-- name: token_add
-- Keep a new token.
insert into millrace.token (id, secret_hash, owner, role, note)
values ($1, $2, $3, $4, $5);

-- name: token_find
-- A token that is good, if its secret is.
select id, secret_hash, owner, role
  from millrace.token
 where id = $1
   and revoked_at is null;

-- name: token_revoke
-- End a token and its sessions; revoking it again changes nothing.
with ended as (
    delete from millrace.session where token_id = $1
)
update millrace.token
   set revoked_at = coalesce(revoked_at, now())
 where id = $1;

-- name: token_list
-- All tokens, oldest first.
select id, owner, role, note,
       (extract(epoch from created_at) * 1000)::bigint as created_at,
       (extract(epoch from revoked_at) * 1000)::bigint as revoked_at
  from millrace.token
 order by token.created_at, id;

-- name: session_add
-- A session of a token, which must not have been revoked meanwhile.
insert into millrace.session (hash, token_id, expires_at)
select $1, id, now() + $3::bigint * interval '1 ms'
  from millrace.token
 where id = $2
   and revoked_at is null;

-- name: session_find
-- The token that a session stands for.
select t.id, t.secret_hash, t.owner, t.role
  from millrace.session s
  join millrace.token t on t.id = s.token_id
 where s.hash = $1
   and s.expires_at > now()
   and t.revoked_at is null;

-- name: session_end
-- Forget a session.
delete from millrace.session
 where hash = $1;
