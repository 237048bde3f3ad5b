-- 0009_event: reading the event log in commit order
--
-- why      see HACKING.md
-- locks    none (new objects only)
-- undo     drop the functions

-- The events of one owner and of one batch (null: of all) that a reader has not seen, in the
-- order of seq, and the snapshot that they were read under. `before` is the
-- snapshot of the reader's last look; with `within`, only what that snapshot
-- shows and has a seq above `after`: the rest of a look that was cut short.
-- Exact whatever the order of commits, and never held up by a transaction that
-- takes long: what it writes comes when it commits.
create function millrace.events(before pg_snapshot, within pg_snapshot,
                                after bigint, of_owner text, most int,
                                of_batch uuid default null)
returns table (seq bigint, xid xid8, job_id uuid, kind millrace.event_kind,
               attempt smallint, progress smallint, at timestamptz,
               job_type text, owner text, message text, snapshot pg_snapshot,
               batch uuid)
language plpgsql stable
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    select e.seq, e.xid, e.job_id, e.kind, e.attempt, e.progress, e.at,
           e.job_type, e.owner, e.message, coalesce(within, pg_current_snapshot()), e.batch
      from (select * from millrace.job_event
             where xid >= pg_snapshot_xmax(before)
            union all
            select * from millrace.job_event
             where xid = any (array(select pg_snapshot_xip(before)))) e
     where (within is null or pg_visible_in_snapshot(e.xid, within))
       and e.seq > after
       and (of_owner is null or e.owner = of_owner)
       and (of_batch is null or e.batch = of_batch)
     order by e.seq
     limit most;
end $$;
