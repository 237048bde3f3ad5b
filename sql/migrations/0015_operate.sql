-- 0015_operate: what those who run the system set: queues, types, owners
--
-- why      each setting is checked in one place, whoever gives it
-- locks    none (new objects only)
-- undo     drop the functions

create function millrace.check_queue_name(name text) returns void
language plpgsql immutable as $$
begin
    if name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
        perform millrace.refuse('MR400', 'invalid_member',
            'a queue''s name must be 1 to 100 letters, digits, dots, hyphens and underscores, and begin with a letter or digit');
    end if;
end $$;

-- Set something of a queue: {weight, concurrency, rateLimit, maxLength}. What is
-- not given stays; null takes a limit away (of the weight: makes it 1).
create function millrace.queue_set(name text, given jsonb) returns void
language plpgsql as $$
declare
    q millrace.queue;
begin
    perform millrace.check_queue_name(name);
    perform millrace.check_members(given, 'a queue', '{weight,concurrency,rateLimit,maxLength}');
    q.weight := coalesce(millrace.number_of(given, 'weight', 1, 1000), 1);
    q.concurrency := millrace.number_of(given, 'concurrency', 1, 1000000);
    q.max_length := millrace.number_of(given, 'maxLength', 0, 999999999);
    q.rate_limit := nullif(given -> 'rateLimit', 'null');
    perform millrace.rate_of(q.rate_limit);
    insert into millrace.queue as old (queue, weight, concurrency, rate_limit, max_length)
    values (name, q.weight, q.concurrency, q.rate_limit, q.max_length)
        on conflict (queue) do update
       set weight = case when given ? 'weight' then excluded.weight else old.weight end,
           concurrency = case when given ? 'concurrency' then excluded.concurrency else old.concurrency end,
           rate_limit = case when given ? 'rateLimit' then excluded.rate_limit else old.rate_limit end,
           max_length = case when given ? 'maxLength' then excluded.max_length else old.max_length end,
           updated_at = now();
end $$;

-- Start nothing of a queue any more, or go on. What runs is let finish.
create function millrace.queue_pause(name text, pause bool) returns void
language plpgsql as $$
begin
    perform millrace.check_queue_name(name);
    insert into millrace.queue as old (queue, paused_at)
    values (name, case when pause then now() end)
        on conflict (queue) do update
       set paused_at = case when pause then coalesce(old.paused_at, now()) end,
           updated_at = now();
end $$;

-- The same for a type that a worker has registered; it stays so when workers
-- register it again.
create function millrace.type_pause(name text, pause bool) returns void
language plpgsql as $$
begin
    update millrace.job_type
       set paused_at = case when pause then coalesce(paused_at, now()) end
     where type = name;
    if not found then
        perform millrace.refuse('MR404', 'type_not_found',
            format('no worker has registered a job type %L', name));
    end if;
end $$;

-- Set something of an owner ('*': of everybody else): {weight, maxWaiting,
-- postsPerMinute}. What is not given stays; null takes it away.
create function millrace.owner_put(name text, given jsonb) returns void
language plpgsql as $$
declare
    o millrace.owner;
begin
    if name !~ '^[^[:cntrl:]]{1,100}$' then
        perform millrace.refuse('MR400', 'invalid_member',
            'an owner''s name must be 1 to 100 characters, none of them a control character');
    end if;
    perform millrace.check_members(given, 'an owner', '{weight,maxWaiting,postsPerMinute}');
    select * into o from millrace.owner where owner = name for update;
    if given ? 'weight' then
        o.weight := millrace.number_of(given, 'weight', 1, 1000);
    end if;
    if given ? 'maxWaiting' then
        o.max_waiting := millrace.number_of(given, 'maxWaiting', 0, 999999999);
    end if;
    if given ? 'postsPerMinute' then
        o.posts_per_minute := millrace.number_of(given, 'postsPerMinute', 1, 999999999);
    end if;
    perform millrace.owner_set(name, o.weight, o.max_waiting, o.posts_per_minute);
end $$;
