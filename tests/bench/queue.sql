-- What the benchmarks of the queue call: jobs in hundreds, claimed and finished by
-- one worker a client; and how a queue or a history is made.
create schema bench;

create function bench.enqueue(n int) returns bigint language sql as $$
    select count(*) from millrace.insert_jobs(
        array(select millrace.uuid_v7() from generate_series(1, n)), array_fill('noop'::text, array[n]),
        array_fill(null::text, array[n]), array_fill(null::int, array[n]), array_fill('bench'::text, array[n]),
        array_fill('{"title":"Sales Report","code":"print(1)"}'::text, array[n]),
        array_fill(null::bigint, array[n]), array_fill(null::timestamptz, array[n]), array_fill(null::int, array[n]),
        array_fill(null::bigint, array[n]), array_fill(null::text, array[n]), array_fill(null::text, array[n]),
        array_fill(null::text, array[n]), array_fill(1, array[n]))
$$;

-- Claim and finish up to n jobs; how many.
create function bench.claim(client int, n int) returns uuid[] language sql as $$
    select array_agg(c.id) from millrace.claim(
        ('00000000-0000-0000-0000-' || lpad(client::text, 12, '0'))::uuid, '{noop}', array[n], null, n) c
$$;
create function bench.finish(client int, ids uuid[]) returns bigint language sql as $$
    select count(*) from millrace.finish(
        ('00000000-0000-0000-0000-' || lpad(client::text, 12, '0'))::uuid, ids,
        array_fill(1, array[cardinality(ids)]), array_fill('completed'::millrace.state, array[cardinality(ids)]),
        array_fill('{"ok":true}'::text, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]),
        array_fill(null::bigint, array[cardinality(ids)]), array_fill(null::text, array[cardinality(ids)]))
$$;

-- Ids in their order, of the time before `age`.
create function bench.id(nth bigint, age interval) returns uuid language sql stable as $$
    select (lpad(to_hex((extract(epoch from now() - age) * 1000)::bigint + nth / 1000), 12, '0')
            || '70008000' || lpad(to_hex(nth), 12, '0'))::uuid
$$;

-- n waiting jobs of so many tenants, in turn; with `key` each tenant has a limit of its own.
create function bench.fill_waiting(n bigint, tenants int, key bool) returns void language sql as $$
    insert into millrace.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload, extra)
    select bench.id(i, '1 d'), 'noop', 'default', 'tenant' || i % tenants, 0, 3, 60000, '{"title":"Sales Report","code":"print(1)"}',
           case when key then jsonb_build_object('keys', jsonb_build_array(
               jsonb_build_object('key', 'c/o/tenant' || i % tenants || '/k', 'max', 50))) end
      from generate_series(1, n) i;
    insert into millrace.ready (queue, type, priority, tenant, id, keyed)
    select queue, type, priority, owner, id, extra is not null from millrace.job;
$$;

-- n finished jobs with their events, from the nth on.
create function bench.fill_history(nth bigint, n bigint) returns void language sql as $$
    insert into millrace.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload, created_at)
    select bench.id(i, '30 d'), 'noop', 'default', 'bench', 0, 3, 60000, '{"title":"Sales Report","code":"print(1)"}', now() - interval '30 d'
      from generate_series(nth, nth + n - 1) i;
    insert into millrace.done (id, state, attempt, started_at, finished_at, progress, result)
    select bench.id(i, '30 d'), 'completed', 1, now() - interval '30 d', now() - interval '30 d', 100, '{"ok":true}'
      from generate_series(nth, nth + n - 1) i;
    insert into millrace.job_event (job_id, kind, attempt, progress, job_type, owner, at)
    select bench.id(i, '30 d'), kind, 1, 0, 'noop', 'bench', now() - interval '30 d'
      from generate_series(nth, nth + n - 1) i, unnest('{job_queued,job_started,job_completed}'::millrace.event_kind[]) kind;
    insert into millrace.tally (queue, type, went_to, n) values ('default', 'noop', 'completed', n);
$$;
